//! Says on an `AwsIdentity` whether AWS accepts its credentials. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{Identity, InvalidIdentity};
use crate::api::AwsIdentityStatus;
use crate::conditions::{self, Truth};
use crate::deployment::assess::TRUSTED_WITHOUT_VERIFICATION;
use crate::failure::{Failure, Who};
use crate::pace::grace_over;

/// Condition types in the order in which they stand.
pub const TYPES: [&str; 3] = ["Ready", "Reconciling", "Stalled"];

/// What AWS said to the credentials.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// Who they are, as AWS said last.
    pub caller: Option<Caller>,
    /// When it said so.
    pub accepted_at: Option<Timestamp>,
    /// How asking fails.
    pub trouble: Option<Trouble>,
}

/// Who the credentials are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account, twelve digits.
    pub account: String,
    /// The ARN of the user or of the role's session.
    pub arn: String,
}

/// How asking AWS who the credentials are fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The last failure.
    pub failure: Failure,
    /// How often in a row.
    pub attempts: u32,
    /// When the first of them was seen.
    pub first_at: Timestamp,
}

impl Checked {
    /// AWS accepts them.
    pub fn accepted(&mut self, caller: Caller, at: Timestamp) {
        *self = Self { caller: Some(caller), accepted_at: Some(at), trouble: None };
    }

    /// It does not, or can't be asked.
    pub fn failed(&mut self, failure: Failure, at: Timestamp) {
        let (attempts, first_at) = match &self.trouble {
            Some(before) if before.failure.rule().who == failure.rule().who => {
                (before.attempts.saturating_add(1), before.first_at)
            }
            Some(_) | None => (1, at),
        };
        // What a person must mend ends what was accepted before: calls fail too.
        if failure.rule().who == Who::Person {
            self.accepted_at = None;
        }
        self.trouble = Some(Trouble { failure, attempts, first_at });
    }
}

/// The identity's status.
#[must_use]
pub fn summarise(
    generation: i64,
    identity: &Result<Identity, InvalidIdentity>,
    region: Option<&str>,
    checked: &Checked,
    previous: &AwsIdentityStatus,
    now: Timestamp,
) -> AwsIdentityStatus {
    let Said { truth, reason, message, companion } = match identity {
        Err(invalid) => stalled("InvalidSpec", invalid.to_string()),
        Ok(_) => ready(generation, checked, &previous.conditions, now),
    };
    let caller = checked.caller.as_ref();
    let beside = |name: &str| (companion == Some(name)).then_some((Truth::True, reason, message.as_str()));
    let sayings = [Some((truth, reason, message.as_str())), beside("Reconciling"), beside("Stalled")];
    let conditions = conditions::all(&TYPES, sayings, generation, now, &previous.conditions);
    AwsIdentityStatus {
        observed_generation: Some(generation),
        conditions,
        account_id: caller.map(|caller| caller.account.clone()),
        assumed_role_arn: caller.map(|caller| caller.arn.clone()),
        region: region.map(str::to_owned),
    }
}

struct Said {
    truth: Truth,
    reason: &'static str,
    message: String,
    companion: Option<&'static str>,
}

fn stalled(reason: &'static str, message: String) -> Said {
    Said { truth: Truth::False, reason, message, companion: Some("Stalled") }
}

fn ready(generation: i64, checked: &Checked, previous: &[Condition], now: Timestamp) -> Said {
    let Checked { caller, accepted_at, trouble } = checked;
    let is_trusted = accepted_at.is_some_and(|at| now.duration_since(at) < TRUSTED_WITHOUT_VERIFICATION);
    match (caller, trouble) {
        (None, None) => Said {
            truth: Truth::Unknown,
            reason: "Progressing",
            message: "AWS is being asked whether it accepts the credentials".to_owned(),
            companion: Some("Reconciling"),
        },
        (Some(caller), None) => authenticated(caller),
        (Some(caller), Some(trouble)) if trouble.failure.rule().who == Who::Service && is_trusted => {
            authenticated(caller)
        }
        (_, Some(trouble)) => failing(generation, trouble, previous, now),
    }
}

fn authenticated(caller: &Caller) -> Said {
    Said {
        truth: Truth::True,
        reason: "Authenticated",
        message: format!("AWS accepts the credentials as {}", caller.arn),
        companion: None,
    }
}

fn failing(generation: i64, trouble: &Trouble, previous: &[Condition], now: Timestamp) -> Said {
    let message = trouble.failure.to_string();
    let was_stalled = previous.iter().any(|before| {
        before.type_ == "Stalled" && before.status == "True" && before.observed_generation == Some(generation)
    });
    match trouble.failure.rule().blocking {
        Some(blocking) if was_stalled || grace_over(trouble.first_at, now) => stalled(blocking.reason(), message),
        Some(_) | None => {
            Said { truth: Truth::False, reason: "ProgressingWithRetry", message, companion: Some("Reconciling") }
        }
    }
}
