//! What a team sees that keeps a fleet in Git and brings it into the cluster with Flux.

use serde_json::json;

use super::flux::Followed;
use super::order::{target_comes, under};
use super::ownership::{intricate, owns_what_is_its_own};
use super::rows::{befall, config_map, identity, mend, particular, pruned, rows, to_prune, versions};
use super::watch::{Watch, assert_never_failed};
use crate::world::fleet::{add_device, add_devices, offline, taking};
use crate::world::{ACCOUNT, REGION, condition, is_ready};

const LINE: [&str; 2] = ["plant/line/presses.yaml", "plant/line/settings.yaml"];

#[test]
#[ignore = "needs Flux, which `make e2e-gitops` builds"]
fn a_commit_rolls_out_and_flux_waits_until_devices_have_it() {
    let plant = Followed::new("flux-rolls");
    let group = plant.world.group("Presses");
    add_devices(&plant.world.emulator, "Presses", 3, &taking(12));
    plant.write(&LINE);
    let first = plant.repository.commit("Version 1.0.0");
    plant.apply(&plant.file("clusters/plant-eu/line.yaml"));
    plant.fetch(&first);
    plant.world.wait("the deployment", || plant.world.deployments().len() == 1);
    assert_eq!(plant.world.deployments()[0].target_arn, group);
    assert_eq!(plant.ready("line").0, "Unknown", "devices are at it, and Flux waits");
    plant.wait_ready("line", &first);
    let status = &plant.world.object("presses").unwrap()["status"];
    assert_eq!((&status["revisionId"], &status["devicesSummary"]), (&json!("1"), &json!("3/3")));

    let presses = plant.file("plant/line/presses.yaml").replace("1.0.0", "1.1.0");
    plant.repository.write("plant/line/presses.yaml", &presses);
    let second = plant.repository.commit("Version 1.1.0");
    plant.fetch(&second);
    plant.world.wait("the second revision", || plant.world.deployments().len() == 2);
    let (status, _, message) = plant.ready("line");
    assert_eq!(status, "Unknown", "devices are at it, and Flux waits: {message}");
    plant.wait_ready("line", &second);
    let status = &plant.world.object("presses").unwrap()["status"];
    assert_eq!((&status["revisionId"], &status["devicesSummary"]), (&json!("2"), &json!("3/3")));
}

#[test]
#[ignore = "needs Flux, which `make e2e-gitops` builds"]
fn a_bad_commit_fails_at_once_in_the_resources_words_and_its_revert_heals() {
    let plant = Followed::new("flux-bad");
    plant.world.group("Presses");
    add_devices(&plant.world.emulator, "Presses", 3, &particular());
    plant.write(&LINE);
    let good = plant.repository.commit("Version 1.0.0");
    plant.apply(&plant.file("clusters/plant-eu/line.yaml"));
    plant.wait_ready("line", &good);
    let presses = plant.file("plant/line/presses.yaml");
    let name = format!("GreengrassDeployment/{}/presses", plant.world.namespace);
    let bad = [
        // Devices fail on it; the operator refuses it.
        (presses.replace("1.0.0", "2.0.0"), "failed on 3 of the 3 devices"),
        (
            presses.replace("        mergeFrom:", "        merge: '{\"Message\": '\n        mergeFrom:"),
            "configurationUpdate.merge: merge is a string that holds no valid JSON",
        ),
    ];
    for (file, words) in bad {
        plant.repository.write("plant/line/presses.yaml", &file);
        let commit = plant.repository.commit("Not as it should be");
        plant.fetch(&commit);
        // Flux names the resource, and the resource says why.
        plant.wait_failed("line", &[&name, "status: 'Failed'"]);
        let object = plant.world.object("presses").unwrap();
        let message = condition(&object, "Ready").unwrap()["message"].as_str().unwrap();
        assert!(message.contains(words), "{message}");
        let commit = plant.repository.revert();
        plant.fetch(&commit);
        plant.wait_ready("line", &commit);
    }
    // The API server refuses it.
    plant.repository.write("plant/line/presses.yaml", &presses.replace("1.0.0", "latest"));
    let commit = plant.repository.commit("Not as it should be");
    plant.fetch(&commit);
    plant.wait_failed("line", &[&name, "componentVersion must be"]);
    let commit = plant.repository.revert();
    plant.fetch(&commit);
    plant.wait_ready("line", &commit);
    assert_eq!(plant.world.object("presses").unwrap()["status"]["revisionId"], "3", "good, bad, good again");
}

