//! Names the one next operation. Pure.
//!
//! An ordered list of rules, a file each, in the order of the phases. At most one operation on the outside comes out, reads
//! included, so that every crash point lies between two steps.

mod adopt;
mod cancel;
mod configuration;
mod deletion;
mod finalizer;
mod history;
mod intent;
mod read;
mod revise;
mod rollout;
mod tags;

use std::collections::BTreeMap;

pub use intent::may_still_go;
use jiff::Timestamp;

use super::assess::{Assessment, Phase, RolloutQuery};
use super::knowledge::Knowledge;
use super::memory::Memory;
use super::request::DeploymentRequest;
use super::subject::Subject;
use crate::names::ObjectName;

/// The one next operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Something must be read.
    Ask(Query),
    /// Something must be written.
    Write(Change),
    /// Nothing is to be done before this time, or before something changes.
    Rest(Option<Timestamp>),
}

/// A read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// All deployments of the key.
    Look,
    /// One deployment.
    Deployment(String),
    /// The newest subdeployments of the target.
    Subdeployments,
    /// The newest deployment of a parent that is not managed here.
    Parent,
    /// The object itself, from the API server and not from a cache.
    Object,
    /// Other resources with the key, from the API server and not from a cache.
    Claimants,
    /// Whether a resource exists that a deployment names as its owner, from the API server and not from a cache.
    Owner(ObjectName),
    /// Whether the resource's definition is being deleted.
    Definition,
    /// What the spec refers to.
    References,
    /// What devices did.
    Rollout(RolloutQuery),
}

/// A write.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Our finalizer comes onto the object.
    AddFinalizer,
    /// Our finalizer goes.
    RemoveFinalizer {
        /// AWS was left alone although the policy says otherwise.
        abandoned: bool,
    },
    /// The status remembers something else.
    Remember(Box<Memory>, Why),
    /// `CreateDeployment`.
    Create {
        /// The intent that it belongs to.
        ordinal: u64,
        /// Its `clientToken`.
        token: String,
        /// All but the token.
        request: Box<DeploymentRequest>,
    },
    /// `CancelDeployment`.
    Cancel(String),
    /// `DeleteDeployment`.
    Delete(String),
    /// `DeleteDeployment` of an old revision.
    Prune(String),
    /// `TagResource` with the operator's tags: somebody else's deployment becomes ours.
    Adopt {
        /// The deployment.
        deployment_id: String,
        /// The operator's tags.
        tags: BTreeMap<String, String>,
    },
    /// `TagResource` with the user's tags.
    Tag,
    /// `UntagResource`.
    Untag(Vec<String>),
}

impl Change {
    fn goes_to_aws(&self) -> bool {
        match self {
            Self::Create { .. }
            | Self::Cancel(_)
            | Self::Delete(_)
            | Self::Prune(_)
            | Self::Adopt { .. }
            | Self::Tag
            | Self::Untag(_) => true,
            Self::AddFinalizer | Self::RemoveFinalizer { .. } | Self::Remember(..) => false,
        }
    }
}

/// Why the status changes between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// An intent is recorded before its first send.
    Intent,
    /// An open intent got other content.
    Rebound,
    /// An intent is closed: a deployment carries its tag.
    Settled,
    /// An intent is closed: nothing was made, and nothing will be.
    Closed,
    /// An intent is closed: its token is used up.
    Spent,
    /// A deployment of ours that the status did not name.
    TakenUp,
    /// Somebody else's deployment was found above ours.
    Foreign,
    /// The user's tags are on the deployment.
    Tagged,
    /// What devices did is settled, and something hangs on it.
    RolledOut,
}

/// All that a rule may look at.
pub(crate) struct Case<'a> {
    pub(crate) subject: &'a Subject<'a>,
    pub(crate) memory: &'a Memory,
    pub(crate) knowledge: &'a Knowledge,
    pub(crate) assessment: &'a Assessment,
}

