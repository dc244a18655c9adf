//! What every call to AWS has in common. I/O.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

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
use super::scope::Scope;
use super::transmit::{was_stopped, while_valid};

/// Credentials that AWS does not know are dropped when they are at least so old: fresh ones that it does not know either must not become
/// a loop.
const UNKNOWN_AFTER: Duration = Duration::from_secs(10);
/// The same for sessions of a role that are denied: a role that lacks a permission is assumed once a minute at most because of it, for all
/// resources of a namespace.
const DENIED_AFTER: Duration = Duration::from_mins(1);

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
            if let Err(failure) = &result {
                if failure.operation == operation {
                    self.doubt_credentials(scope, failure.kind).await;
                    self.teach_quota(&permit, failure);
                } else if failure.kind == FailureKind::Credentials {
                    // With which the role was to be assumed.
                    self.clients.forget_own_credentials(UNKNOWN_AFTER).await;
                }
            }
            self.report(&permit, operation, &result, started.elapsed().as_secs_f64());
            result
        }
        .instrument(span)
        .await
    }

    /// What AWS does not take is had anew. A session that was revoked is denied everything, as is one whose role lacks a permission.
    async fn doubt_credentials(&self, scope: &Scope, kind: FailureKind) {
        match kind {
            FailureKind::Credentials => self.clients.forget_credentials(scope, UNKNOWN_AFTER).await,
            FailureKind::AccessDenied if scope.connection.role().is_some() => {
                self.clients.forget_credentials(scope, DENIED_AFTER).await;
            }
            FailureKind::AccessDenied
            | FailureKind::NotFound
            | FailureKind::Validation
            | FailureKind::QuotaExceeded
            | FailureKind::Throttled
            | FailureKind::DeletionLimit
            | FailureKind::Conflict
            | FailureKind::InProgress
            | FailureKind::Service
            | FailureKind::TimedOut
            | FailureKind::Unreachable
            | FailureKind::BadReply
            | FailureKind::Construction
            | FailureKind::Fenced => {}
        }
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
