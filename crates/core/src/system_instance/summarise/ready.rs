//! Condition `Ready`, and whether `Reconciling` or `Stalled` stands beside it. Pure.

use super::super::assess::{Deletion, Phase, Progress};
use super::super::knowledge::DeploymentStatus;
use super::super::subject::Absent;
use super::{Scene, words};
use crate::conditions::Truth;
use crate::deployment::summarise::Reason;
use crate::deployment::summarise::ready::{Companion, Ready, reconciling, say, stalled};
use crate::failure::Blocking;
use crate::trouble::Blocked;

pub(super) fn ready(scene: &Scene<'_>) -> Ready {
    let assessment = scene.assessment;
    match &assessment.phase {
        Phase::Deleting(state) => deleting(scene, state),
        Phase::Invalid(message) => stalled(Reason::InvalidSpec, message.clone()),
        Phase::ReferenceMissing { what, message, stalled_at } => {
            let reason = match what {
                Absent::Reference => Reason::ReferenceNotFound,
                Absent::Identity => Reason::IdentityNotFound,
            };
            if was_stalled_by(scene, reason) || assessment.now >= *stalled_at {
                stalled(reason, message.clone())
            } else {
                reconciling(Truth::False, Reason::ProgressingWithRetry, message.clone())
            }
        }
        Phase::NotAllowed(message) => stalled(Reason::IdentityNotAllowed, message.clone()),
        Phase::KeyChanged { was, is } => stalled(Reason::KeyChanged, words::key_changed(was, is)),
        Phase::Suspended => suspended(scene),
        Phase::TargetConflict(winner) => stalled(Reason::TargetConflict, words::conflict(scene.subject, winner)),
        Phase::Foreign(message) => stalled(Reason::ForeignRevision, words::foreign(message)),
        Phase::Drifted(drift) => stalled(Reason::Drifted, words::drifted(*drift, scene.memory)),
        Phase::Refused(blocking) => refused(*blocking, scene),
        Phase::Reading => reading(scene),
        Phase::Unresolved | Phase::Changing => changing(scene),
        Phase::Failed { again_at } => stalled(Reason::RolloutFailed, words::failed(scene, *again_at)),
        Phase::Moving(status) => moving(scene, *status),
        Phase::Done => done(scene),
    }
}

fn done(scene: &Scene<'_>) -> Ready {
    if let Some(blocked) = scene.blocked().filter(|_| !scene.assessment.verified) {
        return unverified(blocked);
    }
    let reason = if scene.is_to_run() == Some(false) { Reason::NotDeployed } else { Reason::Deployed };
    Ready { saying: say(Truth::True, reason, words::is_there(scene)), companion: Companion::None }
}

/// What was in order is taken to be so for an hour; after that it can't be said.
fn reading(scene: &Scene<'_>) -> Ready {
    let was_ready = scene
        .stood("Ready")
        .is_some_and(|before| before.status == "True" || before.reason == Reason::Unverified.as_str());
    match scene.blocked() {
        Some(blocked @ Blocked::Service { .. }) if was_ready => unverified(blocked),
        Some(_) | None => changing(scene),
    }
}

/// The one Unknown without Reconciling: nothing is being done, the content was applied.
fn unverified(blocked: &Blocked) -> Ready {
    Ready { saying: say(Truth::Unknown, Reason::Unverified, words::unverified(blocked)), companion: Companion::None }
}

fn moving(scene: &Scene<'_>, status: DeploymentStatus) -> Ready {
    reconciling(Truth::False, Reason::RollingOut, words::moving(scene, status))
}

