//! What devices did with a revision: counted, said, judged, and what it costs.

use std::time::Duration;

use greengrass_emulator::{FaultAction, FaultRule, Operation, Scope, Staleness};
use jiff::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::fleet::{add_device, add_devices, failing, offline, taking};
use crate::world::{ACCOUNT, Manifest, REGION, VirtualWorld, World, condition};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// `True/Completed`
fn said(object: &Value, name: &str) -> String {
    condition(object, name).map_or_else(
        || "absent".to_owned(),
        |condition| format!("{}/{}", condition["status"].as_str().unwrap(), condition["reason"].as_str().unwrap()),
    )
}

fn rolled_out(object: &Value, reason: &str) -> bool {
    object["metadata"]["generation"] == object["status"]["observedGeneration"]
        && condition(object, "RolledOut").is_some_and(|condition| condition["reason"] == reason)
}

fn waiting(group: &str) -> Manifest {
    Manifest::new("presses", group).with("rollout", json!({"readyWhen": "RolledOut"}))
}

/// A resource for a group of so many devices, in the world until `RolledOut` has that reason.
fn until(world: &VirtualWorld, reason: &str, time: Duration) -> Value {
    world.wait_until("presses", reason, time, |object| rolled_out(object, reason))
}

fn counts_spent(world: &VirtualWorld) -> [usize; 3] {
    ["DescribeJob", "ListJobExecutionsForJob", "DescribeJobExecution"].map(|operation| world.count(operation))
}

#[rstest]
#[case::one(1)]
#[case::a_hundred(100)]
#[case::ten_thousand(10_000)]
fn a_rollout_is_followed_at_the_same_few_calls_whatever_the_size(#[case] devices: usize) {
    let world = VirtualWorld::new("size");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", devices, &taking(25));
    world.apply(&Manifest::new("presses", &group).with("iotJobConfiguration", json!({})));
    let ready = world.wait_ready("presses");
    assert_eq!((said(&ready, "Ready"), said(&ready, "RolledOut")), ("True/Deployed".into(), "False/InProgress".into()));
    let done = until(&world, "Completed", Duration::from_mins(15));
    assert_eq!(done["status"]["devicesSummary"], format!("{devices}/{devices}"));
    assert_eq!(done["status"]["verdict"], "Completed");
    assert_eq!(done["status"]["history"][0]["outcome"], "Completed");
    let [counts, lists, devices_read] = counts_spent(&world);
    // AWS tells a thousand devices a minute: ten minutes for ten thousand, looked at six times a minute at most.
    let most = 6 + devices / 1000 * 7;
    assert!(counts <= most && lists == 0 && devices_read == 0, "{counts} counts of at most {most}");
}

#[test]
fn a_resource_that_waits_for_devices_is_ready_when_they_have_it() {
    let world = VirtualWorld::new("wait");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 20, &taking(40));
    world.apply(&waiting(&group));
    let rolling = world.wait_for("presses", "False", "RollingOut");
    assert_eq!(said(&rolling, "Reconciling"), "True/RollingOut");
    world.wait_for_within("presses", "True", "RolledOut", 3 * MINUTE);
    // A change is waited for anew.
    world.apply(&waiting(&group).version("1.1.0"));
    let rolling = world.wait_for("presses", "False", "RollingOut");
    assert_eq!(rolling["status"]["devices"], Value::Null, "what the last revision did is history");
    let done = world.wait_for_within("presses", "True", "RolledOut", 3 * MINUTE);
    let outcomes: Vec<&str> = done["status"]["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["Completed", "Completed"]);
}

