//! `AssumeRoleWithWebIdentity`: a token of an identity provider in place of a signature. The token's own signature is not checked. Pure.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Identities, NewSession, answer,
    assume::{assumed_role_user, check_policy, duration, shown},
};
use crate::{
    error::{ServiceError, StsErrorCode},
    ids::Ids,
    role::WebIdentityTrust,
    state::{Answer, Input},
    xml::Element,
};

/// What a JSON Web Token claims: <https://www.rfc-editor.org/rfc/rfc7519#section-4.1>.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: String,
    aud: Audience,
    /// Seconds since 1970, which may have a fraction.
    exp: f64,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn all(&self) -> &[String] {
        match self {
            Self::One(audience) => std::slice::from_ref(audience),
            Self::Several(audiences) => audiences,
        }
    }
}

fn refused(code: StsErrorCode, message: impl Into<String>) -> ServiceError {
    ServiceError::Sts { code, message: message.into() }
}

impl Claims {
    /// Reads the middle of three parts; the others are looked at for their form only.
    fn of(token: &str) -> Result<Self, ServiceError> {
        let invalid = |message: String| refused(StsErrorCode::InvalidIdentityToken, message);
        let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok().filter(|bytes| !bytes.is_empty());
        let parts: Option<Vec<_>> = token.split('.').map(decoded).collect();
        let payload =
            match parts.as_deref() {
                Some([_, payload, _]) => payload,
                _ => return Err(invalid(
                    "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
                        .to_owned(),
                )),
            };
        serde_json::from_slice(payload).map_err(|error| {
            // serde's words would quote the token.
            let why =
                if error.is_data() { "sub, aud or exp is missing or malformed" } else { "its payload is no JSON" };
            invalid(format!("The ID Token provided is not a valid JWT: {why}"))
        })
    }

    fn check_end(&self, now: Timestamp) -> Result<(), ServiceError> {
        let now = now.as_duration().as_secs_f64();
        if now < self.exp {
            return Ok(());
        }
        let message = format!(
            "Token expired: current date/time {now:.0} must be before the expiration date/time {:.0}",
            self.exp
        );
        Err(refused(StsErrorCode::ExpiredWebIdentityToken, message))
    }

    fn fulfil(&self, trust: &WebIdentityTrust) -> bool {
        let WebIdentityTrust { issuer, audience, subject } = trust;
        (issuer.is_none() || *issuer == self.iss)
            && subject.as_ref().is_none_or(|subject| *subject == self.sub)
            && audience.as_ref().is_none_or(|audience| self.aud.all().contains(audience))
    }
}

impl Identities {
    pub(in crate::state) fn assume_role_with_web_identity(
        &mut self,
        input: &Input,
        ids: &mut Ids,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        check_policy(input)?;
        let claims = Claims::of(input.required("WebIdentityToken"))?;
        claims.check_end(now)?;
        let role = self
            .role(input.required("RoleArn"))
            .filter(|role| role.web_identity().is_some_and(|trust| claims.fulfil(trust)))
            .ok_or_else(|| ServiceError::AccessDenied {
                message: "Not authorized to perform sts:AssumeRoleWithWebIdentity".to_owned(),
            })?;
        let seconds = duration(input, role, false)?;
        let new = NewSession {
            role: role.parsed_arn().clone(),
            name: input.required("RoleSessionName").to_owned(),
            tags: BTreeMap::new(),
            transitive: Vec::new(),
            source_identity: None,
            chains: true,
        };
        let assumed = assumed_role_user(&new);
        let credentials = self.issue(new, seconds, ids, now);
        let Claims { iss, sub, aud, exp: _ } = claims;
        let mut members = vec![Element::text("SubjectFromWebIdentityToken", sub), assumed, shown(&credentials)];
        members.extend(iss.map(|issuer| Element::text("Provider", issuer)));
        members.extend(aud.all().first().map(|audience| Element::text("Audience", audience.as_str())));
        let result = Element::of("AssumeRoleWithWebIdentityResult", members);
        Ok(answer("AssumeRoleWithWebIdentityResponse", result))
    }
}
