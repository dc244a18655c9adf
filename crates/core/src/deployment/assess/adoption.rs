//! What is to become of somebody else's deployment that was there first. Pure.

use std::collections::BTreeMap;

use super::super::knowledge::{Details, Knowledge, OwnerFound, RowStatus};
use super::super::revision::digest_of_deployed;
use super::super::subject::Subject;
use super::super::tags::OwnerTags;
use super::ownership::Ownership;
use crate::api::AdoptionPolicy;
use crate::names::ObjectName;

/// What is to become of somebody else's deployment that was there first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adoption {
    /// There is none.
    Unneeded,
    /// Whether the resource that made it still exists must be asked.
    Ask(ObjectName),
    /// It has the very content that is wanted: it becomes ours as it is.
    Take(String),
    /// A revision goes above it.
    Supersede,
    /// It is left alone.
    Refused,
}

/// Who answers for a deployment that is not ours.
enum Manager {
    /// Nobody: it has no tags at all.
    Nobody,
    /// A resource of this cluster that does not exist any more.
    Orphaned,
    /// A resource of this cluster that may still exist: this must be asked.
    Unread(ObjectName),
    /// A resource of this cluster that exists.
    Resource,
    /// A resource of another cluster, of which nothing is known here.
    OtherCluster,
    /// Somebody who put tags on it.
    Tagged,
}

pub(super) fn assess(subject: &Subject<'_>, knowledge: &Knowledge, ownership: &Ownership) -> Adoption {
    let (Some(desired), Ownership::Foreign { deployment_id }) = (subject.desired(), ownership) else {
        return Adoption::Unneeded;
    };
    let details = knowledge.details.get(deployment_id).and_then(|reading| reading.value.as_ref());
    let Some(details) = details else { return Adoption::Refused };
    let manager = manager(details, subject, knowledge);
    let always = desired.adoption_policy == AdoptionPolicy::Always;
    let may_take = match manager {
        Manager::Unread(owner) if !always => return Adoption::Ask(owner),
        Manager::Nobody | Manager::Orphaned | Manager::Tagged => true,
        Manager::Resource | Manager::OtherCluster | Manager::Unread(_) => always,
    };
    if may_take && has_wanted_content(details, subject) {
        return Adoption::Take(deployment_id.clone());
    }
    let may_supersede = match (desired.adoption_policy, manager) {
        (AdoptionPolicy::Always, _) | (AdoptionPolicy::IfUnmanaged, Manager::Nobody | Manager::Orphaned) => true,
        (AdoptionPolicy::IfUnmanaged | AdoptionPolicy::Never, _) => false,
    };
    if may_supersede { Adoption::Supersede } else { Adoption::Refused }
}

/// Whether a subdeployment that is not ours may be ended by a revision of its parent.
pub(super) fn may_be_ended(details: &Details, subject: &Subject<'_>) -> bool {
    let is_of_this_cluster = OwnerTags::read(&details.tags).is_some_and(|tags| tags.cluster == subject.cluster);
    match subject.deployable().map(|(desired, _)| desired.adoption_policy) {
        Some(AdoptionPolicy::Always) => true,
        Some(AdoptionPolicy::IfUnmanaged) => is_of_this_cluster || details.tags.is_empty(),
        Some(AdoptionPolicy::Never) | None => is_of_this_cluster,
    }
}

fn manager(details: &Details, subject: &Subject<'_>, knowledge: &Knowledge) -> Manager {
    let Some(owner) = OwnerTags::read(&details.tags) else { return unowned(&details.tags) };
    if owner.cluster != subject.cluster {
        return Manager::OtherCluster;
    }
    match knowledge.owners.get(&owner.resource) {
        None => Manager::Unread(owner.resource),
        Some(OwnerFound::Exists) => Manager::Resource,
        Some(OwnerFound::Gone) => Manager::Orphaned,
    }
}

/// AWS's own tags count too: `CloudFormation` leaves no others.
fn unowned(tags: &BTreeMap<String, String>) -> Manager {
    if tags.is_empty() { Manager::Nobody } else { Manager::Tagged }
}

/// What is not in force is not taken over: it would have to be deployed all the same.
fn has_wanted_content(details: &Details, subject: &Subject<'_>) -> bool {
    let is_in_force = match details.row.status {
        RowStatus::Active | RowStatus::Completed => true,
        RowStatus::Failed | RowStatus::Canceled | RowStatus::Inactive | RowStatus::Unknown => false,
    };
    let (Some(desired), Some(content)) = (subject.desired(), &details.content) else { return false };
    is_in_force && digest_of_deployed(desired, content).as_ref() == subject.wanted_digest()
}
