//! Old revisions of ours that are not kept any longer. Pure.

use jiff::Timestamp;

use super::super::knowledge::{Knowledge, Row, RowStatus};
use super::super::memory::Memory;
use super::super::rollout::MAX_HISTORY;
use super::super::subject::Subject;
use super::deletion::{Reading, fresh};
use super::ownership::{Ownership, ours};

/// Deletions between two looks: slowly, because ten may run in an account and people delete things too.
const PRUNED_BETWEEN_LOOKS: usize = 5;

/// Old revisions of ours that are not kept any longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Old {
    /// There are not too many.
    WithinLimit,
    /// None goes now.
    Settled,
    /// Who made this one must be read first.
    Read(String),
    /// This one goes.
    Delete(String),
}

pub(super) fn assess(
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
    ownership: &Ownership,
    now: Timestamp,
) -> Old {
    let (Some(desired), Some(look), Ownership::Ours(own)) = (subject.desired(), &knowledge.look, ownership) else {
        return Old::Settled;
    };
    let in_force = own.remembered && matches!(own.status, Some(RowStatus::Active | RowStatus::Completed));
    if !in_force || memory.intent.is_some() || knowledge.history.pruned >= PRUNED_BETWEEN_LOOKS {
        return Old::Settled;
    }
    let below = look.rows.iter().skip_while(|row| row.deployment_id != own.deployment_id).skip(1);
    let old: Vec<&Row> = below.filter(|row| may_go(row, knowledge)).collect();
    if old.len() <= desired.revision_history_limit {
        return Old::WithinLimit;
    }
    // Others' must not count against the limit: every one is read once.
    let is_unread = |row: &&&Row| !knowledge.details.contains_key(&row.deployment_id);
    if !knowledge.history.is_read
        && let Some(row) = old.iter().find(is_unread)
    {
        return Old::Read(row.deployment_id.clone());
    }
    let Some(oldest) = old.last() else { return Old::Settled };
    match fresh(&oldest.deployment_id, subject, knowledge, now) {
        Reading::Unread => Old::Read(oldest.deployment_id.clone()),
        Reading::There(details) if ours(details, subject).is_some() => Old::Delete(oldest.deployment_id.clone()),
        // Gone, or somebody else's: the next look does not show it, or does not count it.
        Reading::Gone(_) | Reading::There(_) => Old::Settled,
    }
}

/// Whether there may be revisions that are not kept any longer, as far as the status tells: it names ten at most. Where there
/// are, a look has to follow a change.
#[must_use]
pub fn may_exceed(subject: &Subject<'_>, memory: &Memory) -> bool {
    let known = memory.history.len();
    let is_more_than = |limit: usize| known > limit.saturating_add(1) || known >= MAX_HISTORY;
    subject.desired().is_some_and(|desired| is_more_than(desired.revision_history_limit))
}

fn may_go(row: &Row, knowledge: &Knowledge) -> bool {
    let is_over = match row.status {
        RowStatus::Inactive | RowStatus::Canceled => true,
        RowStatus::Active | RowStatus::Completed | RowStatus::Failed | RowStatus::Unknown => false,
    };
    is_over
        && !knowledge.deleted.contains(&row.deployment_id)
        && !knowledge.history.foreign.contains(&row.deployment_id)
}
