//! Each field, and each status, as a way to reach a role or a target that is not allowed: AWS is not asked.

use greengrass_emulator::CallRecord;
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    OTHER, arn_there, delete_identity, everything, group_there, identity, key_there, presses_there, put_default,
    put_identity, role,
};
use crate::world::{Manifest, REGION, World};

/// Calls about something in the other account, whoever made them.
fn reached(world: &World) -> Vec<CallRecord> {
    let calls = world.emulator.calls().into_iter();
    let is_there = |call: &CallRecord| {
        call.account.as_deref() == Some(OTHER) || call.target_arn.as_deref().is_some_and(|arn| arn.contains(OTHER))
    };
    calls.filter(|call| is_there(call) && !crate::world::is_about_identity(call)).collect()
}

fn nothing_reached(world: &World) {
    let calls = reached(world);
    assert!(calls.is_empty(), "{calls:#?}");
}

/// A world with an identity for the other account that allows one group there to another namespace only.
fn guarded(prefix: &str) -> (World, String) {
    let world = World::new(prefix);
    world.emulator.add_role(role("deployer"));
    let mut spec = everything(&world, "deployer");
    spec["allowedNamespaces"] = json!({"names": ["somebody-elses"]});
    let name = identity(&world, "theirs", &spec);
    group_there(&world.emulator, "Presses");
    world.group("Presses");
    (world, name)
}

#[rstest]
#[case::by_reference(json!({}))]
#[case::by_reference_and_short_name(json!({"targetArn": null, "target": {"thingGroup": "Presses"}}))]
#[case::by_suspending(json!({"suspend": true}))]
#[case::by_adopting(json!({"adoptionPolicy": "Always"}))]
#[case::by_a_parent(json!({"parentTargetArn": arn_there("Machines")}))]
#[case::by_a_policy_of_deletion(json!({"deletionPolicy": "Delete"}))]
fn another_namespaces_identity_is_of_no_use(#[case] changes: Value) {
    let (world, theirs) = guarded("theirs");
    let mut manifest = Manifest::new("presses", &arn_there("Presses")).with("identityRef", json!({"name": theirs}));
    for (field, value) in changes.as_object().unwrap() {
        manifest = if value.is_null() { manifest.without(field) } else { manifest.with(field, value.clone()) };
    }
    world.apply(&manifest);
    world.wait_for("presses", "False", "IdentityNotAllowed");
    nothing_reached(&world);
    world.annotate("presses", "reconcile-at", "now");
    world.annotate("presses", "redeploy-at", "now");
    world.delete("presses");
    world.wait_gone("presses");
    nothing_reached(&world);
}

#[test]
fn the_own_identity_reaches_no_other_account() {
    let (world, _) = guarded("elsewhere");
    // Only AWS knows whose the own credentials are; a target without an ARN waits for it.
    put_default(&world, &json!({"region": REGION}));
    let here = Manifest::new("here", "").without("targetArn").with("target", json!({"thingGroup": "Presses"}));
    world.apply(&here);
    world.wait_ready("here");
    world.apply(&Manifest::new("presses", &arn_there("Presses")));
    let object = world.wait_for("presses", "False", "IdentityNotAllowed");
    let message = object["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("is for account"), "{message}");
    nothing_reached(&world);
}

#[rstest]
#[case::another_group(json!({"allowedTargets": ["*:thinggroup/Paint*"]}))]
#[case::nothing(json!({"allowedTargets": []}))]
fn targets_that_are_not_allowed_are_not_asked_about(#[case] narrowed: Value) {
    let world = World::new("targets");
    put_default(&world, &narrowed);
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.wait_for("presses", "False", "IdentityNotAllowed");
    assert_eq!(world.calls(), Vec::<String>::new());
    // Once it allows it, the resource goes on at once.
    put_default(&world, &json!({}));
    world.wait_ready("presses");
}

#[test]
fn a_default_that_is_widened_wakes_those_who_were_not_allowed() {
    let world = World::new("widened");
    put_default(&world, &json!({"allowedNamespaces": {"names": ["somebody-elses"]}}));
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    let object = world.wait_for("presses", "False", "IdentityNotAllowed");
    // Later than the first tries, so that only the identity's change can be what wakes it.
    std::thread::sleep(std::time::Duration::from_secs(20));
    put_default(&world, &json!({}));
    let begun = std::time::Instant::now();
    world.wait_ready("presses");
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "at once: {object}");
}

