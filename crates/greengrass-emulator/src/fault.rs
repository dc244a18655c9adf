//! Faults: rules that say which calls fail, and how. Pure.

use serde::{Deserialize, Serialize};
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
    /// What happens.
    pub action: FaultAction,
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
    /// The target of the deployment that the call creates, lists, or names by its id.
    pub target_arn: Option<String>,
    /// A text somewhere in the JSON of the request's parameters.
    pub contains: Option<String>,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
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
    /// `AccessDeniedException`, 403.
    AccessDenied,
    /// The connection is reset, and nothing was done.
    ResetBefore,
    /// What was asked for is done, then the connection is reset.
    ResetAfter,
    /// Nothing is done, and no answer comes.
    HangBefore,
    /// What was asked for is done, and no answer comes.
    HangAfter,
    /// A read is answered from an earlier state. Writes are not affected.
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
    /// As it was before the last so many writes to deployments of the caller's account and region; 1: before the last write.
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
    ResetBefore,
    ResetAfter,
    HangBefore,
    HangAfter,
    Stale,
}

impl FaultAction {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> FaultKind {
        match self {
            Self::Delay { .. } => FaultKind::Delay,
            Self::Throttle { .. } => FaultKind::Throttle,
            Self::Error { .. } => FaultKind::Error,
            Self::AccessDenied => FaultKind::AccessDenied,
            Self::ResetBefore => FaultKind::ResetBefore,
            Self::ResetAfter => FaultKind::ResetAfter,
            Self::HangBefore => FaultKind::HangBefore,
            Self::HangAfter => FaultKind::HangAfter,
            Self::Stale(_) => FaultKind::Stale,
        }
    }
}

impl FaultRule {
    /// A rule for all calls that befalls one.
    #[must_use]
    pub fn new(action: FaultAction) -> Self {
        Self {
            matching: FaultMatch::default(),
            skip: 0,
            times: once(),
            action,
        }
    }

    /// A rule for one operation that befalls one call.
    #[must_use]
    pub fn on(operation: Operation, action: FaultAction) -> Self {
        let matching = FaultMatch {
            operation: Some(operation),
            ..FaultMatch::default()
        };
        Self {
            matching,
            ..Self::new(action)
        }
    }

    /// Lets so many calls pass first.
    #[must_use]
    pub fn skip(self, skip: u64) -> Self {
        Self { skip, ..self }
    }

    /// Befalls so many calls.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// Befalls every call until the rule is removed.
    #[must_use]
    pub fn always(self) -> Self {
        Self {
            times: None,
            ..self
        }
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
            FaultAction::Error { status, .. } if !(400..600).contains(status) => Some(format!(
                "the status of an error is 400 to 599, not {status}"
            )),
            _ => None,
        }
    }
}

/// What rules look at.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) service: Option<Service>,
    pub(crate) operation: Option<Operation>,
    pub(crate) account: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    pub(crate) target_arn: Option<String>,
    pub(crate) request: &'a Value,
}

impl FaultMatch {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        // Destructured, so that a new condition can't be forgotten.
        let Self {
            service,
            operation,
            account,
            region,
            target_arn,
            contains,
        } = self;
        (service.is_none() || *service == subject.service)
            && (operation.is_none() || *operation == subject.operation)
            && (account.is_none() || account.as_deref() == subject.account)
            && (region.is_none() || region.as_deref() == subject.region)
            && (target_arn.is_none() || *target_arn == subject.target_arn)
            && contains
                .as_ref()
                .is_none_or(|text| subject.request.to_string().contains(text))
    }
}

/// A rule that was added, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActiveFault {
    /// By which it can be removed.
    pub id: u64,
    /// How many calls matched, those that were let pass included.
    pub matched: u64,
    /// How many calls it befell.
    pub fired: u64,
    /// The rule.
    pub rule: FaultRule,
}

/// The rules, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct FaultRules {
    rules: Vec<ActiveFault>,
    last_id: u64,
}

