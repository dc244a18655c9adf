//! What is still to be done before what a target put on devices is gone from them. Pure.

use jiff::Timestamp;

use super::super::knowledge::{Knowledge, RowStatus};
use super::super::memory::Memory;
use super::super::rollout::Verdict;
use super::super::subject::Removal;
use super::deletion::{Deletion, Found};
use super::intent::IntentState;
use super::ownership::Ownership;
use super::rollout::RolloutState;
use super::subdeployments::Subdeployments;
use super::sync::Sync;

/// None where nothing is: devices have carried it out, this resource has put nothing there as far as is known, or somebody
/// else's deployment is above ours, which is never superseded.
pub(super) fn assess(
    removal: &Removal,
    memory: &Memory,
    knowledge: &Knowledge,
    found: &Found<'_>,
    now: Timestamp,
) -> Option<Deletion> {
    if is_remembered_as_done(removal, memory) {
        return None;
    }
    if *found.intent != IntentState::None {
        // The first change of all becomes no empty revision: there is nothing to take away, unless it has landed.
        return memory.deployment.is_some().then_some(Deletion::Remove);
    }
    if knowledge.look.is_none() || knowledge.wants_look() {
        return Some(Deletion::Look);
    }
    let own = match found.ownership {
        Ownership::Doubted(_, until) if *until > now => return Some(Deletion::Wait(*until)),
        Ownership::Doubted(..) | Ownership::Unread | Ownership::Remembered(_) => return Some(Deletion::Look),
        Ownership::Unidentified { deployment_id } => return Some(Deletion::Read(deployment_id.clone())),
        Ownership::Vacant | Ownership::Foreign { .. } | Ownership::Overridden { .. } => return None,
        Ownership::Missing => return Some(due(found)),
        Ownership::Ours(own) => own,
    };
    match found.sync {
        Sync::UpToDate if !own.remembered => Some(Deletion::Remove),
        Sync::UpToDate if matches!(own.status, Some(RowStatus::Canceled | RowStatus::Inactive)) => {
            Some(Deletion::RemoveCanceled)
        }
        Sync::UpToDate if is_done(found) => Some(Deletion::Uninstalled),
        Sync::UpToDate => Some(Deletion::Uninstalling { timed_out: removal.times_out_at <= now }),
        Sync::Due(_) | Sync::DueAt(_) | Sync::Unknown | Sync::Yielded => Some(due(found)),
    }
}

fn due(found: &Found<'_>) -> Deletion {
    match found.subdeployments {
        Subdeployments::Foreign(ids) => Deletion::ForeignSubdeployments(ids.clone()),
        Subdeployments::Unneeded | Subdeployments::Unread | Subdeployments::Unidentified(_) | Subdeployments::Clear => {
            Deletion::Remove
        }
    }
}

/// A device that failed still has what is to go.
fn is_done(found: &Found<'_>) -> bool {
    match found.rollout.state {
        RolloutState::NoDevices => true,
        RolloutState::Completed => {
            found.rollout.counts.is_some_and(|counts| counts.bad() == 0 && counts.pending() == 0)
        }
        RolloutState::None
        | RolloutState::Unread
        | RolloutState::NotStarted
        | RolloutState::InProgress
        | RolloutState::Failed
        | RolloutState::Canceled => false,
    }
}

/// Once it is, what becomes of its deployment is our own doing.
fn is_remembered_as_done(removal: &Removal, memory: &Memory) -> bool {
    let is_it = memory.deployment.as_ref().is_some_and(|own| own.digest.as_ref() == Some(&removal.digest));
    let has_no_failure = memory.progress.counts.is_none_or(|counts| counts.bad() == 0 && counts.pending() == 0);
    is_it
        && memory.intent.is_none()
        && match memory.progress.verdict {
            Some(Verdict::Completed) => has_no_failure,
            Some(Verdict::NoDevices) => true,
            Some(Verdict::Failed | Verdict::Canceled) | None => false,
        }
}
