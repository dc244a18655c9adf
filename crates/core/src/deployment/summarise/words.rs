//! The sentences of the conditions: what is the case and what to do next. Pure.

use jiff::Timestamp;

use super::super::assess::drift::CORRECTIONS_AT_MOST;
use super::super::assess::{Adoption, Assessment, Blocked, Deletion, Drift, Ownership, Phase, Subdeployments, Sync};
use super::super::memory::Memory;
use super::super::subject::{Claimant, Subject, Wanted};
use super::super::tags::Cause;
use super::synced::drift_of;
use super::{Reason, Saying, Scene, Truth, devices};
use crate::api::{CANCEL_AT, DeletionPolicy, REDEPLOY_AT};

/// Ids of other people's deployments that a message names.
const NAMED_AT_MOST: usize = 3;

pub(super) fn deployed(scene: &Scene<'_>) -> String {
    if scene.assessment.sync == Sync::Yielded {
        return format!("{} was deployed; {}", named(scene.memory), yielded());
    }
    format!("AWS has what the spec says: {}", named(scene.memory))
}

pub(super) fn yielded() -> String {
    "the parent's new revision has ended it: devices go on with the parent's content, as onParentRevision Yield says"
        .to_owned()
}

pub(super) fn named(memory: &Memory) -> String {
    match memory.deployment.as_ref().map(|own| (&own.revision_id, &own.deployment_id)) {
        Some((Some(revision), id)) => format!("revision {revision} (deployment {id})"),
        Some((None, id)) => format!("deployment {id}"),
        None => "the deployment".to_owned(),
    }
}

pub(super) fn progressing(scene: &Scene<'_>) -> String {
    match (&scene.memory.intent, scene.blocked()) {
        (_, Some(blocked)) => trouble(blocked),
        (Some(_), None) => being_made(scene),
        (None, None) if matches!(scene.assessment.adoption, Adoption::Take(_)) => {
            "the target's deployment has the content of the spec already: it is being taken over as it is".to_owned()
        }
        (None, None) => "AWS is being asked what is deployed to the target".to_owned(),
    }
}

pub(super) fn being_made(scene: &Scene<'_>) -> String {
    if scene.assessment.phase == Phase::Suspended {
        return "a revision may be on its way to AWS; it is being found out what became of it".to_owned();
    }
    match scene.memory.intent.as_ref().map(|intent| intent.cause) {
        Some(Cause::Create) => "the deployment is being created".to_owned(),
        Some(Cause::Change) | None => "a revision with the changed content is being created".to_owned(),
        Some(Cause::Redeploy) => {
            format!("a revision of the same content is being created, as the annotation {REDEPLOY_AT} asks")
        }
        Some(Cause::Correct) => {
            "a revision is being created, because AWS no longer had what was made, as driftPolicy Correct says"
                .to_owned()
        }
        Some(Cause::Adopt) => {
            "a revision is being created above a deployment that this resource did not make, as adoptionPolicy says"
                .to_owned()
        }
        Some(Cause::Parent) => "a revision is being created, because the parent's new one ended the last".to_owned(),
        Some(Cause::Remove) => {
            "an empty revision is being created, which takes from devices what this target put there".to_owned()
        }
    }
}

/// How often it was tried is not said: every try would be a write of the status.
pub(crate) fn trouble(blocked: &Blocked) -> String {
    match blocked {
        Blocked::Service { retrying: true, trouble, .. } => format!("tried again, in vain so far: {}", trouble.failure),
        Blocked::Service { retrying: false, trouble, .. } | Blocked::Person { trouble, .. } => {
            trouble.failure.to_string()
        }
    }
}

pub(crate) fn unverified(blocked: &Blocked) -> String {
    format!(
        "AWS had what the spec says, and could not be asked for an hour whether that is still so: {}",
        blocked.trouble().failure
    )
}

pub(super) fn out_of_date(assessment: &Assessment) -> String {
    match &assessment.ownership {
        Ownership::Vacant => "the target has no deployment in AWS: one is due".to_owned(),
        Ownership::Unread
        | Ownership::Remembered(_)
        | Ownership::Doubted(..)
        | Ownership::Unidentified { .. }
        | Ownership::Ours(_)
        | Ownership::Missing
        | Ownership::Foreign { .. }
        | Ownership::Overridden { .. } => {
            "the newest revision in AWS is not what is asked for: a new one is due".to_owned()
        }
    }
}

