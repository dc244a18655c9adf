//! Rule: a resource that is being deleted. Pure.

use super::super::assess::{Deletion, IntentState};
use super::{Case, Change, Query, Step, Why, intent, read, revise, rollout};

pub(super) fn decide(case: &Case<'_>, state: &Deletion) -> Step {
    match state {
        Deletion::Release { .. } if !case.subject.has_finalizer => Step::Rest(None),
        Deletion::Release { abandoned } => Step::Write(Change::RemoveFinalizer { abandoned: *abandoned }),
        // Of subdeployments the next look shows whether they are still there.
        Deletion::KeyUnknown
        | Deletion::Barred(_)
        | Deletion::RemoveRefused
        | Deletion::RemoveCanceled
        | Deletion::ForeignSubdeployments(_) => Step::Rest(None),
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
        Deletion::Remove => read::wanted_look(case)
            .or_else(|| intent::settle(case))
            .or_else(|| read::identify(case))
            .or_else(|| intent::pursue(case))
            .or_else(|| revise::revise(case))
            .unwrap_or(Step::Rest(None)),
        Deletion::Uninstalling { .. } => rollout::read(case).unwrap_or_else(|| {
            let times_out_at = case.subject.removal().map(|removal| removal.times_out_at);
            let later = times_out_at.filter(|at| *at > case.assessment.now);
            Step::Rest(rollout::read_next_at(case).into_iter().chain(later).min())
        }),
        Deletion::Uninstalled => {
            let mut memory = case.memory.clone();
            memory.progress = case.assessment.rollout.progress();
            Step::Write(Change::Remember(Box::new(memory), Why::RolledOut))
        }
        Deletion::Cancel(id) => Step::Write(Change::Cancel(id.clone())),
        Deletion::Delete(id) => Step::Write(Change::Delete(id.clone())),
    }
}
