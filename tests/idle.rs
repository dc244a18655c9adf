//! At rest the operator writes nothing.

use std::time::Duration;

use crate::world::fleet::{add_device, taking};
use crate::world::{Manifest, World, condition};

const RESOURCES: usize = 20;

#[test]
fn a_minute_with_twenty_resources_at_rest_has_no_write() {
    let world = World::new("idle");
    for number in 0..RESOURCES {
        let group = world.group(&format!("Line{number}"));
        add_device(&world.emulator, &format!("press-{number}"), &[&format!("Line{number}")], &taking(1));
        world.apply(&Manifest::new(&format!("line{number}"), &group));
    }
    for number in 0..RESOURCES {
        world.wait_until(&format!("line{number}"), "rolled out", |object| {
            condition(object, "RolledOut").is_some_and(|rolled_out| rolled_out["status"] == "True")
        });
    }
    // Events of the last transitions may still be on their way.
    std::thread::sleep(Duration::from_secs(3));
    let user = format!("system:serviceaccount:{}:greengrass-operator", world.namespace);
    let writes = || {
        let events = world.cluster.audit_events().unwrap();
        events
            .iter()
            .filter(|event| event.user.username == user && event.is_write())
            .filter(|event| event.object_ref.as_ref().is_none_or(|object| object.resource != "leases"))
            .count()
    };
    let before = writes();
    assert!(before >= RESOURCES, "the audit log shows the operator's writes");
    std::thread::sleep(Duration::from_mins(1));
    assert_eq!(writes(), before);
}
