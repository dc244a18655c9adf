//! Says on the resource where it stands: the one place that writes a status. I/O.

use greengrass_operator_core::api::SystemInstanceStatus;
use greengrass_operator_core::deployment::summarise::transition;
use greengrass_operator_core::system_instance::assess::{Assessment, assess};
use greengrass_operator_core::system_instance::knowledge::Knowledge;
use greengrass_operator_core::system_instance::memory::Memory;
use greengrass_operator_core::system_instance::summarise::{TYPES, summarise};
use tracing::info;

use super::perform::Act;
use crate::controller::json::Json;
use crate::controller::objects::ApiError;
use crate::controller::publish::{Published, note};
use crate::controller::record::ResourceVersion;
use crate::controller::turn::Done;

/// Writes what the core says of a resource.
pub(super) struct Publisher<'a> {
    pub(super) act: &'a Act<'a>,
    /// The status as it stands.
    pub(super) status: &'a SystemInstanceStatus,
}

impl Publisher<'_> {
    /// The status remembers something else, and says where the resource stands with it.
    pub(super) async fn remember(&self, memory: &Memory, knowledge: &mut Knowledge) -> Result<Done, ApiError> {
        let act = self.act;
        let now = act.all.parts.clock.now();
        let mut after = knowledge.clone();
        after.remembered(act.memory, memory, now);
        let assessment = assess(act.subject, memory, &after, now);
        let status = summarise(act.subject, memory, &after, &assessment, &self.status.conditions);
        let done = self.put(&status, &mut after).await?;
        // Only now: what a refused write would have made true is not known.
        *knowledge = after;
        info!(step = memory.intent.as_ref().map(|intent| intent.operation.as_str()), "status recorded");
        Ok(done.map_or(Done::Learnt, |(done, _)| done))
    }

    /// Where the resource stands; the version that has it, or none where the object is gone.
    pub(super) async fn publish(
        &self,
        assessment: &Assessment,
        knowledge: &mut Knowledge,
    ) -> Result<Option<ResourceVersion>, ApiError> {
        let act = self.act;
        let status = summarise(act.subject, act.memory, knowledge, assessment, &self.status.conditions);
        Ok(match self.put(&status, knowledge).await? {
            None => Some(act.record.resource_version),
            Some((Done::Gone, _)) => None,
            Some((Done::Wrote(_) | Done::Learnt | Done::Wait(_), version)) => Some(version),
        })
    }

    async fn put(
        &self,
        status: &SystemInstanceStatus,
        knowledge: &mut Knowledge,
    ) -> Result<Option<(Done, ResourceVersion)>, ApiError> {
        let act = self.act;
        let json = Json::of(status).map_err(|error| ApiError::Other(error.to_string()))?;
        match act.all.parts.objects.publish(act.record, &json, &TYPES).await? {
            Published::Unchanged => Ok(None),
            Published::Written(written) => {
                let version = written.resource_version;
                let done = act.wrote(*written, knowledge);
                if let Some(ready) = transition(&self.status.conditions, &status.conditions) {
                    let is_trouble = ["ProgressingWithRetry", "Unverified"].contains(&ready.reason.as_str())
                        || status.conditions.iter().any(|condition| condition.type_ == "Stalled");
                    let note = note(&ready.message, knowledge.trouble.as_deref());
                    act.all.parts.events.transition(act.record, !is_trouble, &ready.reason, &note).await;
                }
                Ok(Some((done, version)))
            }
        }
    }
}
