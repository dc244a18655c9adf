//! What the operator would do for a manifest, found by its own rules and without doing it. Pure.
//!
//! The rules of a reconcile name one operation after the other. Here reads are handed out, writes to the cluster are taken as
//! done, and the first write to AWS is the answer: so a plan can't say anything else than what happens.

use jiff::Timestamp;

use super::assess::ownership::ours;
use super::assess::{Assessment, Phase, Sync, assess};
use super::decide::{Change, Query, Step, Why, decide};
use super::knowledge::{Details, Knowledge, Look, OwnerFound, Reading, Row};
use super::memory::Memory;
use super::request::DeploymentRequest;
use super::subject::Subject;
use super::summarise::summarise;
use super::tags::Cause;
use crate::api::GreengrassDeploymentStatus;
use crate::names::ObjectName;

/// Steps of a forecast. The longest there is, taking up a target with fifty foreign revisions, takes 60.
const STEPS_AT_MOST: usize = 200;

/// A forecast for one manifest: of what is in AWS it knows what was read for it.
#[derive(Debug)]
pub struct Forecast {
    memory: Memory,
    knowledge: Knowledge,
    now: Timestamp,
}

/// What a forecast needs next, or what it has come to.
#[derive(Debug)]
pub enum Next {
    /// This must be read, and the forecast be told.
    Read(Question),
    /// It has come to an end.
    Ended(Box<Ending>),
}

/// What a forecast must be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// All deployments of the key: [`Forecast::looked`].
    Look,
    /// One deployment: [`Forecast::read`].
    Deployment(String),
    /// The newest subdeployments of the target: [`Forecast::read_subdeployments`].
    Subdeployments,
    /// The newest deployment of the parent: [`Forecast::read_parent`].
    Parent,
    /// Whether a resource is there: [`Forecast::read_owner`].
    Owner(ObjectName),
}

/// What would happen.
#[derive(Debug)]
pub struct Ending {
    /// The first thing that AWS would be told.
    pub outcome: Outcome,
    /// What the resource would say of itself beside it.
    pub status: GreengrassDeploymentStatus,
    /// The newest deployment of the target, where there is one and it was read.
    pub newest: Option<Details>,
}

/// The first thing that AWS would be told.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A new revision.
    Revision {
        /// Why it is made.
        cause: Cause,
        /// What it is.
        request: Box<DeploymentRequest>,
    },
    /// Somebody else's deployment, which has the very content, becomes the resource's own: only its tags change.
    Adoption,
    /// Only the user's tags change.
    Tags,
    /// Nothing.
    Nothing,
    /// Nothing as long as the resource is suspended.
    Held,
    /// Nothing as long as the parent has not got its own.
    Waiting,
    /// Nothing: a person must act first.
    Blocked,
}

