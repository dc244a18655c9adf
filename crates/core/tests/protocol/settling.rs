//! Traces in which nothing may be sent, and of what is done beside revisions: tags, requests, deletion.

use std::collections::BTreeMap;
use std::time::Duration;

use greengrass_operator_core::api::DeletionPolicy;
use greengrass_operator_core::deployment::decide::may_still_go;
use greengrass_operator_core::deployment::knowledge::{Knowledge, Look, RowStatus, later};
use greengrass_operator_core::failure::FailureKind;
use rstest::rstest;

use crate::aws::Fate;
use crate::world::{Crash, Object, World};

fn suspend(object: &mut Object) {
    object.suspend = true;
}

fn spoil(object: &mut Object) {
    object.invalid = true;
}

fn retarget(object: &mut Object) {
    object.target = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Lathes";
}

#[rstest]
#[case::suspended(suspend, "Deployed")]
#[case::invalid(spoil, "InvalidSpec")]
#[case::another_target(retarget, "KeyChanged")]
fn where_nothing_may_be_sent_an_open_intent_is_settled_by_reading(
    #[case] forbid: fn(&mut Object),
    #[case] reason: &str,
    #[values(true, false)] arrives: bool,
) {
    let mut world = World::new("A");
    world.aws.fates = vec![if arrives { Fate::ReplyLost } else { Fate::Lost }];
    world.turn(0);
    world.change(forbid);
    world.settle();
    assert_eq!(world.object.status.intent.is_none(), arrives, "without waiting for the next sweep");
    world.wait(300);
    world.settle();
    assert_eq!(world.aws.creates, 1);
    assert_eq!(world.object.status.intent.is_none(), arrives);
    assert_eq!(world.object.status.deployment_id.is_some(), arrives);
    let expected = if reason == "Deployed" && !arrives { "Suspended" } else { reason };
    assert_eq!(world.reason(), expected);
}

#[rstest]
#[case::suspended(suspend)]
#[case::invalid(spoil)]
#[case::another_target(retarget)]
fn where_nothing_may_be_sent_an_intent_that_was_never_sent_is_closed(#[case] forbid: fn(&mut Object)) {
    let mut world = World::new("A");
    world.aws.fates = vec![Fate::Refused(FailureKind::AccessDenied)];
    world.turn(0);
    world.change(forbid);
    world.settle();
    assert!(world.object.status.intent.is_none());
    assert_eq!(world.aws.creates, 1);
}

