//! Puts the operator together and runs it. I/O.
//!
//! It ends in this order: no new turns, running turns end, leadership is given up, the watch ends, and last the admin server,
//! which answers probes all the while.

mod parts;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::admin::{Admin, AdminError};
use crate::aws::{Aws, ClientSettings, Leadership, Quotas, Rate, SingleReplica};
use crate::config::Config;
use crate::controller::clock::Clock;
use crate::controller::driver::{Driver, Kind};
use crate::controller::heartbeat::Heartbeat;
use crate::controller::objects::classify;
use crate::controller::queue::Queue;
use crate::controller::report::{report_leadership, report_quotas};
use crate::controller::store::Store;
use crate::controller::terms::{InTerms, TermRunner, run_in_terms};
use crate::deployment::account_view;
use crate::identity::{self, Registry};
use crate::leadership::Election;
use crate::telemetry::metrics::Metrics;
use parts::{Caches, Operator};

/// The kubelet starts the process anew, with its own back-off, when the API server does not answer for so long.
const CLUSTER_UID_WITHIN: Duration = Duration::from_secs(30);

/// Why the operator ended before it was told to.
#[derive(Debug, Error)]
pub enum RunError {
    /// There is no way to the API server.
    #[error("no Kubernetes API server is configured: run in a cluster with a service account, or set KUBECONFIG: {0}")]
    Configuration(String),
    /// The cluster's identity is not known.
    #[error("the UID of the namespace kube-system can't be read: allow get on it, or set --cluster-name: {0}")]
    ClusterName(String),
    /// Probes and metrics can't be served.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// A part ended by itself, which none of them may.
    #[error("the {0} ended by itself; the process ends so that it is started anew")]
    Ended(&'static str),
}

/// What the operator reaches the world by.
pub struct Surroundings {
    /// The API server, without retries: the queue repeats, at a pace that it knows of; retries below it would be invisible to
    /// it.
    pub kubernetes: Client,
    /// AWS.
    pub aws: ClientSettings,
    /// The time of day.
    pub clock: Clock,
}

impl Surroundings {
    /// Those of this process: a service account or kubeconfig, what the AWS SDK finds, the system's clock.
    pub async fn of_process() -> Result<Self, RunError> {
        let mut config = kube::Config::infer().await.map_err(|error| RunError::Configuration(error.to_string()))?;
        config.default_retry = false;
        let kubernetes = Client::try_from(config).map_err(|error| RunError::Configuration(error.to_string()))?;
        Ok(Self { kubernetes, aws: ClientSettings::default(), clock: Clock::system() })
    }
}

/// Turns of the legacy kind at once: teams have a few of them, and its share of calls is small.
const INSTANCE_CONCURRENCY: usize = 8;

/// Runs the operator until told to stop.
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), RunError> {
    run_in(Surroundings::of_process().await?, config, stop).await
}

