//! The watch shows what is no longer so, or stops telling (does I/O through the proxy).

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use http::Request;
use serde_json::{Value, json};

use super::proxy::Proxy;
use crate::world::{Manifest, World};

/// What the next watches of the resources show.
#[derive(Default)]
pub struct Script {
    /// The objects that the next first list shows in place of the true ones, and for how long nothing else comes.
    older: Option<(Vec<Value>, Duration)>,
}

impl Script {
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// Answers a watch as the script says.
pub async fn watched(
    script: Script,
    request: Request<Body>,
    forward: impl AsyncFnOnce(Request<Body>) -> Response,
) -> Response {
    let Script { older } = script;
    if let Some((objects, time)) = older {
        let version = objects.iter().filter_map(|object| object["metadata"]["resourceVersion"].as_str());
        let newest = version.max_by_key(|version| version.parse::<u64>().unwrap_or(0)).unwrap_or("1").to_owned();
        let end = json!({"kind": "GreengrassDeployment", "apiVersion": "greengrass-operator.dev/v1alpha1", "metadata": {
            "resourceVersion": newest, "annotations": {"k8s.io/initial-events-end": "true"}, "creationTimestamp": null,
        }});
        let added = objects.into_iter().map(|object| json!({"type": "ADDED", "object": object}));
        let events: Vec<_> = added.chain([json!({"type": "BOOKMARK", "object": end})]).collect();
        return stream(events, time);
    }
    forward(request).await
}

/// Events, then nothing for a while, then the end of a watch that is too old.
fn stream(events: Vec<Value>, quiet: Duration) -> Response {
    let line = |event: Value| Ok::<_, std::io::Error>(Bytes::from(format!("{event}\n")));
    let expired = json!({"type": "ERROR", "object": {
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410, "message": "too old",
    }});
    let last = async move {
        tokio::time::sleep(quiet).await;
        Ok(Bytes::from(format!("{expired}\n")))
    };
    let body = futures::stream::iter(events.into_iter().map(line)).chain(futures::stream::once(last));
    Response::builder().header("content-type", "application/json").body(Body::from_stream(body)).unwrap()
}

fn proxied(prefix: &str) -> (World, Proxy) {
    let mut world = World::without_operator(prefix);
    let proxy = Proxy::start(world.kubeconfig(), world.endpoint(), world.folder());
    start(&mut world, &proxy);
    (world, proxy)
}

fn start(world: &mut World, proxy: &Proxy) {
    let kubeconfig = proxy.kubeconfig.to_str().unwrap().to_owned();
    world.start_operator_with(&[("KUBECONFIG", &kubeconfig), ("AWS_ENDPOINT_URL", &proxy.endpoint)]);
}

#[test]
fn after_a_restart_an_older_list_leads_to_no_write_to_aws() {
    let (mut world, proxy) = proxied("older");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group).with("deletionPolicy", json!("Delete"));
    world.apply(&manifest);
    let old = world.wait_ready("presses");
    world.apply(&manifest.version("1.0.1"));
    world.wait_ready("presses");
    world.kill_operator();
    // The status of the old object says that 1.0.0 is deployed, and its spec wants it: AWS has 1.0.1.
    proxy.script().older = Some((vec![old], Duration::from_secs(8)));
    start(&mut world, &proxy);
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(world.count("CreateDeployment"), 2, "nothing is made for a spec that is over");
    world.annotate("presses", "reconcile-at", "now");
    world.wait_until("presses", "seen again", |object| object["status"]["lastHandledReconcileAt"] == "now");
    let ready = world.wait_ready("presses");
    assert_eq!((ready["status"]["revisionId"].as_str(), world.count("CreateDeployment")), (Some("2"), 2));
}

#[test]
fn after_a_restart_an_older_list_does_not_delete_what_was_changed_to_be_retained() {
    let (mut world, proxy) = proxied("mercy");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group).with("deletionPolicy", json!("Delete"));
    world.apply(&manifest);
    world.wait_ready("presses");
    world.kill_operator();
    world.delete("presses");
    let doomed = world.object("presses").unwrap();
    world.apply(&manifest.with("deletionPolicy", json!("Retain")));
    proxy.script().older = Some((vec![doomed], Duration::from_secs(20)));
    start(&mut world, &proxy);
    world.wait_gone("presses");
    assert_eq!(world.deployments().len(), 1, "the policy that counts is the one that the API server has");
    assert_eq!(world.count("CancelDeployment") + world.count("DeleteDeployment"), 0);
}

#[test]
fn events_that_never_come_are_made_up_for_when_the_watch_begins_again() {
    let (mut world, proxy) = proxied("deaf");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    let ready = world.wait_ready("presses");
    world.stop_operator();
    proxy.script().older = Some((vec![ready], Duration::from_secs(5)));
    start(&mut world, &proxy);
    world.apply(&Manifest::new("presses", &group).version("1.0.1"));
    world.apply(&Manifest::new("presses", &group).version("1.0.2"));
    world.wait("the newest content", || {
        world
            .deployments()
            .last()
            .is_some_and(|one| one.components["com.example.HelloWorld"]["componentVersion"] == "1.0.2")
    });
    world.wait_ready("presses");
    assert!(world.deployments().len() <= 3);
}

#[test]
fn a_spec_changed_and_changed_back_while_nobody_looked_makes_no_revision() {
    let (mut world, proxy) = proxied("unseen");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    world.stop_operator();
    world.apply(&Manifest::new("presses", &group).version("1.0.1"));
    world.apply(&Manifest::new("presses", &group));
    start(&mut world, &proxy);
    let ready = world.wait_ready("presses");
    assert_eq!(
        (ready["status"]["revisionId"].as_str(), ready["status"]["appliedGeneration"].as_i64()),
        (Some("1"), Some(3))
    );
    assert_eq!(world.count("CreateDeployment"), 1);
}
