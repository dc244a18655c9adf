//! The elector against an API server that answers, hangs and refuses, on moved time.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::super::candidate::{Answer as Outcome, Predecessor};
use super::super::elector::Elector;
use super::super::standing::{Standing, Terms};
use super::{Server, candidate};
use crate::aws::{BootClock, BootTime, Leadership};
use crate::controller::clock::Clock;
use crate::controller::heartbeat::Heartbeat;
use crate::controller::mock::{Answer, Sent, client_by};
use crate::telemetry::exposition::Format;
use crate::telemetry::metrics::Metrics;

/// The time since boot, which goes with tokio's.
struct Boot(Instant);

impl BootClock for Boot {
    fn now(&self) -> BootTime {
        BootTime::since_boot(Duration::from_hours(1) + self.0.elapsed())
    }
}

/// What the API server does with requests by their method.
#[derive(Default)]
struct Faults {
    hung: BTreeSet<&'static str>,
    refused: BTreeSet<&'static str>,
    /// The watch tells nothing.
    is_blind: bool,
}

#[derive(Clone)]
struct Cluster {
    server: Arc<Mutex<Server>>,
    faults: Arc<Mutex<Faults>>,
    sent: Arc<Mutex<Vec<(Duration, Sent)>>>,
    begun: Instant,
}

impl Cluster {
    fn new(server: Server) -> Self {
        Self {
            server: Arc::new(Mutex::new(server)),
            faults: Arc::default(),
            sent: Arc::default(),
            begun: Instant::now(),
        }
    }

    async fn answer(self, sent: Sent) -> Answer {
        if sent.uri.contains("watch") {
            return self.watch().await;
        }
        self.sent.lock().unwrap().push((self.begun.elapsed(), sent.clone()));
        let method = sent.method.as_str();
        if self.faults.lock().unwrap().hung.contains(method) {
            return pending().await;
        }
        if self.faults.lock().unwrap().refused.contains(method) {
            return Answer::error(403, "Forbidden", "leases is forbidden");
        }
        let mut server = self.server.lock().unwrap();
        let stored = match method {
            "GET" => server.lease.clone(),
            "POST" | "PUT" => match server.put(&serde_json::from_value(sent.body).unwrap()) {
                Outcome::Written(lease) => Some(*lease),
                Outcome::Refused | Outcome::Unknown => return Answer::error(409, "Conflict", "it has changed"),
            },
            other => panic!("{other}"),
        };
        match stored {
            Some(lease) => Answer::ok(&serde_json::to_value(lease).unwrap()),
            None => Answer::error(404, "NotFound", "there is none"),
        }
    }

    /// One event, as soon as the Lease is another one.
    async fn watch(self) -> Answer {
        let versions = || self.server.lock().unwrap().versions;
        let before = versions();
        while versions() == before || self.faults.lock().unwrap().is_blind {
            sleep(Duration::from_millis(10)).await;
        }
        let lease = serde_json::to_value(self.server.lock().unwrap().lease.clone()).unwrap();
        Answer::events(&[json!({"type": "MODIFIED", "object": lease})])
    }

    fn writes(&self) -> Vec<(Duration, Lease)> {
        let sent = self.sent.lock().unwrap().clone();
        let writes = sent.into_iter().filter(|(_, sent)| sent.method != "GET");
        writes.map(|(at, sent)| (at, serde_json::from_value(sent.body).unwrap())).collect()
    }
}

/// A process that takes part.
struct Process {
    leadership: Arc<dyn Leadership>,
    terms: Terms,
    metrics: Metrics,
    heartbeat: Heartbeat,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

fn start(cluster: &Cluster, identity: &str) -> Process {
    let answering = cluster.clone();
    let client = client_by(move |sent| answering.clone().answer(sent));
    let (standing, terms) = Standing::new(Arc::new(Boot(cluster.begun)));
    let (leadership, metrics, heartbeat) = (standing.leadership(), Metrics::new(), Heartbeat::new());
    let clock = Clock::at("2026-11-23T10:00:00Z".parse().unwrap());
    let api = Api::namespaced(client, "operators");
    let elector = Elector::new(api, candidate(identity), standing, clock, metrics.clone(), heartbeat.clone());
    let stop = CancellationToken::new();
    let running = tokio::spawn(elector.run(stop.clone()));
    Process { leadership, terms, metrics, heartbeat, stop, running }
}

impl Process {
    fn leads(&self) -> bool {
        self.leadership.fence().valid()
    }

