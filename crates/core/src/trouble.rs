//! A call that fails again and again, and what that means for a resource, of whatever kind. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::failure::{Blocking, Failure};
use crate::pace::grace_over;

/// After so many failures in a row the message says that it is a retry.
const RETRIES_BEFORE_TELLING: u32 = 3;

/// A call that fails again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// How it failed last.
    pub failure: Failure,
    /// How often it failed.
    pub attempts: u32,
    /// When it failed first.
    pub first_at: Timestamp,
    /// Not before this.
    pub retry_at: Timestamp,
    /// What the person asked for when it failed: a change of it opens the gate at once.
    pub request: Request,
}

/// What a person can change to have a failed call tried again at once.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Request {
    /// The object's generation.
    pub generation: i64,
    /// The present `reconcile-at`.
    pub reconcile_at: Option<String>,
    /// The present `redeploy-at`.
    pub redeploy_at: Option<String>,
    /// The present `cancel-at`.
    pub cancel_at: Option<String>,
    /// The identity, in the version that it had then.
    pub identity: Option<String>,
}

impl Trouble {
    /// A call failed, after what was known before of failures.
    #[must_use]
    pub fn after(
        before: Option<&Self>,
        failure: Failure,
        now: Timestamp,
        wait: impl FnOnce(u32, Timestamp) -> Duration,
        request: Request,
    ) -> Self {
        let (attempts, first_at) = match before {
            // Of whatever call: a list and a create that fail in turns are one streak. But what a person must mend gets its
            // two minutes from when it was seen, however long AWS has failed before.
            Some(trouble) if trouble.request == request && trouble.failure.rule().who == failure.rule().who => {
                (trouble.attempts.saturating_add(1), trouble.first_at)
            }
            Some(_) | None => (1, now),
        };
        let retry_at = later(now, wait(attempts, first_at));
        Self { failure, attempts, first_at, retry_at, request }
    }

    /// What it means now, where the person asks for this.
    #[must_use]
    pub fn blocks(&self, request: &Request, now: Timestamp) -> Blocked {
        let trouble = self.clone();
        let waits = trouble.retry_at > now && trouble.request == *request;
        let lasted = grace_over(trouble.first_at, now);
        match trouble.failure.rule().blocking {
            Some(reason) => Blocked::Person { reason, stalled: lasted, trouble, waits },
            None => Blocked::Service { retrying: lasted || trouble.attempts >= RETRIES_BEFORE_TELLING, trouble, waits },
        }
    }
}

/// The failing call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// It will pass: throttled, 5xx, time-out, conflict.
    Service {
        /// Its story.
        trouble: Trouble,
        /// Whether it has lasted long enough to be told as a retry.
        retrying: bool,
        /// Whether the next try has to wait.
        waits: bool,
    },
    /// A person must act.
    Person {
        /// Why.
        reason: Blocking,
        /// Its story.
        trouble: Trouble,
        /// Whether the time for things applied in parallel is over.
        stalled: bool,
        /// Whether the next try has to wait.
        waits: bool,
    },
}

impl Blocked {
    /// Its story.
    #[must_use]
    pub fn trouble(&self) -> &Trouble {
        match self {
            Self::Service { trouble, .. } | Self::Person { trouble, .. } => trouble,
        }
    }

    /// Until when the next try has to wait.
    #[must_use]
    pub fn waits_until(&self) -> Option<Timestamp> {
        match self {
            Self::Service { trouble, waits, .. } | Self::Person { trouble, waits, .. } => {
                waits.then_some(trouble.retry_at)
            }
        }
    }
}

/// A time after another; the end of time where it would lie beyond.
#[must_use]
pub fn later(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}
