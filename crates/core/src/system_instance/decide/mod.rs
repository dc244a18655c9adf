//! Names the one next operation. Pure.
//!
//! At most one operation on the outside comes out, reads included, so that every crash point lies between two steps.

mod made;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::SystemInstanceId;
use super::assess::ownership::whose;
use super::assess::{Assessment, Deletion, Due, Moving, Phase, Progress, Tags, Whose, owner_tags, wanted_tags};
use super::intent::IntentState;
use super::knowledge::{Instance, Knowledge};
use super::memory::{Intent, Memory, Operation};
use super::subject::Subject;
use super::tags::OwnerTags;
use crate::api::SystemInstanceDeletionPolicy;
use crate::names::ObjectName;
use crate::trouble::Blocked;
use made::{closed, forgotten};

/// What was read before a send must not be older: another process, or a person, may have acted since.
const READINGS_SERVE_FOR: SignedDuration = SignedDuration::from_secs(10);

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
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// A system instance.
    Look(SystemInstanceId),
    /// The tags of a system instance.
    Tags(Box<Instance>),
    /// The object itself, from the API server and not from a cache.
    Object,
    /// Whether a resource exists that tags name as the owner, from the API server and not from a cache.
    Owner(ObjectName),
    /// Whether the resource's definition is being deleted.
    Definition,
    /// What the spec refers to.
    References,
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
    Remember(Box<Memory>),
    /// `CreateSystemInstance` with these tags, the user's included.
    Create(BTreeMap<String, String>),
    /// `DeploySystemInstance`.
    Deploy(SystemInstanceId),
    /// `UndeploySystemInstance`.
    Undeploy(SystemInstanceId),
    /// `DeleteSystemInstance`.
    Delete(SystemInstanceId),
    /// `TagResource`.
    Tag(Box<Instance>, BTreeMap<String, String>),
    /// `TagResource` of our own with all tags that it should have.
    TagOwn(BTreeMap<String, String>),
    /// `UntagResource` of our own.
    UntagOwn(Vec<String>),
}

/// Names the one next operation.
#[must_use]
pub fn decide(subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge, assessment: &Assessment) -> Step {
    let case = Case { subject, memory, knowledge, assessment };
    match &assessment.phase {
        Phase::Deleting(deletion) => case.deleting(deletion),
        Phase::Unresolved => Step::Ask(Query::References),
        Phase::Invalid(_) | Phase::NotAllowed(_) | Phase::KeyChanged { .. } | Phase::TargetConflict(_) => {
            Step::Rest(None)
        }
        Phase::ReferenceMissing { stalled_at, .. } => Step::Rest(Some(*stalled_at).filter(|at| *at > assessment.now)),
        Phase::Suspended
        | Phase::Foreign(_)
        | Phase::Drifted(_)
        | Phase::Refused(_)
        | Phase::Reading
        | Phase::Changing
        | Phase::Failed { .. }
        | Phase::Moving(_)
        | Phase::Done => case.present(),
    }
}

/// Whether what was read before a send is fresh enough for it: the wait for a permit can be long.
#[must_use]
pub fn may_still_go(knowledge: &Knowledge, id: &SystemInstanceId, now: Timestamp) -> bool {
    let is_fresh = |at: Timestamp| now.duration_since(at) <= READINGS_SERVE_FOR;
    knowledge.live_at.is_some_and(is_fresh) && knowledge.look(id).is_some_and(|look| is_fresh(look.began_at))
}

#[derive(Clone, Copy)]
struct Case<'a> {
    subject: &'a Subject<'a>,
    memory: &'a Memory,
    knowledge: &'a Knowledge,
    assessment: &'a Assessment,
}