#[test]
#[ignore = "needs Flux, which `make e2e-gitops` builds"]
fn flux_reads_every_trouble_as_it_is() {
    let plant = Followed::new("flux-rows");
    let rows = rows(&plant.world);
    let namespace = &plant.world.namespace;
    for row in &rows {
        let mut manifest = row.manifest.to_json();
        manifest["metadata"]["namespace"] = json!(namespace);
        plant.repository.write(&format!("rows/{}/resource.yaml", row.name), &manifest.to_string());
    }
    let commit = plant.repository.commit("One of each");
    plant.fetch(&commit);
    for row in &rows {
        let one = plant.file("clusters/plant-eu/line.yaml");
        let path = format!("path: ./rows/{}", row.name);
        plant.apply(&one.replace("name: line", &format!("name: {}", row.name)).replace("path: ./plant/line", &path));
    }
    befall(&plant.world);
    // Where Flux found those in order before something befell them, it looks again in ten minutes, or when asked to.
    for name in ["cancelled", "drifted"] {
        plant.reconcile("kustomization", name);
    }
    for row in rows {
        plant.wait(&format!("{}: {} with {}", row.name, row.kustomization, row.words), || {
            let object = plant.world.object(row.name).unwrap();
            let message = condition(&object, "Ready").unwrap()["message"].as_str().unwrap().to_owned();
            plant.ready(row.name).0 == row.kustomization && message.contains(row.words)
        });
    }
    for name in mend(&plant.world) {
        plant.wait(&format!("{name} to heal"), || plant.world.object(name).is_some_and(|object| is_ready(&object)));
        plant.reconcile("kustomization", name);
        plant.wait_ready(name, &commit);
    }
}

#[test]
#[ignore = "needs Flux, which `make e2e-gitops` builds"]
fn a_newer_commit_does_not_wait_for_devices_of_the_older_one() {
    let plant = Followed::new("flux-overtakes");
    plant.world.group("Presses");
    add_devices(&plant.world.emulator, "Presses", 1, &offline());
    plant.write(&LINE);
    let first = plant.repository.commit("Version 1.0.0");
    plant.apply(&plant.file("clusters/plant-eu/line.yaml"));
    plant.fetch(&first);
    plant.world.wait_for("presses", "False", "RollingOut");
    plant.wait("Flux to wait for devices", || {
        let line = plant.get("kustomization", "line");
        condition(&line, "Reconciling").is_some_and(|reconciling| reconciling.to_string().contains("health checks"))
    });
    let presses = plant.file("plant/line/presses.yaml").replace("1.0.0", "1.1.0");
    plant.repository.write("plant/line/presses.yaml", &presses);
    let second = plant.repository.commit("Version 1.1.0");
    plant.fetch(&second);
    plant.world.wait_until("presses", "at its second revision", |object| object["status"]["revisionId"] == "2");
    assert!(plant.world.emulator.connect_device(ACCOUNT, REGION, "press-00001", Some(true)));
    plant.wait_ready("line", &second);
}

