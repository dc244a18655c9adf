//! boto3 drives the same life, its paginators and its exceptions, and thirty simulated devices: the steps are in the scripts.

use crate::program::Program;

#[test]
fn boto3_drives_groups_things_and_subdeployments() {
    let program = Program::start(&["--quota", "greengrass=unlimited", "--switch", "jobDeletionMs=0"]);
    assert_eq!(program.runs("lifecycle.py"), "done\n");
}

#[test]
fn boto3_pages_through_a_fleet_is_throttled_and_meets_faults() {
    let program = Program::start(&["--seed", "1", "--manual-clock", "2026-01-01T00:00:00Z"]);
    assert_eq!(program.runs("fleet.py"), "done\n");
}
