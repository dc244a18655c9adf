//! Says on the resource where it stands: the one place that writes a status. I/O.

use greengrass_operator_core::api::GreengrassDeploymentStatus;
use greengrass_operator_core::deployment::assess::{Assessment, assess};
use greengrass_operator_core::deployment::decide::Why;
use greengrass_operator_core::deployment::knowledge::Knowledge;
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::rollout::Verdict;
use greengrass_operator_core::deployment::summarise::{TYPES, summarise, transition};
use greengrass_operator_core::deployment::tags::Cause;
use tracing::info;

use super::perform::Act;
use super::turn;
use crate::controller::json::Json;
use crate::controller::objects::ApiError;
use crate::controller::publish::{Published, note};
use crate::controller::record::ResourceVersion;
use crate::controller::turn::Done;

/// What became of a status.
pub(super) enum Said {
    /// The object has it, in this version.
    Stands(ResourceVersion),
    /// The object is gone.
    Gone,
}

/// Writes what the core says of a resource.
pub(super) struct Publisher<'a> {
    pub(super) act: &'a Act<'a>,
    /// The status as it stands.
    pub(super) status: &'a GreengrassDeploymentStatus,
}

impl Publisher<'_> {
    /// The status remembers something else, and says where the resource stands with it.
    pub(super) async fn remember(
        &self,
        memory: &Memory,
        why: Why,
        knowledge: &mut Knowledge,
    ) -> Result<Done, ApiError> {
        let act = self.act;
        let now = act.all.parts.clock.now();
        let mut after = knowledge.clone();
        after.remembered(memory, why, now);
        let assessment = assess(act.subject, memory, &after, now);
        let status = summarise(act.subject, memory, &assessment, &self.status.conditions);
        let done = self.put(&status, &mut after).await?;
        // Only now: what a refused write would have made true is not known.
        *knowledge = after;
        self.count_correction(memory, why);
        // Until the next step the turn's span does not know of an intent that has just been recorded.
        let intent = memory.intent.as_ref().or(act.memory.intent.as_ref()).map(|intent| intent.ordinal);
        info!(?why, intent, "status recorded");
        Ok(done.map_or(Done::Learnt, |written| written.done))
    }

    /// Counted when the revision was found in AWS and not when it was sent: an answer may get lost.
    fn count_correction(&self, memory: &Memory, why: Why) {
        let corrects = self.act.memory.intent.as_ref().is_some_and(|intent| intent.cause == Cause::Correct);
        if let Some(key) = memory.key.as_ref().filter(|_| why == Why::Settled && corrects) {
            self.act.all.parts.metrics.drift_corrected((key.target.account(), key.target.region()));
        }
    }

    /// Counted with the write that says it: another replica, or this one after a restart, counts none again.
    fn count_verdict(&self, status: &GreengrassDeploymentStatus) {
        let before = self.status;
        if (&before.verdict, &before.deployment_id) == (&status.verdict, &status.deployment_id) {
            return;
        }
        let verdict = status.verdict.as_deref().and_then(Verdict::recorded);
        if let Some((verdict, resolved)) = verdict.zip(status.resolved.as_ref()) {
            self.act.all.parts.metrics.rolled_out(verdict, (&resolved.account_id, &resolved.region));
        }
    }

    pub(super) async fn publish(
        &self,
        memory: &Memory,
        assessment: &Assessment,
        knowledge: &mut Knowledge,
    ) -> Result<Said, ApiError> {
        let status = summarise(self.act.subject, memory, assessment, &self.status.conditions);
        Ok(match self.put(&status, knowledge).await? {
            None => Said::Stands(self.act.record.resource_version),
            Some(Written { done: Done::Wrote(_) | Done::Learnt | Done::Wait(_), version }) => Said::Stands(version),
            Some(Written { done: Done::Gone, .. }) => Said::Gone,
        })
    }

    async fn put(
        &self,
        status: &GreengrassDeploymentStatus,
        knowledge: &mut Knowledge,
    ) -> Result<Option<Written>, ApiError> {
        let act = self.act;
        let json = Json::of(status).map_err(|error| ApiError::Other(error.to_string()))?;
        match act.all.parts.objects.publish(act.record, &json, &TYPES).await? {
            Published::Unchanged => Ok(None),
            Published::Written(written) => {
                let before = self.status;
                self.count_verdict(status);
                let version = written.resource_version;
                let done = act.wrote(*written, knowledge);
                if let Some(ready) = transition(&before.conditions, &status.conditions) {
                    let is_trouble = ["ProgressingWithRetry", "Unverified"].contains(&ready.reason.as_str())
                        || status.conditions.iter().any(|condition| condition.type_ == "Stalled");
                    let note = note(&ready.message, knowledge.trouble.as_deref());
                    act.all.parts.events.transition(act.record, !is_trouble, &ready.reason, &note).await;
                }
                if before.deployment_id != status.deployment_id || synced_of(before) != synced_of(status) {
                    turn::wake_dependants(act.all, &act.record.name, Memory::recall(status).key.as_ref());
                }
                Ok(Some(Written { done, version }))
            }
        }
    }
}

struct Written {
    done: Done,
    /// The version that this write made. What the cache holds may be newer, and nothing has been decided on that yet.
    version: ResourceVersion,
}

fn synced_of(status: &GreengrassDeploymentStatus) -> Option<(&str, i64)> {
    let synced = status.conditions.iter().find(|condition| condition.type_ == "Synced")?;
    Some((&synced.status, synced.observed_generation.unwrap_or_default()))
}
