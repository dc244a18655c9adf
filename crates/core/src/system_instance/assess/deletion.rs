//! What a deletion still needs. Pure.

use jiff::{SignedDuration, Timestamp};

use super::super::SystemInstanceId;
use super::super::intent::may_still_come;
use super::super::knowledge::Instance;
use super::super::subject::{IdInSpec, Wanted};
use super::ownership::{Seen, Whose, whose};
use super::progress::{Cause, Clearing, Due, Moving, Scene, clear};
use crate::api::SystemInstanceDeletionPolicy;

/// Whether the definition is being deleted is good for so long.
const READING_IS_FRESH_FOR: SignedDuration = SignedDuration::from_secs(30);

/// What a deletion still needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Deletion {
    /// Nothing: the finalizer goes.
    Release {
        /// AWS was left alone although the policy says otherwise, because the resource is suspended.
        abandoned: bool,
    },
    /// Whether the resource's definition is being deleted must be asked.
    Definition,
    /// The identity does not allow it, or is not there.
    Barred(String),
    /// The `ConfigMap` that holds the definition must be read.
    References,
    /// Which system instance it stands for is not known.
    IdUnknown,
    /// A request may still be on its way: it shows by then.
    Wait(Timestamp),
    /// This id must be looked at.
    Look(SystemInstanceId),
    /// The tags of this one must be read.
    Tags(Box<Instance>),
    /// This step is due.
    Due(Due),
    /// AWS is at work.
    Moving(Moving),
}

pub(super) fn assess(scene: Scene<'_>) -> Deletion {
    let Scene { subject, memory, knowledge, now } = scene;
    let Wanted::Absent { policy, id, suspended } = subject.wanted else {
        return Deletion::Release { abandoned: false };
    };
    if !subject.has_finalizer || *policy == SystemInstanceDeletionPolicy::Retain {
        return Deletion::Release { abandoned: false };
    }
    // Everybody's resources go at once then: nobody asked for everybody's system instances to go.
    match &knowledge.definition {
        Some(reading) if now.duration_since(reading.at) <= READING_IS_FRESH_FOR => {
            if reading.value {
                return Deletion::Release { abandoned: false };
            }
        }
        Some(_) | None => return Deletion::Definition,
    }
    if *suspended {
        return Deletion::Release { abandoned: true };
    }
    if let Some(message) = subject.barred() {
        return Deletion::Barred(message.to_owned());
    }
    let mut ids = memory.ids();
    if ids.is_empty() {
        match id {
            IdInSpec::Known(id) => ids.push(id.clone()),
            IdInSpec::Unread => return Deletion::References,
            // It was deleted already, and the ConfigMap with it.
            IdInSpec::Unknown if memory.deleted.is_some() => return Deletion::Release { abandoned: false },
            IdInSpec::Unknown => return Deletion::IdUnknown,
        }
    }
    for id in &ids {
        let instance = match scene.seen(id) {
            Seen::Unread => return Deletion::Look(id.clone()),
            Seen::Doubted(until) => return Deletion::Wait(until),
            Seen::Absent => continue,
            Seen::Found(instance) => instance,
        };
        match whose(instance, None, subject, memory, knowledge) {
            Whose::Untold => return Deletion::Tags(Box::new(instance.clone())),
            // Nobody else's is touched.
            Whose::OwnerUnknown(_) | Whose::Adoptable | Whose::Foreign(_) => continue,
            Whose::Remembered | Whose::Tagged(_) => {}
        }
        return match clear(scene, instance, Cause::Deleting) {
            Clearing::Due(due) => Deletion::Due(due),
            Clearing::Moving(moving) => Deletion::Moving(moving),
        };
    }
    // A create that nobody has seen may still come.
    match may_still_come(memory, knowledge) {
        Some(until) => Deletion::Wait(until),
        None => Deletion::Release { abandoned: false },
    }
}
