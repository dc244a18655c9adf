//! Condition `Ready`, and whether `Reconciling` or `Stalled` stands beside it. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::super::assess::{Assessment, Blocked, Deletion, Drift, Phase};
use super::super::memory::Memory;
use super::super::subject::Subject;
use super::{Reason, Saying, Truth, words};
use crate::failure::Blocking;

/// What `Ready` says and what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// What `Ready` says.
    pub saying: Saying,
    /// What stands beside it.
    pub companion: Companion,
}

/// Never both: kstatus takes the first that it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Companion {
    /// Neither.
    None,
    /// `Reconciling=True`.
    Reconciling,
    /// `Stalled=True`.
    Stalled,
}

/// What `Ready` says and what stands beside it.
#[must_use]
pub fn ready(subject: &Subject<'_>, memory: &Memory, assessment: &Assessment, previous: &[Condition]) -> Ready {
    match &assessment.phase {
        Phase::Deleting(state) => deleting(subject, state, assessment),
        Phase::Invalid(message) => stalled(Reason::InvalidSpec, message.clone()),
        Phase::KeyChanged { was, is } => stalled(Reason::KeyChanged, words::key_changed(was, is)),
        Phase::Suspended => suspended(memory, assessment),
        Phase::TargetConflict(winner) => stalled(Reason::TargetConflict, words::conflict(subject, winner)),
        Phase::Foreign(ids) => stalled(Reason::ForeignRevision, words::foreign(ids)),
        Phase::Drifted(drift) => stalled(Reason::Drifted, words::drifted(drift)),
        Phase::Refused(blocking) => refused(*blocking, subject, assessment, previous),
        Phase::WaitingForParent => {
            reconciling(Truth::False, Reason::WaitingForParent, words::waiting_for_parent(subject, assessment))
        }
        Phase::Changing => changing(memory, assessment, previous, subject.generation),
        Phase::RolloutCanceled => stalled(Reason::RolloutCanceled, words::canceled(memory)),
        Phase::RolloutFailed => stalled(Reason::RolloutFailed, words::failed(memory)),
        Phase::Done => done(memory, assessment),
    }
}

fn done(memory: &Memory, assessment: &Assessment) -> Ready {
    if let (false, Some(blocked)) = (assessment.verified, &assessment.blocked) {
        // The one Unknown without Reconciling: nothing is being done, the content was applied.
        let message = format!("for an hour AWS could not be asked whether this is still so: {}", words::trouble(blocked));
        return Ready { saying: say(Truth::Unknown, Reason::Unverified, message), companion: Companion::None };
    }
    Ready { saying: say(Truth::True, Reason::Deployed, words::deployed(memory)), companion: Companion::None }
}

fn changing(memory: &Memory, assessment: &Assessment, previous: &[Condition], generation: i64) -> Ready {
    match &assessment.blocked {
        Some(Blocked::Service { retrying: true, .. } | Blocked::Person { .. }) => {
            let message = assessment.blocked.as_ref().map(words::trouble).unwrap_or_default();
            reconciling(Truth::False, Reason::ProgressingWithRetry, message)
        }
        // A background retry does not lift what was said before its outcome is known.
        Some(Blocked::Service { retrying: false, .. }) | None => {
            if let Some(before) = still_stalled(previous, generation) {
                return before;
            }
            reconciling(Truth::Unknown, Reason::Progressing, words::progressing(memory, assessment))
        }
    }
}

fn refused(blocking: Blocking, subject: &Subject<'_>, assessment: &Assessment, previous: &[Condition]) -> Ready {
    let (is_stalled, message) = match &assessment.blocked {
        Some(Blocked::Person { stalled, trouble, .. }) => (*stalled, trouble.failure.to_string()),
        Some(Blocked::Service { trouble, .. }) => (false, trouble.failure.to_string()),
        None => (false, String::new()),
    };
    // After a restart the two minutes begin anew for the process, not for the reader.
    if is_stalled || still_stalled(previous, subject.generation).is_some() {
        return stalled(Reason::Refused(blocking), message);
    }
    reconciling(Truth::False, Reason::ProgressingWithRetry, message)
}

/// The refusal that the resource shows for this very generation.
fn still_stalled(previous: &[Condition], generation: i64) -> Option<Ready> {
    let before = previous
        .iter()
        .find(|condition| condition.type_ == "Stalled" && condition.observed_generation == Some(generation))?;
    [Blocking::AccessDenied, Blocking::TargetNotFound, Blocking::InvalidSpec, Blocking::QuotaExceeded]
        .into_iter()
        .find(|blocking| blocking.reason() == before.reason)
        .map(|blocking| stalled(Reason::Refused(blocking), before.message.clone()))
}

fn suspended(memory: &Memory, assessment: &Assessment) -> Ready {
    let nothing_to_do = memory.intent.is_none()
        && assessment.sync == super::super::assess::Sync::UpToDate
        && !assessment.ownership.is_open()
        && words::drift_of(assessment).is_none();
    if nothing_to_do {
        return done(memory, assessment);
    }
    let message = words::suspended_with_work(assessment);
    Ready { saying: say(Truth::False, Reason::Suspended, message), companion: Companion::None }
}

fn deleting(subject: &Subject<'_>, state: &Deletion, assessment: &Assessment) -> Ready {
    if *state == Deletion::KeyUnknown {
        return stalled(Reason::DeletionBlocked, words::key_unknown());
    }
    match &assessment.blocked {
        Some(Blocked::Person { stalled: true, trouble, .. }) => {
            stalled(Reason::DeletionBlocked, words::deletion_blocked(&trouble.failure.to_string()))
        }
        Some(blocked) => reconciling(Truth::False, Reason::Removing, words::trouble(blocked)),
        None => reconciling(Truth::False, Reason::Removing, words::removing(subject)),
    }
}

fn reconciling(truth: Truth, reason: Reason, message: String) -> Ready {
    Ready { saying: say(truth, reason, message), companion: Companion::Reconciling }
}

fn stalled(reason: Reason, message: String) -> Ready {
    Ready { saying: say(Truth::False, reason, message), companion: Companion::Stalled }
}

fn say(truth: Truth, reason: Reason, message: String) -> Saying {
    Saying { truth, reason, message }
}

/// What AWS lost, in the words of the condition.
pub(super) fn drift_words(drift: &Drift) -> String {
    words::drifted(drift)
}
