//! One token bucket: refills with time, keeps a reserve from less urgent calls, slows down when AWS throttles. Pure: the
//! time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use super::quota::{Rate, Wait, WaitReason};
use super::scope::Class;

/// From half the rate back to the whole one takes half of this, linearly.
const RECOVERY: Duration = Duration::from_mins(1);

/// Throttling in a row never goes below this share of the rate: 20 calls a second become 2.5.
const SLOWEST: f64 = 0.125;

/// Added to a wait, so that rounding never makes it a few nanoseconds too short.
const ROUNDING: Duration = Duration::from_micros(1);

/// Tokens of one account, region and family.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    tokens: f64,
    refilled_at: Instant,
    /// Share of the rate at `refilled_at`; 1 where nothing was throttled lately.
    pace: f64,
    paused_until: Option<Instant>,
    deletions_paused_until: Option<Instant>,
}

impl Bucket {
    /// A full bucket.
    pub(super) const fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, tokens: rate.burst, refilled_at: now, pace: 1.0, paused_until: None, deletions_paused_until: None }
    }

    /// Takes a token for a call of this class.
    pub(super) fn take(&mut self, class: Class, now: Instant) -> Result<(), Wait> {
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(Wait { until, reason: WaitReason::Throttled });
        }
        if matches!(class, Class::Deletion | Class::History)
            && let Some(until) = self.deletions_paused_until.filter(|until| *until > now)
        {
            return Err(Wait { until, reason: WaitReason::DeletionLimit });
        }
        self.refill(now);
        let missing = 1.0 + self.reserve(class) - self.tokens;
        if missing > 0.0 {
            let seconds = missing / (self.rate.per_second * self.pace);
            let until = now + Duration::try_from_secs_f64(seconds).unwrap_or(RECOVERY) + ROUNDING;
            return Err(Wait { until, reason: WaitReason::Share });
        }
        self.tokens -= 1.0;
        Ok(())
    }

    /// AWS throttled a call: no call for so long, then at half the rate. Calls that were under way together are
    /// throttled together: they halve the rate once.
    pub(super) fn throttled(&mut self, pause: Duration, now: Instant) {
        let until = now + pause;
        if self.paused_until.is_none_or(|paused| paused <= now) {
            self.refill(now);
            self.pace = (self.pace / 2.0).max(SLOWEST);
        }
        self.paused_until = Some(self.paused_until.map_or(until, |paused| paused.max(until)));
        self.tokens = 0.0;
        // What trickles in during the pause must not come out as one burst, and the rate recovers after it.
        self.refilled_at = self.paused_until.unwrap_or(until);
    }

    /// No deletion until then.
    pub(super) fn deletion_limited(&mut self, until: Instant) {
        self.deletions_paused_until = Some(self.deletions_paused_until.map_or(until, |paused| paused.max(until)));
    }

    /// Calls that less urgent classes leave for more urgent ones, at most what still lets one of them through.
    fn reserve(&self, class: Class) -> f64 {
        let share = match class {
            Class::Change => 0.0,
            // A person waits for a deletion too, though nothing of what runs depends on it.
            Class::Recovery | Class::Deletion => 0.1,
            Class::Rollout => 0.25,
            Class::Sweep => 0.5,
            Class::History => 0.6,
        };
        (self.rate.burst * share).min(self.rate.burst - 1.0)
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        // With the pace of the start: a little less than the true integral, so never too much.
        self.tokens = (self.tokens + elapsed * self.rate.per_second * self.pace).min(self.rate.burst);
        self.pace = (self.pace + elapsed / RECOVERY.as_secs_f64()).min(1.0);
        self.refilled_at = self.refilled_at.max(now);
    }
}
