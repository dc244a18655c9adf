//! Condition `Synced`: whether AWS has what the spec says. Pure.

use super::super::assess::{Drift, Ownership, Parent, Phase, Sync};
use super::super::knowledge::RowStatus;
use super::super::tags::Cause;
use super::{Reason, Saying, Scene, Truth, words};

pub(super) fn synced(scene: &Scene<'_>, ready: &Saying) -> Saying {
    let Scene { memory, assessment, .. } = *scene;
    let say = |truth, reason, message: String| Saying { truth, reason, message };
    let unknown = |message: String| say(Truth::Unknown, Reason::Unknown, message);
    if matches!(ready.reason, Reason::Drifted | Reason::ForeignRevision) {
        return ready.clone();
    }
    match &assessment.phase {
        Phase::Deleting(_) => {
            return unknown("not compared any more, because the resource is being deleted".to_owned());
        }
        Phase::Invalid(_) => return unknown("not compared with AWS, because the spec can't be used".to_owned()),
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
        | Phase::Refused(_)
        | Phase::WaitingForParent
        | Phase::Changing
        | Phase::RolloutCanceled
        | Phase::RolloutFailed
        | Phase::Done => {}
    }
    match (&assessment.sync, scene.blocked()) {
        (_, Some(blocked)) if memory.intent.is_some() => unknown(words::trouble(blocked)),
        (_, None) if memory.intent.is_some() => unknown(words::being_made(scene)),
        (Sync::UpToDate, Some(blocked)) if !assessment.verified => unknown(words::trouble(blocked)),
        (Sync::UpToDate, _) => say(Truth::True, Reason::UpToDate, words::deployed(memory)),
        (Sync::Due(_) | Sync::DueAt(_), _) => say(Truth::False, Reason::OutOfDate, words::out_of_date(assessment)),
        (Sync::Unknown, _) => unknown(words::unread(scene)),
    }
}

/// Drift, also where the resource is suspended and its phase does not say so.
pub(super) fn drift_of(scene: &Scene<'_>) -> Option<Drift> {
    let Scene { memory, assessment, .. } = *scene;
    match &assessment.phase {
        Phase::Drifted(drift) => return Some(drift.clone()),
        Phase::Suspended if assessment.sync != Sync::Due(Cause::Redeploy) => {}
        _ => return None,
    }
    let intent = memory.intent.as_ref();
    match &assessment.ownership {
        Ownership::Overridden { deployment_id } => {
            let judged = intent.is_some_and(|intent| intent.base.as_ref() == Some(deployment_id));
            (!judged).then(|| Drift::Overridden(deployment_id.clone()))
        }
        Ownership::Missing => intent.is_none().then_some(Drift::Missing),
        Ownership::Ours(own) | Ownership::Remembered(own)
            if own.remembered && own.status == Some(RowStatus::Inactive) && intent.is_none() =>
        {
            let parent = &assessment.parent;
            let by_parent = assessment.sync.is_parent_pending() || parent.is_waiting() || *parent == Parent::Unread;
            (!by_parent).then(|| Drift::Superseded(own.deployment_id.clone()))
        }
        Ownership::Ours(_)
        | Ownership::Remembered(_)
        | Ownership::Unread
        | Ownership::Doubted(..)
        | Ownership::Vacant
        | Ownership::Unidentified { .. }
        | Ownership::Foreign { .. } => None,
    }
}
