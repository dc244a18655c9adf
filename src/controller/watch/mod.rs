//! Keeps the store like the API server and wakes what changes. I/O.
//!
//! It never ends by itself: what fails is logged, counted and begun again with a back-off, and no single object can
//! stop it.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use futures::{StreamExt, pin_mut};
use greengrass_operator_core::names::ObjectName;
use kube::runtime::watcher::{Config, Error, Event};
use kube::runtime::{WatchStreamExt, watcher};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::controller::driver::Kind;
use crate::controller::object::RawObject;
use crate::controller::objects::Objects;
use crate::controller::queue::Queue;
use crate::controller::record::Record;
use crate::controller::store::{Applied, Store};
use crate::controller::wakes::Change;
use crate::telemetry::metrics::{KubernetesOutcome, Verb};

/// Rights that come a moment after the operator are not gone; the back-off makes three refusals some seconds.
const REFUSALS_BEFORE_GOING_ON: u32 = 3;

/// The watch of a kind.
pub struct Watch<K> {
    kind: Arc<K>,
    objects: Objects,
    store: Arc<Store>,
    queue: Queue,
    /// Namespaces that have not been listed yet.
    unlisted: AtomicUsize,
}

/// How the first list is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listing {
    /// As the beginning of a watch: the server neither copies nor keeps a whole list. From Kubernetes 1.34 on by default.
    Streaming,
    /// Page by page, for servers that refuse the former.
    Pages,
}

impl<K: Kind> Watch<K> {
    /// A watch over the namespaces of `objects`.
    #[must_use]
    pub fn new(kind: Arc<K>, objects: Objects, store: Arc<Store>, queue: Queue) -> Self {
        let unlisted = AtomicUsize::new(objects.namespaces().each().len());
        Self { kind, objects, store, queue, unlisted }
    }

    /// Watches until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let namespaces = self.objects.namespaces().clone();
        let watches = namespaces.each().into_iter().map(|namespace| self.watch(namespace));
        // Cut off at any point without harm: the next start lists everything.
        let _ = stop.run_until_cancelled(join_all(watches)).await;
    }

    async fn watch(&self, namespace: Option<&str>) {
        let mut listing = Listing::Streaming;
        let mut session = Session { watch: self, namespace, listed: None, was_listed: false, refusals: 0 };
        loop {
            let config = match listing {
                Listing::Streaming => Config::default().streaming_lists(),
                Listing::Pages => Config::default(),
            };
            let events = watcher(self.objects.api_in(namespace), config).default_backoff();
            pin_mut!(events);
            while let Some(event) = events.next().await {
                match event {
                    Ok(event) => session.take(event),
                    Err(error) => {
                        self.failed(namespace, &error);
                        session.refused(&error);
                        if listing == Listing::Streaming && is_refused_list(&error) {
                            info!(kind = K::NAME, "the API server has no streaming lists: reading pages");
                            listing = Listing::Pages;
                            break;
                        }
                    }
                }
            }
        }
    }

    fn failed(&self, namespace: Option<&str>, error: &Error) {
        self.objects.count(Verb::Watch, KubernetesOutcome::Failed);
        let namespace = namespace.unwrap_or("all");
        warn!(kind = K::NAME, namespace, %error, "watch failed; it begins again");
    }

    fn wake(&self, change: &Change<'_>) {
        let record = match change {
            Change::Listed(record) | Change::Gone(record) => record,
            Change::Changed { before: _, after } => after,
        };
        if let Some(wake) = self.kind.wake(change) {
            let wake = match wake.lane {
                Some(_) => wake,
                None => wake.in_lane(self.kind.lane(record)),
            };
            self.queue.wake(record.name.clone(), wake);
        }
    }
}

/// The watch of one namespace, or of the cluster.
struct Session<'a, K> {
    watch: &'a Watch<K>,
    namespace: Option<&'a str>,
    /// While a list is under way: what it has brought.
    listed: Option<BTreeSet<ObjectName>>,
    was_listed: bool,
    /// Refusals in a row before the first list.
    refusals: u32,
}

impl<K: Kind> Session<'_, K> {
    fn take(&mut self, event: Event<RawObject>) {
        match event {
            Event::Init => self.listed = Some(BTreeSet::new()),
            Event::InitApply(object) | Event::Apply(object) => {
                if let Some(record) = Self::read(object) {
                    if let Some(listed) = &mut self.listed {
                        listed.insert(record.name.clone());
                    }
                    self.apply(record);
                }
            }
            Event::Delete(object) => {
                if let Some(record) = Self::read(object)
                    && self.watch.store.remove(&record)
                {
                    self.watch.wake(&Change::Gone(&record));
                }
            }
            Event::InitDone => self.list_done(),
        }
    }

    fn read(object: RawObject) -> Option<Record> {
        let name = object.metadata.name.clone().unwrap_or_default();
        Record::of(object)
            .inspect_err(|error| warn!(kind = K::NAME, name, %error, "the API server sent something that is no object"))
            .ok()
    }

    fn apply(&self, record: Record) {
        match self.watch.store.apply(record) {
            Applied::New(record) => self.watch.wake(&Change::Listed(&record)),
            Applied::Changed { before, after } => {
                self.watch.wake(&Change::Changed { before: &before, after: &after });
            }
            Applied::Known | Applied::Stale => {}
        }
    }

    fn list_done(&mut self) {
        let listed = self.listed.take().unwrap_or_default();
        let gone = self.watch.store.retain_listed(self.namespace, &listed);
        debug!(kind = K::NAME, objects = listed.len(), gone = gone.len(), "list is complete");
        for record in gone {
            self.watch.wake(&Change::Gone(&record));
        }
        self.count_as_listed();
    }

    /// One namespace of several that is gone, with the rights in it, must not keep the others waiting. It joins when it can be
    /// read.
    fn refused(&mut self, error: &Error) {
        let is_final = matches!(status_of(error), Some(403 | 404));
        self.refusals = if is_final { self.refusals + 1 } else { 0 };
        if let Some(namespace) = self.namespace
            && self.refusals == REFUSALS_BEFORE_GOING_ON
            && !self.was_listed
        {
            warn!(kind = K::NAME, namespace, "the namespace can't be read; the others go on without it");
            self.count_as_listed();
        }
    }

    fn count_as_listed(&mut self) {
        if !self.was_listed {
            self.was_listed = true;
            if self.watch.unlisted.fetch_sub(1, Ordering::AcqRel) == 1 {
                self.watch.store.set_synced();
            }
        }
    }
}

/// A server without streaming lists answers "sendInitialEvents is forbidden" with 422, older ones with 400.
fn is_refused_list(error: &Error) -> bool {
    matches!(status_of(error), Some(400 | 422))
}

fn status_of(error: &Error) -> Option<u16> {
    match error {
        Error::WatchStartFailed(kube::Error::Api(status)) | Error::InitialListFailed(kube::Error::Api(status)) => {
            Some(status.code)
        }
        Error::WatchError(status) => Some(status.code),
        Error::WatchStartFailed(_) | Error::InitialListFailed(_) | Error::WatchFailed(_) | Error::NoResourceVersion => {
            None
        }
    }
}
