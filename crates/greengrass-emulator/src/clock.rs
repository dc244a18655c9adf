//! The emulator's time: a trait and two implementations. Reads tokio's clock; the rest of the crate is given its time.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

/// Where the emulator takes the time of day from.
///
/// Delays that fault rules ask for are slept on tokio's clock, whatever this clock says.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;

    /// Moves the clock on, beyond what it does by itself. `None` when it can't be moved.
    fn advance(&self, by: Duration) -> Option<Timestamp> {
        let _ = by;
        None
    }
}

/// A time of day that moves with tokio's clock: in real time normally, in virtual time under `tokio::time::pause`. It can be moved on besides.
#[derive(Debug)]
pub struct TokioClock {
    started: Mutex<Timestamp>,
    origin: tokio::time::Instant,
}

impl TokioClock {
    /// A clock that shows `started` now and runs on from there.
    #[must_use]
    pub fn starting_at(started: Timestamp) -> Self {
        Self { started: Mutex::new(started), origin: tokio::time::Instant::now() }
    }

    /// A clock that shows the machine's time of day now and runs on from there.
    #[must_use]
    pub fn from_wall_clock() -> Self {
        Self::starting_at(machine_time())
    }
}

/// The machine's time of day, whatever the emulator's clock says.
#[expect(clippy::disallowed_methods, reason = "the one place where the machine's time of day is read")]
pub(crate) fn machine_time() -> Timestamp {
    Timestamp::now()
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        plus(*self.started.lock().unwrap_or_else(PoisonError::into_inner), self.origin.elapsed())
    }

    fn advance(&self, by: Duration) -> Option<Timestamp> {
        {
            let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
            *started = plus(*started, by);
        }
        Some(self.now())
    }
}

/// A clock that stands still until it is moved: [`Clock::advance`], or `POST /_emulator/clock`.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows `now` until it is moved.
    #[must_use]
    pub fn starting_at(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, by: Duration) -> Option<Timestamp> {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = plus(*now, by);
        Some(*now)
    }
}

/// Saturates at the end of jiff's range, so that an absurd advance is no panic.
fn plus(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| time.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_tokio_clock_moves_with_paused_time() {
        let clock = TokioClock::starting_at(Timestamp::UNIX_EPOCH);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(clock.now().as_second(), 3600);
        assert_eq!(clock.advance(Duration::from_mins(1)).unwrap().as_second(), 3660);
        assert_eq!(clock.now().as_second(), 3660);
    }

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let clock = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), clock.now());
        let moved = clock.advance(Duration::from_millis(1500)).unwrap();
        assert_eq!(moved.as_millisecond(), 1500);
        assert_eq!(clock.now(), moved);
        assert_eq!(clock.advance(Duration::MAX), Some(Timestamp::MAX));
    }
}
