//! The sentences of the conditions: what is the case and what to do next. Pure.

use jiff::Timestamp;

use super::super::assess::{Cause, Deletion, Drift, Due, Phase, Progress};
use super::super::knowledge::DeploymentStatus;
use super::super::memory::{Memory, Operation};
use super::super::subject::{Rival, Subject};
use super::Scene;
use crate::api::REDEPLOY_AT;
pub(super) use crate::deployment::summarise::words::{barred, deletion_blocked, obstacle, trouble, unverified};

pub(super) fn is_there(scene: &Scene<'_>) -> String {
    let status = scene.memory.shown.status.as_deref().unwrap_or("unknown");
    match (&scene.memory.own, scene.is_to_run()) {
        (Some(own), Some(false)) => {
            format!("AWS has what the spec says: {} is there and does not run ({status})", own.id)
        }
        (Some(own), Some(true) | None) => format!("AWS has what the spec says: {} ({status})", own.id),
        (None, _) => "AWS has what the spec says".to_owned(),
    }
}

pub(super) fn moving(scene: &Scene<'_>, status: DeploymentStatus) -> String {
    let word = status.as_str();
    let id = id(scene.memory);
    match status {
        DeploymentStatus::Bootstrap | DeploymentStatus::DeployInProgress => format!("AWS is deploying {id}: {word}"),
        DeploymentStatus::UndeployInProgress | DeploymentStatus::PendingDelete => {
            format!("AWS is undeploying {id}: {word}")
        }
        DeploymentStatus::NotDeployed
        | DeploymentStatus::DeployedInTarget
        | DeploymentStatus::Failed
        | DeploymentStatus::DeletedInTarget => format!("{id} is {word}"),
        DeploymentStatus::Unknown => {
            format!("AWS says of {id} what this version does not know: nothing is done until that changes")
        }
    }
}

pub(super) fn failed(scene: &Scene<'_>, again_at: Option<Timestamp>) -> String {
    let again = match again_at {
        Some(at) => format!("it is deployed again at {}", time(at)),
        None if scene.assessment.phase == Phase::Suspended => {
            "nothing is done, because spec.suspend is true".to_owned()
        }
        None => "it is being deployed again".to_owned(),
    };
    format!(
        "AWS could not deploy {} (FAILED) and tells no reason: look at the Greengrass group's deployments and logs; {again}, or at once when the annotation {REDEPLOY_AT} gets a new value",
        id(scene.memory)
    )
}

pub(super) fn progressing(scene: &Scene<'_>) -> String {
    if let Some(blocked) = scene.blocked() {
        return trouble(blocked);
    }
    if let Some(intent) = &scene.memory.intent {
        return being_made(intent.operation, intent.id.as_str());
    }
    match &scene.assessment.progress {
        Some(Progress::Due(step)) => due(step),
        Some(Progress::Adopt(instance)) => {
            format!("{} is there and is what the spec says: it is being taken over as it is", instance.id)
        }
        Some(_) | None => "AWS is being asked what is there".to_owned(),
    }
}

fn being_made(operation: Operation, id: &str) -> String {
    match operation {
        Operation::Create => format!("{id} is being created"),
        Operation::Deploy => format!("the deployment of {id} is being started"),
        Operation::Undeploy => format!("{id} is being undeployed"),
        Operation::Delete => format!("{id} is being deleted"),
    }
}

pub(super) fn due(due: &Due) -> String {
    let why = match due.cause {
        Cause::Missing => "it is not there yet",
        Cause::Replaced => "the service can't update a system instance, so this one makes room for another",
        Cause::Unwanted => "spec.deployed is false",
        Cause::Requested => "the annotation greengrass-operator.dev/redeploy-at asks for it",
        Cause::Failed => "the deployment before failed",
        Cause::Deleting => "the resource is being deleted",
    };
    format!("{} of {} is due: {why}", due.operation.call(), due.id)
}

