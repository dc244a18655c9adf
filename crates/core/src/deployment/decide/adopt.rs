//! Rule: somebody else's deployment with the very content that is wanted becomes ours as it is: it is tagged. Pure.
//!
//! No intent is recorded for it (one that is open is settled with it), because tagging is the same however often it is done; the next reading tells whose it is.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::super::assess::intent::OpenIntent;
use super::super::assess::{Adoption, IntentState, Parent};
use super::super::tags::{Cause, OwnerTags};
use super::{Case, Change, Query, Step, finalizer, intent, revise};

/// Readings lag behind writes by seconds: so long they are not taken for a loss of the tags.
const TAGS_SHOW_WITHIN: SignedDuration = SignedDuration::from_secs(10);

pub(super) fn adopt(case: &Case<'_>) -> Option<Step> {
    let deployment_id = match &case.assessment.adoption {
        Adoption::Take(deployment_id) => deployment_id,
        Adoption::Unneeded | Adoption::Ask(_) | Adoption::Supersede | Adoption::Refused => return None,
    };
    let ordinal = match &case.assessment.intent {
        IntentState::None => revise::next_ordinal(case),
        // A request of ours that may still arrive would go above it, and there would be two with one number.
        IntentState::Open(OpenIntent { uncertain_until: Some(until), .. }) => {
            let is_early = *until > case.assessment.now;
            return Some(if is_early { Step::Rest(Some(*until)) } else { Step::Ask(Query::Look) });
        }
        IntentState::Open(_) => case.memory.intent.as_ref().map_or(0, |intent| intent.ordinal),
        IntentState::Landed { .. } | IntentState::Replied { .. } | IntentState::Spent => return None,
    };
    match &case.assessment.parent {
        Parent::Waiting => return Some(Step::Rest(None)),
        Parent::Unread => return Some(Step::Ask(Query::Parent)),
        Parent::None | Parent::Known { .. } => {}
    }
    if let Some((adopted, at)) = &case.knowledge.adopted
        && adopted == deployment_id
    {
        let shown_at = at.checked_add(TAGS_SHOW_WITHIN).unwrap_or(*at);
        if shown_at > case.assessment.now {
            return Some(Step::Rest(Some(shown_at)));
        }
    }
    let began_at = case.knowledge.look.as_ref().map(|look| look.began_at);
    if !revise::is_judged(case) {
        return Some(Step::Ask(Query::Look));
    }
    if case.knowledge.claimants.as_ref().is_none_or(|claimants| Some(claimants.at) < began_at) {
        return Some(Step::Ask(Query::Claimants));
    }
    if let Some(step) = finalizer::require(case) {
        return Some(step);
    }
    let recorded = revise::intent(case, ordinal, 0, Cause::Adopt, &BTreeMap::new())?;
    let tags = OwnerTags::to_map(&intent::owner_tags(case, &recorded));
    Some(Step::Write(Change::Adopt { deployment_id: deployment_id.clone(), tags }))
}
