//! What is said of devices, row by row of the table in docs/conditions.md.

use greengrass_operator_core::deployment::knowledge::{Knowledge, RowStatus};
use greengrass_operator_core::deployment::summarise::transition;
use greengrass_operator_core::failure::FailureKind;
use jiff::SignedDuration;
use rstest::rstest;
use serde_json::json;

use crate::stage::Stage;

const DEPLOYED: &str = "Ready=True/Deployed Synced=True/UpToDate";
const ROLLED_OUT: &str = "Ready=True/RolledOut Synced=True/UpToDate";
const ROLLING_OUT: &str = "Ready=False/RollingOut Reconciling Synced=True/UpToDate";
const FAILED: &str = "Ready=False/RolloutFailed Stalled Synced=True/UpToDate";

pub(crate) fn denied() -> Stage {
    let mut stage = Stage::rolling([10, 0, 0, 0]);
    stage.may_not_be_counted();
    stage
}

#[rstest]
#[case::offline([100, 0, 0, 0], DEPLOYED, "False/InProgress")]
#[case::on_the_way([10, 20, 70, 0], DEPLOYED, "False/InProgress")]
#[case::done([0, 0, 100, 0], DEPLOYED, "True/Completed")]
#[case::done_with_failures([0, 0, 98, 2], DEPLOYED, "True/Completed")]
#[case::failed([80, 0, 10, 10], FAILED, "False/DevicesFailed")]
fn a_resource_that_waits_for_nobody(#[case] numbers: [i64; 4], #[case] ready: &str, #[case] rolled_out: &str) {
    let mut stage = Stage::rolling(numbers);
    assert_eq!((stage.said().as_str(), stage.rolled_out().as_str()), (ready, rolled_out));
}

#[rstest]
#[case::offline([100, 0, 0, 0], ROLLING_OUT, "False/InProgress")]
#[case::on_the_way([10, 20, 70, 0], ROLLING_OUT, "False/InProgress")]
#[case::done([0, 0, 100, 0], ROLLED_OUT, "True/Completed")]
#[case::done_with_failures([0, 0, 98, 2], ROLLED_OUT, "True/Completed")]
#[case::failed([80, 0, 10, 10], FAILED, "False/DevicesFailed")]
fn a_resource_that_waits_for_devices(#[case] numbers: [i64; 4], #[case] ready: &str, #[case] rolled_out: &str) {
    let mut stage = Stage::waiting_for_devices(numbers);
    assert_eq!((stage.said().as_str(), stage.rolled_out().as_str()), (ready, rolled_out));
}

#[test]
fn counts_are_said_in_words_with_the_commonest_reason() {
    let mut stage = Stage::rolling([0, 0, 98, 2]);
    stage.sampled(&[("press-1", "S3 says no", "S3_ACCESS_DENIED"), ("press-2", "S3 says no", "S3_ACCESS_DENIED")]);
    stage.said();
    assert_eq!(
        stage.message("RolledOut"),
        "revision 1 (deployment d-1) is rolled out to 98 of 100 devices, 2 failed: S3_ACCESS_DENIED"
    );
    assert_eq!(stage.status.devices_summary.as_deref(), Some("98/100"));
    assert_eq!(stage.status.failures.len(), 2);
    assert_eq!(stage.status.history[0].outcome, "Completed");
}

#[test]
fn a_failed_rollout_says_why_and_what_to_do_and_heals_when_fewer_fail() {
    let mut stage = Stage::rolling([0, 0, 40, 60]);
    stage.sampled(&[("press-1", "FAILED_NO_STATE_CHANGE: S3 says no", "S3_ACCESS_DENIED")]);
    assert_eq!(stage.said(), FAILED);
    assert_eq!(
        stage.message("Ready"),
        "revision 1 (deployment d-1) failed on 60 of the 100 devices that have ended: S3_ACCESS_DENIED (thing press-1: \
         FAILED_NO_STATE_CHANGE: S3 says no); status.failures names devices: mend what they name, then change the spec, or set \
         the annotation greengrass-operator.dev/redeploy-at to a new value to try again"
    );
    assert_eq!(stage.status.verdict.as_deref(), Some("Failed"));
    stage.counted([0, 0, 90, 10]);
    assert_eq!(stage.said(), DEPLOYED);
    assert_eq!(stage.status.verdict.as_deref(), Some("Completed"));
}

