//! What holds for every status, whatever the situation.

use greengrass_operator_core::api::GreengrassDeploymentStatus;
use greengrass_operator_core::deployment::knowledge::RowStatus;
use greengrass_operator_core::deployment::subject::Wanted;
use greengrass_operator_core::deployment::summarise::transition;
use greengrass_operator_core::deployment::tags::Cause;
use greengrass_operator_core::failure::{FailureKind, Operation};
use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde_json::json;

use crate::oracle::{broken_rules, judge_change};
use crate::stage::Stage;

/// Words that a user of the resource does not know.
const JARGON: [&str; 8] = ["intent", "ordinal", "assess", "digest", "knowledge", "claimant", "requeue", "row"];

/// Judges a status that a situation wrote, and the change that it made.
pub(crate) fn assert_kept(before: &GreengrassDeploymentStatus, stage: &Stage) {
    let object = |status| json!({"metadata": {"generation": stage.generation}, "status": status});
    let after = object(&stage.status);
    assert_eq!(broken_rules(&after), Vec::<&str>::new(), "{after:#}");
    judge_change(&object(before), &after);
    assert_eq!(stage.status.observed_generation, Some(stage.generation));
    for condition in stage.status.conditions.iter().filter(|condition| !condition.type_.contains('/')) {
        assert_sentence(&condition.message);
    }
}

fn assert_sentence(message: &str) {
    let words: Vec<&str> = message.split(|c: char| !c.is_alphabetic()).collect();
    for jargon in JARGON {
        assert!(!words.iter().any(|word| word.eq_ignore_ascii_case(jargon)), "{message}");
    }
    let first = words.first().copied().unwrap_or_default();
    let starts_well = first.starts_with(|c: char| c.is_lowercase())
        || ["AWS", "AwsIdentities", "AwsIdentity", "GreengrassDeployment"].contains(&first);
    assert!(
        starts_well && (!message.ends_with('.') || message.ends_with("...")) && !message.contains("  "),
        "{message:?}"
    );
}

#[test]
fn the_time_of_a_condition_moves_only_when_its_status_moves() {
    let mut stage = Stage::applied();
    let first = stage.since("Ready");
    assert_eq!(first.to_string(), "2026-11-23T12:00:00Z");
    stage.wait(SignedDuration::from_secs(7));
    stage.aws_shows(&[("d-1", 1, RowStatus::Canceled)]);
    stage.said();
    let canceled = stage.since("Ready");
    assert_eq!((canceled.to_string().as_str(), stage.since("Synced")), ("2026-11-23T12:00:07Z", first));
    stage.wait(SignedDuration::from_secs(7));
    stage.aws_shows(&[("foreign-2", 2, RowStatus::Active), ("d-1", 1, RowStatus::Inactive)]);
    stage.said();
    assert_eq!(stage.since("Ready"), canceled, "False for another reason is False all the same");
    assert_eq!(stage.since("Stalled"), canceled);
    assert_eq!(stage.since("Synced").to_string(), "2026-11-23T12:00:14Z");
}

#[test]
fn a_condition_that_comes_back_has_a_new_time() {
    let mut stage = Stage::applied();
    for seconds in [10, 20] {
        stage.aws_shows(&[("d-1", 1, RowStatus::Canceled)]);
        stage.wait(SignedDuration::from_secs(10));
        stage.said();
        assert_eq!(stage.since("Stalled").subsec_nanosecond(), 0);
        assert_eq!(stage.since("Stalled").as_second() % 60, seconds);
        stage.aws_shows(&[("d-1", 1, RowStatus::Active)]);
        stage.said();
    }
}

#[test]
fn the_same_situation_gives_the_same_status_later() {
    let mut stage = Stage::applied();
    let first = stage.status.clone();
    stage.wait(SignedDuration::from_mins(30));
    stage.said();
    assert_eq!(stage.status, first);
}

#[test]
fn conditions_of_others_stay_after_ours() {
    let mut stage = Stage::applied();
    let other = Condition {
        type_: "example.com/Approved".into(),
        status: "True".into(),
        reason: "Yes".into(),
        message: "By the plant's manager.".into(),
        observed_generation: Some(0),
        last_transition_time: Time(stage.now),
    };
    stage.status.conditions.insert(0, other.clone());
    stage.edit_version();
    stage.begin(Cause::Change);
    stage.said();
    assert_eq!(stage.status.conditions.last(), Some(&other));
    assert_eq!(stage.status.conditions.iter().filter(|c| c.type_ == other.type_).count(), 1);
    assert_eq!(stage.status.conditions[0].type_, "Ready");
}

#[test]
fn a_message_is_cut_where_it_gets_too_long_for_a_person() {
    let mut stage = Stage::new();
    stage.wanted = Some(Wanted::Invalid(format!("spec: {}", "é".repeat(2000))));
    stage.said();
    let message = stage.message("Ready");
    assert!(message.len() <= 1024 && message.ends_with("é..."), "{}", message.len());
}

#[test]
fn an_event_is_due_when_status_or_reason_of_ready_moves_and_only_then() {
    let mut stage = Stage::new();
    stage.said();
    let new = stage.status.conditions.clone();
    assert_eq!(transition(&[], &new).unwrap().reason, "Progressing");
    assert_eq!(transition(&new, &new), None);
    stage.fails(Operation::ListDeployments, FailureKind::Throttled);
    stage.said();
    let failing = stage.status.conditions.clone();
    assert_ne!(failing[0].message, new[0].message);
    assert_eq!(transition(&new, &failing), None, "another message is no transition");
    stage.fails_for(SignedDuration::from_mins(2), Operation::ListDeployments, FailureKind::Throttled);
    stage.said();
    let retrying = stage.status.conditions.clone();
    assert_eq!(transition(&failing, &retrying).unwrap().reason, "ProgressingWithRetry");
    stage.wanted = Some(Wanted::Invalid("spec is empty".into()));
    stage.said();
    let invalid = stage.status.conditions.clone();
    assert_eq!(retrying[0].status, invalid[0].status);
    assert_eq!(transition(&retrying, &invalid).unwrap().reason, "InvalidSpec", "the same status for another reason");
}

#[test]
fn a_request_to_look_counts_as_handled_only_when_the_look_has_begun() {
    let mut stage = Stage::applied();
    stage.reconcile_at = Some("now".into());
    stage.knowledge.look_wanted_at = Some(stage.now + SignedDuration::from_secs(1));
    stage.said();
    assert_eq!(stage.status.last_handled_reconcile_at, None);
    stage.wait(SignedDuration::from_secs(2));
    stage.aws_shows(&[("d-1", 1, RowStatus::Active)]);
    stage.said();
    assert_eq!(stage.status.last_handled_reconcile_at.as_deref(), Some("now"));
}
