//! Where programs get their credentials from on EC2 and EKS: the instance metadata service, version 2, and the EKS Pod Identity agent. No I/O of its own.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>,
//! <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-setup.html>

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    emulator::{Core, Emulator},
    process::json_response,
    state::{SessionCredentials, State},
    state_file::Change,
};

const METADATA: &str = "/latest/";
const TOKEN: &str = "/latest/api/token";
const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials";
const POD: &str = "/v1/credentials";

/// The headers of a token's lifetime, in seconds, and of the token itself.
const LIFETIME: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";

/// The longest lifetime of a token: six hours.
const LONGEST: i64 = 21_600;

impl Emulator {
    /// Answers a request for credentials; `None` when it is for a service.
    pub(crate) fn hand_out(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let (method, path, headers) = (request.method().as_str(), request.uri().path(), request.headers());
        if path != POD && !path.starts_with(METADATA) {
            return None;
        }
        let mut core = self.core();
        let now = self.now();
        Some(match (method, path) {
            ("GET", POD) => of_pod(&mut core, headers, now),
            ("PUT", TOKEN) => self.metadata_token(headers, now),
            // Version 1, without a token, is refused: an instance that enforces version 2.
            ("GET", _) if path.starts_with(METADATA) && !self.knows(headers.get(TOKEN_HEADER), now) => {
                plain(StatusCode::UNAUTHORIZED, String::new())
            }
            ("GET", _) => match path.strip_prefix(CREDENTIALS) {
                Some(name) => of_instance(&mut core, name.trim_start_matches('/'), now),
                None => plain(StatusCode::NOT_FOUND, String::new()),
            },
            _ => plain(StatusCode::METHOD_NOT_ALLOWED, String::new()),
        })
    }

    /// The role that the instance metadata service hands out credentials of: without one, it has none.
    #[must_use]
    pub fn instance_role(&self) -> Option<String> {
        self.core().instance_role.clone()
    }

    /// Attaches a role to the instance, by its ARN, or takes it off. False when there is no such role.
    #[must_use = "false means that there is no such role"]
    pub fn set_instance_role(&self, arn: Option<&str>) -> bool {
        let mut core = self.core();
        if arn.is_some_and(|arn| core.state.identities.role(arn).is_none()) {
            return false;
        }
        core.instance_role = arn.map(ToOwned::to_owned);
        let now = self.now();
        core.note(now, || Change::InstanceRole(arn.map(ToOwned::to_owned)));
        true
    }

    fn metadata_token(&self, headers: &HeaderMap, now: Timestamp) -> Response<Bytes> {
        let lifetime = headers.get(LIFETIME).and_then(|value| value.to_str().ok()?.parse().ok());
        let Some(seconds) = lifetime.filter(|seconds| (1..=LONGEST).contains(seconds)) else {
            return plain(StatusCode::BAD_REQUEST, format!("{LIFETIME} must be 1 to {LONGEST}"));
        };
        let end = now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        let mut response = plain(StatusCode::OK, self.token_until(end.as_second()));
        response.headers_mut().insert(LIFETIME, HeaderValue::from(seconds));
        response
    }

    /// A token that tells its own end, and that nobody makes by guessing.
    fn token_until(&self, second: i64) -> String {
        let digest = Sha256::new()
            .chain_update(b"metadata")
            .chain_update(self.inner.seed.to_be_bytes())
            .chain_update(second.to_be_bytes());
        BASE64URL_NOPAD.encode(&[&second.to_be_bytes()[..], &digest.finalize()].concat())
    }

    fn knows(&self, token: Option<&HeaderValue>, now: Timestamp) -> bool {
        let given = token.and_then(|token| token.to_str().ok()).unwrap_or_default();
        let decoded = BASE64URL_NOPAD.decode(given.as_bytes()).unwrap_or_default();
        let end = decoded.first_chunk().map(|bytes| i64::from_be_bytes(*bytes));
        end.is_some_and(|end| now.as_second() < end && given == self.token_until(end))
    }
}

fn of_instance(core: &mut Core, name: &str, now: Timestamp) -> Response<Bytes> {
    let Some(arn) = core.instance_role.clone() else {
        return plain(StatusCode::NOT_FOUND, String::new());
    };
    let own = arn.rsplit('/').next().unwrap_or_default();
    if name.is_empty() {
        return plain(StatusCode::OK, own.to_owned());
    }
    let State { identities, ids, .. } = &mut core.state;
    let credentials = (name == own).then(|| identities.instance_credentials(&arn, ids, now)).flatten();
    if credentials.is_some() {
        core.note(now, || Change::InstanceCredentials(arn));
    }
    credentials.map_or_else(
        || plain(StatusCode::NOT_FOUND, String::new()),
        |credentials| {
            let besides = [("Code", "Success"), ("Type", "AWS-HMAC"), ("LastUpdated", &to_the_second(now))];
            json_response(200, Some(&shown(&credentials, &besides)))
        },
    )
}

fn of_pod(core: &mut Core, headers: &HeaderMap, now: Timestamp) -> Response<Bytes> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let State { identities, ids, .. } = &mut core.state;
    let made = identities.pod_credentials(token, ids, now);
    if made.is_ok() {
        core.note(now, || Change::of_pod(token));
    }
    match made {
        Ok((credentials, account)) => json_response(200, Some(&shown(&credentials, &[("AccountId", &account)]))),
        Err(error) => {
            let error = error.of_service(crate::operation::Service::Sts);
            json_response(error.status(), Some(&json!({"code": error.code(), "message": error.message()})))
        }
    }
}

fn shown(credentials: &SessionCredentials, besides: &[(&str, &str)]) -> Value {
    let SessionCredentials { access_key_id, secret_access_key, session_token, expiration } = credentials;
    let expiration = to_the_second(*expiration);
    let own = [
        ("AccessKeyId", access_key_id.as_str()),
        ("SecretAccessKey", secret_access_key),
        ("Token", session_token),
        ("Expiration", &expiration),
    ];
    own.iter().chain(besides).map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

fn to_the_second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn plain(status: StatusCode, text: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
