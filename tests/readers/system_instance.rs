//! What the statuses of a `SystemInstance`, as an operator at work writes them, are for programs that read them (does I/O: asks a
//! cluster, starts kstatus, reads the script).

use std::time::Duration;

use greengrass_emulator::{SystemInstanceId, SystemInstanceStatus};
use serde_json::{Value, json};

use super::{argo_cd, kstatus};
use crate::world::{ACCOUNT, REGION, VirtualWorld, condition};

const SOON: Duration = Duration::from_mins(2);

fn id() -> String {
    format!("urn:tdm:{REGION}/{ACCOUNT}/default:deployment:Room218")
}

fn room(deployed: bool) -> Value {
    let text = format!("query Room218 @deployment(id: \"{}\") {{ camera(deviceId: \"Camera218\") }}", id());
    json!({
        "apiVersion": "greengrass-operator.dev/v1alpha1", "kind": "SystemInstance", "metadata": {"name": "room"},
        "spec": {
            "definition": {"text": text}, "target": "GREENGRASS", "greengrassGroupName": "Room218Group",
            "s3BucketName": "room-218-artifacts", "deployed": deployed, "deletionPolicy": "Delete",
        },
    })
}

/// The reason of Ready, kstatus's word and Argo CD's, which shows the message of Ready.
fn read(object: &Value) -> [String; 3] {
    let ready = condition(object, "Ready").unwrap();
    let (health, message) = argo_cd::health(object);
    assert_eq!(message, ready["message"].as_str().unwrap());
    assert!(!message.is_empty());
    [ready["reason"].as_str().unwrap().to_owned(), kstatus::read([object]).remove(0), health]
}

#[test]
fn kstatus_and_argo_cd_read_the_statuses_of_a_system_instance_as_they_are_meant() {
    let world = VirtualWorld::of_things_graph("readers-tg");
    let parsed = SystemInstanceId::parse(&id()).unwrap();
    world.emulator.fail_system_instance_deployments(&parsed, 1);

    world.try_apply(&room(true)).unwrap();
    let moving = world.wait_for("room", "False", "RollingOut");
    assert_eq!(read(&moving), ["RollingOut", "InProgress", "Progressing"]);
    let failed = world.wait_for_within("room", "False", "RolloutFailed", SOON);
    assert_eq!(read(&failed), ["RolloutFailed", "Failed", "Degraded"]);
    world.annotate("room", "redeploy-at", "1");
    let runs = world.wait_for_within("room", "True", "Deployed", SOON);
    assert_eq!(read(&runs), ["Deployed", "Current", "Healthy"]);

    world.try_apply(&room(false)).unwrap();
    let rests = world.wait_for_within("room", "True", "NotDeployed", SOON);
    assert_eq!(read(&rests), ["NotDeployed", "Current", "Healthy"]);

    // What is on its way comes to no end by itself where a test has put it there.
    assert!(world.emulator.set_system_instance_status(&parsed, SystemInstanceStatus::UndeployInProgress));
    world.pass(Duration::from_secs(1));
    world.delete("room");
    let going = world.wait_for("room", "False", "Removing");
    assert_eq!(read(&going), ["Removing", "Terminating", "Progressing"]);
    world.pass(Duration::from_secs(30));
    assert!(world.emulator.set_system_instance_status(&parsed, SystemInstanceStatus::DeployedInTarget));
    world.wait_gone("room", Duration::from_mins(5));
}

#[test]
fn a_system_instance_that_nobody_has_looked_at_is_not_healthy() {
    let object = json!({"metadata": {"generation": 1}, "kind": "SystemInstance", "status": {"observedGeneration": -1}});
    assert_eq!(argo_cd::health(&object).0, "Progressing");
}
