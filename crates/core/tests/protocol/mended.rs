//! Traces that random walks have found: each broke a promise once.

use greengrass_operator_core::api::DeletionPolicy;
use greengrass_operator_core::failure::FailureKind;
use rstest::rstest;

use crate::aws::{Fate, OtherParameters};
use crate::world::World;

#[test]
fn a_row_that_vanishes_between_list_and_read_is_looked_for_again_and_not_read_for_ever() {
    let mut world = World::new("A");
    let foreign = world.somebody_deploys();
    world.step(0);
    world.aws.remove(&foreign);
    let gets = world.aws.gets;
    world.turn(0);
    assert_eq!(world.aws.gets, gets + 1);
    world.settle();
    world.assert_live("A");
}

#[test]
fn a_status_lost_before_the_deployment_shows_comes_to_the_same_token_again() {
    let mut world = World::new("A");
    // Up to the write of the result: the process still knows the deployment that the list does not show.
    for _ in 0..7 {
        world.step(0);
    }
    world.aws.lag = std::time::Duration::from_secs(5);
    world.lose_status();
    world.settle();
    world.assert_live("A");
    assert_eq!(world.made(), 1);
}

#[test]
fn a_refusal_is_forgotten_when_another_replica_has_made_the_deployment() {
    let mut world = World::new("A");
    world.aws.fates = vec![Fate::Refused(FailureKind::AccessDenied)];
    world.turn(0);
    assert_eq!(world.reason(), "ProgressingWithRetry");
    world.turn(1);
    world.settle();
    world.assert_live("A");
}

#[test]
fn a_refusal_is_forgotten_when_the_change_is_taken_back() {
    let mut world = World::new("A");
    world.settle();
    world.aws.fates = vec![Fate::Refused(FailureKind::AccessDenied)];
    world.edit("B");
    world.turn(0);
    world.edit("A");
    world.settle();
    world.assert_live("A");
    assert_eq!(world.made(), 1);
}

#[test]
fn a_redeploy_at_that_is_on_its_way_goes_through_although_what_it_was_judged_against_is_deleted() {
    let mut world = World::new("A");
    world.settle();
    let first = world.object.status.deployment_id.clone().unwrap();
    world.aws.fates = vec![Fate::Lost];
    world.redeploy("again");
    world.turn(0);
    world.somebody_deletes(&first);
    world.settle();
    world.assert_live("A");
}

#[test]
fn a_new_redeploy_at_is_the_way_out_though_a_lost_change_is_open_beneath_somebody_elses_deployment() {
    let mut world = World::new("A");
    world.settle();
    world.aws.fates = vec![Fate::Lost];
    world.edit("B");
    world.turn(0);
    world.somebody_deploys();
    world.settle();
    assert_eq!((world.reason().as_str(), world.made()), ("Drifted", 1));
    world.redeploy("over-it");
    world.settle();
    world.assert_live("B");
    assert_eq!(world.made(), 2);
}

#[test]
fn a_new_redeploy_at_is_the_way_out_where_only_a_superseded_deployment_with_other_content_is_left() {
    let mut world = World::new("A");
    world.settle();
    world.edit("B");
    world.settle();
    let newest = world.object.status.deployment_id.clone().unwrap();
    world.somebody_deletes(&newest);
    world.wait(300);
    world.settle();
    assert_eq!(world.reason(), "Drifted");
    world.redeploy("again");
    world.settle();
    world.assert_live("B");
}

#[test]
fn a_redeploy_at_that_comes_back_is_found_handled_in_the_tag() {
    let mut world = World::new("A");
    world.settle();
    world.redeploy("once");
    world.aws.fates = vec![Fate::ReplyLost];
    world.turn(0);
    world.object.redeploy_at = None;
    world.object.version += 1;
    world.settle();
    world.object.redeploy_at = Some("once".into());
    world.object.version += 1;
    world.settle();
    assert_eq!(world.made(), 2);
}

#[rstest]
fn parameters_refused_while_an_earlier_request_may_arrive_do_not_use_up_the_ordinal_before_it_must_have_shown(
    #[values(OtherParameters::Cached, OtherParameters::Refused)] other: OtherParameters,
) {
    let mut world = World::new("A");
    world.aws.other_parameters = other;
    world.aws.fates = vec![Fate::Late, Fate::Refused(FailureKind::Validation)];
    world.turn(0);
    world.wait(2);
    world.turn(0);
    assert_eq!(world.aws.creates, 2);
    world.wait(20);
    world.look_now();
    world.turn(0);
    world.wait(30);
    world.settle();
    world.assert_live("A");
    assert_eq!(world.made(), 1);
}