#[test]
#[ignore = "needs Flux, which `make e2e-gitops` builds"]
fn the_line_gets_a_version_when_the_canary_has_it() {
    let plant = Followed::new("flux-canary");
    for (group, device) in [("Presses", "press-1"), ("PressesCanary", "press-2")] {
        plant.world.group(group);
        add_device(&plant.world.emulator, device, &[group], &particular());
    }
    plant.write(&LINE);
    plant.write(&["plant/canary/presses.yaml"]);
    let first = plant.repository.commit("Version 1.0.0");
    plant.apply(&plant.file("clusters/plant-eu/canary.yaml"));
    plant.apply(&plant.file("clusters/plant-eu/line-after-canary.yaml"));
    plant.wait_ready("line", &first);

    let release = |version: &str| {
        for file in ["plant/canary/presses.yaml", "plant/line/presses.yaml"] {
            plant.repository.write(file, &plant.file(file).replace("1.0.0", version));
        }
        let commit = plant.repository.commit(&format!("Version {version}"));
        plant.fetch(&commit);
        commit
    };
    let good = release("1.1.0");
    plant.wait_ready("line", &good);
    assert_eq!(plant.world.object("presses").unwrap()["status"]["revisionId"], "2");

    // Version 2.0.0 fails on devices, and the line never gets it.
    release("2.0.0");
    plant.wait_failed("canary", &["presses-canary status: 'Failed'"]);
    plant.wait("Flux to hold the line", || plant.ready("line").1 == "DependencyNotReady");
    assert_eq!(plant.world.object("presses").unwrap()["status"]["revisionId"], "2");
    let mended = release("2.0.1");
    plant.wait_ready("line", &mended);
    assert_eq!(versions(&plant.world, "Presses"), ["1.0.0", "1.1.0", "2.0.1"]);
}

#[test]
#[ignore = "needs Flux, which `make e2e-gitops` builds"]
fn pruning_leaves_in_aws_what_the_policy_says() {
    let plant = Followed::new("flux-prune");
    to_prune(&plant.world, |path, text| plant.repository.write(&format!("plant/line/{path}"), text));
    let mut stays = config_map("stays");
    stays["metadata"]["namespace"] = json!(plant.world.namespace);
    plant.repository.write("plant/line/stays.yaml", &stays.to_string());
    let first = plant.repository.commit("Three");
    plant.apply(&plant.file("clusters/plant-eu/line.yaml"));
    plant.wait_ready("line", &first);
    for name in ["retained", "deleted", "removed"] {
        plant.repository.remove(&format!("plant/line/{name}.yaml"));
    }
    let second = plant.repository.commit("None");
    plant.fetch(&second);
    pruned(&plant.world);
    plant.wait_ready("line", &second);
}

#[test]
#[ignore = "needs Flux, which `make e2e-gitops` builds"]
fn applying_again_changes_nothing_and_each_owns_what_is_its_own() {
    let plant = Followed::new("flux-owns");
    let group = plant.world.group("Presses");
    add_devices(&plant.world.emulator, "Presses", 1, &taking(1));
    let intricate = intricate(&group, ", Nothing: null")
        .replace("  name: presses", &format!("  name: presses\n  namespace: {}", plant.world.namespace));
    plant.repository.write("plant/line/presses.yaml", &intricate);
    let commit = plant.repository.commit("Everything that there is");
    plant.apply(&plant.file("clusters/plant-eu/line.yaml"));
    plant.wait_ready("line", &commit);
    let before = plant.world.object("presses").unwrap();
    for _ in 0..3 {
        plant.reconcile_and_wait("line");
    }
    let after = plant.world.object("presses").unwrap();
    assert_eq!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
    assert_eq!(plant.world.deployments().len(), 1);
    owns_what_is_its_own(&after, "kustomize-controller");

    // What somebody does by hand is taken back, and Flux's own command line has the operator look.
    let edit = r#"{"spec": {"components": {"com.example.HelloWorld": {"componentVersion": "6.6.6"}}}}"#;
    plant.world.kubectl(&["patch", "ggd", "presses", "--type=merge", "--patch", edit]).success().unwrap();
    plant.reconcile_and_wait("line");
    let version = "/spec/components/com.example.HelloWorld/componentVersion";
    plant.wait("the edit to be taken back", || {
        plant.world.object("presses").unwrap().pointer(version) == Some(&json!("1.0.0"))
    });
}

