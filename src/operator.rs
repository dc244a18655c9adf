//! Puts the operator together and runs it. I/O.
//!
//! It ends in this order: no new turns, running turns end, leadership is given up, the watch ends, and last the admin server,
//! which answers probes all the while.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ApiResource;
use kube::{Api, Client};
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::admin::{Admin, AdminError};
use crate::aws::{Aws, ClientSettings, Leadership, Quotas, Rate, SingleReplica};
use crate::config::Config;
use crate::controller::clock::Clock;
use crate::controller::config_maps::ConfigMaps;
use crate::controller::driver::{Driver, Kind, LANE_CONCURRENCY};
use crate::controller::events::Events;
use crate::controller::heartbeat::Heartbeat;
use crate::controller::objects::{Namespaces, Objects, classify};
use crate::controller::queue::Queue;
use crate::controller::report::{report, report_leadership, report_quotas};
use crate::controller::store::Store;
use crate::controller::terms::TermRunner;
use crate::controller::watch::Watch;
use crate::deployment::{self, Deployments, Parts, account_view};
use crate::identity::{self, Dependants, Identities, NamespaceLabels, Registry};
use crate::leadership::Election;
use crate::telemetry::metrics::Metrics;

/// Identities are few, and each has a lane of its own: one whose call hangs keeps none of the others waiting until so many do.
const IDENTITY_CONCURRENCY: usize = 8;
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
        leader_election,
    } = config;
    let quotas = Quotas {
        greengrass: Rate::per_second(greengrass_rate.get().into()),
        iot_jobs: Rate::per_second(iot_jobs_rate.get().into()),
        ..Quotas::default()
    };
    let metrics = Metrics::new();
    let (caches, hearts) = (Caches::default(), Hearts::default());
    let admin = Admin { metrics: metrics.clone(), heartbeats: hearts.all(), is_ready: caches.is_synced() };
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
    let kind = operator.watch_deployments(&mut parts, &end_of_watch, cluster, namespaces);
    let Operator { metrics, caches, .. } = operator;
    let driver =
        Driver::new(Arc::clone(&kind), caches.queue.clone(), concurrency.get(), metrics, hearts.deployments.clone());
    let (walked, walking, known) = (Arc::clone(&kind), stop.clone(), caches.known(labels_asked.clone()));
    parts.spawn_turns("account view", async move {
        // A walk before the first lists are complete would wake nobody for what it shows.
        if walking.run_until_cancelled(known).await.is_some() {
            walking.run_until_cancelled(account_view::run(walked)).await;
        }
    });
    // A turn before the first lists are complete would not know its neighbours, or through what it may call AWS; and who could not
    // work must not lead.
    let (driving, known) = (stop.clone(), caches.known(labels_asked));
    match election {
        None => parts.spawn_turns("driver", async move {
            if driving.run_until_cancelled(known).await.is_some() {
                driver.run(&driving, &CancellationToken::new()).await;
            }
        }),
        Some(Election { leadership: _, terms, elector }) => {
            let turns = TermRunner::new(kind, caches.store, caches.queue, driver, hearts.deployments);
            parts.spawn_turns("driver", turns.run(terms, driving));
            let electing = end_of_watch.clone();
            parts.spawn_beneath("leader election", async move {
                if electing.run_until_cancelled(known).await.is_some() {
                    elector.run(electing).await;
                }
            });
        }
    }

    let ended = parts.first_end().await;
    let outcome = if stop.is_cancelled() { Ok(()) } else { Err(RunError::Ended(ended)) };
    // Until the last turn has ended it needs the watches, and nobody else may lead: the next leader takes it that nothing of this
    // one is on its way any more.
    stop.cancel();
    end_all(&mut parts.turns).await;
    end_of_watch.cancel();
    end_all(&mut parts.beneath).await;
    end_of_admin.cancel();
    if let Ok(Err(failure)) = serving.await {
        error!("{failure}");
    }
    info!("operator ended");
    outcome
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
    election: Heartbeat,
}

impl Hearts {
    fn all(&self) -> Vec<Heartbeat> {
        let Self { deployments, identities, election } = self;
        vec![deployments.clone(), identities.clone(), election.clone()]
    }
}

/// What is known of the cluster, and who waits for a turn.
struct Caches {
    store: Arc<Store>,
    queue: Queue,
    identity_store: Arc<Store>,
    identity_queue: Queue,
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            store: Store::new(),
            queue: Queue::new(LANE_CONCURRENCY),
            identity_store: Store::new(),
            identity_queue: Queue::new(IDENTITY_CONCURRENCY),
        }
    }
}

impl Caches {
    fn is_synced(&self) -> Arc<dyn Fn() -> bool + Send + Sync> {
        let (store, identities) = (Arc::clone(&self.store), Arc::clone(&self.identity_store));
        Arc::new(move || store.is_synced() && identities.is_synced())
    }

