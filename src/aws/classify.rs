//! What went wrong with a call: from the SDK's errors to the table of the core. Pure, but for a log line.
//!
//! By AWS's code, not by the SDK's types: an exception whose body the SDK can't read keeps its code in a header, and
//! codes that stand in no model (signatures, front doors) come the same way. Nothing is ever `Debug`-formatted: that
//! prints whole requests, with the session token.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_greengrassv2::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};

use super::credentials::Refusal;

/// The service's words for a full deletion queue name this job status.
const DELETION_LIMIT_MARK: &str = "DELETION_IN_PROGRESS";

/// How deep errors are followed; they are nested four or five deep.
const DEPTH: usize = 16;

/// Makes a failure of an error.
pub(super) fn classify<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    // What was refused was the call for the credentials; this one was never sent.
    if let Some(refusal) = causes(error).find_map(|cause| cause.downcast_ref::<Refusal>()) {
        return match &refusal.failure {
            Some(failure) => failure.clone(),
            None => Failure::new(operation, FailureKind::Credentials, &refusal.to_string()),
        };
    }
    match error {
        SdkError::ServiceError(answer) => {
            answered(operation, answer.err().code(), answer.err().message(), answer.raw())
        }
        // Bytes that are no HTTP, or a body that ended early.
        SdkError::ResponseError(answer) => {
            let failure = Failure::new(operation, FailureKind::BadReply, &words(error));
            Failure { request_id: request_id(answer.raw()), ..failure }
        }
        SdkError::TimeoutError(_) => Failure::new(operation, FailureKind::TimedOut, &words(error)),
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) if is_credentials(error) => {
            Failure::new(operation, FailureKind::Credentials, &words(error))
        }
        SdkError::DispatchFailure(_) => Failure::new(operation, FailureKind::Unreachable, &words(error)),
        SdkError::ConstructionFailure(_) => Failure::new(operation, FailureKind::Construction, &words(error)),
        // The enum is open; whatever comes, it was not AWS's refusal, so the request may have been carried out.
        _ => Failure::new(operation, FailureKind::Service, &words(error)),
    }
}

/// The service, or something that answers in its place, said no, or said something that can't be read.
fn answered(operation: Operation, code: Option<&str>, message: Option<&str>, raw: &HttpResponse) -> Failure {
    let status = raw.status().as_u16();
    let code = code.or_else(|| code_in_header(raw));
    let message = message.unwrap_or_default();
    let kind = match code {
        Some(code) => kind_of_code(code, message).or_else(|| kind_of_status(status)).unwrap_or_else(|| {
            tracing::warn!(%operation, code, status, "AWS answers with a code that this version does not know");
            FailureKind::Service
        }),
        // A page of a proxy, or a success whose body is not what it should be. A bare 403 or 404 is no answer of AWS:
        // taking it as "not found" would claim that a deployment is gone.
        None => kind_of_status(status).unwrap_or(FailureKind::BadReply),
    };
    let words = if message.is_empty() { format!("HTTP status {status}") } else { message.to_owned() };
    Failure {
        code: code.map(str::to_owned),
        request_id: request_id(raw),
        retry_after: retry_after(raw),
        ..Failure::new(operation, kind, &words)
    }
}

/// By the code: the modelled exceptions of every operation, then the generic ones of AWS's front doors.
fn kind_of_code(code: &str, message: &str) -> Option<FailureKind> {
    Some(match code {
        "AccessDeniedException" | "AccessDenied" | "ForbiddenException" | "UnauthorizedException" | "NotAuthorized" => {
            FailureKind::AccessDenied
        }
        "ResourceNotFoundException" => FailureKind::NotFound,
        "ValidationException" | "ValidationError" | "InvalidRequestException" => FailureKind::Validation,
        "ServiceQuotaExceededException" | "LimitExceededException" => FailureKind::QuotaExceeded,
        "ThrottlingException" if message.contains(DELETION_LIMIT_MARK) => FailureKind::DeletionLimit,
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "RequestThrottledException"
        | "RequestThrottled"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown" => FailureKind::Throttled,
        "ConflictException" | "ResourceInUseException" | "ResourceAlreadyExistsException" => FailureKind::Conflict,
        "RequestAlreadyInProgressException" => FailureKind::InProgress,
        "InternalServerException"
        | "InternalFailure"
        | "InternalFailureException"
        | "InternalError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException" => FailureKind::Service,
        "ExpiredTokenException"
        | "ExpiredToken"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "OptInRequired"
        | "RequestExpired"
        | "RequestTimeTooSkewed" => FailureKind::Credentials,
        _ => return None,
    })
}

/// By the HTTP status alone; `None` where it says too little.
const fn kind_of_status(status: u16) -> Option<FailureKind> {
    match status {
        429 => Some(FailureKind::Throttled),
        500..=599 => Some(FailureKind::Service),
        _ => None,
    }
}

/// The code in the header, which comes as `CODE:URL` too; for bodies that the SDK can't read.
fn code_in_header(raw: &HttpResponse) -> Option<&str> {
    let header = raw.headers().get("x-amzn-errortype")?;
    let code = header.split(':').next().unwrap_or(header);
    Some(code.rsplit('#').next().unwrap_or(code)).filter(|code| !code.is_empty())
}

fn request_id(raw: &HttpResponse) -> Option<String> {
    let headers = raw.headers();
    headers.get("x-amzn-requestid").or_else(|| headers.get("x-amz-request-id")).map(str::to_owned)
}

/// The member `retryAfterSeconds` of the modelled exceptions; read from its header, so that it counts whatever the code.
fn retry_after(raw: &HttpResponse) -> Option<Duration> {
    let seconds: u64 = raw.headers().get("retry-after")?.trim().parse().ok()?;
    // The model's 0 stands for absent.
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Whether the cause is that credentials can't be had. The SDK calls that a failure to dispatch.
fn is_credentials(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(<dyn Error>::is::<CredentialsError>)
}

/// The error and what caused it, outermost first.
pub(super) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause: &&'a (dyn Error + 'static)| {
        let cause: &'a (dyn Error + 'static) = *cause;
        cause.source()
    })
    .take(DEPTH)
}

/// Where an endpoint is no address the SDK shows the whole request, with the configurations in it.
fn without_request(said: &str) -> String {
    match (said.find(" to request `Request {"), said.rfind("}`")) {
        (Some(start), Some(end)) if start < end => {
            let (before, after) = (said.get(..start).unwrap_or_default(), said.get(end + 2..).unwrap_or_default());
            format!("{before}{after}")
        }
        _ => said.to_owned(),
    }
}

/// What the error and its causes say, each once: `dispatch failure: io error: connection refused`.
pub(super) fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let said = without_request(&cause.to_string());
        if said.is_empty() || text.contains(&said) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&said);
    }
    text
}
