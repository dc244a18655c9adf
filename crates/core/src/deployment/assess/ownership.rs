//! Whose deployment is the newest of the key. Pure.

use jiff::{SignedDuration, Timestamp};

use super::super::knowledge::{Details, Knowledge, Row, RowStatus};
use super::super::memory::Memory;
use super::super::revision::Digest;
use super::super::subject::Subject;
use super::super::tags::OwnerTags;
use super::intent::DOUBT;
use crate::names::Key;

/// Users of the service saw reads lag behind a create by seconds (awslabs certificate rotator, 51); two minutes are far beyond.
pub const CREATE_SHOWS_WITHIN: SignedDuration = SignedDuration::from_mins(2);

/// After a lost status rows are read newest first down to the first of ours; beyond so many it is as if none were ours, so that
/// somebody else's long history costs fifty reads and not thousands.
const ROWS_READ_AT_MOST: usize = 50;

/// Whose deployment is the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// Nothing was read in this process and nothing is remembered.
    Unread,
    /// Nothing was read in this process; this is remembered.
    Remembered(Own),
    /// This is remembered, and a look did not show it. Reads lag behind writes, so that says nothing before this time.
    Doubted(Own, Timestamp),
    /// There is no deployment and there was none of ours.
    Vacant,
    /// Who made this one must be read first.
    Unidentified {
        /// The deployment.
        deployment_id: String,
    },
    /// Ours is the newest.
    Ours(Own),
    /// One of ours is remembered and no deployment shows.
    Missing,
    /// Somebody else's, and none of ours.
    Foreign {
        /// The newest.
        deployment_id: String,
    },
    /// Somebody else's above ours.
    Overridden {
        /// The newest.
        deployment_id: String,
    },
}

/// The newest deployment of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its id.
    pub deployment_id: String,
    /// Its status, where it was read.
    pub status: Option<RowStatus>,
    /// Digest of its content.
    pub digest: Option<Digest>,
    /// Its tags, where they were read.
    pub tags: Option<OwnerTags>,
    /// Whether it is the one that is remembered.
    pub remembered: bool,
}

impl Ownership {
    /// The newest deployment of ours, where it is the newest of all.
    #[must_use]
    pub fn own(&self) -> Option<&Own> {
        match self {
            Self::Remembered(own) | Self::Ours(own) | Self::Doubted(own, _) => Some(own),
            Self::Unread
            | Self::Vacant
            | Self::Unidentified { .. }
            | Self::Missing
            | Self::Foreign { .. }
            | Self::Overridden { .. } => None,
        }
    }

    /// Until when a look that did not show what is remembered says nothing.
    #[must_use]
    pub fn doubted_until(&self) -> Option<Timestamp> {
        match self {
            Self::Doubted(_, until) => Some(*until),
            Self::Unread
            | Self::Remembered(_)
            | Self::Vacant
            | Self::Unidentified { .. }
            | Self::Ours(_)
            | Self::Missing
            | Self::Foreign { .. }
            | Self::Overridden { .. } => None,
        }
    }

    /// Whether something must be read or taken up before the resource can be called done.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Unread | Self::Vacant | Self::Unidentified { .. } => true,
            Self::Ours(own) => !own.remembered,
            Self::Remembered(_)
            | Self::Doubted(..)
            | Self::Missing
            | Self::Foreign { .. }
            | Self::Overridden { .. } => false,
        }
    }
}

