//! Reads what devices did with a deployment. I/O.
//!
//! A reading that fails, or for which there is no quota now, is no trouble of the deployment: it is tried again later, and only
//! what is said of devices suffers.

use std::time::Duration;

use greengrass_operator_core::deployment::assess::RolloutQuery;
use greengrass_operator_core::deployment::knowledge::{Knowledge, later};
use greengrass_operator_core::failure::{Failure, FailureKind};
use greengrass_operator_core::names::Key;
use greengrass_operator_core::pace::{Streak, pace};
use tracing::warn;

use super::Act;
use crate::aws::{ApiFamily, Permit};
use crate::controller::failures::jitter;
use crate::controller::turn::Done;

/// The longest wait for quota within a turn that reads what devices did: a change of the same resource has to wait for it. Two
/// places at six calls a second wait for a third of a second; only a pause that AWS asks for takes longer.
const WAIT_FOR_DEVICES: Duration = Duration::from_millis(800);

impl Act<'_> {
    /// Reads one thing of it.
    pub(super) async fn rollout(&self, key: &Key, query: &RolloutQuery, knowledge: &mut Knowledge) {
        let family = match query {
            RolloutQuery::ThingDeployment(_) => ApiFamily::Greengrass,
            RolloutQuery::Job(_)
            | RolloutQuery::Shadow(_)
            | RolloutQuery::BadDevices { .. }
            | RolloutQuery::BadDevice { .. } => ApiFamily::IotJobs,
        };
        let permit = match self.permit_within(WAIT_FOR_DEVICES, key, family, self.caller, false).await {
            Ok(permit) => permit,
            Err(wait) => {
                self.rollout_waits(&wait, knowledge);
                return;
            }
        };
        if let Err(failure) = Box::pin(self.rollout_with(permit, query, knowledge)).await {
            self.rollout_failed(failure, knowledge);
        }
    }

    async fn rollout_with(
        &self,
        permit: Permit,
        query: &RolloutQuery,
        knowledge: &mut Knowledge,
    ) -> Result<(), Failure> {
        let (aws, memory, at) = (&self.all.parts.aws, self.memory, self.all.parts.clock.now());
        match query {
            RolloutQuery::Job(job) => {
                let read = there(aws.iot().describe_job(permit, job).await)?;
                knowledge.read_job(memory, at, read.as_ref());
            }
            RolloutQuery::BadDevices { job, end } => {
                let things = there(aws.iot().list_job_executions(permit, job, *end).await)?;
                knowledge.read_bad_devices(memory, at, *end, things.unwrap_or_default());
            }
            RolloutQuery::BadDevice { job, thing, end } => {
                let said = there(aws.iot().describe_job_execution(permit, job, thing, *end).await)?;
                knowledge.read_bad_device(memory, at, thing, said.flatten());
            }
            RolloutQuery::Shadow(target) => {
                let own = memory.deployment.as_ref();
                let revision = own.and_then(|own| own.revision_id.as_deref()).unwrap_or_default();
                let said = there(aws.iot().get_deployment_shadow(permit, target.name(), revision).await)?;
                knowledge.read_shadow(memory, at, said.flatten());
            }
            RolloutQuery::ThingDeployment(id) => {
                let details = there(aws.greengrass().get_deployment(permit, id).await)?;
                // Whether it is gone, the looks find out.
                if let Some(details) = details {
                    knowledge.read_by(self.subject, id, at, Some(details));
                }
                knowledge.read_thing(memory, at);
            }
        }
        Ok(())
    }

    fn rollout_waits(&self, wait: &Done, knowledge: &mut Knowledge) {
        let now = self.all.parts.clock.now();
        if let Done::Wait(until) = wait {
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            knowledge.rollout_waits(self.memory, now, later(now, left));
        }
    }

    fn rollout_failed(&self, failure: Failure, knowledge: &mut Knowledge) {
        warn!(
            operation = %failure.operation,
            outcome = failure.kind.name(),
            request_id = failure.request_id,
            "what devices did can't be read: {failure}"
        );
        let now = self.all.parts.clock.now();
        let jitter = jitter(&self.record.uid, now.as_second());
        let of_pace = failure.clone();
        knowledge.rollout_failed(self.memory, now, failure, |attempts, first_failed_at| {
            pace(&of_pace, Streak { attempts, first_failed_at }, now, jitter)
        });
    }
}

/// What is not there is an answer.
fn there<T>(outcome: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
