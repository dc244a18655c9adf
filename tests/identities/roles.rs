//! Roles that the operator assumes: on whose behalf, when they fail, and when they work again.

use std::time::Duration;

use greengrass_emulator::{CallRecord, FaultAction, FaultRule, Operation};
use serde_json::json;

use super::{OTHER, everything, group_there, identity, presses_there, put_identity, role, role_arn, wait_identity};
use crate::world::{ACCOUNT, Manifest, REGION, World, condition};

fn creates(world: &World, account: &str) -> Vec<CallRecord> {
    let calls = world.emulator.calls_of("CreateDeployment").into_iter();
    calls.filter(|call| call.account.as_deref() == Some(account)).collect()
}

#[test]
fn the_audit_log_of_aws_tells_for_which_namespace_a_role_was_assumed() {
    let world = World::new("session");
    world.emulator.add_role(role("deployer").requiring_external_id("factory-7").unwrap());
    let mut spec = everything(&world, "deployer");
    spec["externalId"] = json!("factory-7");
    spec["tags"] = json!({"cost-center": "4711"});
    let name = identity(&world, "there", &spec);
    let group = group_there(&world.emulator, "Presses");
    world.apply(&Manifest::new("presses", &group).with("identityRef", json!({"name": name})));
    world.wait_ready("presses");
    let calls = creates(&world, OTHER);
    let caller = calls[0].caller.as_ref().unwrap();
    assert_eq!(caller.role_arn.as_deref(), Some(&*role_arn("deployer")));
    assert_eq!(caller.session_name.as_deref(), Some(&*world.namespace));
    let tag = |key: &str| caller.session_tags.get(&format!("greengrass-operator.dev/{key}")).cloned();
    assert_eq!(tag("namespace"), Some(world.namespace.clone()));
    assert_eq!(tag("identity"), Some(name));
    assert_eq!(tag("cluster").as_deref(), Some("test"));
    assert_eq!(world.emulator.deployments(OTHER, REGION)[0].tags["cost-center"], "4711");
    // One session for the namespace and one for the identity itself, however many resources there are.
    for number in 0..5 {
        let group = group_there(&world.emulator, &format!("Line{number}"));
        let manifest = Manifest::new(&format!("line{number}"), &group);
        world.apply(&manifest.with("identityRef", json!({"name": format!("there-{}", world.namespace)})));
        world.wait_ready(&format!("line{number}"));
    }
    assert_eq!(world.count("AssumeRole"), 2);
}

#[test]
fn a_role_that_fails_touches_only_its_own_resources_and_heals_them_when_it_works() {
    let world = World::new("failing-role");
    let name = identity(&world, "there", &everything(&world, "deployer"));
    let (here, there) = (world.group("Presses"), group_there(&world.emulator, "Presses"));
    world.apply(&Manifest::new("there", &there).with("identityRef", json!({"name": name})));
    // The operator may hear of the resource before it hears of its identity.
    world.wait_until("there", "told that the role can't be assumed", |object| {
        let ready = condition(object, "Ready").filter(|ready| ready["reason"] == "ProgressingWithRetry");
        let message = ready.and_then(|ready| ready["message"].as_str()).unwrap_or_default();
        message.contains("AssumeRole") && message.contains("trust policy")
    });
    wait_identity(&world, &name, "False", "ProgressingWithRetry");
    world.apply(&Manifest::new("here", &here));
    world.wait_ready("here");
    world.emulator.add_role(role("deployer"));
    world.wait_ready("there");
    wait_identity(&world, &name, "True", "Authenticated");
    assert_eq!((creates(&world, OTHER).len(), creates(&world, ACCOUNT).len()), (1, 1));
}

#[test]
fn a_role_whose_sessions_are_revoked_or_deleted_is_assumed_anew() {
    let world = World::new("rotation");
    let (_, manifest) = presses_there(&world);
    world.apply(&manifest);
    world.wait_ready("presses");
    // Older sessions are unknown now, as after the deletion and new making of a role.
    assert!(world.emulator.remove_role(&role_arn("deployer")));
    world.emulator.add_role(role("deployer"));
    // What AWS does not take is dropped once it is not quite fresh any more.
    std::thread::sleep(Duration::from_secs(11));
    world.apply(&manifest.clone().version("1.0.1"));
    world.wait_until("presses", "ready with the change", |object| {
        object["status"]["revisionId"] == "2" && crate::world::is_ready(object)
    });
    assert_eq!(world.emulator.deployments(OTHER, REGION).len(), 2);
}

#[test]
fn a_session_that_was_revoked_is_made_anew_within_a_minute() {
    let mut world = World::without_operator("revoked");
    let (_, manifest) = presses_there(&world);
    world.start_operator();
    world.apply(&manifest);
    world.wait_ready("presses");
    std::thread::sleep(Duration::from_mins(1));
    assert!(world.emulator.revoke_sessions(&role_arn("deployer")));
    world.apply(&manifest.clone().version("1.0.1"));
    world.wait_until("presses", "ready with the change", |object| {
        object["status"]["revisionId"] == "2" && crate::world::is_ready(object)
    });
}

#[test]
fn a_lost_answer_to_assume_role_is_no_lost_answer_to_a_create() {
    let world = World::new("assume-lost");
    world.emulator.add_role(role("deployer"));
    world.emulator.faults().add(FaultRule::on(Operation::AssumeRole, FaultAction::ResetAfter));
    let name = identity(&world, "there", &everything(&world, "deployer"));
    let group = group_there(&world.emulator, "Presses");
    world.apply(&Manifest::new("presses", &group).with("identityRef", json!({"name": name})));
    world.wait_ready("presses");
    assert_eq!(world.emulator.deployments(OTHER, REGION).len(), 1);
}

#[test]
fn resources_of_one_namespace_share_what_is_asked_of_a_role_that_fails() {
    let world = World::new("refusals");
    let name = identity(&world, "there", &everything(&world, "deployer"));
    for number in 0..20 {
        let group = group_there(&world.emulator, &format!("Line{number}"));
        let manifest = Manifest::new(&format!("line{number}"), &group);
        world.apply(&manifest.with("identityRef", json!({"name": name})));
    }
    for number in 0..20 {
        world.wait_for(&format!("line{number}"), "False", "ProgressingWithRetry");
    }
    let asked = world.count("AssumeRole");
    assert!(asked <= 10, "{asked} calls for twenty resources");
    put_identity(&world, &name, &everything(&world, "other"));
    world.emulator.add_role(role("other"));
    for number in 0..20 {
        world.wait_ready(&format!("line{number}"));
    }
}
