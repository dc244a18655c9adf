//! Compares what is wanted with what is remembered and known. Pure.
//!
//! `decide` and `summarise` read the same [`Assessment`], so what is done and what is said can't disagree.

pub mod deletion;
pub mod ownership;
pub mod progress;

use jiff::Timestamp;

pub use deletion::Deletion;
pub use ownership::{Seen, Whose, seen};
use progress::Scene;
pub use progress::{Cause, Drift, Due, Moving, Progress};

use super::intent::{self, IntentState};
use super::knowledge::{DeploymentStatus, Knowledge};
use super::memory::{Memory, Operation};
use super::subject::{Absent, Rival, Subject, Wanted};
use super::tags::OwnerTags;
use crate::deployment::assess::TRUSTED_WITHOUT_VERIFICATION;
use crate::deployment::hash::short_hash;
use crate::deployment::revision::digest_of_tags;
use crate::failure::{self, Blocking};
use crate::pace::GRACE;
use crate::trouble::{Blocked, later};

/// Where a resource stands.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// The time of it.
    pub now: Timestamp,
    /// The first phase that matches.
    pub phase: Phase,
    /// How far the recorded step is.
    pub intent: IntentState,
    /// What is still to be done, where there is a valid spec.
    pub progress: Option<Progress>,
    /// The tags that are to be there.
    pub tags: Tags,
    /// The call that fails.
    pub blocked: Option<Blocked>,
    /// The same where it only keeps tags from the system instance.
    pub untaggable: Option<Blocked>,
    /// What the API server answered when it refused something that must come first.
    pub obstacle: Option<String>,
    /// Whether nothing may be written to AWS.
    pub suspended: bool,
    /// Whether AWS was seen to hold it lately enough.
    pub verified: bool,
}

/// What matters most about a resource: one at a time, the first that matches.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// The object is being deleted.
    Deleting(Deletion),
    /// The spec can't be used.
    Invalid(String),
    /// What the spec refers to must be read first.
    Unresolved,
    /// What the spec refers to is not there.
    ReferenceMissing {
        /// What it is.
        what: Absent,
        /// What is missing and what to do.
        message: String,
        /// From then on a person must act; until then it may be on its way.
        stalled_at: Timestamp,
    },
    /// The identity does not allow it.
    NotAllowed(String),
    /// The same resource now means another account or region.
    KeyChanged {
        /// What it meant.
        was: String,
        /// What it means now.
        is: String,
    },
    /// Nothing may be written to AWS.
    Suspended,
    /// Another resource of this cluster has the id.
    TargetConflict(Rival),
    /// Somebody else's is there.
    Foreign(String),
    /// Somebody has changed what was reached.
    Drifted(Drift),
    /// AWS refuses, and a person must act.
    Refused(Blocking),
    /// AWS has not been read since this process began.
    Reading,
    /// A step is due or being made.
    Changing,
    /// The deployment failed.
    Failed {
        /// When it is tried again; none: it is being tried.
        again_at: Option<Timestamp>,
    },
    /// AWS is at work.
    Moving(DeploymentStatus),
    /// AWS has what is wanted.
    Done,
}

/// Tags that are to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// They are.
    Applied,
    /// They are to be set.
    Add,
    /// These are to be taken off.
    Remove(Vec<String>),
    /// They are; the status does not know it yet.
    Note,
}

