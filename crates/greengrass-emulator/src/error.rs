//! The errors that the services answer with: code, status, body and headers. Pure.

mod of_service;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use of_service::{StsErrorCode, ThingsGraphErrorCode};

use crate::operation::Service;

/// One field that failed validation, as `ValidationException` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The path of the field: `components.com.example.Hello.componentVersion`.
    pub name: String,
    /// What is wrong with it.
    pub message: String,
}

/// The `reason` of Greengrass's `ValidationException` (enum `ValidationExceptionReason` of the service model).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ValidationReason {
    /// The body can't be parsed.
    CannotParse,
    /// A field breaks a constraint.
    FieldValidationFailed,
    /// Anything else.
    Other,
}

/// An error answer of one of the emulated services.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// `ValidationException`.
    #[error("ValidationException: {message}")]
    Validation {
        /// What a person reads.
        message: String,
        /// The class of the mistake.
        reason: ValidationReason,
        /// The fields that are wrong.
        fields: Vec<FieldError>,
    },
    /// `ResourceNotFoundException` of Greengrass, which names the resource.
    #[error("ResourceNotFoundException: {resource_type} {resource_id}")]
    ResourceNotFound {
        /// The id or ARN that was asked for.
        resource_id: String,
        /// Its kind.
        resource_type: &'static str,
    },
    /// `ConflictException`.
    #[error("ConflictException: {message}")]
    Conflict {
        /// What a person reads.
        message: String,
        /// The id or ARN of what is in the way.
        resource_id: String,
        /// Its kind.
        resource_type: &'static str,
    },
    /// `RequestAlreadyInProgressException`: the first request with this client token is not finished.
    #[error("RequestAlreadyInProgressException")]
    RequestAlreadyInProgress,
    /// `AccessDeniedException`.
    #[error("AccessDeniedException: {message}")]
    AccessDenied {
        /// What a person reads.
        message: String,
    },
    /// `ThrottlingException`.
    #[error("ThrottlingException")]
    Throttling {
        /// The service whose limit it is: its model says which status and members the error has.
        service: Service,
        /// The `Retry-After` header.
        retry_after_seconds: Option<u32>,
    },
    /// `ThrottlingException` of DeleteDeployment while ten jobs are being deleted, in the service's own words
    /// (aws-greengrass-lite, pull request 1144).
    #[error("ThrottlingException: too many jobs are being deleted")]
    TooManyDeletions,
    /// An error of `IoT` Core, whose errors have a message and nothing else.
    #[error("{code}: {message}", code = .code.name())]
    Iot {
        /// Which one.
        code: IotErrorCode,
        /// What a person reads.
        message: String,
    },
    /// An error of AWS STS, whose errors have a message and nothing else.
    #[error("{code}: {message}", code = .code.name())]
    Sts {
        /// Which one.
        code: StsErrorCode,
        /// What a person reads.
        message: String,
    },
    /// An error of `IoT` Things Graph, whose errors have a message and nothing else.
    #[error("{code}: {message}", code = .code.name())]
    ThingsGraph {
        /// Which one.
        code: ThingsGraphErrorCode,
        /// What a person reads.
        message: String,
    },
    /// `ResourceAlreadyExistsException` of `IoT` Core.
    #[error("ResourceAlreadyExistsException: {resource_arn}")]
    AlreadyExists {
        /// The id of what exists.
        resource_id: String,
        /// Its ARN.
        resource_arn: String,
    },
    /// The request carries no signature: <https://docs.aws.amazon.com/greengrass/v2/APIReference/CommonErrors.html>.
    #[error("MissingAuthenticationTokenException")]
    MissingAuthenticationToken,
    /// The signature lacks a part, or can't be parsed.
    #[error("IncompleteSignatureException: {message}")]
    IncompleteSignature {
        /// Which part.
        message: String,
    },
    /// The signature is not one of this request, for this service, at this time.
    #[error("InvalidSignatureException: {message}")]
    InvalidSignature {
        /// What is wrong with it.
        message: String,
    },
    /// Nobody knows the access key, or the session token is not its own.
    #[error("UnrecognizedClientException")]
    UnrecognizedClient,
    /// The temporary access key has come to its end.
    #[error("ExpiredTokenException")]
    ExpiredToken,
    /// No operation has this method and path.
    #[error("UnknownOperationException: {what}")]
    UnknownOperation {
        /// Method and path.
        what: String,
    },
    /// The service has this operation, the emulator doesn't.
    #[error("NotImplemented: {operation}")]
    NotImplemented {
        /// The operation's name.
        operation: &'static str,
    },
    /// The body is larger than API Gateway lets through.
    #[error("RequestEntityTooLargeException")]
    RequestTooLarge,
    /// What a fault rule asked for.
    #[error("{code}: {message}")]
    Scripted {
        /// The HTTP status.
        status: u16,
        /// The error's name.
        code: String,
        /// What a person reads.
        message: String,
    },
}

