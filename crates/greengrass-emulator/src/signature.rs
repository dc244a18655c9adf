//! What the `Authorization` header of Signature Version 4 says. Pure.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

mod canonical;
mod verify;

use http::{HeaderMap, HeaderName, header};
use jiff::{
    Timestamp,
    civil::DateTime,
    fmt::{rfc2822, strtime},
    tz::TimeZone,
};

pub(crate) use verify::{Caller, Gate, host_region, is_region};

use crate::error::ServiceError;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// ISO 8601 in its basic format, to the second.
const BASIC: &str = "%Y%m%dT%H%M%SZ";

/// A signature as it came, with the credential scope that it claims.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signature<'a> {
    access_key: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    /// In lower case, in the order of the header.
    signed_headers: Vec<String>,
    /// The signature itself.
    hex: &'a str,
    time: Timestamp,
}

impl<'a> Signature<'a> {
    /// Reads the header, and the time that was signed.
    pub(crate) fn of(headers: &'a HeaderMap) -> Result<Self, ServiceError> {
        let authorization = headers.get(header::AUTHORIZATION).ok_or(ServiceError::MissingAuthenticationToken)?;
        let authorization = authorization
            .to_str()
            .ok()
            .and_then(|value| value.strip_prefix("AWS4-HMAC-SHA256"))
            .filter(|parts| parts.starts_with(|character: char| character.is_ascii_whitespace()))
            .ok_or_else(|| incomplete("Authorization header requires the algorithm 'AWS4-HMAC-SHA256'."))?;
        let part = |name: &str| {
            authorization
                .split(|character: char| character == ',' || character.is_ascii_whitespace())
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
                .filter(|value| !value.is_empty())
                .ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
        };
        let credential = part("Credential")?;
        let hex = part("Signature")?;
        let signed_headers = part("SignedHeaders")?.split(';').map(str::to_ascii_lowercase).collect();
        let time = time(headers)?;
        let mut parts = credential.rsplitn(5, '/');
        let (Some("aws4_request"), Some(service), Some(region), Some(day), Some(access_key)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(incomplete("Credential must have the form ACCESS-KEY-ID/DATE/REGION/SERVICE/aws4_request."));
        };
        let name =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !name(region) || !name(service) || access_key.is_empty() {
            return Err(incomplete("Credential has an invalid region, service or access key id."));
        }
        Ok(Self { access_key, day, region, service, signed_headers, hex, time })
    }
}

/// When the request was made, by its own account.
fn time(headers: &HeaderMap) -> Result<Timestamp, ServiceError> {
    let value = headers.get(DATE).or_else(|| headers.get(header::DATE)).ok_or_else(|| {
        incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    })?;
    let text = value.to_str().unwrap_or_default();
    basic_time(text).or_else(|| rfc2822::parse(text).ok().map(|time| time.timestamp())).ok_or_else(|| {
        incomplete(&format!(
            "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ))
    })
}

fn basic_time(text: &str) -> Option<Timestamp> {
    // The parser would take fewer digits too.
    let time = DateTime::strptime(BASIC, text).ok().filter(|_| text.len() == "20060102T150405Z".len())?;
    TimeZone::UTC.to_timestamp(time).ok()
}

fn in_basic_format(time: Timestamp) -> strtime::Display<'static> {
    time.strftime(BASIC)
}

fn incomplete(message: &str) -> ServiceError {
    ServiceError::IncompleteSignature { message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(authorization: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-date", HeaderValue::from_static("20260101T000000Z"));
        if let Some(authorization) = authorization {
            headers.insert("authorization", HeaderValue::from_str(authorization).unwrap());
        }
        headers
    }

    fn signed(credential: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host;x-amz-date, Signature=abc")
    }

    #[test]
    fn parts_may_be_separated_by_commas_alone() {
        let header =
            "AWS4-HMAC-SHA256 Credential=A/B/20260101/us-east-1/iot/aws4_request,SignedHeaders=Host;date,Signature=a";
        let headers = headers(Some(header));
        let expected = Signature {
            access_key: "A/B",
            day: "20260101",
            region: "us-east-1",
            service: "iot",
            signed_headers: vec!["host".to_owned(), "date".to_owned()],
            hex: "a",
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        assert_eq!(Signature::of(&headers), Ok(expected));
    }

    #[test]
    fn a_missing_or_malformed_signature_is_refused() {
        assert_eq!(Signature::of(&headers(None)), Err(ServiceError::MissingAuthenticationToken));
        for header in [
            "Bearer x".to_owned(),
            "AWS4-HMAC-SHA256 ".to_owned(),
            signed("A/20260101/us-east-1/iot/aws4_request").replace("SHA256 ", "SHA256"),
            signed("A/20260101/us-east-1/iot/aws4_request").replace("SHA256 ", "SHA256-FOO "),
            "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/iot/aws4_request".to_owned(),
            signed("A/20260101/us-east-1/iot"),
            signed("A/20260101//iot/aws4_request"),
            signed("/20260101/us-east-1/iot/aws4_request"),
        ] {
            let error = Signature::of(&headers(Some(&header))).unwrap_err();
            assert_eq!(error.code(), "IncompleteSignatureException", "{header}");
        }
    }

    #[test]
    fn the_time_is_that_of_x_amz_date_or_else_of_date() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
        };
        let expected: Timestamp = "2015-08-30T12:36:00Z".parse().unwrap();
        for right in [
            &[("x-amz-date", "20150830T123600Z"), ("date", "nonsense")][..],
            &[("date", "20150830T123600Z")],
            &[("date", "Sun, 30 Aug 2015 12:36:00 GMT")],
        ] {
            assert_eq!(time(&headers(right)), Ok(expected), "{right:?}");
        }
        for wrong in
            ["2015-08-30T12:36:00Z", "20150830T123600", "20150830T1236Z", "20150830T12360Z", "20151330T123600Z", ""]
        {
            let error = time(&headers(&[("x-amz-date", wrong)])).unwrap_err();
            assert_eq!(error.code(), "IncompleteSignatureException", "{wrong}");
        }
        assert_eq!(time(&headers(&[])).unwrap_err().code(), "IncompleteSignatureException");
    }
}
