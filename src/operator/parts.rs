//! What the operator is put together of: caches, and what looks after each kind. I/O.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use kube::api::ApiResource;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Tasks;
use crate::aws::{Aws, Leadership};
use crate::controller::clock::Clock;
use crate::controller::config_maps::ConfigMaps;
use crate::controller::driver::{Driver, Kind, LANE_CONCURRENCY};
use crate::controller::events::Events;
use crate::controller::heartbeat::Heartbeat;
use crate::controller::objects::{Namespaces, Objects};
use crate::controller::parts::Parts;
use crate::controller::queue::Queue;
use crate::controller::report::report;
use crate::controller::store::Store;
use crate::controller::watch::Watch;
use crate::deployment::{self, Deployments, account_view};
use crate::identity::{self, DependantKind, Dependants, Identities, NamespaceLabels, Registry};
use crate::system_instance::{self, SystemInstances};
use crate::telemetry::metrics::Metrics;

/// Identities are few, and each has a lane of its own: one whose call hangs keeps none of the others waiting until so many do.
const IDENTITY_CONCURRENCY: usize = 8;
/// What is known of the cluster, and who waits for a turn.
pub(super) struct Caches {
    pub(super) store: Arc<Store>,
    pub(super) queue: Queue,
    identity_store: Arc<Store>,
    identity_queue: Queue,
    /// Those of the legacy service, where they are looked after.
    pub(super) instances: Option<(Arc<Store>, Queue)>,
}

impl Caches {
    pub(super) fn new(things_graph: bool) -> Self {
        Self {
            store: Store::new(),
            queue: Queue::new(LANE_CONCURRENCY),
            identity_store: Store::new(),
            identity_queue: Queue::new(IDENTITY_CONCURRENCY),
            instances: things_graph.then(|| (Store::new(), Queue::new(LANE_CONCURRENCY))),
        }
    }

    pub(super) fn is_synced(&self) -> Arc<dyn Fn() -> bool + Send + Sync> {
        let stores = self.stores();
        Arc::new(move || stores.iter().all(|store| store.is_synced()))
    }

    fn stores(&self) -> Vec<Arc<Store>> {
        let legacy = self.instances.iter().map(|(store, _)| store);
        [&self.store, &self.identity_store].into_iter().chain(legacy).map(Arc::clone).collect()
    }

    /// Ends when all has been listed that a turn must know.
    pub(super) fn known(&self, mut labels_asked: watch::Receiver<bool>) -> impl Future<Output = ()> + Send + 'static {
        let stores = self.stores();
        async move {
            for store in stores {
                store.synced().await;
            }
            // It fails only where the watch has ended, and with it the operator.
            let _ = labels_asked.wait_for(|asked| *asked).await;
        }
    }
}

/// What every kind is given.
pub(super) struct Operator {
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) leadership: Arc<dyn Leadership>,
    pub(super) instance_name: String,
    pub(super) interval: Duration,
    pub(super) aws: Aws,
    pub(super) registry: Arc<Registry>,
    pub(super) caches: Caches,
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
    pub(super) fn look_after_identities(
        &self,
        parts: &mut Tasks,
        stop: &CancellationToken,
        end_of_watch: &CancellationToken,
        heartbeat: Heartbeat,
    ) -> watch::Receiver<bool> {
        let Caches { store, queue, identity_store, identity_queue, instances } = &self.caches;
        let kind =
            |(store, queue): (&Arc<Store>, &Queue)| DependantKind { store: Arc::clone(store), queue: queue.clone() };
        let legacy = instances.iter().map(|(store, queue)| (store, queue));
        let dependants = Dependants([(store, queue)].into_iter().chain(legacy).map(kind).collect());
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
    pub(super) fn watch_deployments(
        &self,
        tasks: &mut Tasks,
        end_of_watch: &CancellationToken,
        cluster: &str,
        namespaces: Namespaces,
    ) -> Arc<Deployments> {
        let caches = (&self.caches.store, &self.caches.queue);
        let parts = self.parts(&deployment::resource(), cluster, namespaces, caches);
        let kind = Arc::new(Deployments::new(parts.clone()));
        account_view::report(&kind);
        self.watch(tasks, end_of_watch, Arc::clone(&kind), parts);
        kind
    }

    /// System instances of the legacy service, where they are looked after: their watch, and that of the `ConfigMaps` that they name.
    pub(super) fn watch_system_instances(
        &self,
        tasks: &mut Tasks,
        end_of_watch: &CancellationToken,
        cluster: &str,
        namespaces: Namespaces,
    ) -> Option<Arc<SystemInstances>> {
        let (store, queue) = self.caches.instances.as_ref()?;
        let parts = self.parts(&system_instance::resource(), cluster, namespaces, (store, queue));
        let kind = Arc::new(SystemInstances::new(parts.clone()));
        self.watch(tasks, end_of_watch, Arc::clone(&kind), parts);
        Some(kind)
    }

    fn parts(
        &self,
        resource: &ApiResource,
        cluster: &str,
        namespaces: Namespaces,
        (store, queue): (&Arc<Store>, &Queue),
    ) -> Parts {
        Parts {
            cluster: cluster.to_owned(),
            clock: self.clock,
            look_interval: self.interval,
            store: Arc::clone(store),
            identities: Arc::clone(&self.registry),
            identity_queue: self.caches.identity_queue.clone(),
            objects: self.objects(resource, namespaces),
            queue: queue.clone(),
            events: self.events(resource),
            aws: self.aws.clone(),
            metrics: self.metrics.clone(),
            leadership: Arc::clone(&self.leadership),
        }
    }

    /// The watch of a kind, that of the `ConfigMaps` that its resources name, and what metrics say of it.
    fn watch<K: Kind>(&self, tasks: &mut Tasks, end_of_watch: &CancellationToken, kind: Arc<K>, parts: Parts) {
        let Parts { store, queue, objects, .. } = parts;
        self.report(K::NAME, &store, &queue);
        let watch = Watch::new(kind, objects, Arc::clone(&store), queue.clone());
        tasks.spawn_beneath("watch", watch.run(end_of_watch.clone()));
        let config_maps = ConfigMaps::new(self.client.clone(), store, queue, self.interval);
        tasks.spawn_beneath("watch of ConfigMaps", config_maps.run(end_of_watch.clone()));
    }
}
