//! A resource goes, and devices lose what it put there first.

use std::time::Duration;

use greengrass_emulator::{FaultAction, FaultRule, Operation};
use serde_json::{Value, json};

use crate::world::fleet::{add_device, add_devices, offline, taking};
use crate::world::{ACCOUNT, Manifest, REGION, VirtualWorld, World, condition};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn removing(group: &str) -> Manifest {
    Manifest::new("presses", group).with("deletionPolicy", json!("Remove"))
}

/// The components that a device runs.
fn components(world: &VirtualWorld, device: &str) -> Vec<String> {
    let device = world.emulator.device(ACCOUNT, REGION, device).unwrap();
    device["components"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default()
}

fn has_hello(world: &VirtualWorld, device: &str) -> bool {
    components(world, device).iter().any(|name| name == "com.example.HelloWorld")
}

fn rolled_out(world: &VirtualWorld) {
    world.wait_until("presses", "rolled out", 5 * MINUTE, |object| {
        condition(object, "RolledOut").is_some_and(|condition| condition["status"] == "True")
    });
}

fn ready_reason(world: &VirtualWorld) -> Value {
    condition(&world.object("presses").unwrap(), "Ready").unwrap()["reason"].clone()
}

#[test]
fn devices_lose_what_the_target_put_there_before_it_is_deleted() {
    let world = VirtualWorld::new("remove");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 5, &taking(20));
    world.apply(&removing(&group));
    rolled_out(&world);
    assert!(has_hello(&world, "press-00001"));
    world.delete("presses");
    world.wait_gone("presses", 5 * MINUTE);
    assert!(!has_hello(&world, "press-00001"));
    assert_eq!((world.deployments().len(), world.count("CreateDeployment")), (0, 2));
}

#[test]
fn a_device_that_is_offline_is_waited_for_and_after_a_day_a_person_is_asked() {
    let world = VirtualWorld::new("waits");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 2, &taking(5));
    world.apply(&removing(&group).with("removeTimeout", json!("2h")));
    rolled_out(&world);
    assert!(world.emulator.connect_device(ACCOUNT, REGION, "press-00002", Some(false)));
    world.delete("presses");
    world.wait_for("presses", "False", "Removing");
    world.pass_in(Duration::from_mins(118), Duration::from_secs(10));
    assert_eq!(ready_reason(&world), "Removing");
    let late = world.wait_for_within("presses", "False", "RemoveTimedOut", 5 * MINUTE);
    let message = condition(&late, "Ready").unwrap()["message"].as_str().unwrap();
    assert!(message.contains("so far on 1 of 2 devices"), "{message}");
    assert_eq!((world.count("DeleteDeployment"), world.count("CancelDeployment")), (0, 0));
    assert!(world.emulator.connect_device(ACCOUNT, REGION, "press-00002", Some(true)));
    world.wait_gone("presses", HOUR);
    assert!(!has_hello(&world, "press-00002"));
}

#[test]
fn who_will_not_wait_lets_go_by_another_policy() {
    let world = VirtualWorld::new("letgo");
    let group = world.group("Presses");
    add_device(&world.emulator, "sleeper", &["Presses"], &offline());
    world.apply(&removing(&group));
    world.wait_ready("presses");
    world.delete("presses");
    world.wait_for("presses", "False", "Removing");
    world.pass(2 * MINUTE);
    world.apply(&removing(&group).with("deletionPolicy", json!("Delete")));
    world.wait_gone("presses", 3 * MINUTE);
    assert_eq!(world.deployments().len(), 0);
}

#[test]
fn a_device_that_failed_to_lose_it_is_tried_again_by_redeploy() {
    let world = VirtualWorld::new("fails");
    let group = world.group("Presses");
    // Only the empty revision has no component, so that a rule without one fits it too.
    let behaviour = json!({"takes": {"seconds": 5}, "rules": [
        {"component": "com.example.HelloWorld", "outcome": "succeed"},
        {"times": 1, "outcome": "reject"},
    ]});
    add_device(&world.emulator, "press", &["Presses"], &behaviour);
    world.apply(&removing(&group));
    rolled_out(&world);
    world.delete("presses");
    world.wait_until("presses", "failed", 5 * MINUTE, |object| object["status"]["devices"]["rejected"] == 1);
    world.pass(10 * MINUTE);
    assert_eq!((ready_reason(&world), world.count("DeleteDeployment")), (json!("Removing"), 0));
    world.annotate("presses", "redeploy-at", "1");
    world.wait_gone("presses", 10 * MINUTE);
    assert_eq!(world.count("CreateDeployment"), 3);
}

