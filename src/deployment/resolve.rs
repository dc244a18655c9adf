//! From a record to what is wanted, and to its neighbours in the cluster. Pure, over the caches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use greengrass_operator_core::api::{DeletionPolicy, GreengrassDeploymentSpec, GreengrassDeploymentStatus};
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::references::{ConfigMapFound, ParentFound, References};
use greengrass_operator_core::deployment::subject::{Absent, Access, Claimant, ParentPeer, Peers, Removal, Wanted};
use greengrass_operator_core::deployment::validate::{
    Lenient, Parent, REMOVE_TIMEOUT, Refused, Target, lenient, validate,
};
use greengrass_operator_core::identity::IdentityReference;
use greengrass_operator_core::names::{Key, ObjectName, TargetArn, TargetKind};
use jiff::Timestamp;
use serde_json::Value;

use crate::controller::record::Record;
use crate::controller::store::{Reference, Store};
use crate::identity::{Given, Registry};

/// What the status of a record says; a status that can't be read counts as lost, and everything is found again in AWS.
pub(super) fn status(record: &Record) -> GreengrassDeploymentStatus {
    record.decode_status().ok().flatten().unwrap_or_default()
}

/// The caches over which records are resolved.
#[derive(Clone)]
pub(super) struct World {
    /// The records.
    pub(super) store: Arc<Store>,
    /// The identities.
    pub(super) identities: Arc<Registry>,
}

/// A record, and what can be read of its spec, whichever version it was written for: read once for all who ask in one step.
pub(super) struct ReadSpec<'a> {
    record: &'a Record,
    raw: Lenient,
}

impl<'a> ReadSpec<'a> {
    /// Reads the spec.
    pub(super) fn of(record: &'a Record) -> Self {
        let raw = lenient(&record.spec.as_ref().and_then(|spec| spec.decode::<Value>().ok()).unwrap_or_default());
        Self { record, raw }
    }

    /// What its identity gives it now.
    pub(super) fn given(&self, world: &World) -> Given {
        world.identities.given(&self.raw.identity, &self.record.name.namespace)
    }

    /// The name of its identity, for what is kept apart by it; whatever it is called where there is none.
    pub(super) fn identity_name(&self, world: &World) -> String {
        world.identities.name_of(&self.raw.identity, &self.record.name.namespace).unwrap_or_default()
    }

    /// Whether where its target is will be known in a moment, so that nothing should be said of it now.
    pub(super) fn is_pending(&self, given: &Given) -> bool {
        given.is_pending && matches!(self.raw.target, Some(Target::Named(..)))
    }

    /// What its deployment is for, where it can be told.
    pub(super) fn key(&self, memory: &Memory, world: &World) -> Option<Key> {
        let raw = self.raw_key(world);
        // What is to be cleared is what was made, whatever the spec has come to say since.
        if self.record.is_deleting() { memory.key.clone().or(raw) } else { raw.or_else(|| memory.key.clone()) }
    }

    fn raw_key(&self, world: &World) -> Option<Key> {
        self.raw.key(self.given(world).found.place().as_ref(), |name| match find_parent(self.record, name, world) {
            ParentFound::Target(target) => Some(target),
            ParentFound::Missing | ParentFound::Unfit => None,
        })
    }
}

/// Through what AWS may be called for a record: about what its status names, and about what its spec does. What is not known of them
/// is not called about.
pub(super) fn access(memory: &Memory, wanted: &Wanted, given: &Given) -> Access {
    let of_spec = match wanted {
        Wanted::Present(desired, _) => Some(&desired.key),
        Wanted::Absent { key, .. } => key.as_ref(),
        Wanted::Invalid(_) | Wanted::Unread | Wanted::Missing(..) | Wanted::NotAllowed(_) => None,
    };
    given.access(memory.key.iter().chain(of_spec))
}