#[test]
fn a_thousand_devices_that_fail_are_told_of_in_ten_and_read_in_ten() {
    let world = VirtualWorld::new("failing");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 1000, &failing(1.0, 20));
    world.apply(&Manifest::new("presses", &group));
    world.wait_for_within("presses", "False", "RolloutFailed", 10 * MINUTE);
    let failed = world.wait_until("presses", "explained", MINUTE, |object| {
        object["status"]["failures"].as_array().is_some_and(|all| all.len() == 10)
    });
    assert_eq!(said(&failed, "RolledOut"), "False/DevicesFailed");
    let message = condition(&failed, "Ready").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("S3_HEAD_OBJECT_ACCESS_DENIED") && message.contains("thing press-00001"), "{message}");
    let first = &failed["status"]["failures"][0];
    assert_eq!((&first["thing"], &first["status"]), (&json!("press-00001"), &json!("FAILED")));
    assert_eq!(first["errorCodes"][0], "DEPLOYMENT_FAILURE");
    world.pass_in(2 * HOUR, Duration::from_secs(10));
    let [_, lists, devices_read] = counts_spent(&world);
    assert!(lists <= 3 && devices_read == 10, "{lists} lists, {devices_read} devices read");
    assert!(failed.to_string().len() < 16 * 1024, "a status is read by people and kept in memory");
}

#[test]
fn a_rollout_with_a_few_failures_is_complete_and_says_so() {
    let world = VirtualWorld::new("few");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 200, &failing(0.05, 10));
    world.apply(&waiting(&group));
    let done = world.wait_for_within("presses", "True", "RolledOut", 5 * MINUTE);
    let done = world.wait_until("presses", "explained", MINUTE, |object| {
        object["status"]["failures"].as_array().is_some_and(|all| !all.is_empty())
            || done["status"]["devices"]["failed"] == 0
    });
    let failed = done["status"]["devices"]["failed"].as_i64().unwrap();
    let message = condition(&done, "RolledOut").unwrap()["message"].as_str().unwrap();
    assert!(failed > 0 && message.contains(&format!("{failed} failed: S3_HEAD_OBJECT_ACCESS_DENIED")), "{message}");
}

#[test]
fn devices_that_failed_try_again_by_redeploy_and_the_resource_heals() {
    let world = VirtualWorld::new("again");
    let group = world.group("Presses");
    let once = json!({"takes": {"seconds": 5}, "rules": [{"times": 1, "component": "com.example.HelloWorld", "outcome": "componentBroken"}]});
    add_devices(&world.emulator, "Presses", 5, &once);
    world.apply(&Manifest::new("presses", &group));
    world.wait_for_within("presses", "False", "RolloutFailed", 2 * MINUTE);
    world.annotate("presses", "redeploy-at", "1");
    world.wait_until("presses", "complete", 3 * MINUTE, |object| {
        object["status"]["revisionId"] == "2" && rolled_out(object, "Completed")
    });
    let healed = world.wait_for("presses", "True", "Deployed");
    let outcomes: Vec<&Value> =
        healed["status"]["history"].as_array().unwrap().iter().map(|record| &record["outcome"]).collect();
    assert_eq!(outcomes, ["Completed", "Failed"]);
    assert_eq!(healed["status"]["failures"], Value::Null);
}

#[test]
fn devices_that_are_offline_for_a_week_cost_next_to_nothing_and_show_when_they_come_back() {
    let world = VirtualWorld::new("offline");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 3, &taking(5));
    add_device(&world.emulator, "sleeper", &["Presses"], &offline());
    world.apply(&waiting(&group));
    world.wait_until("presses", "on three", 2 * MINUTE, |object| object["status"]["devicesSummary"] == "3/4");
    let before = world.count("DescribeJob");
    let version = world.object("presses").unwrap()["metadata"]["resourceVersion"].clone();
    world.pass_in(Duration::from_hours(24), MINUTE);
    let spent = world.count("DescribeJob") - before;
    assert!(spent <= 60, "{spent} counts in a day of rest");
    assert_eq!(world.object("presses").unwrap()["metadata"]["resourceVersion"], version, "nothing has moved");
    let before = world.count("DescribeJob");
    world.annotate("presses", "reconcile-at", "now");
    world.wait("a count that is asked for", SECOND, || world.count("DescribeJob") == before + 1);
    assert!(world.emulator.connect_device(ACCOUNT, REGION, "sleeper", Some(true)));
    world.wait_for_within("presses", "True", "RolledOut", HOUR + MINUTE);
}

