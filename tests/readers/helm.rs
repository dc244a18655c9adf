//! `helm install --wait` of a chart with a GreengrassDeployment in it, with an operator at work (does I/O: starts
//! processes). Helm 4 waits with kstatus.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::chart::{complaint, helm, success};
use crate::world::fleet::{add_devices, failing, taking};
use crate::world::{Manifest, World};

const CHART: &str = "{apiVersion: v2, name: line, version: 1.0.0}";

/// A chart of one resource, which is ready when devices have it.
fn chart(folder: &Path, group: &str, version: &str) -> PathBuf {
    let chart = folder.join(format!("chart-{version}"));
    fs::create_dir_all(chart.join("templates")).unwrap();
    fs::write(chart.join("Chart.yaml"), CHART).unwrap();
    let rollout = json!({"readyWhen": "RolledOut"});
    let presses = Manifest::new("presses", group).version(version).with("rollout", rollout);
    fs::write(chart.join("templates/presses.yaml"), presses.to_json().to_string()).unwrap();
    chart
}

fn install(world: &World, group: &str, version: &str, timeout: &str) -> Output {
    let chart = chart(world.folder(), group, version);
    let namespace = format!("--namespace={}", world.namespace);
    let timeout = format!("--timeout={timeout}");
    let arguments = ["upgrade", "--install", "line", chart.to_str().unwrap(), &namespace, "--wait", &timeout];
    helm(Some(world.cluster.kubeconfig()), &arguments)
}

#[test]
fn helm_waits_until_devices_have_it() {
    let world = World::new("helm-waits");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 3, &taking(3));
    // The second time, the status says at first that devices have the version before.
    for (revision, version) in [("1", "1.0.0"), ("2", "2.0.0")] {
        success(&install(&world, &group, version, "3m"));
        let status = &world.object("presses").unwrap()["status"];
        assert_eq!((&status["revisionId"], &status["devicesSummary"]), (&json!(revision), &json!("3/3")), "{status}");
    }
}

#[test]
fn helm_gives_up_at_once_where_devices_fail() {
    let world = World::new("helm-fails");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 3, &failing(1.0, 1));
    let began = Instant::now();
    let output = install(&world, &group, "1.0.0", "10m");
    assert!(!output.status.success(), "devices failed, and helm is content: {output:?}");
    assert!(began.elapsed() < Duration::from_mins(3), "helm waits for what can't come");
    let said = complaint(&output);
    assert!(said.contains("status: Failed") && said.contains("S3_HEAD_OBJECT_ACCESS_DENIED"), "{said}");
}
