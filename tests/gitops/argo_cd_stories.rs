//! What a team sees that keeps a fleet in Git and brings it into the cluster with Argo CD.

use serde_json::json;

use super::argo_cd::{Managed, health};
use super::order::{target_comes, under};
use super::ownership::{intricate, owns_what_is_its_own};
use super::rows::{befall, config_map, identity, mend, particular, pruned, rows, to_prune, versions};
use super::watch::{Watch, assert_never_failed};
use crate::world::fleet::{add_device, add_devices, taking};

const LINE: [&str; 2] = ["plant/line/presses.yaml", "plant/line/settings.yaml"];
const APPLICATION: &str = "clusters/plant-eu/application.yaml";

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn a_commit_rolls_out_and_the_application_is_healthy_when_devices_have_it() {
    let plant = Managed::new("argocd-rolls");
    let group = plant.world.group("Presses");
    add_devices(&plant.world.emulator, "Presses", 3, &taking(12));
    plant.write(&LINE);
    let first = plant.repository.commit("Version 1.0.0");
    plant.apply(&plant.file(APPLICATION));
    plant.wait_for(&first, "Progressing");
    plant.world.wait("the deployment", || plant.world.deployments().len() == 1);
    assert_eq!(plant.world.deployments()[0].target_arn, group);
    let application = plant.wait_for(&first, "Healthy");
    assert!(health(&application, "presses").1.contains("revision 1"), "{application:#}");

    let presses = plant.file("plant/line/presses.yaml").replace("1.0.0", "1.1.0");
    plant.repository.write("plant/line/presses.yaml", &presses);
    let second = plant.repository.commit("Version 1.1.0");
    plant.refresh();
    plant.wait_for(&second, "Progressing");
    plant.wait_for(&second, "Healthy");
    let status = &plant.world.object("presses").unwrap()["status"];
    assert_eq!((&status["revisionId"], &status["devicesSummary"]), (&json!("2"), &json!("3/3")));
}

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn a_bad_commit_is_degraded_in_the_resources_words_and_its_revert_heals() {
    let plant = Managed::new("argocd-bad");
    plant.world.group("Presses");
    add_devices(&plant.world.emulator, "Presses", 3, &particular());
    plant.write(&LINE);
    let good = plant.repository.commit("Version 1.0.0");
    plant.apply(&plant.file(APPLICATION));
    plant.wait_for(&good, "Healthy");
    let presses = plant.file("plant/line/presses.yaml");
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
        plant.refresh();
        let application = plant.wait_for(&commit, "Degraded");
        assert!(health(&application, "presses").1.contains(words), "{application:#}");
        let commit = plant.repository.revert();
        plant.refresh();
        plant.wait_for(&commit, "Healthy");
    }
    assert_eq!(plant.world.object("presses").unwrap()["status"]["revisionId"], "3", "good, bad, good again");

    // The API server refuses it: nothing of the resource changes.
    plant.repository.write("plant/line/presses.yaml", &presses.replace("1.0.0", "latest"));
    plant.repository.commit("Not as it should be");
    plant.refresh();
    plant.wait("the sentence of the rule", |application| {
        application["status"].to_string().contains("componentVersion must be")
    });
    let commit = plant.repository.revert();
    plant.refresh();
    plant.wait_for(&commit, "Healthy");
    assert_eq!(plant.world.object("presses").unwrap()["status"]["revisionId"], "3");
}

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn argo_cd_reads_every_trouble_as_it_is() {
    let plant = Managed::new("argocd-rows");
    let rows = rows(&plant.world);
    for row in &rows {
        plant.repository.write(&format!("plant/{}.yaml", row.name), &row.manifest.to_json().to_string());
    }
    plant.repository.commit("One of each");
    plant.apply(&plant.file(APPLICATION));
    befall(&plant.world);
    for row in rows {
        plant.wait(&format!("{}: {} with {}", row.name, row.health, row.words), |application| {
            let (status, message) = health(application, row.name);
            status == row.health && message.contains(row.words)
        });
    }
    let application = plant.application();
    assert_eq!(application["status"]["sync"]["status"], "Synced", "trouble is no difference: {application:#}");
    assert_eq!(application["status"]["health"]["status"], "Degraded", "the worst of all");
    for name in mend(&plant.world) {
        plant.wait(&format!("{name} to heal"), |application| health(application, name).0 == "Healthy");
    }
    let application = plant.application();
    assert_eq!(application["status"]["sync"]["status"], "Synced", "requests are no difference: {application:#}");
}

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn no_way_of_comparing_and_applying_sees_a_difference_that_is_none() {
    // kubectl's way of applying drops a null, and then each comparison finds it missing.
    let nothing = ", Nothing: null";
    let ways = [
        ("client", "compare-options: ServerSideDiff=false", "CreateNamespace=false", ""),
        ("apply", "compare-options: ServerSideDiff=false", "ServerSideApply=true", nothing),
        ("server", "compare-options: ServerSideDiff=true", "ServerSideApply=true", nothing),
        ("mixed", "compare-options: ServerSideDiff=true", "CreateNamespace=false", ""),
    ];
    for (name, compare, apply, further) in ways {
        let plant = Managed::new(&format!("argocd-diff-{name}"));
        let group = plant.world.group("Presses");
        add_devices(&plant.world.emulator, "Presses", 1, &taking(1));
        plant.repository.write("plant/presses.yaml", &intricate(&group, further));
        let commit = plant.repository.commit("Everything that there is");
        let application = plant.file(APPLICATION);
        plant.apply(
            &application
                .replace("compare-options: ServerSideDiff=true", compare)
                .replace("ServerSideApply=true", apply),
        );
        plant.wait_for(&commit, "Healthy");
        let before = plant.world.object("presses").unwrap();
        for _ in 0..3 {
            plant.refresh_hard();
            let application = plant.application();
            assert_eq!(application["status"]["sync"]["status"], "Synced", "{name}: {application:#}");
        }
        let history = plant.application()["status"]["history"].as_array().unwrap().len();
        assert_eq!(history, 1, "{name}: nothing was ever healed");
        let after = plant.world.object("presses").unwrap();
        assert_eq!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"], "{name}");
        assert_eq!(plant.world.deployments().len(), 1, "{name}");
        owns_what_is_its_own(&after, "argocd-");
    }
}

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn suspending_in_git_holds_a_change_and_is_shown_as_suspended() {
    let plant = Managed::new("argocd-suspend");
    plant.world.group("Presses");
    add_devices(&plant.world.emulator, "Presses", 1, &taking(1));
    plant.write(&LINE);
    let first = plant.repository.commit("Version 1.0.0");
    plant.apply(&plant.file(APPLICATION));
    plant.wait_for(&first, "Healthy");
    let suspended = plant.file("plant/line/presses.yaml").replace("spec:\n", "spec:\n  suspend: true\n");
    plant.repository.write("plant/line/presses.yaml", &suspended);
    let commit = plant.repository.commit("Hold it");
    plant.refresh();
    plant.wait_for(&commit, "Suspended");
    plant.repository.write("plant/line/presses.yaml", &suspended.replace("1.0.0", "1.1.0"));
    let commit = plant.repository.commit("Version 1.1.0, while it is held");
    plant.refresh();
    let application = plant.wait_for(&commit, "Suspended");
    assert!(!health(&application, "presses").1.is_empty());
    plant.world.wait_for("presses", "False", "Suspended");
    assert_eq!(plant.world.deployments().len(), 1);
    plant.repository.write("plant/line/presses.yaml", &plant.file("plant/line/presses.yaml").replace("1.0.0", "1.1.0"));
    let commit = plant.repository.commit("Let it go");
    plant.refresh();
    plant.wait_for(&commit, "Healthy");
    assert_eq!(plant.world.deployments().len(), 2);
}

