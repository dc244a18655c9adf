//! Each rule notices the status that breaks it.

use rstest::rstest;
use serde_json::{Value, json};

use super::{broken_by_change, broken_rules, judge_change};

fn condition(name: &str, status: &str, reason: &str) -> Value {
    json!({"type": name, "status": status, "reason": reason, "message": "it is so", "observedGeneration": 2,
        "lastTransitionTime": "2026-11-23T12:00:00Z"})
}

/// With what must be there beside, where nothing else is said.
fn object(conditions: &[Value]) -> Value {
    let mut conditions = conditions.to_vec();
    let synced = conditions.iter().position(|condition| condition["type"] == "Synced");
    if let Some(synced) = synced.filter(|_| conditions.iter().all(|condition| condition["type"] != "RolledOut")) {
        conditions.insert(synced + 1, condition("RolledOut", "Unknown", "Unknown"));
    }
    json!({
        "metadata": {"generation": 2, "uid": "u", "resourceVersion": "7"},
        "status": {"observedGeneration": 2, "ordinal": 3, "conditions": conditions},
    })
}

fn deployed() -> Value {
    object(&[condition("Ready", "True", "Deployed"), condition("Synced", "True", "UpToDate")])
}

fn rolled_out(ready: (&str, &str), rolled_out: (&str, &str)) -> Value {
    object(&[
        condition("Ready", ready.0, ready.1),
        condition("Synced", "True", "UpToDate"),
        condition("RolledOut", rolled_out.0, rolled_out.1),
    ])
}

fn with_status(field: &str, value: Value) -> Value {
    let mut object = deployed();
    object["status"][field] = value;
    object
}

fn counts(total: i64, queued: i64, succeeded: i64) -> Value {
    json!({"total": total, "queued": queued, "inProgress": 0, "succeeded": succeeded, "failed": 0, "rejected": 0, "timedOut": 0,
        "canceled": 0, "removed": 0})
}

fn stalled() -> Value {
    object(&[
        condition("Ready", "False", "Drifted"),
        condition("Stalled", "True", "Drifted"),
        condition("Synced", "False", "Drifted"),
    ])
}

fn progressing() -> Value {
    object(&[
        condition("Ready", "Unknown", "Progressing"),
        condition("Reconciling", "True", "Progressing"),
        condition("Synced", "Unknown", "Unknown"),
    ])
}

#[test]
fn good_statuses_break_no_rule() {
    let suspended = object(&[
        condition("Ready", "False", "Suspended"),
        condition("Synced", "False", "OutOfDate"),
        condition("Suspended", "True", "Suspended"),
    ]);
    let unverified = object(&[condition("Ready", "Unknown", "Unverified"), condition("Synced", "Unknown", "Unknown")]);
    let mut other = condition("example.com/Seen", "False", "Nobody");
    other["observedGeneration"] = json!(1);
    let with_other = object(&[condition("Ready", "True", "Deployed"), condition("Synced", "True", "UpToDate"), other]);
    let untouched = json!({"metadata": {"generation": 1}, "status": {"observedGeneration": -1}});
    let unseen_edit = {
        let mut object = deployed();
        object["metadata"]["generation"] = json!(3);
        object
    };
    let complete = rolled_out(("True", "RolledOut"), ("True", "Completed"));
    let none = rolled_out(("True", "NoDevices"), ("True", "NoDevices"));
    let counted = with_status("devices", counts(5, 2, 3));
    for object in [
        deployed(),
        stalled(),
        progressing(),
        suspended,
        unverified,
        with_other,
        untouched,
        unseen_edit,
        complete,
        none,
        counted,
    ] {
        assert_eq!(broken_rules(&object), Vec::<&str>::new(), "{object:#}");
    }
}

