//! `spec.suspend`: nothing is written to AWS, and what is the case is said all the same.

use greengrass_operator_core::deployment::knowledge::RowStatus;
use greengrass_operator_core::deployment::tags::Cause;
use greengrass_operator_core::failure::{FailureKind, Operation};
use jiff::SignedDuration;
use serde_json::json;

use crate::stage::Stage;

fn suspend(mut stage: Stage) -> Stage {
    stage.edit(|spec| spec["suspend"] = json!(true));
    stage
}

#[test]
fn with_nothing_to_do_it_is_as_if_not_suspended() {
    let mut stage = suspend(Stage::applied());
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate Suspended");
    assert_eq!(stage.message("Suspended"), "spec.suspend is true, so nothing is written to AWS; nothing is to be done");
}

#[test]
fn a_cancelled_revision_is_said_while_suspended_too() {
    let mut stage = suspend(Stage::applied());
    stage.aws_shows(&[("d-1", 1, RowStatus::Canceled)]);
    assert_eq!(stage.said(), "Ready=False/RolloutCanceled Stalled Synced=True/UpToDate Suspended");
}

#[test]
fn denied_reads_are_said_while_suspended_too() {
    let mut stage = suspend(Stage::applied());
    stage.fails_for(SignedDuration::from_mins(3), Operation::ListDeployments, FailureKind::AccessDenied);
    assert_eq!(stage.said(), "Ready=False/AccessDenied Stalled Synced=True/UpToDate Suspended");
}

#[test]
fn an_hour_without_verification_is_said_while_suspended_too() {
    let mut stage = suspend(Stage::applied());
    stage.fails_for(SignedDuration::from_hours(1), Operation::ListDeployments, FailureKind::Service);
    assert_eq!(stage.said(), "Ready=Unknown/Unverified Synced=Unknown/Unknown Suspended");
}

#[test]
fn drift_is_said_while_suspended() {
    let shows: [&[(&str, u64, RowStatus)]; 2] =
        [&[("foreign-2", 2, RowStatus::Active), ("d-1", 1, RowStatus::Inactive)], &[("d-1", 1, RowStatus::Inactive)]];
    for rows in shows {
        let mut stage = suspend(Stage::applied());
        stage.aws_shows(rows);
        assert_eq!(stage.said(), "Ready=False/Suspended Synced=False/Drifted Suspended");
        assert!(stage.message("Synced").ends_with("; nothing is done about it, because spec.suspend is true"));
    }
}

#[test]
fn drift_that_is_remembered_is_said_while_suspended() {
    let mut stage = suspend(Stage::applied());
    stage.aws_shows(&[("d-1", 1, RowStatus::Inactive)]);
    stage.said();
    stage.restart();
    assert_eq!(stage.said(), "Ready=False/Suspended Synced=False/Drifted Suspended");
}

#[test]
fn something_to_do_is_said_while_suspended() {
    let mut stage = Stage::applied();
    stage.edit_version();
    let mut stage = suspend(stage);
    assert_eq!(stage.said(), "Ready=False/Suspended Synced=False/OutOfDate Suspended");
    assert_eq!(
        stage.message("Ready"),
        "spec.suspend is true, so nothing is written to AWS; a revision is due, and is made when suspend is taken away"
    );
    assert_eq!(stage.message("Suspended"), stage.message("Ready"));
}

#[test]
fn a_change_on_its_way_is_said_while_suspended() {
    let mut stage = Stage::applied();
    stage.edit_version();
    stage.begin(Cause::Change);
    stage.said();
    let mut stage = suspend(stage);
    assert_eq!(stage.said(), "Ready=False/Suspended Synced=Unknown/Unknown Suspended");
    assert!(stage.message("Ready").contains("a revision may be on its way"), "{}", stage.message("Ready"));
}

#[test]
fn somebody_elses_deployment_is_said_while_suspended() {
    let mut stage = suspend(Stage::new());
    stage.aws_shows(&[("foreign-1", 1, RowStatus::Active)]);
    assert_eq!(stage.said(), "Ready=False/Suspended Synced=False/ForeignRevision Suspended");
}

#[test]
fn what_could_not_be_read_is_said_while_suspended() {
    let mut stage = suspend(Stage::new());
    stage.fails(Operation::ListDeployments, FailureKind::AccessDenied);
    assert_eq!(stage.said(), "Ready=False/Suspended Synced=Unknown/Unknown Suspended");
    assert!(stage.message("Ready").contains("AccessDeniedException"), "{}", stage.message("Ready"));
}
