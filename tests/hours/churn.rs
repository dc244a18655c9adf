//! A day in which something changes all the time leaves nothing behind.

use std::time::Duration;

use greengrass_emulator::{FaultAction, FaultRule, Operation};
use serde_json::json;

use crate::world::{Manifest, VirtualWorld};

const MINUTE: Duration = Duration::from_mins(1);
const STEP: Duration = Duration::from_secs(10);
const RESIDENTS: usize = 4;

/// An hour of changes: each resource gets a new version, one is overridden by somebody, AWS refuses for a while, and a resource comes
/// and goes.
fn hour(world: &VirtualWorld, number: usize) {
    for resident in 0..RESIDENTS {
        world.apply(&resident_in(resident).version(&format!("1.{number}.0")));
        world.pass_in(MINUTE, STEP);
    }
    world.deploy_as_somebody(&group(number % RESIDENTS));
    let refusal =
        world.emulator.faults().add(FaultRule::on(Operation::ListDeployments, FaultAction::AccessDenied).always());
    let guest = world.group(&format!("Guest{number}"));
    world.apply(&Manifest::new("guest", &guest).with("deletionPolicy", json!("Delete")));
    world.pass_in(5 * MINUTE, STEP);
    assert!(world.emulator.faults().remove(refusal));
    world.pass_in(15 * MINUTE, STEP);
    world.wait_ready_within("guest", 5 * MINUTE);
    world.delete("guest");
    world.pass_in(30 * MINUTE, STEP);
    assert!(world.object("guest").is_none(), "it is gone");
    for resident in 0..RESIDENTS {
        world.wait_ready_within(&name(resident), 5 * MINUTE);
    }
}

fn name(resident: usize) -> String {
    format!("resident-{resident}")
}

fn group(resident: usize) -> String {
    crate::world::World::group_arn(&format!("Resident{resident}"))
}

fn resident_in(resident: usize) -> Manifest {
    Manifest::new(&name(resident), &group(resident)).with("driftPolicy", json!("Correct"))
}

#[test]
fn after_a_day_of_changes_no_task_is_left_over() {
    let hours = if std::env::var_os("OPERATOR_TEST_SOAK").is_some() { 24 } else { 4 };
    let world = VirtualWorld::new("churn");
    for resident in 0..RESIDENTS {
        world.group(&format!("Resident{resident}"));
    }
    let (mut tasks, mut made) = (Vec::new(), 0);
    for number in 1..=hours {
        hour(&world, number);
        tasks.push(world.alive_tasks());
        made += world.count("CreateDeployment");
        // The ledger of a day would hide what the operator itself holds.
        world.emulator.clear_calls();
        println!("hour {number}: {} tasks, {} KiB resident in this process", world.alive_tasks(), resident_kib());
    }
    // One revision for each version, one for each that somebody overrode, and the guests'.
    assert_eq!(made, hours * (RESIDENTS + 2), "no change is lost, and none made twice");
    assert!(tasks.iter().all(|count| *count <= tasks[0]), "{tasks:?}");
}

/// Of the whole process, other tests in it included: to be looked at when this one runs alone.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
