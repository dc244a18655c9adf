//! A call to AWS that failed: the log line, and how long until the next. Pure, but for the log.

use std::time::Duration;

use greengrass_operator_core::deployment::hash::short_hash;
use greengrass_operator_core::failure::Failure;
use greengrass_operator_core::pace::{Streak, pace};
use jiff::Timestamp;
use tracing::warn;

/// Says in the log that a call failed.
pub fn log(failure: &Failure) {
    warn!(
        operation = %failure.operation,
        outcome = failure.kind.name(),
        request_id = failure.request_id,
        "AWS call failed: {failure}"
    );
}

/// How long until the next call for an object, from how often calls have failed and since when.
pub fn wait_after(failure: &Failure, uid: &str, now: Timestamp) -> impl FnOnce(u32, Timestamp) -> Duration + use<> {
    let (failure, jitter) = (failure.clone(), jitter(uid, now.as_second()));
    move |attempts, first_failed_at| pace(&failure, Streak { attempts, first_failed_at }, now, jitter)
}

/// A number from 0 to 1 that differs between resources and between times: enough to keep retries apart.
#[must_use]
pub fn jitter(uid: &str, second: i64) -> f64 {
    let digits = short_hash(&format!("{uid}/{second}"));
    let share = digits.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or_default();
    f64::from(share) / f64::from(u32::MAX)
}

/// An interval of between nine and eleven tenths, so that what was looked at together drifts apart.
#[must_use]
pub fn jittered(interval: Duration, seed: &str) -> Duration {
    interval.mul_f64(0.9).saturating_add(super::wakes::spread(seed, interval) / 5)
}
