//! Wakes resources whose `ConfigMaps` change. I/O.
//!
//! Only names and versions are watched, and only in namespaces where a resource refers to a `ConfigMap`: what is in them is read
//! when a turn needs it, and kept nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

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
use super::wakes::spread;
use crate::aws::Class;

/// The watches of `ConfigMaps`.
pub struct ConfigMaps {
    client: Client,
    store: Arc<Store>,
    queue: Queue,
    look_interval: Duration,
}

impl ConfigMaps {
    /// None yet. What may have changed while the operator was down is looked at within `look_interval`.
    #[must_use]
    pub fn new(client: Client, store: Arc<Store>, queue: Queue, look_interval: Duration) -> Self {
        Self { client, store, queue, look_interval }
    }

    /// Keeps one watch for each namespace where it is needed, until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut watches = JoinSet::new();
        let mut running: BTreeMap<String, AbortHandle> = BTreeMap::new();
        loop {
            let changed = self.store.references_changed();
            let wanted = self.store.config_map_namespaces();
            while watches.try_join_next().is_some() {}
            running.retain(|namespace, watch| {
                let stays = wanted.contains(namespace) && !watch.is_finished();
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
        let mut seen = Seen {
            store: Arc::clone(&self.store),
            queue: self.queue.clone(),
            look_interval: self.look_interval,
            namespace,
            versions: BTreeMap::new(),
            listed: None,
            was_listed: false,
        };
        async move {
            let events = watcher(api, Config::default()).default_backoff();
            pin_mut!(events);
            while let Some(event) = events.next().await {
                match event {
                    Ok(Event::Init) => seen.listed = Some(BTreeSet::new()),
                    Ok(Event::InitApply(object) | Event::Apply(object)) => seen.there(object),
                    Ok(Event::Delete(object)) => seen.gone(&object.metadata.name.unwrap_or_default()),
                    Ok(Event::InitDone) => seen.list_done(),
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
    look_interval: Duration,
    namespace: String,
    versions: BTreeMap<String, String>,
    /// While a list is under way: what it has brought.
    listed: Option<BTreeSet<String>>,
    was_listed: bool,
}

impl Seen {
    fn there(&mut self, object: PartialObjectMeta<ConfigMap>) {
        let Some(name) = object.metadata.name else { return };
        if let Some(listed) = &mut self.listed {
            listed.insert(name.clone());
        }
        if self.referrers(&name).is_empty() {
            self.versions.remove(&name);
            return;
        }
        let version = object.metadata.resource_version.unwrap_or_default();
        // A list that begins anew shows again what is known.
        if self.versions.insert(name.clone(), version.clone()) != Some(version) {
            self.wake(&name);
        }
    }

    fn gone(&mut self, name: &str) {
        self.versions.remove(name);
        self.wake(name);
    }

    /// What went while the watch was broken is not told by it.
    fn list_done(&mut self) {
        self.was_listed = true;
        let listed = self.listed.take().unwrap_or_default();
        let gone: Vec<String> = self.versions.keys().filter(|name| !listed.contains(*name)).cloned().collect();
        for name in gone {
            self.gone(&name);
        }
    }

    /// At once; but what a first list shows may have changed while nobody looked, or not: a restart must not look like a change
    /// of everything.
    fn wake(&self, name: &str) {
        for referrer in self.referrers(name) {
            let wake = if self.was_listed {
                Wake::now(Class::Change, Reason::Reference)
            } else {
                let delay = spread(&referrer.to_string(), self.look_interval);
                Wake::now(Class::Sweep, Reason::Reference).after(delay)
            };
            self.queue.wake(referrer, wake);
        }
    }

    fn referrers(&self, name: &str) -> Vec<ObjectName> {
        let name = ObjectName { namespace: self.namespace.as_str().into(), name: name.into() };
        self.store.referrers(&Reference::ConfigMap(name))
    }
}
