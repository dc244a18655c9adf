//! What devices did can't be read, changes behind our back, or is too much to be read at once.

use std::time::Duration;

use greengrass_emulator::{FaultAction, FaultRule, Operation, Staleness};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::rollout::{HOUR, MINUTE, SECOND, rolled_out, said, until, waiting};
use crate::world::fleet::{add_device, add_devices, failing, offline, taking};
use crate::world::{Manifest, VirtualWorld, World, condition};

#[test]
fn a_job_that_may_not_be_read_says_which_permission_is_missing_and_harms_nothing_else() {
    let world = VirtualWorld::new("denied");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 3, &taking(5));
    let denied = world.emulator.faults().add(FaultRule::on(Operation::DescribeJob, FaultAction::AccessDenied).always());
    world.apply(&Manifest::new("presses", &group));
    let unknown = until(&world, "Unknown", MINUTE);
    let message = condition(&unknown, "RolledOut").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("iot:DescribeJob"), "{message}");
    assert_eq!((said(&unknown, "Ready"), said(&unknown, "Synced")), ("True/Deployed".into(), "True/UpToDate".into()));
    world.pass_in(2 * HOUR, Duration::from_secs(10));
    let tries = world.count("DescribeJob");
    assert!(tries <= 30, "{tries} tries in two hours");
    assert!(world.emulator.faults().remove(denied));
    until(&world, "Completed", 13 * MINUTE);
}

#[test]
fn failed_devices_that_may_not_be_read_are_counted_all_the_same() {
    let world = VirtualWorld::new("unread");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 3, &failing(1.0, 5));
    let denied =
        world.emulator.faults().add(FaultRule::on(Operation::DescribeJobExecution, FaultAction::AccessDenied).always());
    world.apply(&Manifest::new("presses", &group));
    let failed = world.wait_for_within("presses", "False", "RolloutFailed", 2 * MINUTE);
    let message = condition(&failed, "RolledOut").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("iot:DescribeJobExecution"), "{message}");
    world.pass_in(HOUR, Duration::from_secs(10));
    assert!(world.count("DescribeJobExecution") <= 15, "{}", world.count("DescribeJobExecution"));
    assert!(world.emulator.faults().remove(denied));
    world.wait_until("presses", "explained", 20 * MINUTE, |object| {
        object["status"]["failures"].as_array().is_some_and(|all| all.len() == 3)
    });
}

#[test]
fn a_job_that_is_deleted_behind_our_back_is_told_and_a_new_revision_is_counted_again() {
    let world = VirtualWorld::new("gone");
    let group = world.group("Presses");
    add_device(&world.emulator, "sleeper", &["Presses"], &offline());
    world.apply(&Manifest::new("presses", &group));
    let ready = world.wait_until("presses", "counted", MINUTE, |object| object["status"]["devicesSummary"] == "0/1");
    let not_found =
        FaultAction::Error { status: 404, code: "ResourceNotFoundException".into(), message: "no such job".into() };
    let gone = world.emulator.faults().add(FaultRule::on(Operation::DescribeJob, not_found).always());
    let unknown = until(&world, "Unknown", 10 * MINUTE);
    assert_eq!(said(&unknown, "Ready"), "True/Deployed");
    assert_eq!(unknown["status"]["deploymentId"], ready["status"]["deploymentId"]);
    let before = world.calls().len();
    world.pass_in(HOUR, Duration::from_secs(10));
    let spent = world.calls().len() - before;
    assert!(spent <= 30, "{spent} calls in an hour");
    assert!(world.emulator.faults().remove(gone));
    world.annotate("presses", "redeploy-at", "1");
    world.wait_until("presses", "counted again", 2 * MINUTE, |object| {
        object["status"]["revisionId"] == "2" && rolled_out(object, "InProgress")
    });
}

#[test]
fn a_throttled_jobs_api_leaves_deployments_alone_and_heals() {
    let world = VirtualWorld::new("throttled");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 3, &taking(5));
    let throttled = FaultAction::Throttle { retry_after_seconds: Some(7) };
    world.emulator.faults().add(FaultRule::on(Operation::DescribeJob, throttled).lasting(120_000));
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    world.pass(MINUTE);
    world.apply(&Manifest::new("presses", &group).version("1.1.0"));
    let changed =
        world.wait_until("presses", "changed", Duration::from_secs(30), |object| object["status"]["revisionId"] == "2");
    assert_eq!(said(&changed, "Synced"), "True/UpToDate");
    assert!(world.count("DescribeJob") <= 8, "{}", world.count("DescribeJob"));
    until(&world, "Completed", 10 * MINUTE);
}

#[test]
fn counts_that_go_backwards_for_a_while_take_back_nothing_that_was_settled() {
    let world = VirtualWorld::new("backwards");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 4, &taking(15));
    world.apply(&waiting(&group));
    let done = world.wait_for_within("presses", "True", "RolledOut", 3 * MINUTE);
    let stale = FaultAction::Stale(Staleness::MillisecondsAgo(20_000));
    world.emulator.faults().add(FaultRule::on(Operation::DescribeJob, stale).lasting(60_000));
    world.pass(SECOND);
    world.annotate("presses", "reconcile-at", "1");
    world.pass(10 * SECOND);
    let stale = world.object("presses").unwrap();
    assert_eq!((said(&stale, "Ready"), said(&stale, "RolledOut")), ("True/RolledOut".into(), "True/Completed".into()));
    assert_ne!(stale["status"]["devicesSummary"], done["status"]["devicesSummary"], "what AWS says is shown");
    world.wait_until("presses", "counted again", 15 * MINUTE, |object| object["status"]["devicesSummary"] == "4/4");
}