#[test]
fn a_parent_that_is_not_allowed_is_not_asked_about() {
    let world = World::new("parents");
    put_default(&world, &json!({"allowedTargets": ["*/Presses"]}));
    let (group, parent) = (world.group("Presses"), world.group("Machines"));
    world.apply(&Manifest::new("presses", &group).parent(&parent));
    world.wait_for("presses", "False", "IdentityNotAllowed");
    assert_eq!(world.calls(), Vec::<String>::new());
}

/// A status that somebody forged so that the operator would clear, or read, something of the other account.
fn forged(theirs: &str, deployment: &str) -> Value {
    json!({"status": {
        "observedGeneration": 1,
        "deploymentId": deployment,
        "appliedDigest": "1:0",
        "deletionPolicy": "Delete",
        "history": null,
        "resolved": {"accountId": OTHER, "region": REGION, "targetArn": arn_there("Presses"), "identity": theirs},
    }})
}

#[test]
fn a_forged_status_reaches_nothing() {
    let (mut world, theirs) = guarded("forged");
    world.emulator.add_access_key(key_there());
    let request = json!({"targetArn": arn_there("Presses"), "components": {}});
    let deployment = world.emulator.create_deployment(OTHER, REGION, &request).unwrap();
    let before = reached(&world).len();
    let here = world.group("Here");
    world.apply(&Manifest::new("presses", &here).with("deletionPolicy", json!("Delete")));
    world.wait_ready("presses");
    world.stop_operator();
    let patch = forged(&theirs, &deployment).to_string();
    let forge = ["patch", "greengrassdeployment", "presses", "--subresource=status", "--type=merge", "--patch", &patch];
    world.kubectl(&forge).success().unwrap();
    world.start_operator();
    world.wait_for("presses", "False", "KeyChanged");
    world.annotate("presses", "reconcile-at", "now");
    world.delete("presses");
    world.wait_for("presses", "False", "DeletionBlocked");
    assert_eq!(reached(&world).len(), before);
    assert_eq!(world.emulator.deployments(OTHER, REGION).len(), 1);
    // The way out that the message names.
    let retain = ["patch", "greengrassdeployment", "presses", "--type=merge", "--patch"];
    world.kubectl(&[&retain[..], &[r#"{"spec":{"deletionPolicy":"Retain"}}"#]].concat()).success().unwrap();
    world.wait_gone("presses");
}

#[test]
fn an_identity_that_is_narrowed_or_deleted_while_in_use_stops_writes_at_once() {
    let world = World::new("narrowed");
    let (name, manifest) = presses_there(&world);
    world.apply(&manifest);
    world.wait_ready("presses");

    let mut narrowed = everything(&world, "deployer");
    narrowed["allowedNamespaces"] = json!({"names": ["somebody-elses"]});
    put_identity(&world, &name, &narrowed);
    world.wait_for("presses", "False", "IdentityNotAllowed");
    let before = reached(&world).len();
    world.apply(&manifest.clone().version("1.0.1"));
    world.wait_for("presses", "False", "IdentityNotAllowed");
    assert_eq!(reached(&world).len(), before);

    put_identity(&world, &name, &everything(&world, "deployer"));
    world.wait_ready("presses");
    assert_eq!(world.emulator.deployments(OTHER, REGION).len(), 2);

    delete_identity(&world, &name);
    world.wait_for("presses", "False", "ProgressingWithRetry");
    let before = reached(&world).len();
    world.apply(&manifest.clone().version("1.0.2"));
    world.wait_for("presses", "False", "ProgressingWithRetry");
    assert_eq!(reached(&world).len(), before);
    put_identity(&world, &name, &everything(&world, "deployer"));
    world.wait_ready("presses");
    assert_eq!(world.emulator.deployments(OTHER, REGION).len(), 3);
}
