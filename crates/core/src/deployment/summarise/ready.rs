//! Condition `Ready`, and whether `Reconciling` or `Stalled` stands beside it. Pure.

use super::super::assess::{Blocked, Deletion, Phase, RolloutState, Sync};
use super::super::knowledge::RowStatus;
use super::super::subject::Absent;
use super::standing::{Standing, deletion_blocked, standing, was_stalled_by};
use super::synced::drift_of;
use super::{Reason, Saying, Scene, Truth, devices, words};
use crate::api::ReadyWhen;
use crate::failure::{Blocking, FailureKind};

/// What `Ready` says and what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// What `Ready` says.
    pub(crate) saying: Saying,
    /// What stands beside it.
    pub(crate) companion: Companion,
}

/// Never both: kstatus takes the first that it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Companion {
    /// Neither.
    None,
    /// `Reconciling=True`.
    Reconciling,
    /// `Stalled=True`.
    Stalled,
}

/// What `Ready` says and what stands beside it.
pub(super) fn ready(scene: &Scene<'_>) -> Ready {
    let Scene { subject, assessment, .. } = *scene;
    match &assessment.phase {
        Phase::Deleting(state) => deleting(scene, state),
        Phase::Invalid(message) => stalled(Reason::InvalidSpec, message.clone()),
        Phase::ReferenceMissing { what, message, stalled_at } => {
            let reason = match what {
                Absent::Reference => Reason::ReferenceNotFound,
                Absent::Identity => Reason::IdentityNotFound,
            };
            let stands = was_stalled_by(scene, reason);
            if stands || assessment.now >= *stalled_at {
                stalled(reason, message.clone())
            } else {
                reconciling(Truth::False, Reason::ProgressingWithRetry, message.clone())
            }
        }
        Phase::NotAllowed(message) => stalled(Reason::IdentityNotAllowed, message.clone()),
        Phase::KeyChanged { was, is } => stalled(Reason::KeyChanged, words::key_changed(was, is)),
        Phase::Suspended => suspended(scene),
        Phase::TargetConflict(winner) => stalled(Reason::TargetConflict, words::conflict(subject, winner)),
        Phase::Foreign(ids) => stalled(Reason::ForeignRevision, words::foreign(ids, assessment)),
        Phase::Drifted(drift) => stalled(Reason::Drifted, words::drifted(drift)),
        Phase::CorrectionsExhausted { drift, until } => {
            stalled(Reason::CorrectionsExhausted, words::corrections_exhausted(drift, *until))
        }
        Phase::Refused(blocking) => refused(*blocking, scene),
        Phase::WaitingForParent => {
            reconciling(Truth::False, Reason::WaitingForParent, words::waiting_for_parent(subject, assessment))
        }
        Phase::Unresolved | Phase::Changing => changing(scene),
        Phase::RolloutCanceled => stalled(Reason::RolloutCanceled, words::canceled(scene.memory)),
        Phase::RolloutFailed => failed(scene),
        Phase::RollingOut => rolling_out(scene),
        Phase::Done => done(scene),
    }
}

fn done(scene: &Scene<'_>) -> Ready {
    let blocked = scene.blocked();
    let asking = blocked.is_some() || scene.assessment.look_wanted;
    if let Some(before) = standing(scene).filter(|_| asking) {
        return stands(before);
    }
    // What the newest deployment contains is still to be read.
    if scene.assessment.sync == Sync::Unknown {
        return changing(scene);
    }
    match blocked {
        // The one Unknown without Reconciling: nothing is being done, the content was applied.
        Some(blocked) if !scene.assessment.verified => Ready {
            saying: say(Truth::Unknown, Reason::Unverified, words::unverified(blocked)),
            companion: Companion::None,
        },
        Some(_) | None => {
            let (reason, message) = good(scene);
            Ready { saying: say(Truth::True, reason, message), companion: Companion::None }
        }
    }
}

fn good(scene: &Scene<'_>) -> (Reason, String) {
    match (scene.assessment.rollout.state, ready_when(scene)) {
        (RolloutState::NoDevices, _) => {
            (Reason::NoDevices, format!("{}; {}", words::deployed(scene), devices::rollout(scene)))
        }
        (RolloutState::Completed, ReadyWhen::RolledOut) => (Reason::RolledOut, devices::rollout(scene)),
        (_, ReadyWhen::Deployed | ReadyWhen::RolledOut) => (Reason::Deployed, words::deployed(scene)),
    }
}

fn ready_when(scene: &Scene<'_>) -> ReadyWhen {
    scene.subject.desired().map(|desired| desired.rollout.ready_when).unwrap_or_default()
}

fn rolling_out(scene: &Scene<'_>) -> Ready {
    if ready_when(scene) == ReadyWhen::Deployed {
        return done(scene);
    }
    if scene.assessment.sync == Sync::Unknown {
        return changing(scene);
    }
    if scene.assessment.rollout.is_late(scene.assessment.now) {
        return stalled(Reason::DeadlineExceeded, devices::deadline_exceeded(scene));
    }
    reconciling(Truth::False, Reason::RollingOut, devices::rolling_out(scene))
}

