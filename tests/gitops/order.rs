//! The last two things to come, where everything comes in any order: an identity that a resource names, and its target.

use serde_json::Value;

use crate::world::World;
use crate::world::fleet::{add_devices, taking};

/// A manifest as it is, and that it acts under this identity.
pub fn under(identity: &Value, manifest: &str) -> String {
    let name = identity["metadata"]["name"].as_str().unwrap();
    manifest.replace("spec:\n", &format!("spec:\n  identityRef:\n    name: {name}\n"))
}

/// Waits until nothing but the target is missing, and makes it: a thing group with one device.
pub fn target_comes(world: &World) {
    world
        .wait_until("presses", "without its target", |object| object.to_string().contains("ResourceNotFoundException"));
    world.group("Presses");
    add_devices(&world.emulator, "Presses", 1, &taking(1));
}