#[test]
fn what_is_complete_stays_so_whoever_joins_and_whatever_they_do() {
    let mut stage = Stage::waiting_for_devices([0, 0, 10, 0]);
    assert_eq!(stage.said(), ROLLED_OUT);
    let since = stage.since("RolledOut");
    stage.wait(SignedDuration::from_mins(10));
    stage.counted([50, 0, 10, 100]);
    assert_eq!(stage.said(), ROLLED_OUT);
    assert_eq!(stage.since("RolledOut"), since);
    assert_eq!(stage.status.devices_summary.as_deref(), Some("10/160"));
    // Nor does a restart forget it.
    stage.restart();
    stage.aws_shows(&[("d-1", 1, RowStatus::Active)]);
    assert_eq!(stage.said(), ROLLED_OUT);
}

#[test]
fn a_new_revision_is_counted_anew() {
    let mut stage = Stage::waiting_for_devices([0, 0, 10, 0]);
    stage.said();
    stage.edit_version();
    stage.begin(greengrass_operator_core::deployment::tags::Cause::Change);
    assert_eq!(stage.said(), "Ready=Unknown/Progressing Reconciling Synced=Unknown/Unknown");
    assert_eq!(stage.rolled_out(), "Unknown/Unknown");
}

#[test]
fn a_group_without_devices_is_told_after_five_minutes_and_one_with_a_late_device_goes_on() {
    let mut stage = Stage::waiting_for_devices([0, 0, 0, 0]);
    assert_eq!(stage.said(), ROLLING_OUT);
    assert!(stage.message("RolledOut").contains("no device has been told"), "{}", stage.message("RolledOut"));
    stage.wait(SignedDuration::from_mins(5));
    assert_eq!(stage.said(), "Ready=True/NoDevices Synced=True/UpToDate");
    assert_eq!(stage.rolled_out(), "True/NoDevices");
    stage.counted([1, 0, 0, 0]);
    assert_eq!(stage.said(), ROLLING_OUT);
}

#[test]
fn a_deadline_counts_from_the_revision_and_ends_when_devices_come_back() {
    let mut stage = Stage::waiting_for_devices([1, 0, 99, 0]);
    stage.wait(SignedDuration::from_hours(24) - SignedDuration::from_secs(1));
    assert_eq!(stage.said(), ROLLING_OUT);
    stage.wait(SignedDuration::from_secs(1));
    assert_eq!(stage.said(), "Ready=False/DeadlineExceeded Stalled Synced=True/UpToDate");
    assert_eq!(stage.rolled_out(), "False/DeadlineExceeded");
    assert!(stage.message("Ready").contains("it was to be complete by 2026-11-24 12:00:00 UTC"));
    stage.counted([0, 0, 100, 0]);
    assert_eq!(stage.said(), ROLLED_OUT);
}

#[test]
fn sleeping_devices_are_not_waited_for_beyond_the_share_that_is_asked_for() {
    let mut stage = Stage::waiting_for_devices([6, 0, 94, 0]);
    stage.spec["rollout"]["successPercentage"] = json!(95);
    assert_eq!(stage.said(), ROLLING_OUT);
    stage.counted([5, 0, 95, 0]);
    assert_eq!(stage.said(), ROLLED_OUT);
}

#[test]
fn a_job_that_may_not_be_read_names_the_permission_and_leaves_the_rest_alone() {
    let mut stage = denied();
    assert_eq!(stage.said(), DEPLOYED);
    assert_eq!(stage.rolled_out(), "Unknown/Unknown");
    assert!(stage.message("RolledOut").contains("allow iot:DescribeJob"), "{}", stage.message("RolledOut"));
    stage.counted([0, 0, 10, 0]);
    assert_eq!((stage.said().as_str(), stage.rolled_out().as_str()), (DEPLOYED, "True/Completed"));
}

#[test]
fn what_passes_by_itself_leaves_what_was_read_last() {
    let mut stage = Stage::rolling([10, 0, 0, 0]);
    stage.said();
    stage.not_counted(FailureKind::Throttled, "ThrottlingException", "slow down");
    assert_eq!((stage.said().as_str(), stage.rolled_out().as_str()), (DEPLOYED, "False/InProgress"));
}

