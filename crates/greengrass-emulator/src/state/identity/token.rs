//! Tokens of identity providers: what they claim. Their signatures are not checked. Pure.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::Deserialize;

use crate::error::{ServiceError, StsErrorCode};

/// What a JSON Web Token claims: <https://www.rfc-editor.org/rfc/rfc7519#section-4.1>.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    #[serde(rename = "iss")]
    pub(super) issuer: Option<String>,
    #[serde(rename = "sub")]
    pub(super) subject: String,
    #[serde(rename = "aud")]
    audience: Audience,
    /// Seconds since 1970, which may have a fraction.
    exp: f64,
    /// What Kubernetes says of a service account's token besides.
    #[serde(rename = "kubernetes.io")]
    pub(super) kubernetes: Option<Kubernetes>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Kubernetes {
    pub(super) pod: Option<Pod>,
}

/// The pod that a token is bound to.
#[derive(Debug, Deserialize)]
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) uid: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The words for what is no token at all.
const NO_TOKEN: &str = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";

fn refused(code: StsErrorCode, message: impl Into<String>) -> ServiceError {
    ServiceError::Sts { code, message: message.into() }
}

impl Claims {
    /// Reads the middle of three parts, the others are looked at for their form only; and refuses a token that has come to its end.
    pub(super) fn of(token: &str, now: Timestamp) -> Result<Self, ServiceError> {
        let invalid = |message: String| refused(StsErrorCode::InvalidIdentityToken, message);
        let decoded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok().filter(|bytes| !bytes.is_empty());
        let parts: Option<Vec<_>> = token.split('.').map(decoded).collect();
        let Some([_, payload, _]) = parts.as_deref() else {
            return Err(invalid(NO_TOKEN.to_owned()));
        };
        let claims: Self = serde_json::from_slice(payload).map_err(|error| {
            // serde's own words would quote the token.
            let why =
                if error.is_data() { "sub, aud or exp is missing or malformed" } else { "its payload is no JSON" };
            invalid(format!("The ID Token provided is not a valid JWT: {why}"))
        })?;
        let (now, end) = (now.as_duration().as_secs_f64(), claims.exp);
        if now < end {
            return Ok(claims);
        }
        let message =
            format!("Token expired: current date/time {now:.0} must be before the expiration date/time {end:.0}");
        Err(refused(StsErrorCode::ExpiredWebIdentityToken, message))
    }

    pub(super) fn audiences(&self) -> &[String] {
        match &self.audience {
            Audience::One(audience) => std::slice::from_ref(audience),
            Audience::Several(audiences) => audiences,
        }
    }
}
