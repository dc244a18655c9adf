//! What the status remembers once a step is made. Pure.

use std::collections::BTreeMap;

use super::super::SystemInstanceId;
use super::super::assess::wanted_tags;
use super::super::knowledge::{Instance, Reply};
use super::super::memory::{Intent, Memory, Operation, Own, Reference, Shown};
use super::super::tags::OwnerTags;
use super::Case;
use crate::api::status::AppliedTags;
use crate::deployment::hash::short_hash;
use crate::deployment::revision::{Digest, digest_of_tags};
use crate::deployment::tags::PREFIX;

impl Case<'_> {
    /// The step is made: what that makes true.
    pub(super) fn made(&self, intent: &Intent, deployment_id: Option<String>) -> Memory {
        let Self { memory: before, knowledge, .. } = *self;
        let reply = knowledge.sends.as_ref().and_then(|sends| sends.reply.as_ref());
        let now = match reply {
            Some(Reply::Now(now)) => Some(&now.instance),
            Some(Reply::Gone) | None => None,
        };
        let is_own = before.own.as_ref().is_some_and(|own| own.id == intent.id);
        let mut memory = match intent.operation {
            Operation::Create => match (now, &intent.digest) {
                (Some(instance), Some(digest)) => {
                    let mut memory = self.owned(instance, digest.clone());
                    memory.redeploy_at = self.handled(intent);
                    memory.applied_tags = self.applied(&memory);
                    memory
                }
                (_, _) => before.clone(),
            },
            Operation::Deploy => {
                let failed = before.shown.status.as_deref() == Some("FAILED") && intent.redeploy.is_none();
                Memory {
                    settled: None,
                    retries: if failed { before.retries.saturating_add(1) } else { 0 },
                    greengrass_deployment_id: deployment_id,
                    redeploy_at: self.handled(intent),
                    ..before.clone()
                }
            }
            Operation::Undeploy if is_own => {
                Memory { settled: None, redeploy_at: self.handled(intent), ..before.clone() }
            }
            Operation::Undeploy => before.clone(),
            Operation::Delete => {
                let deleted =
                    before.created(&intent.id).map(|created_at| Reference { id: intent.id.clone(), created_at });
                let deleted = deleted.or_else(|| before.deleted.clone());
                forgotten(Memory { deleted, ..before.clone() }, &intent.id)
            }
        };
        if let Some(instance) = now.filter(|_| is_own) {
            memory.shown = Shown::of(instance);
        }
        closed(memory)
    }

    /// It is ours and is not the one that is remembered: the status was lost, or its answer.
    pub(super) fn taken_up(&self, instance: &Instance, owner: &OwnerTags) -> Memory {
        let mut memory = self.owned(instance, owner.digest.clone());
        memory.intent = None;
        memory.applied_tags = self.found(instance);
        if owner.redeploy.is_some() && owner.redeploy == self.subject.redeploy_hash() {
            memory.redeploy_at.clone_from(&self.subject.redeploy_at);
        }
        memory
    }

    /// This one is ours from now on; one of another name is to go.
    fn owned(&self, instance: &Instance, digest: Digest) -> Memory {
        let before = self.memory;
        let old = before.own.as_ref().filter(|own| own.id != instance.id);
        Memory {
            own: Some(Own { id: instance.id.clone(), created_at: instance.created_at, digest, generation: None }),
            replaced: old
                .map(|own| Reference { id: own.id.clone(), created_at: own.created_at })
                .or_else(|| before.replaced.clone()),
            settled: None,
            retries: 0,
            greengrass_deployment_id: None,
            shown: Shown::of(instance),
            applied_tags: None,
            ..before.clone()
        }
    }

    /// The `redeploy-at` that is handled once this step is made.
    fn handled(&self, intent: &Intent) -> Option<String> {
        let present = self.subject.redeploy_at.as_deref();
        match (present, &intent.redeploy) {
            (Some(present), Some(hash)) if short_hash(present) == *hash => Some(present.to_owned()),
            (_, _) => self.memory.redeploy_at.clone(),
        }
    }

    /// The tags, all that should be there.
    pub(super) fn applied(&self, memory: &Memory) -> Option<AppliedTags> {
        let (desired, _) = self.subject.desired()?;
        let all = wanted_tags(self.subject, memory);
        Some(AppliedTags { keys: desired.tags.keys().cloned().collect(), digest: digest_of_tags(all.iter()) })
    }

    /// Of the tags that should be there those that are: others may have come from anybody.
    fn found(&self, instance: &Instance) -> Option<AppliedTags> {
        let (desired, _) = self.subject.desired()?;
        let (_, tags) = self.knowledge.tags.get(&instance.id)?;
        let wanted = wanted_tags(self.subject, self.memory);
        let there: BTreeMap<_, _> =
            tags.iter().filter(|(key, _)| wanted.contains_key(*key) || key.starts_with(PREFIX)).collect();
        let keys = desired.tags.keys().filter(|key| tags.contains_key(*key)).cloned().collect();
        Some(AppliedTags { keys, digest: digest_of_tags(there.into_iter()) })
    }
}

pub(super) fn closed(memory: Memory) -> Memory {
    Memory { intent: None, ..memory }
}

/// It is gone.
pub(super) fn forgotten(memory: Memory, id: &SystemInstanceId) -> Memory {
    let is_own = memory.own.as_ref().is_some_and(|own| own.id == *id);
    let replaced = memory.replaced.clone().filter(|old| old.id != *id);
    if !is_own {
        return Memory { replaced, ..memory };
    }
    Memory {
        own: None,
        replaced,
        settled: None,
        retries: 0,
        greengrass_deployment_id: None,
        shown: Shown::default(),
        applied_tags: None,
        ..memory
    }
}
