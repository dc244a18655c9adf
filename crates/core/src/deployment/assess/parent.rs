//! The parent of a subdeployment. Pure.

use jiff::{SignedDuration, Timestamp};

use super::super::knowledge::Knowledge;
use super::super::subject::Subject;

/// One commit often bumps the parent and removes the subdeployment: so long a subdeployment waits whether its resource stays.
pub const PARENT_SETTLES_IN: SignedDuration = SignedDuration::from_mins(2);

/// The parent's deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent {
    /// This is no subdeployment.
    None,
    /// The parent is managed here and its own spec is not in AWS yet.
    Waiting,
    /// The parent is not managed here and was not read yet.
    Unread,
    /// The parent's newest deployment.
    Known {
        /// Its id; none where the parent has no deployment.
        deployment_id: Option<String>,
        /// Since when it counts as settled.
        settled_at: Timestamp,
    },
}

impl Parent {
    /// Whether the parent comes first.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        match self {
            Self::Waiting => true,
            Self::None | Self::Unread | Self::Known { .. } => false,
        }
    }

    /// The id that goes into the tag of a new revision.
    #[must_use]
    pub fn deployment_id(&self) -> Option<&str> {
        match self {
            Self::Known { deployment_id, .. } => deployment_id.as_deref(),
            Self::None | Self::Waiting | Self::Unread => None,
        }
    }
}

pub(super) fn assess(subject: &Subject<'_>, knowledge: &Knowledge, now: Timestamp) -> Parent {
    let Some(_) = subject.desired().and_then(|desired| desired.key.parent.as_ref()) else {
        return Parent::None;
    };
    // A reading from before the look can't say what ended what the look shows.
    let since = knowledge.look.as_ref().map(|look| look.began_at);
    let read = knowledge.parent.as_ref().filter(|reading| Some(reading.at) >= since);
    let deployment_id = match (&subject.peers.parent, read) {
        (Some(peer), _) if !peer.synced => return Parent::Waiting,
        (Some(peer), _) => peer.deployment_id.clone(),
        (None, Some(reading)) => reading.value.as_ref().map(|row| row.deployment_id.clone()),
        (None, None) => return Parent::Unread,
    };
    let since = match (&knowledge.parent_since, &deployment_id) {
        (Some((seen, since)), Some(id)) if seen == id => *since,
        (Some(_) | None, _) => now,
    };
    Parent::Known { deployment_id, settled_at: since.saturating_add(PARENT_SETTLES_IN).unwrap_or(since) }
}
