//! A resource that is being deleted.

use greengrass_operator_core::api::DeletionPolicy;
use greengrass_operator_core::deployment::subject::Wanted;
use greengrass_operator_core::deployment::tags::Cause;
use greengrass_operator_core::failure::{FailureKind, Operation};
use jiff::SignedDuration;

use crate::stage::Stage;

const REMOVING: &str = "Ready=False/Removing Reconciling Synced=Unknown/Unknown";
const BLOCKED: &str = "Ready=False/DeletionBlocked Stalled Synced=Unknown/Unknown";

fn deleting(policy: DeletionPolicy) -> Stage {
    let mut stage = Stage::applied();
    stage.delete(policy);
    stage
}

fn refused() -> Stage {
    let mut stage = deleting(DeletionPolicy::Cancel);
    stage.fails_for(SignedDuration::from_mins(2), Operation::CancelDeployment, FailureKind::AccessDenied);
    assert_eq!(stage.said(), BLOCKED);
    stage
}

#[test]
fn what_is_cleared_in_aws_is_said() {
    let mut stage = deleting(DeletionPolicy::Delete);
    assert_eq!(stage.said(), REMOVING);
    assert_eq!(
        stage.message("Ready"),
        "the deployments of this resource are being cancelled and deleted in AWS, as deletionPolicy Delete says"
    );
    let mut stage = deleting(DeletionPolicy::Cancel);
    assert_eq!(stage.said(), REMOVING);
    assert_eq!(stage.message("Ready"), "the deployment is being cancelled in AWS, as deletionPolicy Cancel says");
}

#[test]
fn a_request_that_may_be_on_its_way_is_waited_for_and_the_message_says_until_when() {
    let mut stage = Stage::applied();
    stage.edit_version();
    stage.begin(Cause::Change);
    stage.said();
    stage.restart();
    stage.delete(DeletionPolicy::Cancel);
    assert_eq!(stage.said(), REMOVING);
    assert_eq!(
        stage.message("Ready"),
        "the deployment is being cancelled in AWS, as deletionPolicy Cancel says; waits until 12:01:40 UTC, by when AWS shows \
         what became of the last request"
    );
}

#[test]
fn a_refusal_to_clear_aws_blocks_the_deletion_after_two_minutes_and_says_how_to_let_go() {
    let mut stage = deleting(DeletionPolicy::Cancel);
    stage.fails(Operation::CancelDeployment, FailureKind::AccessDenied);
    assert_eq!(stage.said(), REMOVING);
    assert!(stage.message("Ready").contains("AccessDeniedException"));
    stage.wait(SignedDuration::from_mins(2));
    assert_eq!(stage.said(), BLOCKED);
    let message = stage.message("Ready");
    assert!(
        message.starts_with("AWS can't be cleared, and it is tried again: AWS refused CancelDeployment"),
        "{message}"
    );
    assert!(message.ends_with("; to let go and leave AWS as it is, set spec.deletionPolicy to Retain"), "{message}");
}

#[test]
fn a_restart_or_a_service_error_does_not_lift_a_blocked_deletion() {
    let mut stage = refused();
    stage.fails(Operation::CancelDeployment, FailureKind::Throttled);
    assert_eq!(stage.said(), BLOCKED);
    stage.restart();
    assert_eq!(stage.said(), BLOCKED);
    stage.fails(Operation::ListDeployments, FailureKind::TimedOut);
    assert_eq!(stage.said(), BLOCKED);
    stage.fails(Operation::CancelDeployment, FailureKind::AccessDenied);
    assert_eq!(stage.said(), BLOCKED);
}

#[test]
fn that_aws_deletes_as_many_as_it_can_shows_that_it_no_longer_refuses() {
    let mut stage = refused();
    stage.fails(Operation::DeleteDeployment, FailureKind::DeletionLimit);
    assert_eq!(stage.said(), REMOVING);
}

#[test]
fn another_policy_starts_afresh() {
    let mut stage = refused();
    stage.delete(DeletionPolicy::Retain);
    assert_eq!(stage.said(), REMOVING);
}

#[test]
fn a_refused_create_does_not_block_a_deletion() {
    let mut stage = Stage::applied();
    stage.edit_version();
    stage.begin(Cause::Change);
    stage.fails_for(SignedDuration::from_mins(5), Operation::CreateDeployment, FailureKind::AccessDenied);
    assert_eq!(stage.said(), "Ready=False/AccessDenied Stalled Synced=Unknown/Unknown");
    stage.delete(DeletionPolicy::Cancel);
    assert_eq!(stage.said(), REMOVING);
}

#[test]
fn a_target_that_cannot_be_read_blocks_the_deletion_at_once() {
    let mut stage = deleting(DeletionPolicy::Delete);
    stage.wanted = Some(Wanted::Absent { policy: DeletionPolicy::Delete, key: None, suspended: false, removal: None });
    assert_eq!(stage.said(), BLOCKED);
    assert_eq!(
        stage.message("Ready"),
        "the target in the spec can't be read, so it is not known what to clear in AWS; to let go and leave AWS as it is, set \
         spec.deletionPolicy to Retain"
    );
}

#[test]
fn a_finalizer_of_somebody_else_is_not_ours_to_explain() {
    let mut stage = deleting(DeletionPolicy::Retain);
    stage.finalizer = false;
    assert_eq!(stage.said(), REMOVING);
    assert_eq!(stage.message("Ready"), "nothing is left to be done in AWS; another finalizer holds the resource");
}
