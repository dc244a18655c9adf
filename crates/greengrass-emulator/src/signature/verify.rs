//! Who may come in: what the services check of a signature, in their order and with their words. Pure: times and keys are passed in.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>

use std::sync::Arc;

use http::{HeaderName, HeaderValue, header, request::Parts};
use jiff::{SignedDuration, Timestamp};

use super::{DATE, SECURITY_TOKEN, Signature, canonical, in_basic_format};
use crate::{
    access_keys::{AccessKeys, Known},
    error::ServiceError,
    operation::Service,
    principal::Principal,
    scope::Scope,
    switches::Signatures,
};

/// How far a request's time may be from the service's.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What requests are held against.
#[derive(Debug)]
pub(crate) struct Gate<'a> {
    pub(crate) signatures: Signatures,
    pub(crate) access_keys: &'a AccessKeys,
    pub(crate) default_account: &'a str,
    /// The emulator's time.
    pub(crate) now: Timestamp,
    /// The machine's time of day: what a client signs with that doesn't know of the emulator's.
    pub(crate) machine_time: Timestamp,
}

/// Who calls, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) scope: Scope,
    pub(crate) principal: Principal,
}

impl Gate<'_> {
    /// Whom the access key stands for, whether or not it may come in; `None` when nobody knows it.
    pub(crate) fn claimed(&self, signature: &Signature<'_>) -> Option<Caller> {
        let id = signature.access_key;
        let known = self.access_keys.find(id, self.default_account);
        let (account, principal) = match (known, self.signatures) {
            (Some(Known { account, session: Some(session), .. }), _) => {
                (account, Principal::AssumedRole(Arc::clone(session)))
            }
            (Some(Known { account, session_token: Some(_), .. }), _) => (account, Principal::Session),
            (Some(Known { account, session_token: None, .. }), _) => (account, Principal::User),
            (None, Signatures::Anything) => (self.default_account, Principal::User),
            (None, Signatures::Verified) => return None,
        };
        Some(Caller { scope: Scope::new(account, signature.region), principal })
    }

    /// The caller, when the signature is one for this request and service. `None` for what no service has an operation for.
    pub(crate) fn admit(
        &self,
        signature: &Signature<'_>,
        service: Option<Service>,
        parts: &Parts,
        body: &[u8],
    ) -> Result<Caller, ServiceError> {
        match self.signatures {
            Signatures::Anything => check_service(signature, service)?,
            Signatures::Verified => {
                self.check_freshness(signature.time)?;
                check_signed_headers(signature, parts)?;
                check_region(signature, parts)?;
                check_service(signature, service)?;
                check_day(signature)?;
                self.check_key(signature, parts, body)?;
            }
        }
        self.claimed(signature).ok_or(ServiceError::UnrecognizedClient)
    }

    /// Lenient in one respect: a test may run the emulator on a time of its own while its client signs with the machine's, or the other way round.
    fn check_freshness(&self, time: Timestamp) -> Result<(), ServiceError> {
        let near = |clock: Timestamp| clock.duration_since(time).abs() <= SKEW;
        if near(self.now) || near(self.machine_time) {
            return Ok(());
        }
        let (given, now) = (in_basic_format(time), in_basic_format(self.now));
        Err(invalid(if time < self.now {
            let earliest = in_basic_format(self.now.checked_sub(SKEW).unwrap_or(Timestamp::MIN));
            format!("Signature expired: {given} is now earlier than {earliest} ({now} - 5 min.)")
        } else {
            let latest = in_basic_format(self.now.checked_add(SKEW).unwrap_or(Timestamp::MAX));
            format!("Signature not yet current: {given} is still later than {latest} ({now} + 5 min.)")
        }))
    }

    fn check_key(&self, signature: &Signature<'_>, parts: &Parts, body: &[u8]) -> Result<(), ServiceError> {
        let known = self.access_keys.find(signature.access_key, self.default_account);
        let Known { secret, account: _, session_token, expires, session: _ } =
            known.ok_or(ServiceError::UnrecognizedClient)?;
        let given = parts.headers.get(SECURITY_TOKEN).map(HeaderValue::as_bytes);
        if given != session_token.map(str::as_bytes) {
            return Err(ServiceError::UnrecognizedClient);
        }
        if expires.is_some_and(|end| end <= self.now) {
            return Err(ServiceError::ExpiredToken);
        }
        if canonical::is_signed_with(secret, signature, parts, body) {
            return Ok(());
        }
        Err(invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. \
             Consult the service documentation for details.",
        ))
    }
}

fn check_signed_headers(signature: &Signature<'_>, parts: &Parts) -> Result<(), ServiceError> {
    let check = |header: HeaderName, name: &str| {
        if signature.signed_headers.iter().any(|signed| *signed == header.as_str()) {
            return Ok(());
        }
        Err(invalid(format!("{name} must be a 'SignedHeader' in the AWS Authorization.")))
    };
    check(header::HOST, "'Host' or ':authority'")?;
    for (header, name) in [(DATE, "'X-Amz-Date'"), (SECURITY_TOKEN, "'X-Amz-Security-Token'")] {
        if parts.headers.contains_key(&header) {
            check(header, name)?;
        }
    }
    Ok(())
}

fn check_region(signature: &Signature<'_>, parts: &Parts) -> Result<(), ServiceError> {
    let expected = host_region(parts);
    if is_region(signature.region) && expected.is_none_or(|expected| expected == signature.region) {
        return Ok(());
    }
    Err(invalid("Credential should be scoped to a valid region."))
}

/// The region in the name of the host that a request is for.
pub(crate) fn host_region(parts: &Parts) -> Option<&str> {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).or_else(|| parts.uri.host());
    region_of(host.unwrap_or_default())
}

/// Like `eu-west-1` or `us-gov-west-1`.
pub(crate) fn is_region(text: &str) -> bool {
    let Some((area, number)) = text.rsplit_once('-') else {
        return false;
    };
    let word = |word: &str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let digits = (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    digits && area.contains('-') && area.split('-').all(word)
}

/// The region in the name of one of AWS's own hosts.
fn region_of(host: &str) -> Option<&str> {
    let (name, _port) = host.split_once(':').unwrap_or((host, ""));
    let name = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().find_map(|end| name.strip_suffix(end))?;
    name.rsplit('.').find(|label| is_region(label))
}

/// An operation is called at its own service's endpoint, which takes only signatures for that service.
fn check_service(signature: &Signature<'_>, service: Option<Service>) -> Result<(), ServiceError> {
    match service.map(Service::signing_name) {
        Some(name) if name != signature.service => {
            Err(invalid(format!("Credential should be scoped to correct service: '{name}'.")))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_day(signature: &Signature<'_>) -> Result<(), ServiceError> {
    let (given, day) = (signature.day, signature.time.strftime("%Y%m%d").to_string());
    if given == day {
        return Ok(());
    }
    let time = in_basic_format(signature.time);
    Err(invalid(format!(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{given}' != '{day}', from '{time}'."
    )))
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::InvalidSignature { message: message.into() }
}

#[cfg(test)]
mod tests;