#[test]
fn a_deadline_that_passes_is_said_and_ends_when_the_last_device_comes() {
    let world = VirtualWorld::new("deadline");
    let group = world.group("Presses");
    add_device(&world.emulator, "sleeper", &["Presses"], &offline());
    let rollout = json!({"readyWhen": "RolledOut", "deadline": "30m"});
    world.apply(&Manifest::new("presses", &group).with("rollout", rollout));
    world.wait_for("presses", "False", "RollingOut");
    world.pass_in(Duration::from_mins(29), Duration::from_secs(10));
    assert_eq!(said(&world.object("presses").unwrap(), "Ready"), "False/RollingOut");
    let late = world.wait_for_within("presses", "False", "DeadlineExceeded", 2 * MINUTE);
    assert_eq!(said(&late, "RolledOut"), "False/DeadlineExceeded");
    assert!(world.emulator.connect_device(ACCOUNT, REGION, "sleeper", Some(true)));
    world.wait_for_within("presses", "True", "RolledOut", 10 * MINUTE);
}

#[test]
fn a_group_without_devices_says_so_after_five_minutes_and_the_first_that_joins_is_followed() {
    let world = VirtualWorld::new("nobody");
    let group = world.group("Presses");
    world.apply(&waiting(&group));
    world.wait_for("presses", "False", "RollingOut");
    world.pass(4 * MINUTE);
    assert_eq!(said(&world.object("presses").unwrap(), "RolledOut"), "False/InProgress");
    let nobody = world.wait_for_within("presses", "True", "NoDevices", 2 * MINUTE);
    assert_eq!(said(&nobody, "RolledOut"), "True/NoDevices");
    add_device(&world.emulator, "first", &["Presses"], &taking(5));
    world.wait_for_within("presses", "True", "RolledOut", Duration::from_mins(15));
}

#[test]
fn devices_that_join_or_leave_a_complete_rollout_move_counts_and_no_condition() {
    let world = VirtualWorld::new("join");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 3, &taking(5));
    world.apply(&waiting(&group));
    let done = world.wait_for_within("presses", "True", "RolledOut", 2 * MINUTE);
    add_device(&world.emulator, "late", &["Presses"], &offline());
    let joined = world
        .wait_until("presses", "joined", Duration::from_mins(15), |object| object["status"]["devicesSummary"] == "3/4");
    for name in ["Ready", "RolledOut"] {
        let of = |object: &Value| condition(object, name).unwrap()["lastTransitionTime"].clone();
        assert_eq!((said(&joined, name), of(&joined)), (said(&done, name), of(&done)));
    }
    let leave = json!({"thingGroupName": "Presses", "thingName": "late"});
    world.emulator.perform(&Scope::new(ACCOUNT, REGION), Operation::RemoveThingFromThingGroup, &leave).unwrap();
    let left = world.wait_until("presses", "left", HOUR, |object| object["status"]["devices"]["removed"] == 1);
    assert_eq!(left["status"]["devicesSummary"], "3/3");
    assert_eq!(said(&left, "Ready"), "True/RolledOut");
}

#[test]
fn a_thing_is_followed_by_its_deployment_and_told_by_its_shadow() {
    let world = VirtualWorld::new("thing");
    add_device(&world.emulator, "press", &[], &failing(1.0, 20));
    let thing = format!("arn:aws:iot:{REGION}:{ACCOUNT}:thing/press");
    world.apply(&Manifest::new("presses", &thing));
    let failed = world.wait_for_within("presses", "False", "RolloutFailed", 5 * MINUTE);
    assert_eq!(failed["status"]["devicesSummary"], "0/1");
    assert_eq!(failed["status"]["failures"][0]["thing"], "press");
    let message = condition(&failed, "Ready").unwrap()["message"].as_str().unwrap();
    assert!(message.contains("failed on the device: S3_HEAD_OBJECT_ACCESS_DENIED"), "{message}");
    assert_eq!((world.count("GetThingShadow"), world.count("DescribeJob")), (1, 0));
    let before = world.calls().len();
    world.pass_in(HOUR, Duration::from_secs(10));
    assert!(world.calls().len() - before <= 14, "what a thing has done it has done: only the looks go on");
}