#[test]
#[ignore = "needs Flux, which `make e2e-gitops` builds"]
fn both_ways_of_suspending_hold_a_change() {
    let plant = Followed::new("flux-suspend");
    plant.world.group("Presses");
    add_devices(&plant.world.emulator, "Presses", 1, &taking(1));
    plant.write(&LINE);
    let first = plant.repository.commit("Version 1.0.0");
    plant.apply(&plant.file("clusters/plant-eu/line.yaml"));
    plant.wait_ready("line", &first);

    // Flux's own: the cluster hears nothing of the commit.
    let flux = |suspend: bool| {
        let patch = json!({"spec": {"suspend": suspend}}).to_string();
        plant.world.kubectl(&["patch", "kustomization", "line", "--type=merge", "--patch", &patch]).success().unwrap();
    };
    flux(true);
    let presses = plant.file("plant/line/presses.yaml");
    plant.repository.write("plant/line/presses.yaml", &presses.replace("1.0.0", "1.1.0"));
    let second = plant.repository.commit("Version 1.1.0");
    plant.fetch(&second);
    std::thread::sleep(std::time::Duration::from_secs(5));
    assert_eq!(plant.world.object("presses").unwrap()["metadata"]["generation"], 1);
    flux(false);
    plant.wait_ready("line", &second);
    assert_eq!(plant.world.deployments().len(), 2);

    // The resource's own: the cluster has the commit, and AWS hears nothing of it. With nothing to do Flux is content.
    let suspended = presses.replace("spec:\n", "spec:\n  suspend: true\n");
    plant.repository.write("plant/line/presses.yaml", &suspended.replace("1.0.0", "1.1.0"));
    let third = plant.repository.commit("Hold it");
    plant.fetch(&third);
    plant.wait_ready("line", &third);
    plant.repository.write("plant/line/presses.yaml", &suspended.replace("1.0.0", "1.2.0"));
    let fourth = plant.repository.commit("Version 1.2.0, while it is held");
    plant.fetch(&fourth);
    plant.world.wait_for("presses", "False", "Suspended");
    assert_eq!(plant.ready("line").0, "Unknown", "there is something to do, and Flux waits");
    assert_eq!(plant.world.deployments().len(), 2);
    plant.repository.write("plant/line/presses.yaml", &presses.replace("1.0.0", "1.2.0"));
    let fifth = plant.repository.commit("Let it go");
    plant.fetch(&fifth);
    plant.wait_ready("line", &fifth);
    assert_eq!(plant.world.deployments().len(), 3);
}

#[test]
#[ignore = "needs Flux, which `make e2e-gitops` builds"]
fn what_comes_in_any_order_settles_and_never_looks_broken() {
    let plant = Followed::new("flux-order");
    let identity = identity(&plant.world);
    let presses = under(&identity, &plant.file("plant/line/presses.yaml"));
    plant.repository.write("plant/line/presses.yaml", &presses);
    plant.repository.write("plant/settings/settings.yaml", &plant.file("plant/line/settings.yaml"));
    plant.repository.write("plant/identity/identity.yaml", &identity.to_string());
    let commit = plant.repository.commit("Version 1.0.0");
    plant.fetch(&commit);
    let mut resources = Watch::of(&plant.world, "greengrassdeployment", &plant.world.namespace);
    let mut line = Watch::of(&plant.world, "kustomization", &plant.world.namespace);
    let apply = |name: &str| {
        let one = plant.file("clusters/plant-eu/line.yaml");
        plant.apply(
            &one.replace("name: line", &format!("name: {name}")).replace("plant/line", &format!("plant/{name}")),
        );
    };
    apply("line");
    plant.world.wait_for("presses", "False", "ProgressingWithRetry");
    apply("settings");
    plant.wait_ready("settings", &commit);
    plant.world.wait_for("presses", "False", "ProgressingWithRetry");
    apply("identity");
    target_comes(&plant.world);
    plant.wait_ready("line", &commit);
    assert_never_failed(&resources.end());
    for state in line.end() {
        let ready = condition(&state, "Ready");
        assert!(ready.is_none_or(|ready| ready["status"] != "False"), "{state:#}");
    }
}
