//! The rules that every status keeps, whatever the operator is doing (pure, but for the memory of what was seen last).
//!
//! They are what kstatus, Flux's checks of conditions (`fluxcd/pkg/runtime/conditions/check`), Argo CD and `kubectl wait` go
//! by, and what docs/conditions.md promises.

// Named, because the tests of the conditions in the core judge by this file too.
#[cfg(test)]
#[path = "oracle/tests.rs"]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// Our condition types in the order in which they stand: kstatus reads them in order.
const TYPES: [&str; 7] = ["Ready", "Reconciling", "Stalled", "Synced", "RolledOut", "Suspended", "Advisory"];

/// What each status of `Ready` may be said with, and what stands beside it.
pub const READY: [(&str, Option<&str>, &[&str]); 6] = [
    ("True", None, &["Deployed", "RolledOut", "NoDevices", "NotDeployed"]),
    ("Unknown", Some("Reconciling"), &["Progressing"]),
    ("Unknown", None, &["Unverified"]),
    ("False", Some("Reconciling"), &["ProgressingWithRetry", "WaitingForParent", "RollingOut", "Removing"]),
    (
        "False",
        Some("Stalled"),
        &[
            "InvalidSpec",
            "IdentityNotFound",
            "IdentityNotAllowed",
            "AccessDenied",
            "TargetNotFound",
            "TargetConflict",
            "KeyChanged",
            "ForeignRevision",
            "Drifted",
            "CorrectionsExhausted",
            "ReferenceNotFound",
            "QuotaExceeded",
            "RolloutFailed",
            "RolloutCanceled",
            "DeadlineExceeded",
            "DeletionBlocked",
            "RemoveTimedOut",
        ],
    ),
    ("False", None, &["Suspended"]),
];

const SYNCED: [(&str, &[&str]); 3] = [
    ("True", &["UpToDate"]),
    ("False", &["OutOfDate", "Drifted", "ForeignRevision", "Yielded"]),
    ("Unknown", &["Unknown"]),
];

const ROLLED_OUT: [(&str, &[&str]); 3] = [
    ("True", &["Completed", "NoDevices"]),
    ("False", &["InProgress", "DevicesFailed", "Canceled", "DeadlineExceeded", "NotDeployed", "RolloutFailed"]),
    ("Unknown", &["Unknown"]),
];

/// Longest message, in bytes.
const LONGEST_MESSAGE: usize = 1024;

/// Panics where an object's status breaks a rule, or has gone back since it was judged last.
pub fn judge(object: &Value) {
    static SEEN: Mutex<BTreeMap<String, Value>> = Mutex::new(BTreeMap::new());
    let broken = broken_rules(object);
    assert!(broken.is_empty(), "{broken:?}\n{object:#}");
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let before = SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(uid, object.clone());
    // Two threads may read in one order and judge in the other.
    if let Some(before) = before.filter(|before| version(before) < version(object)) {
        let broken = gone_back(&before, object);
        assert!(broken.is_empty(), "{broken:?}\nbefore: {:#}\nafter: {:#}", before["status"], object["status"]);
    }
}

/// Panics where one write of the status, and no more, broke a rule on the way from `before` to `after`.
pub fn judge_change(before: &Value, after: &Value) {
    let broken = broken_by_change(before, after);
    assert!(broken.is_empty(), "{broken:?}\nbefore: {:#}\nafter: {:#}", before["status"], after["status"]);
}