pub(super) fn waiting_for_parent(subject: &Subject<'_>, assessment: &Assessment) -> String {
    if let Sync::DueAt(at) = assessment.sync {
        return format!(
            "the parent's new revision has ended this subdeployment; a new one is made at {}, if the resource is still there then",
            time(at)
        );
    }
    match &subject.peers.parent {
        Some(parent) if parent.object.namespace == subject.object.namespace => {
            let name = &parent.object.name;
            format!(
                "waits until GreengrassDeployment {name}, which makes the parent's deployment, is in AWS; see its conditions"
            )
        }
        // Another namespace's names are not for everybody's eyes.
        Some(_) | None => {
            "waits until the parent's deployment is in AWS; a GreengrassDeployment in another namespace makes it"
                .to_owned()
        }
    }
}

pub(super) fn conflict(subject: &Subject<'_>, winner: &Claimant) -> String {
    // Another namespace's names are not for everybody's eyes.
    let who = if winner.object.namespace == subject.object.namespace {
        format!("GreengrassDeployment {}", winner.object.name)
    } else {
        "a GreengrassDeployment in another namespace".to_owned()
    };
    format!(
        "{who} has the same target and goes first; delete one of the two: when the other is gone, this one takes over by itself"
    )
}

pub(super) fn foreign(ids: &[String], assessment: &Assessment) -> String {
    let shown: Vec<&str> = ids.iter().take(NAMED_AT_MOST).map(String::as_str).collect();
    let more = match ids.len().saturating_sub(NAMED_AT_MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown = shown.join(", ");
    match assessment.subdeployments {
        Subdeployments::Foreign(_) => format!(
            "a new revision would end subdeployments of the target that this cluster did not make ({shown}{more}); nothing was \
             changed: set spec.adoptionPolicy to Always to end them, or put the spec back"
        ),
        Subdeployments::Unneeded | Subdeployments::Unread | Subdeployments::Unidentified(_) | Subdeployments::Clear => {
            format!(
                "the target has deployments that this resource did not make, the newest is {shown}{more}; nothing was changed: \
             to deploy above them set spec.adoptionPolicy to Always, or to IfUnmanaged where nobody manages them, else delete \
             this resource; status.pendingChange shows what would change"
            )
        }
    }
}

pub(super) fn drifted(drift: &Drift) -> String {
    format!(
        "{}; nothing was changed: to deploy what the spec says, set the annotation {REDEPLOY_AT} to a new value, for example \
         the time of day, or spec.driftPolicy to Correct to have it done each time",
        drift_itself(drift)
    )
}

pub(super) fn corrections_exhausted(drift: &Drift, until: Timestamp) -> String {
    format!(
        "{}; it was mended {CORRECTIONS_AT_MOST} times within an hour, and is mended again at {}: find out who else deploys to the \
         target, or set the annotation {REDEPLOY_AT} to a new value to deploy at once",
        drift_itself(drift),
        time(until)
    )
}

pub(super) fn drifted_and_suspended(drift: &Drift) -> String {
    format!("{}; nothing is done about it, because spec.suspend is true", drift_itself(drift))
}

fn drift_itself(drift: &Drift) -> String {
    match drift {
        Drift::Overridden(id) => {
            format!("deployment {id}, which this resource did not make, has taken the place of ours")
        }
        Drift::Missing => "the deployment was deleted in AWS".to_owned(),
        Drift::Superseded(id) => format!("deployment {id} was superseded in AWS, and what superseded it is gone"),
    }
}

pub(super) fn key_changed(was: &str, is: &str) -> String {
    format!(
        "this resource has deployed to {was} and now means {is}; nothing is written: put the target back, or create another resource for the new one"
    )
}

pub(super) fn canceled(memory: &Memory) -> String {
    format!(
        "{} was cancelled in AWS, by somebody, by its abort criteria or by the annotation {CANCEL_AT}; it is not made again by \
         itself: change the spec, or set the annotation {REDEPLOY_AT} to a new value",
        named(memory)
    )
}

pub(super) fn aborted(memory: &Memory) -> String {
    format!(
        "AWS has given up {}, because its rollout was aborted; it is not made again by itself: change the spec, or set the \
         annotation {REDEPLOY_AT} to a new value",
        named(memory)
    )
}

pub(crate) fn obstacle(answer: &str) -> String {
    format!(
        "the API server refuses what must come first: {answer}; it is tried again: check the rights of the operator's \
         service account and what admission policies say"
    )
}

pub(super) fn removing(scene: &Scene<'_>, state: &Deletion) -> String {
    let Scene { subject, .. } = *scene;
    let Wanted::Absent { policy, suspended, .. } = subject.wanted else {
        return "the resource is being deleted".to_owned();
    };
    let what = match (policy, suspended) {
        (DeletionPolicy::Retain, _) => "AWS is left as it is, as deletionPolicy Retain says",
        (_, true) => "AWS is left as it is, because spec.suspend is true",
        (DeletionPolicy::Cancel, false) => "the deployment is being cancelled in AWS, as deletionPolicy Cancel says",
        (DeletionPolicy::Delete, false) => {
            "the deployments of this resource are being cancelled and deleted in AWS, as deletionPolicy Delete says"
        }
        (DeletionPolicy::Remove, false) => {
            "an empty revision takes from devices what this target put there, then the deployments are deleted, as deletionPolicy \
             Remove says"
        }
    };
    match state {
        Deletion::Release { .. } => {
            "nothing is left to be done in AWS; another finalizer holds the resource".to_owned()
        }
        Deletion::Wait(until) => {
            format!("{what}; waits until {}, by when AWS shows what became of the last request", time(*until))
        }
        Deletion::Uninstalling { .. } => {
            format!("{what}; waits for devices: {}", devices::so_far(scene))
        }
        Deletion::Remove => being_made(scene),
        Deletion::KeyUnknown
        | Deletion::Barred(_)
        | Deletion::ForeignSubdeployments(_)
        | Deletion::RemoveRefused
        | Deletion::RemoveCanceled
        | Deletion::Uninstalled
        | Deletion::Definition
        | Deletion::Look
        | Deletion::Read(_)
        | Deletion::Settle
        | Deletion::Cancel(_)
        | Deletion::Delete(_) => what.to_owned(),
    }
}

pub(crate) fn deletion_blocked(blocked: &Blocked) -> String {
    format!(
        "AWS can't be cleared, and it is tried again: {}; to let go and leave AWS as it is, set spec.deletionPolicy to Retain",
        blocked.trouble().failure
    )
}

pub(crate) fn barred(message: &str) -> String {
    format!(
        "{message}; until then AWS can't be cleared; to let go and leave AWS as it is, set spec.deletionPolicy to Retain"
    )
}

pub(super) fn key_unknown() -> String {
    "the target in the spec can't be read, so it is not known what to clear in AWS; to let go and leave AWS as it is, set \
     spec.deletionPolicy to Retain"
        .to_owned()
}

pub(super) fn suspended_condition(scene: &Scene<'_>) -> Saying {
    Saying { truth: Truth::True, reason: Reason::Suspended, message: suspended(scene) }
}

pub(super) fn suspended(scene: &Scene<'_>) -> String {
    let Scene { memory, assessment, .. } = *scene;
    let case = if let Phase::Deleting(_) = assessment.phase {
        "the resource is being deleted, and AWS is left as it is".to_owned()
    } else if let Some(drift) = drift_of(scene) {
        drift_itself(&drift)
    } else if memory.intent.is_some() {
        being_made(scene)
    } else {
        match (&assessment.sync, &assessment.ownership) {
            (Sync::UpToDate | Sync::Yielded, _) => "nothing is to be done".to_owned(),
            (Sync::Due(_) | Sync::DueAt(_), _) => {
                "a revision is due, and is made when suspend is taken away".to_owned()
            }
            (Sync::Unknown, Ownership::Foreign { .. }) => {
                "the target has deployments that this resource did not make".to_owned()
            }
            (Sync::Unknown, _) => unread(scene),
        }
    };
    format!("spec.suspend is true, so nothing is written to AWS; {case}")
}

/// Why it can't be said whether AWS has what the spec says.
pub(super) fn unread(scene: &Scene<'_>) -> String {
    match (scene.blocked(), &scene.assessment.ownership) {
        (Some(blocked), _) => trouble(blocked),
        (None, Ownership::Unidentified { deployment_id }) => {
            format!("it has not been read yet who made deployment {deployment_id}, the newest of the target")
        }
        (None, _) => "AWS has not been read yet".to_owned(),
    }
}

fn time(at: Timestamp) -> String {
    at.strftime("%H:%M:%S UTC").to_string()
}
