//! Whether AWS has what is wanted. Pure.

use jiff::Timestamp;

use super::super::knowledge::{Knowledge, RowStatus};
use super::super::memory::Memory;
use super::super::revision::{Digest, digest_of_tags};
use super::super::rollout::Verdict;
use super::super::subject::Subject;
use super::super::tags::Cause;
use super::adoption::Adoption;
use super::ownership::{Own, Ownership};
use super::parent::Parent;
use crate::api::OnParentRevision;

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
    /// The parent's new revision has ended it, and that is left so.
    Yielded,
}

impl Sync {
    /// Whether a revision is due now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Due(_) => true,
            Self::Unknown | Self::UpToDate | Self::DueAt(_) | Self::Yielded => false,
        }
    }

    /// Whether the parent's new revision has ended this subdeployment.
    #[must_use]
    pub fn is_ended_by_parent(&self) -> bool {
        match self {
            Self::DueAt(_) | Self::Due(Cause::Parent) | Self::Yielded => true,
            Self::Unknown
            | Self::UpToDate
            | Self::Due(
                Cause::Create | Cause::Change | Cause::Redeploy | Cause::Correct | Cause::Adopt | Cause::Remove,
            ) => false,
        }
    }
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
    adoption: &Adoption,
    parent: &Parent,
    now: Timestamp,
) -> Sync {
    let (Some(desired), Some(wanted)) = (subject.desired(), subject.wanted_digest()) else {
        return subject
            .deployable()
            .map_or(Sync::Unknown, |(_, nothing)| of_removal(subject, memory, ownership, nothing));
    };
    let own = match ownership {
        Ownership::Foreign { .. } if *adoption == Adoption::Supersede => return Sync::Due(Cause::Adopt),
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
    // What was cancelled stays so until somebody asks for it anew, whatever the parent does meanwhile.
    if own.remembered && memory.progress.verdict == Some(Verdict::Canceled) {
        return Sync::UpToDate;
    }
    if let (Parent::Known { deployment_id: Some(newest), settled_at }, Some(tags)) = (parent, &own.tags)
        && tags.parent.as_ref() != Some(newest)
    {
        return match desired.on_parent_revision {
            OnParentRevision::Yield => Sync::Yielded,
            OnParentRevision::Redeploy if *settled_at <= now => Sync::Due(Cause::Parent),
            OnParentRevision::Redeploy => Sync::DueAt(*settled_at),
        };
    }
    Sync::UpToDate
}

/// Whether the newest revision is the one that takes everything from devices. Another's is never superseded.
fn of_removal(subject: &Subject<'_>, memory: &Memory, ownership: &Ownership, nothing: &Digest) -> Sync {
    match ownership {
        Ownership::Unread
        | Ownership::Unidentified { .. }
        | Ownership::Vacant
        | Ownership::Foreign { .. }
        | Ownership::Overridden { .. } => Sync::Unknown,
        // Somebody has deleted it; devices have what it put there all the same.
        Ownership::Missing => Sync::Due(Cause::Remove),
        Ownership::Remembered(own) | Ownership::Ours(own) | Ownership::Doubted(own, _) => match &own.digest {
            None => Sync::Unknown,
            Some(digest) if digest != nothing || is_new_redeploy(subject, memory, Some(own)) => {
                Sync::Due(Cause::Remove)
            }
            Some(_) => Sync::UpToDate,
        },
    }
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