#[test]
fn parameters_refused_after_a_doubtful_request_that_never_arrived_lead_to_the_next_ordinal() {
    let mut world = World::new("A");
    world.aws.fates = vec![Fate::Lost, Fate::Refused(FailureKind::Validation)];
    world.settle();
    world.assert_live("A");
    assert_eq!((world.made(), world.object.status.ordinal), (1, Some(2)));
}

#[test]
fn a_policy_that_comes_while_the_resource_is_drifted_gets_its_finalizer() {
    let mut world = World::new("A");
    world.settle();
    world.somebody_deploys();
    world.wait(300);
    world.settle();
    assert_eq!(world.reason(), "Drifted");
    world.change(|object| object.policy = DeletionPolicy::Delete);
    world.settle();
    assert!(world.object.finalizer);
}

#[test]
fn a_suspended_resource_tells_of_somebody_elses_deployment_above_its_own() {
    let mut world = World::new("A");
    world.settle();
    world.change(|object| object.suspend = true);
    world.settle();
    world.somebody_deploys();
    world.wait(300);
    world.settle();
    assert_eq!(world.condition("Synced").unwrap().1, "Drifted");
    assert_eq!((world.reason().as_str(), world.aws.creates), ("Suspended", 1));
}

#[test]
fn a_change_that_was_refused_is_not_made_once_the_deployment_beneath_it_is_deleted() {
    let mut world = World::new("A");
    world.settle();
    let first = world.object.status.deployment_id.clone().unwrap();
    world.aws.fates = vec![Fate::Refused(FailureKind::AccessDenied); 20];
    world.edit("B");
    world.turn(0);
    world.somebody_deletes(&first);
    world.settle();
    assert_eq!((world.reason().as_str(), world.made()), ("Drifted", 0));
    assert!(world.object.status.intent.is_none());
}

#[test]
fn a_first_send_that_is_held_up_looks_again() {
    let mut world = World::new("A");
    for _ in 0..3 {
        world.step(0);
    }
    assert!(world.object.status.intent.is_some());
    world.somebody_deploys();
    world.wait(11);
    world.settle();
    assert_eq!((world.reason().as_str(), world.aws.creates), ("ForeignRevision", 0));
}

#[test]
fn after_a_restart_an_edit_waits_for_what_the_predecessor_may_still_send() {
    let mut world = World::new("A");
    world.crash = Some(crate::world::Crash::BeforeCreate);
    world.turn(0);
    world.edit("B");
    world.turn(0);
    world.wait(98);
    world.turn(0);
    assert_eq!((world.object.status.intent.as_ref().unwrap().attempt, world.aws.creates), (0, 0));
    world.settle();
    world.assert_live("B");
    assert_eq!(world.made(), 1);
}

#[test]
fn an_answer_that_another_resource_got_for_the_same_token_is_not_ours() {
    let mut world = World::new("A");
    world.settle();
    world.aws.details[0].tags.insert("greengrass-operator.dev/resource".into(), "plant/other".into());
    world.aws.lag = std::time::Duration::from_secs(5);
    world.recreate();
    world.settle();
    world.wait(300);
    world.settle();
    assert_eq!((world.reason().as_str(), world.aws.creates, world.made()), ("ForeignRevision", 2, 1));
}

#[rstest]
#[case::cached(OtherParameters::Cached)]
#[case::refused(OtherParameters::Refused)]
#[case::created_anew(OtherParameters::CreateAnew)]
fn what_the_one_that_led_before_sends_of_an_intent_recorded_after_it_is_waited_for(#[case] other: OtherParameters) {
    let mut world = World::new("A");
    world.aws.other_parameters = other;
    world.fail_over();
    let (old, new) = (1 - world.leader, world.leader);
    while world.object.status.intent.is_none() {
        world.step(new);
    }
    // It has not noticed, takes the intent for its own, and its request is slow.
    world.aws.fates = vec![Fate::Late];
    world.turn(old);
    assert_eq!(world.aws.creates, 1);
    world.edit("B");
    world.settle();
    world.assert_live("B");
    let made: Vec<_> = world.aws.details.iter().map(|d| d.tags["greengrass-operator.dev/intent"].clone()).collect();
    assert_eq!(made, ["1.0", "2.0"], "an ordinal never stands for two contents");
}
