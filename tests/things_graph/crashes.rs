//! The operator is killed at each write of each change, before it is carried out and after: the end is as if nothing had happened.

use std::time::Duration;

use greengrass_emulator::{FaultAction, FaultRule, Operation};
use serde_json::{Value, json};

use super::{SOON, definition, id, in_group, instance, with};
use crate::world::{VirtualWorld, virtual_time::is};

const WRITES: [Operation; 4] = [
    Operation::CreateSystemInstance,
    Operation::DeploySystemInstance,
    Operation::UndeploySystemInstance,
    Operation::DeleteSystemInstance,
];

/// What is done with a resource, and how many deployments its system instance has then; none where it is to be gone.
struct Change {
    name: &'static str,
    act: fn(&VirtualWorld),
    is_over: fn(&VirtualWorld) -> bool,
    deployments: Option<usize>,
}

fn room() -> Value {
    with(in_group("room"), "deletionPolicy", json!("Delete"))
}

fn is_ready(world: &VirtualWorld) -> bool {
    world.object("room").is_some_and(|object| {
        is(&object, "True", "Deployed")
            && object["status"]["intent"].is_null()
            && object["status"]["appliedGeneration"] == object["metadata"]["generation"]
    })
}

const CHANGES: [Change; 4] = [
    Change { name: "create", act: |world| world.try_apply(&room()).unwrap(), is_over: is_ready, deployments: Some(1) },
    Change {
        name: "redeploy",
        act: |world| world.annotate("room", "redeploy-at", "1"),
        is_over: |world| {
            is_ready(world)
                && world.object("room").is_some_and(|object| object["status"]["lastHandledRedeployAt"] == "1")
        },
        deployments: Some(2),
    },
    Change {
        name: "replace",
        act: |world| {
            let changed = with(room(), "definition", json!({"text": definition("Room218", "Camera300")}));
            world.try_apply(&changed).unwrap();
        },
        is_over: |world| {
            is_ready(world) && instance(world, "Room218").is_some_and(|made| made.definition.contains("Camera300"))
        },
        deployments: Some(1),
    },
    Change {
        name: "delete",
        act: |world| world.delete("room"),
        is_over: |world| world.object("room").is_none(),
        deployments: None,
    },
];

#[test]
fn killed_at_any_write_it_ends_as_if_nothing_had_happened() {
    let mut covered = 0;
    for change in &CHANGES {
        for operation in WRITES {
            for action in [FaultAction::HangBefore, FaultAction::HangAfter] {
                covered += usize::from(is_survived(change, operation, &action));
            }
        }
    }
    // Create and deploy; deploy; all four; undeploy and delete: each before and after.
    assert_eq!(covered, 2 * (2 + 1 + 4 + 2));
}

/// Whether the write was one of the change.
fn is_survived(change: &Change, operation: Operation, action: &FaultAction) -> bool {
    let Change { name, act, is_over, deployments } = change;
    let mut world = VirtualWorld::of_things_graph(&format!("tg-crash-{name}"));
    if *name != "create" {
        world.try_apply(&room()).unwrap();
        world.wait_for_within("room", "True", "Deployed", SOON);
    }
    let before = world.count(operation.name());
    world.emulator.faults().add(FaultRule::on(operation, action.clone()).times(1));
    act(&world);
    // It waits for an answer of ten seconds at most.
    for _ in 0..90 {
        if world.count(operation.name()) > before || is_over(&world) {
            break;
        }
        world.pass(Duration::from_secs(1));
    }
    let is_struck = world.count(operation.name()) > before;
    if is_struck {
        world.kill_operator();
        world.pass(Duration::from_secs(2));
        world.start_operator();
    }
    let what = format!("{name}: killed at {operation:?}, {action:?}");
    world.wait(&what, Duration::from_mins(15), || is_over(&world));
    world.pass(Duration::from_mins(2));
    assert!(is_over(&world), "{what}: it stays so");
    let made = instance(&world, "Room218");
    assert_eq!(made.map(|made| made.deployments.len()), *deployments, "{what}: {}", id("Room218"));
    is_struck
}