impl Forecast {
    /// At this time, for a resource of whose status nothing is known: everything is found in AWS.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { memory: Memory::default(), knowledge: Knowledge::new(now), now }
    }

    /// All deployments of the key were listed.
    pub fn looked(&mut self, subject: &Subject<'_>, rows: Vec<Row>) {
        let look = Look { began_at: self.now, resource_version: subject.resource_version.to_owned(), rows };
        let remembered = self.memory.deployment.as_ref().map(|own| own.deployment_id.clone());
        self.knowledge.looked(look, remembered.as_deref());
    }

    /// A deployment was read; none where there is no such deployment.
    pub fn read(&mut self, subject: &Subject<'_>, deployment_id: &str, details: Option<Details>) {
        self.knowledge.read_by(subject, deployment_id, self.now, details);
    }

    /// The newest subdeployments of the target were listed.
    pub fn read_subdeployments(&mut self, rows: Vec<Row>) {
        self.knowledge.subdeployments = Some(Reading { at: self.now, value: rows });
    }

    /// The newest deployment of the parent was read; none where there is none.
    pub fn read_parent(&mut self, newest: Option<Row>) {
        self.saw_parent(newest.as_ref());
        self.knowledge.parent = Some(Reading { at: self.now, value: newest });
    }

    /// The newest deployment of a parent that is managed, where there is one: what is old has settled.
    pub fn saw_parent(&mut self, newest: Option<&Row>) {
        self.knowledge.parent_since = newest.map(|row| (row.deployment_id.clone(), row.created_at));
    }

    /// Whether the resource that a deployment names as its owner is there.
    pub fn read_owner(&mut self, owner: ObjectName, found: OwnerFound) {
        self.knowledge.owners.insert(owner, found);
    }

    /// Goes on as far as it can with what was read.
    pub fn advance(&mut self, subject: &Subject<'_>) -> Next {
        for _ in 0..STEPS_AT_MOST {
            let assessment = assess(subject, &self.memory, &self.knowledge, self.now);
            match decide(subject, &self.memory, &self.knowledge, &assessment) {
                Step::Ask(Query::Object) => self.knowledge.live_at = Some(self.now),
                // Who else in the cluster has the key is among the subject's peers.
                Step::Ask(Query::Claimants) => {
                    self.knowledge.claimants = Some(Reading { at: self.now, value: Vec::new() });
                }
                Step::Ask(Query::Definition) => {
                    self.knowledge.definition = Some(Reading { at: self.now, value: false });
                }
                // What devices do is asked once nothing is left to be told to AWS; references were read before.
                Step::Ask(Query::Rollout(_) | Query::References) | Step::Rest(_) => {
                    return self.ended(resting(&assessment), subject, &assessment);
                }
                Step::Ask(Query::Look) => return Next::Read(Question::Look),
                Step::Ask(Query::Deployment(id)) => return Next::Read(Question::Deployment(id)),
                Step::Ask(Query::Subdeployments) => return Next::Read(Question::Subdeployments),
                Step::Ask(Query::Parent) => return Next::Read(Question::Parent),
                Step::Ask(Query::Owner(owner)) => return Next::Read(Question::Owner(owner)),
                Step::Write(Change::Remember(memory, why)) => self.remember(subject, *memory, why),
                // The object is held by it: as good as done.
                Step::Write(Change::AddFinalizer) => {
                    return self.advance(&Subject { has_finalizer: true, ..subject.clone() });
                }
                Step::Write(Change::Create { request, .. }) => {
                    let cause = self.memory.intent.as_ref().map_or(Cause::Change, |intent| intent.cause);
                    return self.ended(Outcome::Revision { cause, request }, subject, &assessment);
                }
                Step::Write(Change::Adopt { .. }) => return self.ended(Outcome::Adoption, subject, &assessment),
                Step::Write(Change::Tag | Change::Untag(_)) => return self.ended(Outcome::Tags, subject, &assessment),
                // Old revisions go when they are too many, whatever the manifest says; and no manifest is being deleted.
                Step::Write(
                    Change::Prune(_) | Change::RemoveFinalizer { .. } | Change::Cancel(_) | Change::Delete(_),
                ) => return self.ended(Outcome::Nothing, subject, &assessment),
            }
        }
        // Rules that go round in circles: nothing can be said for certain.
        let assessment = assess(subject, &self.memory, &self.knowledge, self.now);
        self.ended(Outcome::Blocked, subject, &assessment)
    }

    fn remember(&mut self, subject: &Subject<'_>, mut memory: Memory, why: Why) {
        if let (Why::Foreign, Some(foreign)) = (why, &mut memory.foreign)
            && !self.is_redeploy_handled(subject)
        {
            // In the cluster the other one was found before this was asked for, and the request takes the target back.
            foreign.redeploy_at = None;
        }
        self.knowledge.remembered(&memory, why, self.now);
        self.memory = memory;
    }

    /// Whether a deployment of ours was made for the present `redeploy-at`.
    fn is_redeploy_handled(&self, subject: &Subject<'_>) -> bool {
        let Some(present) = subject.redeploy_hash() else { return true };
        let details = self.knowledge.details.values().filter_map(|reading| reading.value.as_ref());
        details.filter_map(|details| ours(details, subject)).any(|tags| tags.redeploy.as_ref() == Some(&present))
    }

    fn ended(&self, outcome: Outcome, subject: &Subject<'_>, assessment: &Assessment) -> Next {
        let newest = self.knowledge.look.as_ref().and_then(|look| look.rows.first());
        let newest = newest.and_then(|row| self.knowledge.details.get(&row.deployment_id)?.value.clone());
        let status = summarise(subject, &self.memory, assessment, &[]);
        Next::Ended(Box::new(Ending { outcome, status, newest }))
    }
}

/// What a resource comes to for which nothing more is to be done now.
fn resting(assessment: &Assessment) -> Outcome {
    match &assessment.phase {
        Phase::Suspended if assessment.sync != Sync::UpToDate => Outcome::Held,
        Phase::Suspended => Outcome::Nothing,
        Phase::WaitingForParent => Outcome::Waiting,
        Phase::Invalid(_)
        | Phase::Unresolved
        | Phase::ReferenceMissing { .. }
        | Phase::NotAllowed(_)
        | Phase::KeyChanged { .. }
        | Phase::TargetConflict(_)
        | Phase::Foreign(_)
        | Phase::Drifted(_)
        | Phase::CorrectionsExhausted { .. }
        | Phase::Refused(_)
        | Phase::Changing => Outcome::Blocked,
        Phase::Deleting(_) | Phase::RolloutCanceled | Phase::RolloutFailed | Phase::RollingOut | Phase::Done => {
            Outcome::Nothing
        }
    }
}

#[cfg(test)]
mod tests;
