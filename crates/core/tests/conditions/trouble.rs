//! AWS fails or refuses.

use greengrass_operator_core::deployment::tags::Cause;
use greengrass_operator_core::failure::{FailureKind, Operation};
use jiff::SignedDuration;
use rstest::rstest;

use crate::stage::Stage;

/// A change that was recorded, so that something is to be done.
pub(crate) fn creating() -> Stage {
    let mut stage = Stage::new();
    stage.aws_shows(&[]);
    stage.begin(Cause::Create);
    assert_eq!(stage.said(), "Ready=Unknown/Progressing Reconciling Synced=Unknown/Unknown");
    stage.wait(SignedDuration::from_secs(1));
    stage
}

const PROGRESSING: &str = "Ready=Unknown/Progressing Reconciling Synced=Unknown/Unknown";
const RETRYING: &str = "Ready=False/ProgressingWithRetry Reconciling Synced=Unknown/Unknown";

#[test]
fn two_service_errors_are_progress_and_name_the_failure() {
    let mut stage = creating();
    for _ in 0..2 {
        stage.fails(Operation::CreateDeployment, FailureKind::Throttled);
        assert_eq!(stage.said(), PROGRESSING);
    }
    assert!(stage.message("Ready").starts_with("AWS refused CreateDeployment: ThrottlingException"));
}

#[test]
fn the_third_service_error_is_a_retry() {
    let mut stage = creating();
    for _ in 0..3 {
        stage.fails(Operation::CreateDeployment, FailureKind::TimedOut);
    }
    assert_eq!(stage.said(), RETRYING);
    assert!(
        stage.message("Ready").starts_with("tried again, in vain so far: AWS did not answer CreateDeployment in time"),
        "{}",
        stage.message("Ready")
    );
    let before = stage.status.clone();
    stage.fails(Operation::CreateDeployment, FailureKind::TimedOut);
    stage.said();
    assert_eq!(stage.status, before, "one more try is no news");
}

#[test]
fn a_service_error_of_two_minutes_is_a_retry_however_few_tries() {
    let mut stage = creating();
    stage.fails_for(SignedDuration::from_mins(2), Operation::CreateDeployment, FailureKind::Service);
    assert_eq!(stage.said(), RETRYING);
}

#[test]
fn service_errors_leave_applied_content_as_it_was_for_an_hour_after_it_was_verified() {
    let mut stage = Stage::applied();
    stage.wait(SignedDuration::from_mins(59));
    stage.fails_for(SignedDuration::from_secs(50), Operation::ListDeployments, FailureKind::Unreachable);
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate");
    stage.wait(SignedDuration::from_secs(10));
    assert_eq!(stage.said(), "Ready=Unknown/Unverified Synced=Unknown/Unknown");
    assert!(
        stage.message("Ready").starts_with(
            "AWS had what the spec says, and could not be asked for an hour whether that is still so: AWS can't be reached"
        ),
        "{}",
        stage.message("Ready")
    );
}

#[test]
fn after_a_restart_the_hour_counts_from_the_start_of_the_process() {
    let mut stage = Stage::applied();
    stage.wait(SignedDuration::from_hours(5));
    stage.restart();
    stage.fails_for(SignedDuration::from_mins(59), Operation::ListDeployments, FailureKind::Service);
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate");
    stage.wait(SignedDuration::from_mins(1));
    assert_eq!(stage.said(), "Ready=Unknown/Unverified Synced=Unknown/Unknown");
}

#[test]
fn a_process_that_simply_looks_seldom_is_not_unverified() {
    let mut stage = Stage::applied();
    stage.wait(SignedDuration::from_hours(5));
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate");
}

#[rstest]
#[case(Operation::CreateDeployment, FailureKind::AccessDenied, "AccessDenied")]
#[case(Operation::ListDeployments, FailureKind::Credentials, "AccessDenied")]
#[case(Operation::CreateDeployment, FailureKind::NotFound, "TargetNotFound")]
#[case(Operation::CreateDeployment, FailureKind::Validation, "InvalidSpec")]
#[case(Operation::CreateDeployment, FailureKind::Construction, "InvalidSpec")]
#[case(Operation::CreateDeployment, FailureKind::QuotaExceeded, "QuotaExceeded")]
fn a_person_who_must_act_has_two_minutes_before_it_is_stalled(
    #[case] operation: Operation,
    #[case] kind: FailureKind,
    #[case] reason: &str,
) {
    let mut stage = creating();
    stage.fails(operation, kind);
    assert_eq!(stage.said(), RETRYING);
    let advice = stage.message("Ready").to_owned();
    assert!(advice.contains(operation.name()) && advice.ends_with(')'), "{advice}");
    stage.wait(SignedDuration::from_secs(119));
    assert_eq!(stage.said(), RETRYING);
    stage.wait(SignedDuration::from_secs(1));
    assert_eq!(stage.said(), format!("Ready=False/{reason} Stalled Synced=Unknown/Unknown"));
    assert_eq!(stage.message("Ready"), advice);
}

#[test]
fn applied_content_that_may_not_be_read_is_refused_too() {
    let mut stage = Stage::applied();
    stage.fails_for(SignedDuration::from_mins(3), Operation::ListDeployments, FailureKind::AccessDenied);
    assert_eq!(stage.said(), "Ready=False/AccessDenied Stalled Synced=True/UpToDate");
    stage.wait(SignedDuration::from_hours(1));
    assert_eq!(stage.said(), "Ready=False/AccessDenied Stalled Synced=Unknown/Unknown");
}
