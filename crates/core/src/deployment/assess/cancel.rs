//! The annotation that stops a rollout. Pure.

use jiff::Timestamp;

use super::super::knowledge::{Knowledge, RowStatus};
use super::super::memory::Memory;
use super::super::subject::Subject;
use super::super::tags::OwnerTags;
use super::deletion::{Reading, fresh};
use super::ownership::{Ownership, ours};

/// What the annotation that stops a rollout still needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// Nothing: there is none, or it was handled, or there is nothing of ours to stop.
    None,
    /// Who made the newest deployment must be read first.
    Read(String),
    /// This one is to be cancelled.
    Due(String),
    /// It is done, and is remembered with the next status.
    Handled,
}

pub(super) fn assess(
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
    ownership: &Ownership,
    now: Timestamp,
) -> Cancel {
    let (Some(present), Some(_)) = (&subject.cancel_at, subject.desired()) else { return Cancel::None };
    let Some(own) = ownership.own().filter(|own| own.remembered) else { return Cancel::None };
    if memory.intent.is_some() || memory.cancel_at.as_ref() == Some(present) {
        return Cancel::None;
    }
    // What was there when a revision was made does not stop that revision.
    let is_in_tags = |tags: &OwnerTags| tags.cancel.is_some() && tags.cancel == subject.cancel_hash();
    if own.tags.as_ref().is_some_and(is_in_tags) {
        return Cancel::Handled;
    }
    match own.status {
        // A thing that has carried it out has nothing left to stop.
        Some(RowStatus::Canceled | RowStatus::Inactive | RowStatus::Failed | RowStatus::Completed) => {
            return Cancel::Handled;
        }
        Some(RowStatus::Active | RowStatus::Unknown) | None => {}
    }
    let id = &own.deployment_id;
    match fresh(id, subject, knowledge, now) {
        Reading::Unread => Cancel::Read(id.clone()),
        Reading::There(details) => match ours(details, subject) {
            Some(tags) if is_in_tags(&tags) => Cancel::Handled,
            Some(_) => Cancel::Due(id.clone()),
            None => Cancel::None,
        },
        // The next look tells whether it is gone.
        Reading::Gone(_) => Cancel::None,
    }
}