/// The rules that an object's status breaks.
pub fn broken_rules(object: &Value) -> Vec<&'static str> {
    let status = &object["status"];
    let observed = status["observedGeneration"].as_i64();
    let conditions = conditions(object);
    // What no operator has touched yet holds only the default, which tools read as in progress.
    if observed == Some(-1) {
        return if conditions.is_empty() { Vec::new() } else { vec!["what nobody has looked at has no conditions"] };
    }
    let generation = object["metadata"]["generation"].as_i64();
    let ours: Vec<&Value> = conditions.iter().filter(|condition| place(condition).is_some()).collect();
    let find = |name: &str| ours.iter().copied().find(|condition| condition["type"] == name);
    let is_true = |name: &str| find(name).is_some_and(|condition| condition["status"] == "True");
    let ready = find("Ready");
    let is = |text: &str| ready.is_some_and(|ready| ready["status"] == text);
    let beside = ["Reconciling", "Stalled"].into_iter().filter(|name| is_true(name)).collect::<Vec<_>>();
    let same = |name: &str, field: &str| {
        find(name).is_none_or(|condition| ready.is_none_or(|ready| ready[field] == condition[field]))
    };
    let places: Vec<usize> = conditions.iter().map(|condition| place(condition).unwrap_or(TYPES.len())).collect();
    let ours_all = |holds: &dyn Fn(&Value) -> bool| ours.iter().all(|condition| holds(condition));
    let fits_in = |name: &str, table: &[(&str, &[&str])]| {
        find(name).is_none_or(|c| table.iter().any(|(status, reasons)| c["status"] == *status && names(reasons, c)))
    };
    let rules = [
        ("the observed generation is there", observed.is_some()),
        ("the observed generation is not ahead", observed <= generation),
        ("Ready is present", ready.is_some()),
        ("Synced is present", find("Synced").is_some()),
        ("RolledOut is present", find("RolledOut").is_some()),
        ("Reconciling and Stalled are never both there", beside.len() <= 1),
        ("Ready is not True beside Reconciling or Stalled", !is("True") || beside.is_empty()),
        ("Ready is False beside Stalled", !is_true("Stalled") || is("False")),
        (
            "Ready is Unknown only beside Reconciling, or as Unverified",
            !is("Unknown") || is_true("Reconciling") || ready.is_some_and(|ready| ready["reason"] == "Unverified"),
        ),
        (
            "Reconciling, Stalled, Suspended and Advisory are there only when True",
            ["Reconciling", "Stalled", "Suspended", "Advisory"]
                .iter()
                .all(|name| find(name).is_none() || is_true(name)),
        ),
        (
            "what stands beside Ready has its reason and message",
            ["Reconciling", "Stalled"].iter().all(|name| same(name, "reason") && same(name, "message")),
        ),
        (
            "Ready has a reason that fits its status and what stands beside it",
            ready.is_none_or(|ready| fits(ready, beside.first())),
        ),
        ("Synced has a reason that fits its status", fits_in("Synced", &SYNCED)),
        ("RolledOut has a reason that fits its status", fits_in("RolledOut", &ROLLED_OUT)),
        (
            "Ready never says that devices have it where RolledOut does not",
            !ready.is_some_and(|ready| ready["reason"] == "RolledOut") || is_true("RolledOut"),
        ),
        (
            "Ready is not True where too many devices failed, or the rollout was cancelled",
            !is("True") || !find("RolledOut").is_some_and(|c| names(&["DevicesFailed", "Canceled"], c)),
        ),
        ("the counts of devices add up", counts_add_up(status)),
        (
            "no more failures than ten, and no more history",
            ["failures", "history"].iter().all(|list| status[list].as_array().is_none_or(|list| list.len() <= 10)),
        ),
        (
            "the history begins with the present deployment",
            status["history"][0]["deploymentId"].is_null()
                || status["history"][0]["deploymentId"] == status["deploymentId"],
        ),
        (
            "Suspended is there where Ready says so",
            !ready.is_some_and(|ready| ready["reason"] == "Suspended") || is_true("Suspended"),
        ),
        (
            "every condition speaks of the observed generation",
            ours_all(&|c| c["observedGeneration"].as_i64() == observed),
        ),
        ("the order of conditions is fixed, others come last", places.is_sorted() && ours.len() == distinct(&ours)),
        ("every condition says why", ours_all(&|c| says_something(&c["reason"]) && says_something(&c["message"]))),
        (
            "every message can be read",
            ours_all(&|c| {
                c["message"].as_str().is_none_or(|text| text.len() <= LONGEST_MESSAGE && !text.contains("Error {"))
            }),
        ),
        (
            "times are whole seconds",
            ours_all(&|c| c["lastTransitionTime"].as_str().is_some_and(|at| at.len() == 20 && at.ends_with('Z'))),
        ),
    ];
    rules.into_iter().filter(|(_, kept)| !kept).map(|(rule, _)| rule).collect()
}

