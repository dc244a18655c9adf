//! Whether AWS no longer has what we made, and whether that is to be mended. Pure.

use jiff::Timestamp;

use super::super::knowledge::{CORRECTIONS_COUNT_FOR, Knowledge, RowStatus};
use super::super::memory::Memory;
use super::super::subject::Subject;
use super::super::tags::Cause;
use super::intent::IntentState;
use super::ownership::{Own, Ownership, ours};
use super::parent::Parent;
use super::sync::Sync;
use crate::api::DriftPolicy;

/// Corrections within an hour. Somebody who deploys again and again wants something else: two operators that correct each
/// other would redeploy the fleet for ever.
pub const CORRECTIONS_AT_MOST: usize = 3;

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

/// What is to be done about a drift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Correction {
    /// Nothing: a person decides.
    Wait,
    /// A revision.
    Make,
    /// How often it was corrected must be read first, from this deployment's tags.
    Read(String),
    /// It was corrected too often; the next one may be made then.
    Exhausted(Timestamp),
}

/// The drift that there is, whether it is mended or not.
pub(super) fn find(
    subject: &Subject<'_>,
    memory: &Memory,
    ownership: &Ownership,
    parent: &Parent,
    intent: &IntentState,
    sync: &Sync,
) -> Option<Drift> {
    let desired = subject.desired().filter(|_| *sync != Sync::Due(Cause::Redeploy))?;
    match ownership {
        Ownership::Overridden { deployment_id } => {
            // An intent that was judged against it may still be sent.
            let mends = desired.drift_policy == DriftPolicy::Correct;
            let judged = memory.intent.as_ref().is_some_and(|intent| {
                intent.base.as_ref() == Some(deployment_id) && (intent.cause != Cause::Correct || mends)
            });
            (!judged).then(|| Drift::Overridden(deployment_id.clone()))
        }
        Ownership::Missing => (!intent.may_have_landed()).then_some(Drift::Missing),
        Ownership::Ours(own) | Ownership::Remembered(own)
            if own.status == Some(RowStatus::Inactive) && own.remembered =>
        {
            let ended_by_parent = sync.is_ended_by_parent() || is_of_older_parent(own, parent);
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

/// Whether the parent has, or may have, a newer deployment than the one that ours was made under: that ends ours, whatever
/// content is wanted by now.
fn is_of_older_parent(own: &Own, parent: &Parent) -> bool {
    match parent {
        Parent::None => false,
        Parent::Waiting | Parent::Unread => true,
        Parent::Known { deployment_id, .. } => {
            // Unread tags may name another one.
            deployment_id.is_some() && own.tags.as_ref().is_none_or(|tags| tags.parent != *deployment_id)
        }
    }
}

pub(super) fn correction(subject: &Subject<'_>, knowledge: &Knowledge, now: Timestamp) -> Correction {
    match subject.desired().map(|desired| desired.drift_policy) {
        Some(DriftPolicy::Correct) => {}
        Some(DriftPolicy::Warn) | None => return Correction::Wait,
    }
    // What is merely remembered can't be mended: a look says what is there to be mended.
    let Some(look) = &knowledge.look else { return Correction::Wait };
    let is_recent = |at: Timestamp| now.duration_since(at) < CORRECTIONS_COUNT_FOR;
    let mut times = Vec::new();
    for row in look.rows.iter().filter(|row| is_recent(row.created_at)) {
        match knowledge.details.get(&row.deployment_id) {
            None => return Correction::Read(row.deployment_id.clone()),
            Some(reading) => {
                let tags = reading.value.as_ref().and_then(|details| ours(details, subject));
                if tags.is_some_and(|tags| tags.cause == Cause::Correct) {
                    times.push(row.created_at);
                }
            }
        }
    }
    // What was deleted since is not in the list: where somebody deletes what is mended, only the process itself can count.
    let own: Vec<Timestamp> = knowledge.corrected_at.iter().copied().filter(|at| is_recent(*at)).collect();
    let mut counted = if own.len() > times.len() { own } else { times };
    counted.sort_unstable();
    match counted.len().checked_sub(CORRECTIONS_AT_MOST).and_then(|first| counted.get(first)) {
        None => Correction::Make,
        Some(oldest) => Correction::Exhausted(oldest.checked_add(CORRECTIONS_COUNT_FOR).unwrap_or(*oldest)),
    }
}