    fn counted(&self, change: &str) -> String {
        counted(&self.metrics, change)
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

fn counted(metrics: &Metrics, change: &str) -> String {
    let start = format!(r#"greengrass_operator_leadership_changes_total{{change="{change}"}} "#);
    let text = metrics.encode(Format::Text).unwrap();
    text.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn a_leader_renews_its_lease_at_a_jittered_pace_and_never_is_without_its_right() {
    let cluster = Cluster::new(Server::default());
    let mut process = start(&cluster, "a");
    sleep(seconds(16)).await;
    assert!(process.leads());
    let term = process.terms.next().await.unwrap();
    let before = cluster.writes().len();
    for _ in 0..600 {
        sleep(Duration::from_millis(100)).await;
        assert!(process.leads());
        assert!(process.heartbeat.age() <= seconds(2));
    }
    let writes = cluster.writes();
    assert!((30..=41).contains(&(writes.len() - before)), "{}", writes.len() - before);
    let pauses: BTreeSet<_> = writes.windows(2).map(|two| two[1].0.abs_diff(two[0].0)).collect();
    assert!(pauses.len() > 5, "jittered: {pauses:?}");
    assert!(!term.lost().is_cancelled());
    assert_eq!((process.counted("gained"), process.counted("lost")), ("1".into(), "0".into()));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_does_not_keep_a_leader_beyond_its_deadline() {
    let cluster = Cluster::new(Server::default());
    let mut process = start(&cluster, "a");
    let term = process.terms.next().await.unwrap();
    cluster.faults.lock().unwrap().hung.insert("PUT");
    let begun = Instant::now();
    term.lost().cancelled().await;
    // The last renewal may have been up to a retry period ago.
    assert!((seconds(8)..=seconds(10)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(!process.leads());
    assert_eq!(process.counted("lost"), "1");
}

#[tokio::test(start_paused = true)]
async fn one_renewal_that_hangs_leaves_time_for_another() {
    let cluster = Cluster::new(Server::default());
    let mut process = start(&cluster, "a");
    let term = process.terms.next().await.unwrap();
    cluster.faults.lock().unwrap().hung.insert("PUT");
    sleep(seconds(4)).await;
    cluster.faults.lock().unwrap().hung.clear();
    sleep(seconds(30)).await;
    assert!(process.leads() && !term.lost().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn no_term_begins_before_the_last_one_has_ended() {
    let cluster = Cluster::new(Server::default());
    let mut process = start(&cluster, "a");
    let term = process.terms.next().await.unwrap();
    cluster.server.lock().unwrap().edit(|spec| spec.holder_identity = Some("somebody".into()));
    term.lost().cancelled().await;
    cluster.server.lock().unwrap().edit(|spec| {
        spec.holder_identity = None;
        spec.lease_duration_seconds = Some(1);
    });
    sleep(seconds(60)).await;
    assert!(!process.leads(), "turns of the last term may still be running");
    drop(term);
    let term = process.terms.next().await.unwrap();
    assert!(process.leads());
    assert_eq!(process.counted("gained"), "2");
    drop(term);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_gives_its_lease_up_and_another_one_has_it_within_two_seconds() {
    // Also where the watch tells nothing.
    for is_blind in [false, true] {
        let cluster = Cluster::new(Server::default());
        let first = start(&cluster, "a");
        sleep(seconds(16)).await;
        let mut second = start(&cluster, "b");
        sleep(seconds(30)).await;
        assert!(first.leads() && !second.leads());
        cluster.faults.lock().unwrap().is_blind = is_blind;
        let (leadership, metrics) = (Arc::clone(&first.leadership), first.metrics.clone());
        let begun = Instant::now();
        first.end().await;
        assert!(!leadership.fence().valid());
        assert_eq!(counted(&metrics, "released"), "1");
        let term = second.terms.next().await.unwrap();
        assert!(begun.elapsed() <= seconds(2), "blind: {is_blind}: {:?}", begun.elapsed());
        assert_eq!(term.predecessor, Predecessor::Released);
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_says_when_to_look_and_a_look_what_there_is() {
    let cluster = Cluster::new(Server::held_by("b", 15));
    let mut process = start(&cluster, "a");
    sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    cluster.server.lock().unwrap().edit(|spec| {
        spec.holder_identity = None;
        spec.lease_duration_seconds = Some(1);
    });
    let _term = process.terms.next().await.unwrap();
    assert!(begun.elapsed() <= Duration::from_millis(50), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_is_followed_within_a_lease_duration() {
    let cluster = Cluster::new(Server::default());
    let first = start(&cluster, "a");
    sleep(seconds(16)).await;
    let mut second = start(&cluster, "b");
    sleep(seconds(30)).await;
    first.running.abort();
    let begun = Instant::now();
    let term = second.terms.next().await.unwrap();
    assert!((seconds(12)..=Duration::from_millis(15_100)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    assert!(!first.leads());
    assert_eq!(term.predecessor, Predecessor::Unknown);
}

#[tokio::test(start_paused = true)]
async fn ending_while_the_api_server_hangs_takes_no_longer_than_it_must() {
    let cluster = Cluster::new(Server::default());
    let mut process = start(&cluster, "a");
    let term = process.terms.next().await.unwrap();
    cluster.faults.lock().unwrap().hung.extend(["GET", "PUT"]);
    sleep(seconds(5)).await;
    drop(term);
    let begun = Instant::now();
    process.end().await;
    assert_eq!(begun.elapsed(), seconds(3));
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_missing_is_asked_for_again_and_taken_when_it_comes() {
    let cluster = Cluster::new(Server::default());
    cluster.faults.lock().unwrap().refused.insert("GET");
    let mut process = start(&cluster, "a");
    sleep(seconds(60)).await;
    assert!(!process.leads());
    let denied = r#"greengrass_operator_kubernetes_calls_total{verb="lease",outcome="denied"}"#;
    assert!(process.metrics.encode(Format::Text).unwrap().contains(denied));
    cluster.faults.lock().unwrap().refused.clear();
    let term = tokio::time::timeout(seconds(20), process.terms.next()).await.unwrap().unwrap();
    assert!(process.leads());
    drop(term);
}
