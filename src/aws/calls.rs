//! What every call to AWS has in common. I/O.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use aws_sdk_greengrassv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_greengrassv2::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

use super::classify::classify;
use super::clients::{Clients, ServiceClients};
use super::observe::{CallObserver, CallOutcome};
use super::quota::{Permit, QuotaKeeper};
use super::reply::Missing;
use super::transmit::{was_stopped, while_valid};

/// Sends calls. Clones share everything.
#[derive(Clone)]
pub(super) struct Calls {
    clients: Arc<Clients>,
    quota: Arc<QuotaKeeper>,
    observer: Arc<dyn CallObserver>,
}

impl Calls {
    pub(super) fn new(clients: Arc<Clients>, quota: Arc<QuotaKeeper>, observer: Arc<dyn CallObserver>) -> Self {
        Self { clients, quota, observer }
    }

    /// What every call has in common: the fence, the client, the span, classification, what the keeper of quotas
    /// learns, the measurement.
    pub(super) async fn call<O, E, T, Sent>(
        &self,
        permit: Permit,
        operation: Operation,
        send: impl FnOnce(ServiceClients) -> Sent,
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
            identity = %scope.connection,
            class = permit.class().name(),
            request_id = Empty,
        );
        async {
            let started = Instant::now();
            let clients = self.clients.of(scope).await;
            // After the making of clients, which the first time reads files; and once more before the bytes go out.
            let result = if permit.valid() {
                outcome(operation, while_valid(permit.fence(), send(clients)).await, read)
            } else {
                Err(fenced(operation))
            };
            if let Err(failure) = &result
                && failure.kind == FailureKind::Credentials
                && failure.operation == operation
            {
                self.clients.forget_credentials(scope).await;
            }
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
                tracing::info!(seconds, outcome = failure.kind.name(), "{failure}");
                self.teach_quota(permit, failure);
                CallOutcome::Failed(failure.kind)
            }
        };
        // What failed may be the call for credentials that came before.
        let operation = result.as_ref().err().map_or(operation, |failure| failure.operation);
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

fn fenced(operation: Operation) -> Failure {
    Failure::new(operation, FailureKind::Fenced, "this replica does not lead any more")
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
    let output =
        result.map_err(|error| if was_stopped(&error) { fenced(operation) } else { classify(operation, &error) })?;
    let request_id = output.request_id().map(str::to_owned);
    if let Some(id) = &request_id {
        Span::current().record("request_id", id);
    }
    read(output).map_err(|Missing(name)| Failure {
        request_id,
        ..Failure::new(operation, FailureKind::BadReply, &format!("{name} is missing"))
    })
}