fn changing(scene: &Scene<'_>) -> Ready {
    if let Some(before) = standing(scene) {
        return stands(before);
    }
    if let Some(obstacle) = &scene.assessment.obstacle {
        return reconciling(Truth::False, Reason::ProgressingWithRetry, words::obstacle(obstacle));
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

fn refused(blocking: Blocking, scene: &Scene<'_>) -> Ready {
    // Refused was another generation: whether this one is too is not known yet.
    let Some(blocked) = scene.blocked() else { return changing(scene) };
    let lasted = matches!(blocked, Blocked::Person { stalled: true, .. });
    // After a restart the two minutes begin anew for the process, not for the reader.
    if lasted || standing(scene).is_some() {
        return stalled(Reason::Refused(blocking), words::trouble(blocked));
    }
    reconciling(Truth::False, Reason::ProgressingWithRetry, words::trouble(blocked))
}

/// AWS calls the deployment of a group failed only where its rollout was aborted.
fn failed(scene: &Scene<'_>) -> Ready {
    match scene.assessment.rollout.state {
        RolloutState::Canceled => stalled(Reason::RolloutCanceled, words::aborted(scene.memory)),
        RolloutState::None
        | RolloutState::Unread
        | RolloutState::NotStarted
        | RolloutState::InProgress
        | RolloutState::Completed
        | RolloutState::Failed
        | RolloutState::NoDevices => stalled(Reason::RolloutFailed, devices::failed(scene)),
    }
}

/// Where nothing is to be done it is as if it were not suspended.
fn suspended(scene: &Scene<'_>) -> Ready {
    let Scene { memory, assessment, .. } = *scene;
    let has_work = memory.intent.is_some()
        || !matches!(assessment.sync, Sync::UpToDate | Sync::Yielded)
        || assessment.ownership.is_open()
        || drift_of(scene).is_some();
    if has_work {
        let saying = say(Truth::False, Reason::Suspended, words::suspended(scene));
        return Ready { saying, companion: Companion::None };
    }
    if let Some(Blocked::Person { reason, .. }) = scene.blocked() {
        return refused(*reason, scene);
    }
    match assessment.ownership.own().and_then(|own| own.status) {
        Some(RowStatus::Canceled) => stalled(Reason::RolloutCanceled, words::canceled(memory)),
        Some(RowStatus::Failed) => failed(scene),
        Some(RowStatus::Active | RowStatus::Completed | RowStatus::Inactive | RowStatus::Unknown) | None => {
            match assessment.rollout.state {
                RolloutState::Canceled => stalled(Reason::RolloutCanceled, words::canceled(memory)),
                RolloutState::Failed => failed(scene),
                RolloutState::Unread | RolloutState::NotStarted | RolloutState::InProgress => rolling_out(scene),
                RolloutState::None | RolloutState::Completed | RolloutState::NoDevices => done(scene),
            }
        }
    }
}

fn deleting(scene: &Scene<'_>, state: &Deletion) -> Ready {
    match state {
        Deletion::Barred(message) => {
            return stalled(Reason::DeletionBlocked, words::barred(message));
        }
        Deletion::KeyUnknown => return stalled(Reason::DeletionBlocked, words::key_unknown()),
        Deletion::RemoveRefused => return stalled(Reason::DeletionBlocked, devices::remove_refused()),
        Deletion::RemoveCanceled => return stalled(Reason::DeletionBlocked, devices::remove_canceled()),
        Deletion::ForeignSubdeployments(ids) => {
            return stalled(Reason::DeletionBlocked, words::foreign(ids, scene.assessment));
        }
        Deletion::Uninstalling { timed_out: true } => {
            return stalled(Reason::RemoveTimedOut, devices::remove_timed_out(scene));
        }
        Deletion::Uninstalling { timed_out: false }
        | Deletion::Remove
        | Deletion::Uninstalled
        | Deletion::Release { .. }
        | Deletion::Definition
        | Deletion::Look
        | Deletion::Wait(_)
        | Deletion::Read(_)
        | Deletion::Settle
        | Deletion::Cancel(_)
        | Deletion::Delete(_) => {}
    }
    let before = deletion_blocked(scene);
    match (scene.blocked(), before) {
        (Some(blocked @ Blocked::Person { stalled: true, .. }), _)
        | (Some(blocked @ Blocked::Person { .. }), Some(_)) => {
            stalled(Reason::DeletionBlocked, words::deletion_blocked(blocked))
        }
        // AWS deletes as many as it can: what was refused is refused no more.
        (Some(blocked), _) if blocked.trouble().failure.kind == FailureKind::DeletionLimit => {
            reconciling(Truth::False, Reason::Removing, words::trouble(blocked))
        }
        (_, Some(before)) => stands(before),
        (Some(blocked), None) => reconciling(Truth::False, Reason::Removing, words::trouble(blocked)),
        (None, None) => {
            let obstacle = scene.assessment.obstacle.as_deref().map(words::obstacle);
            let message = obstacle.unwrap_or_else(|| words::removing(scene, state));
            reconciling(Truth::False, Reason::Removing, message)
        }
    }
}

fn stands(before: Standing) -> Ready {
    stalled(before.reason, before.message)
}

pub(crate) fn reconciling(truth: Truth, reason: Reason, message: String) -> Ready {
    Ready { saying: say(truth, reason, message), companion: Companion::Reconciling }
}

pub(crate) fn stalled(reason: Reason, message: String) -> Ready {
    Ready { saying: say(Truth::False, reason, message), companion: Companion::Stalled }
}

pub(crate) fn say(truth: Truth, reason: Reason, message: String) -> Saying {
    Saying { truth, reason, message }
}
