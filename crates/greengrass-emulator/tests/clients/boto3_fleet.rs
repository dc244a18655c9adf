//! boto3 with thirty simulated devices, quotas and faults: the steps are in `fleet.py`.

use crate::program::Program;

#[test]
fn boto3_pages_through_a_fleet_is_throttled_and_meets_faults() {
    let program = Program::start(&["--seed", "1", "--manual-clock", "2026-01-01T00:00:00Z"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/fleet.py");
    let output = program.client("python3").arg(script).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n");
}