/// What remains in AWS follows each resource's own policy.
#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn pruning_leaves_in_aws_what_the_policy_says() {
    let plant = Managed::new("argocd-prune");
    to_prune(&plant.world, |path, text| plant.repository.write(&format!("plant/{path}"), text));
    plant.repository.write("plant/stays.yaml", &config_map("stays").to_string());
    let first = plant.repository.commit("Three");
    plant.apply(&plant.file(APPLICATION));
    plant.wait_for(&first, "Healthy");
    for name in ["retained", "deleted", "removed"] {
        plant.repository.remove(&format!("plant/{name}.yaml"));
    }
    let second = plant.repository.commit("None");
    plant.refresh();
    plant.wait("the removal to be shown", |application| {
        health(application, "removed") == ("Progressing".to_owned(), "Pending deletion".to_owned())
    });
    pruned(&plant.world);
    plant.wait_for(&second, "Healthy");
}

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn its_actions_do_what_they_say_and_make_no_difference_to_git() {
    let plant = Managed::new("argocd-actions");
    plant.world.group("Presses");
    add_devices(&plant.world.emulator, "Presses", 1, &taking(5));
    plant.write(&LINE);
    let commit = plant.repository.commit("Version 1.0.0");
    plant.apply(&plant.file(APPLICATION));
    plant.wait_for(&commit, "Healthy");

    plant.act("suspend");
    plant.wait_for(&commit, "Suspended");
    plant.act("resume");
    plant.wait_for(&commit, "Healthy");
    plant.act("reconcile");
    plant.world.wait_until("presses", "looked at", |object| object["status"]["lastHandledReconcileAt"].is_string());
    plant.act("redeploy");
    plant.world.wait_until("presses", "redeployed", |object| object["status"]["revisionId"] == "2");
    plant.act("cancel");
    plant.world.wait_for("presses", "False", "RolloutCanceled");
    plant.wait_for(&commit, "Degraded");
    // Two requests within a second would be one.
    std::thread::sleep(std::time::Duration::from_secs(1));
    plant.act("redeploy");
    plant.wait_for(&commit, "Healthy");
    assert_eq!(plant.world.object("presses").unwrap()["status"]["revisionId"], "3");
    let history = plant.application()["status"]["history"].as_array().unwrap().len();
    assert_eq!(history, 1, "self-healing took nothing back");
}

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn what_comes_in_any_order_settles_and_never_looks_broken() {
    let plant = Managed::new("argocd-order");
    let identity = identity(&plant.world);
    let presses = under(&identity, &plant.file("plant/line/presses.yaml"));
    plant.repository.write("plant/line/presses.yaml", &presses);
    plant.repository.write("base/settings.yaml", &plant.file("plant/line/settings.yaml"));
    plant.repository.write("base/identity.yaml", &identity.to_string());
    let commit = plant.repository.commit("Version 1.0.0");
    plant.apply(&plant.file(APPLICATION));
    let mut resources = Watch::of(&plant.world, "greengrassdeployment", &plant.world.namespace);
    let mut application = Watch::of(&plant.world, &format!("application/{}", plant.world.namespace), "argocd");
    plant.world.wait_for("presses", "False", "ProgressingWithRetry");
    let base = format!("name: base-{}\n  namespace: argocd", plant.world.namespace);
    let own = format!("name: {}\n  namespace: argocd", plant.world.namespace);
    plant.apply(&plant.file(APPLICATION).replace(&own, &base).replace("path: plant", "path: base"));
    target_comes(&plant.world);
    plant.wait_for(&commit, "Healthy");
    assert_never_failed(&resources.end());
    for state in application.end() {
        assert_ne!(state["status"]["health"]["status"], "Degraded", "{state:#}");
    }
}

