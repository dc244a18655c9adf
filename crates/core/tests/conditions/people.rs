//! What only a person can mend, and what is found at once.

use greengrass_operator_core::deployment::decide::Step;
use greengrass_operator_core::deployment::knowledge::{Details, Reading, Row, RowStatus};
use greengrass_operator_core::deployment::subject::{Absent, Access, Claimant, Wanted};
use greengrass_operator_core::deployment::tags::Cause;
use greengrass_operator_core::names::{Key, TargetArn};
use jiff::Timestamp;

use crate::stage::{GROUP, PARENT, Stage, THING, named};

#[test]
fn an_invalid_spec_is_stalled_at_once_with_the_sentences_of_the_validation() {
    let mut stage = Stage::applied();
    stage.generation = 2;
    stage.wanted = Some(Wanted::Invalid("spec.components: must not be empty".into()));
    assert_eq!(stage.said(), "Ready=False/InvalidSpec Stalled Synced=Unknown/Unknown");
    assert_eq!(stage.message("Ready"), "spec.components: must not be empty");
    assert_eq!(stage.message("Synced"), "not compared with AWS, because the spec can't be used");
    assert_eq!((stage.status.observed_generation, stage.status.applied_generation), (Some(2), Some(1)));
}

#[test]
fn a_resource_that_means_another_target_is_stalled_and_names_both() {
    let mut stage = Stage::applied();
    stage.memory.key = Some(Key { target: TargetArn::parse(PARENT).unwrap(), parent: None });
    assert_eq!(stage.said(), "Ready=False/KeyChanged Stalled Synced=Unknown/Unknown");
    assert_eq!(
        stage.message("Ready"),
        format!(
            "this resource has deployed to {PARENT} and now means {GROUP}; nothing is written: put the target back, or create \
             another resource for the new one"
        )
    );
    assert_eq!(stage.status.resolved.as_ref().unwrap().target_arn, PARENT);
}

fn conflict(namespace: &str) -> Stage {
    let mut stage = Stage::new();
    stage.aws_shows(&[("foreign-1", 1, RowStatus::Active)]);
    stage.peers.claimants = vec![Claimant {
        object: named(namespace, "elder"),
        created_at: Timestamp::UNIX_EPOCH,
        has_deployment: true,
        deleting: false,
    }];
    assert_eq!(stage.said(), "Ready=False/TargetConflict Stalled Synced=Unknown/Unknown");
    stage
}

#[test]
fn the_other_resource_with_the_target_is_named_in_the_same_namespace() {
    assert_eq!(
        conflict("plant").message("Ready"),
        "GreengrassDeployment elder has the same target and goes first; delete one of the two: when the other is gone, this \
         one takes over by itself"
    );
}

#[test]
fn the_other_resource_with_the_target_is_not_named_in_another_namespace() {
    let stage = conflict("secret");
    for condition in &stage.status.conditions {
        assert!(!condition.message.contains("elder") && !condition.message.contains("secret"), "{condition:?}");
    }
    assert!(stage.message("Ready").starts_with("a GreengrassDeployment in another namespace has the same target"));
}

#[test]
fn a_deployment_of_somebody_else_is_named_and_left_alone() {
    let mut stage = Stage::new();
    stage.aws_shows(&[("foreign-2", 2, RowStatus::Active), ("foreign-1", 1, RowStatus::Inactive)]);
    assert_eq!(stage.said(), "Ready=False/ForeignRevision Stalled Synced=False/ForeignRevision");
    assert_eq!(
        stage.message("Ready"),
        "the target has deployments that this resource did not make, the newest is foreign-2; nothing was changed: to deploy \
         above them set spec.adoptionPolicy to Always, or to IfUnmanaged where nobody manages them, else delete this resource; \
         status.pendingChange shows what would change"
    );
}

#[test]
fn subdeployments_of_somebody_else_hold_a_new_revision_up() {
    let mut stage = Stage::applied();
    stage.edit_version();
    let subdeployments: Vec<Row> = ["s-1", "s-2", "s-3", "s-4"]
        .map(|id| Row {
            deployment_id: id.into(),
            revision_id: 1,
            created_at: stage.now,
            status: RowStatus::Active,
            target_arn: THING.into(),
            parent_target_arn: Some(GROUP.into()),
        })
        .into();
    for row in &subdeployments {
        let details = Details { row: row.clone(), tags: [].into(), iot_job_id: None, iot_job_arn: None, content: None };
        stage.knowledge.read(&row.deployment_id, stage.now, Some(details));
    }
    stage.knowledge.subdeployments = Some(Reading { at: stage.now, value: subdeployments });
    assert_eq!(stage.said(), "Ready=False/ForeignRevision Stalled Synced=False/ForeignRevision");
    assert_eq!(
        stage.message("Ready"),
        "a new revision would end subdeployments of the target that this cluster did not make (s-1, s-2, s-3 and 1 more); \
         nothing was changed: set spec.adoptionPolicy to Always to end them, or put the spec back"
    );
}

