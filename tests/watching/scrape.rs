//! A running operator, scraped by the real Prometheus.

use std::collections::{BTreeMap, BTreeSet};

use greengrass_emulator::{FaultAction, FaultRule, Operation};
use serde_json::json;

use super::document::{documented, samples};
use super::prometheus::{PATIENCE, Prometheus, promtool};
use super::rules::rules;
use crate::world::fleet::{add_device, add_devices, failing};
use crate::world::{ACCOUNT, Manifest, REGION, World, condition};

/// What devices did, as the emulator has it, in the metrics' words.
fn emulated(world: &World) -> Vec<(String, f64)> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for deployment in world.deployments() {
        let Some(counts) = deployment.iot_job_id.and_then(|job| world.emulator.execution_counts(&job)) else {
            continue;
        };
        for (state, count) in [
            ("queued", counts.queued),
            ("in-progress", counts.in_progress),
            ("succeeded", counts.succeeded),
            ("failed", counts.failed),
            ("timed-out", counts.timed_out),
            ("rejected", counts.rejected),
            ("removed", counts.removed),
            ("canceled", counts.canceled),
        ] {
            *sums.entry(state).or_default() += count;
        }
    }
    sums.into_iter().map(|(state, count)| (state.to_owned(), f64::from(u32::try_from(count).unwrap()))).collect()
}

/// Calls that have arrived, by operation.
fn counted(world: &World) -> Vec<(String, f64)> {
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for operation in world.calls() {
        *counts.entry(operation).or_default() += 1.0;
    }
    counts.into_iter().collect()
}

