//! Rule: a change of the user's tags re-tags the deployment in place and makes no revision. Pure.

use super::super::assess::Tags;
use super::super::memory::Memory;
use super::super::revision::digest_of_tags;
use super::{Case, Change, Step, Why};
use crate::api::status::AppliedTags;

pub(super) fn decide(case: &Case<'_>) -> Option<Step> {
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
