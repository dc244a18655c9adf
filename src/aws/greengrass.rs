//! Calls to AWS IoT Greengrass V2. I/O. Each takes a permit by value, is measured, and never repeats itself.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use aws_sdk_greengrassv2::Client;
use aws_sdk_greengrassv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_greengrassv2::operation::RequestId;
use aws_sdk_greengrassv2::types::DeploymentHistoryFilter;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use greengrass_operator_core::deployment::knowledge::{Created, Details, RowFilter, RowPage};
use greengrass_operator_core::deployment::request::DeploymentRequest;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

use super::classify::classify;
use super::clients::{Clients, for_create};
use super::observe::{CallObserver, CallOutcome};
use super::quota::{Permit, QuotaKeeper};
use super::reply::{self, Missing};
use super::request;

/// Rows of a page: the most that the service gives.
const PAGE: i32 = 100;

/// Calls Greengrass. Clones share everything.
#[derive(Clone)]
pub struct Greengrass {
    clients: Arc<Clients>,
    quota: Arc<QuotaKeeper>,
    observer: Arc<dyn CallObserver>,
}

impl Greengrass {
    pub(super) fn new(clients: Arc<Clients>, quota: Arc<QuotaKeeper>, observer: Arc<dyn CallObserver>) -> Self {
        Self { clients, quota, observer }
    }

    /// Makes a revision. The same token with the same request makes one revision, however often it is sent.
    pub async fn create_deployment(
        &self,
        permit: Permit,
        request: &DeploymentRequest,
        token: &str,
    ) -> Result<Created, Failure> {
        self.call(
            permit,
            Operation::CreateDeployment,
            async |client: Client| {
                let create = request::fill_create(client.create_deployment(), request, token)
                    .map_err(SdkError::construction_failure)?;
                create.customize().config_override(for_create()).send().await
            },
            reply::created,
        )
        .await
    }

    /// Reads one deployment.
    pub async fn get_deployment(&self, permit: Permit, deployment_id: &str) -> Result<Details, Failure> {
        self.call(
            permit,
            Operation::GetDeployment,
            async |client: Client| client.get_deployment().deployment_id(deployment_id).send().await,
            reply::details,
        )
        .await
    }

    /// Reads one page of deployments, 100 at most.
    pub async fn list_deployments(
        &self,
        permit: Permit,
        filter: &RowFilter,
        page: Option<&str>,
    ) -> Result<RowPage, Failure> {
        let RowFilter { target_arn, parent_target_arn, latest_only } = filter;
        // Always said, because the service's default hides superseded rows.
        let history = if *latest_only { DeploymentHistoryFilter::LatestOnly } else { DeploymentHistoryFilter::All };
        self.call(
            permit,
            Operation::ListDeployments,
            async |client: Client| {
                client
                    .list_deployments()
                    .set_target_arn(target_arn.clone())
                    .set_parent_target_arn(parent_target_arn.clone())
                    .history_filter(history)
                    .max_results(PAGE)
                    .set_next_token(page.map(str::to_owned))
                    .send()
                    .await
            },
            reply::page,
        )
        .await
    }

    /// Cancels a deployment: devices that have not got it will not. One that is cancelled already is a success.
    pub async fn cancel_deployment(&self, permit: Permit, deployment_id: &str) -> Result<(), Failure> {
        let result = self
            .call(
                permit,
                Operation::CancelDeployment,
                async |client: Client| client.cancel_deployment().deployment_id(deployment_id).send().await,
                |_| Ok(()),
            )
            .await;
        match result {
            Err(failure) if is_canceled_already(&failure) => Ok(()),
            result => result,
        }
    }

    /// Deletes a deployment that is not active.
    pub async fn delete_deployment(&self, permit: Permit, deployment_id: &str) -> Result<(), Failure> {
        self.call(
            permit,
            Operation::DeleteDeployment,
            async |client: Client| client.delete_deployment().deployment_id(deployment_id).send().await,
            |_| Ok(()),
        )
        .await
    }

    /// Sets tags; others stay.
    pub async fn tag_resource(
        &self,
        permit: Permit,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        self.call(
            permit,
            Operation::TagResource,
            async |client: Client| {
                client.tag_resource().resource_arn(arn).set_tags(request::tags_input(tags)).send().await
            },
            |_| Ok(()),
        )
        .await
    }

