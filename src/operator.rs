//! Puts the operator together and runs it. I/O.
//!
//! It ends in this order: no new turns, running turns end, leadership is given up, the watch ends, and last the admin server,
//! which answers probes all the while.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::ApiResource;
use kube::{Api, Client};
use thiserror::Error;
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
use crate::controller::objects::{Namespaces, Objects};
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
    let store = Store::new();
    let queue = Queue::new(LANE_CONCURRENCY);
    let (heartbeat, identity_heartbeat, heartbeat_of_election) = (Heartbeat::new(), Heartbeat::new(), Heartbeat::new());
    let admin = Admin {
        metrics: metrics.clone(),
        heartbeats: vec![heartbeat.clone(), identity_heartbeat.clone(), heartbeat_of_election.clone()],
        is_ready: {
            let store = Arc::clone(&store);
            Arc::new(move || store.is_synced())
        },
    };
    let listener = Admin::bind(admin_address).await?;
    let end_of_admin = CancellationToken::new();
    let serving = tokio::spawn(admin.serve(listener, end_of_admin.clone()));

    let cluster = match cluster_name {
        Some(name) => name.to_string(),
        None => cluster_uid(client.clone(), &stop).await?,
    };
    info!(cluster, "operator starts");
    let resource = deployment::resource();
    let election = leader_election.map(|settings| {
        Election::new(client.clone(), &settings, &instance_name, clock, metrics.clone(), heartbeat_of_election)
    });
    let leadership: Arc<dyn Leadership> = match &election {
        Some(election) => Arc::clone(&election.leadership),
        None => Arc::new(SingleReplica),
    };
    let objects = Objects::new(client.clone(), resource.clone(), namespaces, metrics.clone(), Arc::clone(&leadership));
    report_leadership(Arc::clone(&leadership), &metrics);
    let aws = Aws::new(aws, quotas, Arc::new(metrics.clone()));
    report_quotas(Arc::clone(aws.quota()), &metrics);
    let registry = Arc::new(Registry::new(identity::Surroundings {
        cluster: cluster.clone(),
        region: aws_region,
        allow_insecure_endpoints,
        namespaces: objects.namespaces().clone(),
        selector: identity_selector,
    }));
    let dependants = Dependants { store: Arc::clone(&store), queue: queue.clone() };
    let (identity_store, identity_queue) = (Store::new(), Queue::new(IDENTITY_CONCURRENCY));
    let identity_resource = identity::resource();
    let identity_objects = Objects::new(
        client.clone(),
        identity_resource.clone(),
        Namespaces::All,
        metrics.clone(),
        Arc::clone(&leadership),
    );
    let events_of = |resource: &ApiResource| {
        Events::new(client.clone(), resource, &instance_name, clock, metrics.clone(), Arc::clone(&leadership))
    };
    let identities = Arc::new(Identities::new(identity::Parts {
        registry: Arc::clone(&registry),
        dependants: dependants.clone(),
        clock,
        check_interval: drift_interval.get(),
        store: Arc::clone(&identity_store),
        objects: identity_objects.clone(),
        events: events_of(&identity_resource),
        aws: aws.clone(),
        leadership: Arc::clone(&leadership),
    }));
    report(Identities::NAME, &identity_store, &identity_queue, Arc::clone(&leadership), &metrics);
    report(Deployments::NAME, &store, &queue, Arc::clone(&leadership), &metrics);
    let kind = Arc::new(Deployments::new(Parts {
        cluster,
        clock,
        look_interval: drift_interval.get(),
        store: Arc::clone(&store),
        identities: Arc::clone(&registry),
        identity_queue: identity_queue.clone(),
        objects: objects.clone(),
        queue: queue.clone(),
        events: events_of(&resource),
        aws,
        metrics: metrics.clone(),
        leadership,
    }));
    account_view::report(&kind);

    let end_of_watch = CancellationToken::new();
    let mut parts = JoinSet::new();
    let watch = Watch::new(Arc::clone(&kind), objects, Arc::clone(&store), queue.clone());
    let watching = end_of_watch.clone();
    parts.spawn(async move {
        watch.run(watching).await;
        "watch"
    });
    let watch =
        Watch::new(Arc::clone(&identities), identity_objects, Arc::clone(&identity_store), identity_queue.clone());
    let watching = end_of_watch.clone();
    parts.spawn(async move {
        watch.run(watching).await;
        "watch of identities"
    });
    let labels = NamespaceLabels::new(client.clone(), registry, dependants);
    let mut labels_asked = labels.asked();
    let watching = end_of_watch.clone();
    parts.spawn(async move {
        labels.run(watching).await;
        "watch of namespaces"
    });
    let driver = Driver::new(identities, identity_queue, IDENTITY_CONCURRENCY, metrics.clone(), identity_heartbeat);
    // Also while another process leads: without the right to call AWS its turns wait, and the next leader knows at once whom it has.
    let driving = stop.clone();
    let synced = Arc::clone(&identity_store);
    parts.spawn(async move {
        if driving.run_until_cancelled(synced.synced()).await.is_some() {
            driver.run(&driving, &CancellationToken::new()).await;
        }
        "driver of identities"
    });
    let config_maps = ConfigMaps::new(client, Arc::clone(&store), queue.clone(), drift_interval.get());
    let watching = end_of_watch.clone();
    parts.spawn(async move {
        config_maps.run(watching).await;
        "watch of ConfigMaps"
    });
    let (walked, walking, listed) = (Arc::clone(&kind), stop.clone(), Arc::clone(&store));
    parts.spawn(async move {
        // A walk before the first list is complete would wake nobody for what it shows.
        if walking.run_until_cancelled(listed.synced()).await.is_some() {
            walking.run_until_cancelled(account_view::run(walked)).await;
        }
        "account view"
    });
    let driver = Driver::new(Arc::clone(&kind), queue.clone(), concurrency.get(), metrics, heartbeat.clone());
    let driving = stop.clone();
    // A turn before the first lists are complete would not know its neighbours, or through what it may call AWS; and who could not
    // work must not lead.
    let known = {
        let store = Arc::clone(&store);
        async move {
            store.synced().await;
            identity_store.synced().await;
            // It fails only where the watch has ended, and with it the operator.
            let _ = labels_asked.wait_for(|asked| *asked).await;
        }
    };
    match election {
        None => {
            parts.spawn(async move {
                if driving.run_until_cancelled(known).await.is_some() {
                    driver.run(&driving, &CancellationToken::new()).await;
                }
                "driver"
            });
        }
        Some(Election { leadership: _, terms, elector }) => {
            let turns = TermRunner::new(kind, Arc::clone(&store), queue, driver, heartbeat);
            parts.spawn(async move {
                turns.run(terms, driving).await;
                "driver"
            });
            let electing = end_of_watch.clone();
            parts.spawn(async move {
                if electing.run_until_cancelled(known).await.is_some() {
                    elector.run(electing).await;
                }
                "leader election"
            });
        }
    }

    let ended = parts.join_next().await.map_or("watch", |ended| ended.unwrap_or("driver"));
    let outcome = if stop.is_cancelled() { Ok(()) } else { Err(RunError::Ended(ended)) };
    end_of_watch.cancel();
    parts.join_all().await;
    end_of_admin.cancel();
    if let Ok(Err(failure)) = serving.await {
        error!("{failure}");
    }
    info!("operator ended");
    outcome
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
        .map_err(|error| failed(error.to_string()))?;
    namespace.metadata.uid.ok_or_else(|| failed("it has none".into()))
}
