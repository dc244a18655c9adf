//! Rule: how devices take the newest revision is read, after everything else. Pure.

use jiff::Timestamp;

use super::super::assess::NextReading;
use super::{Case, Query, Step};

pub(super) fn read(case: &Case<'_>) -> Option<Step> {
    Some(Step::Ask(match case.assessment.rollout.next.clone() {
        NextReading::Rest(_) => return None,
        NextReading::Job(job) => Query::Job(job),
        NextReading::Deployment(id) => Query::ThingDeployment(id),
        NextReading::Shadow(target) => Query::Shadow(target),
        NextReading::Devices(job, end) => Query::BadDevices { job, end },
        NextReading::Device(job, thing, end) => Query::BadDevice { job, thing, end },
    }))
}

/// When it is read next.
pub(super) fn read_next_at(case: &Case<'_>) -> Option<Timestamp> {
    match &case.assessment.rollout.next {
        NextReading::Rest(at) => *at,
        NextReading::Job(_)
        | NextReading::Deployment(_)
        | NextReading::Shadow(_)
        | NextReading::Devices(..)
        | NextReading::Device(..) => None,
    }
}
