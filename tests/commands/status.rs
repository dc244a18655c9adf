//! `status` and `devices`: from a resource to each of its devices.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;
use testcluster::Cluster;

use super::{command, run, run_in};
use crate::world::{Manifest, World, fleet, install_definitions_on};

#[test]
fn a_failed_rollout_is_told_down_to_the_devices() {
    let world = World::new("status");
    let group = world.group("Presses");
    fleet::add_devices(&world.emulator, "Presses", 3, &fleet::failing(1.0, 1));
    fleet::add_device(&world.emulator, "steady", &["Presses"], &fleet::taking(1));
    world.apply(&Manifest::new("presses", &group));
    world.wait_for("presses", "False", "RolloutFailed");
    world.wait_until("presses", "sampled", |object| {
        object["status"]["failures"].as_array().is_some_and(|all| all.len() == 3)
    });

    let tree = run_in(&world, &["status", "ggd/presses"]).expect(0).out;
    assert!(
        tree.starts_with(&format!("GreengrassDeployment {}/presses\n├── Ready=False RolloutFailed: ", world.namespace)),
        "{tree}"
    );
    for words in [
        "1/4: 1 succeeded, 3 failed",
        "3 things FAILED S3_HEAD_OBJECT_ACCESS_DENIED",
        "thing group Presses in 123456789012",
    ] {
        assert!(tree.contains(words), "{words}: {tree}");
    }
    let table = run_in(&world, &["status"]).expect(0).out;
    assert!(table.starts_with("NAME      READY   REASON          TARGET    REVISION   DEVICES   AGE"), "{table}");
    let items = run_in(&world, &["status", "--output", "json"]).expect(0).json();
    assert_eq!(items["items"][0]["devices"]["failed"], 3);

    let devices = run_in(&world, &["devices", "presses", "--output", "json"]).expect(0).json();
    let states: Vec<_> =
        devices["items"].as_array().unwrap().iter().map(|device| (&device["thing"], &device["state"])).collect();
    assert_eq!(states.len(), 4);
    assert_eq!(states[3], (&json!("steady"), &json!("SUCCEEDED")));
    assert!(
        devices["items"][0]["errorCodes"].as_array().unwrap().contains(&json!("S3_HEAD_OBJECT_ACCESS_DENIED")),
        "{devices}"
    );
    let failed = run_in(&world, &["devices", "presses", "--state", "failed,rejected", "--reasons", "1"]).expect(0).out;
    assert_eq!(failed.lines().count(), 4, "{failed}");
    assert_eq!(failed.matches("S3_HEAD_OBJECT_ACCESS_DENIED").count(), 1, "{failed}");
}

#[test]
fn kubectl_finds_the_commands_as_its_plugin() {
    let world = World::without_operator("status");
    let folder = world.folder().join("bin");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_greengrass-operator"), folder.join("kubectl-greengrass")).unwrap();
    let kubectl = |arguments: &[&str]| {
        let mut command = world.cluster.kubectl_command();
        let output = command.arg("greengrass").args(arguments).env("PATH", &folder).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let kubeconfig = world.cluster.kubeconfig().to_str().unwrap();
    let (code, said) = kubectl(&["status", "--kubeconfig", kubeconfig, "--namespace", &world.namespace]);
    assert_eq!((code, said), (Some(0), format!("no GreengrassDeployment in namespace {}\n", world.namespace)));
    let (_, help) = kubectl(&["--help"]);
    assert!(help.contains("Usage: kubectl greengrass <COMMAND>"), "{help}");
}

#[test]
fn shells_and_man_are_served() {
    let world = World::without_operator("status");
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&world, &["completion", shell]).expect(0).out;
        assert!(script.contains("greengrass-operator") && script.contains("redeploy"), "{shell}");
    }
    let bash = run(&world, &["completion", "bash"]).out;
    std::fs::write(world.folder().join("completion"), bash).unwrap();
    let parsed = std::process::Command::new("bash").arg("-n").arg(world.folder().join("completion")).status().unwrap();
    assert!(parsed.success());
    run(&world, &["man", "--directory", "."]).expect(0);
    let page = std::fs::read_to_string(world.folder().join("greengrass-operator-plan.1")).unwrap();
    assert!(page.contains("without a cluster and without changing anything"), "{page}");
}

