//! Who calls, and where: what the `Authorization` header of Signature Version 4 says. Pure. The signature itself is not verified.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use http::HeaderMap;

use crate::{error::ServiceError, operation::Service, scope::Scope};

/// The credential scope of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) scope: Scope,
    service: String,
}

impl Signature {
    /// Reads the header. An access key id of twelve digits is the account.
    pub(crate) fn of(headers: &HeaderMap, default_account: &str) -> Result<Self, ServiceError> {
        let authorization = headers.get(http::header::AUTHORIZATION).ok_or(ServiceError::MissingAuthenticationToken)?;
        let authorization = authorization
            .to_str()
            .ok()
            .and_then(|value| value.strip_prefix("AWS4-HMAC-SHA256"))
            .ok_or_else(|| incomplete("Authorization header requires the algorithm 'AWS4-HMAC-SHA256'."))?;
        let part = |name: &str| {
            authorization
                .split(|character: char| character == ',' || character.is_ascii_whitespace())
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
                .filter(|value| !value.is_empty())
                .ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
        };
        let credential = part("Credential")?;
        part("Signature")?;
        part("SignedHeaders")?;
        if !headers.contains_key("x-amz-date") && !headers.contains_key(http::header::DATE) {
            return Err(incomplete(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            ));
        }
        let mut parts = credential.rsplitn(5, '/');
        let (Some("aws4_request"), Some(service), Some(region), Some(_date), Some(access_key)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(incomplete("Credential must have the form ACCESS-KEY-ID/DATE/REGION/SERVICE/aws4_request."));
        };
        let name =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !name(region) || !name(service) || access_key.is_empty() {
            return Err(incomplete("Credential has an invalid region, service or access key id."));
        }
        let is_account = access_key.len() == 12 && access_key.bytes().all(|byte| byte.is_ascii_digit());
        let account = if is_account { access_key } else { default_account };
        Ok(Self { scope: Scope::new(account, region), service: service.to_owned() })
    }

    /// An operation is called at its own service's endpoint, which takes only signatures for that service.
    pub(crate) fn check_service(&self, service: Service) -> Result<(), ServiceError> {
        if self.service == service.signing_name() {
            return Ok(());
        }
        Err(ServiceError::InvalidSignature {
            message: format!("Credential should be scoped to correct service: '{}'.", service.signing_name()),
        })
    }
}

fn incomplete(message: &str) -> ServiceError {
    ServiceError::IncompleteSignature { message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[expect(clippy::unwrap_in_result, reason = "a test's own header")]
    fn read(authorization: Option<&str>) -> Result<Signature, ServiceError> {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-date", HeaderValue::from_static("20260101T000000Z"));
        if let Some(authorization) = authorization {
            headers.insert("authorization", HeaderValue::from_str(authorization).unwrap());
        }
        Signature::of(&headers, "123456789012")
    }

    fn signed(credential: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature=abc")
    }

    #[test]
    fn an_access_key_of_twelve_digits_is_the_account() {
        let read = |key: &str| read(Some(&signed(&format!("{key}/20260101/eu-west-1/greengrass/aws4_request"))));
        assert_eq!(read("210987654321").unwrap().scope, Scope::new("210987654321", "eu-west-1"));
        assert_eq!(read("AKIDEXAMPLE").unwrap().scope, Scope::new("123456789012", "eu-west-1"));
        assert_eq!(read("2109876543210").unwrap().scope.account, "123456789012");
    }

    #[test]
    fn parts_may_be_separated_by_commas_alone() {
        let header = "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/iot/aws4_request,SignedHeaders=host,Signature=a";
        let signature = read(Some(header)).unwrap();
        assert_eq!(signature.check_service(Service::Iot), Ok(()));
        assert_eq!(signature.check_service(Service::Greengrass).unwrap_err().status(), 403);
    }

    #[test]
    fn a_missing_or_malformed_signature_is_refused() {
        assert_eq!(read(None), Err(ServiceError::MissingAuthenticationToken));
        for header in [
            "Bearer x".to_owned(),
            "AWS4-HMAC-SHA256 ".to_owned(),
            "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/iot/aws4_request".to_owned(),
            signed("A/20260101/us-east-1/iot"),
            signed("A/20260101//iot/aws4_request"),
            signed("/20260101/us-east-1/iot/aws4_request"),
        ] {
            let error = read(Some(&header)).unwrap_err();
            assert_eq!(error.code(), "IncompleteSignatureException", "{header}");
        }
    }
}
