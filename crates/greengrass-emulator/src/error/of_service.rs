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

impl ServiceError {
    /// The same as a service has it.
    pub(crate) fn of_service(self, service: Service) -> Self {
        match service {
            Service::Greengrass => self,
            Service::Iot | Service::IotData => self.of_iot(),
            Service::Sts => self.of_sts(),
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
            | Self::RequestTooLarge
            | Self::Scripted { .. } => return self,
        };
        Self::Sts { code, message: self.message() }
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
    }
}
