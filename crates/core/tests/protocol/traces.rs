//! The traces, each the shortest that breaks a simpler rule.

use greengrass_operator_core::api::DeletionPolicy;
use greengrass_operator_core::deployment::knowledge::RowStatus;
use greengrass_operator_core::failure::FailureKind;
use rstest::rstest;

use crate::aws::{Fate, OtherParameters};
use crate::world::{Crash, World};

#[test]
fn a_new_group_makes_one_deployment_with_a_list_each_of_it_and_its_subdeployments_one_create_and_one_get() {
    let mut world = World::new("A");
    world.settle();
    world.assert_live("A");
    assert_eq!((world.aws.lists, world.aws.creates, world.aws.gets), (2, 1, 1));
    assert_eq!(world.status_writes, 2, "the intent's and the result's");
}

#[test]
fn the_same_again_makes_no_call_and_no_write() {
    let mut world = World::new("A");
    world.settle();
    let (calls, writes) = (world.aws.calls(), world.status_writes);
    world.settle();
    assert_eq!((world.aws.calls(), world.status_writes), (calls, writes));
}

#[test]
fn a_change_and_back_makes_three_revisions() {
    let mut world = World::new("A");
    for content in ["A", "B", "A"] {
        world.edit(content);
        world.settle();
        world.assert_live(content);
    }
    assert_eq!((world.made(), world.aws.creates), (3, 3));
}

#[rstest]
#[case::before(Crash::BeforeCreate)]
#[case::after(Crash::AfterCreate)]
fn a_crash_around_the_create_makes_one_deployment(#[case] crash: Crash) {
    let mut world = World::new("A");
    world.crash = Some(crash);
    world.settle();
    world.assert_live("A");
    assert_eq!(world.made(), 1);
}

#[test]
fn a_lost_reply_makes_one_deployment() {
    let mut world = World::new("A");
    world.aws.fates = vec![Fate::ReplyLost];
    world.settle();
    world.assert_live("A");
    assert_eq!((world.made(), world.aws.creates), (1, 1), "found by its tags, without a second send");
}

#[rstest]
fn an_edit_after_a_late_request_never_leaves_the_old_content_live(
    #[values(OtherParameters::Cached, OtherParameters::Refused)] other: OtherParameters,
    #[values(0, 5, 30, 59)] arrives_after: u64,
) {
    let mut world = World::new("A");
    world.aws.other_parameters = other;
    world.aws.fates = vec![Fate::Late];
    world.turn(0);
    world.edit("B");
    world.turn(0);
    world.wait(arrives_after);
    world.late_arrive();
    world.settle();
    world.assert_live("B");
    assert!(world.made() <= 2);
}

#[rstest]
fn a_recreated_object_takes_up_what_its_predecessor_made(#[values(Fate::ReplyLost, Fate::Answered)] fate: Fate) {
    let mut world = World::new("A");
    world.aws.fates = vec![fate];
    world.turn(0);
    world.recreate();
    world.settle();
    world.assert_live("A");
    assert_eq!(world.made(), 1);
}

#[test]
fn an_object_recreated_before_the_deployment_shows_makes_no_second_one() {
    let mut world = World::new("A");
    world.aws.lag = std::time::Duration::from_secs(20);
    world.aws.fates = vec![Fate::ReplyLost];
    world.turn(0);
    world.recreate();
    world.settle();
    world.assert_live("A");
    assert_eq!(world.made(), 1, "the token does not contain the uid");
}

#[test]
fn an_edit_back_while_the_first_is_open_does_not_stick_to_a_superseded_deployment() {
    let mut world = World::new("A");
    world.aws.fates = vec![Fate::ReplyLost];
    world.turn(0);
    world.edit("B");
    world.settle();
    world.edit("A");
    world.settle();
    world.assert_live("A");
}

#[test]
fn a_lost_status_makes_no_revision() {
    let mut world = World::new("A");
    world.settle();
    world.lose_status();
    world.restart(0);
    world.settle();
    world.assert_live("A");
    assert_eq!((world.made(), world.aws.creates), (1, 1));
    world.edit("B");
    world.settle();
    world.assert_live("B");
    assert_eq!(world.object.status.ordinal, Some(2), "the ordinal was found again in the tags");
}

#[test]
fn seven_hours_of_refusal_end_in_one_deployment() {
    let mut world = World::new("A");
    world.aws.fates = vec![Fate::Refused(FailureKind::AccessDenied); 60];
    for _ in 0..60 {
        world.turn(0);
        world.wait(600);
    }
    world.settle();
    world.assert_live("A");
    assert_eq!(world.made(), 1);
}

#[test]
fn a_resend_does_not_overwrite_what_somebody_deployed_in_between() {
    let mut world = World::new("A");
    world.aws.fates = vec![Fate::Refused(FailureKind::Throttled)];
    world.turn(0);
    let foreign = world.somebody_deploys();
    world.wait(10);
    world.settle();
    assert_eq!(world.aws.live().unwrap().row.deployment_id, foreign);
    assert_eq!((world.made(), world.ready().1.as_str()), (0, "ForeignRevision"));
}

#[test]
fn our_own_unanswered_deployment_under_somebody_elses_is_not_called_ready() {
    let mut world = World::new("A");
    world.aws.fates = vec![Fate::ReplyLost];
    world.turn(0);
    let foreign = world.somebody_deploys();
    world.wait(10);
    world.settle();
    assert_eq!(world.aws.live().unwrap().row.deployment_id, foreign);
    assert_eq!((world.made(), world.ready().1.as_str()), (1, "Drifted"));
}

