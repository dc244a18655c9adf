//! From a record to what is wanted, and to its neighbours in the cluster. Pure, over the caches.

use std::collections::BTreeSet;

use greengrass_operator_core::api::{DeletionPolicy, GreengrassDeploymentSpec, GreengrassDeploymentStatus};
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::subject::{Claimant, ParentPeer, Peers, Wanted};
use greengrass_operator_core::deployment::validate::{Lenient, lenient, validate};
use greengrass_operator_core::names::{Key, ObjectName, TargetArn};
use serde_json::Value;

use crate::controller::record::Record;
use crate::controller::store::{Reference, Store};

/// What the status of a record says; a status that can't be read counts as lost, and everything is found again in AWS.
pub(super) fn status(record: &Record) -> GreengrassDeploymentStatus {
    record.decode_status().ok().flatten().unwrap_or_default()
}

/// What a record asks for.
pub(super) fn wanted(record: &Record, memory: &Memory) -> Wanted {
    if record.is_deleting() {
        let raw = raw(record);
        let policy = raw.deletion_policy.or(memory.deletion_policy).unwrap_or(DeletionPolicy::Retain);
        return Wanted::Absent { policy, key: memory.key.clone().or_else(|| raw.key()), suspended: raw.suspend };
    }
    match record.decode_spec::<GreengrassDeploymentSpec>() {
        Err(error) => Wanted::Invalid(format!(
            "spec can't be read: {error}; apply a spec that the installed resource definition accepts"
        )),
        Ok(spec) => match validate(&record.name, &spec) {
            Err(invalid) => Wanted::Invalid(invalid.to_string()),
            Ok(desired) => Wanted::present(desired),
        },
    }
}

fn raw(record: &Record) -> Lenient {
    lenient(&record.spec.as_ref().and_then(|spec| spec.decode::<Value>().ok()).unwrap_or_default())
}

/// What a record refers to: its own key, and its parent's.
pub(super) fn references(record: &Record) -> BTreeSet<Reference> {
    let Some(key) = raw(record).key() else { return BTreeSet::new() };
    let parent = key.parent.as_ref().map(|parent| Reference::Parent(target_text(parent)));
    [Reference::Key(key_text(&key))].into_iter().chain(parent).collect()
}

/// Those whose deployments matter to this one.
pub(super) fn peers(record: &Record, wanted: &Wanted, store: &Store) -> Peers {
    let Wanted::Present(desired, _) = wanted else { return Peers::default() };
    let others = |reference: Reference| {
        let me = record.name.clone();
        store.referrers(&reference).into_iter().filter(move |name| *name != me).filter_map(|name| store.get(&name))
    };
    Peers {
        parent: desired.key.parent.as_ref().and_then(|parent| {
            let key = Key { target: parent.clone(), parent: None };
            others(Reference::Key(key_text(&key)))
                .filter(|peer| !peer.is_deleting())
                .map(|peer| parent_peer(&peer))
                // The one that holds the key, where two claim it.
                .max_by_key(|peer| peer.deployment_id.is_some())
        }),
        claimants: others(Reference::Key(key_text(&desired.key))).map(|peer| claimant(&peer)).collect(),
        subdeployments: others(Reference::Parent(target_text(&desired.key.target)))
            .filter_map(|peer| status(&peer).deployment_id)
            .collect(),
    }
}

/// Resources whose turn may be changed by this one's status.
pub(super) fn dependants(key: &Key, me: &ObjectName, store: &Store) -> Vec<ObjectName> {
    let mut names = store.referrers(&Reference::Parent(target_text(&key.target)));
    names.extend(store.referrers(&Reference::Key(key_text(key))));
    names.retain(|name| name != me);
    names
}

pub(super) fn claimant(record: &Record) -> Claimant {
    Claimant {
        object: record.name.clone(),
        created_at: record.created_at,
        has_deployment: status(record).deployment_id.is_some(),
        deleting: record.is_deleting(),
    }
}

fn parent_peer(record: &Record) -> ParentPeer {
    let status = status(record);
    let is_synced = status.conditions.iter().any(|condition| {
        condition.type_ == "Synced"
            && condition.status == "True"
            && condition.observed_generation == Some(record.generation)
    });
    ParentPeer { object: record.name.clone(), synced: is_synced, deployment_id: status.deployment_id }
}

fn key_text(key: &Key) -> String {
    format!("{}|{}", key.target, key.parent.as_ref().map_or("", TargetArn::as_str))
}

fn target_text(target: &TargetArn) -> String {
    target.to_string()
}

/// What the record's deployment is for, where it can be told.
pub(super) fn key(record: &Record, memory: &Memory) -> Option<Key> {
    let raw = raw(record).key();
    // What is to be cleared is what was made, whatever the spec has come to say since.
    if record.is_deleting() { memory.key.clone().or(raw) } else { raw.or_else(|| memory.key.clone()) }
}
