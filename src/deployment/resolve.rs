//! From a record to what is wanted, and to its neighbours in the cluster. Pure, over the caches.

use std::collections::{BTreeMap, BTreeSet};

use greengrass_operator_core::api::{DeletionPolicy, GreengrassDeploymentSpec, GreengrassDeploymentStatus};
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::references::{ConfigMapFound, ParentFound, References};
use greengrass_operator_core::deployment::subject::{Claimant, ParentPeer, Peers, Removal, Wanted};
use greengrass_operator_core::deployment::validate::{Lenient, REMOVE_TIMEOUT, Refused, lenient, validate};
use greengrass_operator_core::names::{Key, ObjectName, TargetArn, TargetKind};
use jiff::Timestamp;
use serde_json::Value;

use crate::controller::record::Record;
use crate::controller::store::{Reference, Store};

/// What the status of a record says; a status that can't be read counts as lost, and everything is found again in AWS.
pub(super) fn status(record: &Record) -> GreengrassDeploymentStatus {
    record.decode_status().ok().flatten().unwrap_or_default()
}

/// What a record asks for; `config_maps` are those that were read in this turn.
pub(super) fn wanted(
    record: &Record,
    memory: &Memory,
    config_maps: &BTreeMap<String, ConfigMapFound>,
    store: &Store,
) -> Wanted {
    if record.is_deleting() {
        let raw = raw(record);
        let policy = raw.deletion_policy.or(memory.deletion_policy).unwrap_or(DeletionPolicy::Retain);
        let key = key(record, memory, store);
        let timeout = raw.remove_timeout.or(memory.remove_timeout).unwrap_or(REMOVE_TIMEOUT);
        let times_out_at = record.deleted_at.and_then(|at| at.checked_add(timeout).ok()).unwrap_or(Timestamp::MAX);
        let adoption = raw.adoption_policy.unwrap_or_default();
        let removal = key.as_ref().filter(|_| policy == DeletionPolicy::Remove);
        let removal = removal.and_then(|key| Removal::of(key, raw.tags.clone(), adoption, times_out_at)).map(Box::new);
        return Wanted::Absent { policy, key, suspended: raw.suspend, removal };
    }
    match record.decode_spec::<GreengrassDeploymentSpec>() {
        Err(error) => Wanted::Invalid(format!(
            "spec can't be read: {error}; apply a spec that the installed resource definition accepts"
        )),
        Ok(spec) => {
            let parent = spec.parent.as_ref().map(|parent| find_parent(record, &parent.name, store));
            let references = References { parent: parent.unwrap_or_default(), config_maps: config_maps.clone() };
            match validate(&record.name, &spec, &references) {
                Err(Refused::Invalid(invalid)) => Wanted::Invalid(invalid.to_string()),
                Err(Refused::Unread) => Wanted::Unread,
                Err(Refused::Missing(missing)) => Wanted::Missing(missing.to_string()),
                Ok(desired) => Wanted::present(desired),
            }
        }
    }
}

/// The resource that `parent` names, in the same namespace.
fn find_parent(record: &Record, name: &str, store: &Store) -> ParentFound {
    let name = ObjectName { namespace: record.name.namespace.clone(), name: name.to_owned() };
    let Some(found) = store.get(&name) else { return ParentFound::Missing };
    let Lenient { target_arn, parent_target_arn, parent_name, .. } = raw(&found);
    match (target_arn, parent_target_arn, parent_name) {
        (Some(target), None, None) if target.kind() == TargetKind::ThingGroup => ParentFound::Target(target),
        (_, _, _) => ParentFound::Unfit,
    }
}

/// The names of the `ConfigMaps` that a spec refers to, in its namespace.
pub(super) fn config_maps(record: &Record) -> BTreeSet<String> {
    let spec = record.decode_spec::<GreengrassDeploymentSpec>().ok();
    let components = spec.iter().flat_map(|spec| spec.components.values());
    components
        .filter_map(|component| component.configuration_update.as_ref()?.merge_from.as_ref())
        .flatten()
        .map(|source| source.config_map_key_ref.name.clone())
        .collect()
}

fn raw(record: &Record) -> Lenient {
    lenient(&record.spec.as_ref().and_then(|spec| spec.decode::<Value>().ok()).unwrap_or_default())
}

/// What a record refers to: its own key, its parent, and `ConfigMaps`.
pub(super) fn references(record: &Record, store: &Store) -> BTreeSet<Reference> {
    let in_namespace = |name: String| ObjectName { namespace: record.name.namespace.clone(), name };
    let mut references: BTreeSet<Reference> =
        config_maps(record).into_iter().map(|name| Reference::ConfigMap(in_namespace(name))).collect();
    let raw = raw(record);
    references.extend(raw.parent_name.clone().map(|name| Reference::Named(in_namespace(name))));
    if let Some(key) = raw_key(record, &raw, store) {
        references.extend(key.parent.as_ref().map(|parent| Reference::Parent(target_text(parent))));
        references.insert(Reference::Key(key_text(&key)));
    }
    references
}

/// Those whose deployments matter to this one.
pub(super) fn peers(record: &Record, wanted: &Wanted, store: &Store) -> Peers {
    let desired = match wanted {
        Wanted::Present(desired, _) => desired,
        Wanted::Absent { removal: Some(removal), .. } => &removal.desired,
        Wanted::Absent { .. } | Wanted::Invalid(_) | Wanted::Unread | Wanted::Missing(_) => return Peers::default(),
    };
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

/// Resources whose turn may be changed by this one's status, or by its being there.
pub(super) fn dependants(key: Option<&Key>, me: &ObjectName, store: &Store) -> Vec<ObjectName> {
    let mut names = store.referrers(&Reference::Named(me.clone()));
    if let Some(key) = key {
        names.extend(store.referrers(&Reference::Parent(target_text(&key.target))));
        names.extend(store.referrers(&Reference::Key(key_text(key))));
    }
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
    key_words(key.target.as_str(), key.parent.as_ref().map(TargetArn::as_str))
}

/// The same from a target and a parent as AWS writes them.
pub(super) fn key_words(target: &str, parent: Option<&str>) -> String {
    format!("{target}|{}", parent.unwrap_or_default())
}

fn target_text(target: &TargetArn) -> String {
    target.to_string()
}

/// What the record's deployment is for, where it can be told.
pub(super) fn key(record: &Record, memory: &Memory, store: &Store) -> Option<Key> {
    let raw = raw_key(record, &raw(record), store);
    // What is to be cleared is what was made, whatever the spec has come to say since.
    if record.is_deleting() { memory.key.clone().or(raw) } else { raw.or_else(|| memory.key.clone()) }
}

fn raw_key(record: &Record, raw: &Lenient, store: &Store) -> Option<Key> {
    raw.key(|name| match find_parent(record, name, store) {
        ParentFound::Target(target) => Some(target),
        ParentFound::Missing | ParentFound::Unfit => None,
    })
}
