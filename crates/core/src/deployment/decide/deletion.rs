//! Rule: a resource that is being deleted. Pure.

use super::super::assess::{Deletion, IntentState};
use super::{Case, Change, Query, Step, intent};

pub(super) fn decide(case: &Case<'_>, state: &Deletion) -> Step {
    match state {
        Deletion::Release { .. } if !case.subject.has_finalizer => Step::Rest(None),
        Deletion::Release { abandoned } => Step::Write(Change::RemoveFinalizer { abandoned: *abandoned }),
        Deletion::KeyUnknown => Step::Rest(None),
        Deletion::Definition => Step::Ask(Query::Definition),
        Deletion::Look => Step::Ask(Query::Look),
        Deletion::Wait(until) => Step::Rest(Some(*until)),
        Deletion::Read(id) => Step::Ask(Query::Deployment(id.clone())),
        Deletion::Settle => match &case.assessment.intent {
            IntentState::Open(_) => intent::close(case),
            IntentState::None | IntentState::Landed { .. } | IntentState::Replied { .. } | IntentState::Spent => {
                intent::settle(case).unwrap_or(Step::Rest(None))
            }
        },
        Deletion::Cancel(id) => Step::Write(Change::Cancel(id.clone())),
        Deletion::Delete(id) => Step::Write(Change::Delete(id.clone())),
    }
}
