//! What becomes of a system instance when its resource goes.

use std::time::Duration;

use greengrass_emulator::{FaultAction, FaultRule, Operation, SystemInstanceId, SystemInstanceStatus};
use serde_json::json;

use super::{SOON, definition, forced, id, in_cloud, in_group, instance, with, world, writes};
use crate::world::{VirtualWorld, condition, virtual_time::is};

#[test]
fn by_default_it_stays_and_nothing_holds_the_resource() {
    let world = world("tg-retain");
    world.try_apply(&in_group("room")).unwrap();
    let object = world.wait_for_within("room", "True", "Deployed", SOON);
    assert!(object["metadata"]["finalizers"].is_null());
    world.delete("room");
    world.wait_gone("room", SOON);
    assert_eq!(instance(&world, "Room218").unwrap().status, SystemInstanceStatus::DeployedInTarget);
}

#[test]
fn in_each_state_it_is_undeployed_and_deleted() {
    for (number, state) in [
        SystemInstanceStatus::NotDeployed,
        SystemInstanceStatus::Bootstrap,
        SystemInstanceStatus::DeployInProgress,
        SystemInstanceStatus::DeployedInTarget,
        SystemInstanceStatus::UndeployInProgress,
        SystemInstanceStatus::Failed,
        SystemInstanceStatus::PendingDelete,
        SystemInstanceStatus::DeletedInTarget,
    ]
    .into_iter()
    .enumerate()
    {
        let world = world(&format!("tg-delete-{number}"));
        let room = with(in_group("room"), "deletionPolicy", json!("Delete"));
        world.try_apply(&room).unwrap();
        world.wait_for_within("room", "True", "Deployed", SOON);
        forced(&world, "Room218", state);
        world.pass(Duration::from_secs(1));
        world.delete("room");
        if matches!(
            state,
            SystemInstanceStatus::Bootstrap
                | SystemInstanceStatus::DeployInProgress
                | SystemInstanceStatus::UndeployInProgress
                | SystemInstanceStatus::PendingDelete
        ) {
            // What was forced comes to no end by itself.
            let object = world.wait_for("room", "False", "Removing");
            let message = condition(&object, "Ready").unwrap()["message"].as_str().unwrap().to_owned();
            assert!(message.contains("AWS is at work"), "{state:?}: {message}");
            world.pass(Duration::from_secs(30));
            forced(&world, "Room218", SystemInstanceStatus::DeployedInTarget);
        }
        world.wait_gone("room", Duration::from_mins(5));
        assert!(instance(&world, "Room218").is_none(), "{state:?}");
    }
}

#[test]
fn while_it_is_being_made_it_goes_all_the_same() {
    let world = world("tg-early");
    world.try_apply(&with(in_group("room"), "deletionPolicy", json!("Delete"))).unwrap();
    world.wait_for("room", "False", "RollingOut");
    world.delete("room");
    world.wait_gone("room", Duration::from_mins(5));
    assert!(instance(&world, "Room218").is_none());
}

/// One whose definition stands in a `ConfigMap`, in AWS.
fn from_a_config_map(world: &VirtualWorld) {
    world.apply_config_map("rooms", &json!({"room.graphql": definition("Room219", "Camera219")}));
    let mut room = with(in_cloud("room"), "deletionPolicy", json!("Delete"));
    room["spec"]["definition"] = json!({"configMapKeyRef": {"name": "rooms", "key": "room.graphql"}});
    world.try_apply(&room).unwrap();
    world.wait_for("room", "True", "Deployed");
}

#[test]
fn it_goes_with_the_config_map_that_holds_its_definition() {
    let world = world("tg-delete-both");
    from_a_config_map(&world);
    world.delete_config_map("rooms");
    world.delete("room");
    world.wait_gone("room", Duration::from_mins(5));
    assert!(instance(&world, "Room219").is_none());
}

#[test]
fn without_a_status_the_config_map_still_says_what_is_to_go() {
    let mut world = world("tg-delete-map");
    from_a_config_map(&world);
    world.kill_operator();
    world.clear_status("room");
    world.delete("room");
    world.start_operator();
    world.wait_gone("room", Duration::from_mins(5));
    assert!(instance(&world, "Room219").is_none());
}