#[test]
#[ignore = "needs Argo CD, which `make e2e-gitops` builds"]
fn the_line_gets_a_version_when_the_canary_has_it() {
    let plant = Managed::new("argocd-canary");
    for (group, device) in [("Presses", "press-1"), ("PressesCanary", "press-2")] {
        plant.world.group(group);
        add_device(&plant.world.emulator, device, &[group], &particular());
    }
    plant.write(&LINE);
    plant.write(&["plant/canary/presses.yaml"]);
    let first = plant.repository.commit("Version 1.0.0");
    plant.apply(&plant.file(APPLICATION));
    plant.wait_for(&first, "Healthy");
    let release = |version: &str| {
        for file in ["plant/canary/presses.yaml", "plant/line/presses.yaml"] {
            plant.repository.write(file, &plant.file(file).replace("1.0.0", version));
        }
        let commit = plant.repository.commit(&format!("Version {version}"));
        plant.refresh();
        commit
    };
    let good = release("1.1.0");
    plant.wait_for(&good, "Healthy");
    assert_eq!(plant.world.object("presses").unwrap()["status"]["revisionId"], "2");

    // Version 2.0.0 fails on devices, and the line never gets it.
    release("2.0.0");
    plant.wait("the canary to fail the sync", |application| {
        let operation = application["status"]["operationState"]["message"].as_str().unwrap_or_default();
        health(application, "presses-canary").0 == "Degraded" && operation.contains("unsuccessfully")
    });
    assert_eq!(plant.world.object("presses").unwrap()["status"]["revisionId"], "2");
    let mended = release("2.0.1");
    plant.wait_for(&mended, "Healthy");
    assert_eq!(versions(&plant.world, "Presses"), ["1.0.0", "1.1.0", "2.0.1"]);
}