const WAY_OUT: &str = "nothing was changed: to deploy what the spec says, set the annotation \
                       greengrass-operator.dev/redeploy-at to a new value, for example the time of day, or \
                       spec.driftPolicy to Correct to have it done each time";

fn assert_drifted(mut stage: Stage, what: &str) {
    assert_eq!(stage.said(), "Ready=False/Drifted Stalled Synced=False/Drifted");
    assert_eq!(stage.message("Ready"), format!("{what}; {WAY_OUT}"));
}

#[test]
fn a_deployment_above_ours_is_drift() {
    let mut stage = Stage::applied();
    stage.aws_shows(&[("foreign-2", 2, RowStatus::Active), ("d-1", 1, RowStatus::Inactive)]);
    assert_drifted(stage, "deployment foreign-2, which this resource did not make, has taken the place of ours");
}

pub(crate) fn deleted_in_aws() -> Stage {
    let mut stage = Stage::applied();
    stage.knowledge.details.clear();
    stage.aws_shows(&[]);
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate", "one look that does not show it says nothing");
    stage.wait(jiff::SignedDuration::from_secs(61));
    stage.aws_shows(&[]);
    stage
}

#[test]
fn a_deployment_that_was_deleted_is_drift() {
    assert_drifted(deleted_in_aws(), "the deployment was deleted in AWS");
}

#[test]
fn a_deployment_that_was_superseded_by_one_that_is_gone_is_drift() {
    let mut stage = Stage::applied();
    stage.aws_shows(&[("d-1", 1, RowStatus::Inactive)]);
    assert_drifted(stage, "deployment d-1 was superseded in AWS, and what superseded it is gone");
}

#[test]
fn drift_that_was_mended_three_times_within_an_hour_waits_and_says_until_when() {
    let stage = mended_too_often();
    assert_eq!(
        stage.message("Ready"),
        "deployment foreign-2, which this resource did not make, has taken the place of ours; it was mended 3 times within an \
         hour, and is mended again at 13:00:00 UTC: find out who else deploys to the target, or set the annotation \
         greengrass-operator.dev/redeploy-at to a new value to deploy at once"
    );
}

pub(crate) fn mended_too_often() -> Stage {
    let mut stage = Stage::applied();
    stage.edit(|spec| spec["driftPolicy"] = serde_json::json!("Correct"));
    stage.aws_shows(&[("foreign-2", 2, RowStatus::Active), ("d-1", 1, RowStatus::Inactive)]);
    stage.knowledge.corrected_at = vec![stage.now; 3];
    assert_eq!(stage.said(), "Ready=False/CorrectionsExhausted Stalled Synced=False/Drifted");
    stage
}

#[test]
fn what_the_spec_refers_to_may_be_on_its_way_for_two_minutes() {
    let mut stage = missing_reference();
    assert_eq!(stage.said(), "Ready=False/ProgressingWithRetry Reconciling Synced=Unknown/Unknown");
    stage.wait(jiff::SignedDuration::from_mins(2));
    assert_eq!(stage.said(), "Ready=False/ReferenceNotFound Stalled Synced=Unknown/Unknown");
    stage.restart();
    assert_eq!(stage.said(), "Ready=False/ReferenceNotFound Stalled Synced=Unknown/Unknown", "a restart is no news");
    assert_eq!(
        stage.message("Ready"),
        "spec.parent.name: GreengrassDeployment presses is not there: create it in this namespace"
    );
}

pub(crate) fn missing_reference() -> Stage {
    let mut stage = Stage::new();
    let message = "spec.parent.name: GreengrassDeployment presses is not there: create it in this namespace";
    stage.wanted = Some(Wanted::Missing(Absent::Reference, message.into()));
    stage.knowledge.missing_since = Some(stage.now);
    stage
}

/// What is said where the identity is missing.
pub(crate) const NO_IDENTITY: &str =
    "AwsIdentity factory-north is not there: create it, or name another one in spec.identityRef";

pub(crate) fn missing_identity() -> Stage {
    let mut stage = Stage::new();
    stage.wanted = Some(Wanted::Missing(Absent::Identity, NO_IDENTITY.into()));
    stage.access = Access::Barred(NO_IDENTITY.into());
    stage.knowledge.missing_since = Some(stage.now);
    stage
}

#[test]
fn an_identity_may_be_on_its_way_for_two_minutes() {
    let mut stage = missing_identity();
    assert_eq!(stage.said(), "Ready=False/ProgressingWithRetry Reconciling Synced=Unknown/Unknown");
    stage.wait(jiff::SignedDuration::from_mins(2));
    assert_eq!(stage.said(), "Ready=False/IdentityNotFound Stalled Synced=Unknown/Unknown");
    stage.restart();
    assert_eq!(stage.said(), "Ready=False/IdentityNotFound Stalled Synced=Unknown/Unknown", "a restart is no news");
}

