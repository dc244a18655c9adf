//! A resource that is being deleted, and whose components devices are to lose.

use greengrass_operator_core::api::DeletionPolicy;
use greengrass_operator_core::deployment::knowledge::RowStatus;
use greengrass_operator_core::deployment::revision::Digest;
use greengrass_operator_core::deployment::rollout::Progress;
use greengrass_operator_core::deployment::subject::Wanted;
use greengrass_operator_core::deployment::tags::Cause;
use jiff::SignedDuration;

use crate::stage::Stage;

const REMOVING: &str = "Ready=False/Removing Reconciling Synced=Unknown/Unknown";
const BLOCKED: &str = "Ready=False/DeletionBlocked Stalled Synced=Unknown/Unknown";

/// The digest of the revision that takes everything away.
fn nothing(stage: &Stage) -> Digest {
    let Some(Wanted::Absent { removal: Some(removal), .. }) = &stage.wanted else {
        unreachable!("it is being removed")
    };
    removal.digest.clone()
}

/// The empty revision is in AWS, and devices did this.
pub(crate) fn uninstalling(numbers: [i64; 4]) -> Stage {
    let mut stage = Stage::rolling([0, 0, 5, 0]);
    stage.delete(DeletionPolicy::Remove);
    let digest = nothing(&stage);
    stage.memory.deployment.as_mut().unwrap().digest = Some(digest);
    stage.memory.progress = Progress::default();
    stage.knowledge.rollout = None;
    stage.aws_shows(&[("d-1", 1, RowStatus::Active)]);
    stage.counted(numbers);
    stage
}

pub(crate) fn of_subdeployment() -> Stage {
    let mut stage = Stage::subdeployment().with_deployment();
    stage.delete(DeletionPolicy::Remove);
    let Some(Wanted::Absent { removal, .. }) = &mut stage.wanted else { unreachable!("it is being deleted") };
    *removal = None;
    stage
}

#[test]
fn the_revision_that_takes_everything_away_is_made_first() {
    let mut stage = Stage::rolling([0, 0, 5, 0]);
    stage.delete(DeletionPolicy::Remove);
    stage.begin(Cause::Remove);
    assert_eq!(stage.said(), REMOVING);
    assert_eq!(
        stage.message("Ready"),
        "an empty revision is being created, which takes from devices what this target put there"
    );
}

#[test]
fn devices_are_waited_for_and_counted() {
    let mut stage = uninstalling([2, 1, 2, 0]);
    assert_eq!(stage.said(), REMOVING);
    assert_eq!(stage.rolled_out(), "False/InProgress");
    assert!(
        stage.message("Ready").ends_with("waits for devices: so far on 2 of 5 devices, 1 at it, 2 queued"),
        "{}",
        stage.message("Ready")
    );
}

#[test]
fn after_its_time_a_person_decides_and_it_still_waits() {
    let mut stage = uninstalling([1, 0, 4, 0]);
    stage.wait(SignedDuration::from_hours(24));
    assert_eq!(stage.said(), "Ready=False/RemoveTimedOut Stalled Synced=Unknown/Unknown");
    stage.counted([0, 0, 5, 0]);
    assert_eq!(stage.said(), REMOVING);
}

#[test]
fn devices_that_may_not_be_counted_are_waited_for_and_the_permission_is_named() {
    let mut stage = uninstalling([1, 0, 4, 0]);
    stage.may_not_be_counted();
    assert_eq!(stage.said(), REMOVING);
    assert!(stage.message("Ready").contains("allow iot:DescribeJob"), "{}", stage.message("Ready"));
    stage.wait(SignedDuration::from_hours(24));
    assert_eq!(stage.said(), "Ready=False/RemoveTimedOut Stalled Synced=Unknown/Unknown");
    assert!(stage.message("Ready").contains("allow iot:DescribeJob"), "{}", stage.message("Ready"));
}

#[test]
fn a_device_that_failed_still_has_what_is_to_go() {
    let mut stage = uninstalling([0, 0, 4, 1]);
    assert_eq!(stage.said(), REMOVING);
    assert_eq!(stage.rolled_out(), "True/Completed");
    stage.wait(SignedDuration::from_hours(24));
    assert_eq!(stage.said(), "Ready=False/RemoveTimedOut Stalled Synced=Unknown/Unknown");
    assert!(stage.message("Ready").contains("to 4 of 5 devices, 1 failed"), "{}", stage.message("Ready"));
}

#[test]
fn what_somebody_cancelled_is_told() {
    let mut stage = uninstalling([1, 0, 4, 0]);
    stage.aws_shows(&[("d-1", 1, RowStatus::Canceled)]);
    assert_eq!(stage.said(), BLOCKED);
    assert!(stage.message("Ready").contains("was cancelled in AWS"), "{}", stage.message("Ready"));
}

#[test]
fn a_subdeployment_cannot_be_removed_from_devices() {
    let mut stage = of_subdeployment();
    assert_eq!(stage.said(), BLOCKED);
    assert!(stage.message("Ready").contains("set spec.deletionPolicy to Delete"), "{}", stage.message("Ready"));
}