#[test]
fn a_restart_in_the_middle_of_a_rollout_goes_on_with_it() {
    let mut world = VirtualWorld::new("middle");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 20, &taking(90));
    world.apply(&waiting(&group));
    world.wait_until("presses", "counted", MINUTE, |object| !object["status"]["devices"].is_null());
    world.kill_operator();
    world.pass(2 * MINUTE);
    world.start_operator();
    world.wait_for_within("presses", "True", "RolledOut", 6 * MINUTE);
    assert_eq!(world.count("CreateDeployment"), 1);
}

#[test]
fn three_hundred_rollouts_share_the_jobs_api_and_neither_a_fresh_one_nor_a_change_waits_for_them() {
    let world = VirtualWorld::new("many");
    let line = |number: usize| format!("line{number}");
    let many = 300;
    for number in 0..many {
        let group = world.group(&line(number));
        add_device(&world.emulator, &format!("press-{number}"), &[&line(number)], &taking(1200));
        world.apply(&Manifest::new(&line(number), &group));
    }
    for number in 0..many {
        world.wait_ready_within(&line(number), 3 * MINUTE);
    }
    // Thirty a second would like to be read, and six are.
    world.pass(2 * MINUTE);
    let group = world.group("Fresh");
    add_device(&world.emulator, "fresh", &["Fresh"], &taking(5));
    world.apply(&Manifest::new("fresh", &group));
    world.wait_until("fresh", "in AWS", SECOND, |object| !object["status"]["deploymentId"].is_null());
    world.wait_until("fresh", "rolled out", MINUTE, |object| rolled_out(object, "Completed"));
    for number in 0..many {
        let object = world.object(&line(number)).unwrap();
        assert_eq!(object["status"]["devicesSummary"], "0/1", "{number} was read, too");
    }
    let mut times: Vec<Timestamp> =
        world.calls().into_iter().filter(|call| call.operation == "DescribeJob").map(|call| call.time).collect();
    times.sort();
    let too_quick = times.windows(13).filter(|some| some[12].duration_since(some[0]).as_secs_f64() < 0.99).count();
    assert_eq!(too_quick, 0, "never more than six a second, and six at once after a rest");
}

#[test]
fn a_change_does_not_wait_for_a_jobs_api_that_says_when_to_come_again() {
    let world = VirtualWorld::new("paused");
    let line = |number: usize| format!("line{number}");
    for number in 0..40 {
        let group = world.group(&line(number));
        add_device(&world.emulator, &format!("press-{number}"), &[&line(number)], &taking(1200));
        world.apply(&Manifest::new(&line(number), &group));
    }
    for number in 0..40 {
        world.wait_ready_within(&line(number), MINUTE);
    }
    let throttled = FaultAction::Throttle { retry_after_seconds: Some(4) };
    world.emulator.faults().add(FaultRule::on(Operation::DescribeJob, throttled).always());
    world.pass(Duration::from_secs(30));
    for number in 0..10 {
        world.pass(Duration::from_secs(2));
        let target = World::group_arn(&line(number));
        world.apply(&Manifest::new(&line(number), &target).version("1.1.0"));
        world.wait_until(&line(number), "in AWS", SECOND, |object| object["status"]["revisionId"] == "2");
    }
}

#[test]
fn devices_that_go_up_and_down_make_no_storm_of_writes() {
    let world = VirtualWorld::new("flapping");
    let group = world.group("Presses");
    add_devices(
        &world.emulator,
        "Presses",
        30,
        &json!({
            "takes": {"seconds": 3000}, "availability": {"turns": {"onlineSeconds": 7, "offlineSeconds": 5}},
        }),
    );
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    world.pass(MINUTE);
    let version = |object: &Value| object["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    let before = version(&world.object("presses").unwrap());
    let mut writes = 0;
    let mut last = before;
    for _ in 0..(10 * 60) {
        world.pass(SECOND);
        let now = version(&world.object("presses").unwrap());
        writes += usize::from(now != last);
        last = now;
    }
    assert!(writes <= 61, "{writes} writes in ten minutes");
}

#[test]
fn a_stop_that_aws_denies_is_said_and_tried_at_the_pace_of_a_person() {
    let world = VirtualWorld::new("unstoppable");
    let group = world.group("Presses");
    add_device(&world.emulator, "sleeper", &["Presses"], &offline());
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    let denied =
        world.emulator.faults().add(FaultRule::on(Operation::CancelDeployment, FaultAction::AccessDenied).always());
    world.annotate("presses", "cancel-at", "now");
    world.wait_for("presses", "False", "ProgressingWithRetry");
    world.wait_for_within("presses", "False", "AccessDenied", 3 * MINUTE);
    world.pass_in(HOUR, Duration::from_secs(10));
    let tries = world.count("CancelDeployment");
    assert!(tries <= 16, "{tries} tries in an hour");
    assert!(world.emulator.faults().remove(denied));
    let stopped = world.wait_for_within("presses", "False", "RolloutCanceled", 13 * MINUTE);
    assert_eq!(stopped["status"]["lastHandledCancelAt"], "now");
}
