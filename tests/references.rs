//! What a spec refers to: a parent by name, and configurations in a ConfigMap.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Manifest, World, condition};

fn config_map(world: &World, name: &str, data: &Value) {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
    let arguments = ["--namespace", world.namespace.as_str(), "apply", "--filename=-"];
    world.cluster.kubectl_with_input(&arguments, &object.to_string()).unwrap().success().unwrap();
}

fn with_update(manifest: Manifest, update: &Value) -> Manifest {
    let component = json!({"componentVersion": "1.0.0", "configurationUpdate": update});
    manifest.with("components", json!({"com.example.HelloWorld": component}))
}

fn from(name: &str, key: &str) -> Value {
    json!({"configMapKeyRef": {"name": name, "key": key}})
}

/// What the newest deployment merges.
fn merged(world: &World) -> Value {
    let newest = world.deployments().pop().unwrap();
    let text = newest.components["com.example.HelloWorld"]["configurationUpdate"]["merge"].as_str().unwrap().to_owned();
    serde_json::from_str(&text).unwrap()
}

fn message(object: &Value) -> String {
    condition(object, "Ready").unwrap()["message"].as_str().unwrap().to_owned()
}

#[test]
fn config_maps_are_merged_in_their_order_and_a_change_of_one_makes_a_revision() {
    let world = World::new("merge-from");
    let group = world.group("Presses");
    config_map(&world, "base", &json!({"config.yaml": "port: 1\nnested:\n  a: 1\n  b: 1\nlist: [1, 2]\n"}));
    config_map(&world, "site", &json!({"config.json": "{\"Port\": 2, \"nested\": {\"b\": 2}}"}));
    let update = json!({
        "mergeFrom": [from("base", "config.yaml"), from("site", "config.json")],
        "merge": {"nested": {"c": 3}, "list": [9]},
    });
    world.apply(&with_update(Manifest::new("presses", &group), &update));
    world.wait_ready("presses");
    assert_eq!(merged(&world), json!({"Port": 2, "nested": {"a": 1, "b": 2, "c": 3}, "list": [9]}));

    let before = world.object("presses").unwrap();
    config_map(&world, "site", &json!({"config.json": "{\"Port\": 3}"}));
    world.wait("the second revision", || world.count("CreateDeployment") == 2);
    let after = world.wait_until("presses", "ready again", |object| object["status"]["revisionId"] == "2");
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"], "the spec itself did not change");
    world.wait_ready("presses");
    assert_eq!(merged(&world), json!({"Port": 3, "nested": {"a": 1, "b": 1, "c": 3}, "list": [9]}));

    // What means the same is no change, and what nobody refers to is none of ours.
    let calls = world.calls_of(|| {
        config_map(&world, "site", &json!({"config.json": "{ \"Port\": 3.0 }", "unused": "x"}));
        config_map(&world, "other", &json!({"config.json": "{}"}));
        std::thread::sleep(Duration::from_secs(2));
    });
    assert!(calls.is_empty(), "{calls:?}");
}

#[test]
fn a_missing_config_map_or_key_is_waited_for_and_an_optional_one_is_not() {
    let mut world = World::new("missing-map");
    let group = world.group("Presses");
    let manifest = with_update(Manifest::new("presses", &group), &json!({"mergeFrom": [from("settings", "a")]}));
    world.apply(&manifest);
    let waiting = world.wait_for("presses", "False", "ProgressingWithRetry");
    assert!(message(&waiting).contains("ConfigMap settings is not there"), "{}", message(&waiting));
    config_map(&world, "settings", &json!({"b": "{}"}));
    let waiting = world.wait_until("presses", "waiting for the key", |object| message(object).contains("has no key a"));
    assert_eq!(condition(&waiting, "Reconciling").unwrap()["reason"], "ProgressingWithRetry");
    assert_eq!(world.calls(), Vec::<String>::new());
    config_map(&world, "settings", &json!({"a": "x: 1"}));
    world.wait_ready("presses");

    // Gone again: what is deployed stays, and the resource says so, through a restart too.
    world.kubectl(&["delete", "configmap", "settings"]).success().unwrap();
    world.wait_for("presses", "False", "ProgressingWithRetry");
    world.stop_operator();
    world.start_operator();
    world.wait_for("presses", "False", "ProgressingWithRetry");
    assert_eq!(world.count("CreateDeployment"), 1);
    let optional = json!({"mergeFrom": [{"configMapKeyRef": {"name": "settings", "key": "a", "optional": true}}]});
    world.apply(&with_update(Manifest::new("presses", &group), &optional));
    world.wait_ready("presses");
    assert_eq!(world.count("CreateDeployment"), 2);
}

