//! Wakes resources whose `ConfigMaps` change. I/O.
//!
//! Only names and versions are watched, and only in namespaces where a resource refers to a `ConfigMap`: what is in them is read
//! when a turn needs it, and kept nowhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, pin_mut};
use greengrass_operator_core::names::ObjectName;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::queue::{Queue, Reason, Wake};
use super::store::{Reference, Store};
use crate::aws::Class;

/// The watches of `ConfigMaps`.
pub struct ConfigMaps {
    client: Client,
    store: Arc<Store>,
    queue: Queue,
}

impl ConfigMaps {
    /// None yet.
    #[must_use]
    pub fn new(client: Client, store: Arc<Store>, queue: Queue) -> Self {
        Self { client, store, queue }
    }

    /// Keeps one watch for each namespace where it is needed, until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut watches = JoinSet::new();
        let mut running: BTreeMap<String, AbortHandle> = BTreeMap::new();
        loop {
            let changed = self.store.references_changed();
            let wanted = self.store.config_map_namespaces();
            running.retain(|namespace, watch| {
                let stays = wanted.contains(namespace);
                if !stays {
                    watch.abort();
                }
                stays
            });
            for namespace in wanted {
                running.entry(namespace.clone()).or_insert_with(|| watches.spawn(self.watch(namespace)));
            }
            if stop.run_until_cancelled(changed).await.is_none() {
                return;
            }
        }
    }

    fn watch(&self, namespace: String) -> impl Future<Output = ()> + Send + 'static {
        let api: Api<PartialObjectMeta<ConfigMap>> = Api::namespaced(self.client.clone(), &namespace);
        let mut seen =
            Seen { store: Arc::clone(&self.store), queue: self.queue.clone(), namespace, versions: BTreeMap::new() };
        async move {
            let events = watcher(api, Config::default()).default_backoff();
            pin_mut!(events);
            while let Some(event) = events.next().await {
                match event {
                    Ok(Event::Init | Event::InitDone) => {}
                    Ok(Event::InitApply(object) | Event::Apply(object)) => seen.take(object, false),
                    Ok(Event::Delete(object)) => seen.take(object, true),
                    Err(error) => {
                        let namespace = &seen.namespace;
                        warn!(namespace, %error, "watch of ConfigMaps failed; it begins again");
                    }
                }
            }
        }
    }
}

/// What was seen of the `ConfigMaps` of a namespace that resources refer to.
struct Seen {
    store: Arc<Store>,
    queue: Queue,
    namespace: String,
    versions: BTreeMap<String, String>,
}

impl Seen {
    fn take(&mut self, object: PartialObjectMeta<ConfigMap>, is_gone: bool) {
        let Some(name) = object.metadata.name else { return };
        let referrers = self.referrers(&name);
        let version = object.metadata.resource_version.unwrap_or_default();
        let before = if is_gone || referrers.is_empty() {
            self.versions.remove(&name)
        } else {
            self.versions.insert(name, version.clone())
        };
        // A list that begins anew shows again what is known.
        if is_gone || before.as_ref() != Some(&version) {
            for referrer in referrers {
                self.queue.wake(referrer, Wake::now(Class::Change, Reason::Reference));
            }
        }
    }

    fn referrers(&self, name: &str) -> Vec<ObjectName> {
        let name = ObjectName { namespace: self.namespace.clone(), name: name.to_owned() };
        self.store.referrers(&Reference::ConfigMap(name))
    }
}
