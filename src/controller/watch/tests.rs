//! The watch against an API server that lists, changes, breaks off and errs.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::controller::mock::{Answer, Requests, client_by, objects, stored};
use crate::controller::objects::Namespaces;
use crate::controller::queue::{Lane, Reason, Rest, Turn};
use crate::controller::record::tests::record;
use crate::leadership::Predecessor;

struct Idle;

impl Kind for Idle {
    const NAME: &'static str = "Idle";

    async fn run(&self, _turn: Turn) -> Rest {
        Rest::until_woken()
    }

    fn lane(&self, _record: &Record) -> Lane {
        Lane::named("lane")
    }

    fn begin(&self, _predecessor: Predecessor) {}

    fn end(&self) {}

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
    Running { store, queue, requests, stop }
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
        [Answer::events(&[event("ADDED", &stored("a", 3)), event("ADDED", &stored("b", 4)), end_of_list(5)])],
    );
    running.store.synced().await;
    assert_eq!(running.store.len(), 2);
    assert!(running.requests.all()[0].uri.contains("sendInitialEvents=true"));
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
            Answer::error(422, "Invalid", "sendInitialEvents: Forbidden: sendInitialEvents is forbidden"),
            Answer::ok(&page),
        ],
    );
    running.store.synced().await;
    assert_eq!(running.store.len(), 1);
    assert!(running.requests.all()[1].uri.contains("limit=500"), "{:?}", running.requests.all());
}

#[tokio::test(start_paused = true)]
async fn changes_and_the_end_of_objects_wake_and_an_echo_does_not() {
    let mut changed = stored("a", 8);
    changed["metadata"]["generation"] = json!(2);
    let running = watch(
        Namespaces::All,
        [
            Answer::events(&[event("ADDED", &stored("a", 3)), event("ADDED", &stored("b", 4)), end_of_list(5)]),
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
        woken.push((lease.turn().name.name.to_string(), lease.turn().reasons.iter().collect::<Vec<_>>()));
        lease.done(Rest::until_woken());
    }
    woken.sort();
    assert_eq!(
        woken,
        [("a".into(), vec![Reason::Listed, Reason::SpecChanged]), ("b".into(), vec![Reason::Listed, Reason::Gone])]
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
    let running = watch(namespaces, [Answer::events(&[end_of_list(5)]), Answer::events(&[end_of_list(5)])]);
    running.store.synced().await;
    assert!(running.requests.all()[0].uri.contains("/namespaces/one/"));
}