/// Names the one next operation.
#[must_use]
pub fn decide(subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge, assessment: &Assessment) -> Step {
    let case = Case { subject, memory, knowledge, assessment };
    let step = live_before_writing(&case, next(&case));
    // Whatever led here, a recorded key of somebody else's included: what the identity does not allow is not asked.
    if subject.barred().is_some() && reaches_aws(&step) {
        return Step::Rest(None);
    }
    match (&step, assessment.blocked.as_ref().and_then(super::assess::Blocked::waits_until)) {
        (step, Some(until)) if calls_aws(step) => Step::Rest(Some(until)),
        _ => step,
    }
}

/// No write goes to AWS for an object that was not lately seen as the API server itself has it: after a start, or where the
/// watch lags, the cache may show one that is older than what the operator has written, or that was changed since.
fn live_before_writing(case: &Case<'_>, step: Step) -> Step {
    match &step {
        Step::Write(change)
            if change.goes_to_aws() && !intent::object_is_fresh(case.knowledge, case.assessment.now) =>
        {
            Step::Ask(Query::Object)
        }
        Step::Write(_) | Step::Ask(_) | Step::Rest(_) => step,
    }
}

fn next(case: &Case<'_>) -> Step {
    match &case.assessment.phase {
        Phase::Deleting(state) => deletion::decide(case, state),
        Phase::Unresolved => Step::Ask(Query::References),
        Phase::NotAllowed(_) => Step::Rest(None),
        Phase::Invalid(_) | Phase::KeyChanged { .. } | Phase::TargetConflict(_) => intent::settle_by_reading(case)
            .or_else(|| read::wanted_look(case))
            .or_else(|| finalizer::release(case))
            .unwrap_or(Step::Rest(None)),
        Phase::ReferenceMissing { what: _, message: _, stalled_at } => intent::settle_by_reading(case)
            .or_else(|| read::wanted_look(case))
            .unwrap_or_else(|| Step::Rest(Some(*stalled_at).filter(|at| *at > case.assessment.now))),
        Phase::Suspended => intent::settle_by_reading(case)
            .or_else(|| read::wanted_look(case))
            .or_else(|| read::identify(case))
            .or_else(|| read::content_of_pending(case))
            .or_else(|| finalizer::release(case))
            .or_else(|| rollout::read(case))
            .unwrap_or_else(|| rest(case)),
        Phase::Foreign(_) | Phase::Drifted(_) | Phase::CorrectionsExhausted { .. } => intent::settle_by_reading(case)
            .or_else(|| read::wanted_look(case))
            .or_else(|| read::note_foreign(case))
            .or_else(|| finalizer::release(case))
            .unwrap_or_else(|| Step::Rest(read::corrected_again_at(case))),
        Phase::Refused(_)
        | Phase::WaitingForParent
        | Phase::Changing
        | Phase::RolloutCanceled
        | Phase::RolloutFailed
        | Phase::RollingOut
        | Phase::Done => read::wanted_look(case)
            .or_else(|| intent::settle(case))
            .or_else(|| read::identify(case))
            .or_else(|| adopt::adopt(case))
            .or_else(|| intent::pursue(case))
            .or_else(|| revise::revise(case))
            .or_else(|| cancel::decide(case))
            .or_else(|| finalizer::release(case))
            .or_else(|| tags::decide(case))
            .or_else(|| rollout::read(case))
            .or_else(|| history::decide(case))
            .unwrap_or_else(|| rest(case)),
    }
}

fn rest(case: &Case<'_>) -> Step {
    let later = [read::next_doubt(case), rollout::read_next_at(case), tags::waits_until(case)];
    Step::Rest(later.into_iter().flatten().min())
}

/// Whether it is a call to AWS, whichever.
fn reaches_aws(step: &Step) -> bool {
    calls_aws(step) || matches!(step, Step::Ask(Query::Rollout(_)))
}

/// Whether it is a call that waits while another one fails.
fn calls_aws(step: &Step) -> bool {
    match step {
        Step::Ask(Query::Look | Query::Deployment(_) | Query::Subdeployments | Query::Parent) => true,
        Step::Ask(
            Query::Object
            | Query::Claimants
            | Query::Owner(_)
            | Query::Definition
            | Query::References
            // What can't be read of devices is no trouble of the deployment, and the other way round.
            | Query::Rollout(_),
        )
        | Step::Rest(_) => false,
        Step::Write(change) => change.goes_to_aws(),
    }
}
