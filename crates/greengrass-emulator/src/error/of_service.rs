//! Errors as each service has them: its own codes and statuses. Pure.

use super::{IotErrorCode, ServiceError};
use crate::operation::Service;

/// The errors that AWS STS answers with:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>, and those of its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StsErrorCode {
    /// The caller lacks a right.
    AccessDenied,
    /// The temporary access key has come to its end.
    ExpiredToken,
    /// The token of an identity provider has come to its end.
    ExpiredWebIdentityToken,
    /// The signature lacks a part, or can't be parsed.
    IncompleteSignature,
    /// There is no such operation in this version.
    InvalidAction,
    /// Nobody knows the access key, or the session token is not its own.
    InvalidClientTokenId,
    /// The token of an identity provider is none.
    InvalidIdentityToken,
    /// The session policy is no JSON.
    MalformedPolicyDocument,
    /// The request names no operation.
    MissingAction,
    /// The request carries no signature.
    MissingAuthenticationToken,
    /// The service has this operation, the emulator doesn't.
    NotImplemented,
    /// The signature is not one of this request, for this service, at this time.
    SignatureDoesNotMatch,
    /// The form can't be read, or a parameter has a wrong value.
    ValidationError,
}

impl StsErrorCode {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::ExpiredToken => "ExpiredToken",
            Self::ExpiredWebIdentityToken => "ExpiredTokenException",
            Self::IncompleteSignature => "IncompleteSignature",
            Self::InvalidAction => "InvalidAction",
            Self::InvalidClientTokenId => "InvalidClientTokenId",
            Self::InvalidIdentityToken => "InvalidIdentityToken",
            Self::MalformedPolicyDocument => "MalformedPolicyDocument",
            Self::MissingAction => "MissingAction",
            Self::MissingAuthenticationToken => "MissingAuthenticationToken",
            Self::NotImplemented => "NotImplemented",
            Self::SignatureDoesNotMatch => "SignatureDoesNotMatch",
            Self::ValidationError => "ValidationError",
        }
    }

    pub(super) const fn status(self) -> u16 {
        match self {
            Self::ExpiredWebIdentityToken
            | Self::IncompleteSignature
            | Self::InvalidAction
            | Self::InvalidIdentityToken
            | Self::MalformedPolicyDocument
            | Self::MissingAction
            | Self::ValidationError => 400,
            Self::AccessDenied
            | Self::ExpiredToken
            | Self::InvalidClientTokenId
            | Self::MissingAuthenticationToken
            | Self::SignatureDoesNotMatch => 403,
            Self::NotImplemented => 501,
        }
    }
}

/// The errors that `IoT` Things Graph answers with: those of the botocore model `iotthingsgraph/2018-09-06`, and those that every service of its protocol
/// has (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>), there with status 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThingsGraphErrorCode {
    /// The caller lacks a right.
    AccessDenied,
    /// The temporary access key has come to its end.
    ExpiredToken,
    /// The signature lacks a part, or can't be parsed.
    IncompleteSignature,
    /// The request is wrong.
    InvalidRequest,
    /// The signature is not one of this request, for this service, at this time.
    InvalidSignature,
    /// The request carries no signature.
    MissingAuthenticationToken,
    /// The service has this operation, the emulator doesn't.
    NotImplemented,
    /// What should be created exists.
    ResourceAlreadyExists,
    /// Its status doesn't allow it.
    ResourceInUse,
    /// What the request names doesn't exist.
    ResourceNotFound,
    /// The header names no operation.
    UnknownOperation,
    /// Nobody knows the access key, or the session token is not its own.
    UnrecognizedClient,
}

impl ThingsGraphErrorCode {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::InvalidRequest => "InvalidRequestException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::NotImplemented => "NotImplementedException",
            Self::ResourceAlreadyExists => "ResourceAlreadyExistsException",
            Self::ResourceInUse => "ResourceInUseException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::UnrecognizedClient => "UnrecognizedClientException",
        }
    }

    pub(super) const fn status(self) -> u16 {
        match self {
            Self::AccessDenied
            | Self::ExpiredToken
            | Self::IncompleteSignature
            | Self::InvalidRequest
            | Self::InvalidSignature
            | Self::MissingAuthenticationToken
            | Self::ResourceAlreadyExists
            | Self::ResourceInUse
            | Self::ResourceNotFound
            | Self::UnknownOperation
            | Self::UnrecognizedClient => 400,
            Self::NotImplemented => 501,
        }
    }
}

impl ServiceError {
    pub(crate) fn things_graph(code: ThingsGraphErrorCode, message: impl Into<String>) -> Self {
        Self::ThingsGraph { code, message: message.into() }
    }

    /// The same as a service has it.
    pub(crate) fn of_service(self, service: Service) -> Self {
        match service {
            Service::Greengrass => self,
            Service::Iot | Service::IotData => self.of_iot(),
            Service::Sts => self.of_sts(),
            Service::ThingsGraph => self.of_things_graph(),
        }
    }

    /// Neither plane of `IoT` Core has a `ValidationException`.
    fn of_iot(self) -> Self {
        match self {
            Self::Validation { message, .. } => Self::iot(IotErrorCode::InvalidRequest, message),
            error => error,
        }
    }

