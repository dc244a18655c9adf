//! Condition `Synced`: whether AWS has what the spec says. Pure.

use super::super::assess::{Assessment, Ownership, Phase, Sync};
use super::super::memory::Memory;
use super::{Reason, Saying, Truth, ready, words};

pub(super) fn synced(memory: &Memory, assessment: &Assessment) -> Saying {
    let say = |truth, reason, message: String| Saying { truth, reason, message };
    if let Some(drift) = words::drift_of(assessment) {
        return say(Truth::False, Reason::Drifted, ready::drift_words(&drift));
    }
    if let Phase::Foreign(ids) = &assessment.phase {
        return say(Truth::False, Reason::ForeignRevision, words::foreign(ids));
    }
    if let Ownership::Foreign { deployment_id } = &assessment.ownership {
        return say(Truth::False, Reason::ForeignRevision, words::foreign(std::slice::from_ref(deployment_id)));
    }
    if memory.intent.is_some() {
        return say(Truth::Unknown, Reason::Unknown, "a revision is being made".to_owned());
    }
    if let (Phase::Done, false, Some(blocked)) = (&assessment.phase, assessment.verified, &assessment.blocked) {
        return say(Truth::Unknown, Reason::Unknown, words::trouble(blocked));
    }
    match assessment.sync {
        Sync::UpToDate => say(Truth::True, Reason::UpToDate, words::deployed(memory)),
        Sync::Due(_) | Sync::DueAt(_) => {
            say(Truth::False, Reason::OutOfDate, "the newest revision in AWS does not have what the spec says".to_owned())
        }
        Sync::Unknown => {
            say(Truth::Unknown, Reason::Unknown, "it is not known whether AWS has what the spec says".to_owned())
        }
    }
}
