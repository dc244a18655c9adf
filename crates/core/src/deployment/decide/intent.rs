//! Rules: an open intent is settled, closed, rebound or sent; it is never forgotten. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::assess::intent::{AfterReply, DOUBT, OpenIntent};
use super::super::assess::{IntentState, Ownership, Sync};
use super::super::configuration::{Keys, resets as configuration_resets};
use super::super::hash::client_token;
use super::super::knowledge::Knowledge;
use super::super::memory::{Intent, Memory};
use super::super::revision::{request, request_hash};
use super::super::tags::{Cause, OwnerTags};
use super::read::look_is_fresh;
use super::{Case, Change, Query, Step, Why, configuration, finalizer, read, revise};
use crate::api::DroppedConfigurationKeys;

/// A send goes out only so shortly after the object itself was seen to still show the intent.
const OBJECT_IS_FRESH_FOR: SignedDuration = SignedDuration::from_secs(10);

/// What landed, or can't land any more, is remembered.
pub(super) fn settle(case: &Case<'_>) -> Option<Step> {
    match &case.assessment.intent {
        IntentState::None | IntentState::Open(_) => None,
        IntentState::Landed { deployment_id } => {
            let details = case.knowledge.details.get(deployment_id)?.value.as_ref()?;
            let owner = OwnerTags::read(&details.tags)?;
            let memory = case.memory.clone().settled(details, &owner, case.subject);
            Some(Step::Write(Change::Remember(Box::new(memory), Why::Settled)))
        }
        IntentState::Replied { deployment_id, next } => Some(match next {
            AfterReply::Look => Step::Ask(Query::Look),
            AfterReply::Read(at) if *at > case.assessment.now => Step::Rest(Some(*at)),
            AfterReply::Read(_) => Step::Ask(Query::Deployment(deployment_id.clone())),
        }),
        IntentState::Spent => {
            let ordinal = case.memory.intent.as_ref().map_or(0, |intent| intent.ordinal);
            let memory = Memory { intent: None, ordinal: case.memory.ordinal.max(ordinal), ..case.memory.clone() };
            Some(Step::Write(Change::Remember(Box::new(memory), Why::Spent)))
        }
    }
}

/// Where nothing may be sent, an open intent is settled by looking.
pub(super) fn settle_by_reading(case: &Case<'_>) -> Option<Step> {
    if let Some(step) = settle(case) {
        return Some(step);
    }
    let IntentState::Open(open) = &case.assessment.intent else { return None };
    if open.ineffective {
        return Some(close(case));
    }
    match open.uncertain_until {
        None => identify_rows(case),
        Some(until) if until > case.assessment.now => Some(Step::Rest(Some(until))),
        Some(_) => Some(Step::Ask(Query::Look)),
    }
}

fn identify_rows(case: &Case<'_>) -> Option<Step> {
    match &case.assessment.ownership {
        Ownership::Unidentified { deployment_id } => Some(read::row(case, deployment_id)),
        Ownership::Unread
        | Ownership::Remembered(_)
        | Ownership::Doubted(..)
        | Ownership::Vacant
        | Ownership::Ours(_)
        | Ownership::Missing
        | Ownership::Foreign { .. }
        | Ownership::Overridden { .. } => None,
    }
}

/// Nothing was made, and nothing will be: the ordinal stays free.
pub(super) fn close(case: &Case<'_>) -> Step {
    Step::Write(Change::Remember(Box::new(Memory { intent: None, ..case.memory.clone() }), Why::Closed))
}

/// Nothing carries the intent's tag: it goes out, with other content if that is wanted by now.
pub(super) fn pursue(case: &Case<'_>) -> Option<Step> {
    let (IntentState::Open(open), Some(intent)) = (&case.assessment.intent, &case.memory.intent) else { return None };
    let (desired, _) = case.subject.deployable()?;
    if open.ineffective && is_no_longer_wanted(case) {
        return Some(close(case));
    }
    let owner = owner_tags(case, intent);
    let body = request(case.subject.object, desired, &resets(case, case.memory.dropped.as_ref()), &owner);
    if request_hash(&body) != intent.request || is_judged_anew(case, intent) {
        return Some(rebind(case, open, intent));
    }
    if let Some(step) = look_first(case, open).or_else(|| newest_is_another(case, intent)) {
        return Some(step);
    }
    if let Some(step) = finalizer::require(case) {
        return Some(step);
    }
    let is_first_create = case.memory.deployment.is_none() && intent.base.is_none() && open.unsent;
    if is_first_create && case.knowledge.claimants.as_ref().is_none_or(|claimants| claimants.at < intent.started_at) {
        return Some(Step::Ask(Query::Claimants));
    }
    Some(Step::Write(Change::Create {
        ordinal: intent.ordinal,
        token: client_token(case.subject.cluster, &desired.key, intent.ordinal),
        request: Box::new(body),
    }))
}

/// Whether what a send was decided on is still fresh at the moment at which it may go: waiting for quota takes time, in which
/// the object can be edited and somebody else can deploy.
#[must_use]
pub fn may_still_go(knowledge: &Knowledge, now: Timestamp) -> bool {
    knowledge.look.as_ref().is_some_and(|look| look_is_fresh(look, now)) && object_is_fresh(knowledge, now)
}

pub(super) fn object_is_fresh(knowledge: &Knowledge, now: Timestamp) -> bool {
    knowledge.live_at.is_some_and(|at| now.duration_since(at) <= OBJECT_IS_FRESH_FOR)
}

/// The newest deployment of ours already is what is wanted.
fn is_no_longer_wanted(case: &Case<'_>) -> bool {
    case.assessment.sync == Sync::UpToDate && !matches!(case.assessment.ownership, Ownership::Doubted(..))
}

