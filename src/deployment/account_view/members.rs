//! The resources that the walks of a place look after, and on whose behalf it can be walked. Pure, over the caches.

use std::collections::BTreeSet;
use std::time::Duration;

use greengrass_operator_core::deployment::subject::Access;
use greengrass_operator_core::names::{Key, TargetArn};

use super::super::resolve::ReadSpec;
use super::super::session::{Known, Standing};
use super::super::{Deployments, place};
use super::compare::Remembered;
use super::walk::RowKey;
use crate::aws::Scope;
use crate::controller::record::Record;
use crate::controller::tally::Place;
use crate::controller::wakes::is_done;

/// The resources of a place.
#[derive(Debug)]
pub(super) struct Members {
    /// What those that rest have deployments for.
    pub(super) keys: BTreeSet<RowKey>,
    /// On whose behalf it can be walked: whoever may list sees every deployment of the account, so one is enough.
    pub(super) scopes: BTreeSet<Scope>,
    /// Whether any resource is there, at rest or not.
    pub(super) any: bool,
    /// How often those want to be compared that want it most often.
    pub(super) interval: Duration,
}

impl Members {
    fn none() -> Self {
        Self { keys: BTreeSet::new(), scopes: BTreeSet::new(), any: false, interval: Duration::MAX }
    }
}

/// Who is there now.
pub(super) fn members(all: &Deployments, of: &Place) -> Members {
    let mut members = Members::none();
    for record in all.parts.store.records() {
        let remembered = remembered(&record);
        let Some(key) = key(&remembered).filter(|key| place(key) == *of) else { continue };
        let given = ReadSpec::of(&record).given(&all.world);
        if given.is_elsewhere {
            continue;
        }
        members.any = true;
        // The key is what the status says, which anybody may have written: only what the identity allows is looked for.
        let Access::Granted { identity, version: _ } = given.access([&key]) else { continue };
        let Some(connection) = all.world.identities.connection(&identity) else { continue };
        members.scopes.insert(Scope::of(connection, &key.target));
        members.interval = members.interval.min(given.drift_interval.unwrap_or(all.parts.look_interval));
        if watched(all, &record).is_some() {
            members.keys.insert(RowKey {
                target: key.target.to_string(),
                parent: key.parent.as_ref().map(ToString::to_string),
            });
        }
    }
    members
}

/// What is known of a resource that walks look after; none where it looks after itself. Before its first turn its status is
/// all that is known.
pub(super) fn watched(all: &Deployments, record: &Record) -> Option<Known> {
    if record.is_deleting() {
        return None;
    }
    match all.sessions.standing(&record.name, &record.uid) {
        Standing::Watched(known) => Some(known),
        Standing::Untouched => is_done(record).then(Known::default),
        Standing::Own => None,
    }
}

pub(super) fn remembered(record: &Record) -> Remembered {
    record.decode_status().ok().flatten().unwrap_or_default()
}

/// What its deployment is for; none where it has never had one.
pub(super) fn key(remembered: &Remembered) -> Option<Key> {
    remembered.deployment_id.as_ref()?;
    let resolved = remembered.resolved.as_ref()?;
    let parent = resolved.parent_target_arn.as_deref().map(TargetArn::parse).transpose().ok()?;
    Some(Key { target: TargetArn::parse(&resolved.target_arn).ok()?, parent })
}
