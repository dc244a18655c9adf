//! docs/guides/leaving-things-graph.md, as far as it is about system instances: what it promises of each step.

use std::time::Duration;

use greengrass_emulator::{Operation, Scope, SystemInstanceId, SystemInstanceRecord, SystemInstanceStatus};
use serde_json::{Value, json};

use super::{SOON, world, writes};
use crate::world::{ACCOUNT, VirtualWorld, condition};

const PAGE: &str = include_str!("../../docs/guides/leaving-things-graph.md");
/// Where the page deploys to.
const PAGES_REGION: &str = "us-west-2";

/// The page's resource, in the test's namespace.
fn room() -> Value {
    let blocks = PAGE.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut manifests = blocks.map(|block| serde_saphyr::from_str::<Value>(block).unwrap());
    let mut room = manifests.find(|manifest| manifest["kind"] == "SystemInstance").unwrap();
    room["metadata"].as_object_mut().unwrap().remove("namespace");
    room
}

fn id() -> SystemInstanceId {
    SystemInstanceId::parse(&format!("urn:tdm:{PAGES_REGION}/{ACCOUNT}/default:deployment:Room218")).unwrap()
}

fn instance(world: &VirtualWorld) -> Option<SystemInstanceRecord> {
    world.emulator.system_instance(&id())
}

/// What somebody runs already, by hand.
fn runs_by_hand(world: &VirtualWorld) {
    let spec = &room()["spec"];
    let request = json!({
        "definition": {"language": "GRAPHQL", "text": spec["definition"]["text"]}, "target": spec["target"],
        "greengrassGroupName": spec["greengrassGroupName"], "s3BucketName": spec["s3BucketName"],
    });
    world.emulator.create_system_instance(ACCOUNT, PAGES_REGION, &request).unwrap();
    let scope = Scope::new(ACCOUNT, PAGES_REGION);
    let request = json!({"id": id().to_string()});
    world.emulator.perform(&scope, Operation::DeploySystemInstance, &request).unwrap();
    world.pass(SOON);
    assert_eq!(instance(world).unwrap().status, SystemInstanceStatus::DeployedInTarget);
}

/// Applies the page's resource with other values in its spec.
fn apply(world: &VirtualWorld, spec: &Value) {
    let mut room = room();
    room["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    world.try_apply(&room).unwrap();
}

fn suspended(world: &VirtualWorld) -> String {
    let object = world.wait_for("room-218", "False", "Suspended");
    condition(&object, "Suspended").unwrap()["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_room_is_taken_over_stopped_brought_back_and_taken_away() {
    let world = world("tg-leaving");
    runs_by_hand(&world);
    let (deployments, version) = {
        let made = instance(&world).unwrap();
        (made.deployments.len(), made.greengrass_group_version_id)
    };

    apply(&world, &json!({}));
    let message = suspended(&world);
    assert!(message.contains("is there and is what the spec says"), "{message}");
    assert!(PAGE.contains("\"is there and is what the spec says\""), "the page quotes it");
    apply(&world, &json!({"suspend": false}));
    world.wait_for("room-218", "True", "Deployed");
    let made = instance(&world).unwrap();
    assert_eq!(
        (made.deployments.len(), made.greengrass_group_version_id),
        (deployments, version),
        "it goes on running"
    );
    let before = writes(&world);

    apply(&world, &json!({"suspend": false, "deployed": false}));
    let rests = world.wait_for_within("room-218", "True", "NotDeployed", SOON);
    assert_eq!(rests["status"]["status"], "DELETED_IN_TARGET", "what the page waits for");
    world.pass(Duration::from_hours(2));
    assert_eq!(instance(&world).unwrap().status, SystemInstanceStatus::DeletedInTarget, "it does not come back");

    apply(&world, &json!({"suspend": false, "deployed": true}));
    world.wait_for_within("room-218", "True", "Deployed", SOON);
    apply(&world, &json!({"suspend": false, "deployed": false, "deletionPolicy": "Delete"}));
    world.wait_for_within("room-218", "True", "NotDeployed", SOON);
    world.delete("room-218");
    world.wait_gone("room-218", Duration::from_mins(5));
    assert!(instance(&world).is_none());
    assert_eq!(writes(&world).get("CreateSystemInstance"), before.get("CreateSystemInstance"), "nothing is made anew");
}

#[test]
fn held_back_the_resource_tells_the_two_mistakes_that_the_page_names() {
    let world = world("tg-mistakes");
    assert!(PAGE.contains("\"CreateSystemInstance of … is due\"") && PAGE.contains("\"differs in …\""));
    apply(&world, &json!({}));
    let message = suspended(&world);
    assert!(message.contains("CreateSystemInstance of") && message.contains("is due"), "{message}");
    runs_by_hand(&world);
    let before = writes(&world);
    apply(&world, &json!({"s3BucketName": "another-bucket"}));
    world.annotate("room-218", "reconcile-at", "1");
    let object = world.wait_until("room-218", "compared", SOON, |object| {
        condition(object, "Suspended").is_some_and(|it| it["message"].to_string().contains("differs in"))
    });
    let message = condition(&object, "Suspended").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("differs in s3BucketName"), "{message}");
    assert_eq!(writes(&world), before, "nothing is written");
}

#[test]
fn by_mistake_deleted_it_goes_on_running() {
    let world = world("tg-pruned");
    runs_by_hand(&world);
    let before = writes(&world);
    apply(&world, &json!({"suspend": false}));
    world.wait_for("room-218", "True", "Deployed");
    world.delete("room-218");
    world.wait_gone("room-218", SOON);
    assert_eq!(instance(&world).unwrap().status, SystemInstanceStatus::DeployedInTarget);
    // Put back, it is taken up again, and nothing is deployed.
    apply(&world, &json!({"suspend": false}));
    world.wait_for("room-218", "True", "Deployed");
    assert_eq!(writes(&world), before);
}
