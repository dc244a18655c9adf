//! From a record to what is wanted, and to its neighbours in the cluster. Pure, over the caches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use greengrass_operator_core::api::{SystemInstanceSpec, SystemInstanceStatus};
use greengrass_operator_core::deployment::references::{ConfigMapFound, ParentFound, References};
use greengrass_operator_core::identity::IdentityReference;
use greengrass_operator_core::names::ObjectName;
use greengrass_operator_core::system_instance::SystemInstanceId;
use greengrass_operator_core::system_instance::memory::Memory;
use greengrass_operator_core::system_instance::subject::{Absent, Access, IdInSpec, Rival, Wanted};
use greengrass_operator_core::system_instance::validate::{Lenient, Refused, read_leniently, validate};
use serde_json::Value;

use crate::controller::record::Record;
use crate::controller::store::{Reference, Store};
use crate::identity::{Given, Registry};

/// What the status of a record says; a status that can't be read counts as lost, and everything is found again in AWS.
pub(super) fn status(record: &Record) -> SystemInstanceStatus {
    record.decode_status().ok().flatten().unwrap_or_default()
}

/// A record, and what can be read of its spec: read once for all who ask in one step.
pub(super) struct ReadSpec<'a> {
    record: &'a Record,
    raw: Lenient,
}

impl<'a> ReadSpec<'a> {
    /// Reads the spec.
    pub(super) fn of(record: &'a Record) -> Self {
        let spec = record.spec.as_ref().and_then(|spec| spec.decode::<Value>().ok()).unwrap_or_default();
        Self { record, raw: read_leniently(&spec) }
    }

    /// What its identity gives it now.
    pub(super) fn given(&self, identities: &Registry) -> Given {
        identities.given(&self.raw.identity, &self.record.name.namespace)
    }

    /// The name of its identity, for what is kept apart by it; whatever it is called where there is none.
    pub(super) fn identity_name(&self, identities: &Registry) -> String {
        identities.name_of(&self.raw.identity, &self.record.name.namespace).unwrap_or_default()
    }

    /// The name of the `ConfigMap` that holds the definition.
    pub(super) fn config_map(&self) -> Option<&str> {
        self.raw.config_map.as_deref()
    }

    /// What it stands for, as far as that is known without reading anything.
    pub(super) fn ids(&self, memory: &Memory) -> Vec<SystemInstanceId> {
        let mut ids = memory.ids();
        ids.extend(self.raw.id.clone());
        ids.sort();
        ids.dedup();
        ids
    }
}

/// What a record asks for; `config_maps` are those that were read in this turn.
pub(super) fn wanted(
    read: &ReadSpec<'_>,
    memory: &Memory,
    config_maps: &BTreeMap<String, ConfigMapFound>,
    given: &Given,
) -> Wanted {
    let ReadSpec { record, raw } = read;
    if record.is_deleting() {
        let policy = raw.deletion_policy.or(memory.deletion_policy).unwrap_or_default();
        return Wanted::Absent { policy, id: raw.id_with(config_maps), suspended: raw.suspend };
    }
    match record.decode_spec::<SystemInstanceSpec>() {
        Err(error) => Wanted::Invalid(format!(
            "spec can't be read: {error}; apply a spec that the installed resource definition accepts"
        )),
        Ok(spec) => {
            let references = References {
                identity: given.found.clone(),
                parent: ParentFound::default(),
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

/// Through what AWS may be called for a record: about what its status names, and about what its spec does.
pub(super) fn access(memory: &Memory, wanted: &Wanted, given: &Given) -> Access {
    let mut ids = memory.ids();
    match wanted {
        Wanted::Present(desired, _) => ids.push(desired.content.definition.id.clone()),
        Wanted::Absent { id: IdInSpec::Known(id), .. } => ids.push(id.clone()),
        Wanted::Absent { .. } | Wanted::Invalid(_) | Wanted::Unread | Wanted::Missing(..) | Wanted::NotAllowed(_) => {}
    }
    given.access_unless(|grant| ids.iter().find_map(|id| grant.refuses_arns([id.arn().as_str()], id.account())))
}

/// What a record refers to: its own ids, its identity, and the `ConfigMap` of its definition.
pub(super) fn references(record: &Record, identities: &Registry) -> BTreeSet<Reference> {
    let read = ReadSpec::of(record);
    let namespace = &record.name.namespace;
    let map = read
        .config_map()
        .map(|name| Reference::ConfigMap(ObjectName { namespace: Arc::clone(namespace), name: name.into() }));
    let identity = identities.name_of(&read.raw.identity, namespace);
    let nameless = (read.raw.identity == IdentityReference::Absent).then_some(Reference::DefaultIdentity);
    let ids = read.ids(&Memory::recall(&status(record)));
    ids.iter()
        .map(|id| Reference::Key(key(id)))
        .chain(map)
        .chain(identity.map(|name| Reference::Identity(name.into())))
        .chain(nameless)
        .collect()
}

/// Resources that stand for the same system instance as this one.
pub(super) fn rivals(record: &Record, wanted: &Wanted, store: &Store) -> Vec<Rival> {
    let Wanted::Present(desired, _) = wanted else { return Vec::new() };
    let id = &desired.content.definition.id;
    let rival = |other: Arc<Record>| {
        let memory = Memory::recall(&status(&other));
        Rival {
            object: other.name.clone(),
            created_at: other.created_at,
            has_instance: memory.own.is_some_and(|own| own.id == *id),
        }
    };
    let others = store.referrers(&Reference::Key(key(id))).into_iter().filter(|name| *name != record.name);
    others.filter_map(|name| store.get(&name)).filter(|other| !other.is_deleting()).map(rival).collect()
}

/// The names of those that stand for the same as this one.
pub(super) fn rivals_of(record: &Record, store: &Store) -> Vec<ObjectName> {
    let ids = ReadSpec::of(record).ids(&Memory::recall(&status(record)));
    let names = ids.iter().flat_map(|id| store.referrers(&Reference::Key(key(id))));
    names.filter(|name| *name != record.name).collect()
}

fn key(id: &SystemInstanceId) -> Arc<str> {
    format!("{}/{}/{}", id.region(), id.account(), id.name()).into()
}