pub(super) fn assess(key: &Key, subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge) -> Ownership {
    let Some(look) = &knowledge.look else {
        return remembered(memory, knowledge, subject).map_or(Ownership::Unread, Ownership::Remembered);
    };
    if let Some(own) = remembered(memory, knowledge, subject)
        && look.rows.iter().all(|row| row.deployment_id != own.deployment_id)
    {
        match knowledge.missing.get(&own.deployment_id) {
            // Another replica has recorded it since the look began: the look can't say anything about it.
            None => return Ownership::Remembered(own),
            Some(missing_since) => {
                let certain_at = certain_at(*missing_since, knowledge);
                if look.began_at < certain_at {
                    return Ownership::Doubted(own, certain_at);
                }
            }
        }
    }
    let mut newest_foreign = None;
    for row in look.rows.iter().take(ROWS_READ_AT_MOST) {
        let is_remembered = memory.deployment.as_ref().is_some_and(|own| own.deployment_id == row.deployment_id);
        let details = knowledge.details.get(&row.deployment_id).and_then(|reading| reading.value.as_ref());
        let tags = details.and_then(|details| ours(details, subject));
        if details.is_none() && (!is_remembered || must_read_own(key, row)) {
            return Ownership::Unidentified { deployment_id: row.deployment_id.clone() };
        }
        if is_remembered || tags.is_some() {
            let own = Own {
                deployment_id: row.deployment_id.clone(),
                status: Some(status_of(row, knowledge)),
                digest: tags.as_ref().map(|tags| tags.digest.clone()).or_else(|| remembered_digest(memory)),
                tags,
                remembered: is_remembered,
            };
            return match newest_foreign {
                None => Ownership::Ours(own),
                Some(deployment_id) => Ownership::Overridden { deployment_id },
            };
        }
        newest_foreign = newest_foreign.or_else(|| Some(row.deployment_id.clone()));
    }
    match (newest_foreign, &memory.deployment) {
        (Some(deployment_id), Some(_)) => Ownership::Overridden { deployment_id },
        (Some(deployment_id), None) => Ownership::Foreign { deployment_id },
        (None, Some(_)) => Ownership::Missing,
        (None, None) => Ownership::Vacant,
    }
}

/// Whether this resource made a deployment.
pub(crate) fn is_ours(details: &Details, subject: &Subject<'_>) -> bool {
    ours(details, subject).is_some()
}

/// The tags of a deployment that this resource made. The object's uid does not count: a re-created object owns what its
/// predecessor made.
pub(crate) fn ours(details: &Details, subject: &Subject<'_>) -> Option<OwnerTags> {
    OwnerTags::read(&details.tags).filter(|tags| tags.cluster == subject.cluster && tags.resource == *subject.object)
}

/// Its own reading may be newer than the look, and what this process has cancelled stays so, however long reads lag behind.
fn status_of(row: &Row, knowledge: &Knowledge) -> RowStatus {
    if knowledge.canceled.contains(&row.deployment_id) && row.status != RowStatus::Inactive {
        return RowStatus::Canceled;
    }
    let read = knowledge.details.get(&row.deployment_id);
    let is_newer = |at: Timestamp| knowledge.look.as_ref().is_none_or(|look| at > look.began_at);
    match read.and_then(|reading| Some((reading.at, reading.value.as_ref()?))) {
        Some((at, details)) if is_newer(at) => details.row.status,
        Some(_) | None => row.status,
    }
}

/// Deleted means not shown twice, a minute apart, two minutes after the create.
fn certain_at(missing_since: Timestamp, knowledge: &Knowledge) -> Timestamp {
    let second_look = missing_since.checked_add(DOUBT).unwrap_or(missing_since);
    let created = knowledge.settled_at.and_then(|at| at.checked_add(CREATE_SHOWS_WITHIN).ok());
    created.map_or(second_look, |created| created.max(second_look))
}

/// Only its tags say whether a subdeployment ended because the parent has a newer revision.
fn must_read_own(key: &Key, row: &Row) -> bool {
    key.parent.is_some() && matches!(row.status, RowStatus::Inactive | RowStatus::Canceled)
}

fn remembered(memory: &Memory, knowledge: &Knowledge, subject: &Subject<'_>) -> Option<Own> {
    let own = memory.deployment.as_ref()?;
    let details = knowledge.details.get(&own.deployment_id).and_then(|reading| reading.value.as_ref());
    let tags = details.and_then(|details| ours(details, subject));
    let canceled = knowledge.canceled.contains(&own.deployment_id).then_some(RowStatus::Canceled);
    let read = details.map(|details| details.row.status);
    Some(Own {
        deployment_id: own.deployment_id.clone(),
        status: canceled.or(read).or_else(|| own.status.as_deref().and_then(status)),
        digest: tags.as_ref().map(|tags| tags.digest.clone()).or_else(|| own.digest.clone()),
        tags,
        remembered: true,
    })
}

fn remembered_digest(memory: &Memory) -> Option<Digest> {
    memory.deployment.as_ref().and_then(|own| own.digest.clone())
}

fn status(word: &str) -> Option<RowStatus> {
    [RowStatus::Active, RowStatus::Completed, RowStatus::Canceled, RowStatus::Failed, RowStatus::Inactive]
        .into_iter()
        .find(|status| status.as_str() == word)
}