#[test]
fn what_can_t_be_known_any_more_is_said_with_the_way_out() {
    let mut world = world("tg-delete-lost");
    from_a_config_map(&world);
    world.kill_operator();
    world.clear_status("room");
    world.delete_config_map("rooms");
    world.delete("room");
    world.start_operator();
    let object = world.wait_for("room", "False", "DeletionBlocked");
    let message = condition(&object, "Ready").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("set spec.deletionPolicy to Retain"), "{message}");
    world.apply_config_map("rooms", &json!({"room.graphql": definition("Room219", "Camera219")}));
    world.wait_gone("room", Duration::from_mins(5));
    assert!(instance(&world, "Room219").is_none());
}

#[test]
fn a_refusal_is_said_with_the_way_out() {
    let world = world("tg-blocked");
    world.try_apply(&with(in_cloud("room"), "deletionPolicy", json!("Delete"))).unwrap();
    world.wait_for("room", "True", "Deployed");
    world.emulator.faults().add(FaultRule::on(Operation::UndeploySystemInstance, FaultAction::AccessDenied).always());
    world.delete("room");
    let object = world.wait_for_within("room", "False", "DeletionBlocked", Duration::from_mins(5));
    let message = condition(&object, "Ready").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("set spec.deletionPolicy to Retain"), "{message}");
    world.try_apply(&with(in_cloud("room"), "deletionPolicy", json!("Retain"))).unwrap();
    world.wait_gone("room", SOON);
    assert!(instance(&world, "Room219").is_some());
}

#[test]
fn what_somebody_else_made_in_its_place_stays() {
    let world = world("tg-theirs");
    world.try_apply(&with(in_cloud("room"), "deletionPolicy", json!("Delete"))).unwrap();
    world.wait_for("room", "True", "Deployed");
    forced(&world, "Room219", SystemInstanceStatus::DeletedInTarget);
    let scope = greengrass_emulator::Scope::new(crate::world::ACCOUNT, crate::world::REGION);
    world.emulator.perform(&scope, Operation::DeleteSystemInstance, &json!({"id": id("Room219")})).unwrap();
    world.pass(Duration::from_secs(5));
    let request = json!({
        "definition": {"language": "GRAPHQL", "text": definition("Room219", "Theirs")},
        "target": "CLOUD", "flowActionsRoleArn": "arn:aws:iam::123456789012:role/FlowActions",
    });
    world.emulator.create_system_instance(crate::world::ACCOUNT, crate::world::REGION, &request).unwrap();
    world.delete("room");
    world.wait_gone("room", Duration::from_mins(5));
    assert!(instance(&world, "Room219").unwrap().definition.contains("Theirs"));
    assert_eq!(writes(&world), [("CreateSystemInstance", 1), ("DeploySystemInstance", 1)].into());
}

#[test]
fn a_suspended_one_goes_and_aws_is_left_as_it_is() {
    let world = world("tg-abandon");
    world.try_apply(&with(in_cloud("room"), "deletionPolicy", json!("Delete"))).unwrap();
    world.wait_for("room", "True", "Deployed");
    let suspended = with(with(in_cloud("room"), "deletionPolicy", json!("Delete")), "suspend", json!(true));
    world.try_apply(&suspended).unwrap();
    world.wait_until("room", "suspended", SOON, |object| condition(object, "Suspended").is_some());
    world.delete("room");
    world.wait_gone("room", SOON);
    assert!(instance(&world, "Room219").is_some());
}

#[test]
fn a_policy_that_changes_to_retain_lets_go_of_the_resource() {
    let world = world("tg-policy");
    world.try_apply(&with(in_cloud("room"), "deletionPolicy", json!("Delete"))).unwrap();
    let held = world.wait_for("room", "True", "Deployed");
    assert_eq!(held["metadata"]["finalizers"], json!(["greengrass-operator.dev/system-instance"]));
    world.try_apply(&in_cloud("room")).unwrap();
    world.wait_until("room", "let go", SOON, |object| {
        object["metadata"]["finalizers"].is_null() && is(object, "True", "Deployed")
    });
}

#[test]
fn a_failed_one_is_cleared_too() {
    let world = world("tg-clear");
    world.emulator.fail_system_instance_deployments(&SystemInstanceId::parse(&id("Room218")).unwrap(), 9);
    world.try_apply(&with(in_group("room"), "deletionPolicy", json!("Delete"))).unwrap();
    world.wait_for_within("room", "False", "RolloutFailed", SOON);
    world.delete("room");
    world.wait_gone("room", Duration::from_mins(5));
    assert!(instance(&world, "Room218").is_none());
}
