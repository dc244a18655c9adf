//! Through which credentials AWS is reached: who may use them, for what, and what happens when they fail.

mod accounts;
mod forbidden;
mod groups;
mod names;
mod own;
mod roles;

use greengrass_emulator::{AccessKey, Emulator, Role};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, Manifest, REGION, World, identity_of};

/// Another account than that of the operator's own credentials.
const OTHER: &str = "210987654321";

/// The ARN of a thing group there.
fn arn_there(name: &str) -> String {
    format!("arn:aws:iot:{REGION}:{OTHER}:thinggroup/{name}")
}

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{OTHER}:role/{name}")
}

/// A role of the other account that the operator's account may assume.
fn role(name: &str) -> Role {
    Role::new(role_arn(name)).unwrap().trusting([ACCOUNT]).unwrap()
}

/// Makes a thing group in the other account.
fn group_there(emulator: &Emulator, name: &str) -> String {
    emulator.create_thing_group(OTHER, REGION, name).unwrap()
}

/// Makes or changes an identity; its name is this world's own.
fn identity(world: &World, name: &str, spec: &Value) -> String {
    let name = format!("{name}-{}", world.namespace);
    put_identity(world, &name, spec);
    name
}

fn put_identity(world: &World, name: &str, spec: &Value) {
    put_identity_with(world, name, &json!({}), spec);
}

fn put_identity_with(world: &World, name: &str, labels: &Value, spec: &Value) {
    let object = json!({
        "apiVersion": "greengrass-operator.dev/v1alpha1",
        "kind": "AwsIdentity",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
    });
    world.cluster.apply(&object.to_string()).unwrap();
}

/// The default identity of the world's namespace, narrowed or widened.
fn put_default(world: &World, changes: &Value) {
    let mut spec = json!({
        "defaultFor": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": world.namespace}}},
        "allowedNamespaces": {"names": [world.namespace]},
        "allowedTargets": ["*"],
    });
    for (field, value) in changes.as_object().unwrap() {
        spec[field] = value.clone();
    }
    put_identity(world, &identity_of(&world.namespace), &spec);
}

fn delete_identity(world: &World, name: &str) {
    world.cluster.kubectl(&["delete", "awsidentity", name]).unwrap().success().unwrap();
}

/// The identity, once its `Ready` has this status and reason.
fn wait_identity(world: &World, name: &str, status: &str, reason: &str) -> Value {
    let mut last = Value::Null;
    world.wait(&format!("AwsIdentity {name} to be {status}/{reason}"), || {
        let text = world.cluster.kubectl(&["get", "awsidentity", name, "--output=json"]).unwrap().stdout;
        last = serde_json::from_str(&text).unwrap_or_default();
        let is_new = last["metadata"]["generation"] == last["status"]["observedGeneration"];
        is_new
            && crate::world::condition(&last, "Ready")
                .is_some_and(|it| it["status"] == status && it["reason"] == reason)
    });
    last
}

/// What allows everything in the other account.
fn everything(world: &World, role: &str) -> Value {
    json!({
        "roleArn": role_arn(role),
        "region": REGION,
        "allowedNamespaces": {"names": [world.namespace]},
        "allowedTargets": ["*"],
    })
}

/// A role of the other account that the world's namespace may use for everything: the identity's name, and a deployment through it.
fn presses_there(world: &World) -> (String, Manifest) {
    world.emulator.add_role(role("deployer"));
    let name = identity(world, "there", &everything(world, "deployer"));
    let group = group_there(&world.emulator, "Presses");
    let manifest = Manifest::new("presses", &group).with("identityRef", json!({"name": name}));
    (name, manifest)
}

/// An access key of the other account, for those who deploy there without the operator.
fn key_there() -> AccessKey {
    AccessKey::new("AKIDTHERE", "secret", OTHER).unwrap()
}