#[test]
fn another_target_is_neither_read_nor_written_and_the_first_one_put_back_is_as_it_was() {
    let mut world = World::new("A");
    world.settle();
    let target = world.object.target;
    world.change(retarget);
    for _ in 0..3 {
        world.wait(300);
        world.settle();
    }
    assert_eq!(world.reason(), "KeyChanged");
    world.change(|object| object.target = target);
    world.turn(0);
    world.assert_live("A");
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[rstest]
fn tags_change_in_place_whatever_happens_between_tag_and_untag(
    #[values(None, Some(Crash::AfterTag))] crash: Option<Crash>,
) {
    let mut world = World::new("A");
    world.change(|object| object.tags = tags(&[("team", "a"), ("line", "1")]));
    world.settle();
    let id = world.object.status.deployment_id.clone().unwrap();
    world.aws.details[0].tags.insert("theirs".into(), "x".into());
    world.crash = crash;
    world.object.tags = tags(&[("team", "b")]);
    world.object.generation += 1;
    world.object.version += 1;
    world.settle();
    let now = &world.aws.details[0].tags;
    assert_eq!(now.get("team").map(String::as_str), Some("b"));
    assert!(!now.contains_key("line") && now.contains_key("theirs"), "{now:?}");
    assert_eq!((world.object.status.deployment_id.as_ref(), world.made()), (Some(&id), 1));
    assert_eq!(world.object.status.applied_tags.as_ref().unwrap().keys, ["team"]);
    let writes = world.status_writes;
    world.settle();
    assert_eq!(world.status_writes, writes);
}

#[test]
fn tags_wait_while_an_intent_is_open() {
    let mut world = World::new("A");
    world.settle();
    world.aws.fates = vec![Fate::Lost];
    world.edit("B");
    world.turn(0);
    world.change(|object| object.tags = tags(&[("team", "a")]));
    world.turn(0);
    assert!(!world.aws.details[0].tags.contains_key("team"));
    world.settle();
    world.assert_live("B");
    assert_eq!(world.made(), 2);
    assert!(!world.aws.details[0].tags.contains_key("team"));
    assert!(world.aws.details[1].tags.contains_key("team"));
}

#[test]
fn a_reconcile_at_makes_one_look_and_is_handled_once() {
    let mut world = World::new("A");
    world.settle();
    let lists = world.aws.lists;
    world.object.reconcile_at = Some("now".into());
    world.object.version += 1;
    world.settle();
    assert_eq!(world.object.status.last_handled_reconcile_at.as_deref(), Some("now"));
    world.settle();
    world.restart(0);
    world.settle();
    assert_eq!(world.aws.lists, lists + 1);
}

#[test]
fn after_a_lost_status_fifty_rows_of_somebody_else_are_read_and_no_more() {
    let mut world = World::new("A");
    world.settle();
    for _ in 0..60 {
        world.somebody_deploys();
    }
    world.lose_status();
    let gets = world.aws.gets;
    world.settle();
    assert_eq!((world.aws.gets - gets, world.reason().as_str()), (50, "ForeignRevision"));
}

#[test]
fn an_intent_older_than_seven_hours_goes_out_after_two_looks_a_minute_apart() {
    let mut world = World::new("A");
    world.aws.fates = vec![Fate::Lost];
    world.turn(0);
    world.wait(7 * 3600 + 60);
    world.restart(0);
    world.turn(0);
    assert_eq!(world.aws.creates, 1);
    let first_look = world.now;
    world.wait(30);
    world.turn(0);
    assert_eq!(world.aws.creates, 1);
    world.settle();
    world.assert_live("A");
    assert!(world.now.duration_since(first_look).as_secs() >= 59);
    assert_eq!((world.made(), world.object.status.ordinal), (1, Some(1)));
}

#[test]
fn a_request_that_is_being_worked_on_keeps_its_token() {
    let mut world = World::new("A");
    world.aws.fates = vec![Fate::Refused(FailureKind::InProgress); 3];
    world.settle();
    world.assert_live("A");
    let tokens = &world.aws.sent_tokens;
    assert!(tokens.len() == 4 && tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
}

#[test]
fn not_found_before_a_cancel_is_absence_only_twice_a_minute_apart() {
    let mut world = World::new("A");
    world.object.policy = DeletionPolicy::Delete;
    world.settle();
    world.wait(600);
    world.aws.lag = Duration::from_hours(1);
    world.delete();
    let began = world.now;
    world.turn(0);
    assert!(world.object.finalizer, "reads lag: it may be there");
    world.aws.lag = Duration::ZERO;
    world.settle();
    assert!(world.object.gone && world.aws.details.is_empty());
    assert!(world.now.duration_since(began).as_secs() >= 59);
}

#[test]
fn what_is_not_found_for_a_minute_is_gone() {
    let mut world = World::new("A");
    world.object.policy = DeletionPolicy::Delete;
    world.settle();
    let id = world.object.status.deployment_id.clone().unwrap();
    world.somebody_deletes(&id);
    world.delete();
    let began = world.now;
    world.settle();
    assert!(world.object.gone);
    assert!(world.now.duration_since(began).as_secs() >= 59);
}

#[rstest]
#[case::let_go(DeletionPolicy::Retain, 1, Some(RowStatus::Active))]
#[case::only_cancel(DeletionPolicy::Cancel, 1, Some(RowStatus::Canceled))]
fn a_policy_that_changes_while_the_object_is_deleted_counts(
    #[case] policy: DeletionPolicy,
    #[case] left: usize,
    #[case] status: Option<RowStatus>,
) {
    let mut world = World::new("A");
    world.object.policy = DeletionPolicy::Delete;
    world.settle();
    world.delete();
    world.step(0);
    world.change(|object| object.policy = policy);
    world.settle();
    assert!(world.object.gone);
    assert_eq!(world.aws.details.len(), left);
    assert_eq!(world.aws.details.first().map(|details| details.row.status), status);
}

#[test]
fn under_somebody_elses_deployment_one_of_ours_that_aws_still_calls_completed_is_not_cancelled() {
    let mut world = World::new("A");
    world.object.policy = DeletionPolicy::Delete;
    world.settle();
    let ours = world.object.status.deployment_id.clone().unwrap();
    world.somebody_deploys();
    world.set_status(&ours, RowStatus::Completed);
    world.delete();
    world.look_now();
    world.wait(1);
    world.settle();
    assert!(!world.object.finalizer);
    let left: Vec<_> = world.aws.details.iter().map(|details| details.row.status).collect();
    assert_eq!(left, [RowStatus::Completed, RowStatus::Active]);
}

#[test]
fn one_of_ours_that_somebody_superseded_since_it_was_read_is_deleted_too() {
    let mut world = World::new("A");
    world.object.policy = DeletionPolicy::Delete;
    world.settle();
    let ours = world.object.status.deployment_id.clone().unwrap();
    world.look_now();
    world.step(0);
    let read = world.aws.get(&ours, world.now).unwrap();
    let now = world.now;
    world.replicas[0].knowledge.read(&ours, now, read);
    world.somebody_deploys();
    world.delete();
    world.settle();
    assert!(!world.object.finalizer);
    let left: Vec<_> = world.aws.details.iter().map(|details| details.row.deployment_id != ours).collect();
    assert_eq!(left, [true], "a superseded one of ours stays behind");
}

#[rstest]
#[case::both_fresh(0, 0, true)]
#[case::both_at_the_limit(10, 10, true)]
#[case::look_too_old(11, 0, false)]
#[case::object_too_old(0, 11, false)]
fn a_send_that_waited_for_quota_goes_only_while_what_it_was_decided_on_is_fresh(
    #[case] look_age: u64,
    #[case] object_age: u64,
    #[case] may_go: bool,
) {
    let start = World::new("A").now;
    let now = later(start, Duration::from_mins(1));
    let ago = |age: u64| later(start, Duration::from_secs(60 - age));
    let mut knowledge = Knowledge::new(start);
    assert!(!may_still_go(&knowledge, now), "nothing was read");
    knowledge.looked(Look { began_at: ago(look_age), resource_version: "1".into(), rows: Vec::new() }, None);
    knowledge.live_at = Some(ago(object_age));
    assert_eq!(may_still_go(&knowledge, now), may_go);
}
