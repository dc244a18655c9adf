//! Condition `RolledOut`: whether devices have the revision. Pure.

use super::super::assess::{Deletion, Phase, RolloutState, Sync};
use super::{Reason, Saying, Scene, Truth, devices};

pub(super) fn rolled_out(scene: &Scene<'_>) -> Saying {
    let rollout = &scene.assessment.rollout;
    let say = |truth, reason, message: String| Saying { truth, reason, message };
    let unknown = |message: &str| say(Truth::Unknown, Reason::Unknown, message.to_owned());
    let is_new = scene.memory.deployment.as_ref().is_none_or(|own| own.generation != Some(scene.subject.generation));
    match &scene.assessment.phase {
        Phase::Deleting(Deletion::Uninstalling { .. } | Deletion::Uninstalled) => {}
        Phase::NotAllowed(_) => {
            return unknown("not read, because the identity does not allow it");
        }
        Phase::KeyChanged { .. } => {
            return unknown("not followed any more, because the resource now means another target");
        }
        Phase::Deleting(_) => return unknown("not followed any more, because the resource is being deleted"),
        _ if rollout.state == RolloutState::None && scene.assessment.sync == Sync::Yielded => {
            return unknown("not followed any more, because the parent's new revision has ended it");
        }
        _ if rollout.state == RolloutState::None || is_new => {
            return unknown("there is no revision of what the spec says yet, or AWS no longer has it");
        }
        _ => {}
    }
    if let Some(message) = devices::not_counted(rollout) {
        return say(Truth::Unknown, Reason::Unknown, message);
    }
    let message = devices::rollout(scene);
    match rollout.state {
        RolloutState::Completed => say(Truth::True, Reason::Completed, message),
        RolloutState::NoDevices => say(Truth::True, Reason::NoDevices, message),
        RolloutState::Failed => say(Truth::False, Reason::DevicesFailed, message),
        RolloutState::Canceled => say(Truth::False, Reason::Canceled, message),
        RolloutState::None | RolloutState::Unread | RolloutState::NotStarted | RolloutState::InProgress => {
            let is_late = rollout.is_late(scene.assessment.now);
            say(Truth::False, if is_late { Reason::DeadlineExceeded } else { Reason::InProgress }, message)
        }
    }
}