/// The rules that one write of the status broke.
fn broken_by_change(before: &Value, after: &Value) -> Vec<&'static str> {
    let moved_alone = pairs(before, after).iter().any(|(before, after)| {
        before["status"] == after["status"] && before["lastTransitionTime"] != after["lastTransitionTime"]
    });
    let nothing_new =
        without_times(&before["status"]) == without_times(&after["status"]) && before["status"] != after["status"];
    let rules = [
        ("the time of a condition moves only when its status moves", !moved_alone),
        ("nothing is written where only times would change", !nothing_new),
    ];
    let broken = rules.into_iter().filter(|(_, kept)| !kept).map(|(rule, _)| rule);
    broken.chain(gone_back(before, after)).collect()
}

/// What must not go back, however many writes lie between. A status that was lost starts anew.
fn gone_back(before: &Value, after: &Value) -> Vec<&'static str> {
    let number = |object: &Value, field: &str| object["status"][field].as_i64();
    let back = |field: &str| matches!((number(before, field), number(after, field)), (Some(was), Some(is)) if is < was);
    // Written in one form, times sort as texts.
    let earlier = pairs(before, after).iter().any(|(before, after)| {
        let at = |condition: &Value| condition["lastTransitionTime"].as_str().unwrap_or_default().to_owned();
        at(after) < at(before)
    });
    let rules = [
        (
            "the observed generation does not go back",
            number(after, "observedGeneration") == Some(-1) || !back("observedGeneration"),
        ),
        ("the number of the last change does not go back", !back("ordinal")),
        ("the time of a condition does not go back", !earlier),
    ];
    rules.into_iter().filter(|(_, kept)| !kept).map(|(rule, _)| rule).collect()
}

fn counts_add_up(status: &Value) -> bool {
    let Some(devices) = status["devices"].as_object() else { return true };
    let parts: i64 = devices.iter().filter(|(name, _)| *name != "total").filter_map(|(_, count)| count.as_i64()).sum();
    devices["total"].as_i64() == Some(parts) && devices.len() == 9
}

fn conditions(object: &Value) -> Vec<Value> {
    object["status"]["conditions"].as_array().cloned().unwrap_or_default()
}

/// Our conditions that both have.
fn pairs(before: &Value, after: &Value) -> Vec<(Value, Value)> {
    let befores = conditions(before);
    let ours = conditions(after).into_iter().filter(|condition| place(condition).is_some());
    ours.filter_map(|after| {
        befores.iter().find(|before| before["type"] == after["type"]).cloned().map(|before| (before, after))
    })
    .collect()
}

fn without_times(status: &Value) -> Value {
    let mut status = status.clone();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastTransitionTime"] = Value::Null;
    }
    status
}

fn fits(ready: &Value, beside: Option<&&str>) -> bool {
    READY.iter().any(|(status, companion, reasons)| {
        ready["status"] == *status && companion.as_ref() == beside && names(reasons, ready)
    })
}

fn names(reasons: &[&str], condition: &Value) -> bool {
    reasons.iter().any(|reason| condition["reason"] == *reason)
}

fn says_something(text: &Value) -> bool {
    text.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn distinct(conditions: &[&Value]) -> usize {
    conditions.iter().map(|condition| condition["type"].to_string()).collect::<std::collections::BTreeSet<_>>().len()
}

fn place(condition: &Value) -> Option<usize> {
    TYPES.iter().position(|known| condition["type"] == *known)
}

fn version(object: &Value) -> Option<u64> {
    object["metadata"]["resourceVersion"].as_str()?.parse().ok()
}
