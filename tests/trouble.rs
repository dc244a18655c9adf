//! Bad input and faults: each is on the resource with a sentence that says what to do, stops no other resource, and heals.

use greengrass_emulator::{FaultAction, FaultRule, MissingTarget, Operation};
use serde_json::{Value, json};

use crate::world::{Manifest, World, condition};

fn message(object: &Value) -> &str {
    condition(object, "Ready").unwrap()["message"].as_str().unwrap()
}

#[test]
fn a_missing_target_is_named_and_heals_when_it_is_there() {
    let world = World::new("missing");
    world.apply(&Manifest::new("presses", &World::group_arn("Presses")));
    let waiting = world.wait_for("presses", "False", "ProgressingWithRetry");
    let (code, advice) = match world.emulator.switches().missing_target {
        MissingTarget::ResourceNotFound => ("ResourceNotFoundException", "create the thing"),
        MissingTarget::Validation => ("ValidationException", "correct what AWS names in the spec"),
    };
    assert!(message(&waiting).contains(code), "{}", message(&waiting));
    assert!(message(&waiting).contains(advice), "{}", message(&waiting));
    let other = world.group("Others");
    world.apply(&Manifest::new("others", &other));
    world.wait_ready("others");
    world.group("Presses");
    world.wait_ready("presses");
    assert_eq!(world.deployments().len(), 2);
}

#[test]
fn denied_credentials_are_named_and_heal_on_a_request() {
    let world = World::new("denied");
    let group = world.group("Presses");
    let fault =
        world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, FaultAction::AccessDenied).always());
    world.apply(&Manifest::new("presses", &group));
    let denied = world.wait_for("presses", "False", "ProgressingWithRetry");
    assert!(message(&denied).contains("AccessDenied"), "{}", message(&denied));
    assert!(world.emulator.faults().remove(fault));
    world.annotate("presses", "reconcile-at", "now");
    world.wait_ready("presses");
    assert_eq!(world.deployments().len(), 1);
}

#[test]
fn a_throttled_create_waits_as_long_as_aws_asks() {
    let world = World::new("throttled");
    let group = world.group("Presses");
    let throttle = FaultAction::Throttle { retry_after_seconds: Some(3) };
    world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, throttle));
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    let calls = world.emulator.calls_of("CreateDeployment");
    let times: Vec<_> = calls.iter().map(|call| call.time).collect();
    assert_eq!(times.len(), 2);
    assert!(times[1].duration_since(times[0]).as_secs_f64() >= 3.0, "{times:?}");
    assert_eq!(calls[0].request["clientToken"], calls[1].request["clientToken"]);
}

#[test]
fn a_lost_reply_makes_one_deployment() {
    let world = World::new("lost");
    let group = world.group("Presses");
    world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, FaultAction::ResetAfter));
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    assert_eq!((world.deployments().len(), world.count("CreateDeployment")), (1, 1));
}

