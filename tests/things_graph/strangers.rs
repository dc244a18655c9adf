//! What others have made is left alone, taken over, or missed.

use std::time::Duration;

use greengrass_emulator::{Operation, Scope, SystemInstanceStatus};
use serde_json::{Value, json};

use super::{SOON, definition, forced, id, in_cloud, in_group, instance, world, writes};
use crate::world::{ACCOUNT, REGION, VirtualWorld, condition, virtual_time::is};

fn somebody_creates(world: &VirtualWorld, camera: &str, tags: &Value) {
    let request = json!({
        "definition": {"language": "GRAPHQL", "text": definition("Room219", camera)},
        "target": "CLOUD", "flowActionsRoleArn": "arn:aws:iam::123456789012:role/FlowActions", "tags": tags,
    });
    world.emulator.create_system_instance(ACCOUNT, REGION, &request).unwrap();
}

fn message(object: &Value) -> String {
    condition(object, "Ready").unwrap()["message"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_there_already_and_is_what_is_wanted_is_taken_over_as_it_is() {
    let world = world("tg-adopt");
    somebody_creates(&world, "Camera219", &json!([{"key": "theirs", "value": "1"}]));
    world.try_apply(&in_cloud("room")).unwrap();
    world.wait_for("room", "True", "Deployed");
    assert_eq!(writes(&world), [("DeploySystemInstance", 1)].into());
    let tags = instance(&world, "Room219").unwrap().tags;
    assert!(tags.contains_key("theirs") && tags.contains_key("greengrass-operator.dev/cluster"), "{tags:?}");
}

#[test]
fn what_is_there_already_and_is_something_else_is_left_alone() {
    let world = world("tg-foreign");
    somebody_creates(&world, "Camera1", &json!([]));
    world.try_apply(&in_cloud("room")).unwrap();
    let object = world.wait_for("room", "False", "ForeignRevision");
    assert!(message(&object).contains("differs in definition"), "{}", message(&object));
    world.pass(Duration::from_mins(30));
    assert!(writes(&world).is_empty());
    // It heals by itself once its cause is gone.
    let request = json!({"id": id("Room219")});
    world.emulator.perform(&Scope::new(ACCOUNT, REGION), Operation::DeleteSystemInstance, &request).unwrap();
    world.wait_for_within("room", "True", "Deployed", Duration::from_mins(10));
}

#[test]
fn another_cluster_s_is_never_taken_over() {
    let world = world("tg-cluster");
    let tags = json!([
        {"key": "greengrass-operator.dev/cluster", "value": "other"},
        {"key": "greengrass-operator.dev/resource", "value": "a/b"},
        {"key": "greengrass-operator.dev/digest", "value": "1:0"},
    ]);
    somebody_creates(&world, "Camera219", &tags);
    world.try_apply(&in_cloud("room")).unwrap();
    let object = world.wait_for("room", "False", "ForeignRevision");
    assert!(message(&object).contains("another cluster"), "{}", message(&object));
    assert!(writes(&world).is_empty());
}

#[test]
fn of_two_resources_with_one_id_the_older_goes_first_and_the_other_takes_over_when_it_goes() {
    let world = world("tg-two");
    world.try_apply(&in_cloud("a")).unwrap();
    world.wait_for("a", "True", "Deployed");
    world.try_apply(&in_cloud("b")).unwrap();
    let object = world.wait_for("b", "False", "TargetConflict");
    assert!(message(&object).contains("SystemInstance a has the same id"), "{}", message(&object));
    world.delete("a");
    world.wait_for_within("b", "True", "Deployed", SOON);
    assert_eq!(writes(&world)["CreateSystemInstance"], 1, "what a left there is what b wants");
}

#[test]
fn what_somebody_undeploys_or_deletes_is_said_and_made_again_when_asked() {
    let world = world("tg-drift");
    world.try_apply(&in_group("room")).unwrap();
    world.wait_for_within("room", "True", "Deployed", SOON);
    let request = json!({"id": id("Room218")});
    let scope = Scope::new(ACCOUNT, REGION);
    world.emulator.perform(&scope, Operation::UndeploySystemInstance, &request).unwrap();
    let object = world.wait_for_within("room", "False", "Drifted", Duration::from_mins(10));
    assert!(message(&object).contains("somebody has undeployed"), "{}", message(&object));
    assert_eq!(condition(&object, "Synced").unwrap()["reason"], "Drifted");
    world.annotate("room", "redeploy-at", "1");
    world.wait_until("room", "deployed again", SOON, |object| {
        is(object, "True", "Deployed") && object["status"]["lastHandledRedeployAt"] == "1"
    });
    forced(&world, "Room218", SystemInstanceStatus::DeletedInTarget);
    world.emulator.perform(&scope, Operation::DeleteSystemInstance, &request).unwrap();
    let object = world.wait_for_within("room", "False", "Drifted", Duration::from_mins(15));
    assert!(message(&object).contains("somebody has deleted"), "{}", message(&object));
    world.pass(Duration::from_mins(30));
    assert_eq!(writes(&world)["CreateSystemInstance"], 1, "nothing is made behind anybody's back");
    world.annotate("room", "redeploy-at", "2");
    world.wait_until("room", "made again", 2 * SOON, |object| {
        is(object, "True", "Deployed") && object["status"]["lastHandledRedeployAt"] == "2"
    });
    assert_eq!(writes(&world)["CreateSystemInstance"], 2);
}

#[test]
fn a_status_that_is_lost_is_found_again_in_aws() {
    let world = world("tg-lost");
    world.try_apply(&in_group("room")).unwrap();
    let before = world.wait_for_within("room", "True", "Deployed", SOON);
    world.lose_status("room");
    let after = world.wait_for_within("room", "True", "Deployed", SOON);
    for field in ["id", "createdAt", "appliedDigest", "greengrassGroupVersionId", "settled"] {
        assert_eq!(before["status"][field], after["status"][field], "{field}");
    }
    assert_eq!(writes(&world), [("CreateSystemInstance", 1), ("DeploySystemInstance", 1)].into());
}