fn changing(scene: &Scene<'_>) -> Ready {
    if let Some(obstacle) = &scene.assessment.obstacle {
        return reconciling(Truth::False, Reason::ProgressingWithRetry, words::obstacle(obstacle));
    }
    // What stalled this very generation stands until it is known to be over.
    if let Some(before) = scene.stood("Stalled")
        && scene.assessment.intent == super::super::intent::IntentState::None
        && matches!(scene.assessment.progress, Some(Progress::Look(_) | Progress::Lags(..)) | None)
        && let Some(reason) = standing_reason(&before.reason)
    {
        return stalled(reason, before.message.clone());
    }
    match scene.blocked() {
        Some(blocked @ (Blocked::Service { retrying: true, .. } | Blocked::Person { .. })) => {
            reconciling(Truth::False, Reason::ProgressingWithRetry, words::trouble(blocked))
        }
        Some(Blocked::Service { retrying: false, .. }) | None => {
            reconciling(Truth::Unknown, Reason::Progressing, words::progressing(scene))
        }
    }
}

/// What only a look at AWS can lift.
fn standing_reason(text: &str) -> Option<Reason> {
    [
        Reason::Drifted,
        Reason::ForeignRevision,
        Reason::TargetConflict,
        Reason::RolloutFailed,
        Reason::Refused(Blocking::AccessDenied),
        Reason::Refused(Blocking::TargetNotFound),
        Reason::Refused(Blocking::InvalidSpec),
        Reason::Refused(Blocking::QuotaExceeded),
    ]
    .into_iter()
    .find(|reason| reason.as_str() == text)
}

fn refused(blocking: Blocking, scene: &Scene<'_>) -> Ready {
    // Refused was another generation: whether this one is too is not known yet.
    let Some(blocked) = scene.blocked() else { return changing(scene) };
    let lasted = matches!(blocked, Blocked::Person { stalled: true, .. });
    // After a restart the two minutes begin anew for the process, not for the reader.
    if lasted || was_stalled_by(scene, Reason::Refused(blocking)) {
        return stalled(Reason::Refused(blocking), words::trouble(blocked));
    }
    reconciling(Truth::False, Reason::ProgressingWithRetry, words::trouble(blocked))
}

/// Where nothing is to be done it is as if it were not suspended.
fn suspended(scene: &Scene<'_>) -> Ready {
    let assessment = scene.assessment;
    match &assessment.progress {
        Some(Progress::Done) if scene.memory.intent.is_none() => done(scene),
        Some(Progress::Moving(step)) if scene.memory.intent.is_none() => moving(scene, step.status),
        Some(Progress::Failed(_)) if scene.memory.intent.is_none() => {
            stalled(Reason::RolloutFailed, words::failed(scene, None))
        }
        Some(_) | None => {
            Ready { saying: say(Truth::False, Reason::Suspended, words::suspended(scene)), companion: Companion::None }
        }
    }
}

fn deleting(scene: &Scene<'_>, state: &Deletion) -> Ready {
    match state {
        Deletion::Barred(message) => return stalled(Reason::DeletionBlocked, words::barred(message)),
        Deletion::IdUnknown => return stalled(Reason::DeletionBlocked, words::id_unknown()),
        Deletion::Release { .. }
        | Deletion::Definition
        | Deletion::References
        | Deletion::Wait(_)
        | Deletion::Look(_)
        | Deletion::Tags(_)
        | Deletion::Due(_)
        | Deletion::Moving(_) => {}
    }
    let before = scene.stood("Stalled").filter(|before| before.reason == Reason::DeletionBlocked.as_str());
    match (scene.blocked(), before) {
        (Some(blocked @ Blocked::Person { stalled: true, .. }), _)
        | (Some(blocked @ Blocked::Person { .. }), Some(_)) => {
            stalled(Reason::DeletionBlocked, words::deletion_blocked(blocked))
        }
        (_, Some(before)) => stalled(Reason::DeletionBlocked, before.message.clone()),
        (Some(blocked), None) => reconciling(Truth::False, Reason::Removing, words::trouble(blocked)),
        (None, None) => {
            let obstacle = scene.assessment.obstacle.as_deref().map(words::obstacle);
            reconciling(Truth::False, Reason::Removing, obstacle.unwrap_or_else(|| words::removing(scene, state)))
        }
    }
}

fn was_stalled_by(scene: &Scene<'_>, reason: Reason) -> bool {
    scene.stood("Stalled").is_some_and(|before| before.reason == reason.as_str())
}
