//! AWS no longer has what was made: what is mended by itself, how often, and what is no drift.

use std::time::Duration;

use serde_json::json;

use crate::world::{Manifest, VirtualWorld, condition};

const MINUTE: Duration = Duration::from_mins(1);

fn correcting(target: &str) -> Manifest {
    Manifest::new("presses", target).with("driftPolicy", json!("Correct"))
}

#[test]
fn what_somebody_deploys_above_ours_is_mended_three_times_an_hour_and_then_said() {
    let world = VirtualWorld::new("correct");
    let group = world.group("Presses");
    world.apply(&correcting(&group));
    world.wait_ready("presses");
    for correction in 1..=3 {
        world.deploy_as_somebody(&group);
        world.annotate("presses", "reconcile-at", &format!("{correction}"));
        world.wait("a correction", MINUTE, || world.count("CreateDeployment") == 1 + correction);
        let ready = world.wait_ready_within("presses", MINUTE);
        assert_eq!(ready["status"]["revisionId"], (1 + 2 * correction).to_string());
        assert_eq!(world.deployments().pop().unwrap().tags["greengrass-operator.dev/cause"], "correct");
    }
    world.deploy_as_somebody(&group);
    world.annotate("presses", "reconcile-at", "4");
    let exhausted = world.wait_for("presses", "False", "CorrectionsExhausted");
    assert_eq!(condition(&exhausted, "Synced").unwrap()["reason"], "Drifted");
    world.pass_in(Duration::from_mins(50), Duration::from_secs(5));
    assert_eq!(world.count("CreateDeployment"), 4);
    // The first of the three is an hour old: the next one may be made.
    world.wait("the next correction", Duration::from_mins(12), || world.count("CreateDeployment") == 5);
    world.wait_ready_within("presses", MINUTE);
}

#[test]
fn the_limit_of_corrections_outlives_a_restart() {
    let mut world = VirtualWorld::new("limit");
    let group = world.group("Presses");
    world.apply(&correcting(&group));
    world.wait_ready("presses");
    for correction in 1..=3 {
        world.deploy_as_somebody(&group);
        world.annotate("presses", "reconcile-at", &format!("{correction}"));
        world.wait("a correction", MINUTE, || world.count("CreateDeployment") == 1 + correction);
        world.wait_ready_within("presses", MINUTE);
        world.restart_operator();
    }
    world.deploy_as_somebody(&group);
    world.annotate("presses", "reconcile-at", "4");
    world.wait_for_within("presses", "False", "CorrectionsExhausted", MINUTE);
}

#[test]
fn somebody_who_deletes_what_is_mended_does_not_get_round_the_limit() {
    let world = VirtualWorld::new("erase");
    let group = world.group("Presses");
    world.apply(&correcting(&group));
    world.wait_ready("presses");
    for correction in 1..=3 {
        world.pass(Duration::from_mins(3));
        let newest = world.deployments().pop().unwrap();
        world.remove_as_somebody(&newest.deployment_id);
        world.annotate("presses", "reconcile-at", &format!("{correction}"));
        world.wait("a correction", Duration::from_mins(3), || world.count("CreateDeployment") == 1 + correction);
        world.wait_ready_within("presses", MINUTE);
    }
    world.pass(Duration::from_mins(3));
    let newest = world.deployments().pop().unwrap();
    world.remove_as_somebody(&newest.deployment_id);
    world.annotate("presses", "reconcile-at", "4");
    world.wait_for_within("presses", "False", "CorrectionsExhausted", Duration::from_mins(3));
    assert_eq!(world.count("CreateDeployment"), 4);
}

#[test]
fn a_cancelled_deployment_is_no_drift_under_either_policy() {
    let world = VirtualWorld::new("outcome");
    let group = world.group("Presses");
    world.apply(&correcting(&group));
    let ready = world.wait_ready("presses");
    world.cancel_as_somebody(ready["status"]["deploymentId"].as_str().unwrap());
    world.annotate("presses", "reconcile-at", "1");
    world.wait_for("presses", "False", "RolloutCanceled");
    world.pass_in(Duration::from_hours(1), Duration::from_secs(5));
    assert_eq!(world.count("CreateDeployment"), 1);
}

#[test]
fn a_policy_that_comes_to_mend_does_so_at_once() {
    let world = VirtualWorld::new("change");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    world.deploy_as_somebody(&group);
    world.annotate("presses", "reconcile-at", "1");
    let drifted = world.wait_for("presses", "False", "Drifted");
    assert_eq!(drifted["status"]["pendingChange"], json!(["component com.example.HelloWorld: 1.0.0 is added"]));
    world.apply(&correcting(&group));
    let ready = world.wait_ready("presses");
    assert!(ready["status"]["pendingChange"].is_null() && ready["status"]["foreign"].is_null());
}

#[test]
fn a_subdeployment_that_yields_rests_under_its_parents_new_revision() {
    let world = VirtualWorld::new("yield");
    let (parent, canary) = (world.group("Presses"), world.group("Canary"));
    world.apply(&Manifest::new("presses", &parent));
    world.wait_ready("presses");
    let sub = Manifest::new("canary", &canary).with("parent", json!({"name": "presses"}));
    let sub = sub.with("onParentRevision", json!("Yield")).version("2.0.0");
    world.apply(&sub);
    world.wait_ready("canary");
    world.apply(&Manifest::new("presses", &parent).version("1.0.1"));
    world.wait_ready("presses");
    let yielded = world.wait_until("canary", "yielded", Duration::from_mins(6), |object| {
        condition(object, "Synced").is_some_and(|synced| synced["reason"] == "Yielded")
    });
    assert_eq!(condition(&yielded, "Ready").unwrap()["status"], "True");
    world.pass(Duration::from_mins(20));
    assert_eq!(world.count("CreateDeployment"), 3, "nothing follows");
    world.apply(&sub.version("2.0.1"));
    world.wait_ready("canary");
    assert_eq!(world.count("CreateDeployment"), 4, "what is asked for is made");
}
