//! Puts the operator together and runs it. I/O.
//!
//! It ends in this order: no new turns, running turns end, the watch ends, and last the admin server, which answers probes
//! all the while.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use thiserror::Error;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::admin::{Admin, AdminError};
use crate::aws::{Aws, ClientSettings, Leadership, Quotas, SingleReplica};
use crate::config::Config;
use crate::controller::clock::Clock;
use crate::controller::config_maps::ConfigMaps;
use crate::controller::driver::{Driver, Kind, LANE_CONCURRENCY};
use crate::controller::events::Events;
use crate::controller::heartbeat::Heartbeat;
use crate::controller::objects::Objects;
use crate::controller::queue::Queue;
use crate::controller::report::{report, report_leadership};
use crate::controller::store::Store;
use crate::controller::watch::Watch;
use crate::deployment::{self, Deployments, Parts, account_view};
use crate::telemetry::metrics::Metrics;

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
    let Config { cluster_name, namespaces, admin_address, drift_interval, concurrency, instance_name } = config;
    let metrics = Metrics::new();
    let store = Store::new();
    let queue = Queue::new(LANE_CONCURRENCY);
    let heartbeat = Heartbeat::new();
    let admin = Admin {
        metrics: metrics.clone(),
        heartbeats: vec![heartbeat.clone()],
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
    let objects = Objects::new(client.clone(), resource.clone(), namespaces, metrics.clone());
    let leadership: Arc<dyn Leadership> = Arc::new(SingleReplica);
    report_leadership(Arc::clone(&leadership), &metrics);
    let kind = Arc::new(Deployments::new(Parts {
        cluster,
        clock,
        look_interval: drift_interval.get(),
        store: Arc::clone(&store),
        objects: objects.clone(),
        queue: queue.clone(),
        events: Events::new(client.clone(), &resource, &instance_name, clock, metrics.clone()),
        aws: Aws::new(aws, Quotas::default(), Arc::new(metrics.clone())),
        metrics: metrics.clone(),
        leadership,
    }));
    report(Deployments::NAME, &store, &queue, &metrics);
    account_view::report(&kind);

    let end_of_watch = CancellationToken::new();
    let mut parts = JoinSet::new();
    let watch = Watch::new(Arc::clone(&kind), objects, Arc::clone(&store), queue.clone());
    let watching = end_of_watch.clone();
    parts.spawn(async move {
        watch.run(watching).await;
        "watch"
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
    let driver = Driver::new(kind, queue, concurrency.get(), metrics, heartbeat);
    let driving = stop.clone();
    parts.spawn(async move {
        // A turn before the first list is complete would not know its neighbours.
        if driving.run_until_cancelled(store.synced()).await.is_some() {
            driver.run(driving).await;
        }
        "driver"
    });

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
