//! The emulator's image: who it says it is, and that it answers under the chart's security context (does I/O: podman).

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::podman;
use crate::world::operator::{free_port, page};

/// As `make emulator-image` names it.
const IMAGE: &str = concat!("localhost/greengrass-emulator:", env!("CARGO_PKG_VERSION"));
/// In bytes, uncompressed.
const MOST: u64 = 20_000_000;

#[test]
#[ignore = "needs the image and podman: make e2e-image"]
fn it_is_small_and_runs_as_nobody_in_particular() {
    let images: Value = serde_json::from_str(&podman(&["image", "inspect", IMAGE])).unwrap();
    let (size, configuration) = (images[0]["Size"].as_u64().unwrap(), &images[0]["Config"]);
    assert!(size <= MOST, "{size}");
    assert_eq!(configuration["User"], "65532:65532");
    assert_eq!(configuration["Entrypoint"], serde_json::json!(["/usr/local/bin/greengrass-emulator"]));
    let label = |name: &str| configuration["Labels"][format!("org.opencontainers.image.{name}")].as_str().unwrap();
    assert_eq!((label("title"), label("version")), ("greengrass-emulator", env!("CARGO_PKG_VERSION")));
    assert_eq!(configuration["Labels"].as_object().unwrap().len(), 6);
}

#[test]
#[ignore = "needs the image and podman: make e2e-image"]
fn it_answers_without_a_capability_and_without_a_place_to_write_to() {
    let (port, name) = (free_port(), format!("emulator-{}", std::process::id()));
    let listen = format!("--listen=127.0.0.1:{port}");
    let mut run = Command::new("podman");
    run.args(super::container::runtime()).args([
        "run",
        "--rm",
        "--name",
        &name,
        "--network=host",
        "--user=65532:65532",
    ]);
    run.args(["--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges"]);
    run.args(["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", IMAGE, &listen]);
    let mut container = run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    let answer = loop {
        match page(port, "/_emulator/health") {
            Some((200, text)) => break Some(text),
            Some(_) | None if started.elapsed() < Duration::from_mins(1) => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Some(_) | None => break None,
        }
    };
    podman(&["kill", "--signal=TERM", &name]);
    let status = container.wait().unwrap();
    assert!(answer.is_some_and(|text| text.contains("forgottenCalls")));
    assert!(status.success(), "SIGTERM ends it well: {status}");
}