/// Runs the operator in these surroundings until told to stop.
pub async fn run_in(surroundings: Surroundings, config: Config, stop: CancellationToken) -> Result<(), RunError> {
    let Surroundings { kubernetes: client, aws, clock } = surroundings;
    let Config {
        cluster_name,
        namespaces,
        admin_address,
        drift_interval,
        concurrency,
        greengrass_rate,
        iot_jobs_rate,
        instance_name,
        aws_region,
        allow_insecure_endpoints,
        identity_selector,
        things_graph,
        leader_election,
    } = config;
    let quotas = Quotas {
        greengrass: Rate::per_second(greengrass_rate.get().into()),
        iot_jobs: Rate::per_second(iot_jobs_rate.get().into()),
        ..Quotas::default()
    };
    let metrics = Metrics::new();
    let (caches, hearts) = (Caches::new(things_graph), Hearts::default());
    let admin = Admin { metrics: metrics.clone(), heartbeats: hearts.all(things_graph), is_ready: caches.is_synced() };
    let listener = Admin::bind(admin_address).await?;
    let end_of_admin = CancellationToken::new();
    let serving = tokio::spawn(admin.serve(listener, end_of_admin.clone()));

    let cluster = match cluster_name {
        Some(name) => name.to_string(),
        None => cluster_uid(client.clone(), &stop).await?,
    };
    info!(cluster, "operator starts");
    let election = leader_election.map(|settings| {
        Election::new(client.clone(), &settings, &instance_name, clock, metrics.clone(), hearts.election.clone())
    });
    let leadership: Arc<dyn Leadership> = match &election {
        Some(election) => Arc::clone(&election.leadership),
        None => Arc::new(SingleReplica),
    };
    report_leadership(Arc::clone(&leadership), &metrics);
    let aws = Aws::new(aws, quotas, Arc::new(metrics.clone()));
    report_quotas(Arc::clone(aws.quota()), &metrics);
    let registry = Arc::new(Registry::new(identity::Surroundings {
        cluster: cluster.clone(),
        region: aws_region,
        allow_insecure_endpoints,
        namespaces: namespaces.clone(),
        selector: identity_selector,
    }));
    let interval = drift_interval.get();
    let operator = Operator { client, clock, metrics, leadership, instance_name, interval, aws, registry, caches };

    let end_of_watch = CancellationToken::new();
    let mut parts = Tasks::default();
    let labels_asked = operator.look_after_identities(&mut parts, &stop, &end_of_watch, hearts.identities);
    let kind = operator.watch_deployments(&mut parts, &end_of_watch, &cluster, namespaces.clone());
    let instances = operator.watch_system_instances(&mut parts, &end_of_watch, &cluster, namespaces);
    let Operator { metrics, caches, .. } = operator;
    let known = || caches.known(labels_asked.clone());
    let (walked, walking, begin) = (Arc::clone(&kind), stop.clone(), known());
    parts.spawn_turns("account view", async move {
        // A walk before the first lists are complete would wake nobody for what it shows.
        if walking.run_until_cancelled(begin).await.is_some() {
            walking.run_until_cancelled(account_view::run(walked)).await;
        }
    });
    let legacy = instances.zip(caches.instances.clone()).map(|(kind, (store, queue))| {
        Turns::new(kind, store, queue, INSTANCE_CONCURRENCY, metrics.clone(), hearts.system_instances)
    });
    let (store, queue) = (Arc::clone(&caches.store), caches.queue.clone());
    let deployments = Turns::new(kind, store, queue, concurrency.get(), metrics, hearts.deployments);
    // A turn before the first lists are complete would not know its neighbours, or through what it may call AWS; and who could not
    // work must not lead.
    match election {
        None => {
            parts.spawn_turns("driver", deployments.run(known(), stop.clone()));
            if let Some(legacy) = legacy {
                parts.spawn_turns("driver of system instances", legacy.run(known(), stop.clone()));
            }
        }
        Some(Election { leadership: _, terms, elector }) => {
            let mut kinds: Vec<Box<dyn InTerms>> = vec![Box::new(deployments.in_terms())];
            if let Some(legacy) = legacy {
                kinds.push(Box::new(legacy.in_terms()));
            }
            parts.spawn_turns("driver", run_in_terms(kinds, terms, stop.clone()));
            let (electing, begin) = (end_of_watch.clone(), known());
            parts.spawn_beneath("leader election", async move {
                if electing.run_until_cancelled(begin).await.is_some() {
                    elector.run(electing).await;
                }
            });
        }
    }

    let outcome = parts.run_to_end(&stop, &end_of_watch).await;
    end_of_admin.cancel();
    if let Ok(Err(failure)) = serving.await {
        error!("{failure}");
    }
    info!("operator ended");
    outcome
}

/// What the turns of a kind need.
struct Turns<K> {
    kind: Arc<K>,
    store: Arc<Store>,
    queue: Queue,
    driver: Driver<K>,
    heartbeat: Heartbeat,
}

