//! The time of day, derived from tokio's clock so that paused time in tests moves everything. I/O: reads the system's
//! clock, once.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Tells the time. Clones tell the same time.
///
/// The system's time of day is read once; from then on the monotonic clock carries it on. A step of the system's clock
/// is not followed (slewing by NTP is): no decision of the operator hangs on it by less than seconds, and a time of day
/// that jumps backwards would be worse.
///
/// The monotonic clock stands still while the machine is suspended (a laptop's lid, a virtual machine that is moved). The time
/// of day does not: who wakes up must not take a token of yesterday for fresh.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Timestamp,
    started: Instant,
    suspended: Option<Suspended>,
}

/// How long the machine had been suspended when the clock was made.
#[derive(Clone, Copy, Debug)]
struct Suspended {
    before: Duration,
    read: fn() -> Duration,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one place where the system's time of day is read")]
    pub fn system() -> Self {
        let read = since_boot_beyond_monotonic;
        Self { suspended: Some(Suspended { before: read(), read }), ..Self::at(Timestamp::now()) }
    }

    /// A clock that starts at a given time and moves with tokio's.
    #[must_use]
    pub fn at(origin: Timestamp) -> Self {
        Self { origin, started: Instant::now(), suspended: None }
    }

    /// The time of day.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at_instant(Instant::now())
    }

    /// The time of day, cut to whole seconds: the API server keeps no finer ones in conditions, so a finer time would
    /// differ from what comes back and cause a write.
    #[must_use]
    pub fn now_in_seconds(&self) -> Timestamp {
        let now = self.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// The time of day at a moment of the monotonic clock.
    #[must_use]
    pub fn at_instant(&self, instant: Instant) -> Timestamp {
        let slept =
            self.suspended.map_or(Duration::ZERO, |suspended| (suspended.read)().saturating_sub(suspended.before));
        let moved = if instant >= self.started {
            self.origin.checked_add((instant - self.started).saturating_add(slept))
        } else {
            self.origin.checked_sub(self.started - instant)
        };
        // Out of range means beyond the year 9999.
        moved.unwrap_or(self.origin)
    }

    /// The moment of the monotonic clock at which it will be that time of day; now, if that is past.
    #[must_use]
    pub fn instant_of(&self, time: Timestamp) -> Instant {
        let now = Instant::now();
        let ahead = time.duration_since(self.at_instant(now));
        now + Duration::try_from(ahead).unwrap_or_default()
    }
}

/// How much further the clock is that goes on while the machine is suspended than the one that does not.
fn since_boot_beyond_monotonic() -> Duration {
    let read = |clock| {
        let time = rustix::time::clock_gettime(clock);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    };
    // In this order the difference is never too large by what passes between the two.
    let boot = read(rustix::time::ClockId::Boottime);
    boot.saturating_sub(read(rustix::time::ClockId::Monotonic))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static SLEPT: Cell<Duration> = const { Cell::new(Duration::from_secs(7)) };
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_day_goes_on_while_the_machine_is_suspended() {
        let read = || SLEPT.get();
        let origin: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let clock = Clock { suspended: Some(Suspended { before: read(), read }), ..Clock::at(origin) };
        assert_eq!(clock.now(), origin);
        SLEPT.set(Duration::from_hours(9));
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(clock.now().to_string(), "2026-11-23T19:00:00Z");
    }

    #[test]
    fn a_machine_that_was_not_suspended_has_clocks_that_agree() {
        let (first, second) = (since_boot_beyond_monotonic(), since_boot_beyond_monotonic());
        assert!(first.abs_diff(second) < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_day_moves_with_tokios_clock() {
        let start: Timestamp = "2026-11-23T10:00:00.75Z".parse().unwrap();
        let clock = Clock::at(start);
        let copy = clock;
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(clock.now().to_string(), "2026-11-23T11:00:00.75Z");
        assert_eq!(copy.now(), clock.now());
        assert_eq!(clock.now_in_seconds().to_string(), "2026-11-23T11:00:00Z");
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_of_day_has_its_moment_and_a_past_one_is_now() {
        let clock = Clock::at("2026-11-23T10:00:00Z".parse().unwrap());
        let in_a_minute = clock.instant_of("2026-11-23T10:01:00Z".parse().unwrap());
        assert_eq!(in_a_minute - Instant::now(), Duration::from_mins(1));
        assert_eq!(clock.instant_of("2026-11-23T09:00:00Z".parse().unwrap()), Instant::now());
        assert_eq!(clock.at_instant(in_a_minute).to_string(), "2026-11-23T10:01:00Z");
    }
}
