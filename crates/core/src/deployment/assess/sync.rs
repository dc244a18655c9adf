//! Whether AWS has what is wanted. Pure.

use jiff::Timestamp;

use super::super::knowledge::{Knowledge, RowStatus};
use super::super::memory::Memory;
use super::super::revision::digest_of_tags;
use super::super::subject::Subject;
use super::super::tags::Cause;
use super::intent::IntentState;
use super::ownership::{Own, Ownership, ours};
use super::parent::Parent;
use crate::names::TargetKind;

/// Whether AWS has what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sync {
    /// It can't be said yet.
    Unknown,
    /// It has.
    UpToDate,
    /// A revision is due.
    Due(Cause),
    /// A revision is due once the parent has settled.
    DueAt(Timestamp),
}

impl Sync {
    /// Whether a revision is due now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Due(_) => true,
            Self::Unknown | Self::UpToDate | Self::DueAt(_) => false,
        }
    }

    /// Whether the parent's new revision has ended this subdeployment and a new one follows.
    #[must_use]
    pub fn is_parent_pending(&self) -> bool {
        match self {
            Self::DueAt(_) | Self::Due(Cause::Parent) => true,
            Self::Unknown | Self::UpToDate | Self::Due(Cause::Create | Cause::Change | Cause::Redeploy) => false,
        }
    }
}

/// How AWS no longer has what we made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Somebody deployed above ours.
    Overridden(String),
    /// Ours is gone.
    Missing,
    /// Ours is superseded, and what superseded it is gone.
    Superseded(String),
}

/// Subdeployments that a new revision of a parent would end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subdeployments {
    /// Nothing is due, or the target has none.
    Unneeded,
    /// They must be listed.
    Unread,
    /// Who made this one must be read first.
    Unidentified(String),
    /// None of somebody else's.
    Clear,
    /// Somebody else's.
    Foreign(Vec<String>),
}

/// The user's tags on the newest deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// As wanted, or it can't be said.
    Settled,
    /// These must be put on it.
    Add,
    /// These must be taken off it.
    Remove(Vec<String>),
    /// Both are done and must be remembered.
    Remember,
}

pub(super) fn assess(
    subject: &Subject<'_>,
    memory: &Memory,
    ownership: &Ownership,
    parent: &Parent,
    now: Timestamp,
) -> Sync {
    let Some(wanted) = subject.wanted_digest() else { return Sync::Unknown };
    let own = match ownership {
        Ownership::Unread | Ownership::Unidentified { .. } | Ownership::Foreign { .. } => return Sync::Unknown,
        Ownership::Vacant => return Sync::Due(Cause::Create),
        Ownership::Missing => return redeploy_or_unknown(is_new_redeploy(subject, memory, None)),
        Ownership::Overridden { deployment_id } => {
            return redeploy_or_unknown(may_override(deployment_id, subject, memory));
        }
        Ownership::Remembered(own) | Ownership::Ours(own) | Ownership::Doubted(own, _) => own,
    };
    // Before the content: it is also the way out where what we made is not in force any more.
    if is_new_redeploy(subject, memory, Some(own)) {
        return Sync::Due(Cause::Redeploy);
    }
    match &own.digest {
        None => return Sync::Unknown,
        Some(digest) if digest != wanted => return Sync::Due(Cause::Change),
        Some(_) => {}
    }
    if let (Parent::Known { deployment_id: Some(newest), settled_at }, Some(tags)) = (parent, &own.tags)
        && tags.parent.as_ref() != Some(newest)
    {
        return if *settled_at <= now { Sync::Due(Cause::Parent) } else { Sync::DueAt(*settled_at) };
    }
    Sync::UpToDate
}

pub(super) fn drift(
    subject: &Subject<'_>,
    memory: &Memory,
    ownership: &Ownership,
    parent: &Parent,
    intent: &IntentState,
    sync: &Sync,
) -> Option<Drift> {
    if subject.desired().is_none() || *sync == Sync::Due(Cause::Redeploy) {
        return None;
    }
    match ownership {
        Ownership::Overridden { deployment_id } => {
            // An intent that was judged against it may still be sent.
            let judged = memory.intent.as_ref().is_some_and(|intent| intent.base.as_ref() == Some(deployment_id));
            (!judged).then(|| Drift::Overridden(deployment_id.clone()))
        }
        Ownership::Missing => (!intent.may_have_landed()).then_some(Drift::Missing),
        Ownership::Ours(own) | Ownership::Remembered(own)
            if own.status == Some(RowStatus::Inactive) && own.remembered =>
        {
            let ended_by_parent = sync.is_parent_pending() || parent.is_waiting() || *parent == Parent::Unread;
            (!ended_by_parent && !intent.may_have_landed()).then(|| Drift::Superseded(own.deployment_id.clone()))
        }
        Ownership::Ours(_)
        | Ownership::Remembered(_)
        | Ownership::Doubted(..)
        | Ownership::Unread
        | Ownership::Vacant
        | Ownership::Unidentified { .. }
        | Ownership::Foreign { .. } => None,
    }
}

