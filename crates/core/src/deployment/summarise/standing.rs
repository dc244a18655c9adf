//! What was said before and stays so until more is known. Pure.
//!
//! A repetition in the background, a service error in between and a restart of the process are no news: taking `Stalled`
//! away for them would make everybody who waits for the resource believe that it goes on.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::super::assess::{IntentState, Ownership, Subdeployments};
use super::{Reason, Scene};
use crate::failure::Blocking;

/// What a resource was stalled by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Why.
    pub(super) reason: Reason,
    /// What was said of it.
    pub(super) message: String,
}

const REFUSALS: [Blocking; 4] =
    [Blocking::AccessDenied, Blocking::TargetNotFound, Blocking::InvalidSpec, Blocking::QuotaExceeded];

/// What stalled this very generation and is not known to be over. A new generation starts afresh.
pub(super) fn standing(scene: &Scene<'_>) -> Option<Standing> {
    let before = stalled_before(scene)?;
    let standing = |reason| Standing { reason, message: before.message.clone() };
    let refusal = REFUSALS.into_iter().find(|blocking| blocking.reason() == before.reason).map(Reason::Refused);
    if let Some(reason) = refusal {
        // That a change was begun and nothing fails shows that what was refused before it is refused no more.
        let begun = matches!(&scene.assessment.intent, IntentState::Open(open) if open.unsent);
        return (!begun || scene.blocked().is_some()).then(|| standing(reason));
    }
    let found = [Reason::Drifted, Reason::ForeignRevision, Reason::CorrectionsExhausted, Reason::TargetConflict]
        .into_iter()
        .find(|reason| reason.as_str() == before.reason)?;
    (scene.memory.intent.is_none() && is_unseen(scene)).then(|| standing(found))
}

/// Whether this very generation shows that it is stalled by this.
pub(super) fn was_stalled_by(scene: &Scene<'_>, reason: Reason) -> bool {
    stalled_before(scene).is_some_and(|before| before.reason == reason.as_str())
}

/// The refusal to clear AWS that this very generation shows.
pub(super) fn deletion_blocked(scene: &Scene<'_>) -> Option<Standing> {
    let before = stalled_before(scene)?;
    let reason = Reason::DeletionBlocked;
    (before.reason == reason.as_str()).then(|| Standing { reason, message: before.message.clone() })
}

fn stalled_before<'a>(scene: &Scene<'a>) -> Option<&'a Condition> {
    let generation = Some(scene.subject.generation);
    scene.previous.iter().find(|condition| {
        condition.type_ == "Stalled" && condition.status == "True" && condition.observed_generation == generation
    })
}

/// Whether this process has not yet seen in AWS whose deployments there are.
fn is_unseen(scene: &Scene<'_>) -> bool {
    let newest_unseen = match scene.assessment.ownership {
        Ownership::Unread | Ownership::Remembered(_) | Ownership::Doubted(..) | Ownership::Unidentified { .. } => true,
        Ownership::Vacant
        | Ownership::Ours(_)
        | Ownership::Missing
        | Ownership::Foreign { .. }
        | Ownership::Overridden { .. } => false,
    };
    newest_unseen
        || match scene.assessment.subdeployments {
            Subdeployments::Unread | Subdeployments::Unidentified(_) => true,
            Subdeployments::Unneeded | Subdeployments::Clear | Subdeployments::Foreign(_) => false,
        }
}
