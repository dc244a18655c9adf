//! How far the recorded step is. Pure.

use jiff::Timestamp;

use super::assess::ownership::{Seen, seen};
use super::knowledge::{DeploymentStatus, Instance, Knowledge, Reply};
use super::memory::{Intent, Memory, Operation};
use crate::deployment::assess::intent::{DOUBT, PREDECESSOR_MAY_SEND_FOR};

/// How far the recorded step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentState {
    /// There is none.
    None,
    /// It was made; the deployment of the group, where AWS has told it.
    Made(Option<String>),
    /// It was not made, and nothing of it can be on its way: it may be sent, or given up.
    Open,
    /// It may have been sent, and did not show yet: only a look that begins after this tells.
    Uncertain(Timestamp),
    /// Nobody has looked since.
    Unseen,
}

pub(super) fn assess(memory: &Memory, knowledge: &Knowledge) -> IntentState {
    let Some(intent) = &memory.intent else { return IntentState::None };
    if let Some(reply) = knowledge.sends.as_ref().and_then(|sends| sends.reply.as_ref()) {
        return IntentState::Made(match reply {
            Reply::Now(now) => now.greengrass_deployment_id.clone(),
            Reply::Gone => None,
        });
    }
    // What this process has recorded and not sent yet needs no look: the one that it was decided by is as good.
    let is_unsent = knowledge.sends.as_ref().is_some_and(|sends| sends.count == 0) && !is_shared(intent, knowledge);
    let shows = match seen(&intent.id, memory, knowledge) {
        Seen::Unread => return if is_unsent { IntentState::Open } else { IntentState::Unseen },
        Seen::Doubted(until) => return IntentState::Uncertain(until),
        Seen::Absent => None,
        Seen::Found(instance) => Some(instance),
    };
    if is_made(intent, shows) {
        return IntentState::Made(None);
    }
    if is_unsent {
        return IntentState::Open;
    }
    uncertain_until(intent, knowledge).map_or(IntentState::Open, IntentState::Uncertain)
}

/// Until when a create that was recorded, and that nobody has seen, may still come.
pub(super) fn may_still_come(memory: &Memory, knowledge: &Knowledge) -> Option<Timestamp> {
    let intent = memory.intent.as_ref().filter(|intent| intent.operation == Operation::Create)?;
    uncertain_until(intent, knowledge)
}

/// Whether what AWS shows can only be so after the step.
fn is_made(intent: &Intent, shows: Option<&Instance>) -> bool {
    let Some(instance) = shows else { return intent.operation == Operation::Delete };
    let has_changed = intent.base.is_none_or(|base| instance.updated_at > base);
    match (intent.operation, instance.status) {
        (
            Operation::Deploy,
            DeploymentStatus::Bootstrap
            | DeploymentStatus::DeployInProgress
            | DeploymentStatus::DeployedInTarget
            | DeploymentStatus::Failed,
        ) => has_changed,
        (
            Operation::Undeploy,
            DeploymentStatus::UndeployInProgress
            | DeploymentStatus::PendingDelete
            | DeploymentStatus::DeletedInTarget
            | DeploymentStatus::NotDeployed,
        )
        // Whose it is, its tags say.
        | (Operation::Create, _) => true,
        (Operation::Deploy | Operation::Undeploy | Operation::Delete, _) => false,
    }
}

/// A step that is recorded while the one that led before goes on may be sent by that one too, and nobody here knows of it.
fn is_shared(intent: &Intent, knowledge: &Knowledge) -> bool {
    knowledge.predecessor_until.is_some_and(|until| intent.started_at < until)
}

/// From when on a look shows whatever was sent; none where the last one began after it.
fn uncertain_until(intent: &Intent, knowledge: &Knowledge) -> Option<Timestamp> {
    let started = knowledge.since.saturating_add(PREDECESSOR_MAY_SEND_FOR).ok();
    let (sent, recorded_here) = knowledge.sends.as_ref().map_or((None, false), |sends| (sends.last_doubtful_at, true));
    let last = sent.max(started.filter(|_| !recorded_here || is_shared(intent, knowledge)));
    let shown = last?.checked_add(DOUBT).ok()?;
    knowledge.look(&intent.id).is_none_or(|look| look.began_at < shown).then_some(shown)
}