    fn of_sts(self) -> Self {
        let code = match self {
            Self::Validation { .. } => StsErrorCode::ValidationError,
            Self::AccessDenied { .. } => StsErrorCode::AccessDenied,
            Self::MissingAuthenticationToken => StsErrorCode::MissingAuthenticationToken,
            Self::IncompleteSignature { .. } => StsErrorCode::IncompleteSignature,
            Self::InvalidSignature { .. } => StsErrorCode::SignatureDoesNotMatch,
            Self::UnrecognizedClient => StsErrorCode::InvalidClientTokenId,
            Self::ExpiredToken => StsErrorCode::ExpiredToken,
            Self::UnknownOperation { .. } => StsErrorCode::InvalidAction,
            Self::NotImplemented { .. } => StsErrorCode::NotImplemented,
            // Its own already, or of what it has no operation for.
            Self::ResourceNotFound { .. }
            | Self::Conflict { .. }
            | Self::RequestAlreadyInProgress
            | Self::Throttling { .. }
            | Self::TooManyDeletions
            | Self::Iot { .. }
            | Self::AlreadyExists { .. }
            | Self::Sts { .. }
            | Self::ThingsGraph { .. }
            | Self::RequestTooLarge
            | Self::Scripted { .. } => return self,
        };
        Self::Sts { code, message: self.message() }
    }

    fn of_things_graph(self) -> Self {
        let code = match self {
            Self::Validation { .. } => ThingsGraphErrorCode::InvalidRequest,
            Self::AccessDenied { .. } => ThingsGraphErrorCode::AccessDenied,
            Self::MissingAuthenticationToken => ThingsGraphErrorCode::MissingAuthenticationToken,
            Self::IncompleteSignature { .. } => ThingsGraphErrorCode::IncompleteSignature,
            Self::InvalidSignature { .. } => ThingsGraphErrorCode::InvalidSignature,
            Self::UnrecognizedClient => ThingsGraphErrorCode::UnrecognizedClient,
            Self::ExpiredToken => ThingsGraphErrorCode::ExpiredToken,
            Self::UnknownOperation { .. } => ThingsGraphErrorCode::UnknownOperation,
            Self::NotImplemented { .. } => ThingsGraphErrorCode::NotImplemented,
            // Its own already, or of what it has no operation for.
            Self::ResourceNotFound { .. }
            | Self::Conflict { .. }
            | Self::RequestAlreadyInProgress
            | Self::Throttling { .. }
            | Self::TooManyDeletions
            | Self::Iot { .. }
            | Self::AlreadyExists { .. }
            | Self::Sts { .. }
            | Self::ThingsGraph { .. }
            | Self::RequestTooLarge
            | Self::Scripted { .. } => return self,
        };
        Self::ThingsGraph { code, message: self.message() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_its_own_code_and_status() {
        let seen = |error: ServiceError, service| {
            let error = error.of_service(service);
            (error.code().to_owned(), error.status())
        };
        let throttling = |service| ServiceError::Throttling { service, retry_after_seconds: None };
        let is = |code: &str, status| (code.to_owned(), status);
        for service in [Service::Greengrass, Service::IotData] {
            assert_eq!(seen(throttling(service), service), is("ThrottlingException", 429));
        }
        assert_eq!(seen(ServiceError::validation("x"), Service::Greengrass), is("ValidationException", 400));
        for service in [Service::Iot, Service::IotData] {
            assert_eq!(seen(ServiceError::validation("x"), service), is("InvalidRequestException", 400));
        }
        assert_eq!(seen(throttling(Service::Iot), Service::Iot), is("ThrottlingException", 400));
        let message = || "x".to_owned();
        for (error, code, status) in [
            (ServiceError::validation("x"), "ValidationError", 400),
            (throttling(Service::Sts), "Throttling", 400),
            (ServiceError::AccessDenied { message: message() }, "AccessDenied", 403),
            (ServiceError::MissingAuthenticationToken, "MissingAuthenticationToken", 403),
            (ServiceError::IncompleteSignature { message: message() }, "IncompleteSignature", 400),
            (ServiceError::InvalidSignature { message: message() }, "SignatureDoesNotMatch", 403),
            (ServiceError::UnrecognizedClient, "InvalidClientTokenId", 403),
            (ServiceError::ExpiredToken, "ExpiredToken", 403),
        ] {
            assert_eq!(seen(error.clone(), Service::Sts), is(code, status));
            assert_eq!(error.clone().of_service(Service::Sts).message(), error.message());
        }
        for (error, code, status) in [
            (ServiceError::validation("x"), "InvalidRequestException", 400),
            (throttling(Service::ThingsGraph), "ThrottlingException", 400),
            (ServiceError::AccessDenied { message: message() }, "AccessDeniedException", 400),
            (ServiceError::MissingAuthenticationToken, "MissingAuthenticationTokenException", 400),
            (ServiceError::InvalidSignature { message: message() }, "InvalidSignatureException", 400),
            (ServiceError::UnrecognizedClient, "UnrecognizedClientException", 400),
            (ServiceError::ExpiredToken, "ExpiredTokenException", 400),
            (ServiceError::UnknownOperation { what: message() }, "UnknownOperationException", 400),
            (ServiceError::NotImplemented { operation: "GetEntities" }, "NotImplementedException", 501),
        ] {
            assert_eq!(seen(error.clone(), Service::ThingsGraph), is(code, status));
            assert_eq!(error.clone().of_service(Service::ThingsGraph).message(), error.message());
        }
    }
}
