//! What the rules would do for a resource that has no status yet, found out by asking them: for `plan`. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::SystemInstanceId;
use super::assess::{Assessment, Cause, Phase, Progress, assess};
use super::content::Content;
use super::decide::{Change, Query, Step, decide};
use super::knowledge::{Instance, Knowledge, Look, OwnerFound};
use super::memory::{Memory, Operation};
use super::subject::Subject;
use super::summarise::summarise;
use crate::api::SystemInstanceStatus;
use crate::names::ObjectName;

/// Steps that lead nowhere: a defect of the rules, and no reason to go on for ever.
const STEPS_AT_MOST: usize = 50;

/// Asks the rules step by step.
pub struct Forecast {
    memory: Memory,
    knowledge: Knowledge,
    now: Timestamp,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Something must be read.
    Read(Question),
    /// This is what would happen.
    Ended(Box<Ending>),
}

/// What must be read.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// A system instance.
    Look(SystemInstanceId),
    /// Its tags.
    Tags(Box<Instance>),
    /// Whether a resource exists that tags name as the owner.
    Owner(ObjectName),
}

/// What would happen.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// It.
    pub outcome: Outcome,
    /// What the resource would say of it.
    pub status: SystemInstanceStatus,
    /// What is there now.
    pub current: Option<Box<Instance>>,
}

/// What would happen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is created, and deployed where it is to run.
    Create,
    /// It is deployed.
    Deploy,
    /// It is undeployed.
    Undeploy,
    /// It makes room for one with another content.
    Replace,
    /// What is there is taken over as it is.
    Adopt,
    /// Its tags change.
    Tags,
    /// AWS is at work on it.
    Moving,
    /// Something, once `spec.suspend` is taken away.
    Held,
    /// Nothing: a person must act first.
    Blocked,
    /// Nothing.
    Nothing,
}

impl Forecast {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { memory: Memory::default(), knowledge: Knowledge::new(now, None), now }
    }

    /// Goes on as far as what is known reaches.
    pub fn advance(&mut self, subject: &Subject<'_>) -> Next {
        for _ in 0..STEPS_AT_MOST {
            let assessment = assess(subject, &self.memory, &self.knowledge, self.now);
            let outcome = match decide(subject, &self.memory, &self.knowledge, &assessment) {
                Step::Ask(Query::Look(id)) => return Next::Read(Question::Look(id)),
                Step::Ask(Query::Tags(instance)) => return Next::Read(Question::Tags(instance)),
                Step::Ask(Query::Owner(owner)) => return Next::Read(Question::Owner(owner)),
                Step::Write(Change::Remember(memory)) if memory.intent.is_none() => {
                    self.knowledge.remembered(&self.memory, &memory, self.now);
                    self.memory = *memory;
                    continue;
                }
                Step::Write(Change::Remember(memory)) => first_step(&memory, &assessment),
                Step::Write(Change::Tag(..)) => Outcome::Adopt,
                Step::Write(Change::TagOwn(_) | Change::UntagOwn(_)) => Outcome::Tags,
                // Nothing of these comes before a step is recorded, and none is.
                Step::Write(
                    Change::AddFinalizer
                    | Change::RemoveFinalizer { .. }
                    | Change::Create(_)
                    | Change::Deploy(_)
                    | Change::Undeploy(_)
                    | Change::Delete(_),
                )
                | Step::Ask(Query::Object | Query::Definition | Query::References)
                | Step::Rest(_) => at_rest(&assessment),
            };
            return Next::Ended(Box::new(self.ending(subject, &assessment, outcome)));
        }
        let assessment = assess(subject, &self.memory, &self.knowledge, self.now);
        Next::Ended(Box::new(self.ending(subject, &assessment, Outcome::Blocked)))
    }

    /// What is there under an id.
    pub fn looked(&mut self, id: &SystemInstanceId, found: Option<Instance>) {
        self.knowledge.looked(id, Look { began_at: self.now, found: found.map(Box::new) });
    }

    /// The tags of what is there.
    pub fn read_tags(&mut self, instance: &Instance, tags: BTreeMap<String, String>) {
        self.knowledge.read_tags(instance, tags);
    }

    /// Whether a resource exists that tags name.
    pub fn read_owner(&mut self, owner: ObjectName, found: OwnerFound) {
        self.knowledge.owners.insert(owner, found);
    }

    fn ending(&self, subject: &Subject<'_>, assessment: &Assessment, outcome: Outcome) -> Ending {
        let id = subject.desired().map(|(desired, _)| &desired.content.definition.id);
        let current = id.and_then(|id| self.knowledge.look(id)).and_then(|look| look.found.clone());
        let status = summarise(subject, &self.memory, &self.knowledge, assessment, &[]);
        Ending { outcome, status, current }
    }
}

impl Ending {
    /// The names of what would be different.
    #[must_use]
    pub fn differences(&self, wanted: &Content) -> Vec<&'static str> {
        let there = self.current.as_ref().and_then(|current| current.content.as_ref());
        there.map(|there| there.differences(wanted)).unwrap_or_default()
    }
}

fn first_step(memory: &Memory, assessment: &Assessment) -> Outcome {
    let cause = match &assessment.progress {
        Some(Progress::Due(due)) => Some(due.cause),
        Some(_) | None => None,
    };
    match (memory.intent.as_ref().map(|intent| intent.operation), cause) {
        (_, Some(Cause::Replaced)) => Outcome::Replace,
        (Some(Operation::Create), _) => Outcome::Create,
        (Some(Operation::Undeploy | Operation::Delete), _) => Outcome::Undeploy,
        (Some(Operation::Deploy) | None, _) => Outcome::Deploy,
    }
}

fn at_rest(assessment: &Assessment) -> Outcome {
    match &assessment.phase {
        Phase::Suspended if assessment.progress != Some(Progress::Done) => Outcome::Held,
        Phase::Moving(_) => Outcome::Moving,
        Phase::Suspended | Phase::Done | Phase::Reading | Phase::Changing | Phase::Failed { .. } => Outcome::Nothing,
        Phase::Deleting(_)
        | Phase::Invalid(_)
        | Phase::Unresolved
        | Phase::ReferenceMissing { .. }
        | Phase::NotAllowed(_)
        | Phase::KeyChanged { .. }
        | Phase::TargetConflict(_)
        | Phase::Foreign(_)
        | Phase::Drifted(_)
        | Phase::Refused(_) => Outcome::Blocked,
    }
}
