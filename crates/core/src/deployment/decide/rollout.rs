//! Rule: how devices take the newest revision is read, after everything else. Pure.

use jiff::Timestamp;

use super::super::assess::NextReading;
use super::{Case, Query, Step};

pub(super) fn read(case: &Case<'_>) -> Option<Step> {
    match &case.assessment.rollout.next {
        NextReading::Rest(_) => None,
        NextReading::Due(query) => Some(Step::Ask(Query::Rollout(query.clone()))),
    }
}

/// When it is read next.
pub(super) fn read_next_at(case: &Case<'_>) -> Option<Timestamp> {
    match &case.assessment.rollout.next {
        NextReading::Rest(at) => *at,
        NextReading::Due(_) => None,
    }
}