pub(super) fn drift_itself(drift: Drift, memory: &Memory) -> String {
    let id = id(memory);
    match drift {
        Drift::Missing => format!("somebody has deleted {id}"),
        Drift::Undeployed => format!("somebody has undeployed {id}"),
        Drift::Deployed => format!("somebody has deployed {id}, which the spec says must not run"),
    }
}

pub(super) fn drifted(drift: Drift, memory: &Memory) -> String {
    format!(
        "{}; nothing was changed: to have what the spec says again, set the annotation {REDEPLOY_AT} to a new value, for example the time of day, or change the spec",
        drift_itself(drift, memory)
    )
}

pub(super) fn foreign(message: &str) -> String {
    format!(
        "{message}; nothing was changed: give the definition another id, make the spec what is there, or delete that system instance in AWS"
    )
}

pub(super) fn conflict(subject: &Subject<'_>, winner: &Rival) -> String {
    // Another namespace's names are not for everybody's eyes.
    let who = if winner.object.namespace == subject.object.namespace {
        format!("SystemInstance {}", winner.object.name)
    } else {
        "a SystemInstance in another namespace".to_owned()
    };
    format!(
        "{who} has the same id and goes first; delete one of the two: when the other is gone, this one takes over by itself"
    )
}

pub(super) fn key_changed(was: &str, is: &str) -> String {
    format!(
        "the resource stood for {was}, and its definition now says {is}, in another account or region; nothing was changed: put the definition back, or create another SystemInstance"
    )
}

pub(super) fn id_unknown() -> String {
    "the definition can't be read, so it is not known what to clear in AWS; to let go and leave AWS as it is, set \
     spec.deletionPolicy to Retain"
        .to_owned()
}

pub(super) fn removing(scene: &Scene<'_>, state: &Deletion) -> String {
    match (&scene.memory.intent, state) {
        (Some(intent), _) => being_made(intent.operation, intent.id.as_str()),
        (None, Deletion::Due(step)) => due(step),
        (None, Deletion::Moving(_)) => format!("AWS is at work on {}", id(scene.memory)),
        (
            None,
            Deletion::Release { .. }
            | Deletion::Definition
            | Deletion::References
            | Deletion::Barred(_)
            | Deletion::IdUnknown
            | Deletion::Wait(_)
            | Deletion::Look(_)
            | Deletion::Tags(_),
        ) => "AWS is being asked what is there".to_owned(),
    }
}

pub(super) fn suspended(scene: &Scene<'_>) -> String {
    let case = match &scene.assessment.progress {
        Some(Progress::Done) => "nothing is to be done".to_owned(),
        Some(Progress::Due(step)) => due(step),
        Some(Progress::Drifted(drift)) => drift_itself(*drift, scene.memory),
        Some(Progress::Foreign(message)) => message.clone(),
        Some(Progress::Moving(step)) => moving(scene, step.status),
        Some(Progress::Adopt(instance)) => {
            format!("{} is there and is what the spec says: it would be taken over as it is", instance.id)
        }
        Some(
            Progress::Look(_)
            | Progress::Lags(..)
            | Progress::Tags(_)
            | Progress::Owner(_)
            | Progress::TakeUp(..)
            | Progress::Forget(_)
            | Progress::Failed(_),
        ) => unread(scene),
        None => "the resource is being deleted, and AWS is left as it is".to_owned(),
    };
    format!("spec.suspend is true, so nothing is written to AWS; {case}")
}

/// Why it can't be said whether AWS has what the spec says.
pub(super) fn unread(scene: &Scene<'_>) -> String {
    match (scene.blocked(), &scene.memory.intent) {
        (Some(blocked), _) => trouble(blocked),
        (None, Some(intent)) => being_made(intent.operation, intent.id.as_str()),
        (None, None) => "AWS has not been read yet".to_owned(),
    }
}

fn id(memory: &Memory) -> &str {
    memory.own.as_ref().map_or("the system instance", |own| own.id.as_str())
}

fn time(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}