#[test]
fn a_request_that_was_lost_on_its_way_is_sent_again() {
    let world = World::new("reset");
    let group = world.group("Presses");
    world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, FaultAction::ResetBefore));
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    let calls = world.emulator.calls_of("CreateDeployment");
    assert_eq!((world.deployments().len(), calls.len()), (1, 2));
    assert_eq!(calls[0].request, calls[1].request, "an attempt is always the same bytes");
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_named_and_heals() {
    let mut world = World::without_operator("unreachable");
    let group = world.group("Presses");
    world.start_operator_with(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")]);
    world.apply(&Manifest::new("presses", &group));
    let failing = world.wait_for("presses", "False", "ProgressingWithRetry");
    assert!(message(&failing).contains("can't be reached"), "{}", message(&failing));
    world.stop_operator();
    world.start_operator();
    world.wait_ready("presses");
}

#[test]
fn an_invalid_merge_string_is_named_and_heals_when_mended() {
    let world = World::new("merge");
    let group = world.group("Presses");
    let with_merge = |merge: &str| {
        Manifest::new("presses", &group).with(
            "components",
            json!({"com.example.HelloWorld": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": merge}}}),
        )
    };
    world.apply(&with_merge("{\"Message\": "));
    let invalid = world.wait_for("presses", "False", "InvalidSpec");
    assert!(
        message(&invalid).contains("spec.components[com.example.HelloWorld].configurationUpdate.merge"),
        "{}",
        message(&invalid)
    );
    assert!(world.calls().is_empty());
    world.apply(&with_merge("{\"Message\": \"Hello\"}"));
    world.wait_ready("presses");
}

#[test]
fn an_object_that_cannot_be_decoded_says_so_and_stops_no_other() {
    // A definition from another version let through what this one can't read. The cluster ends with the process.
    let cluster = Box::leak(Box::new(testcluster::Cluster::start().unwrap()));
    let crd = include_str!("../crds/greengrass-operator.dev_greengrassdeployments.yaml");
    let lax = without_schema(crd);
    cluster.apply(&lax).unwrap();
    cluster.apply(include_str!("../crds/greengrass-operator.dev_awsidentities.yaml")).unwrap();
    cluster
        .kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"])
        .unwrap()
        .success()
        .unwrap();
    let world = World::on(cluster, "undecodable");
    let group = world.group("Presses");
    world.apply(&Manifest::new("broken", &group).with("components", json!(7)));
    let broken = world.wait_for("broken", "False", "InvalidSpec");
    assert!(message(&broken).contains("can't be read"), "{}", message(&broken));
    let other = world.group("Others");
    world.apply(&Manifest::new("others", &other));
    world.wait_ready("others");
    world.apply(&Manifest::new("broken", &group));
    world.wait_ready("broken");
}

/// The definition with a schema that takes every spec.
fn without_schema(crd: &str) -> String {
    let mut definition: Value = serde_saphyr::from_str(crd).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    definition.to_string()
}

#[test]
fn a_refused_change_that_is_taken_back_leaves_no_trace() {
    let world = World::new("revert");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group);
    world.apply(&manifest);
    world.wait_ready("presses");
    let refusal =
        FaultAction::Error { status: 400, code: "ValidationException".into(), message: "no such version".into() };
    world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, refusal).always());
    world.apply(&manifest.clone().version("9.9.9"));
    let refused = world.wait_for("presses", "False", "ProgressingWithRetry");
    assert!(message(&refused).contains("no such version"), "{}", message(&refused));
    world.apply(&manifest);
    let ready = world.wait_ready("presses");
    assert_eq!(ready["status"]["revisionId"], "1");
    assert!(ready["status"]["intent"].is_null());
}

#[test]
fn missing_credentials_are_named_and_heal_when_they_are_there() {
    let mut world = World::without_operator("credentials");
    let group = world.group("Presses");
    world.start_operator_with(&[
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        // Or the SDK would look for a machine in EC2 first.
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
    world.apply(&Manifest::new("presses", &group));
    let failing = world.wait_for("presses", "False", "ProgressingWithRetry");
    assert!(message(&failing).contains("no valid AWS credentials"), "{}", message(&failing));
    assert!(world.calls().is_empty());
    world.stop_operator();
    world.start_operator();
    world.wait_ready("presses");
}

#[test]
fn a_right_that_the_operator_lacks_is_named_and_heals_when_it_is_granted() {
    let world = World::new("rights");
    let group = world.group("Presses");
    let role = world
        .kubectl(&["get", "rolebinding", "--output=jsonpath={.items[?(@.roleRef.kind==\"ClusterRole\")].roleRef.name}"])
        .success()
        .unwrap();
    let rule = |verbs: &str| {
        let patch = format!(r#"[{{"op":"replace","path":"/rules/0/verbs","value":{verbs}}}]"#);
        world.kubectl(&["patch", "clusterrole", &role, "--type=json", "--patch", &patch]).success().unwrap();
    };
    rule(r#"["get","list","watch"]"#);
    world.apply(&Manifest::new("presses", &group).with("deletionPolicy", json!("Delete")));
    let refused = world.wait_for("presses", "False", "ProgressingWithRetry");
    assert!(message(&refused).contains("cannot patch"), "{}", message(&refused));
    assert_eq!(world.count("CreateDeployment"), 0);
    rule(r#"["get","list","watch","patch"]"#);
    world.wait_ready("presses");
}
