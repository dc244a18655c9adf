//! Rule: a finalizer exists exactly when something must be done in AWS. Pure.

use super::{Case, Change, Step};
use crate::api::DeletionPolicy;

/// Before the first write of a policy that has to undo it.
pub(super) fn require(case: &Case<'_>) -> Option<Step> {
    (!case.subject.has_finalizer && policy(case)? != DeletionPolicy::Retain)
        .then_some(Step::Write(Change::AddFinalizer))
}

/// Where the policy was changed: `Retain` has nothing to undo, the others have as soon as there is a deployment.
pub(super) fn release(case: &Case<'_>) -> Option<Step> {
    match (policy(case)?, case.subject.has_finalizer) {
        (DeletionPolicy::Retain, true) => Some(Step::Write(Change::RemoveFinalizer { abandoned: false })),
        (DeletionPolicy::Cancel | DeletionPolicy::Delete | DeletionPolicy::Remove, false)
            if case.memory.deployment.is_some() || case.memory.intent.is_some() =>
        {
            Some(Step::Write(Change::AddFinalizer))
        }
        (DeletionPolicy::Retain | DeletionPolicy::Cancel | DeletionPolicy::Delete | DeletionPolicy::Remove, _) => None,
    }
}

fn policy(case: &Case<'_>) -> Option<DeletionPolicy> {
    case.subject.desired().map(|desired| desired.deletion_policy)
}