#[test]
fn a_superseded_deployment_of_ours_on_top_is_drift() {
    let mut world = World::new("A");
    world.settle();
    world.edit("B");
    world.settle();
    world.edit("A");
    world.settle();
    let newest = world.object.status.deployment_id.clone().unwrap();
    world.somebody_deletes(&newest);
    world.wait(300);
    world.look_now();
    world.settle();
    assert_eq!(world.ready(), ("False".into(), "Drifted".into()));
    assert_eq!(world.aws.creates, 3);
}

#[test]
fn a_list_that_lags_behind_our_create_is_no_drift() {
    let mut world = World::new("A");
    world.settle();
    world.edit("B");
    world.aws.lag = std::time::Duration::from_secs(15);
    world.settle();
    world.look_now();
    world.wait(1);
    world.turn(0);
    world.settle();
    world.assert_live("B");
    assert_eq!(world.made(), 2);
}

#[test]
fn nothing_of_somebody_elses_is_overwritten() {
    let mut world = World::new("A");
    let foreign = world.somebody_deploys();
    world.redeploy("now");
    world.settle();
    assert_eq!(world.aws.live().unwrap().row.deployment_id, foreign);
    assert_eq!((world.aws.creates, world.ready().1.as_str()), (0, "ForeignRevision"));
}

#[test]
fn drift_is_left_alone_until_a_new_redeploy_at() {
    let mut world = World::new("A");
    world.redeploy("first");
    world.settle();
    world.somebody_deploys();
    world.look_now();
    world.wait(1);
    world.settle();
    assert_eq!(world.ready(), ("False".into(), "Drifted".into()));
    world.edit("B");
    world.settle();
    assert_eq!((world.ready().1.as_str(), world.made()), ("Drifted", 1));
    world.redeploy("second");
    world.settle();
    world.assert_live("B");
    assert_eq!(world.made(), 2);
    world.settle();
    assert_eq!(world.made(), 2);
}

#[test]
fn a_redeploy_request_makes_one_revision_however_often_it_is_seen() {
    let mut world = World::new("A");
    world.settle();
    world.redeploy("once");
    world.settle();
    world.assert_live("A");
    assert_eq!(world.made(), 2);
    assert_eq!(world.object.status.last_handled_redeploy_at.as_deref(), Some("once"));
    world.lose_status();
    world.restart(0);
    world.settle();
    world.assert_live("A");
    assert_eq!(world.made(), 2, "after a lost status the tag decides");
}

#[test]
fn a_cancelled_deployment_is_an_outcome_and_not_made_again() {
    let mut world = World::new("A");
    world.settle();
    let id = world.object.status.deployment_id.clone().unwrap();
    world.set_status(&id, RowStatus::Canceled);
    world.look_now();
    world.wait(1);
    world.settle();
    assert_eq!((world.ready().1.as_str(), world.aws.creates), ("RolloutCanceled", 1));
    world.edit("B");
    world.settle();
    world.assert_live("B");
}

#[test]
fn a_finalizer_stays_while_a_create_is_on_its_way() {
    let mut world = World::new("A");
    world.object.policy = DeletionPolicy::Delete;
    world.aws.fates = vec![Fate::Late];
    world.turn(0);
    assert!(world.object.finalizer);
    world.delete();
    world.turn(0);
    assert!(world.object.finalizer, "the request may still arrive");
    world.wait(30);
    world.late_arrive();
    world.settle();
    assert!(!world.object.finalizer);
    assert_eq!(world.aws.details.len(), 0, "the late deployment was found and deleted");
}

#[test]
fn deletion_touches_nothing_of_somebody_elses() {
    let mut world = World::new("A");
    world.object.policy = DeletionPolicy::Delete;
    world.settle();
    let foreign = world.somebody_deploys();
    world.delete();
    world.look_now();
    world.wait(1);
    world.settle();
    assert!(!world.object.finalizer);
    assert_eq!(world.aws.live().unwrap().row.deployment_id, foreign);
    assert_eq!(world.aws.details.len(), 1);
}

#[rstest]
#[case(DeletionPolicy::Retain, 1, Some(RowStatus::Active))]
#[case(DeletionPolicy::Cancel, 1, Some(RowStatus::Canceled))]
#[case(DeletionPolicy::Delete, 0, None)]
fn each_deletion_policy_does_what_it_says(
    #[case] policy: DeletionPolicy,
    #[case] left: usize,
    #[case] status: Option<RowStatus>,
) {
    let mut world = World::new("A");
    world.object.policy = policy;
    world.settle();
    assert_eq!(world.object.finalizer, policy != DeletionPolicy::Retain);
    world.delete();
    world.settle();
    assert!(!world.object.finalizer);
    assert_eq!(world.aws.details.len(), left);
    assert_eq!(world.aws.details.first().map(|details| details.row.status), status);
}

#[test]
fn delete_and_create_again_within_eight_hours_makes_a_new_deployment() {
    let mut world = World::new("A");
    world.object.policy = DeletionPolicy::Delete;
    world.settle();
    world.delete();
    world.settle();
    world.recreate();
    world.settle();
    world.assert_live("A");
}

#[test]
fn a_second_replica_with_a_stale_belief_makes_no_second_deployment() {
    let mut world = World::new("A");
    world.aws.fates = vec![Fate::Late];
    world.turn(0);
    world.wait(2);
    world.turn(1);
    world.late_arrive();
    world.wait(2);
    world.settle();
    world.assert_live("A");
    assert_eq!(world.made(), 1);
}