    /// Removes tags by key; a key that isn't there is no failure.
    pub async fn untag_resource(&self, permit: Permit, arn: &str, keys: &[String]) -> Result<(), Failure> {
        self.call(
            permit,
            Operation::UntagResource,
            async |client: Client| {
                client.untag_resource().resource_arn(arn).set_tag_keys(Some(keys.to_vec())).send().await
            },
            |_| Ok(()),
        )
        .await
    }

    /// What every call has in common: the fence, the client, the span, classification, what the keeper of quotas
    /// learns, the measurement.
    async fn call<O, E, T, Sent>(
        &self,
        permit: Permit,
        operation: Operation,
        send: impl FnOnce(Client) -> Sent,
        read: impl FnOnce(O) -> Result<T, Missing>,
    ) -> Result<T, Failure>
    where
        O: RequestId,
        E: ProvideErrorMetadata + Error + 'static,
        Sent: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
        let scope = permit.scope();
        let span = info_span!(
            "aws",
            %operation,
            account = %scope.account,
            region = %scope.region,
            identity = %scope.identity,
            class = permit.class().name(),
            request_id = Empty,
        );
        async {
            let started = Instant::now();
            let client = self.clients.greengrass(scope).await;
            // Last, right before the bytes go out: making a client the first time reads files.
            let result = if permit.valid() {
                outcome(operation, send(client).await, read)
            } else {
                Err(Failure::new(operation, FailureKind::Fenced, "this replica does not lead any more"))
            };
            self.report(&permit, operation, &result, started.elapsed().as_secs_f64());
            result
        }
        .instrument(span)
        .await
    }

    fn report<T>(&self, permit: &Permit, operation: Operation, result: &Result<T, Failure>, seconds: f64) {
        let outcome = match result {
            Ok(_) => {
                tracing::debug!(seconds, "AWS answered");
                CallOutcome::Success
            }
            Err(failure) => {
                if let Some(id) = &failure.request_id {
                    Span::current().record("request_id", id);
                }
                tracing::info!(seconds, kind = failure.kind.name(), "{failure}");
                self.teach_quota(permit, failure);
                CallOutcome::Failed(failure.kind)
            }
        };
        self.observer.observed(operation, outcome, permit.scope(), seconds);
    }

    fn teach_quota(&self, permit: &Permit, failure: &Failure) {
        match failure.kind {
            FailureKind::Throttled => {
                self.quota.throttled(permit.scope(), permit.family(), failure.retry_after);
            }
            FailureKind::DeletionLimit => self.quota.deletion_limited(permit.scope(), failure.retry_after),
            FailureKind::AccessDenied
            | FailureKind::NotFound
            | FailureKind::Validation
            | FailureKind::QuotaExceeded
            | FailureKind::Conflict
            | FailureKind::InProgress
            | FailureKind::Service
            | FailureKind::TimedOut
            | FailureKind::Unreachable
            | FailureKind::BadReply
            | FailureKind::Credentials
            | FailureKind::Construction
            | FailureKind::Fenced => {}
        }
    }
}

/// What came of a call.
fn outcome<O, E, T>(
    operation: Operation,
    result: Result<O, SdkError<E, HttpResponse>>,
    read: impl FnOnce(O) -> Result<T, Missing>,
) -> Result<T, Failure>
where
    O: RequestId,
    E: ProvideErrorMetadata + Error + 'static,
{
    let output = result.map_err(|error| classify(operation, &error))?;
    let request_id = output.request_id().map(str::to_owned);
    if let Some(id) = &request_id {
        Span::current().record("request_id", id);
    }
    read(output).map_err(|Missing(name)| Failure {
        request_id,
        ..Failure::new(operation, FailureKind::BadReply, &format!("{name} is missing"))
    })
}

/// The service refuses to cancel twice with a validation error that only its words tell from others.
fn is_canceled_already(failure: &Failure) -> bool {
    let words = failure.message.to_ascii_lowercase();
    failure.kind == FailureKind::Validation
        && (words.contains("already canceled") || words.contains("already cancelled"))
}