pub(crate) fn not_allowed() -> Stage {
    let mut stage = Stage::applied();
    let message = "AwsIdentity factory-north does not allow arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses: add a pattern for it to the identity's allowedTargets, or name another identity in spec.identityRef";
    stage.wanted = Some(Wanted::NotAllowed(message.into()));
    stage.access = Access::Barred(message.into());
    stage
}

#[test]
fn what_the_identity_does_not_allow_is_stalled_at_once_and_aws_is_not_asked() {
    let mut stage = not_allowed();
    stage.knowledge.look_wanted_at = Some(stage.now);
    assert_eq!(stage.said(), "Ready=False/IdentityNotAllowed Stalled Synced=Unknown/Unknown");
    assert_eq!(stage.next_step(), Step::Rest(None));
}

#[test]
fn a_recorded_target_that_the_identity_does_not_allow_is_not_asked_about_whatever_else_is_the_case() {
    let barred = || Access::Barred("not allowed".to_owned());
    let mut key_changed = Stage::applied();
    key_changed.memory.key = Some(Key { target: TargetArn::parse(PARENT).unwrap(), parent: None });
    let mut invalid = Stage::applied();
    invalid.wanted = Some(Wanted::Invalid("no".into()));
    let mut deleted = Stage::applied();
    deleted.delete(greengrass_operator_core::api::DeletionPolicy::Delete);
    for (name, mut stage) in [("key changed", key_changed), ("invalid", invalid), ("deleted", deleted)] {
        stage.knowledge.look_wanted_at = Some(stage.now);
        stage.knowledge.definition = Some(Reading { at: stage.now, value: false });
        assert!(matches!(stage.next_step(), Step::Ask(_)), "{name} asks AWS");
        stage.access = barred();
        assert_eq!(stage.next_step(), Step::Rest(None), "{name}");
    }
}

#[test]
fn keys_that_devices_cannot_reset_are_told_beside_ready() {
    let mut stage = Stage::applied();
    let stuck = [("com.example.Press".to_owned(), vec!["/ports/8080".to_owned()])].into();
    stage.memory.dropped = Some(greengrass_operator_core::deployment::configuration::Keys::recorded(&stuck));
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate Advisory/KeysNotReset");
    assert_eq!(
        stage.message("Advisory"),
        "configuration keys that an earlier revision merged stay on devices, because Greengrass can't reset keys that look \
         like numbers: /ports/8080 of com.example.Press; to take them away, name what stands above them in reset"
    );
}

#[test]
fn a_new_redeploy_at_ends_drift_with_the_write_of_its_revision() {
    let mut stage = deleted_in_aws();
    assert_eq!(stage.said(), "Ready=False/Drifted Stalled Synced=False/Drifted");
    stage.redeploy_at = Some("now".into());
    stage.begin(Cause::Redeploy);
    assert_eq!(stage.said(), "Ready=Unknown/Progressing Reconciling Synced=Unknown/Unknown");
}

#[test]
fn a_revision_that_was_cancelled_is_not_made_again() {
    let mut stage = Stage::applied();
    stage.aws_shows(&[("d-1", 1, RowStatus::Canceled)]);
    assert_eq!(stage.said(), "Ready=False/RolloutCanceled Stalled Synced=True/UpToDate");
    assert_eq!(
        stage.message("Ready"),
        "revision 1 (deployment d-1) was cancelled in AWS, by somebody, by its abort criteria or by the annotation \
         greengrass-operator.dev/cancel-at; it is not made again by itself: change the spec, or set the annotation greengrass-operator.dev/redeploy-at to a new value"
    );
    assert_eq!(stage.status.deployment_status.as_deref(), Some("CANCELED"));
}

#[test]
fn a_revision_of_a_group_that_failed_was_aborted() {
    let mut stage = Stage::applied();
    stage.aws_shows(&[("d-1", 1, RowStatus::Failed)]);
    assert_eq!(stage.said(), "Ready=False/RolloutCanceled Stalled Synced=True/UpToDate");
    assert!(
        stage
            .message("Ready")
            .starts_with("AWS has given up revision 1 (deployment d-1), because its rollout was aborted")
    );
}

#[test]
fn a_revision_that_failed_on_its_thing_says_where_to_look() {
    let mut stage = Stage::of_thing();
    stage.aws_shows(&[("d-1", 1, RowStatus::Failed)]);
    assert_eq!(stage.said(), "Ready=False/RolloutFailed Stalled Synced=True/UpToDate");
    assert!(stage.message("Ready").contains("failed on the device; status.failures"), "{}", stage.message("Ready"));
}

#[test]
fn a_thing_whose_device_is_done_is_deployed() {
    let mut stage = Stage::of_thing();
    stage.aws_shows(&[("d-1", 1, RowStatus::Completed)]);
    assert_eq!(stage.said(), "Ready=True/Deployed Synced=True/UpToDate");
}
