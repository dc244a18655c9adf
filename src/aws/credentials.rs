//! Credentials that are had once and shared: the operator's own, and those of roles that it assumes. I/O.
//!
//! In place of the SDK's cache, which keeps no failure (a role that can't be assumed would cost each of a thousand resources a call),
//! which can't be told that AWS no longer takes what is in it, and which has no room for more than 64 roles.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Providing;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::types::Tag;
use aws_smithy_async::time::SharedTimeSource;
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::classify::{classify, words};
use super::connection::Connection;

/// Credentials are renewed so long before they end, or half of their time before where that is less: more than the longest call,
/// and time for some tries while the old ones still serve.
const RENEWED_BEFORE: Duration = Duration::from_mins(5);
/// What is refused is not asked for again so soon: a namespace with a thousand resources whose role can't be assumed makes at most
/// twelve calls a minute.
const REFUSAL_LASTS: Duration = Duration::from_secs(5);
/// How long the environment's provider of credentials may take. Those of the SDK have limits of their own, a program that prints
/// credentials has none.
const ANSWER: Duration = Duration::from_secs(5);

/// Why there are no credentials; found again among the causes of the call that they were wanted for.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The call that failed, with what AWS said; none where there was no call of ours.
    pub(super) failure: Option<Failure>,
    words: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Error for Refusal {}

/// Where credentials come from.
pub(super) enum Source {
    /// The environment, as the SDK defines it.
    Own(Option<SharedCredentialsProvider>),
    /// A role.
    Role { sts: Box<aws_sdk_sts::Client>, connection: Connection },
}

/// Credentials that are had once and shared.
pub(super) struct Shared {
    source: Source,
    time: SharedTimeSource,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    had: Option<Had>,
    refused: Option<(Refusal, Instant)>,
}

struct Had {
    credentials: Credentials,
    at: Instant,
    renewed_at: Option<SystemTime>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    pub(super) fn new(source: Source, time: SharedTimeSource) -> Self {
        Self { source, time, state: Mutex::default() }
    }

    /// AWS does not take them: where they are at least so old, others are had with the next call.
    pub(super) async fn forget(&self, at_least: Duration) {
        let mut state = self.state.lock().await;
        state.had = state.had.take().filter(|had| had.at.elapsed() < at_least);
    }

    /// Whoever comes while they are being had waits for the same answer.
    async fn get(&self) -> Result<Credentials, CredentialsError> {
        let mut state = self.state.lock().await;
        let now = self.time.now();
        if let Some(had) = state.had.as_ref().filter(|had| had.renewed_at.is_none_or(|at| now < at)) {
            return Ok(had.credentials.clone());
        }
        let refusal = match &state.refused {
            Some((refusal, until)) if Instant::now() < *until => refusal.clone(),
            Some(_) | None => match self.ask().await {
                Ok(credentials) => {
                    let renewed_at = credentials.expiry().map(|end| renewed_at(now, end));
                    state.refused = None;
                    state.had = Some(Had { credentials: credentials.clone(), at: Instant::now(), renewed_at });
                    return Ok(credentials);
                }
                Err(refusal) => {
                    let asked = refusal.failure.as_ref().and_then(|failure| failure.retry_after).unwrap_or_default();
                    state.refused = Some((refusal.clone(), Instant::now() + asked.max(REFUSAL_LASTS)));
                    refusal
                }
            },
        };
        // While they can't be renewed, the old ones serve to their end.
        let still_valid = state.had.as_ref().filter(|had| had.credentials.expiry().is_none_or(|end| now < end));
        still_valid.map(|had| had.credentials.clone()).ok_or_else(|| CredentialsError::provider_error(refusal))
    }

    async fn ask(&self) -> Result<Credentials, Refusal> {
        match &self.source {
            Source::Own(None) => {
                Err(Refusal { failure: None, words: "there is no provider of credentials".to_owned() })
            }
            Source::Own(Some(provider)) => match tokio::time::timeout(ANSWER, provider.provide_credentials()).await {
                Ok(answer) => answer.map_err(|error| Refusal { failure: None, words: words(&error) }),
                Err(_) => Err(Refusal {
                    failure: None,
                    words: format!("the provider of credentials timed out after {} s", ANSWER.as_secs()),
                }),
            },
            Source::Role { sts, connection } => assume(sts, connection)
                .await
                .map_err(|failure| Refusal { words: failure.message.clone(), failure: Some(failure) }),
        }
    }
}

fn renewed_at(now: SystemTime, end: SystemTime) -> SystemTime {
    let left = end.duration_since(now).unwrap_or_default();
    end - RENEWED_BEFORE.min(left / 2)
}

impl ProvideCredentials for Shared {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        Providing::new(self.get())
    }
}

async fn assume(sts: &aws_sdk_sts::Client, connection: &Connection) -> Result<Credentials, Failure> {
    let operation = Operation::AssumeRole;
    let bad = |message: &str| Failure::new(operation, FailureKind::BadReply, message);
    let role = connection.role().ok_or_else(|| bad("there is no role to assume"))?;
    let seconds = i32::try_from(role.session_duration.as_secs()).unwrap_or(3600);
    let mut request = sts
        .assume_role()
        .role_arn(role.arn.as_str())
        .role_session_name(connection.session_name())
        .set_external_id(role.external_id.clone())
        .duration_seconds(seconds);
    for (key, value) in connection.session_tags() {
        let tag = Tag::builder().key(key).value(value).build();
        request = request.tags(tag.map_err(|_| bad("a session tag has no value"))?);
    }
    let answer = request.send().await.map_err(|error| classify(operation, &error))?;
    let issued = answer.credentials.ok_or_else(|| bad("credentials is missing"))?;
    let end = SystemTime::try_from(issued.expiration).map_err(|_| bad("expiration is no time"))?;
    Ok(Credentials::new(
        issued.access_key_id,
        issued.secret_access_key,
        Some(issued.session_token),
        Some(end),
        "AssumeRole",
    ))
}
