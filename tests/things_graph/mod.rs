//! System instances of AWS IoT Things Graph, the legacy service: minutes are told in moments, because time is moved by the test.

mod crashes;
mod deletion;
mod leaving;
mod life;
mod replacing;
mod strangers;
mod switched_off;
mod trouble;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use greengrass_emulator::{SystemInstanceId, SystemInstanceRecord, SystemInstanceStatus};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, REGION, VirtualWorld};

/// A deployment to a Greengrass group takes half a minute.
const SOON: Duration = Duration::from_mins(2);

fn world(prefix: &str) -> VirtualWorld {
    VirtualWorld::of_things_graph(prefix)
}

pub fn id(name: &str) -> String {
    format!("urn:tdm:{REGION}/{ACCOUNT}/default:deployment:{name}")
}

pub fn definition(name: &str, camera: &str) -> String {
    format!(
        "query {name} @deployment(id: \"{}\", systemId: \"urn:tdm:{REGION}/{ACCOUNT}/default:System:SecurityFlow\") {{\n  \
         camera(deviceId: \"{camera}\")\n}}",
        id(name)
    )
}

/// A system instance that runs in a Greengrass group.
fn in_group(name: &str) -> Value {
    resource(
        name,
        &json!({
            "definition": {"text": definition("Room218", "Camera218")},
            "target": "GREENGRASS", "greengrassGroupName": "Room218Group", "s3BucketName": "room-218-artifacts",
        }),
    )
}

/// One that runs in AWS.
pub fn in_cloud(name: &str) -> Value {
    resource(
        name,
        &json!({
            "definition": {"text": definition("Room219", "Camera219")},
            "target": "CLOUD", "flowActionsRoleArn": "arn:aws:iam::123456789012:role/FlowActions",
        }),
    )
}

fn resource(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "greengrass-operator.dev/v1alpha1", "kind": "SystemInstance",
        "metadata": {"name": name}, "spec": spec,
    })
}

/// The same with another value for a field.
pub fn with(mut resource: Value, field: &str, value: Value) -> Value {
    resource["spec"][field] = value;
    resource
}

fn parsed(name: &str) -> SystemInstanceId {
    SystemInstanceId::parse(&id(name)).unwrap()
}

/// What AWS has under a name.
fn instance(world: &VirtualWorld, name: &str) -> Option<SystemInstanceRecord> {
    world.emulator.system_instance(&parsed(name))
}

fn status_of(world: &VirtualWorld, name: &str) -> Option<SystemInstanceStatus> {
    instance(world, name).map(|instance| instance.status)
}

/// How often each write was sent.
fn writes(world: &VirtualWorld) -> BTreeMap<&'static str, usize> {
    ["CreateSystemInstance", "DeploySystemInstance", "UndeploySystemInstance", "DeleteSystemInstance"]
        .into_iter()
        .map(|operation| (operation, world.count(operation)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn forced(world: &VirtualWorld, name: &str, status: SystemInstanceStatus) {
    assert!(world.emulator.set_system_instance_status(&parsed(name), status));
}