/// Same ordinal and token, one attempt more: never two changes for one ordinal.
fn rebind(case: &Case<'_>, open: &OpenIntent, intent: &Intent) -> Step {
    match open.uncertain_until {
        Some(until) if until > case.assessment.now => return Step::Rest(Some(until)),
        Some(_) => return Step::Ask(Query::Look),
        None => {}
    }
    if let Some(step) = look_first(case, open) {
        return step;
    }
    let dropped = match configuration::dropped(case) {
        Ok(dropped) => dropped,
        Err(step) => return step,
    };
    let cause = match case.assessment.sync {
        // What it goes above has changed, and with it why it is made.
        Sync::Due(cause @ (Cause::Correct | Cause::Adopt | Cause::Remove)) => cause,
        Sync::Due(Cause::Create | Cause::Change | Cause::Redeploy | Cause::Parent)
        | Sync::Unknown
        | Sync::UpToDate
        | Sync::DueAt(_)
        | Sync::Yielded => intent.cause,
    };
    let attempt = intent.attempt.saturating_add(1);
    let Some(rebound) = revise::intent(case, intent.ordinal, attempt, cause, &resets(case, dropped.as_ref())) else {
        return Step::Rest(None);
    };
    let memory = Memory { intent: Some(rebound), dropped, ..case.memory.clone() };
    Step::Write(Change::Remember(Box::new(memory), Why::Rebound))
}

/// A policy or a `redeploy-at` asks to deploy above somebody else's deployment, which the intent was not judged against.
fn is_judged_anew(case: &Case<'_>, intent: &Intent) -> bool {
    match &case.assessment.ownership {
        Ownership::Overridden { deployment_id } => {
            matches!(case.assessment.sync, Sync::Due(Cause::Redeploy | Cause::Correct))
                && intent.base.as_ref() != Some(deployment_id)
        }
        Ownership::Foreign { deployment_id } => {
            case.assessment.sync == Sync::Due(Cause::Adopt) && intent.base.as_ref() != Some(deployment_id)
        }
        Ownership::Unread
        | Ownership::Remembered(_)
        | Ownership::Doubted(..)
        | Ownership::Vacant
        | Ownership::Unidentified { .. }
        | Ownership::Ours(_)
        | Ownership::Missing => false,
    }
}

/// The first send may go by the look of its decision; every other send looks anew.
fn look_first(case: &Case<'_>, open: &OpenIntent) -> Option<Step> {
    let look = Step::Ask(Query::Look);
    if let Some(until) = open.held_until {
        return Some(if until > case.assessment.now { Step::Rest(Some(until)) } else { look });
    }
    let Some(known) = &case.knowledge.look else { return Some(look) };
    let fresh = look_is_fresh(known, case.assessment.now);
    match &case.assessment.ownership {
        _ if !fresh || !open.looked => Some(look),
        // What is remembered was recorded after this look.
        Ownership::Remembered(_) => Some(look),
        Ownership::Doubted(_, until) => Some(Step::Rest(Some(*until))),
        Ownership::Unread
        | Ownership::Vacant
        | Ownership::Unidentified { .. }
        | Ownership::Ours(_)
        | Ownership::Missing
        | Ownership::Foreign { .. }
        | Ownership::Overridden { .. } => None,
    }
}

/// The newest deployment must be ours, or the one that the intent was judged against: somebody deployed or deleted in between.
/// Where that was judged a drift, this rule is not reached; else the next look tells.
fn newest_is_another(case: &Case<'_>, intent: &Intent) -> Option<Step> {
    let may_go = match &case.assessment.ownership {
        Ownership::Ours(_) | Ownership::Vacant => true,
        Ownership::Missing => {
            matches!(case.assessment.sync, Sync::Due(Cause::Redeploy | Cause::Correct | Cause::Remove))
        }
        Ownership::Overridden { deployment_id } => intent.base.as_ref() == Some(deployment_id),
        // Policies may have changed since it was judged.
        Ownership::Foreign { deployment_id } => {
            case.assessment.sync == Sync::Due(Cause::Adopt) && intent.base.as_ref() == Some(deployment_id)
        }
        Ownership::Unread | Ownership::Remembered(_) | Ownership::Doubted(..) | Ownership::Unidentified { .. } => false,
    };
    let began_at = case.knowledge.look.as_ref().map_or(case.assessment.now, |look| look.began_at);
    (!may_go).then(|| Step::Rest(Some(began_at.checked_add(DOUBT).unwrap_or(began_at))))
}

/// What a revision resets beside what the user names.
pub(super) fn resets(case: &Case<'_>, dropped: Option<&Keys>) -> BTreeMap<String, Vec<String>> {
    match (case.subject.desired(), dropped) {
        (Some(desired), Some(dropped)) if desired.dropped_configuration_keys == DroppedConfigurationKeys::Reset => {
            configuration_resets(dropped, &desired.content)
        }
        _ => BTreeMap::new(),
    }
}

/// The tags of the intent's revision: recorded values, so that an attempt is always the same bytes.
pub(super) fn owner_tags(case: &Case<'_>, intent: &Intent) -> OwnerTags {
    let Intent { ordinal, attempt, digest: _, redeploy, cancel, parent, cause, request: _, base: _, started_at: _ } =
        intent;
    OwnerTags {
        cluster: case.subject.cluster.to_owned(),
        resource: case.subject.object.clone(),
        uid: case.subject.uid.to_owned(),
        ordinal: *ordinal,
        attempt: *attempt,
        digest: case.subject.deployable().map_or_else(|| intent.digest.clone(), |(_, digest)| digest.clone()),
        redeploy: redeploy.clone(),
        cancel: cancel.clone(),
        parent: parent.clone(),
        cause: *cause,
    }
}
