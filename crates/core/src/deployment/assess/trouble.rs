//! What the failing call means for the resource. Pure.

use jiff::Timestamp;

use super::super::knowledge::{Knowledge, Request};
use super::super::memory::Memory;
use super::super::subject::{Access, Subject, Wanted};
use super::adoption::Adoption;
use super::cancel::Cancel;
use super::ownership::Ownership;
use super::sync::{Sync, Tags};
use crate::failure::Operation;
pub use crate::trouble::Blocked;

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
        | Operation::GetCallerIdentity
        // Of another kind.
        | Operation::CreateSystemInstance
        | Operation::GetSystemInstance
        | Operation::SearchSystemInstances
        | Operation::DeploySystemInstance
        | Operation::UndeploySystemInstance
        | Operation::DeleteSystemInstance
        | Operation::ListTagsForResource
        | Operation::TagSystemInstance
        | Operation::UntagSystemInstance => false,
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
        | Operation::GetCallerIdentity
        | Operation::CreateSystemInstance
        | Operation::GetSystemInstance
        | Operation::SearchSystemInstances
        | Operation::DeploySystemInstance
        | Operation::UndeploySystemInstance
        | Operation::DeleteSystemInstance
        | Operation::ListTagsForResource
        | Operation::TagSystemInstance
        | Operation::UntagSystemInstance => false,
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
    Some(trouble.blocks(&request(subject), now))
}
