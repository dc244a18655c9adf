//! Condition `Synced`: whether AWS has what the spec says. Pure.

use super::super::assess::{Drift, Ownership, Phase, Sync};
use super::{Reason, Saying, Scene, Truth, words};

pub(super) fn synced(scene: &Scene<'_>, ready: &Saying) -> Saying {
    let Scene { memory, assessment, .. } = *scene;
    let say = |truth, reason, message: String| Saying { truth, reason, message };
    let unknown = |message: String| say(Truth::Unknown, Reason::Unknown, message);
    if matches!(ready.reason, Reason::Drifted | Reason::ForeignRevision) {
        return ready.clone();
    }
    if ready.reason == Reason::CorrectionsExhausted {
        return Saying { reason: Reason::Drifted, ..ready.clone() };
    }
    match &assessment.phase {
        Phase::Deleting(_) => {
            return unknown("not compared any more, because the resource is being deleted".to_owned());
        }
        Phase::Invalid(_) => return unknown("not compared with AWS, because the spec can't be used".to_owned()),
        Phase::Unresolved | Phase::ReferenceMissing { .. } => {
            return unknown("not compared with AWS, because something that the spec refers to is not there".to_owned());
        }
        Phase::NotAllowed(_) => {
            return unknown("not compared with AWS, because the identity does not allow it".to_owned());
        }
        Phase::KeyChanged { .. } => {
            return unknown("not compared with AWS, because the resource now means another target".to_owned());
        }
        Phase::TargetConflict(_) => {
            return unknown("not compared with AWS, because another GreengrassDeployment has the target".to_owned());
        }
        Phase::Suspended => {
            if let Some(drift) = drift_of(scene) {
                return say(Truth::False, Reason::Drifted, words::drifted_and_suspended(&drift));
            }
            if let Ownership::Foreign { deployment_id } = &assessment.ownership {
                let ids = std::slice::from_ref(deployment_id);
                return say(Truth::False, Reason::ForeignRevision, words::foreign(ids, assessment));
            }
        }
        Phase::Foreign(_)
        | Phase::Drifted(_)
        | Phase::CorrectionsExhausted { .. }
        | Phase::Refused(_)
        | Phase::WaitingForParent
        | Phase::Changing
        | Phase::RolloutCanceled
        | Phase::RolloutFailed
        | Phase::RollingOut
        | Phase::Done => {}
    }
    match (&assessment.sync, scene.blocked()) {
        (_, Some(blocked)) if memory.intent.is_some() => unknown(words::trouble(blocked)),
        (_, None) if memory.intent.is_some() => unknown(words::being_made(scene)),
        (Sync::UpToDate, Some(blocked)) if !assessment.verified => unknown(words::trouble(blocked)),
        (Sync::UpToDate, _) => say(Truth::True, Reason::UpToDate, words::deployed(scene)),
        (Sync::Yielded, _) => say(Truth::False, Reason::Yielded, words::yielded()),
        (Sync::Due(_) | Sync::DueAt(_), _) => say(Truth::False, Reason::OutOfDate, words::out_of_date(assessment)),
        (Sync::Unknown, _) => unknown(words::unread(scene)),
    }
}

/// Drift that is not being mended, also where the resource is suspended and its phase does not say so.
pub(super) fn drift_of(scene: &Scene<'_>) -> Option<Drift> {
    let Scene { assessment, .. } = *scene;
    match &assessment.phase {
        Phase::Drifted(drift) | Phase::CorrectionsExhausted { drift, .. } => Some(drift.clone()),
        Phase::Suspended => assessment.drift.clone(),
        Phase::Deleting(_)
        | Phase::Invalid(_)
        | Phase::Unresolved
        | Phase::ReferenceMissing { .. }
        | Phase::NotAllowed(_)
        | Phase::KeyChanged { .. }
        | Phase::TargetConflict(_)
        | Phase::Foreign(_)
        | Phase::Refused(_)
        | Phase::WaitingForParent
        | Phase::Changing
        | Phase::RolloutCanceled
        | Phase::RolloutFailed
        | Phase::RollingOut
        | Phase::Done => None,
    }
}
