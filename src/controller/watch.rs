//! Keeps the store like the API server and wakes what changes. I/O.
//!
//! It never ends by itself: what fails is logged, counted and begun again with a back-off, and no single object can
//! stop it.

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

use super::driver::Kind;
use super::object::RawObject;
use super::objects::Objects;
use super::queue::Queue;
use super::record::Record;
use super::store::{Applied, Store};
use super::wakes::Change;
use crate::telemetry::metrics::{KubernetesOutcome, Verb};

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
        Self {
            kind,
            objects,
            store,
            queue,
            unlisted,
        }
    }

    /// Watches until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let namespaces = self.objects.namespaces().clone();
        let watches = namespaces
            .each()
            .into_iter()
            .map(|namespace| self.watch(namespace));
        // Cut off at any point without harm: the next start lists everything.
        let _ = stop.run_until_cancelled(join_all(watches)).await;
    }

    async fn watch(&self, namespace: Option<&str>) {
        let mut listing = Listing::Streaming;
        let mut session = Session {
            watch: self,
            namespace,
            listed: None,
            was_listed: false,
        };
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
                        if listing == Listing::Streaming && is_refused_list(&error) {
                            info!(
                                kind = K::NAME,
                                "the API server has no streaming lists: reading pages"
                            );
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
                self.watch.wake(&Change::Changed {
                    before: &before,
                    after: &after,
                });
            }
            Applied::Known | Applied::Stale => {}
        }
    }

    fn list_done(&mut self) {
        let listed = self.listed.take().unwrap_or_default();
        let gone = self.watch.store.retain_listed(self.namespace, &listed);
        debug!(
            kind = K::NAME,
            objects = listed.len(),
            gone = gone.len(),
            "list is complete"
        );
        for record in gone {
            self.watch.wake(&Change::Gone(&record));
        }
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
    match error {
        Error::WatchStartFailed(kube::Error::Api(status)) => matches!(status.code, 400 | 422),
        Error::WatchError(status) => matches!(status.code, 400 | 422),
        Error::WatchStartFailed(_)
        | Error::InitialListFailed(_)
        | Error::WatchFailed(_)
        | Error::NoResourceVersion => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::super::mock::{Answer, Requests, client_by, objects, stored};
    use super::super::objects::Namespaces;
    use super::super::queue::{Lane, Reason, Rest, Turn};
    use super::super::record::tests::record;
    use super::*;

    struct Idle;

    impl Kind for Idle {
        const NAME: &'static str = "Idle";

        async fn run(&self, _turn: Turn) -> Rest {
            Rest::until_woken()
        }

        fn lane(&self, _record: &Record) -> Lane {
            Lane::named("lane")
        }

        fn look_interval(&self) -> Duration {
            Duration::from_mins(5)
        }
    }

    struct Running {
        store: Arc<Store>,
        queue: Queue,
        requests: Requests,
        stop: CancellationToken,
    }

    /// A watch that gets these answers, and then none any more.
    fn watch(namespaces: Namespaces, answers: impl IntoIterator<Item = Answer>) -> Running {
        let requests = Requests::default();
        let seen = requests.clone();
        let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
        let client = client_by(move |sent| {
            seen.push(sent);
            let answer = answers.lock().unwrap().pop_front();
            async move {
                match answer {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                }
            }
        });
        let (store, queue, stop) = (Store::new(), Queue::new(8), CancellationToken::new());
        let objects = objects(client, namespaces);
        let watch = Watch::new(Arc::new(Idle), objects, Arc::clone(&store), queue.clone());
        tokio::spawn(watch.run(stop.clone()));
        Running {
            store,
            queue,
            requests,
            stop,
        }
    }

    fn event(kind: &str, object: &Value) -> Value {
        json!({"type": kind, "object": object})
    }

    fn end_of_list(version: u64) -> Value {
        json!({"type": "BOOKMARK", "object": {
            "apiVersion": "greengrass-operator.dev/v1alpha1", "kind": "GreengrassDeployment",
            "metadata": {"resourceVersion": version.to_string(), "annotations": {"k8s.io/initial-events-end": "true"}},
        }})
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_listed_is_stored_and_woken_and_then_the_watch_is_in_sync() {
        let running = watch(
            Namespaces::All,
            [Answer::events(&[
                event("ADDED", &stored("a", 3)),
                event("ADDED", &stored("b", 4)),
                end_of_list(5),
            ])],
        );
        running.store.synced().await;
        assert_eq!(running.store.len(), 2);
        assert!(
            running.requests.all()[0]
                .uri
                .contains("sendInitialEvents=true")
        );
        let lease = running.queue.next().await;
        assert_eq!(lease.turn().name, record("a", 0).name);
        assert!(lease.turn().reasons.contains(Reason::Listed));
        running.stop.cancel();
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_without_streaming_lists_is_read_page_by_page() {
        let page = json!({"metadata": {"resourceVersion": "9"}, "items": [stored("a", 3)]});
        let running = watch(
            Namespaces::All,
            [
                Answer::error(
                    422,
                    "Invalid",
                    "sendInitialEvents: Forbidden: sendInitialEvents is forbidden",
                ),
                Answer::ok(&page),
            ],
        );
        running.store.synced().await;
        assert_eq!(running.store.len(), 1);
        assert!(
            running.requests.all()[1].uri.contains("limit=500"),
            "{:?}",
            running.requests.all()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn changes_and_the_end_of_objects_wake_and_an_echo_does_not() {
        let mut changed = stored("a", 8);
        changed["metadata"]["generation"] = json!(2);
        let running = watch(
            Namespaces::All,
            [
                Answer::events(&[
                    event("ADDED", &stored("a", 3)),
                    event("ADDED", &stored("b", 4)),
                    end_of_list(5),
                ]),
                Answer::events(&[
                    event("MODIFIED", &stored("b", 4)),
                    event("MODIFIED", &changed),
                    event("DELETED", &stored("b", 9)),
                ]),
            ],
        );
        running.store.synced().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(running.store.names(), [record("a", 0).name]);
        let mut woken = Vec::new();
        for _ in 0..2 {
            let lease = running.queue.next().await;
            woken.push((
                lease.turn().name.name.clone(),
                lease.turn().reasons.iter().collect::<Vec<_>>(),
            ));
            lease.done(Rest::until_woken());
        }
        woken.sort();
        assert_eq!(
            woken,
            [
                ("a".into(), vec![Reason::Listed, Reason::SpecChanged]),
                ("b".into(), vec![Reason::Listed, Reason::Gone])
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_vanished_while_the_watch_was_broken_is_gone_after_the_next_list() {
        let expired = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": "too old resource version", "reason": "Expired", "code": 410}});
        let running = watch(
            Namespaces::All,
            [
                Answer::events(&[
                    event("ADDED", &stored("a", 3)),
                    event("ADDED", &stored("b", 4)),
                    end_of_list(5),
                    expired,
                ]),
                Answer::error(500, "InternalError", "etcd has no leader"),
                Answer::events(&[event("ADDED", &stored("b", 4)), end_of_list(9)]),
            ],
        );
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(running.store.names(), [record("b", 0).name]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_cant_be_read_and_an_object_that_is_none_stop_nothing() {
        let running = watch(
            Namespaces::All,
            [Answer::events(&[
                event("ADDED", &json!({"metadata": {"name": "odd"}})),
                json!("nonsense"),
                event("ADDED", &stored("a", 3)),
                end_of_list(5),
            ])],
        );
        running.store.synced().await;
        assert_eq!(running.store.names(), [record("a", 0).name]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_watch_is_in_sync_when_every_namespace_is_listed() {
        let namespaces = Namespaces::Only(["one".to_owned(), "two".to_owned()].into());
        let running = watch(namespaces, [Answer::events(&[end_of_list(5)])]);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!running.store.is_synced());
        let namespaces = Namespaces::Only(["one".to_owned(), "two".to_owned()].into());
        let running = watch(
            namespaces,
            [
                Answer::events(&[end_of_list(5)]),
                Answer::events(&[end_of_list(5)]),
            ],
        );
        running.store.synced().await;
        assert!(running.requests.all()[0].uri.contains("/namespaces/one/"));
    }
}