#[test]
fn what_is_no_object_is_an_invalid_spec_that_names_the_key_and_shows_no_content() {
    let world = World::new("bad-map");
    let group = world.group("Presses");
    config_map(&world, "settings", &json!({"a": "- topsecret"}));
    world.apply(&with_update(Manifest::new("presses", &group), &json!({"mergeFrom": [from("settings", "a")]})));
    let invalid = world.wait_for("presses", "False", "InvalidSpec");
    assert!(
        message(&invalid).contains("mergeFrom[0]: (key a of ConfigMap settings) is no object"),
        "{}",
        message(&invalid)
    );
    assert!(!invalid["status"].to_string().contains("topsecret"));
    config_map(&world, "settings", &json!({"a": "b: 1"}));
    world.wait_ready("presses");
}

#[test]
fn a_config_map_changed_while_the_operator_was_down_makes_a_revision() {
    let mut world = World::new("down-map");
    let group = world.group("Presses");
    config_map(&world, "settings", &json!({"a": "x: 1"}));
    world.apply(&with_update(Manifest::new("presses", &group), &json!({"mergeFrom": [from("settings", "a")]})));
    world.wait_ready("presses");
    world.stop_operator();
    config_map(&world, "settings", &json!({"a": "x: 2"}));
    // What may have changed meanwhile is looked at within an interval, so that a restart is no storm.
    world.start_operator_with(&[("GREENGRASS_OPERATOR_DRIFT_INTERVAL", "10s")]);
    world.wait("the second revision", || world.count("CreateDeployment") == 2);
    world.wait_until("presses", "the second revision", |object| object["status"]["revisionId"] == "2");
    assert_eq!(merged(&world), json!({"x": 2}));
}

#[test]
fn a_parent_by_name_may_come_after_its_subdeployment() {
    let world = World::new("parent-name");
    let (parent, canary) = (world.group("Presses"), world.group("Canary"));
    world.apply(&Manifest::new("canary", &canary).with("parent", json!({"name": "presses"})));
    let waiting = world.wait_for("canary", "False", "ProgressingWithRetry");
    assert!(message(&waiting).contains("GreengrassDeployment presses is not there"), "{}", message(&waiting));
    assert_eq!(world.calls(), Vec::<String>::new());
    world.apply(&Manifest::new("presses", &parent));
    let ready = world.wait_ready("canary");
    assert_eq!(ready["status"]["resolved"]["parentTargetArn"], parent.as_str());
    assert_eq!(world.deployments()[1].parent_target_arn.as_deref(), Some(parent.as_str()));
}

#[test]
fn a_subdeployment_can_be_no_parent() {
    let world = World::new("parent-unfit");
    let (parent, canary, nested) = (world.group("Presses"), world.group("Canary"), world.group("Nested"));
    world.apply(&Manifest::new("presses", &parent));
    world.apply(&Manifest::new("canary", &canary).parent(&parent));
    world.wait_ready("canary");
    world.apply(&Manifest::new("nested", &nested).with("parent", json!({"name": "canary"})));
    let waiting = world.wait_for("nested", "False", "ProgressingWithRetry");
    assert!(message(&waiting).contains("can't be a parent"), "{}", message(&waiting));
}

#[test]
fn a_subdeployment_by_name_can_be_deleted_when_its_parents_resource_is_gone() {
    let world = World::new("parent-gone");
    let (parent, canary) = (world.group("Presses"), world.group("Canary"));
    world.apply(&Manifest::new("presses", &parent));
    let sub = Manifest::new("canary", &canary).with("parent", json!({"name": "presses"}));
    world.apply(&sub.with("deletionPolicy", json!("Delete")));
    world.wait_ready("canary");
    world.delete("presses");
    world.wait_gone("presses");
    world.wait_for("canary", "False", "ProgressingWithRetry");
    world.delete("canary");
    world.wait_gone("canary");
    assert_eq!(world.deployments().len(), 1, "the parent's stays, as its policy says");
}
