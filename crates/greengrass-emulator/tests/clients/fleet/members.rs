//! Things that join a group, leave it, come back, or are no more.

use greengrass_emulator::{ExecutionCounts, Operation, RolloutQueues, Switches};
use serde_json::{Value, json};

use super::World;

const SLOW_LINE: &str =
    "groups: [{name: line}], devices: [{name: core, groups: [line], behaviour: {takes: {seconds: 600}}}]";

fn membership(world: &World, operation: Operation, thing: &str) {
    world.ok(operation, &json!({"thingName": thing, "thingGroupName": "line"}));
}

#[test]
fn a_thing_that_joins_later_gets_the_newest_deployment_at_once_whatever_the_rate() {
    let world = World::new("groups: [{name: line}], devices: [{name: 'core-#', count: 2, groups: [line]}]");
    world.deploy("line", "1.0.0");
    world.pass(60);
    let slow = json!({
        "components": {"app": {"componentVersion": "2.0.0"}},
        "iotJobConfiguration": {"jobExecutionsRolloutConfig": {"maximumPerMinute": 1}},
    });
    let newest = world.deploy_with("line", &slow);
    world.add("devices: [{name: 'late-##', count: 50, groups: [line]}]");
    world.pass(15);
    let counts = world.counts(&newest);
    assert_eq!(counts.succeeded, 51, "{counts:?}");
    assert_eq!(world.components("late-07"), json!({"app": "2.0.0"}));
    assert_eq!(world.components("core-2"), json!({"app": "1.0.0"}), "this one waits for its minute");
}

#[test]
fn a_thing_that_leaves_is_removed_unless_it_was_done_and_coming_back_is_a_new_execution() {
    let world = World::new(SLOW_LINE);
    let deployment = world.deploy("line", "1.0.0");
    world.pass(60);
    membership(&world, Operation::RemoveThingFromThingGroup, "core");
    assert_eq!(world.counts(&deployment), ExecutionCounts { removed: 1, ..Default::default() });
    membership(&world, Operation::AddThingToThingGroup, "core");
    world.pass(1800);
    let execution = world.execution(&deployment, "core").unwrap();
    assert_eq!((&execution["status"], &execution["executionNumber"]), (&json!("SUCCEEDED"), &json!(2)));
    // The device works on through all this; its report names the job, and so ends the execution that there is now.
    assert_eq!((&execution["lastUpdatedAt"], &execution["startedAt"]), (&json!(600.0), &Value::Null));
    membership(&world, Operation::RemoveThingFromThingGroup, "core");
    assert_eq!(world.counts(&deployment), ExecutionCounts { succeeded: 1, ..Default::default() });
}

#[test]
fn groups_can_be_changed_in_one_call() {
    let world = World::new(
        "groups: [{name: line}, {name: other}], devices: [{name: core, groups: [line], behaviour: {takes: {seconds: 600}}}]",
    );
    let left = world.deploy("line", "1.0.0");
    let joined = world.deploy("other", "1.0.0");
    world.pass(10);
    let change = json!({"thingName": "core", "thingGroupsToAdd": ["other"], "thingGroupsToRemove": ["line"]});
    world.ok(Operation::UpdateThingGroupsForThing, &change);
    assert_eq!(world.execution_status(&left, "core"), "REMOVED");
    assert_eq!(world.execution_status(&joined, "core"), "QUEUED");
}

#[test]
fn what_a_group_put_on_a_device_goes_with_the_next_deployment_after_it_left() {
    let world = World::new(
        "groups: [{name: line}, {name: other}], devices: [{name: core, groups: [line, other], behaviour: {takes: {seconds: 1}}}]",
    );
    world.deploy("line", "1.0.0");
    world.pass(60);
    membership(&world, Operation::RemoveThingFromThingGroup, "core");
    world.pass(60);
    assert_eq!(world.components("core"), json!({"app": "1.0.0"}));
    world.deploy_with("other", &json!({"components": {"tool": {"componentVersion": "1.0.0"}}}));
    world.pass(60);
    assert_eq!(world.components("core"), json!({"tool": "1.0.0"}));
}

#[test]
fn a_device_that_comes_while_its_execution_waits_for_its_turn_does_it_once() {
    let switches = Switches { rollout_queues: RolloutQueues::AtOnce, ..Switches::default() };
    let world = World::with(switches, "groups: [{name: line}]");
    for thing in ["core", "other"] {
        world.ok(Operation::CreateThing, &json!({"thingName": thing}));
        membership(&world, Operation::AddThingToThingGroup, thing);
    }
    let slow = json!({"iotJobConfiguration": {"jobExecutionsRolloutConfig": {"maximumPerMinute": 1}}});
    let deployment = world.deploy_with("line", &slow);
    world.pass(1);
    world.add("devices: [{name: core, groups: [line]}, {name: other, groups: [line]}]");
    world.pass(600);
    for thing in ["core", "other"] {
        let execution = world.execution(&deployment, thing).unwrap();
        assert_eq!((&execution["status"], &execution["executionNumber"]), (&json!("SUCCEEDED"), &json!(1)), "{thing}");
    }
}

#[test]
fn a_thing_that_joins_below_another_group_does_the_oldest_deployment_of_all_first() {
    let world = World::new("groups: [{name: plant}, {name: hall, parent: plant}], devices: [{name: core}]");
    let older = world.deploy("plant", "1.0.0");
    let sub =
        json!({"parentTargetArn": World::group_arn("plant"), "components": {"app": {"componentVersion": "1.1.0"}}});
    world.pass(1);
    let newer = world.deploy_with("hall", &sub);
    world.ok(Operation::AddThingToThingGroup, &json!({"thingName": "core", "thingGroupName": "hall"}));
    world.pass(60);
    let statuses = [older, newer].map(|deployment| world.execution_status(&deployment, "core"));
    assert_eq!(statuses, ["SUCCEEDED", "SUCCEEDED"]);
}

#[test]
fn a_group_s_job_goes_to_the_things_of_its_child_groups_too() {
    let world = World::new(
        "groups: [{name: plant}, {name: hall, parent: plant}], devices: [{name: core, groups: [hall], behaviour: {takes: {seconds: 1}}}]",
    );
    let deployment = world.deploy("plant", "1.0.0");
    world.add("devices: [{name: late, groups: [hall], behaviour: {takes: {seconds: 1}}}]");
    world.pass(10);
    assert_eq!(world.counts(&deployment).succeeded, 2);
    let listed = world.emulator.devices(Some("plant"));
    assert_eq!(listed.len(), 2);
}

#[test]
fn a_thing_or_a_group_that_is_deleted_takes_its_open_executions_along() {
    let world = World::new(
        "groups: [{name: line}], devices: [{name: 'core-#', count: 2, groups: [line], behaviour: {takes: {seconds: 600}}}]",
    );
    let deployment = world.deploy("line", "1.0.0");
    world.pass(60);
    world.ok(Operation::DeleteThing, &json!({"thingName": "core-1"}));
    assert_eq!(world.execution_status(&deployment, "core-1"), "REMOVED");
    world.ok(Operation::DeleteThingGroup, &json!({"thingGroupName": "line"}));
    assert_eq!(world.counts(&deployment), ExecutionCounts { removed: 2, ..Default::default() });
    world.pass(3600);
    assert_eq!(world.counts(&deployment), ExecutionCounts { removed: 2, ..Default::default() });
}