#[test]
fn a_thing_is_a_device_too() {
    let world = World::new("status");
    fleet::add_device(&world.emulator, "press-1", &[], &fleet::failing(1.0, 1));
    let arn = format!("arn:aws:iot:{}:{}:thing/press-1", crate::world::REGION, crate::world::ACCOUNT);
    world.apply(&Manifest::new("press", &arn));
    world.wait_for("press", "False", "RolloutFailed");
    let devices = run_in(&world, &["devices", "press", "--output", "json"]).expect(0).json();
    assert_eq!((&devices["items"][0]["thing"], &devices["items"][0]["state"]), (&json!("press-1"), &json!("FAILED")));
    assert!(devices["items"][0]["reason"].is_string(), "{devices}");
}

#[test]
fn every_change_is_told_to_those_who_watch() {
    let world = World::new("status");
    let group = world.group("Presses");
    fleet::add_devices(&world.emulator, "Presses", 2, &fleet::taking(1));
    let arguments = ["status", "--watch", "--namespace", &world.namespace, "--output", "json"];
    let mut child = command(&world, &arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    world.apply(&Manifest::new("presses", &group).with("rollout", json!({"readyWhen": "RolledOut"})));
    let mut reasons = Vec::new();
    for line in lines {
        let seen: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let ready =
            seen["conditions"].as_array().and_then(|all| all.iter().find(|said| said["type"] == "Ready").cloned());
        reasons.push(ready.map_or_else(String::new, |ready| ready["reason"].as_str().unwrap().to_owned()));
        if reasons.last().is_some_and(|reason| reason == "RolledOut") {
            assert_eq!(seen["devicesSummary"], "2/2");
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(reasons.contains(&"RollingOut".to_owned()), "{reasons:?}");
}

#[test]
fn a_watch_outlives_an_api_server_that_restarts_and_ends_where_it_is_refused() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start().unwrap()));
    install_definitions_on(cluster);
    let world = World::without_operator_on(cluster, "status");
    let arguments = ["status", "--watch", "--namespace", &world.namespace];
    let mut child =
        command(&world, &arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    world.apply(&Manifest::new("before", &World::group_arn("Presses")));
    assert!(lines.next().unwrap().unwrap().starts_with(&format!("{}/before ", world.namespace)));
    cluster.stop_api_server().unwrap();
    cluster.start_api_server().unwrap();
    world.apply(&Manifest::new("after", &World::group_arn("Paint")));
    let after = format!("{}/after ", world.namespace);
    assert!(lines.any(|line| line.unwrap().starts_with(&after)));
    child.kill().unwrap();
    child.wait().unwrap();

    let nobody = cluster.service_account_kubeconfig(&world.namespace, "default").unwrap();
    let refused = run_in(&world, &["status", "--watch", "--kubeconfig", nobody.to_str().unwrap()]).expect(1);
    assert!(
        refused.err.contains("the API server answers: greengrassdeployments.greengrass-operator.dev is forbidden"),
        "{}",
        refused.err
    );
}

#[test]
fn what_is_not_there_is_said_in_words() {
    let world = World::without_operator("status");
    let nothing = run_in(&world, &["status"]).expect(0);
    assert_eq!(nothing.err, format!("no GreengrassDeployment in namespace {}\n", world.namespace));
    let missing = run_in(&world, &["status", "nowhere"]).expect(1);
    assert!(
        missing.err.contains(&format!("there is no GreengrassDeployment {}/nowhere", world.namespace)),
        "{}",
        missing.err
    );
    world.apply(&Manifest::new("presses", &World::group_arn("Presses")));
    let unseen = run_in(&world, &["status", "presses"]).expect(0);
    assert!(unseen.out.contains("the operator has not looked at it yet"), "{}", unseen.out);
    let early = run_in(&world, &["devices", "presses"]).expect(1);
    assert!(early.err.contains("has no deployment in AWS yet"), "{}", early.err);
    let no_kind = run(&world, &["status", "deployment/presses"]).expect(1);
    assert!(no_kind.err.contains("write NAME, ggd/NAME or ggsi/NAME"), "{}", no_kind.err);
}
