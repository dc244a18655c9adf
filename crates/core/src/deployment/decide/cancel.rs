//! Rule: the annotation that stops a rollout. Pure.

use super::super::assess::Cancel;
use super::{Case, Change, Query, Step};

pub(super) fn decide(case: &Case<'_>) -> Option<Step> {
    match &case.assessment.cancel {
        Cancel::None | Cancel::Handled => None,
        Cancel::Read(id) => Some(Step::Ask(Query::Deployment(id.clone()))),
        Cancel::Due(id) => Some(Step::Write(Change::Cancel(id.clone()))),
    }
}