/// Compares what is wanted with what is remembered and known.
#[must_use]
pub fn assess(subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge, now: Timestamp) -> Assessment {
    let scene = Scene { subject, memory, knowledge, now };
    let intent = intent::assess(memory, knowledge);
    let progress = subject
        .desired()
        .filter(|(desired, _)| key_changed(&desired.content.definition.id, memory).is_none())
        .map(|(desired, digest)| progress::assess(scene, desired, digest));
    let tags = tags(subject, memory, knowledge, progress.as_ref());
    let deletion = matches!(subject.wanted, Wanted::Absent { .. }).then(|| deletion::assess(scene));
    let failing = knowledge
        .trouble
        .as_ref()
        .filter(|trouble| matters(trouble.failure.operation, memory, progress.as_ref(), deletion.as_ref(), &tags))
        .map(|trouble| trouble.blocks(&subject.request(), now));
    let is_of_tags = failing.as_ref().is_some_and(|failing| is_of_tags(failing, progress.as_ref()));
    let (blocked, untaggable) = if is_of_tags { (None, failing) } else { (failing, None) };
    let suspended = match subject.wanted {
        Wanted::Present(desired, _) => desired.suspend,
        Wanted::Absent { suspended, .. } => *suspended,
        Wanted::Invalid(_) | Wanted::Unread | Wanted::Missing(..) | Wanted::NotAllowed(_) => false,
    };
    let verified_at = knowledge.verified_at.unwrap_or(knowledge.since);
    let mut assessment = Assessment {
        now,
        phase: Phase::Done,
        intent,
        progress,
        tags,
        blocked,
        untaggable,
        obstacle: knowledge.obstacle.clone(),
        suspended,
        verified: now.duration_since(verified_at) < TRUSTED_WITHOUT_VERIFICATION,
    };
    assessment.phase = match deletion {
        Some(deletion) => Phase::Deleting(deletion),
        None => phase(&assessment, subject, memory, knowledge),
    };
    assessment
}

fn phase(assessment: &Assessment, subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge) -> Phase {
    let desired = match subject.wanted {
        Wanted::Invalid(message) => return Phase::Invalid(message.clone()),
        Wanted::Missing(what, message) => {
            let since = knowledge.missing_since.unwrap_or(assessment.now);
            return Phase::ReferenceMissing { what: *what, message: message.clone(), stalled_at: later(since, GRACE) };
        }
        Wanted::NotAllowed(message) => return Phase::NotAllowed(message.clone()),
        Wanted::Unread | Wanted::Absent { .. } => return Phase::Unresolved,
        Wanted::Present(desired, _) => desired,
    };
    let id = &desired.content.definition.id;
    if let Some(was) = key_changed(id, memory) {
        return Phase::KeyChanged { was, is: id.to_string() };
    }
    if desired.suspend {
        return Phase::Suspended;
    }
    if let Some(winner) = winner(subject, memory) {
        return Phase::TargetConflict(winner);
    }
    let progress = assessment.progress.as_ref();
    match progress {
        Some(Progress::Foreign(message)) => return Phase::Foreign(message.clone()),
        // What this resource's own open step did is no drift.
        Some(Progress::Drifted(drift)) if memory.intent.is_none() => return Phase::Drifted(*drift),
        Some(_) | None => {}
    }
    if let Some(Blocked::Person { reason, .. }) = &assessment.blocked {
        return Phase::Refused(*reason);
    }
    let failed_before =
        memory.retries > 0 && memory.own.as_ref().is_some_and(|own| own.digest == desired.content.digest());
    let is_changing = memory.intent.is_some();
    match progress {
        Some(Progress::Failed(at)) if !is_changing => Phase::Failed { again_at: Some(*at) },
        Some(Progress::Due(due)) if due.cause == Cause::Failed => Phase::Failed { again_at: None },
        // A retry in the background is no news until it ends.
        Some(Progress::Moving(moving)) if failed_before && moving.status.is_deploying() => {
            Phase::Failed { again_at: None }
        }
        Some(Progress::Moving(moving)) if !is_changing => Phase::Moving(moving.status),
        Some(Progress::Done) if !is_changing => Phase::Done,
        Some(Progress::Look(_) | Progress::Lags(..)) if !is_changing && memory.own.is_some() => Phase::Reading,
        Some(_) | None => Phase::Changing,
    }
}

/// The id that the resource meant, where it means another account or region now.
fn key_changed(id: &super::SystemInstanceId, memory: &Memory) -> Option<String> {
    memory.ids().into_iter().find(|was| !was.is_beside(id)).map(|was| was.to_string())
}

/// The resource that goes before this one: one that has the system instance, else the older, else the lower name.
fn winner(subject: &Subject<'_>, memory: &Memory) -> Option<Rival> {
    let mine = (memory.own.is_none(), subject.created_at, subject.object.to_string());
    let rank = |rival: &&Rival| (!rival.has_instance, rival.created_at, rival.object.to_string());
    subject.rivals.iter().find(|rival| rank(rival) < mine).cloned()
}

