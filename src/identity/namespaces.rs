//! Watches the labels of namespaces, by which identities say whom they are for. I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt, pin_mut};
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{Config, Error, Event};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Dependants, Registry};

/// Rights that come a moment after the operator are not gone; the back-off makes three refusals some seconds.
const REFUSALS_BEFORE_GOING_ON: u32 = 3;

/// The watch of all namespaces' labels.
pub struct NamespaceLabels {
    client: Client,
    registry: Arc<Registry>,
    dependants: Dependants,
    asked: watch::Sender<bool>,
}

impl NamespaceLabels {
    /// A watch that tells this registry.
    #[must_use]
    pub fn new(client: Client, registry: Arc<Registry>, dependants: Dependants) -> Self {
        Self { client, registry, dependants, asked: watch::Sender::new(false) }
    }

    /// Says when namespaces were listed, or the list was refused.
    #[must_use]
    pub fn asked(&self) -> watch::Receiver<bool> {
        self.asked.subscribe()
    }

    /// Watches until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let _ = stop.run_until_cancelled(self.watch()).await;
    }

    async fn watch(&self) {
        let namespaces: Api<PartialObjectMeta<Namespace>> = Api::all(self.client.clone());
        let events = watcher(namespaces, Config::default()).default_backoff();
        pin_mut!(events);
        let mut refusals = 0_u32;
        let mut listed: Option<BTreeMap<String, BTreeMap<String, String>>> = None;
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed = Some(BTreeMap::new()),
                Ok(Event::InitApply(namespace)) => {
                    if let (Some(listed), (Some(name), labels)) = (&mut listed, named(namespace)) {
                        listed.insert(name, labels);
                    }
                }
                Ok(Event::InitDone) => {
                    self.dependants.change(&self.registry, |registry| registry.set_labels(listed.take()));
                    self.asked.send_replace(true);
                }
                Ok(Event::Apply(namespace)) => {
                    let (name, labels) = named(namespace);
                    self.set(name, Some(labels));
                }
                Ok(Event::Delete(namespace)) => self.set(namespace.metadata.name, None),
                Err(error) => {
                    warn!(%error, "the labels of namespaces can't be watched; it begins again");
                    // What was known before stays: a broken connection is no news of anybody's labels. Nor is one at the start a
                    // reason to begin without them: identities that look at labels would all seem to allow nothing.
                    refusals = if is_refusal(&error) { refusals + 1 } else { 0 };
                    if refusals == REFUSALS_BEFORE_GOING_ON {
                        self.asked.send_replace(true);
                    }
                }
            }
        }
    }

    fn set(&self, namespace: Option<String>, labels: Option<BTreeMap<String, String>>) {
        let Some(namespace) = namespace else { return };
        // Most changes of a namespace are none of its labels.
        if !self.registry.knows_labels_of(&namespace, labels.as_ref()) {
            self.dependants.change(&self.registry, |registry| registry.set_labels_of(&namespace, labels));
        }
    }
}

/// The operator may not read namespaces: then those that are named in identities can do without.
fn is_refusal(error: &Error) -> bool {
    match error {
        Error::WatchStartFailed(kube::Error::Api(status)) | Error::InitialListFailed(kube::Error::Api(status)) => {
            matches!(status.code, 401 | 403)
        }
        Error::WatchError(status) => matches!(status.code, 401 | 403),
        Error::WatchStartFailed(_) | Error::InitialListFailed(_) | Error::WatchFailed(_) | Error::NoResourceVersion => {
            false
        }
    }
}

fn named(namespace: PartialObjectMeta<Namespace>) -> (Option<String>, BTreeMap<String, String>) {
    (namespace.metadata.name, namespace.metadata.labels.unwrap_or_default())
}