impl FaultRules {
    pub(crate) fn add(&mut self, rule: FaultRule) -> u64 {
        self.last_id += 1;
        self.rules.push(ActiveFault {
            id: self.last_id,
            matched: 0,
            fired: 0,
            rule,
        });
        self.last_id
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|fault| fault.id != id);
        self.rules.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn all(&self) -> &[ActiveFault] {
        &self.rules
    }

    /// What happens to a call: the first rule that is for it and not exhausted decides. Rules before it that let it pass have counted it.
    pub(crate) fn befall(&mut self, subject: &Subject<'_>) -> Option<FaultAction> {
        for fault in &mut self.rules {
            let exhausted = fault.rule.times.is_some_and(|times| fault.fired >= times);
            if exhausted || !fault.rule.matching.matches(subject) {
                continue;
            }
            fault.matched += 1;
            if fault.matched > fault.rule.skip {
                fault.fired += 1;
                return Some(fault.rule.action.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn befall(rules: &mut FaultRules, operation: Operation, request: &Value) -> Option<FaultKind> {
        let subject = Subject {
            service: Some(operation.service()),
            operation: Some(operation),
            account: Some("123456789012"),
            region: Some("eu-west-1"),
            target_arn: request
                .get("targetArn")
                .and_then(Value::as_str)
                .map(ToOwned::to_owned),
            request,
        };
        rules.befall(&subject).map(|action| action.kind())
    }

    #[test]
    fn a_rule_skips_then_fires_then_is_exhausted() {
        let mut rules = FaultRules::default();
        rules.add(
            FaultRule::on(Operation::GetDeployment, FaultAction::ResetAfter)
                .skip(1)
                .times(2),
        );
        let fired: Vec<_> = (0..4)
            .map(|_| befall(&mut rules, Operation::GetDeployment, &json!({})).is_some())
            .collect();
        assert_eq!(fired, [false, true, true, false]);
        assert_eq!(
            befall(&mut rules, Operation::ListDeployments, &json!({})),
            None
        );
        assert_eq!(rules.all()[0].fired, 2);
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let mut rules = FaultRules::default();
        let id = rules.add(
            FaultRule::new(FaultAction::AccessDenied)
                .containing("canary")
                .always(),
        );
        rules.add(
            FaultRule::new(FaultAction::ResetBefore)
                .target("arn:x")
                .always(),
        );
        rules.add(
            FaultRule::new(FaultAction::HangAfter)
                .account("210987654321")
                .always(),
        );
        let create = Operation::CreateDeployment;
        let request = json!({"targetArn": "arn:x", "deploymentName": "a canary"});
        assert_eq!(
            befall(&mut rules, create, &request),
            Some(FaultKind::AccessDenied)
        );
        assert!(rules.remove(id));
        assert_eq!(
            befall(&mut rules, create, &request),
            Some(FaultKind::ResetBefore)
        );
        assert_eq!(
            befall(&mut rules, create, &json!({"targetArn": "arn:y"})),
            None
        );
    }

    #[test]
    fn a_rule_in_json_fires_once_unless_it_says_otherwise() {
        let rule = |text: &str| serde_json::from_str::<FaultRule>(text);
        let once = rule(
            r#"{"match": {"operation": "CreateDeployment"}, "action": {"type": "throttle", "retryAfterSeconds": 7}}"#,
        );
        let action = FaultAction::Throttle {
            retry_after_seconds: Some(7),
        };
        assert_eq!(
            once.unwrap(),
            FaultRule::on(Operation::CreateDeployment, action)
        );
        let always =
            rule(r#"{"times": null, "action": {"type": "stale", "writesAgo": 1}}"#).unwrap();
        let action = FaultAction::Stale(Staleness::WritesAgo(1));
        assert_eq!(always, FaultRule::new(action).always());
        assert!(rule(r#"{"match": {"operaton": "x"}, "action": {"type": "resetAfter"}}"#).is_err());
        assert!(rule(r#"{"action": {"type": "delay", "milliseconds": 5, "at": "reply"}}"#).is_ok());
    }
}