/// A call that failed is no trouble any more once nothing asks for it.
fn matters(
    call: failure::Operation,
    memory: &Memory,
    progress: Option<&Progress>,
    deletion: Option<&Deletion>,
    tags: &Tags,
) -> bool {
    let is_sent = |operation: Operation| {
        let open = memory.intent.as_ref().is_some_and(|intent| intent.operation == operation);
        let due = match (progress, deletion) {
            (Some(Progress::Due(due)), _) | (_, Some(Deletion::Due(due))) => due.operation == operation,
            (_, _) => false,
        };
        open || due
    };
    match call {
        failure::Operation::GetSystemInstance | failure::Operation::AssumeRole => true,
        failure::Operation::CreateSystemInstance => is_sent(Operation::Create),
        failure::Operation::DeploySystemInstance => is_sent(Operation::Deploy),
        failure::Operation::UndeploySystemInstance => is_sent(Operation::Undeploy),
        failure::Operation::DeleteSystemInstance => is_sent(Operation::Delete),
        failure::Operation::ListTagsForResource => {
            matches!(progress, Some(Progress::Tags(_))) || matches!(deletion, Some(Deletion::Tags(_)))
        }
        failure::Operation::TagSystemInstance => *tags == Tags::Add || matches!(progress, Some(Progress::Adopt(_))),
        failure::Operation::UntagSystemInstance => matches!(tags, Tags::Add | Tags::Remove(_)),
        failure::Operation::CreateDeployment
        | failure::Operation::GetDeployment
        | failure::Operation::ListDeployments
        | failure::Operation::CancelDeployment
        | failure::Operation::DeleteDeployment
        | failure::Operation::TagResource
        | failure::Operation::UntagResource
        | failure::Operation::DescribeJob
        | failure::Operation::ListJobExecutionsForJob
        | failure::Operation::DescribeJobExecution
        | failure::Operation::GetThingShadow
        | failure::Operation::GetCallerIdentity
        // Only people search.
        | failure::Operation::SearchSystemInstances => false,
    }
}

/// Whether it only keeps tags from the system instance: what runs is not touched by that.
fn is_of_tags(blocked: &Blocked, progress: Option<&Progress>) -> bool {
    matches!(
        blocked.trouble().failure.operation,
        failure::Operation::TagSystemInstance | failure::Operation::UntagSystemInstance
    ) && !matches!(progress, Some(Progress::Adopt(_)))
}

/// The tags of the operator on our system instance.
#[must_use]
pub fn owner_tags(subject: &Subject<'_>, memory: &Memory) -> Option<OwnerTags> {
    let (_, digest) = subject.desired()?;
    Some(OwnerTags {
        cluster: subject.cluster.to_owned(),
        resource: subject.object.clone(),
        uid: subject.uid.to_owned(),
        digest: digest.clone(),
        redeploy: memory.redeploy_at.as_deref().map(short_hash),
    })
}

/// All tags that are to be on our system instance, with what is remembered.
#[must_use]
pub fn wanted_tags(subject: &Subject<'_>, memory: &Memory) -> std::collections::BTreeMap<String, String> {
    let mut tags = subject.desired().map(|(desired, _)| desired.tags.clone()).unwrap_or_default();
    tags.extend(owner_tags(subject, memory).iter().flat_map(OwnerTags::to_map));
    tags
}

fn tags(subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge, progress: Option<&Progress>) -> Tags {
    // Where something else is still to be done its tags come with that, or after it.
    let rests = matches!(progress, Some(Progress::Done | Progress::Moving(..) | Progress::Failed(_)));
    let (Some((desired, digest)), Some(own)) = (subject.desired(), &memory.own) else { return Tags::Applied };
    if !rests || own.digest != *digest || memory.intent.is_some() {
        return Tags::Applied;
    }
    let wanted = digest_of_tags(wanted_tags(subject, memory).iter());
    let applied = memory.applied_tags.as_ref();
    if applied.is_some_and(|applied| applied.digest == wanted) {
        return Tags::Applied;
    }
    if knowledge.tagged.as_ref() != Some(&wanted) {
        return Tags::Add;
    }
    let surplus: Vec<String> = applied
        .iter()
        .flat_map(|applied| &applied.keys)
        .filter(|key| !desired.tags.contains_key(*key))
        .cloned()
        .collect();
    if surplus.is_empty() || knowledge.untagged.as_ref() == Some(&wanted) { Tags::Note } else { Tags::Remove(surplus) }
}