/// The errors of `IoT` Core's model that the emulator answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IotErrorCode {
    /// The request is wrong.
    InvalidRequest,
    /// What it names doesn't exist.
    ResourceNotFound,
    /// `expectedVersion` is another one.
    VersionConflict,
    /// The job's status doesn't allow it.
    InvalidStateTransition,
    /// Too many of something.
    LimitExceeded,
}

impl IotErrorCode {
    const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "InvalidRequestException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::VersionConflict => "VersionConflictException",
            Self::InvalidStateTransition => "InvalidStateTransitionException",
            Self::LimitExceeded => "LimitExceededException",
        }
    }

    const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::ResourceNotFound => 404,
            Self::VersionConflict | Self::InvalidStateTransition => 409,
            Self::LimitExceeded => 410,
        }
    }
}

impl ServiceError {
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::Validation { message: message.into(), reason: ValidationReason::Other, fields: Vec::new() }
    }

    pub(crate) fn field(name: &str, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { name: name.to_owned(), message: message.into() }])
    }

    pub(crate) fn fields(fields: Vec<FieldError>) -> Self {
        let message =
            fields.iter().map(|field| format!("{}: {}", field.name, field.message)).collect::<Vec<_>>().join("; ");
        Self::Validation { message, reason: ValidationReason::FieldValidationFailed, fields }
    }

    pub(crate) fn deployment_not_found(id: &str) -> Self {
        Self::ResourceNotFound { resource_id: id.to_owned(), resource_type: "deployment" }
    }

    pub(crate) fn iot(code: IotErrorCode, message: impl Into<String>) -> Self {
        Self::Iot { code, message: message.into() }
    }

    /// The name that stands in the `x-amzn-ErrorType` header, in the XML, or in `__type`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Validation { .. } => "ValidationException",
            Self::ResourceNotFound { .. } => "ResourceNotFoundException",
            Self::Conflict { .. } => "ConflictException",
            Self::RequestAlreadyInProgress => "RequestAlreadyInProgressException",
            Self::AccessDenied { .. } => "AccessDeniedException",
            Self::Throttling { service, .. } => match service {
                Service::Greengrass | Service::Iot | Service::IotData | Service::ThingsGraph => "ThrottlingException",
                Service::Sts => "Throttling",
            },
            Self::TooManyDeletions => "ThrottlingException",
            Self::Iot { code, .. } => code.name(),
            Self::Sts { code, .. } => code.name(),
            Self::ThingsGraph { code, .. } => code.name(),
            Self::AlreadyExists { .. } => "ResourceAlreadyExistsException",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::IncompleteSignature { .. } => "IncompleteSignatureException",
            Self::InvalidSignature { .. } => "InvalidSignatureException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::UnknownOperation { .. } => "UnknownOperationException",
            Self::NotImplemented { .. } => "NotImplementedException",
            Self::RequestTooLarge => "RequestEntityTooLargeException",
            Self::Scripted { code, .. } => code,
        }
    }

    /// The HTTP status, as the service models have it.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Validation { .. } | Self::RequestAlreadyInProgress => 400,
            Self::MissingAuthenticationToken
            | Self::IncompleteSignature { .. }
            | Self::InvalidSignature { .. }
            | Self::UnrecognizedClient
            | Self::ExpiredToken
            | Self::AccessDenied { .. } => 403,
            Self::ResourceNotFound { .. } | Self::UnknownOperation { .. } => 404,
            Self::Conflict { .. } | Self::AlreadyExists { .. } => 409,
            Self::RequestTooLarge => 413,
            // IoT Core's model gives its ThrottlingException status 400.
            Self::Throttling { service, .. } => match service {
                Service::Greengrass | Service::IotData => 429,
                Service::Iot | Service::Sts | Service::ThingsGraph => 400,
            },
            Self::TooManyDeletions => 429,
            Self::Iot { code, .. } => code.status(),
            Self::Sts { code, .. } => code.status(),
            Self::ThingsGraph { code, .. } => code.status(),
            // Not one of those that SDKs retry.
            Self::NotImplemented { .. } => 501,
            Self::Scripted { status, .. } => *status,
        }
    }

    /// The value of the `Retry-After` header.
    pub(crate) const fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            Self::Throttling { retry_after_seconds, .. } => *retry_after_seconds,
            _ => None,
        }
    }

    /// What a person reads.
    pub(crate) fn message(&self) -> String {
        self.body().get("message").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The JSON body, with a `message` always.
    #[must_use]
    pub fn body(&self) -> Value {
        match self {
            Self::Validation { message, reason, fields } => {
                json!({"message": message, "reason": reason, "fields": fields})
            }
            Self::ResourceNotFound { resource_id, resource_type } => json!({
                "message": format!("The {resource_type} {resource_id} could not be found."),
                "resourceId": resource_id,
                "resourceType": resource_type,
            }),
            Self::Conflict { message, resource_id, resource_type } => {
                json!({"message": message, "resourceId": resource_id, "resourceType": resource_type})
            }
            Self::RequestAlreadyInProgress => {
                json!({"message": "A request with the same client token is already in progress."})
            }
            Self::AccessDenied { message }
            | Self::Iot { message, .. }
            | Self::Sts { message, .. }
            | Self::ThingsGraph { message, .. }
            | Self::Scripted { message, .. }
            | Self::IncompleteSignature { message }
            | Self::InvalidSignature { message } => json!({"message": message}),
            Self::Throttling { service: Service::Greengrass, .. } => json!({
                "message": "Rate exceeded",
                // The code of the quota is not public; the member is what a client may read.
                "quotaCode": "greengrass-control-plane-rate",
                "serviceCode": "greengrass",
            }),
            Self::Throttling {
                service: Service::Iot | Service::IotData | Service::Sts | Service::ThingsGraph, ..
            } => json!({"message": "Rate exceeded"}),
            Self::TooManyDeletions => json!({
                "message": "Exceeded the AWS IoT Jobs service quota for the number of jobs with status DELETION_IN_PROGRESS. Please check number of \
                            jobs currently being deleted, wait at least one minute, and try again.",
                "serviceCode": "iot",
            }),
            Self::AlreadyExists { resource_id, resource_arn } => json!({
                "message": format!("{resource_arn} already exists with a different configuration"),
                "resourceId": resource_id,
                "resourceArn": resource_arn,
            }),
            Self::MissingAuthenticationToken => json!({"message": "Missing Authentication Token"}),
            Self::UnrecognizedClient => json!({"message": "The security token included in the request is invalid."}),
            Self::ExpiredToken => json!({"message": "The security token included in the request is expired"}),
            Self::UnknownOperation { what } => json!({
                "message": format!("{what} is no operation of the services that greengrass-emulator knows"),
            }),
            Self::NotImplemented { operation } => json!({
                "message": format!("greengrass-emulator does not implement {operation}"),
            }),
            Self::RequestTooLarge => json!({"message": "Request Entity Too Large"}),
        }
    }
}
