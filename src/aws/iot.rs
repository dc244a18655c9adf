//! Calls to AWS `IoT` Core: what devices did with a deployment. I/O. Only reads.

use aws_sdk_iot::types::JobExecutionStatus;
use greengrass_operator_core::api::devices::DeviceFailure;
use greengrass_operator_core::deployment::knowledge::Job;
use greengrass_operator_core::deployment::rollout::{BadEnd, MAX_FAILURES};
use greengrass_operator_core::failure::{Failure, Operation};
use jiff::Timestamp;

use super::calls::Calls;
use super::clients::ServiceClients;
use super::iot_reply as reply;
use super::quota::Permit;

/// The shadow by which Greengrass deploys to a thing (aws-greengrass-nucleus, `ShadowDeploymentListener`).
const SHADOW: &str = "AWSManagedGreengrassV2Deployment";

/// As many as `ListJobExecutionsForJob` gives at once (API reference, `maxResults`).
const EXECUTIONS_A_PAGE: i32 = 250;

/// What one device did with a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The device.
    pub thing: String,
    /// AWS's word for how far it is, for example `IN_PROGRESS`.
    pub state: String,
    /// When that last changed.
    pub changed_at: Option<Timestamp>,
}

/// One page of a job's devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionPage {
    /// The devices.
    pub executions: Vec<Execution>,
    /// Where the next page starts.
    pub next_token: Option<String>,
}

/// Calls `IoT` Core. Clones share everything.
#[derive(Clone)]
pub struct Iot {
    calls: Calls,
}

impl Iot {
    pub(super) const fn new(calls: Calls) -> Self {
        Self { calls }
    }

    /// Counts a job's devices by what they did.
    pub async fn describe_job(&self, permit: Permit, job: &str) -> Result<Job, Failure> {
        self.calls
            .call(
                permit,
                Operation::DescribeJob,
                async |clients: ServiceClients| clients.iot.describe_job().job_id(job).send().await,
                reply::job,
            )
            .await
    }

    /// Some of a job's devices that ended so, as many as the status tells of, by name.
    pub async fn list_job_executions(&self, permit: Permit, job: &str, end: BadEnd) -> Result<Vec<String>, Failure> {
        let status = JobExecutionStatus::from(end.as_str());
        let some = i32::try_from(MAX_FAILURES).unwrap_or(i32::MAX);
        self.calls
            .call(
                permit,
                Operation::ListJobExecutionsForJob,
                async |clients: ServiceClients| {
                    clients.iot.list_job_executions_for_job().job_id(job).status(status).max_results(some).send().await
                },
                |output| Ok(reply::things(output)),
            )
            .await
    }

    /// One page of a job's devices with what they did: all, or those that are in that state.
    pub async fn list_executions(
        &self,
        permit: Permit,
        job: &str,
        state: Option<&str>,
        page: Option<&str>,
    ) -> Result<ExecutionPage, Failure> {
        self.calls
            .call(
                permit,
                Operation::ListJobExecutionsForJob,
                async |clients: ServiceClients| {
                    let list = clients.iot.list_job_executions_for_job().job_id(job).max_results(EXECUTIONS_A_PAGE);
                    let list = list.set_status(state.map(JobExecutionStatus::from));
                    list.set_next_token(page.map(ToOwned::to_owned)).send().await
                },
                |output| Ok(reply::executions(output)),
            )
            .await
    }

    /// What a device says of a job; none where it has ended in another way since.
    pub async fn describe_job_execution(
        &self,
        permit: Permit,
        job: &str,
        thing: &str,
        end: BadEnd,
    ) -> Result<Option<DeviceFailure>, Failure> {
        self.calls
            .call(
                permit,
                Operation::DescribeJobExecution,
                async |clients: ServiceClients| {
                    clients.iot.describe_job_execution().job_id(job).thing_name(thing).send().await
                },
                |output| Ok(reply::device(&output, thing, end)),
            )
            .await
    }

    /// What a thing says of its deployment of that revision; none where it says nothing, or speaks of another one.
    pub async fn get_deployment_shadow(
        &self,
        permit: Permit,
        thing: &str,
        revision: &str,
    ) -> Result<Option<DeviceFailure>, Failure> {
        self.calls
            .call(
                permit,
                Operation::GetThingShadow,
                async |clients: ServiceClients| {
                    clients.iot_data.get_thing_shadow().thing_name(thing).shadow_name(SHADOW).send().await
                },
                |output| Ok(reply::shadow(&output, thing, revision)),
            )
            .await
    }
}