#[test]
fn a_group_without_devices_is_removed_after_five_minutes() {
    let world = VirtualWorld::new("empty");
    let group = world.group("Presses");
    world.apply(&removing(&group));
    world.wait_ready("presses");
    world.delete("presses");
    world.wait_gone("presses", 10 * MINUTE);
    assert_eq!(world.deployments().len(), 0);
}

#[test]
fn a_resource_that_has_put_nothing_anywhere_goes_at_once() {
    let world = VirtualWorld::new("nothing");
    let group = World::group_arn("NotThere");
    world.apply(&removing(&group));
    world.wait_for("presses", "False", "ProgressingWithRetry");
    world.delete("presses");
    world.wait_gone("presses", 5 * MINUTE);
    assert_eq!(world.deployments().len(), 0);
}

#[test]
fn what_somebody_else_deployed_above_ours_is_not_superseded() {
    let world = VirtualWorld::new("theirs");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 1, &taking(5));
    world.apply(&removing(&group));
    rolled_out(&world);
    let theirs = world.deploy_as_somebody(&group);
    world.delete("presses");
    world.wait_gone("presses", 5 * MINUTE);
    let left: Vec<String> = world.deployments().into_iter().map(|deployment| deployment.deployment_id).collect();
    assert_eq!((left, world.count("CreateDeployment")), (vec![theirs], 1));
}

#[test]
fn a_restart_at_any_time_goes_on_with_it_and_makes_no_second_one() {
    for seconds in (0..48).step_by(3) {
        let mut world = VirtualWorld::new("restart");
        let group = world.group("Presses");
        add_devices(&world.emulator, "Presses", 2, &taking(20));
        world.apply(&removing(&group));
        rolled_out(&world);
        world.delete("presses");
        world.pass(Duration::from_secs(seconds));
        world.kill_operator();
        world.pass(Duration::from_secs(5));
        world.start_operator();
        world.wait_gone("presses", 10 * MINUTE);
        assert_eq!((world.deployments().len(), world.count("CreateDeployment")), (0, 2), "after {seconds} s");
        assert!(!has_hello(&world, "press-00001"));
    }
}

#[test]
fn a_create_whose_answer_is_lost_makes_one_empty_revision() {
    let world = VirtualWorld::new("lost");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 1, &taking(5));
    world.apply(&removing(&group));
    rolled_out(&world);
    world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, FaultAction::ResetAfter).times(1));
    world.delete("presses");
    world.wait_gone("presses", 15 * MINUTE);
    assert_eq!(world.deployments().len(), 0);
    assert!(!has_hello(&world, "press-00001"));
}

#[test]
fn a_suspended_resource_goes_and_leaves_devices_and_aws_alone() {
    let world = VirtualWorld::new("suspended");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 1, &taking(5));
    world.apply(&removing(&group));
    rolled_out(&world);
    world.apply(&removing(&group).with("suspend", json!(true)));
    world.pass(MINUTE);
    world.delete("presses");
    world.wait_gone("presses", MINUTE);
    assert_eq!((world.deployments().len(), world.count("CreateDeployment")), (1, 1));
    assert!(has_hello(&world, "press-00001"));
}

#[test]
fn a_subdeployment_of_somebody_else_is_not_ended_by_it() {
    let world = VirtualWorld::new("foreign");
    let (group, canary) = (world.group("Presses"), world.group("Canary"));
    add_devices(&world.emulator, "Presses", 1, &taking(5));
    world.apply(&removing(&group));
    rolled_out(&world);
    let request = json!({"targetArn": canary, "parentTargetArn": group, "components": {
        "com.example.HelloWorld": {"componentVersion": "2.0.0"},
    }});
    let theirs = world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    world.delete("presses");
    let blocked = world.wait_for_within("presses", "False", "DeletionBlocked", 2 * MINUTE);
    let message = condition(&blocked, "Ready").unwrap()["message"].as_str().unwrap();
    assert!(message.contains(&theirs), "{message}");
    assert_eq!(world.count("CreateDeployment"), 1);
    world.apply(&removing(&group).with("adoptionPolicy", json!("Always")));
    world.wait_gone("presses", 10 * MINUTE);
    assert!(!has_hello(&world, "press-00001"));
}
