//! Walks of a process that leads, does not, and leads again, against an emulated AWS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use greengrass_emulator::{Emulator, ManualClock};
use greengrass_operator_core::names::ObjectName;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::super::{Deployments, resource};
use super::super::{First, run};
use crate::aws::{Aws, BootTime, ClientSettings, Fence, Leadership, Quotas, SystemBootClock};
use crate::controller::clock::Clock;
use crate::controller::events::Events;
use crate::controller::json::Json;
use crate::controller::mock::{client_answering, objects_answering};
use crate::controller::objects::Namespaces;
use crate::controller::parts::Parts;
use crate::controller::queue::{Queue, Reason};
use crate::controller::record::{Record, tests::record};
use crate::controller::store::Store;
use crate::controller::tally::Place;
use crate::identity::{Registry, Surroundings};
use crate::telemetry::metrics::Metrics;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-central-1";
const INTERVAL: Duration = Duration::from_mins(5);
const SOON: Duration = Duration::from_secs(32);

#[derive(Default)]
struct Leads(AtomicBool);

impl Leadership for Leads {
    fn fence(&self) -> Fence {
        if self.0.load(Ordering::SeqCst) {
            Fence::always()
        } else {
            Fence::until(BootTime::since_boot(Duration::ZERO), Arc::new(SystemBootClock))
        }
    }
}

/// One identity, which everybody may use for everything.
fn unrestricted() -> Arc<Registry> {
    let registry = Registry::new(Surroundings {
        cluster: "test".into(),
        region: None,
        allow_insecure_endpoints: false,
        namespaces: Namespaces::All,
        selector: None,
    });
    let spec = json!({"allowedNamespaces": {"names": ["*"]}, "allowedTargets": ["*"]});
    registry.set(&Record { spec: Some(Json::of(&spec).unwrap()), ..record("default", 1) });
    Arc::new(registry)
}

struct Bench {
    emulator: Emulator,
    leads: Arc<Leads>,
    all: Arc<Deployments>,
    walks: tokio::task::JoinHandle<()>,
}

impl Bench {
    fn new() -> Self {
        let origin: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let clock = Clock::at(origin);
        let emulator = Emulator::builder().shared_clock(Arc::new(ManualClock::starting_at(origin))).build();
        let (leads, metrics, queue) = (Arc::new(Leads::default()), Metrics::new(), Queue::new(8));
        let (objects, _) = objects_answering([]);
        let (client, _) = client_answering([]);
        let settings = ClientSettings::default()
            .with_http_client(emulator.http_client())
            .with_access_key(ACCOUNT, "secret")
            .with_time(move || origin);
        let all = Arc::new(Deployments::new(Parts {
            cluster: "test".into(),
            clock,
            look_interval: INTERVAL,
            store: Store::new(),
            identities: unrestricted(),
            identity_queue: Queue::new(8),
            objects,
            queue,
            events: Events::new(client, &resource(), "test", clock, metrics.clone(), Arc::<Leads>::clone(&leads)),
            aws: Aws::new(settings, Quotas::default(), Arc::new(metrics.clone())),
            metrics,
            leadership: Arc::<Leads>::clone(&leads),
        }));
        let walks = tokio::spawn(run(Arc::clone(&all)));
        Self { emulator, leads, all, walks }
    }

    /// A resource that was done when the operator started; what its status names as its deployment.
    fn done(&self, name: &str) -> String {
        let target = self.emulator.create_thing_group(ACCOUNT, REGION, name).unwrap();
        let request = json!({"targetArn": target, "components": {}});
        let id = self.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
        self.store(
            name,
            &json!({
                "observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}],
                "deploymentId": id, "deploymentStatus": "ACTIVE", "resolved": {
                    "accountId": ACCOUNT, "region": REGION, "targetArn": target,
                },
            }),
        );
        id
    }

    fn store(&self, name: &str, status: &Value) {
        let target = &status["resolved"]["targetArn"];
        let spec = Some(Json::of(&json!({"targetArn": target})).unwrap());
        let record = Record { spec, status: Some(Json::of(status).unwrap()), ..record(name, 7) };
        self.all.parts.store.apply(record.clone());
        self.all.note(&record);
        self.all.places.know(&place(), First::Soon);
    }

    fn lead(&self, leads: bool) {
        self.leads.0.store(leads, Ordering::SeqCst);
    }

    /// How many calls a time brings.
    async fn calls_in(&self, time: Duration) -> usize {
        let before = self.emulator.calls().len();
        tokio::time::sleep(time).await;
        self.emulator.calls().len() - before
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.walks.abort();
    }
}

fn place() -> Place {
    Place { account: ACCOUNT.into(), region: REGION.into() }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_does_not_walk_and_who_comes_to_lead_walks_soon() {
    let bench = Bench::new();
    bench.done("a");
    assert_eq!(bench.calls_in(INTERVAL * 3).await, 0);
    bench.lead(true);
    assert_eq!(bench.calls_in(SOON).await, 1);
    bench.lead(false);
    assert_eq!(bench.calls_in(INTERVAL * 3).await, 0);
    bench.lead(true);
    assert_eq!(bench.calls_in(SOON).await, 1);
    let in_an_hour = bench.calls_in(Duration::from_hours(1)).await;
    assert!((11..=13).contains(&in_an_hour), "{in_an_hour}");
}

#[tokio::test(start_paused = true)]
async fn a_walk_wakes_the_resource_that_differs_and_no_other() {
    let bench = Bench::new();
    let (_, changed) = (bench.done("a"), bench.done("b"));
    bench.done("c");
    let cancel = json!({"deploymentId": changed});
    let scope = greengrass_emulator::Scope::new(ACCOUNT, REGION);
    bench.emulator.perform(&scope, greengrass_emulator::Operation::CancelDeployment, &cancel).unwrap();
    bench.lead(true);
    let begun = Instant::now();
    let lease = bench.all.parts.queue.next().await;
    assert!(begun.elapsed() < SOON);
    assert_eq!(lease.turn().name, ObjectName { namespace: "press".into(), name: "b".into() });
    assert!(lease.turn().reasons.contains(Reason::AccountView));
    let next = tokio::time::timeout(SOON, bench.all.parts.queue.next()).await;
    assert!(next.is_err(), "{next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_place_without_resources_costs_nothing_and_one_that_comes_back_is_walked_over_again() {
    let bench = Bench::new();
    bench.lead(true);
    bench.done("a");
    assert_eq!(bench.calls_in(SOON).await, 1);
    let record = bench.all.parts.store.records().pop().unwrap();
    assert!(bench.all.parts.store.remove(&record));
    assert_eq!(bench.calls_in(INTERVAL * 3).await, 0);
    bench.store("a", &record.decode_status::<Value>().unwrap().unwrap());
    assert_eq!(bench.calls_in(SOON).await, 1);
}
