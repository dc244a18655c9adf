//! The calls of one account, region and family: so many a second, in an order that is fair, fewer where AWS throttles. Pure: the
//! time is an argument.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::deletions::Deletions;
use super::line::{Caller, Closed, Line, Ticket};
use super::quota::{Rate, Wait, WaitReason};
use super::scope::{ApiFamily, Class};
use super::speed::Speed;

/// Added to a wait, so that rounding never makes it a few nanoseconds too short.
const ROUNDING: Duration = Duration::from_micros(1);

/// Who asks without waiting, and was told when to come again, has so long to come before another one gets its call.
const PLACE_KEPT: Duration = Duration::from_secs(1);

/// So long a class that got nothing goes on being owed its share: those who prune history come with the looks, every five minutes.
const REFUSAL_REMEMBERED: Duration = Duration::from_mins(10);

/// A wait that can't be reckoned: nothing waits longer before it asks again.
const LONGEST: Duration = Duration::from_mins(1);

/// Calls of one account, region and family.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    tokens: f64,
    refilled_at: Instant,
    speed: Speed,
    paused_until: Option<Instant>,
    line: Line,
    deletions: Deletions,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            tokens: rate.burst,
            refilled_at: now,
            speed: Speed::new(rate.per_second),
            paused_until: None,
            line: Line::default(),
            deletions: Deletions::default(),
        }
    }

    /// Takes a call for somebody of this class who won't wait. A place is kept for who comes again when told to.
    pub(super) fn take(&mut self, class: Class, now: Instant) -> Result<(), Wait> {
        let ticket = self.line.ask(class, now);
        self.take_for(ticket, now).inspect_err(|wait| {
            self.line.keep(ticket, wait.until + PLACE_KEPT);
            self.line.refuse(class, now + REFUSAL_REMEMBERED);
        })
    }

    /// Somebody waits from now on.
    pub(super) fn enter(&mut self, caller: &Caller, family: ApiFamily, is_deletion: bool, call: Arc<Notify>) -> Ticket {
        self.line.enter(caller, family, is_deletion, call)
    }

    /// Takes a call for one who waits.
    pub(super) fn take_for(&mut self, ticket: Ticket, now: Instant) -> Result<(), Wait> {
        let Some((class, is_deletion)) = self.line.wish(ticket) else {
            return Err(Wait { until: now + LONGEST, reason: WaitReason::Share });
        };
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(Wait { until, reason: WaitReason::Throttled });
        }
        let deletions_wait = match class {
            _ if is_deletion => self.deletions.next(class, now),
            Class::Deletion | Class::History => self.deletions.pause(now),
            Class::Change | Class::Recovery | Class::Rollout | Class::Sweep => None,
        };
        if let Some(until) = deletions_wait {
            return Err(Wait { until, reason: WaitReason::DeletionLimit });
        }
        self.refill(now);
        let (before, is_owed) = self.line.before(ticket, self.closed(now), now);
        let reserve = if is_owed { 0.0 } else { self.reserve(class, now) };
        let before = u32::try_from(before).map_or(f64::INFINITY, f64::from);
        let missing = 1.0 + before + reserve - self.tokens;
        if missing > 0.0 {
            let wait = Duration::try_from_secs_f64(missing / self.speed.at(now)).unwrap_or(LONGEST);
            return Err(Wait { until: now + wait + ROUNDING, reason: WaitReason::Share });
        }
        self.tokens -= 1.0;
        self.line.serve(ticket, now);
        if is_deletion {
            self.deletions.send(now);
        }
        self.line.call_next(self.closed(now), now);
        Ok(())
    }

    /// One who waited goes with nothing, or has gone with its call already.
    pub(super) fn leave(&mut self, ticket: Ticket, now: Instant) {
        if let Some((class, _)) = self.line.wish(ticket) {
            self.line.refuse(class, now + REFUSAL_REMEMBERED);
            self.line.leave(ticket);
            self.line.call_next(self.closed(now), now);
        }
    }

    /// AWS throttled a call: no call for so long, then more slowly. Calls that were under way together are throttled together:
    /// they count once.
    pub(super) fn throttled(&mut self, pause: Duration, now: Instant) {
        let until = now + pause;
        if self.paused_until.is_none_or(|paused| paused <= now) {
            self.speed.refused(now, until);
        }
        let until = self.paused_until.map_or(until, |paused| paused.max(until));
        self.speed.paused_until(until);
        self.paused_until = Some(until);
        self.tokens = 0.0;
        // What trickles in during the pause must not come out as one burst.
        self.refilled_at = until;
    }

    /// No deletion until then.
    pub(super) fn deletion_limited(&mut self, now: Instant, until: Instant) {
        self.deletions.refused(now, until);
        self.line.call_next(self.closed(now), now);
    }

    /// Calls a second that go out at that time.
    pub(super) fn calls_per_second(&self, now: Instant) -> f64 {
        self.speed.at(now)
    }

    /// Deletions that go on.
    pub(super) fn deletions(&self, now: Instant) -> usize {
        self.deletions.going_on(now)
    }

    fn closed(&self, now: Instant) -> Closed {
        Closed {
            deletions: self.deletions.next(Class::Deletion, now).is_some(),
            pruning: self.deletions.next(Class::History, now).is_some(),
            deleting: self.deletions.pause(now).is_some(),
        }
    }

    /// Calls that less urgent classes leave for more urgent ones, at most what still lets one of them through.
    fn reserve(&self, class: Class, now: Instant) -> f64 {
        let share = match class {
            Class::Change => 0.0,
            // A person waits for a deletion too, though nothing of what runs depends on it.
            Class::Recovery | Class::Deletion => 0.1,
            Class::Rollout => 0.25,
            Class::Sweep => 0.5,
            Class::History => 0.6,
        };
        let burst = self.burst(now);
        (burst * share).min(burst - 1.0)
    }

    /// Calls at once after a rest: as much slower as all is.
    fn burst(&self, now: Instant) -> f64 {
        (self.rate.burst * self.speed.share(now)).max(1.0)
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        // With the speed of the start: a little less than the true integral, so never too much.
        let refilled = self.tokens + elapsed * self.speed.at(self.refilled_at);
        self.tokens = refilled.min(self.burst(now));
        self.refilled_at = self.refilled_at.max(now);
    }
}
