//! Names the one next operation. Pure.
//!
//! An ordered list of rules, a file each, in the order of the phases. At most one operation on the outside comes out, reads
//! included, so that every crash point lies between two steps.

mod deletion;
mod finalizer;
mod intent;
mod read;
mod revise;
mod tags;

pub use intent::may_still_go;
use jiff::Timestamp;

use super::assess::{Assessment, Phase};
use super::knowledge::Knowledge;
use super::memory::Memory;
use super::request::DeploymentRequest;
use super::subject::Subject;

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
    /// `TagResource` with the user's tags.
    Tag,
    /// `UntagResource`.
    Untag(Vec<String>),
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
    let step = next(&case);
    match (&step, assessment.blocked.as_ref().and_then(super::assess::Blocked::waits_until)) {
        (step, Some(until)) if calls_aws(step) => Step::Rest(Some(until)),
        _ => step,
    }
}

fn next(case: &Case<'_>) -> Step {
    match &case.assessment.phase {
        Phase::Deleting(state) => deletion::decide(case, state),
        Phase::Invalid(_) | Phase::KeyChanged { .. } | Phase::TargetConflict(_) => intent::settle_by_reading(case)
            .or_else(|| read::wanted_look(case))
            .or_else(|| finalizer::release(case))
            .unwrap_or(Step::Rest(None)),
        Phase::Suspended => intent::settle_by_reading(case)
            .or_else(|| read::wanted_look(case))
            .or_else(|| read::identify(case))
            .or_else(|| finalizer::release(case))
            .unwrap_or_else(|| Step::Rest(read::next_doubt(case))),
        Phase::Foreign(_) | Phase::Drifted(_) => intent::settle_by_reading(case)
            .or_else(|| read::wanted_look(case))
            .or_else(|| read::note_foreign(case))
            .or_else(|| finalizer::release(case))
            .unwrap_or(Step::Rest(None)),
        Phase::Refused(_)
        | Phase::WaitingForParent
        | Phase::Changing
        | Phase::RolloutCanceled
        | Phase::RolloutFailed
        | Phase::Done => read::wanted_look(case)
            .or_else(|| intent::settle(case))
            .or_else(|| read::identify(case))
            .or_else(|| intent::pursue(case))
            .or_else(|| revise::revise(case))
            .or_else(|| finalizer::release(case))
            .or_else(|| tags::decide(case))
            .unwrap_or_else(|| Step::Rest(read::next_doubt(case))),
    }
}

fn calls_aws(step: &Step) -> bool {
    match step {
        Step::Ask(Query::Look | Query::Deployment(_) | Query::Subdeployments | Query::Parent)
        | Step::Write(Change::Create { .. } | Change::Cancel(_) | Change::Delete(_) | Change::Tag | Change::Untag(_)) => {
            true
        }
        Step::Ask(Query::Object | Query::Claimants)
        | Step::Write(Change::AddFinalizer | Change::RemoveFinalizer { .. } | Change::Remember(..))
        | Step::Rest(_) => false,
    }
}
