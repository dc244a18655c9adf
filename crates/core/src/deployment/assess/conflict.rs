//! Which of several resources with one key goes first. Pure.

use super::super::knowledge::Knowledge;
use super::super::memory::Memory;
use super::super::subject::{Claimant, Subject};
use super::super::tags::OwnerTags;
use super::ownership::Ownership;
use crate::names::ObjectName;

/// The resource that goes before this one, where another has the same key: the one that the tags of the newest deployment name,
/// else one that has made a deployment, else the older, else the lower name, because creation times tie within a second.
pub(super) fn winner(
    ownership: &Ownership,
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
) -> Option<Claimant> {
    // Whom its tags name decides, so they are read first.
    if matches!(ownership, Ownership::Unidentified { .. }) {
        return None;
    }
    // Only until the next look: the cache shows them by then, or they are gone.
    let since = knowledge.look.as_ref().map(|look| look.began_at);
    let live = knowledge.claimants.as_ref().filter(|reading| Some(reading.at) >= since);
    let live = live.map(|reading| reading.value.as_slice()).unwrap_or_default();
    let named = named_in_tags(ownership, subject, knowledge);
    let is_unnamed = |object: &ObjectName| named.as_ref() != Some(object);
    let mine =
        (is_unnamed(subject.object), memory.deployment.is_none(), subject.created_at, subject.object.to_string());
    subject
        .peers
        .claimants
        .iter()
        .chain(live)
        .filter(|other| !other.deleting)
        .find(|other| {
            (is_unnamed(&other.object), !other.has_deployment, other.created_at, other.object.to_string()) < mine
        })
        .cloned()
}

/// The resource of this cluster that the newest deployment was made for, where its tags were read.
fn named_in_tags(ownership: &Ownership, subject: &Subject<'_>, knowledge: &Knowledge) -> Option<ObjectName> {
    let newest = match ownership {
        Ownership::Ours(own) => &own.deployment_id,
        Ownership::Foreign { deployment_id } | Ownership::Overridden { deployment_id } => deployment_id,
        Ownership::Unread
        | Ownership::Remembered(_)
        | Ownership::Doubted(..)
        | Ownership::Vacant
        | Ownership::Unidentified { .. }
        | Ownership::Missing => return None,
    };
    let details = knowledge.details.get(newest)?.value.as_ref()?;
    OwnerTags::read(&details.tags).filter(|tags| tags.cluster == subject.cluster).map(|tags| tags.resource)
}
