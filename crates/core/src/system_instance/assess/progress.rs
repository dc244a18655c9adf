//! What is still to be done to have what the spec says. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::super::SystemInstanceId;
use super::super::content::Desired;
use super::super::knowledge::{DeploymentStatus, Instance, Knowledge};
use super::super::memory::{Memory, Operation};
use super::super::subject::Subject;
use super::super::tags::OwnerTags;
use super::ownership::{Seen, Whose, seen, whose};
use crate::deployment::revision::Digest;
use crate::names::ObjectName;
use crate::pace::rollout_wait;
use crate::trouble::later;

/// How long a deployment that failed rests before it is tried again; the last one stays. Each makes a version of a Greengrass
/// group: what a person must mend costs a dozen a day, and what heals by itself is not waited for longer than an hour.
const RETRY_WAITS: [Duration; 5] = [
    Duration::from_mins(5),
    Duration::from_mins(10),
    Duration::from_mins(20),
    Duration::from_mins(40),
    Duration::from_hours(1),
];

/// What is still to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// This id must be looked at.
    Look(SystemInstanceId),
    /// A read is behind; it is made again then.
    Lags(SystemInstanceId, Timestamp),
    /// The tags of this one must be read.
    Tags(Box<Instance>),
    /// Whether this resource exists must be asked.
    Owner(ObjectName),
    /// It is ours, and must be remembered.
    TakeUp(Box<Instance>, Box<OwnerTags>),
    /// It is what is wanted: it is tagged as ours.
    Adopt(Box<Instance>),
    /// What took its place stands: the old one is gone and must be forgotten.
    Forget(SystemInstanceId),
    /// This step is due.
    Due(Due),
    /// AWS is at work.
    Moving(Moving),
    /// The deployment failed, and is tried again then.
    Failed(Timestamp),
    /// Somebody else's is there.
    Foreign(String),
    /// Somebody has changed what was reached.
    Drifted(Drift),
    /// Nothing.
    Done,
}

/// AWS is at work on a system instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Moving {
    /// Which.
    pub id: SystemInstanceId,
    /// What it says of it.
    pub status: DeploymentStatus,
    /// When it is looked at again.
    pub again_at: Timestamp,
}

/// A step that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub operation: Operation,
    /// To which system instance.
    pub id: SystemInstanceId,
    /// Whether it answers the present `redeploy-at`.
    pub is_request: bool,
    /// Why, for people.
    pub cause: Cause,
}

/// Why a step is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is not there yet, or does not run yet.
    Missing,
    /// What it is made of has changed, and the service can't update it.
    Replaced,
    /// `deployed` is false.
    Unwanted,
    /// `redeploy-at` asks for it.
    Requested,
    /// The deployment before failed.
    Failed,
    /// The resource is being deleted.
    Deleting,
}

/// How AWS no longer has what was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drift {
    /// It is gone.
    Missing,
    /// It runs no more.
    Undeployed,
    /// It runs, and should not.
    Deployed,
}

/// What a progress is judged by.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) memory: &'a Memory,
    pub(super) knowledge: &'a Knowledge,
    pub(super) now: Timestamp,
}

impl<'a> Scene<'a> {
    pub(super) fn seen(&self, id: &SystemInstanceId) -> Seen<'a> {
        seen(id, self.memory, self.knowledge)
    }

    /// It is looked at as quickly as devices that move, and the more seldom the longer nothing has.
    fn moving(&self, instance: &Instance) -> Moving {
        let seen_at = self.knowledge.look(&instance.id).map_or(self.now, |look| look.began_at);
        let wait = rollout_wait(seen_at.duration_since(instance.updated_at), false);
        Moving { id: instance.id.clone(), status: instance.status, again_at: later(seen_at, wait) }
    }

    /// Whether a new `redeploy-at` waits to be handled.
    fn is_requested(&self) -> bool {
        self.subject.redeploy_at.is_some() && self.subject.redeploy_at != self.memory.redeploy_at
    }
}

pub(super) fn assess(scene: Scene<'_>, desired: &Desired, digest: &Digest) -> Progress {
    let id = &desired.content.definition.id;
    let memory = scene.memory;
    // One at a time goes, or what a second change leaves behind would be forgotten.
    if memory.own.as_ref().is_some_and(|own| own.id != *id)
        && let Some(step) = clear_replaced(scene)
    {
        return step;
    }
    let instance = match scene.seen(id) {
        Seen::Unread => return Progress::Look(id.clone()),
        Seen::Doubted(until) => return Progress::Lags(id.clone(), until),
        Seen::Absent => return absent(scene, id),
        Seen::Found(instance) => instance,
    };
    match whose(instance, Some((desired, digest)), scene.subject, memory, scene.knowledge) {
        Whose::Untold => return Progress::Tags(Box::new(instance.clone())),
        Whose::OwnerUnknown(owner) => return Progress::Owner(owner),
        Whose::Tagged(owner) => return Progress::TakeUp(Box::new(instance.clone()), owner),
        Whose::Adoptable => return Progress::Adopt(Box::new(instance.clone())),
        Whose::Foreign(message) => return Progress::Foreign(message),
        Whose::Remembered => {}
    }
    // Its content is another one's: the service can't change it.
    if memory.own.as_ref().is_some_and(|own| own.id == *id && own.digest != *digest) {
        return clear(scene, instance, Cause::Replaced).into();
    }
    if let Some(step) = clear_replaced(scene) {
        return step;
    }
    if desired.deployed { running(scene, instance) } else { resting(scene, instance) }
}

