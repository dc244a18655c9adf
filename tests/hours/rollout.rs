//! What devices did with a revision: counted, said, judged, and what it costs.

use std::time::Duration;

use greengrass_emulator::{Operation, Scope};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::fleet::{add_device, add_devices, failing, offline, taking};
use crate::world::{ACCOUNT, Manifest, REGION, VirtualWorld, condition};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_mins(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);

/// `True/Completed`
pub(super) fn said(object: &Value, name: &str) -> String {
    condition(object, name).map_or_else(
        || "absent".to_owned(),
        |condition| format!("{}/{}", condition["status"].as_str().unwrap(), condition["reason"].as_str().unwrap()),
    )
}

pub(super) fn rolled_out(object: &Value, reason: &str) -> bool {
    object["metadata"]["generation"] == object["status"]["observedGeneration"]
        && condition(object, "RolledOut").is_some_and(|condition| condition["reason"] == reason)
}

pub(super) fn waiting(group: &str) -> Manifest {
    Manifest::new("presses", group).with("rollout", json!({"readyWhen": "RolledOut"}))
}

/// A resource for a group of so many devices, in the world until `RolledOut` has that reason.
pub(super) fn until(world: &VirtualWorld, reason: &str, time: Duration) -> Value {
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
