//! Rules that have a time in them: a minute, two minutes, seven hours.

use std::time::Duration;

use greengrass_emulator::{CallRecord, DeploymentStatus, FaultAction, FaultKind, FaultRule, Operation, Staleness};
use serde_json::json;

use crate::world::fleet::{add_devices, taking};
use crate::world::{ACCOUNT, Manifest, REGION, VirtualWorld, condition};

const MINUTE: Duration = Duration::from_mins(1);

/// Whole seconds from one call to another.
fn seconds(from: &CallRecord, to: &CallRecord) -> i64 {
    to.time.duration_since(from.time).as_secs()
}

#[test]
fn an_hour_of_rest_takes_seconds_and_changes_nothing() {
    let world = VirtualWorld::new("rest");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    add_devices(&world.emulator, "Presses", 10, &taking(10));
    world.wait_ready("presses");
    world.pass(MINUTE);
    let ready = world.object("presses").unwrap();
    assert_eq!(condition(&ready, "RolledOut").unwrap()["reason"], "Completed");
    let before = (world.count("ListDeployments"), world.count("DescribeJob"), world.calls().len());
    world.pass(Duration::from_hours(1));
    let looks = world.count("ListDeployments") - before.0;
    let counts = world.count("DescribeJob") - before.1;
    // One look in five minutes, spread by a tenth either way, and devices in between.
    assert!((10..=14).contains(&looks) && (6..=12).contains(&counts), "{looks} looks, {counts} counts");
    assert_eq!(world.calls().len() - before.2, looks + counts);
    assert_eq!(world.object("presses").unwrap(), ready);
}

#[test]
fn a_subdeployment_follows_its_parents_new_revision_two_minutes_later() {
    let world = VirtualWorld::new("follow");
    let (parent, canary) = (world.group("Presses"), world.group("PressesCanary"));
    let manifest = Manifest::new("presses", &parent);
    world.apply(&manifest);
    world.wait_ready("presses");
    world.apply(&Manifest::new("canary", &canary).parent(&parent).version("2.0.0"));
    world.wait_ready("canary");
    world.apply(&manifest.version("1.0.1"));
    world.wait_ready("presses");
    world.pass(Duration::from_secs(110));
    assert_eq!(world.count("CreateDeployment"), 3, "nothing follows before two minutes are over");
    world.wait("the subdeployment's revision", MINUTE, || world.count("CreateDeployment") == 4);
    let creates = world.emulator.calls_of("CreateDeployment");
    assert!((120..=125).contains(&seconds(&creates[2], &creates[3])), "{}", seconds(&creates[2], &creates[3]));
    assert_eq!(creates[3].target_arn.as_deref(), Some(canary.as_str()));
    world.wait_ready_within("canary", MINUTE);
    world.pass(Duration::from_hours(1));
    assert_eq!(world.count("CreateDeployment"), 4, "and nothing follows that");
}

#[test]
fn a_subdeployment_that_goes_with_its_parents_revision_gets_none() {
    let world = VirtualWorld::new("gone");
    let (parent, canary) = (world.group("Presses"), world.group("PressesCanary"));
    let manifest = Manifest::new("presses", &parent);
    world.apply(&manifest);
    world.wait_ready("presses");
    world.apply(&Manifest::new("canary", &canary).parent(&parent));
    world.wait_ready("canary");
    world.apply(&manifest.version("1.0.1"));
    world.wait_ready("presses");
    world.pass(MINUTE);
    world.delete("canary");
    world.pass(Duration::from_mins(10));
    assert_eq!(world.count("CreateDeployment"), 3);
}

#[test]
fn a_deployment_that_somebody_deleted_is_a_drift_after_two_looks_a_minute_apart() {
    let world = VirtualWorld::new("vanished");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    world.pass(Duration::from_mins(3));
    let id = world.deployments()[0].deployment_id.clone();
    world.remove_as_somebody(&id);
    let before = world.calls().len();
    world.annotate("presses", "reconcile-at", "1");
    world.settle();
    world.pass(Duration::from_secs(55));
    let doubted = world.object("presses").unwrap();
    assert_eq!(condition(&doubted, "Ready").unwrap()["status"], "True", "one look proves nothing");
    world.wait_for_within("presses", "False", "Drifted", Duration::from_secs(10));
    let looks = world.calls().split_off(before);
    let first = looks.iter().find(|call| call.operation == "ListDeployments").unwrap();
    assert!(seconds(first, looks.last().unwrap()) >= 60, "{looks:#?}");
    assert_eq!(world.count("CreateDeployment"), 1);
    world.pass(Duration::from_hours(1));
    assert_eq!(world.count("CreateDeployment"), 1, "nothing is made again unasked");
    world.annotate("presses", "redeploy-at", "1");
    world.wait_ready_within("presses", MINUTE);
    assert_eq!(world.count("CreateDeployment"), 2);
}

#[test]
fn a_deployment_that_does_not_show_for_a_while_is_no_drift() {
    let world = VirtualWorld::new("lag");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    world.pass(Duration::from_mins(3));
    let stale = FaultAction::Stale(Staleness::WritesAgo(1_000_000));
    world.emulator.faults().add(FaultRule::on(Operation::ListDeployments, stale).lasting(50_000));
    world.annotate("presses", "reconcile-at", "1");
    let before = world.calls().len();
    for _ in 0..180 {
        world.pass(Duration::from_secs(1));
        let object = world.object("presses").unwrap();
        assert_eq!(condition(&object, "Ready").unwrap()["status"], "True");
    }
    assert!(world.calls().len() > before, "it was looked");
    assert_eq!(world.count("CreateDeployment"), 1);
}