/// What is still to be done for the one whose place ours takes.
fn clear_replaced(scene: Scene<'_>) -> Option<Progress> {
    let old = scene.memory.replaced.as_ref()?;
    Some(match scene.seen(&old.id) {
        Seen::Unread => Progress::Look(old.id.clone()),
        Seen::Doubted(until) => Progress::Lags(old.id.clone(), until),
        Seen::Found(before) if before.created_at == old.created_at => clear(scene, before, Cause::Replaced).into(),
        // Gone, or somebody else's by now.
        Seen::Found(_) | Seen::Absent => Progress::Forget(old.id.clone()),
    })
}

fn absent(scene: Scene<'_>, id: &SystemInstanceId) -> Progress {
    let was_ours = scene.memory.own.as_ref().is_some_and(|own| own.id == *id);
    match (was_ours, scene.is_requested()) {
        (true, false) => Progress::Drifted(Drift::Missing),
        (true, true) => due(Operation::Create, id, Cause::Requested),
        (false, _) => due(Operation::Create, id, Cause::Missing),
    }
}

/// How a system instance goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Clearing {
    /// This step is due.
    Due(Due),
    /// AWS is at work.
    Moving(Moving),
}

impl From<Clearing> for Progress {
    fn from(clearing: Clearing) -> Self {
        match clearing {
            Clearing::Due(due) => Self::Due(due),
            Clearing::Moving(moving) => Self::Moving(moving),
        }
    }
}

/// Undeploys and deletes.
pub(super) fn clear(scene: Scene<'_>, instance: &Instance, cause: Cause) -> Clearing {
    let due = |operation| Clearing::Due(Due { operation, id: instance.id.clone(), is_request: false, cause });
    match instance.status {
        DeploymentStatus::DeployedInTarget | DeploymentStatus::Failed => due(Operation::Undeploy),
        DeploymentStatus::NotDeployed | DeploymentStatus::DeletedInTarget => due(Operation::Delete),
        DeploymentStatus::Bootstrap
        | DeploymentStatus::DeployInProgress
        | DeploymentStatus::UndeployInProgress
        | DeploymentStatus::PendingDelete
        | DeploymentStatus::Unknown => Clearing::Moving(scene.moving(instance)),
    }
}

/// It is to run.
fn running(scene: Scene<'_>, instance: &Instance) -> Progress {
    let (id, memory, now) = (&instance.id, scene.memory, scene.now);
    let requested = scene.is_requested();
    match instance.status {
        DeploymentStatus::NotDeployed | DeploymentStatus::DeletedInTarget => match (memory.settled, requested) {
            (Some(true), false) => Progress::Drifted(Drift::Undeployed),
            (Some(true), true) => due(Operation::Deploy, id, Cause::Requested),
            (Some(false) | None, _) => due(Operation::Deploy, id, Cause::Missing),
        },
        DeploymentStatus::DeployedInTarget | DeploymentStatus::Failed if requested => {
            due(Operation::Deploy, id, Cause::Requested)
        }
        DeploymentStatus::DeployedInTarget => Progress::Done,
        DeploymentStatus::Failed => {
            let index = usize::try_from(memory.retries).unwrap_or(usize::MAX);
            let wait = RETRY_WAITS.get(index).or_else(|| RETRY_WAITS.last()).copied().unwrap_or_default();
            let at = later(instance.updated_at, wait);
            if at <= now { due(Operation::Deploy, id, Cause::Failed) } else { Progress::Failed(at) }
        }
        DeploymentStatus::Bootstrap
        | DeploymentStatus::DeployInProgress
        | DeploymentStatus::UndeployInProgress
        | DeploymentStatus::PendingDelete
        | DeploymentStatus::Unknown => Progress::Moving(scene.moving(instance)),
    }
}

/// It is not to run.
fn resting(scene: Scene<'_>, instance: &Instance) -> Progress {
    let id = &instance.id;
    match instance.status {
        DeploymentStatus::NotDeployed | DeploymentStatus::DeletedInTarget => Progress::Done,
        DeploymentStatus::DeployedInTarget | DeploymentStatus::Failed => {
            match (scene.memory.settled, scene.is_requested()) {
                (Some(false), false) => Progress::Drifted(Drift::Deployed),
                (Some(false), true) => due(Operation::Undeploy, id, Cause::Requested),
                (Some(true) | None, _) => due(Operation::Undeploy, id, Cause::Unwanted),
            }
        }
        DeploymentStatus::Bootstrap
        | DeploymentStatus::DeployInProgress
        | DeploymentStatus::UndeployInProgress
        | DeploymentStatus::PendingDelete
        | DeploymentStatus::Unknown => Progress::Moving(scene.moving(instance)),
    }
}

fn due(operation: Operation, id: &SystemInstanceId, cause: Cause) -> Progress {
    Progress::Due(Due { operation, id: id.clone(), is_request: cause == Cause::Requested, cause })
}
