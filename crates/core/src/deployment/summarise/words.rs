//! The sentences of the conditions: what is the case and what to do next. Pure.

use super::super::assess::{Assessment, Blocked, Drift, Ownership, Phase, Sync};
use super::super::knowledge::RowStatus;
use super::super::memory::Memory;
use super::super::subject::{Claimant, Subject, Wanted};
use super::super::tags::Cause;
use super::{Reason, Saying, Truth};
use crate::api::REDEPLOY_AT;

pub(super) fn deployed(memory: &Memory) -> String {
    let Some(own) = &memory.deployment else { return "nothing is deployed".to_owned() };
    match &own.revision_id {
        Some(revision) => format!("revision {revision} is deployment {}", own.deployment_id),
        None => format!("deployment {}", own.deployment_id),
    }
}

pub(super) fn progressing(memory: &Memory, assessment: &Assessment) -> String {
    match (&memory.intent, &assessment.blocked) {
        (_, Some(blocked)) => trouble(blocked),
        (Some(intent), None) => match intent.cause {
            Cause::Create => "the deployment is being created".to_owned(),
            Cause::Change => "a revision with the changed content is being created".to_owned(),
            Cause::Redeploy => format!("a revision of the same content is being created, as {REDEPLOY_AT} asks"),
            Cause::Parent => "a revision is being created, because the parent's new one ended the last".to_owned(),
        },
        (None, None) => "AWS is being asked what is deployed to the target".to_owned(),
    }
}

pub(super) fn trouble(blocked: &Blocked) -> String {
    let story = blocked.trouble();
    match story.attempts {
        0 | 1 => story.failure.to_string(),
        attempts => format!("{attempts} times in a row: {}", story.failure),
    }
}

pub(super) fn waiting_for_parent(subject: &Subject<'_>, assessment: &Assessment) -> String {
    if let Sync::DueAt(at) = assessment.sync {
        return format!(
            "the parent's new revision has ended this subdeployment; a new one is made at {}, if the resource is still there then",
            at.strftime("%H:%M:%S UTC")
        );
    }
    match &subject.peers.parent {
        Some(parent) if parent.object.namespace == subject.object.namespace => {
            format!("waits until the parent's deployment, GreengrassDeployment {}, is in AWS", parent.object.name)
        }
        Some(_) | None => "waits until the parent's deployment is in AWS".to_owned(),
    }
}

pub(super) fn conflict(subject: &Subject<'_>, winner: &Claimant) -> String {
    // Another namespace's names are not for everybody's eyes.
    let who = if winner.object.namespace == subject.object.namespace {
        format!("GreengrassDeployment {}", winner.object.name)
    } else {
        "a GreengrassDeployment in another namespace".to_owned()
    };
    format!("{who} already deploys to this target; delete one of the two, this one takes over when the other is gone")
}

pub(super) fn foreign(ids: &[String]) -> String {
    let named: Vec<&str> = ids.iter().take(3).map(String::as_str).collect();
    let more = if ids.len() > 3 { format!(" and {} more", ids.len() - 3) } else { String::new() };
    format!(
        "the target has a deployment that this resource did not make ({}{more}); nothing was changed: cancel and delete it in \
         AWS if this resource shall take its place",
        named.join(", ")
    )
}

pub(super) fn drifted(drift: &Drift) -> String {
    let what = match drift {
        Drift::Overridden(id) => format!("deployment {id}, which this resource did not make, is newer than ours"),
        Drift::Missing => "the deployment was deleted in AWS".to_owned(),
        Drift::Superseded(id) => format!("deployment {id} was superseded in AWS and nothing is in force any more"),
    };
    format!("{what}; to deploy what the spec says, set the annotation {REDEPLOY_AT} to a new value, for example the time of day")
}

pub(super) fn key_changed(was: &str, is: &str) -> String {
    format!("this resource has deployed to {was} and now means {is}; nothing is written: put the target back, or create a new resource")
}

pub(super) fn canceled(memory: &Memory) -> String {
    format!(
        "{} was cancelled in AWS and is not made again by itself: change the spec, or set the annotation {REDEPLOY_AT} to a new value",
        deployed(memory)
    )
}

pub(super) fn failed(memory: &Memory) -> String {
    format!(
        "{} failed on the device: look at its effective deployments in AWS, then change the spec or set the annotation {REDEPLOY_AT} to a new value",
        deployed(memory)
    )
}

pub(super) fn removing(subject: &Subject<'_>) -> String {
    match subject.wanted {
        Wanted::Absent { policy, .. } => {
            format!("deletionPolicy {}: deployments of this resource are being cleared in AWS", super::super::memory::policy_name(*policy))
        }
        Wanted::Present(..) | Wanted::Invalid(_) => String::new(),
    }
}

pub(super) fn deletion_blocked(failure: &str) -> String {
    format!("{failure}; it is tried again; to let go and leave AWS as it is, set spec.deletionPolicy to Retain")
}

pub(super) fn key_unknown() -> String {
    "spec.targetArn can't be read, so it is not known what to clear in AWS; to let go, set spec.deletionPolicy to Retain".to_owned()
}

pub(super) fn suspended(assessment: &Assessment) -> Saying {
    Saying { truth: Truth::True, reason: Reason::Suspended, message: suspended_with_work(assessment) }
}

pub(super) fn suspended_with_work(assessment: &Assessment) -> String {
    let work = match (&assessment.sync, &assessment.ownership) {
        (Sync::UpToDate, _) => "nothing is to be done",
        (Sync::Due(_) | Sync::DueAt(_), _) => "a revision is due",
        (Sync::Unknown, Ownership::Foreign { .. }) => "the target has a deployment that this resource did not make",
        (Sync::Unknown, _) => "it is not known whether AWS has what the spec says",
    };
    format!("spec.suspend is true, so nothing is written to AWS; {work}")
}

/// Drift, whatever phase is shown.
pub(super) fn drift_of(assessment: &Assessment) -> Option<Drift> {
    if let Phase::Drifted(drift) = &assessment.phase {
        return Some(drift.clone());
    }
    if assessment.phase != Phase::Suspended {
        return None;
    }
    match &assessment.ownership {
        Ownership::Overridden { deployment_id } => Some(Drift::Overridden(deployment_id.clone())),
        Ownership::Missing => Some(Drift::Missing),
        Ownership::Ours(own) if own.status == Some(RowStatus::Inactive) && !assessment.sync.is_parent_pending() => {
            Some(Drift::Superseded(own.deployment_id.clone()))
        }
        Ownership::Ours(_)
        | Ownership::Unread
        | Ownership::Remembered(_)
        | Ownership::Doubted(..)
        | Ownership::Vacant
        | Ownership::Unidentified { .. }
        | Ownership::Foreign { .. } => None,
    }
}