pub(super) fn subdeployments(
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
    sync: &Sync,
) -> Subdeployments {
    let Some(desired) = subject.desired() else { return Subdeployments::Unneeded };
    let is_parent = desired.key.parent.is_none() && desired.key.target.kind() == TargetKind::ThingGroup;
    if !is_parent || !sync.is_open() || memory.intent.is_some() {
        return Subdeployments::Unneeded;
    }
    let since = knowledge.look.as_ref().map(|look| look.began_at);
    let Some(reading) = knowledge.subdeployments.as_ref().filter(|reading| Some(reading.at) >= since) else {
        return Subdeployments::Unread;
    };
    let mut foreign = Vec::new();
    for row in reading.value.iter().filter(|row| row.status == RowStatus::Active) {
        if subject.peers.subdeployments.contains(&row.deployment_id) {
            continue;
        }
        match knowledge.details.get(&row.deployment_id) {
            None => return Subdeployments::Unidentified(row.deployment_id.clone()),
            Some(reading) => match &reading.value {
                // Deleted since it was listed.
                None => {}
                Some(details) if is_of_this_cluster(details, subject) => {}
                Some(_) => foreign.push(row.deployment_id.clone()),
            },
        }
    }
    if foreign.is_empty() { Subdeployments::Clear } else { Subdeployments::Foreign(foreign) }
}

pub(super) fn tags(subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge, ownership: &Ownership) -> Tags {
    let (Some(desired), Some(own), Some(applied)) = (subject.desired(), ownership.own(), &memory.applied_tags) else {
        return Tags::Settled;
    };
    let live = !matches!(own.status, Some(RowStatus::Inactive));
    let digest = digest_of_tags(desired.tags.iter());
    if !own.remembered || !live || memory.intent.is_some() || digest == applied.digest {
        return Tags::Settled;
    }
    if knowledge.tagged.as_deref() != Some(digest.as_str()) {
        // Nothing to put on: only to take off.
        if !desired.tags.is_empty() {
            return Tags::Add;
        }
    }
    if knowledge.untagged.as_deref() == Some(digest.as_str()) { Tags::Remember } else { gone(desired, applied) }
}

fn gone(desired: &super::super::desired::Desired, applied: &crate::api::status::AppliedTags) -> Tags {
    let keys: Vec<String> = applied.keys.iter().filter(|key| !desired.tags.contains_key(*key)).cloned().collect();
    if keys.is_empty() { Tags::Remember } else { Tags::Remove(keys) }
}

fn is_of_this_cluster(details: &super::super::knowledge::Details, subject: &Subject<'_>) -> bool {
    ours(details, subject).is_some()
        || super::super::tags::OwnerTags::read(&details.tags).is_some_and(|tags| tags.cluster == subject.cluster)
}

fn redeploy_or_unknown(asked: bool) -> Sync {
    if asked { Sync::Due(Cause::Redeploy) } else { Sync::Unknown }
}

/// A `redeploy-at` that neither the status nor the newest revision knows. Its absence asks for nothing.
fn is_new_redeploy(subject: &Subject<'_>, memory: &Memory, own: Option<&Own>) -> bool {
    let Some(present) = &subject.redeploy_at else { return false };
    let in_tag = own
        .and_then(|own| own.tags.as_ref())
        .is_some_and(|tags| tags.redeploy.is_some() && tags.redeploy == subject.redeploy_hash());
    memory.redeploy_at.as_ref() != Some(present) && !in_tag
}

/// Under somebody else's deployment only a `redeploy-at` that is newer than its discovery counts.
fn may_override(deployment_id: &str, subject: &Subject<'_>, memory: &Memory) -> bool {
    memory
        .foreign
        .as_ref()
        .is_some_and(|foreign| foreign.deployment_id == deployment_id && foreign.redeploy_at != subject.redeploy_at)
        && is_new_redeploy(subject, memory, None)
}
