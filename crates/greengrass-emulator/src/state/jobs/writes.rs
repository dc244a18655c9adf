//! Deployments and jobs come to their end by calls: deletion and cancellation. Pure.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{End, reads::in_namespace};
use crate::{
    deployment::DeploymentStatus,
    error::{IotErrorCode, ServiceError},
    job::JobStatus,
    state::{Answer, Body, Input, Partition, agenda::Due, things::not_found},
    switches::Switches,
};

/// "Only 10 jobs may have status `DELETION_IN_PROGRESS` at the same time": API reference, `DeleteJob`.
const MOST_DELETIONS: usize = 10;

impl Partition {
    /// DeleteDeployment, once it is known that the row may go: the job is deleted behind the answer.
    pub(in crate::state) fn delete_deployment(
        &mut self,
        number: u64,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let document = self.deployments.document(number);
        let id = document.as_ref().and_then(|document| document.job_id.as_ref());
        if let Some(id) =
            id.filter(|id| self.jobs.get(id).is_some_and(|job| job.status != JobStatus::DeletionInProgress))
        {
            if self.jobs.being_deleted() >= MOST_DELETIONS {
                return Err(ServiceError::TooManyDeletions);
            }
            self.begin_deletion(id, switches, now);
        }
        self.deployments.delete(number, now);
        Ok(Answer { status: 204, body: Body::Empty })
    }

    fn begin_deletion(&mut self, id: &Arc<str>, switches: &Switches, now: Timestamp) {
        self.jobs.begin_deletion(id, now);
        let takes = SignedDuration::from_millis(i64::try_from(switches.job_deletion_ms).unwrap_or(i64::MAX));
        let end = now.checked_add(takes).unwrap_or(Timestamp::MAX);
        self.agenda.note(end, Due::Deleted { job: Arc::clone(id) });
    }

    /// CancelJob of a deployment's job: the deployment is cancelled with it, since its status is read from the job.
    pub(in crate::state) fn cancel_job(&mut self, input: &Input, now: Timestamp) -> Result<Answer, ServiceError> {
        let job = self.jobs.named(input.required("jobId"))?;
        if job.status != JobStatus::InProgress {
            let status = json!(job.status);
            let message =
                format!("job {} in status {} cannot be canceled", job.id, status.as_str().unwrap_or_default());
            return Err(ServiceError::iot(IotErrorCode::InvalidRequest, message));
        }
        let (id, number) = (Arc::clone(&job.id), job.deployment);
        let text = |name: &str| input.text(name).map(ToOwned::to_owned);
        let end = End { reason_code: text("reasonCode"), comment: text("comment"), forced: is_forced(input) };
        self.jobs.cancel(&id, end, now);
        self.deployments.set_status(number, DeploymentStatus::Canceled, now);
        Ok(Answer::ok(json!({"jobArn": self.scope.job_arn(&id), "jobId": &*id})))
    }

    /// DeleteJob of a deployment's job. The deployment stays; one that was live is cancelled.
    pub(in crate::state) fn delete_job(
        &mut self,
        input: &Input,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let id = input.required("jobId");
        let job = self.jobs.named(id)?;
        if !in_namespace(input, switches) {
            return Err(not_found("job", id));
        }
        let (id, number) = (Arc::clone(&job.id), job.deployment);
        match job.status {
            JobStatus::DeletionInProgress => return Ok(Answer::ok(json!({}))),
            JobStatus::InProgress if !is_forced(input) => {
                let message = format!("job {id} in status IN_PROGRESS cannot be deleted without force");
                return Err(ServiceError::iot(IotErrorCode::InvalidStateTransition, message));
            }
            JobStatus::InProgress | JobStatus::Canceled => {}
        }
        if self.jobs.being_deleted() >= MOST_DELETIONS {
            let message = format!("at most {MOST_DELETIONS} jobs can be in status DELETION_IN_PROGRESS");
            return Err(ServiceError::iot(IotErrorCode::LimitExceeded, message));
        }
        if job.status == JobStatus::InProgress {
            self.deployments.set_status(number, DeploymentStatus::Canceled, now);
        }
        self.begin_deletion(&id, switches, now);
        Ok(Answer::ok(json!({})))
    }
}

fn is_forced(input: &Input) -> bool {
    input.get("force").as_bool().unwrap_or_default()
}
