//! boto3 drives the same life, its paginators and its exceptions, thirty simulated devices, the ways to a role, components, and system instances: the steps are in the scripts.

use crate::program::Program;

#[test]
fn boto3_drives_groups_things_and_subdeployments() {
    let program = Program::start(&["--quota", "greengrass=unlimited", "--switch", "jobDeletionMs=0"]);
    assert_eq!(program.runs("lifecycle.py"), "done\n");
}

#[test]
fn boto3_gets_the_credentials_of_roles_in_every_way() {
    let program = Program::start(&["--seed", "1"]);
    assert_eq!(program.runs("roles.py"), "done\n");
}

#[test]
fn boto3_creates_components_that_devices_install_with_their_dependencies() {
    let program = Program::start(&["--seed", "1", "--manual-clock", "2026-01-01T00:00:00Z"]);
    assert_eq!(program.runs("components.py"), "done\n");
}

#[test]
fn boto3_deploys_system_instances_to_both_targets() {
    let program = Program::start(&["--seed", "1", "--manual-clock", "2026-01-01T00:00:00Z"]);
    assert_eq!(program.runs("things_graph.py"), "done\n");
}

#[test]
fn boto3_pages_through_a_fleet_is_throttled_and_meets_faults() {
    let program = Program::start(&["--seed", "1", "--manual-clock", "2026-01-01T00:00:00Z"]);
    assert_eq!(program.runs("fleet.py"), "done\n");
}
