//! What is there under an id, and whose it is. Pure.

use jiff::{SignedDuration, Timestamp};

use super::super::SystemInstanceId;
use super::super::content::Desired;
use super::super::knowledge::{Instance, Knowledge, OwnerFound};
use super::super::memory::{Memory, Operation};
use super::super::subject::Subject;
use super::super::tags::OwnerTags;
use crate::deployment::assess::intent::DOUBT;
use crate::deployment::assess::ownership::CREATE_SHOWS_WITHIN;
use crate::deployment::revision::Digest;
use crate::names::ObjectName;

/// How soon AWS is looked at again where a read is behind.
const LAGS_FOR: SignedDuration = SignedDuration::from_secs(5);

/// What is there under an id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen<'a> {
    /// Nobody has looked.
    Unread,
    /// A read is behind what is known already; it says nothing before this time.
    Doubted(Timestamp),
    /// Nothing is.
    Absent,
    /// This is.
    Found(&'a Instance),
}

/// What is there under an id, as far as reads can be believed.
#[must_use]
pub fn seen<'a>(id: &SystemInstanceId, memory: &Memory, knowledge: &'a Knowledge) -> Seen<'a> {
    let Some(look) = knowledge.look(id) else { return Seen::Unread };
    match look.found.as_deref().filter(|instance| !memory.is_deleted(instance)) {
        Some(instance) => {
            // The status has seen it later than this read shows it, or knows the one that came after it.
            let lags = memory.own.as_ref().filter(|own| own.id == *id).is_some_and(|own| {
                let is_earlier = || memory.shown.updated_at.is_some_and(|seen| instance.updated_at < seen);
                instance.created_at < own.created_at || instance.created_at == own.created_at && is_earlier()
            });
            if lags { Seen::Doubted(later(look.began_at, LAGS_FOR)) } else { Seen::Found(instance) }
        }
        None => unseen(id, memory, knowledge, look.began_at),
    }
}

/// "Not found" is not absence where something of ours was there: reads lag behind writes.
fn unseen<'a>(id: &SystemInstanceId, memory: &Memory, knowledge: &Knowledge, began_at: Timestamp) -> Seen<'a> {
    let intent = memory.intent.as_ref().filter(|intent| intent.id == *id);
    // What a step was decided about was there then, also where its creation is not remembered.
    let Some(created_at) = memory.created(id).or_else(|| intent?.base) else { return Seen::Absent };
    let is_deleted = intent.is_some_and(|intent| intent.operation == Operation::Delete);
    let absent_for = began_at.duration_since(knowledge.absent_since.get(id).copied().unwrap_or(began_at));
    let is_fresh = began_at.duration_since(created_at) < CREATE_SHOWS_WITHIN;
    if !is_fresh && (is_deleted || absent_for >= DOUBT) {
        return Seen::Absent;
    }
    Seen::Doubted(later(began_at, absent_for.clamp(LAGS_FOR, DOUBT)))
}

/// Whose a system instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Ours: the one that is remembered.
    Remembered,
    /// Ours, as its tags say; it was made of this.
    Tagged(Box<OwnerTags>),
    /// Its tags must be read first.
    Untold,
    /// Whether its owner exists must be asked first.
    OwnerUnknown(ObjectName),
    /// Nobody's, and what is wanted: it is taken over as it is.
    Adoptable,
    /// Somebody else's, and why it is left alone.
    Foreign(String),
}

pub(in super::super) fn whose(
    instance: &Instance,
    desired: Option<(&Desired, &Digest)>,
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
) -> Whose {
    if memory.created(&instance.id) == Some(instance.created_at) {
        return Whose::Remembered;
    }
    let tags = match knowledge.tags.get(&instance.id) {
        Some((of, tags)) if *of == instance.created_at => tags,
        Some(_) | None => return Whose::Untold,
    };
    let id = &instance.id;
    match OwnerTags::read(tags) {
        Some(owner) if owner.cluster == subject.cluster && owner.resource == *subject.object => {
            Whose::Tagged(Box::new(owner))
        }
        Some(owner) if owner.cluster != subject.cluster => {
            Whose::Foreign(format!("{id} was made by the operator of another cluster"))
        }
        Some(owner) => match knowledge.owners.get(&owner.resource) {
            None => Whose::OwnerUnknown(owner.resource),
            // A message never names another namespace's object.
            Some(OwnerFound::Exists) => Whose::Foreign(format!("{id} belongs to another resource of this cluster")),
            Some(OwnerFound::Gone) => adoptable(instance, desired),
        },
        None => adoptable(instance, desired),
    }
}

/// What is there is taken over where it is what is wanted: anything else would have to be deleted first.
fn adoptable(instance: &Instance, desired: Option<(&Desired, &Digest)>) -> Whose {
    let id = &instance.id;
    let Some((desired, digest)) = desired else { return Whose::Foreign(format!("{id} was not made by this resource")) };
    match &instance.content {
        Some(content) if content.digest() == *digest => Whose::Adoptable,
        Some(content) => Whose::Foreign(format!(
            "{id} exists, was not made by this resource, and differs in {}",
            content.differences(&desired.content).join(", ")
        )),
        None => Whose::Foreign(format!(
            "{id} exists, was not made by this resource, and has a definition that can't be read"
        )),
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