#[test]
fn a_job_that_somebody_deleted_is_told() {
    let mut stage = Stage::rolling([10, 0, 0, 0]);
    stage.knowledge.read_job(&stage.memory.clone(), stage.now, None);
    stage.knowledge.look_wanted_at = None;
    assert_eq!((stage.said().as_str(), stage.rolled_out().as_str()), (DEPLOYED, "Unknown/Unknown"));
    assert!(stage.message("RolledOut").contains("was deleted in AWS"), "{}", stage.message("RolledOut"));
}

#[test]
fn a_cancelled_rollout_says_how_far_it_got() {
    let mut stage = Stage::rolling([5, 0, 5, 0]);
    stage.aws_shows(&[("d-1", 1, RowStatus::Canceled)]);
    assert_eq!(stage.said(), "Ready=False/RolloutCanceled Stalled Synced=True/UpToDate");
    assert_eq!(stage.rolled_out(), "False/Canceled");
    assert_eq!(stage.message("RolledOut"), "the rollout was cancelled when it was on 5 of 10 devices, 5 queued");
    assert_eq!(stage.status.verdict.as_deref(), Some("Canceled"));
}

#[test]
fn a_thing_is_one_device_and_never_none() {
    let mut stage = Stage::of_thing();
    stage.wait(SignedDuration::from_hours(100));
    assert_eq!((stage.said().as_str(), stage.rolled_out().as_str()), (DEPLOYED, "False/InProgress"));
    assert_eq!(stage.status.devices_summary.as_deref(), Some("0/1"));
    stage.aws_shows(&[("d-1", 1, RowStatus::Completed)]);
    assert_eq!((stage.said().as_str(), stage.rolled_out().as_str()), (DEPLOYED, "True/Completed"));
    assert_eq!(stage.message("RolledOut"), "revision 1 (deployment d-1) is rolled out to 1 of 1 device");
    assert_eq!(stage.status.devices_summary.as_deref(), Some("1/1"));
}

#[test]
fn a_suspended_resource_follows_its_devices_all_the_same() {
    let mut stage = Stage::rolling([0, 0, 40, 60]);
    stage.spec["suspend"] = json!(true);
    assert_eq!(stage.said(), "Ready=False/RolloutFailed Stalled Synced=True/UpToDate Suspended");
    let mut waiting = Stage::waiting_for_devices([5, 0, 5, 0]);
    waiting.spec["suspend"] = json!(true);
    assert_eq!(waiting.said(), "Ready=False/RollingOut Reconciling Synced=True/UpToDate Suspended");
}

#[test]
fn what_devices_did_is_one_event_when_it_is_settled() {
    let mut stage = Stage::rolling([10, 0, 0, 0]);
    stage.said();
    let rolling = stage.status.conditions.clone();
    stage.counted([5, 0, 5, 0]);
    stage.said();
    let moving = stage.status.conditions.clone();
    assert_eq!(transition(&rolling, &moving), None);
    stage.counted([0, 0, 10, 0]);
    stage.said();
    let done = stage.status.conditions.clone();
    assert_eq!(transition(&moving, &done).unwrap().reason, "Completed");
    stage.counted([0, 0, 4, 6]);
    stage.said();
    assert_eq!(transition(&done, &stage.status.conditions), None, "complete is complete");
}

#[test]
fn a_failure_is_one_event_though_two_conditions_say_it() {
    let mut stage = Stage::rolling([10, 0, 0, 0]);
    stage.said();
    let rolling = stage.status.conditions.clone();
    stage.counted([0, 0, 0, 10]);
    stage.said();
    assert_eq!(transition(&rolling, &stage.status.conditions).unwrap().reason, "RolloutFailed");
}

#[test]
fn what_is_known_of_devices_survives_a_restart() {
    let mut stage = Stage::rolling([3, 0, 7, 0]);
    stage.said();
    let before = stage.status.clone();
    stage.restart();
    stage.aws_shows(&[("d-1", 1, RowStatus::Active)]);
    stage.said();
    assert_eq!(stage.status, before);
    assert_eq!(Knowledge::new(stage.now).rollout, None);
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_the_readings() {
    let mut stage = Stage::rolling([10, 0, 0, 0]);
    stage.wait(SignedDuration::from_hours(1));
    stage.counted([9, 0, 1, 0]);
    stage.wait(-SignedDuration::from_mins(59));
    let next = stage.next_reading_in();
    assert!(next <= SignedDuration::from_secs(10), "{next:?}");
    assert_eq!(stage.said(), DEPLOYED);
}
