//! Rule: a change of the user's tags re-tags the deployment in place and makes no revision. Pure.

use jiff::Timestamp;

use super::super::assess::{Blocked, Tags};
use super::super::memory::Memory;
use super::super::revision::digest_of_tags;
use super::{Case, Change, Step, Why};
use crate::api::status::AppliedTags;

/// When it is tried again.
pub(super) fn waits_until(case: &Case<'_>) -> Option<Timestamp> {
    case.assessment.untaggable.as_ref().and_then(Blocked::waits_until)
}

pub(super) fn decide(case: &Case<'_>) -> Option<Step> {
    // Refused, it is tried again in its time, and what comes after it goes on.
    if waits_until(case).is_some() {
        return None;
    }
    match &case.assessment.tags {
        Tags::Settled => None,
        Tags::Add => Some(Step::Write(Change::Tag)),
        Tags::Remove(keys) => Some(Step::Write(Change::Untag(keys.clone()))),
        Tags::Remember => {
            let tags = &case.subject.desired()?.tags;
            let applied_tags =
                Some(AppliedTags { keys: tags.keys().cloned().collect(), digest: digest_of_tags(tags.iter()) });
            Some(Step::Write(Change::Remember(Box::new(Memory { applied_tags, ..case.memory.clone() }), Why::Tagged)))
        }
    }
}
