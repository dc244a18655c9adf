//! What the service can't update is replaced.

use std::time::Duration;

use serde_json::json;

use super::{SOON, definition, id, in_group, instance, with, world, writes};
use crate::world::{condition, virtual_time::is};

fn of_camera(camera: &str) -> serde_json::Value {
    with(in_group("room"), "definition", json!({"text": definition("Room218", camera)}))
}

#[test]
fn another_definition_undeploys_deletes_creates_and_deploys_in_this_order() {
    let world = world("tg-replace");
    world.try_apply(&of_camera("Camera218")).unwrap();
    world.wait_for_within("room", "True", "Deployed", SOON);
    world.try_apply(&of_camera("Camera300")).unwrap();
    world.wait_for_within("room", "True", "Deployed", 2 * SOON);
    assert!(instance(&world, "Room218").unwrap().definition.contains("Camera300"));
    let calls = world.calls();
    let names: Vec<&str> =
        calls.iter().map(|call| call.operation.as_str()).filter(|name| *name != "GetSystemInstance").collect();
    assert_eq!(
        names,
        [
            "CreateSystemInstance",
            "DeploySystemInstance",
            "UndeploySystemInstance",
            "DeleteSystemInstance",
            "CreateSystemInstance",
            "DeploySystemInstance",
        ]
    );
}

#[test]
fn spaces_and_comments_replace_nothing() {
    let world = world("tg-spaces");
    world.try_apply(&of_camera("Camera218")).unwrap();
    world.wait_for_within("room", "True", "Deployed", SOON);
    let text = format!("# the second floor\n{}", definition("Room218", "Camera218").replace("\n  ", "\n\n    "));
    world.try_apply(&with(in_group("room"), "definition", json!({"text": text}))).unwrap();
    let object = world.wait_for("room", "True", "Deployed");
    assert_eq!(object["status"]["appliedGeneration"], 2);
    assert_eq!(writes(&world), [("CreateSystemInstance", 1), ("DeploySystemInstance", 1)].into());
}

#[test]
fn under_another_name_the_new_one_is_created_before_the_old_one_goes() {
    let world = world("tg-rename");
    world.try_apply(&of_camera("Camera218")).unwrap();
    world.wait_for_within("room", "True", "Deployed", SOON);
    let renamed = |name: &str| with(in_group("room"), "definition", json!({"text": definition(name, "Camera218")}));
    world.try_apply(&renamed("Room400")).unwrap();
    world.wait("the new one", SOON, || instance(&world, "Room400").is_some());
    assert!(instance(&world, "Room218").is_some(), "the old one is there until the new one was accepted");
    let object = world.wait_until("room", "replaced", 2 * SOON, |object| {
        is(object, "True", "Deployed") && object["status"]["replaced"].is_null()
    });
    assert_eq!(object["status"]["id"], id("Room400"));
    assert!(instance(&world, "Room218").is_none());
    // And back while the first replacement is under way.
    world.try_apply(&renamed("Room500")).unwrap();
    world.pass(Duration::from_secs(5));
    world.try_apply(&renamed("Room400")).unwrap();
    world.wait_until("room", "back", 4 * SOON, |object| {
        is(object, "True", "Deployed")
            && object["status"]["id"] == id("Room400")
            && object["status"]["replaced"].is_null()
    });
    assert!(instance(&world, "Room500").is_none(), "nothing is left behind");
}

#[test]
fn a_name_that_somebody_else_has_changes_nothing() {
    let world = world("tg-taken");
    world.try_apply(&of_camera("Camera218")).unwrap();
    world.wait_for_within("room", "True", "Deployed", SOON);
    let request = json!({
        "definition": {"language": "GRAPHQL", "text": definition("Room400", "Other")},
        "target": "CLOUD", "flowActionsRoleArn": "arn:aws:iam::123456789012:role/FlowActions",
    });
    world.emulator.create_system_instance(crate::world::ACCOUNT, crate::world::REGION, &request).unwrap();
    let renamed = with(in_group("room"), "definition", json!({"text": definition("Room400", "Camera218")}));
    world.try_apply(&renamed).unwrap();
    let object = world.wait_for("room", "False", "ForeignRevision");
    let message = condition(&object, "Ready").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("differs in definition, target"), "{message}");
    assert!(instance(&world, "Room218").is_some(), "what runs goes on");
    assert_eq!(writes(&world), [("CreateSystemInstance", 1), ("DeploySystemInstance", 1)].into());
}

#[test]
fn another_account_or_region_is_no_change_of_a_resource() {
    let world = world("tg-elsewhere");
    world.try_apply(&of_camera("Camera218")).unwrap();
    world.wait_for_within("room", "True", "Deployed", SOON);
    let text = definition("Room218", "Camera218").replace("eu-central-1", "us-west-2");
    world.try_apply(&with(in_group("room"), "definition", json!({"text": text}))).unwrap();
    let object = world.wait_for("room", "False", "KeyChanged");
    let message = condition(&object, "Ready").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("us-west-2") && message.contains("nothing was changed"), "{message}");
    world.try_apply(&of_camera("Camera218")).unwrap();
    world.wait_for("room", "True", "Deployed");
    assert_eq!(writes(&world), [("CreateSystemInstance", 1), ("DeploySystemInstance", 1)].into());
}

#[test]
fn what_can_never_change_is_refused_by_the_api_server() {
    let world = world("tg-never");
    world.try_apply(&in_group("room")).unwrap();
    for (field, value, words) in [
        ("target", json!("CLOUD"), "target cannot change"),
        ("greengrassGroupName", json!("Another"), "greengrassGroupName cannot be changed"),
    ] {
        let refused = world.try_apply(&with(in_group("room"), field, value)).unwrap_err();
        assert!(refused.contains(words), "{refused}");
    }
}
