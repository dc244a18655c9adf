//! The container image: what is in it, and how it works under the chart's security context (does I/O: podman, a cluster).
//!
//! They need the image and podman, so that only `make e2e-image` runs them.

#![allow(clippy::print_stdout, reason = "sizes and times are for whoever runs them")]

mod container;
mod contents;
mod emulator;
mod running;

use std::path::Path;
use std::process::{Command, Stdio};

/// As `make image` names it.
const IMAGE: &str = concat!("localhost/greengrass-operator:", env!("CARGO_PKG_VERSION"));

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a command printed; the test ends where it failed.
fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn podman(arguments: &[&str]) -> String {
    output(Command::new("podman").args(arguments))
}