/// What a record asks for; `config_maps` are those that were read in this turn.
pub(super) fn wanted(
    read: &ReadSpec<'_>,
    memory: &Memory,
    config_maps: &BTreeMap<String, ConfigMapFound>,
    given: &Given,
    world: &World,
) -> Wanted {
    let ReadSpec { record, raw } = read;
    if record.is_deleting() {
        let policy = raw.deletion_policy.or(memory.deletion_policy).unwrap_or(DeletionPolicy::Retain);
        let key = read.key(memory, world);
        let timeout = raw.remove_timeout.or(memory.remove_timeout).unwrap_or(REMOVE_TIMEOUT);
        let times_out_at = record.deleted_at.and_then(|at| at.checked_add(timeout).ok()).unwrap_or(Timestamp::MAX);
        let adoption = raw.adoption_policy.unwrap_or_default();
        let removal = key.as_ref().filter(|_| policy == DeletionPolicy::Remove);
        let mut tags = given.found.tags();
        tags.extend(raw.tags.clone());
        let removal = removal.and_then(|key| Removal::of(key, tags, adoption, times_out_at)).map(Box::new);
        return Wanted::Absent { policy, key, suspended: raw.suspend, removal };
    }
    match record.decode_spec::<GreengrassDeploymentSpec>() {
        Err(error) => Wanted::Invalid(format!(
            "spec can't be read: {error}; apply a spec that the installed resource definition accepts"
        )),
        Ok(spec) => {
            let parent = spec.parent.as_ref().and_then(|parent| parent.name.as_deref());
            let references = References {
                identity: given.found.clone(),
                parent: parent.map(|name| find_parent(record, name, world)).unwrap_or_default(),
                config_maps: config_maps.clone(),
            };
            match validate(&record.name, &spec, &references) {
                Err(Refused::Invalid(invalid)) => Wanted::Invalid(invalid.to_string()),
                Err(Refused::Unread) => Wanted::Unread,
                Err(Refused::NoIdentity(message)) => Wanted::Missing(Absent::Identity, message),
                Err(Refused::NotAllowed(message)) => Wanted::NotAllowed(message),
                Err(Refused::Missing(missing)) => Wanted::Missing(Absent::Reference, missing.to_string()),
                Ok(desired) => Wanted::present(desired),
            }
        }
    }
}

/// The resource that `parent` names, in the same namespace.
fn find_parent(record: &Record, name: &str, world: &World) -> ParentFound {
    let name = ObjectName { namespace: Arc::clone(&record.name.namespace), name: name.into() };
    let Some(found) = world.store.get(&name) else { return ParentFound::Missing };
    let read = ReadSpec::of(&found);
    let Lenient { target, parent, .. } = &read.raw;
    let target = target.as_ref().filter(|target| target.kind() == TargetKind::ThingGroup && parent.is_none());
    let arn = target.and_then(|target| target.arn(read.given(world).found.place().as_ref()));
    arn.map_or(ParentFound::Unfit, ParentFound::Target)
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

/// What a record refers to: its own key, its parent, and `ConfigMaps`.
pub(super) fn references(record: &Record, world: &World) -> BTreeSet<Reference> {
    let in_namespace = |name: String| ObjectName { namespace: Arc::clone(&record.name.namespace), name: name.into() };
    let mut references: BTreeSet<Reference> =
        config_maps(record).into_iter().map(|name| Reference::ConfigMap(in_namespace(name))).collect();
    let read = ReadSpec::of(record);
    let raw = &read.raw;
    if let Some(Parent::Resource(name)) = &raw.parent {
        references.insert(Reference::Named(in_namespace(name.clone())));
    }
    let identity = world.identities.name_of(&raw.identity, &record.name.namespace);
    references.extend(identity.map(|name| Reference::Identity(name.into())));
    if raw.identity == IdentityReference::Absent {
        references.insert(Reference::DefaultIdentity);
    }
    if let Some(key) = read.raw_key(world) {
        references.extend(key.parent.as_ref().map(|parent| Reference::Parent(target_text(parent).into())));
        references.insert(Reference::Key(key_text(&key).into()));
    }
    references
}

/// Those whose deployments matter to this one.
pub(super) fn peers(record: &Record, wanted: &Wanted, world: &World) -> Peers {
    let desired = match wanted {
        Wanted::Present(desired, _) => desired,
        Wanted::Absent { removal: Some(removal), .. } => &removal.desired,
        Wanted::Absent { .. } | Wanted::Invalid(_) | Wanted::Unread | Wanted::Missing(..) | Wanted::NotAllowed(_) => {
            return Peers::default();
        }
    };
    let store = &world.store;
    let others = |reference: Reference| {
        let me = record.name.clone();
        store.referrers(&reference).into_iter().filter(move |name| *name != me).filter_map(|name| store.get(&name))
    };
    Peers {
        parent: desired.key.parent.as_ref().and_then(|parent| {
            let key = Key { target: parent.clone(), parent: None };
            others(Reference::Key(key_text(&key).into()))
                .filter(|peer| !peer.is_deleting())
                .map(|peer| parent_peer(&peer))
                // The one that holds the key, where two claim it.
                .max_by_key(|peer| peer.deployment_id.is_some())
        }),
        claimants: others(Reference::Key(key_text(&desired.key).into())).map(|peer| claimant(&peer)).collect(),
        subdeployments: others(Reference::Parent(target_text(&desired.key.target).into()))
            .filter_map(|peer| status(&peer).deployment_id)
            .collect(),
    }
}

/// Resources whose turn may be changed by this one's status, or by its being there.
pub(super) fn dependants(key: Option<&Key>, me: &ObjectName, store: &Store) -> Vec<ObjectName> {
    let mut names = store.referrers(&Reference::Named(me.clone()));
    if let Some(key) = key {
        names.extend(store.referrers(&Reference::Parent(target_text(&key.target).into())));
        names.extend(store.referrers(&Reference::Key(key_text(key).into())));
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