#[test]
fn a_token_that_aws_has_forgotten_makes_one_deployment() {
    let world = VirtualWorld::new("token");
    let group = world.group("Presses");
    let denied =
        world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, FaultAction::AccessDenied).always());
    world.apply(&Manifest::new("presses", &group));
    world.wait_for("presses", "False", "ProgressingWithRetry");
    world.pass_in(Duration::from_mins(450), Duration::from_secs(10));
    assert!(world.emulator.faults().remove(denied));
    let before = world.count("CreateDeployment");
    world.wait_ready_within("presses", Duration::from_mins(15));
    assert_eq!((world.deployments().len(), world.count("CreateDeployment")), (1, before + 1));
    world.pass(Duration::from_hours(1));
    assert_eq!(world.deployments().len(), 1);
}

#[test]
fn a_token_that_aws_has_forgotten_after_a_lost_reply_makes_no_second_deployment() {
    let mut world = VirtualWorld::new("forgotten");
    let group = world.group("Presses");
    world.emulator.faults().add(FaultRule::on(Operation::CreateDeployment, FaultAction::ResetAfter));
    let unreadable = world
        .emulator
        .faults()
        .add(FaultRule::on(Operation::ListDeployments, FaultAction::AccessDenied).skip(2).always());
    world.apply(&Manifest::new("presses", &group));
    world.wait("the create", MINUTE, || world.count("CreateDeployment") == 1);
    world.pass_in(Duration::from_hours(5), Duration::from_secs(10));
    world.restart_operator();
    world.pass_in(Duration::from_hours(5), Duration::from_secs(10));
    assert!(world.emulator.faults().remove(unreadable));
    // The first look does not show it yet: were that enough, another would be made.
    let stale = FaultAction::Stale(Staleness::WritesAgo(1_000_000));
    world.emulator.faults().add(FaultRule::on(Operation::ListDeployments, stale).lasting(40_000));
    world.annotate("presses", "reconcile-at", "now");
    world.settle();
    let looks = || world.calls().into_iter().filter(|call| call.fault == Some(FaultKind::Stale)).count();
    world.wait("a look that shows nothing", MINUTE, || looks() > 0);
    world.wait_ready_within("presses", Duration::from_mins(15));
    assert_eq!((world.deployments().len(), world.count("CreateDeployment")), (1, 1));
}

#[test]
fn what_does_not_show_is_only_counted_as_gone_after_a_minute() {
    let world = VirtualWorld::new("absence");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group).with("deletionPolicy", json!("Cancel")));
    world.wait_ready("presses");
    world.pass(Duration::from_mins(3));
    let stale = || FaultAction::Stale(Staleness::WritesAgo(1_000_000));
    world.emulator.faults().add(FaultRule::on(Operation::ListDeployments, stale()).lasting(40_000));
    world.emulator.faults().add(FaultRule::on(Operation::GetDeployment, stale()).lasting(40_000));
    world.delete("presses");
    world.pass(Duration::from_secs(50));
    assert!(world.object("presses").is_some(), "not found once is not gone");
    world.wait_gone("presses", Duration::from_mins(2));
    assert_eq!(world.deployments()[0].deployment_status, DeploymentStatus::Canceled);
}

#[test]
fn a_deletion_that_aws_denies_for_ever_says_so_and_asks_once_in_ten_minutes() {
    let world = VirtualWorld::new("blocked");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group).with("deletionPolicy", json!("Delete")));
    world.wait_ready("presses");
    let denied =
        world.emulator.faults().add(FaultRule::on(Operation::CancelDeployment, FaultAction::AccessDenied).always());
    world.delete("presses");
    let blocked = world.wait_for_within("presses", "False", "DeletionBlocked", Duration::from_mins(4));
    let message = condition(&blocked, "Stalled").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("Retain"), "it says how to let go: {message}");
    world.pass_in(Duration::from_hours(2), Duration::from_secs(5));
    let before = (world.calls().len(), world.count("CancelDeployment"));
    world.pass_in(Duration::from_hours(2), Duration::from_secs(5));
    let (calls, cancels) = (world.calls().len() - before.0, world.count("CancelDeployment") - before.1);
    assert!((9..=15).contains(&cancels), "{cancels} cancellations in two hours");
    println!("a deletion that is denied: {cancels} cancellations and {calls} calls in hours 3 and 4");
    assert!(world.emulator.faults().remove(denied));
    world.wait_gone("presses", Duration::from_mins(13));
    assert_eq!(world.deployments().len(), 0);
}

#[test]
fn a_resource_with_many_revisions_goes_at_the_pace_at_which_aws_deletes() {
    let world = VirtualWorld::new("many");
    let group = world.group("Presses");
    let mut switches = world.emulator.switches();
    switches.job_deletion_ms = 90_000;
    world.emulator.set_switches(switches);
    // None is deleted before its time.
    let manifest = Manifest::new("presses", &group)
        .with("deletionPolicy", json!("Delete"))
        .with("revisionHistoryLimit", json!(100));
    for revision in 0..25 {
        world.apply(&manifest.clone().version(&format!("1.0.{revision}")));
        world.wait_ready_within("presses", MINUTE);
    }
    assert_eq!(world.deployments().len(), 25);
    let before = world.calls().len();
    world.delete("presses");
    world.wait_gone("presses", Duration::from_mins(20));
    assert_eq!(world.emulator.deployments(ACCOUNT, REGION).len(), 0);
    let calls = world.calls().split_off(before);
    let refused = calls.iter().filter(|call| call.error_code.is_some()).count();
    // A list, a cancellation, a reading and a deletion for each.
    println!("25 revisions: {} calls, {refused} of them refused", calls.len());
    assert!(calls.len() <= 25 * 3 + 20 && refused <= 10, "{} calls, {refused} refused", calls.len());
}
