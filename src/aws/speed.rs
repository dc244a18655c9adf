//! How many calls a second go out: the whole share, or what AWS seems to take after it has throttled. Pure: the time is an
//! argument.
//!
//! What AWS takes is not known, only found: each finding costs a call that is refused. So the speed falls to half of what was
//! refused, comes back quickly to just below it, stays near it, and only then tries for more, ever faster. (The shape is that of
//! CUBIC, RFC 9438 §4: concave up to the last refusal, convex after it.)
//!
//! At a limit of L calls a second, one call is refused in each round from L/2 over 0.9 L to a little more than L. A round takes
//! [`NEAR`] and lets 0.8 L × 45 s = 36 L calls through: at 1 call a second 1 of 37 is refused, at 10 a second 1 of 361. The way
//! down from 20 to 1 costs five more, and as many as were under way when it began. Once the limit is gone, 20 calls a second are back after
//! 45 s + 15 s × log2(20 / 0.9) = 112 s, in the worst case (from [`SLOWEST`] to 30) after 135 s: within the five minutes that
//! pass between two looks at a resource.

use std::time::Duration;

use tokio::time::Instant;

/// So long the speed approaches what was refused, before it goes beyond.
const NEAR: Duration = Duration::from_secs(45);
/// Beyond, it doubles in this time.
const DOUBLES: Duration = Duration::from_secs(15);
/// How near: a share of the refused speed that AWS most likely takes.
const NEARLY: f64 = 0.9;
/// Calls a second that are never fallen below. A change lists twice and sends, and what was listed first is good for ten seconds:
/// more slowly nothing would ever be sent.
const SLOWEST: f64 = 0.5;

#[derive(Clone, Copy, Debug)]
pub(super) struct Speed {
    /// Calls a second where nothing is refused.
    whole: f64,
    slowed: Option<Slowed>,
}

#[derive(Clone, Copy, Debug)]
struct Slowed {
    /// The end of the pause after the refusal.
    since: Instant,
    /// The speed then.
    from: f64,
    /// What it is near after [`NEAR`].
    toward: f64,
}

impl Speed {
    pub(super) const fn new(whole: f64) -> Self {
        Self { whole, slowed: None }
    }

    /// Calls a second at that time.
    pub(super) fn at(&self, now: Instant) -> f64 {
        let Some(Slowed { since, from, toward }) = self.slowed else { return self.whole };
        let elapsed = now.saturating_duration_since(since);
        let speed = match elapsed.checked_sub(NEAR) {
            None => toward - (toward - from) * (1.0 - elapsed.div_duration_f64(NEAR)).powi(3),
            Some(beyond) => toward * beyond.div_duration_f64(DOUBLES).exp2(),
        };
        speed.min(self.whole)
    }

    /// Its share of the whole speed at that time.
    pub(super) fn share(&self, now: Instant) -> f64 {
        self.at(now) / self.whole
    }

    /// AWS refused a call now, and nothing goes out until then.
    pub(super) fn refused(&mut self, now: Instant, until: Instant) {
        let refused = self.at(now);
        let from = (refused / 2.0).max(SLOWEST).min(self.whole);
        self.slowed = Some(Slowed { since: until, from, toward: (refused * NEARLY).max(from) });
    }

    /// The pause has become longer.
    pub(super) fn paused_until(&mut self, until: Instant) {
        if let Some(slowed) = &mut self.slowed {
            slowed.since = slowed.since.max(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn it_falls_to_half_comes_near_and_goes_beyond() {
        let now = Instant::now();
        let mut speed = Speed::new(20.0);
        assert!((speed.at(now) - 20.0).abs() < 1e-9);
        speed.refused(now, now + seconds(7));
        assert!((speed.at(now + seconds(7)) - 10.0).abs() < 1e-9);
        assert!((speed.at(now + seconds(7) + NEAR) - 18.0).abs() < 1e-9);
        assert!((speed.at(now + seconds(7) + NEAR + DOUBLES) - 20.0).abs() < 1e-9);
    }

    #[test]
    fn it_never_stops_and_comes_back_from_the_slowest_within_two_and_a_quarter_minutes() {
        let now = Instant::now();
        let mut speed = Speed::new(30.0);
        for _ in 0..100 {
            speed.refused(now, now);
        }
        assert!((speed.at(now) - SLOWEST).abs() < 1e-9);
        assert!((speed.at(now + seconds(135)) - 30.0).abs() < 1e-9);
        let mut slow = Speed::new(0.1);
        slow.refused(now, now);
        assert!((slow.at(now) - 0.1).abs() < 1e-9, "never above the whole");
    }
}