#[test]
fn a_thing_that_is_offline_is_in_progress_and_done_when_it_comes_back() {
    let world = VirtualWorld::new("alone");
    add_device(&world.emulator, "press", &[], &offline());
    let thing = format!("arn:aws:iot:{REGION}:{ACCOUNT}:thing/press");
    world.apply(&Manifest::new("presses", &thing).with("rollout", json!({"readyWhen": "RolledOut"})));
    world.wait_for("presses", "False", "RollingOut");
    world.pass_in(2 * HOUR, Duration::from_secs(10));
    assert_eq!(said(&world.object("presses").unwrap(), "RolledOut"), "False/InProgress");
    assert!(world.emulator.connect_device(ACCOUNT, REGION, "press", Some(true)));
    let done = world.wait_for_within("presses", "True", "RolledOut", HOUR);
    assert_eq!(done["status"]["devicesSummary"], "1/1");
}

#[test]
fn a_rollout_that_aws_aborts_is_said_within_seconds_and_not_begun_again() {
    let world = VirtualWorld::new("abort");
    let group = world.group("Presses");
    add_devices(&world.emulator, "Presses", 50, &failing(1.0, 15));
    let criteria = json!([{"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 20.0, "minNumberOfExecutedThings": 3}]);
    let job = json!({
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 6},
        "abortConfig": {"criteriaList": criteria},
    });
    world.apply(&Manifest::new("presses", &group).with("iotJobConfiguration", job));
    let aborted = world.wait_for_within("presses", "False", "RolloutCanceled", 3 * MINUTE);
    assert_eq!(said(&aborted, "RolledOut"), "False/Canceled");
    assert_eq!(aborted["status"]["verdict"], "Canceled");
    world.pass_in(HOUR, Duration::from_secs(10));
    assert_eq!(world.count("CreateDeployment"), 1);
}

#[test]
fn the_annotation_stops_a_rollout_once_and_holds_it_until_something_is_asked_for_anew() {
    let mut world = VirtualWorld::new("stop");
    let group = world.group("Presses");
    add_device(&world.emulator, "sleeper", &["Presses"], &offline());
    add_devices(&world.emulator, "Presses", 2, &taking(5));
    let manifest = Manifest::new("presses", &group);
    world.apply(&manifest);
    world.wait_until("presses", "on two", 2 * MINUTE, |object| object["status"]["devicesSummary"] == "2/3");
    world.annotate("presses", "cancel-at", "now");
    let stopped = world.wait_for("presses", "False", "RolloutCanceled");
    assert_eq!(stopped["status"]["lastHandledCancelAt"], "now");
    assert_eq!(stopped["status"]["deploymentStatus"], "CANCELED");
    world.restart_operator();
    world.pass_in(HOUR, Duration::from_secs(10));
    assert_eq!((world.count("CancelDeployment"), world.count("CreateDeployment")), (1, 1));
    // The content goes on; what was asked for before does not stop it.
    world.apply(&manifest.clone().version("1.1.0"));
    world.wait_until("presses", "on two again", 3 * MINUTE, |object| {
        object["status"]["revisionId"] == "2" && object["status"]["devicesSummary"] == "2/3"
    });
    world.wait_for("presses", "True", "Deployed");
    // Nor does it after the status is lost: the revision's tag remembers it.
    world.lose_status("presses");
    world.wait_ready_within("presses", MINUTE);
    world.pass(5 * MINUTE);
    assert_eq!((world.count("CancelDeployment"), world.count("CreateDeployment")), (1, 2));
    world.annotate("presses", "cancel-at", "again");
    world.wait_for("presses", "False", "RolloutCanceled");
    world.annotate("presses", "redeploy-at", "1");
    world.wait_until("presses", "deployed again", MINUTE, |object| object["status"]["revisionId"] == "3");
    assert_eq!((world.count("CancelDeployment"), world.count("CreateDeployment")), (2, 3));
}

#[test]
fn an_annotation_that_was_there_before_the_first_revision_stops_nothing() {
    let world = VirtualWorld::new("before");
    let group = world.group("Presses");
    add_device(&world.emulator, "sleeper", &["Presses"], &offline());
    let mut object = Manifest::new("presses", &group).to_json();
    object["metadata"]["annotations"] = json!({"greengrass-operator.dev/cancel-at": "long ago"});
    world.try_apply(&object).unwrap();
    let ready = world.wait_ready("presses");
    assert_eq!(ready["status"]["lastHandledCancelAt"], "long ago");
    world.pass(10 * MINUTE);
    assert_eq!(world.count("CancelDeployment"), 0);
}

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
