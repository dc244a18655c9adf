//! The real kstatus (does I/O: starts a process).

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What kstatus makes of each object.
pub fn read<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let program = testcluster::tools::kstatus().unwrap().join("kstatus");
    let lines: Vec<String> = objects.into_iter().map(Value::to_string).collect();
    let mut kstatus = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = kstatus.stdin.take().unwrap();
    // It answers while it reads: with both pipes full, each would wait for the other.
    let writing = std::thread::spawn(move || input.write_all(lines.join("\n").as_bytes()));
    let output = kstatus.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "kstatus can't read an object, see above");
    String::from_utf8(output.stdout).unwrap().lines().map(ToOwned::to_owned).collect()
}