impl<K: Kind> Turns<K> {
    fn new(
        kind: Arc<K>,
        store: Arc<Store>,
        queue: Queue,
        concurrency: usize,
        metrics: Metrics,
        heartbeat: Heartbeat,
    ) -> Self {
        let driver = Driver::new(Arc::clone(&kind), queue.clone(), concurrency, metrics, heartbeat.clone());
        Self { kind, store, queue, driver, heartbeat }
    }

    /// Where this process is the only one.
    async fn run(self, known: impl Future<Output = ()>, stop: CancellationToken) {
        if stop.run_until_cancelled(known).await.is_some() {
            self.driver.run(&stop, &CancellationToken::new()).await;
        }
    }

    /// Where it is one of several.
    fn in_terms(self) -> TermRunner<K> {
        let Self { kind, store, queue, driver, heartbeat } = self;
        TermRunner::new(kind, store, queue, driver, heartbeat)
    }
}

/// The parts that run, each by its name.
#[derive(Default)]
struct Tasks {
    /// What works, and ends when it is told to stop.
    turns: JoinSet<&'static str>,
    /// What turns need for as long as they run: watches, and the right to lead.
    beneath: JoinSet<&'static str>,
}

impl Tasks {
    fn spawn_turns(&mut self, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
        self.turns.spawn(named(name, part));
    }

    fn spawn_beneath(&mut self, name: &'static str, part: impl Future<Output = ()> + Send + 'static) {
        self.beneath.spawn(named(name, part));
    }

    /// The name of the first that ends.
    async fn first_end(&mut self) -> &'static str {
        let ended = tokio::select! {
            Some(ended) = self.turns.join_next() => ended,
            Some(ended) = self.beneath.join_next() => ended,
            else => return "operator",
        };
        ended.unwrap_or("part that panicked")
    }

    /// Runs until told to stop, or until a part ends, which none should. Until the last turn has ended it needs the watches, and
    /// nobody else may lead: the next leader takes it that nothing of this one is on its way any more.
    async fn run_to_end(mut self, stop: &CancellationToken, end_of_watch: &CancellationToken) -> Result<(), RunError> {
        let ended = self.first_end().await;
        let outcome = if stop.is_cancelled() { Ok(()) } else { Err(RunError::Ended(ended)) };
        stop.cancel();
        end_all(&mut self.turns).await;
        end_of_watch.cancel();
        end_all(&mut self.beneath).await;
        outcome
    }
}

async fn named(name: &'static str, part: impl Future<Output = ()>) -> &'static str {
    part.await;
    name
}

/// Waits for all of them, also where one has panicked.
async fn end_all(parts: &mut JoinSet<&'static str>) {
    while parts.join_next().await.is_some() {}
}

/// Who shows that it is alive.
#[derive(Default)]
struct Hearts {
    deployments: Heartbeat,
    identities: Heartbeat,
    system_instances: Heartbeat,
    election: Heartbeat,
}

impl Hearts {
    /// Who is not there need not show it.
    fn all(&self, things_graph: bool) -> Vec<Heartbeat> {
        let Self { deployments, identities, system_instances, election } = self;
        let legacy = things_graph.then(|| system_instances.clone());
        [deployments.clone(), identities.clone(), election.clone()].into_iter().chain(legacy).collect()
    }
}

/// The UID of kube-system: as good as a name for the cluster, and the same for as long as it lives.
async fn cluster_uid(client: Client, stop: &CancellationToken) -> Result<String, RunError> {
    let failed = |message: String| RunError::ClusterName(message);
    let namespaces: Api<Namespace> = Api::all(client);
    let read = tokio::time::timeout(CLUSTER_UID_WITHIN, namespaces.get("kube-system"));
    let namespace = stop
        .run_until_cancelled(read)
        .await
        .ok_or_else(|| failed("told to stop".into()))?
        .map_err(|_| failed(format!("the API server did not answer within {} s", CLUSTER_UID_WITHIN.as_secs())))?
        .map_err(|error| failed(classify(&error).to_string()))?;
    namespace.metadata.uid.ok_or_else(|| failed("it has none".into()))
}
