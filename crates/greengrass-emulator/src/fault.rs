//! Faults: rules that say which calls fail, and how. Pure.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

use crate::operation::{Operation, Service};

/// A rule: the calls that it is for, which of them, and what happens to them.
///
/// In JSON: `{"match": {"operation": "CreateDeployment"}, "skip": 1, "times": 2, "action": {"type": "throttle", "retryAfterSeconds": 7}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    /// Which calls it is for; absent: all.
    #[serde(rename = "match", default)]
    pub matching: FaultMatch,
    /// How many of them pass unharmed first.
    #[serde(default)]
    pub skip: u64,
    /// How many of them it befalls then: one when absent, all when null.
    #[serde(default = "once")]
    pub times: Option<u64>,
    /// For how many milliseconds after it was added, on the emulator's clock; absent: without end.
    #[serde(default)]
    pub lasts_milliseconds: Option<u64>,
    /// What happens.
    #[serde(deserialize_with = "whole_action")]
    pub action: FaultAction,
}

/// Without this, serde would drop unknown members of an action that has none of its own: a `times` in the wrong place, for instance.
fn whole_action<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FaultAction, D::Error> {
    let given = Value::deserialize(deserializer)?;
    let action = FaultAction::deserialize(&given).map_err(D::Error::custom)?;
    let known = serde_json::to_value(&action).map_err(D::Error::custom)?;
    let unknown = given.as_object().and_then(|given| given.keys().find(|name| known.get(name.as_str()).is_none()));
    unknown.map_or(Ok(action), |name| Err(D::Error::custom(format!("this action has no {name}"))))
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
const fn once() -> Option<u64> {
    Some(1)
}

/// Conditions that a call must meet, all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FaultMatch {
    /// The service.
    pub service: Option<Service>,
    /// The operation.
    pub operation: Option<Operation>,
    /// The account of the caller.
    pub account: Option<String>,
    /// The region of the signature.
    pub region: Option<String>,
    /// The target of the deployment that the call creates, lists, or names by its id or by its job's; or the core device's thing; or the role that
    /// it assumes; or the component version or the system instance that it creates or names.
    pub target_arn: Option<String>,
    /// A text somewhere in the JSON of the request's parameters.
    pub contains: Option<String>,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum FaultAction {
    /// It takes longer. A client that gives up doesn't stop it: what it asked for happens nevertheless.
    Delay {
        /// For how long.
        milliseconds: u64,
        /// Where the time goes.
        #[serde(default)]
        at: DelayAt,
    },
    /// `ThrottlingException`, 429 for Greengrass.
    Throttle {
        /// The `Retry-After` header; absent: none.
        #[serde(default)]
        retry_after_seconds: Option<u32>,
    },
    /// Any error.
    Error {
        /// Its HTTP status, 400 to 599.
        status: u16,
        /// Its name, for the `x-amzn-ErrorType` header.
        code: String,
        /// What a person reads.
        #[serde(default)]
        message: String,
    },
    /// `AccessDeniedException`, 403; from Things Graph 400, as all of its errors.
    AccessDenied,
    /// `ExpiredTokenException`, 403, from Things Graph 400: the caller's temporary credentials are no longer valid.
    ExpiredCredentials,
    /// The connection is reset, and nothing was done.
    ResetBefore,
    /// What was asked for is done, then the connection is reset.
    ResetAfter,
    /// Nothing is done, and no answer comes.
    HangBefore,
    /// What was asked for is done, and no answer comes.
    HangAfter,
    /// What was asked for is done, and the connection ends in the middle of the answer's body.
    TruncatedBody,
    /// A read is answered from an earlier state; `writesAgo` with a large number: from the beginning, when there was nothing. Writes are not
    /// affected. Of jobs it shows status and executions as they were; devices and shadows always show the present.
    Stale(Staleness),
}

/// Where a delay takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DelayAt {
    /// On the way to the service, which doesn't know of the call yet.
    #[default]
    Arrival,
    /// In the service: another CreateDeployment with the same client token gets `RequestAlreadyInProgressException` meanwhile.
    Processing,
    /// On the way back: it is done already.
    Reply,
}

/// How old the state is that a stale read shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Staleness {
    /// As it was so many milliseconds ago.
    MillisecondsAgo(u64),
    /// As it was before the last so many writes to deployments of the caller's account and region, for Things Graph to its system instances; 1: before
    /// the last write.
    WritesAgo(u64),
}

/// The kind of a fault, as the ledger names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the kinds are described at FaultAction")]
pub enum FaultKind {
    Delay,
    Throttle,
    Error,
    AccessDenied,
    ExpiredCredentials,
    ResetBefore,
    ResetAfter,
    HangBefore,
    HangAfter,
    TruncatedBody,
    Stale,
}

impl FaultAction {
    /// Whether the service gets to see the call, so that it counts for its quota.
    pub(crate) const fn reaches_the_service(&self) -> bool {
        match self {
            Self::Delay { .. } | Self::ResetAfter | Self::HangAfter | Self::TruncatedBody | Self::Stale(_) => true,
            Self::Throttle { .. }
            | Self::Error { .. }
            | Self::AccessDenied
            | Self::ExpiredCredentials
            | Self::ResetBefore
            | Self::HangBefore => false,
        }
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::Delay { .. } => FaultKind::Delay,
            Self::Throttle { .. } => FaultKind::Throttle,
            Self::Error { .. } => FaultKind::Error,
            Self::AccessDenied => FaultKind::AccessDenied,
            Self::ExpiredCredentials => FaultKind::ExpiredCredentials,
            Self::ResetBefore => FaultKind::ResetBefore,
            Self::ResetAfter => FaultKind::ResetAfter,
            Self::HangBefore => FaultKind::HangBefore,
            Self::HangAfter => FaultKind::HangAfter,
            Self::TruncatedBody => FaultKind::TruncatedBody,
            Self::Stale(_) => FaultKind::Stale,
        }
    }
}

impl FaultRule {
    /// A rule for all calls that befalls one.
    #[must_use]
    pub fn new(action: FaultAction) -> Self {
        Self { matching: FaultMatch::default(), skip: 0, times: once(), lasts_milliseconds: None, action }
    }

    /// A rule for one operation that befalls one call.
    #[must_use]
    pub fn on(operation: Operation, action: FaultAction) -> Self {
        let matching = FaultMatch { operation: Some(operation), ..FaultMatch::default() };
        Self { matching, ..Self::new(action) }
    }

    /// Lets so many calls pass first.
    #[must_use]
    pub fn skip(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// Befalls so many calls.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Befalls every call until the rule is removed.
    #[must_use]
    pub fn always(self) -> Self {
        Self { times: None, ..self }
    }

    /// Only for so many milliseconds after it was added.
    #[must_use]
    pub fn lasting(self, milliseconds: u64) -> Self {
        Self { lasts_milliseconds: Some(milliseconds), ..self }
    }

    /// Only calls whose parameters contain a text.
    #[must_use]
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.matching.contains = Some(text.into());
        self
    }

    /// Only calls about a target.
    #[must_use]
    pub fn target(mut self, arn: impl Into<String>) -> Self {
        self.matching.target_arn = Some(arn.into());
        self
    }

    /// Only calls of an account.
    #[must_use]
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.matching.account = Some(account.into());
        self
    }

    /// What is wrong with the rule.
    pub(crate) fn problem(&self) -> Option<String> {
        match &self.action {
            FaultAction::Error { status, .. } if !(400..600).contains(status) => {
                Some(format!("the status of an error is 400 to 599, not {status}"))
            }
            _ => None,
        }
    }
}
