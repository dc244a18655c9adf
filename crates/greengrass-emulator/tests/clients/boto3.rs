//! boto3 drives the same life, its paginators and its exceptions: the steps are in `lifecycle.py`.

use crate::program::Program;

#[test]
fn boto3_drives_groups_things_and_subdeployments() {
    let program = Program::start(&["--quota", "greengrass=unlimited", "--switch", "jobDeletionMs=0"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/lifecycle.py");
    let output = program.client("python3").arg(script).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n");
}
