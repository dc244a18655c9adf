//! What is said stays until more is known: a repetition, a service error in between and a restart are no news.

use greengrass_operator_core::deployment::knowledge::{Reading, RowStatus};
use greengrass_operator_core::deployment::tags::Cause;
use greengrass_operator_core::failure::{FailureKind, Operation};
use jiff::SignedDuration;

use crate::people::deleted_in_aws;
use crate::stage::Stage;
use crate::trouble::creating;

const DENIED: &str = "Ready=False/AccessDenied Stalled Synced=Unknown/Unknown";
const DRIFTED: &str = "Ready=False/Drifted Stalled Synced=False/Drifted";

fn denied() -> Stage {
    let mut stage = creating();
    stage.fails_for(SignedDuration::from_mins(3), Operation::CreateDeployment, FailureKind::AccessDenied);
    assert_eq!(stage.said(), DENIED);
    stage
}

#[test]
fn a_repetition_in_the_background_does_not_lift_stalled() {
    let mut stage = denied();
    let before = stage.status.conditions.clone();
    stage.wait(SignedDuration::from_mins(10));
    assert_eq!(stage.said(), DENIED);
    stage.fails(Operation::CreateDeployment, FailureKind::AccessDenied);
    assert_eq!(stage.said(), DENIED);
    assert_eq!(stage.status.conditions, before, "nothing is written either");
}

#[test]
fn a_restart_does_not_lift_stalled() {
    let mut stage = denied();
    let message = stage.message("Ready").to_owned();
    stage.restart();
    assert_eq!(stage.said(), DENIED);
    assert_eq!(stage.message("Ready"), message);
    stage.fails(Operation::CreateDeployment, FailureKind::AccessDenied);
    assert_eq!(stage.said(), DENIED, "the two minutes are over for the reader");
}

#[test]
fn a_service_error_in_between_does_not_lift_stalled() {
    let mut stage = denied();
    let message = stage.message("Ready").to_owned();
    for operation in [Operation::CreateDeployment, Operation::ListDeployments] {
        stage.fails_for(SignedDuration::from_mins(5), operation, FailureKind::TimedOut);
        assert_eq!(stage.said(), DENIED);
        assert_eq!(stage.message("Ready"), message);
        assert!(stage.message("Synced").contains("in time"), "what fails now: {}", stage.message("Synced"));
    }
}

#[test]
fn a_service_error_after_a_restart_does_not_lift_stalled() {
    let mut stage = denied();
    stage.restart();
    for _ in 0..5 {
        stage.fails(Operation::ListDeployments, FailureKind::Throttled);
        assert_eq!(stage.said(), DENIED);
    }
}

#[test]
fn another_refusal_takes_the_place_of_the_first_at_once() {
    let mut stage = denied();
    stage.fails(Operation::ListDeployments, FailureKind::Validation);
    assert_eq!(stage.said(), "Ready=False/InvalidSpec Stalled Synced=Unknown/Unknown");
}

#[test]
fn a_new_generation_starts_afresh() {
    let mut stage = denied();
    stage.edit_version();
    assert_eq!(stage.said(), "Ready=Unknown/Progressing Reconciling Synced=Unknown/Unknown");
    assert_eq!(stage.message("Ready"), "the deployment is being created", "what failed before says nothing of it");
    stage.fails(Operation::CreateDeployment, FailureKind::AccessDenied);
    assert_eq!(stage.said(), "Ready=False/ProgressingWithRetry Reconciling Synced=Unknown/Unknown");
}

#[test]
fn a_retry_of_the_generation_before_is_none_of_a_new_one() {
    let mut stage = creating();
    stage.fails_for(SignedDuration::from_mins(3), Operation::CreateDeployment, FailureKind::Throttled);
    assert!(stage.said().starts_with("Ready=False/ProgressingWithRetry"));
    stage.edit_version();
    assert_eq!(stage.said(), "Ready=Unknown/Progressing Reconciling Synced=Unknown/Unknown");
}

#[test]
fn a_change_that_begins_shows_that_what_was_refused_before_is_allowed_now() {
    let mut stage = Stage::new();
    stage.fails_for(SignedDuration::from_mins(3), Operation::ListDeployments, FailureKind::AccessDenied);
    assert_eq!(stage.said(), DENIED);
    stage.aws_shows(&[]);
    stage.begin(Cause::Create);
    assert_eq!(stage.said(), "Ready=Unknown/Progressing Reconciling Synced=Unknown/Unknown");
}

#[test]
fn applied_content_that_may_not_be_read_stays_so_when_the_service_fails_in_between() {
    let mut stage = Stage::applied();
    stage.fails_for(SignedDuration::from_hours(2), Operation::ListDeployments, FailureKind::AccessDenied);
    assert_eq!(stage.said(), DENIED);
    stage.fails(Operation::ListDeployments, FailureKind::Throttled);
    assert_eq!(stage.said(), DENIED);
    stage.aws_shows(&[("d-1", 1, RowStatus::Active)]);
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate");
}

#[test]
fn drift_stays_said_after_a_restart_until_aws_was_read() {
    let mut stage = deleted_in_aws();
    assert_eq!(stage.said(), DRIFTED);
    stage.restart();
    stage.fails(Operation::ListDeployments, FailureKind::Throttled);
    assert_eq!(stage.said(), DRIFTED);
    stage.wait(SignedDuration::from_secs(5));
    stage.aws_shows(&[]);
    stage.knowledge.look_wanted_at = Some(stage.now);
    assert_eq!(stage.said(), DRIFTED, "one look that does not show ours does not say that it is there");
}

#[test]
fn a_deployment_above_ours_stays_remembered_over_a_restart() {
    let mut stage = Stage::applied();
    stage.aws_shows(&[("foreign-2", 2, RowStatus::Active), ("d-1", 1, RowStatus::Inactive)]);
    stage.memory.foreign =
        serde_json::from_value(serde_json::json!({"deploymentId": "foreign-2", "redeployAt": "old"})).unwrap();
    assert_eq!(stage.said(), DRIFTED);
    stage.restart();
    stage.fails(Operation::ListDeployments, FailureKind::Throttled);
    assert_eq!(stage.said(), DRIFTED);
    assert!(stage.status.foreign.is_some(), "or a redeploy-at set meanwhile would not count");
    stage.aws_shows(&[("d-1", 1, RowStatus::Active)]);
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate");
    assert_eq!(stage.status.foreign, None);
}

#[test]
fn a_foreign_revision_stays_said_after_a_restart_until_aws_was_read() {
    const FOREIGN: &str = "Ready=False/ForeignRevision Stalled Synced=False/ForeignRevision";
    let mut stage = Stage::new();
    stage.aws_shows(&[("foreign-1", 1, RowStatus::Active)]);
    assert_eq!(stage.said(), FOREIGN);
    stage.restart();
    for _ in 0..5 {
        assert_eq!(stage.said(), FOREIGN);
        stage.fails(Operation::ListDeployments, FailureKind::Throttled);
    }
    stage.aws_shows(&[]);
    stage.knowledge.subdeployments = Some(Reading { at: stage.now, value: Vec::new() });
    assert_eq!(stage.said(), "Ready=Unknown/Progressing Reconciling Synced=False/OutOfDate");
}
