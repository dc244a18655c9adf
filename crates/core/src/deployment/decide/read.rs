//! Rules: what must be read before anything can be said. Pure.

use jiff::{SignedDuration, Timestamp};

use super::super::assess::{Adoption, Drift, Ownership, Parent, Phase, Sync};
use super::super::knowledge::{Look, RowStatus};
use super::super::memory::Memory;
use super::super::tags::Cause;
use super::{Case, Change, Query, Step, Why};
use crate::api::status::ForeignDeployment;

/// One look serves a decision and its first send for so long.
const LOOK_IS_FRESH_FOR: SignedDuration = SignedDuration::from_secs(10);

/// Whether a look still serves a decision or a send.
pub(super) fn look_is_fresh(look: &Look, now: Timestamp) -> bool {
    now.duration_since(look.began_at) <= LOOK_IS_FRESH_FOR
}

/// Somebody asked for a look, nothing is known at all, or the second look at a deployment that did not show is due.
pub(super) fn wanted_look(case: &Case<'_>) -> Option<Step> {
    let unread = case.assessment.ownership == Ownership::Unread && case.subject.desired().is_some();
    let doubt_over = case.assessment.ownership.doubted_until().is_some_and(|until| until <= case.assessment.now);
    (case.assessment.look_wanted || unread || doubt_over).then_some(Step::Ask(Query::Look))
}

/// When the next thing becomes certain or due by itself.
pub(super) fn next_doubt(case: &Case<'_>) -> Option<Timestamp> {
    let certain_at = case.assessment.ownership.doubted_until();
    match case.assessment.sync {
        Sync::DueAt(at) => Some(certain_at.map_or(at, |certain| certain.min(at))),
        Sync::Unknown | Sync::UpToDate | Sync::Due(_) | Sync::Yielded => certain_at,
    }
}

/// Who made a deployment must be read; one of ours that the status does not name is taken up.
pub(super) fn identify(case: &Case<'_>) -> Option<Step> {
    if let Adoption::Ask(owner) = &case.assessment.adoption {
        return Some(Step::Ask(Query::Owner(owner.clone())));
    }
    if let Some(id) = &case.assessment.uncounted {
        return Some(row(case, id));
    }
    let own = match &case.assessment.ownership {
        Ownership::Unidentified { deployment_id } => return Some(row(case, deployment_id)),
        // The status is older than this version, or was edited: what the content was, only the tags say.
        Ownership::Remembered(own) | Ownership::Ours(own) if own.remembered && own.digest.is_none() => {
            return Some(row(case, &own.deployment_id));
        }
        Ownership::Remembered(own) if parent_tag_is_unknown(case) && own.tags.is_none() => {
            return Some(row(case, &own.deployment_id));
        }
        // Whether this very request was handled with it, its tag says where the status does not.
        Ownership::Remembered(own) | Ownership::Ours(own)
            if own.remembered && own.tags.is_none() && case.assessment.sync == Sync::Due(Cause::Redeploy) =>
        {
            return Some(row(case, &own.deployment_id));
        }
        // Only the parent's newest deployment tells whether it was ended by that one.
        Ownership::Ours(own)
            if matches!(own.status, Some(RowStatus::Inactive | RowStatus::Canceled))
                && case.assessment.parent == Parent::Unread =>
        {
            return Some(Step::Ask(Query::Parent));
        }
        Ownership::Ours(own) if !own.remembered => own,
        Ownership::Ours(_)
        | Ownership::Remembered(_)
        | Ownership::Doubted(..)
        | Ownership::Unread
        | Ownership::Vacant
        | Ownership::Missing
        | Ownership::Foreign { .. }
        | Ownership::Overridden { .. } => return None,
    };
    let details = case.knowledge.details.get(&own.deployment_id)?.value.as_ref()?;
    let memory = case.memory.clone().settled(details, own.tags.as_ref()?, case.subject);
    Some(Step::Write(Change::Remember(Box::new(memory), Why::TakenUp)))
}

/// Reads a deployment that the list shows. Where it can't be read, either it is gone or reads lag: another look tells, not a
/// second reading in the same breath.
pub(super) fn row(case: &Case<'_>, deployment_id: &str) -> Step {
    match case.knowledge.details.get(deployment_id) {
        Some(reading) if reading.value.is_none() => {
            let again = reading.at.checked_add(LOOK_IS_FRESH_FOR).unwrap_or(reading.at);
            if again > case.assessment.now { Step::Rest(Some(again)) } else { Step::Ask(Query::Look) }
        }
        Some(_) | None => Step::Ask(Query::Deployment(deployment_id.to_owned())),
    }
}

/// A new deployment of the parent was seen by this process: whether ours was made for it, only our tag says.
fn parent_tag_is_unknown(case: &Case<'_>) -> bool {
    case.assessment.parent.deployment_id().is_some_and(|id| {
        case.knowledge.parent_since.as_ref().is_some_and(|(seen, since)| seen == id && *since > case.knowledge.since)
    })
}

/// When drift may be mended again.
pub(super) fn corrected_again_at(case: &Case<'_>) -> Option<Timestamp> {
    match &case.assessment.phase {
        Phase::CorrectionsExhausted { until, .. } => Some(*until),
        _ => None,
    }
}

/// Where nothing may be written, what a revision would change is shown: what there is must be read for it.
pub(super) fn content_of_pending(case: &Case<'_>) -> Option<Step> {
    let own = case.assessment.ownership.own()?;
    let is_due = matches!(case.assessment.sync, Sync::Due(Cause::Change));
    let is_unread = !case.knowledge.details.contains_key(&own.deployment_id);
    (is_due && is_unread).then(|| Step::Ask(Query::Deployment(own.deployment_id.clone())))
}

/// Somebody else's deployment above ours is remembered with the `redeploy-at` of that moment: only a newer one overrides it.
pub(super) fn note_foreign(case: &Case<'_>) -> Option<Step> {
    let (Phase::Drifted(Drift::Overridden(deployment_id))
    | Phase::CorrectionsExhausted { drift: Drift::Overridden(deployment_id), .. }) = &case.assessment.phase
    else {
        return None;
    };
    if case.memory.foreign.as_ref().is_some_and(|foreign| foreign.deployment_id == *deployment_id) {
        return None;
    }
    let foreign =
        Some(ForeignDeployment { deployment_id: deployment_id.clone(), redeploy_at: case.subject.redeploy_at.clone() });
    Some(Step::Write(Change::Remember(Box::new(Memory { foreign, ..case.memory.clone() }), Why::Foreign)))
}
