//! `suspend`, `resume`, `reconcile`, `redeploy`, `cancel`: asked and done.

use std::time::{Duration, Instant};

use greengrass_emulator::DeploymentStatus;

use super::run_in;
use crate::world::{ACCOUNT, Manifest, REGION, World, condition, fleet};

#[test]
fn a_suspended_resource_holds_its_change_until_it_is_resumed() {
    let world = World::new("requests");
    let manifest = Manifest::new("presses", &world.group("Presses"));
    world.apply(&manifest);
    world.wait_ready("presses");
    let said = run_in(&world, &["suspend", "presses"]).expect(0);
    assert_eq!(said.out, format!("{}/presses suspended: nothing is written to AWS for it any more\n", world.namespace));
    world.apply(&manifest.version("1.1.0"));
    let held = world.wait_for("presses", "False", "Suspended");
    let writers = held["metadata"]["managedFields"].to_string();
    assert!(writers.contains("greengrass-operator-cli"), "{writers}");
    let said = run_in(&world, &["resume", "ggd/presses"]).expect(0);
    assert!(said.out.contains("Ready=True"), "{}", said.out);
    assert_eq!(world.deployments().len(), 2);
    assert!(world.object("presses").unwrap()["spec"]["suspend"].is_null(), "taken off, not set to false");
}

#[test]
fn a_redeploy_makes_one_revision_of_the_same_content_and_waits_for_it() {
    let world = World::new("requests");
    for name in ["presses", "paint"] {
        world.apply(&Manifest::new(name, &world.group(name)));
        world.wait_ready(name);
    }
    let said = run_in(&world, &["redeploy", "--all"]).expect(0);
    assert_eq!(said.out.matches("Ready=True").count(), 2, "{}", said.out);
    assert_eq!(world.deployments().len(), 4);
    run_in(&world, &["reconcile", "presses", "paint"]).expect(0);
    assert_eq!(world.deployments().len(), 4);
}

#[test]
fn a_cancelled_rollout_stays_so_until_it_is_asked_for_anew() {
    let world = World::new("requests");
    fleet::add_devices(&world.emulator, "Presses", 2, &fleet::offline());
    world.apply(&Manifest::new("presses", &World::group_arn("Presses")));
    world.wait_ready("presses");
    let said = run_in(&world, &["cancel", "presses"]).expect(0);
    assert!(said.out.contains("Ready=False RolloutCanceled"), "{}", said.out);
    assert_eq!(world.deployments()[0].deployment_status, DeploymentStatus::Canceled);
    // What is cancelled is not well: who asks for a look is told.
    run_in(&world, &["reconcile", "presses"]).expect(1);
    run_in(&world, &["redeploy", "presses"]).expect(0);
    let object = world.wait_ready("presses");
    assert!(condition(&object, "Stalled").is_none());
}

#[test]
fn one_that_fails_keeps_no_other_from_its_request_and_a_refusal_is_not_waited_for() {
    let world = World::new("requests");
    let foreign = world.group("Foreign");
    let request =
        serde_json::json!({"targetArn": foreign, "components": {"com.example.Other": {"componentVersion": "1.0.0"}}});
    world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    world.apply(&Manifest::new("foreign", &foreign));
    world.wait_for("foreign", "False", "ForeignRevision");
    world.apply(&Manifest::new("presses", &world.group("Presses")));
    world.wait_ready("presses");
    let begun = Instant::now();
    let said = run_in(&world, &["redeploy", "foreign", "nowhere", "presses"]).expect(1);
    assert!(begun.elapsed() < Duration::from_mins(1), "the time-out of five minutes is not waited for");
    assert!(said.err.contains("nowhere: there is no GreengrassDeployment"), "{}", said.err);
    assert!(said.out.contains("foreign Ready=False ForeignRevision"), "{}", said.out);
    assert!(said.out.contains("presses Ready=True Deployed"), "{}", said.out);
    assert_eq!(world.deployments().len(), 3);
}

#[test]
fn who_waits_in_vain_is_told_why() {
    let world = World::without_operator("requests");
    world.apply(&Manifest::new("presses", &world.group("Presses")));
    let said = run_in(&world, &["reconcile", "presses", "--timeout", "1s"]).expect(1);
    assert!(said.out.contains("not handled within 1 s; the operator has not looked at it"), "{}", said.out);
    run_in(&world, &["reconcile", "presses", "--no-wait"]).expect(0);
    let missing = run_in(&world, &["redeploy", "nowhere"]).expect(1);
    assert!(missing.err.contains("there is no GreengrassDeployment"), "{}", missing.err);
    let nobody = run_in(&world, &["suspend", "--selector", "a=b"]).expect(1);
    assert!(nobody.err.contains("there is no such GreengrassDeployment in namespace"), "{}", nobody.err);
}
