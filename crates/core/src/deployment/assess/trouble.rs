//! What the failing call means for the resource. Pure.

use jiff::Timestamp;

use super::super::knowledge::{Knowledge, Request, Trouble};
use super::super::memory::Memory;
use super::super::subject::{Access, Subject, Wanted};
use super::adoption::Adoption;
use super::cancel::Cancel;
use super::ownership::Ownership;
use super::sync::{Sync, Tags};
use crate::failure::{Blocking, Operation};
use crate::pace::grace_over;

/// After so many failures in a row the message says that it is a retry.
const RETRIES_BEFORE_TELLING: u32 = 3;

/// The failing call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// It will pass: throttled, 5xx, time-out, conflict.
    Service {
        /// Its story.
        trouble: Trouble,
        /// Whether it has lasted long enough to be told as a retry.
        retrying: bool,
        /// Whether the next try has to wait.
        waits: bool,
    },
    /// A person must act.
    Person {
        /// Why.
        reason: Blocking,
        /// Its story.
        trouble: Trouble,
        /// Whether the time for things applied in parallel is over.
        stalled: bool,
        /// Whether the next try has to wait.
        waits: bool,
    },
}

impl Blocked {
    /// Its story.
    #[must_use]
    pub fn trouble(&self) -> &Trouble {
        match self {
            Self::Service { trouble, .. } | Self::Person { trouble, .. } => trouble,
        }
    }

    /// Until when the next try has to wait.
    #[must_use]
    pub fn waits_until(&self) -> Option<Timestamp> {
        match self {
            Self::Service { trouble, waits, .. } | Self::Person { trouble, waits, .. } => {
                waits.then_some(trouble.retry_at)
            }
        }
    }
}

/// What tells which calls are still to be made.
pub(super) struct Found<'a> {
    pub(super) ownership: &'a Ownership,
    pub(super) adoption: &'a Adoption,
    pub(super) sync: &'a Sync,
    pub(super) tags: &'a Tags,
    pub(super) cancel: &'a Cancel,
}

/// A call that failed is no trouble any more once nothing asks for it: another replica has made it, or it is not wanted now.
/// Else nobody would ever repeat it, and the resource would stay refused for good.
fn matters(operation: Operation, subject: &Subject<'_>, memory: &Memory, found: &Found<'_>) -> bool {
    let is_deleting = matches!(subject.wanted, Wanted::Absent { .. });
    match operation {
        // Without credentials nothing can be asked for.
        Operation::ListDeployments | Operation::AssumeRole => true,
        Operation::GetDeployment => {
            let is_settled = matches!(found.ownership, Ownership::Ours(_)) && *found.sync == Sync::UpToDate;
            is_deleting || memory.intent.is_some() || !is_settled
        }
        Operation::CreateDeployment => memory.intent.is_some(),
        Operation::CancelDeployment => is_deleting || matches!(found.cancel, Cancel::Due(_) | Cancel::Read(_)),
        Operation::DeleteDeployment => is_deleting,
        Operation::TagResource => *found.tags == Tags::Add || matches!(found.adoption, Adoption::Take(_)),
        // Told by the condition RolledOut.
        Operation::DescribeJob
        | Operation::ListJobExecutionsForJob
        | Operation::DescribeJobExecution
        | Operation::GetThingShadow
        // Of the identity, not of a resource.
        | Operation::GetCallerIdentity => false,
        Operation::UntagResource => matches!(found.tags, Tags::Add | Tags::Remove(_)),
    }
}

/// Whether it only keeps the user's tags from the deployment: what is deployed is not touched by that.
pub(super) fn is_of_tags(blocked: &Blocked, adoption: &Adoption) -> bool {
    let is_tagging = match blocked.trouble().failure.operation {
        Operation::TagResource | Operation::UntagResource => true,
        Operation::CreateDeployment
        | Operation::GetDeployment
        | Operation::ListDeployments
        | Operation::CancelDeployment
        | Operation::DeleteDeployment
        | Operation::DescribeJob
        | Operation::ListJobExecutionsForJob
        | Operation::DescribeJobExecution
        | Operation::GetThingShadow
        | Operation::AssumeRole
        | Operation::GetCallerIdentity => false,
    };
    is_tagging && !matches!(adoption, Adoption::Take(_))
}

/// What the person asks for now.
#[must_use]
pub fn request(subject: &Subject<'_>) -> Request {
    Request {
        generation: subject.generation,
        reconcile_at: subject.reconcile_at.clone(),
        redeploy_at: subject.redeploy_at.clone(),
        cancel_at: subject.cancel_at.clone(),
        identity: match subject.access {
            Access::Granted { identity, version } => Some(format!("{identity}@{version}")),
            Access::Barred(_) => None,
        },
    }
}

pub(super) fn assess(
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
    found: &Found<'_>,
    now: Timestamp,
) -> Option<Blocked> {
    let trouble = &**knowledge.trouble.as_ref()?;
    if !matters(trouble.failure.operation, subject, memory, found) {
        return None;
    }
    let trouble = trouble.clone();
    let waits = trouble.retry_at > now && trouble.request == request(subject);
    let lasted = grace_over(trouble.first_at, now);
    Some(match trouble.failure.rule().blocking {
        Some(reason) => Blocked::Person { reason, stalled: lasted, trouble, waits },
        None => Blocked::Service { retrying: lasted || trouble.attempts >= RETRIES_BEFORE_TELLING, trouble, waits },
    })
}