impl Case<'_> {
    fn present(&self) -> Step {
        let Self { subject, memory, assessment, .. } = *self;
        if subject.has_finalizer && self.policy() == Some(SystemInstanceDeletionPolicy::Retain) {
            return Step::Write(Change::RemoveFinalizer { abandoned: false });
        }
        if let Some(step) = self.settle() {
            return step;
        }
        if let Some(until) = assessment.blocked.as_ref().and_then(Blocked::waits_until) {
            return Step::Rest(Some(until));
        }
        if memory.intent.is_some() {
            let due = match &assessment.progress {
                Some(Progress::Due(due)) => Some(due),
                Some(_) | None => None,
            };
            if let Some(step) = self.go_on(due) {
                return step;
            }
        }
        match &assessment.progress {
            Some(Progress::Look(id)) => Step::Ask(Query::Look(id.clone())),
            Some(Progress::Lags(id, at)) => self.again(id, *at),
            Some(Progress::Tags(instance)) => Step::Ask(Query::Tags(instance.clone())),
            Some(Progress::Owner(owner)) => Step::Ask(Query::Owner(owner.clone())),
            Some(Progress::TakeUp(instance, owner)) => remember(self.taken_up(instance, owner)),
            Some(Progress::Adopt(instance)) if !assessment.suspended => self.adopt(instance),
            Some(Progress::Forget(id)) => remember(forgotten(memory.clone(), id)),
            Some(Progress::Due(due)) if !assessment.suspended => self.begin(due),
            Some(Progress::Moving(moving)) => self.tags().unwrap_or_else(|| self.follow(moving)),
            Some(Progress::Failed(at)) => self.tags().unwrap_or(Step::Rest(Some(*at))),
            Some(Progress::Done) => self.tags().unwrap_or(Step::Rest(None)),
            Some(Progress::Adopt(_) | Progress::Due(_) | Progress::Foreign(_) | Progress::Drifted(_)) | None => {
                Step::Rest(None)
            }
        }
    }

    fn deleting(&self, deletion: &Deletion) -> Step {
        let Self { memory, assessment, .. } = *self;
        match deletion {
            Deletion::Release { abandoned } => {
                return if self.subject.has_finalizer {
                    Step::Write(Change::RemoveFinalizer { abandoned: *abandoned })
                } else {
                    Step::Rest(None)
                };
            }
            Deletion::Definition => return Step::Ask(Query::Definition),
            Deletion::References => return Step::Ask(Query::References),
            Deletion::Barred(_) | Deletion::IdUnknown => return Step::Rest(None),
            Deletion::Wait(_) | Deletion::Look(_) | Deletion::Tags(_) | Deletion::Due(_) | Deletion::Moving(_) => {}
        }
        if let Some(step) = self.settle() {
            return step;
        }
        if let Some(until) = assessment.blocked.as_ref().and_then(Blocked::waits_until) {
            return Step::Rest(Some(until));
        }
        let due = match deletion {
            Deletion::Due(due) => Some(due),
            Deletion::Release { .. }
            | Deletion::Definition
            | Deletion::References
            | Deletion::Barred(_)
            | Deletion::IdUnknown
            | Deletion::Wait(_)
            | Deletion::Look(_)
            | Deletion::Tags(_)
            | Deletion::Moving(_) => None,
        };
        let is_create = memory.intent.as_ref().is_some_and(|intent| intent.operation == Operation::Create);
        // A create is never sent any more: what may be on its way is waited for.
        if memory.intent.is_some()
            && (!is_create || due.is_some())
            && let Some(step) = self.go_on(due)
        {
            return step;
        }
        match deletion {
            Deletion::Look(id) => Step::Ask(Query::Look(id.clone())),
            Deletion::Tags(instance) => Step::Ask(Query::Tags(instance.clone())),
            Deletion::Due(due) => self.begin(due),
            Deletion::Wait(until) => match memory.ids().first() {
                Some(id) => self.again(id, *until),
                None => Step::Rest(Some(*until)),
            },
            Deletion::Moving(moving) => self.follow(moving),
            Deletion::Release { .. }
            | Deletion::Definition
            | Deletion::References
            | Deletion::Barred(_)
            | Deletion::IdUnknown => Step::Rest(None),
        }
    }

    /// What an open step has done is remembered before anything else.
    fn settle(&self) -> Option<Step> {
        let intent = self.memory.intent.as_ref()?;
        match &self.assessment.intent {
            IntentState::Made(_) if intent.operation == Operation::Create && !self.has_reply() => {
                Some(self.found_created(intent))
            }
            IntentState::Made(deployment_id) => Some(remember(self.made(intent, deployment_id.clone()))),
            IntentState::None | IntentState::Open | IntentState::Uncertain(_) | IntentState::Unseen => None,
        }
    }

    fn has_reply(&self) -> bool {
        self.knowledge.sends.as_ref().is_some_and(|sends| sends.reply.is_some())
    }

    /// AWS's answer was lost. Whose it is that is there its tags say; the step stays open until that is known, or a crash in between
    /// would leave behind what nobody remembers.
    fn found_created(&self, intent: &Intent) -> Step {
        let Self { subject, memory, knowledge, .. } = *self;
        let found = knowledge.look(&intent.id).and_then(|look| look.found.as_deref());
        match found.map(|instance| (instance, whose(instance, None, subject, memory, knowledge))) {
            Some((instance, Whose::Untold)) => Step::Ask(Query::Tags(Box::new(instance.clone()))),
            Some((instance, Whose::Tagged(owner))) => remember(self.taken_up(instance, &owner)),
            Some((_, Whose::Remembered | Whose::OwnerUnknown(_) | Whose::Adoptable | Whose::Foreign(_))) | None => {
                remember(closed(memory.clone()))
            }
        }
    }

    /// Sends an open step again, gives it up, or waits until one of them is safe.
    fn go_on(&self, due: Option<&Due>) -> Option<Step> {
        let intent = self.memory.intent.as_ref()?;
        match self.assessment.intent {
            IntentState::None | IntentState::Made(_) => None,
            IntentState::Unseen => Some(Step::Ask(Query::Look(intent.id.clone()))),
            IntentState::Uncertain(until) => Some(self.again(&intent.id, until)),
            IntentState::Open => {
                let is_wanted = due.is_some_and(|due| self.is_same(intent, due)) && !self.assessment.suspended;
                Some(if is_wanted { self.send(intent) } else { remember(closed(self.memory.clone())) })
            }
        }
    }

    fn is_same(&self, intent: &Intent, due: &Due) -> bool {
        let digest = self.subject.desired().map(|(_, digest)| digest);
        (intent.operation, &intent.id) == (due.operation, &due.id)
            && (intent.operation != Operation::Create || intent.digest.as_ref() == digest)
            && intent.redeploy == self.redeploy_of(due)
    }

    /// The `redeploy-at` that a step answers: the present one where it asks for the step, and with anything that is created.
    fn redeploy_of(&self, due: &Due) -> Option<String> {
        (due.is_request || due.operation == Operation::Create).then(|| self.subject.redeploy_hash()).flatten()
    }

    /// Nothing goes out before it is recorded, and nothing is recorded that could not be undone.
    fn begin(&self, due: &Due) -> Step {
        let Self { subject, memory, knowledge, assessment } = *self;
        if !subject.has_finalizer && self.policy() == Some(SystemInstanceDeletionPolicy::Delete) {
            return Step::Write(Change::AddFinalizer);
        }
        let found = knowledge.look(&due.id).and_then(|look| look.found.as_deref());
        let found = found.filter(|instance| !memory.is_deleted(instance));
        let is_create = due.operation == Operation::Create;
        let intent = Intent {
            operation: due.operation,
            id: due.id.clone(),
            digest: subject.desired().filter(|_| is_create).map(|(_, digest)| digest.clone()),
            redeploy: self.redeploy_of(due),
            base: found.map(|instance| instance.updated_at),
            started_at: assessment.now,
        };
        remember(Memory { intent: Some(intent), ..memory.clone() })
    }

    fn send(&self, intent: &Intent) -> Step {
        let Self { subject, memory, knowledge, assessment } = *self;
        if !may_still_go(knowledge, &intent.id, assessment.now) {
            let is_live = knowledge.live_at.is_some_and(|at| assessment.now.duration_since(at) <= READINGS_SERVE_FOR);
            return Step::Ask(if is_live { Query::Look(intent.id.clone()) } else { Query::Object });
        }
        let id = intent.id.clone();
        Step::Write(match intent.operation {
            Operation::Create => {
                let memory = Memory { redeploy_at: subject.redeploy_at.clone(), ..memory.clone() };
                Change::Create(wanted_tags(subject, &memory))
            }
            Operation::Deploy => Change::Deploy(id),
            Operation::Undeploy => Change::Undeploy(id),
            Operation::Delete => Change::Delete(id),
        })
    }

    fn adopt(&self, instance: &Instance) -> Step {
        if !self.subject.has_finalizer && self.policy() == Some(SystemInstanceDeletionPolicy::Delete) {
            return Step::Write(Change::AddFinalizer);
        }
        let owner = owner_tags(self.subject, self.memory);
        let tags = owner.iter().flat_map(OwnerTags::to_map).collect();
        Step::Write(Change::Tag(Box::new(instance.clone()), tags))
    }

    fn tags(&self) -> Option<Step> {
        let Self { subject, memory, assessment, .. } = *self;
        if let Some(until) = assessment.untaggable.as_ref().and_then(Blocked::waits_until) {
            return Some(Step::Rest(Some(until)));
        }
        match &assessment.tags {
            Tags::Applied => None,
            Tags::Add | Tags::Remove(_) if assessment.suspended => None,
            Tags::Add => Some(Step::Write(Change::TagOwn(wanted_tags(subject, memory)))),
            Tags::Remove(keys) => Some(Step::Write(Change::UntagOwn(keys.clone()))),
            Tags::Note => Some(remember(Memory { applied_tags: self.applied(memory), ..memory.clone() })),
        }
    }

    fn follow(&self, moving: &Moving) -> Step {
        let Moving { id, status: _, again_at } = moving;
        if self.assessment.now >= *again_at { Step::Ask(Query::Look(id.clone())) } else { Step::Rest(Some(*again_at)) }
    }

    /// Looks again, at this time at the latest: what lags shows in seconds most often.
    fn again(&self, id: &SystemInstanceId, at: Timestamp) -> Step {
        let Some(look) = self.knowledge.look(id) else { return Step::Ask(Query::Look(id.clone())) };
        let next = look.began_at.checked_add(READINGS_SERVE_FOR).unwrap_or(at).min(at);
        if self.assessment.now >= next { Step::Ask(Query::Look(id.clone())) } else { Step::Rest(Some(next)) }
    }

    fn policy(&self) -> Option<SystemInstanceDeletionPolicy> {
        self.subject.desired().map(|(desired, _)| desired.deletion_policy)
    }
}

fn remember(memory: Memory) -> Step {
    Step::Write(Change::Remember(Box::new(memory)))
}