fn of(pairs: &[(&str, f64)]) -> Vec<(String, f64)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn prometheus_reads_what_the_fleet_did_and_the_rules_speak_of_it() {
    let mut world = World::new("prometheus");
    let prometheus = Prometheus::of(&world, &rules());
    let (presses, lathes, mills) = (world.group("Presses"), world.group("Lathes"), world.group("Mills"));
    add_devices(&world.emulator, "Presses", 20, &failing(0.3, 1));
    for number in 0..12 {
        add_device(&world.emulator, &format!("lathe-{number}"), &["Lathes"], &failing(1.0, 1));
    }
    let denied = FaultRule::on(Operation::CreateDeployment, FaultAction::AccessDenied).target(&mills).always();
    world.emulator.faults().add(denied);
    world.apply(&Manifest::new("presses", &presses));
    world.apply(&Manifest::new("lathes", &lathes));
    world.apply(&Manifest::new("mills", &mills));
    world.wait_patiently("the fleet to end", PATIENCE, || {
        let reason = |name: &str, of: &str| {
            let object = world.object(name)?;
            Some(condition(&object, of)?["reason"].as_str()?.to_owned())
        };
        reason("presses", "RolledOut").as_deref() == Some("Completed")
            && reason("lathes", "Ready").as_deref() == Some("RolloutFailed")
            && reason("mills", "Ready").as_deref() == Some("ProgressingWithRetry")
    });

    prometheus.wait_until("up", "job", || of(&[("greengrass-operator", 1.0)]));
    let place = format!("account=\"{ACCOUNT}\",region=\"{REGION}\"");
    let devices = format!("sum by (state) (greengrass_operator_devices{{{place}}})");
    prometheus.wait_until(&devices, "state", || emulated(&world));
    let total: f64 = prometheus.query(&devices, "state").iter().map(|(_, count)| count).sum();
    assert!((total - 32.0).abs() < 0.5, "{total}");
    let calls = format!("sum by (operation) (greengrass_operator_aws_calls_total{{{place}}})");
    prometheus.wait_until(&calls, "operation", || counted(&world));
    // Identities are the whole cluster's, other tests' among them.
    let ready = "sum by (reason) (greengrass_operator_resources{kind=\"GreengrassDeployment\"} > 0)";
    prometheus.wait_until(ready, "reason", || {
        of(&[("Deployed", 1.0), ("ProgressingWithRetry", 1.0), ("RolloutFailed", 1.0)])
    });
    let verdicts = "sum by (verdict) (greengrass_operator_rollouts_total)";
    prometheus.wait_until(verdicts, "verdict", || {
        of(&[("Canceled", 0.0), ("Completed", 1.0), ("Failed", 1.0), ("NoDevices", 0.0)])
    });
    prometheus.wait_until("greengrass_operator_leading", "job", || of(&[("greengrass-operator", 1.0)]));
    prometheus.wait_until("greengrass_operator_drift_corrections_total", "region", || of(&[(REGION, 0.0)]));
    prometheus.wait_until(
        "sum by (outcome) (greengrass_operator_reconciles_total{outcome=\"panic\"})",
        "outcome",
        || of(&[("panic", 0.0)]),
    );
    prometheus.wait_until(
        "greengrass_operator_kubernetes_calls_total{verb=\"event\",outcome!=\"ok\"} or vector(0)",
        "verb",
        || of(&[("", 0.0)]),
    );

    let mut last = (Vec::new(), Vec::new());
    world.wait_patiently("the rules to be evaluated", PATIENCE, || {
        last = prometheus.alerts();
        ["GreengrassRolloutsFail", "GreengrassDevicesFail", "GreengrassDeploymentsNotReady"]
            .iter()
            .all(|name| last.0.iter().any(|moved| moved == name))
    });
    assert!(last.1.is_empty(), "{:?}", last.1);
    assert!(
        !last.0.iter().any(|name| ["GreengrassOperatorDown", "GreengrassOperatorPanics"].contains(&name.as_str())),
        "{last:?}"
    );
    assert_eq!(prometheus.query("count(ALERTS{alertstate=\"firing\"}) or vector(0)", "job"), of(&[("", 0.0)]));

    let (_, text) = world.operator().page("/metrics").unwrap();
    let linted = promtool(&["check", "metrics"], &text);
    assert!(linted.is_empty(), "{linted}");
    let documented = documented();
    for (name, labels) in samples(&text) {
        assert_eq!(documented.get(&name), Some(&labels), "{name} and its labels in docs/watching.md");
    }
    let told: BTreeSet<String> = samples(&text).into_iter().map(|(name, _)| name).collect();
    assert_eq!(told, documented.into_keys().collect(), "the metrics of the page and those of docs/watching.md");

    world.kill_operator();
    world.wait_patiently("the operator's end to be seen", PATIENCE, || {
        prometheus.alerts().0.iter().any(|name| name == "GreengrassOperatorDown")
    });
}

#[test]
fn a_drift_that_was_mended_and_a_call_that_was_throttled_are_counted_once() {
    let world = World::new("counted");
    let group = world.group("Presses");
    let throttle = FaultAction::Throttle { retry_after_seconds: Some(1) };
    world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, throttle));
    world.apply(&Manifest::new("presses", &group).with("driftPolicy", json!("Correct")));
    world.wait_ready("presses");
    let shows = |line: &str| world.operator().page("/metrics").unwrap().1.contains(line);
    let place = format!("account=\"{ACCOUNT}\",region=\"{REGION}\"");
    assert!(shows(&format!("greengrass_operator_aws_throttles_total{{{place}}} 1\n")));
    assert!(shows(&format!("greengrass_operator_drift_corrections_total{{{place}}} 0\n")));
    let request = json!({"targetArn": group, "components": {}});
    world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    world.annotate("presses", "reconcile-at", "now");
    world.wait("the drift to be mended", || {
        shows(&format!("greengrass_operator_drift_corrections_total{{{place}}} 1\n"))
    });
    world.annotate("presses", "reconcile-at", "again");
    world.wait_until("presses", "looked at", |object| object["status"]["lastHandledReconcileAt"] == "again");
    assert!(shows(&format!("greengrass_operator_drift_corrections_total{{{place}}} 1\n")));
}