#[rstest]
#[case::no_status(json!({"metadata": {"generation": 1}}), "the observed generation is there")]
#[case::ahead(with(deployed(), "/metadata/generation", json!(1)), "the observed generation is not ahead")]
#[case::empty(object(&[]), "Ready is present")]
#[case::no_synced(object(&[condition("Ready", "True", "Deployed")]), "Synced is present")]
#[case::both(
    object(&[
        condition("Ready", "False", "Drifted"),
        condition("Reconciling", "True", "Drifted"),
        condition("Stalled", "True", "Drifted"),
        condition("Synced", "False", "Drifted"),
    ]),
    "Reconciling and Stalled are never both there"
)]
#[case::ready_and_stalled(
    with(stalled(), "/status/conditions/0/status", json!("True")),
    "Ready is not True beside Reconciling or Stalled"
)]
#[case::unknown_and_stalled(with(stalled(), "/status/conditions/0/status", json!("Unknown")), "Ready is False beside Stalled")]
#[case::unknown_alone(
    object(&[condition("Ready", "Unknown", "Progressing"), condition("Synced", "Unknown", "Unknown")]),
    "Ready is Unknown only beside Reconciling, or as Unverified"
)]
#[case::not_true(
    with(progressing(), "/status/conditions/1/status", json!("False")),
    "Reconciling, Stalled, Suspended and Advisory are there only when True"
)]
#[case::two_stories(
    with(progressing(), "/status/conditions/1/message", json!("another story")),
    "what stands beside Ready has its reason and message"
)]
#[case::invented(
    with(deployed(), "/status/conditions/0/reason", json!("Whatever")),
    "Ready has a reason that fits its status and what stands beside it"
)]
#[case::blocked_and_nothing_beside(
    object(&[condition("Ready", "False", "AccessDenied"), condition("Synced", "Unknown", "Unknown")]),
    "Ready has a reason that fits its status and what stands beside it"
)]
#[case::synced_and_out_of_date(
    with(deployed(), "/status/conditions/1/reason", json!("OutOfDate")),
    "Synced has a reason that fits its status"
)]
#[case::no_rolled_out(
    with(deployed(), "/status/conditions/2/type", json!("example.com/Other")),
    "RolledOut is present"
)]
#[case::rolled_out_and_failed(
    rolled_out(("True", "Deployed"), ("True", "DevicesFailed")),
    "RolledOut has a reason that fits its status"
)]
#[case::ready_before_devices(
    rolled_out(("True", "RolledOut"), ("False", "InProgress")),
    "Ready never says that devices have it where RolledOut does not"
)]
#[case::ready_though_devices_failed(
    rolled_out(("True", "Deployed"), ("False", "DevicesFailed")),
    "Ready is not True where too many devices failed, or the rollout was cancelled"
)]
#[case::ready_though_canceled(
    rolled_out(("True", "Deployed"), ("False", "Canceled")),
    "Ready is not True where too many devices failed, or the rollout was cancelled"
)]
#[case::miscounted(with_status("devices", counts(4, 2, 3)), "the counts of devices add up")]
#[case::too_many_failures(
    with_status("failures", json!(vec!["thing"; 11])),
    "no more failures than ten, and no more history"
)]
#[case::older_history(
    with(with_status("deploymentId", json!("d-2")), "/status", {
        let mut status = with_status("deploymentId", json!("d-2"))["status"].clone();
        status["history"] = json!([{"deploymentId": "d-1"}]);
        status
    }),
    "the history begins with the present deployment"
)]
#[case::not_suspended(
    object(&[condition("Ready", "False", "Suspended"), condition("Synced", "False", "OutOfDate")]),
    "Suspended is there where Ready says so"
)]
#[case::stale_condition(
    with(deployed(), "/status/conditions/0/observedGeneration", json!(1)),
    "every condition speaks of the observed generation"
)]
#[case::no_generation(
    with(deployed(), "/status/conditions/1/observedGeneration", Value::Null),
    "every condition speaks of the observed generation"
)]
#[case::disorder(
    object(&[condition("Synced", "True", "UpToDate"), condition("Ready", "True", "Deployed")]),
    "the order of conditions is fixed, others come last"
)]
#[case::twice(
    object(&[condition("Ready", "True", "Deployed"), condition("Ready", "True", "Deployed"), condition("Synced", "True", "UpToDate")]),
    "the order of conditions is fixed, others come last"
)]
#[case::silent(with(deployed(), "/status/conditions/0/message", json!("")), "every condition says why")]
#[case::endless(with(deployed(), "/status/conditions/0/message", json!("x".repeat(1025))), "every message can be read")]
#[case::fraction(
    with(deployed(), "/status/conditions/0/lastTransitionTime", json!("2026-11-23T12:00:00.5Z")),
    "times are whole seconds"
)]
#[case::not_looked_at_and_ready(
    with(deployed(), "/status/observedGeneration", json!(-1)),
    "what nobody has looked at has no conditions"
)]
fn a_broken_status_is_noticed(#[case] object: Value, #[case] rule: &str) {
    assert!(broken_rules(&object).contains(&rule), "{:?}\n{object:#}", broken_rules(&object));
}

#[rstest]
#[case::restless(
    with(deployed(), "/status/conditions/0/lastTransitionTime", json!("2026-11-23T12:00:09Z")),
    &["the time of a condition moves only when its status moves", "nothing is written where only times would change"]
)]
#[case::other_reason(
    with(deployed(), "/status/conditions/1/lastTransitionTime", json!("2026-11-23T11:00:00Z")),
    &["the time of a condition moves only when its status moves", "nothing is written where only times would change",
        "the time of a condition does not go back"]
)]
#[case::forgotten(with(deployed(), "/status/ordinal", json!(2)), &["the number of the last change does not go back"])]
#[case::older_generation(with(deployed(), "/status/observedGeneration", json!(1)), &["the observed generation does not go back"])]
fn a_broken_change_is_noticed(#[case] after: Value, #[case] rules: &[&str]) {
    assert_eq!(broken_by_change(&deployed(), &after), rules);
}

#[test]
fn good_changes_break_no_rule() {
    let later = with(stalled(), "/status/conditions/0/lastTransitionTime", json!("2026-11-23T12:00:09Z"));
    judge_change(&deployed(), &deployed());
    judge_change(&deployed(), &later);
    judge_change(&progressing(), &with(progressing(), "/status/conditions/0/message", json!("still at it")));
    // A status that was lost.
    judge_change(&deployed(), &json!({"metadata": {"generation": 2}, "status": {"observedGeneration": -1}}));
}

fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    *object.pointer_mut(pointer).unwrap() = value;
    object
}
