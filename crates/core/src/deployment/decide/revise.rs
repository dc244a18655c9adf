//! Rule: a revision is due; what it will be is recorded before the first request goes out. Pure.

use std::collections::BTreeMap;

use super::super::assess::{Ownership, Parent, Subdeployments, Sync};
use super::super::hash::short_hash;
use super::super::memory::{Intent, Memory};
use super::super::revision::{request, request_hash};
use super::super::tags::{Cause, OwnerTags};
use super::read::look_is_fresh;
use super::{Case, Change, Query, Step, Why, configuration, finalizer, intent};

pub(super) fn revise(case: &Case<'_>) -> Option<Step> {
    let Sync::Due(cause) = case.assessment.sync else { return None };
    if case.memory.intent.is_some() {
        return None;
    }
    match &case.assessment.parent {
        Parent::Waiting => return Some(Step::Rest(None)),
        Parent::Unread => return Some(Step::Ask(Query::Parent)),
        Parent::None | Parent::Known { .. } => {}
    }
    if let Ownership::Doubted(_, until) = &case.assessment.ownership {
        return Some(Step::Rest(Some(*until)));
    }
    if !is_judged(case) {
        return Some(Step::Ask(Query::Look));
    }
    match &case.assessment.subdeployments {
        Subdeployments::Unread => return Some(Step::Ask(Query::Subdeployments)),
        Subdeployments::Unidentified(id) => return Some(Step::Ask(Query::Deployment(id.clone()))),
        // The phase says so and this rule is not reached.
        Subdeployments::Foreign(_) => return Some(Step::Rest(None)),
        Subdeployments::Unneeded | Subdeployments::Clear => {}
    }
    let dropped = match configuration::dropped(case) {
        Ok(dropped) => dropped,
        Err(step) => return Some(step),
    };
    if let Some(step) = finalizer::require(case) {
        return Some(step);
    }
    let recorded = intent(case, next_ordinal(case), 0, cause, &intent::resets(case, dropped.as_ref()))?;
    let key = case.subject.deployable().map(|(desired, _)| desired.key.clone());
    let memory = Memory { intent: Some(recorded), key, dropped, ..case.memory.clone() };
    Some(Step::Write(Change::Remember(Box::new(memory), Why::Intent)))
}

/// Whether the look serves a decision on this version of the object.
pub(super) fn is_judged(case: &Case<'_>) -> bool {
    case.knowledge.look.as_ref().is_some_and(|look| {
        look.resource_version == case.subject.resource_version && look_is_fresh(look, case.assessment.now)
    })
}

/// The intent for what is wanted now, judged against the look.
pub(super) fn intent(
    case: &Case<'_>,
    ordinal: u64,
    attempt: u64,
    cause: Cause,
    resets: &BTreeMap<String, Vec<String>>,
) -> Option<Intent> {
    let (desired, digest) = case.subject.deployable()?;
    let mut recorded = Intent {
        ordinal,
        attempt,
        digest: digest.clone(),
        redeploy: redeploy(case),
        cancel: cancel(case),
        parent: case.assessment.parent.deployment_id().map(ToOwned::to_owned),
        cause,
        request: String::new(),
        base: case.knowledge.look.as_ref().and_then(|look| look.rows.first()).map(|row| row.deployment_id.clone()),
        started_at: case.assessment.now,
    };
    let owner = intent::owner_tags(case, &recorded);
    recorded.request = request_hash(&request(case.subject.object, desired, resets, &owner));
    Some(recorded)
}

/// One more than every number that may have been used, as far as the list shows: what is known beside it must not make a number
/// be left out, because a status that is lost while a deployment does not show yet has to come to that deployment's token again.
pub(super) fn next_ordinal(case: &Case<'_>) -> u64 {
    let rows = case.knowledge.look.as_ref().map(|look| look.rows.as_slice()).unwrap_or_default();
    let in_tags = rows
        .iter()
        .filter_map(|row| case.knowledge.details.get(&row.deployment_id)?.value.as_ref())
        .filter_map(|details| OwnerTags::read(&details.tags).filter(|tags| tags.cluster == case.subject.cluster))
        .map(|tags| tags.ordinal)
        .max()
        .unwrap_or(0);
    let recorded = case.memory.intent.as_ref().map_or(0, |intent| intent.ordinal);
    case.memory.ordinal.max(in_tags).max(recorded).saturating_add(1)
}

/// The present annotation, else the last handled one, else what the newest revision says: a lost status is found again in it.
fn redeploy(case: &Case<'_>) -> Option<String> {
    let handled = || case.memory.redeploy_at.as_deref().map(short_hash);
    case.subject.redeploy_hash().or_else(handled).or_else(|| newest_tags(case)?.redeploy.clone())
}

/// The same for the other annotation.
fn cancel(case: &Case<'_>) -> Option<String> {
    let handled = || case.memory.cancel_at.as_deref().map(short_hash);
    case.subject.cancel_hash().or_else(handled).or_else(|| newest_tags(case)?.cancel.clone())
}

fn newest_tags<'a>(case: &'a Case<'_>) -> Option<&'a OwnerTags> {
    case.assessment.ownership.own()?.tags.as_ref()
}
