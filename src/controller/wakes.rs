//! Which changes of an object wake it, how urgently, and when. Pure.

use std::time::Duration;

use serde::Deserialize;

use super::queue::{Reason, Wake};
use super::record::Record;
use crate::aws::Class;

/// What happened to an object, as the watch tells it.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// It is new to this process: created, or there when the operator started.
    Listed(&'a Record),
    /// It has a new version, or another object has its name now.
    Changed {
        /// The version that was known.
        before: &'a Record,
        /// The version that is known now.
        after: &'a Record,
    },
    /// It is gone; this is the last version that was known.
    Gone(&'a Record),
}

/// The part of a status that says whether there is something to do.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Progress {
    observed_generation: Option<i64>,
    conditions: Vec<ConditionStatus>,
    intent: Option<serde::de::IgnoredAny>,
    last_handled_reconcile_at: Option<String>,
    last_handled_redeploy_at: Option<String>,
    last_handled_cancel_at: Option<String>,
}

#[derive(Deserialize)]
struct ConditionStatus {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

/// What wakes an object unless its kind says otherwise.
///
/// After a start, objects that were done when the last process ended get their turn spread over `look_interval`, behind
/// everything else, and it is none for a look: a restart must not look like ten thousand changes.
#[must_use]
pub fn default_wake(change: &Change<'_>, look_interval: Duration) -> Option<Wake> {
    match change {
        Change::Listed(record) => Some(listed(record, look_interval)),
        Change::Changed { before, after } => changed(before, after),
        Change::Gone(_) => Some(Wake::now(Class::Recovery, Reason::Gone)),
    }
}

fn listed(record: &Record, look_interval: Duration) -> Wake {
    let wake = |class| Wake::now(class, Reason::Listed).of_version(record.resource_version);
    if record.is_deleting() {
        return wake(Class::Deletion);
    }
    match standing(record) {
        Standing::Changed => wake(Class::Change),
        Standing::Unfinished => wake(Class::Recovery),
        Standing::Done => Wake::now(Class::Sweep, Reason::Resumed)
            .of_version(record.resource_version)
            .after(spread(&record.uid, look_interval)),
    }
}

/// What a status says of its object to who knows nothing else of it.
enum Standing {
    /// The status has not seen the newest generation or request.
    Changed,
    /// It has, and the object is not ready, or a change of it is open.
    Unfinished,
    /// Nothing is to be done.
    Done,
}

/// Whether the status says that nothing is to be done for the object as it is.
#[must_use]
pub fn is_done(record: &Record) -> bool {
    !record.is_deleting() && matches!(standing(record), Standing::Done)
}

fn standing(record: &Record) -> Standing {
    let progress: Progress = record.decode_status().ok().flatten().unwrap_or_default();
    let annotations = &record.annotations;
    // `redeploy-at` on a resource that is new is handled by its first revision, so a missing "last handled" is a request.
    let is_new = |present: &Option<Box<str>>, handled: &Option<String>| {
        present.is_some() && present.as_deref() != handled.as_deref()
    };
    let requested = is_new(&annotations.redeploy_at, &progress.last_handled_redeploy_at)
        || is_new(&annotations.cancel_at, &progress.last_handled_cancel_at)
        || annotations.requested().is_some_and(|asked| progress.last_handled_reconcile_at != Some(asked));
    if progress.observed_generation != Some(record.generation) || requested {
        return Standing::Changed;
    }
    let ready = progress.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True");
    if ready && progress.intent.is_none() { Standing::Done } else { Standing::Unfinished }
}

fn changed(before: &Record, after: &Record) -> Option<Wake> {
    let (class, reason) = if before.uid != after.uid {
        (Class::Change, Reason::Listed)
    } else if before.deleted_at.is_none() && after.deleted_at.is_some() {
        (Class::Deletion, Reason::Deletion)
    } else if before.generation != after.generation {
        (Class::Change, Reason::SpecChanged)
    } else if before.annotations != after.annotations {
        (Class::Change, Reason::Requested)
    } else if before.finalizers != after.finalizers {
        (Class::Recovery, Reason::Metadata)
    } else if before.status != after.status {
        (Class::Recovery, Reason::Status)
    } else {
        // Labels, other annotations, managedFields: nothing that the operator looks at.
        return None;
    };
    Some(Wake::now(class, reason).of_version(after.resource_version))
}

/// A share of an interval that is always the same for an object, and evenly spread over many.
#[must_use]
pub fn spread(uid: &str, interval: Duration) -> Duration {
    // FNV-1a, then the upper 32 bits of the product as the share.
    let hash = uid
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let share = u128::from(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32);
    let nanos = (interval.as_nanos() * share) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::super::json::Json;
    use super::super::record::tests::record;
    use super::*;

    const INTERVAL: Duration = Duration::from_mins(5);

    fn with_status(status: &Value) -> Record {
        Record { status: Some(Json::of(status).unwrap()), ..record("a", 7) }
    }

    fn done() -> Value {
        json!({"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]})
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_start_what_was_done_gets_a_turn_within_the_interval_and_no_look() {
        let record = with_status(&done());
        assert!(is_done(&record));
        let wake = default_wake(&Change::Listed(&record), INTERVAL).unwrap();
        assert_eq!((wake.class, wake.reason), (Class::Sweep, Reason::Resumed));
        assert!(wake.due <= tokio::time::Instant::now() + INTERVAL);
    }

    #[rstest]
    #[case::never_seen(json!({}), Class::Change)]
    #[case::an_older_generation(json!({"observedGeneration": 0}), Class::Change)]
    #[case::stalled(json!({"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "False"}]}), Class::Recovery)]
    #[case::an_open_intent({ let mut status = done(); status["intent"] = json!({"ordinal": 1}); status }, Class::Recovery)]
    #[case::not_a_status(json!("odd"), Class::Change)]
    #[tokio::test(start_paused = true)]
    async fn after_a_start_what_is_not_done_comes_at_once(#[case] status: Value, #[case] class: Class) {
        let record = with_status(&status);
        assert!(!is_done(&record));
        let wake = default_wake(&Change::Listed(&record), INTERVAL).unwrap();
        assert_eq!((wake.class, wake.due), (class, tokio::time::Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_start_a_request_that_was_not_handled_comes_at_once() {
        let mut record = with_status(&done());
        record.annotations.redeploy_at = Some("2".into());
        assert_eq!(default_wake(&Change::Listed(&record), INTERVAL).unwrap().class, Class::Change);
        let mut status = done();
        status["lastHandledRedeployAt"] = json!("2");
        record.status = Some(Json::of(&status).unwrap());
        assert_eq!(default_wake(&Change::Listed(&record), INTERVAL).unwrap().class, Class::Sweep);
    }

    #[rstest]
    #[case::spec(|after: &mut Record| after.generation = 2, Some(Reason::SpecChanged))]
    #[case::deletion(|after: &mut Record| { after.generation = 2; after.deleted_at = Some(after.created_at); }, Some(Reason::Deletion))]
    #[case::request(|after: &mut Record| after.annotations.redeploy_at = Some("1".into()), Some(Reason::Requested))]
    #[case::finalizers(|after: &mut Record| after.finalizers = Box::new(["x/y".into()]), Some(Reason::Metadata))]
    #[case::status(|after: &mut Record| after.status = Some(Json::of(&json!({})).unwrap()), Some(Reason::Status))]
    #[case::successor(|after: &mut Record| after.uid = "another".into(), Some(Reason::Listed))]
    #[case::labels(|_: &mut Record| (), None)]
    #[tokio::test]
    async fn a_change_says_why_it_wakes(#[case] change: fn(&mut Record), #[case] reason: Option<Reason>) {
        let before = record("a", 7);
        let mut after = record("a", 8);
        change(&mut after);
        let wake = default_wake(&Change::Changed { before: &before, after: &after }, INTERVAL);
        assert_eq!(wake.map(|wake| wake.reason), reason);
    }

    #[test]
    fn objects_spread_evenly_over_an_interval() {
        let mut quarters = [0_usize; 4];
        for number in 0..4000 {
            let share = spread(&format!("4c2b8f60-6f0a-4a35-9a3e-{number:012}"), Duration::from_secs(4));
            quarters[usize::try_from(share.as_secs()).unwrap()] += 1;
        }
        assert!(quarters.iter().all(|count| (900..1100).contains(count)), "{quarters:?}");
    }
}
