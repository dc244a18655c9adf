//! Rule: old revisions beyond the limit go, slowly and after everything else. Pure.

use super::super::assess::Old;
use super::{Case, Change, Query, Step};

pub(super) fn decide(case: &Case<'_>) -> Option<Step> {
    match &case.assessment.old {
        Old::WithinLimit | Old::Settled => None,
        Old::Read(id) => Some(Step::Ask(Query::Deployment(id.clone()))),
        Old::Delete(id) => Some(Step::Write(Change::Prune(id.clone()))),
    }
}