    /// Ends when all has been listed that a turn must know.
    fn known(&self, mut labels_asked: watch::Receiver<bool>) -> impl Future<Output = ()> + Send + 'static {
        let (store, identities) = (Arc::clone(&self.store), Arc::clone(&self.identity_store));
        async move {
            store.synced().await;
            identities.synced().await;
            // It fails only where the watch has ended, and with it the operator.
            let _ = labels_asked.wait_for(|asked| *asked).await;
        }
    }
}

/// What every kind is given.
struct Operator {
    client: Client,
    clock: Clock,
    metrics: Metrics,
    leadership: Arc<dyn Leadership>,
    instance_name: String,
    interval: Duration,
    aws: Aws,
    registry: Arc<Registry>,
    caches: Caches,
}

impl Operator {
    fn objects(&self, resource: &ApiResource, namespaces: Namespaces) -> Objects {
        let Self { client, metrics, leadership, .. } = self;
        Objects::new(client.clone(), resource.clone(), namespaces, metrics.clone(), Arc::clone(leadership))
    }

    fn events(&self, resource: &ApiResource) -> Events {
        let Self { client, clock, metrics, leadership, instance_name, .. } = self;
        Events::new(client.clone(), resource, instance_name, *clock, metrics.clone(), Arc::clone(leadership))
    }

    fn report(&self, kind: &'static str, store: &Arc<Store>, queue: &Queue) {
        report(kind, store, queue, Arc::clone(&self.leadership), &self.metrics);
    }

    /// Identities: their watch, that of namespaces' labels, and their turns. Says when the labels were asked for.
    fn look_after_identities(
        &self,
        parts: &mut Tasks,
        stop: &CancellationToken,
        end_of_watch: &CancellationToken,
        heartbeat: Heartbeat,
    ) -> watch::Receiver<bool> {
        let Caches { store, queue, identity_store, identity_queue } = &self.caches;
        let dependants = Dependants { store: Arc::clone(store), queue: queue.clone() };
        let resource = identity::resource();
        let objects = self.objects(&resource, Namespaces::All);
        let kind = Arc::new(Identities::new(identity::Parts {
            registry: Arc::clone(&self.registry),
            dependants: dependants.clone(),
            clock: self.clock,
            check_interval: self.interval,
            store: Arc::clone(identity_store),
            objects: objects.clone(),
            events: self.events(&resource),
            aws: self.aws.clone(),
            leadership: Arc::clone(&self.leadership),
        }));
        self.report(Identities::NAME, identity_store, identity_queue);
        let watch = Watch::new(Arc::clone(&kind), objects, Arc::clone(identity_store), identity_queue.clone());
        parts.spawn_beneath("watch of identities", watch.run(end_of_watch.clone()));
        let labels = NamespaceLabels::new(self.client.clone(), Arc::clone(&self.registry), dependants);
        let labels_asked = labels.asked();
        parts.spawn_beneath("watch of namespaces", labels.run(end_of_watch.clone()));
        // Also while another process leads: without the right to call AWS its turns wait, and the next leader knows at once whom it
        // has.
        let driver = Driver::new(kind, identity_queue.clone(), IDENTITY_CONCURRENCY, self.metrics.clone(), heartbeat);
        let (driving, listed) = (stop.clone(), Arc::clone(identity_store));
        parts.spawn_turns("driver of identities", async move {
            if driving.run_until_cancelled(listed.synced()).await.is_some() {
                driver.run(&driving, &CancellationToken::new()).await;
            }
        });
        labels_asked
    }

    /// Deployments: their watch, and that of the `ConfigMaps` that they name.
    fn watch_deployments(
        &self,
        parts: &mut Tasks,
        end_of_watch: &CancellationToken,
        cluster: String,
        namespaces: Namespaces,
    ) -> Arc<Deployments> {
        let Caches { store, queue, identity_store: _, identity_queue } = &self.caches;
        let resource = deployment::resource();
        let objects = self.objects(&resource, namespaces);
        let kind = Arc::new(Deployments::new(Parts {
            cluster,
            clock: self.clock,
            look_interval: self.interval,
            store: Arc::clone(store),
            identities: Arc::clone(&self.registry),
            identity_queue: identity_queue.clone(),
            objects: objects.clone(),
            queue: queue.clone(),
            events: self.events(&resource),
            aws: self.aws.clone(),
            metrics: self.metrics.clone(),
            leadership: Arc::clone(&self.leadership),
        }));
        self.report(Deployments::NAME, store, queue);
        account_view::report(&kind);
        let watch = Watch::new(Arc::clone(&kind), objects, Arc::clone(store), queue.clone());
        parts.spawn_beneath("watch", watch.run(end_of_watch.clone()));
        let config_maps = ConfigMaps::new(self.client.clone(), Arc::clone(store), queue.clone(), self.interval);
        parts.spawn_beneath("watch of ConfigMaps", config_maps.run(end_of_watch.clone()));
        kind
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
