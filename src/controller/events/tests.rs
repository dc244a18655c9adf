//! What the API server gets to see of events.

use kube::core::GroupVersionKind;
use serde_json::Value;

use super::*;
use crate::aws::SingleReplica;
use crate::controller::mock::{Answer, Requests, client_answering, client_by};
use crate::controller::record::tests::record;

fn events_on(client: Client) -> Events {
    let kind = GroupVersionKind::gvk("greengrass-operator.dev", "v1alpha1", "GreengrassDeployment");
    let clock = Clock::at("2026-11-23T10:00:00Z".parse().unwrap());
    Events::new(client, &ApiResource::from_gvk(&kind), "pod-1", clock, Metrics::new(), Arc::new(SingleReplica))
}

fn events(answers: impl IntoIterator<Item = Answer>) -> (Events, Requests) {
    let (client, requests) = client_answering(answers);
    (events_on(client), requests)
}

fn accepted() -> Answer {
    Answer::ok(&json!({"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {}, "eventTime": null}))
}

#[tokio::test(start_paused = true)]
async fn an_event_says_all_that_the_api_server_wants_to_know() {
    let (events, requests) = events([accepted()]);
    events.transition(&record("a", 7), true, "Deployed", "revision 3 is deployed").await;
    let sent = requests.one();
    assert_eq!(sent.method, "POST");
    assert!(sent.uri.starts_with("/apis/events.k8s.io/v1/namespaces/press/events?"), "{}", sent.uri);
    let mut body = sent.body;
    let name = body["metadata"]["name"].take();
    assert!(name.as_str().unwrap().starts_with("a."), "{name}");
    assert_eq!(
        body,
        json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": {"name": null, "namespace": "press"},
            "action": "Reconcile", "eventTime": "2026-11-23T10:00:00.000000Z",
            "note": "revision 3 is deployed", "reason": "Deployed", "type": "Normal",
            "reportingController": "greengrass-operator.dev/greengrass-operator", "reportingInstance": "pod-1",
            "regarding": {
                "apiVersion": "greengrass-operator.dev/v1alpha1", "kind": "GreengrassDeployment",
                "name": "a", "namespace": "press", "uid": "uid-a", "resourceVersion": "7",
            },
        })
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_again_is_counted_on_the_first_and_another_note_is_another_event() {
    let (events, requests) = events([accepted(), accepted(), accepted()]);
    let record = record("a", 7);
    events.warning(&record, "AccessDenied", "denied").await;
    events.warning(&record, "AccessDenied", "denied").await;
    tokio::time::advance(COUNT_INTERVAL).await;
    events.warning(&record, "AccessDenied", "denied").await;
    events.warning(&record, "AccessDenied", "denied by another").await;
    let sent = requests.all();
    let methods: Vec<_> = sent.iter().map(|sent| sent.method.as_str()).collect();
    assert_eq!(methods, ["POST", "PATCH", "POST"]);
    let name = sent[0].body["metadata"]["name"].as_str().unwrap();
    assert!(sent[1].uri.contains(&format!("/events/{name}?")), "{}", sent[1].uri);
    assert_eq!(sent[1].body, json!({"series": {"count": 3, "lastObservedTime": "2026-11-23T10:01:00.000000Z"}}));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_has_expired_is_created_again() {
    let (events, requests) = events([accepted(), Answer::error(404, "NotFound", "gone"), accepted()]);
    let record = record("a", 7);
    events.warning(&record, "AccessDenied", "denied").await;
    tokio::time::advance(COUNT_INTERVAL).await;
    events.warning(&record, "AccessDenied", "denied").await;
    let names: Vec<Value> = requests.all().iter().map(|sent| sent.body["metadata"]["name"].clone()).collect();
    assert_eq!(names.len(), 3);
    assert_ne!(names[0], names[2]);
}

#[tokio::test(start_paused = true)]
async fn long_words_are_cut_within_the_limits_but_not_within_a_character() {
    let (events, requests) = events([accepted()]);
    events.warning(&record("a", 7), &"R".repeat(200), &"ü".repeat(1000)).await;
    let body = requests.one().body;
    assert_eq!(body["reason"].as_str().unwrap().len(), WORD_LIMIT);
    assert_eq!(body["note"], "ü".repeat(512));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_refuses_or_is_silent_holds_nobody_up_for_long() {
    let (refused, requests) = events([Answer::error(403, "Forbidden", "no"), accepted()]);
    refused.warning(&record("a", 7), "AccessDenied", "denied").await;
    refused.warning(&record("a", 7), "AccessDenied", "denied").await;
    assert_eq!(requests.all().len(), 2);

    let silent = events_on(client_by(|_| std::future::pending()));
    let begun = Instant::now();
    silent.warning(&record("a", 7), "AccessDenied", "denied").await;
    assert_eq!(begun.elapsed(), PUBLISH_LIMIT);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_bounded() {
    let events = events_on(client_by(|_| std::future::ready(accepted())));
    for number in 0..REMEMBERED + 10 {
        events.warning(&record("a", 7), "R", &number.to_string()).await;
    }
    assert_eq!(events.known().len(), REMEMBERED);
}
