//! Whether this process may still write: leadership on a clock that counts suspension. I/O: reads `CLOCK_BOOTTIME`.
//!
//! A process that was suspended (a laptop's lid, a live migration, `SIGSTOP`) wakes up believing that no time has passed
//! on the monotonic clock, while another replica leads. `CLOCK_BOOTTIME` goes on during suspension.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Time since the machine started, suspension included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(Duration);

impl BootTime {
    /// So long after the machine's start.
    #[must_use]
    pub const fn since_boot(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// This moment, later; the end of time where it would lie beyond.
    #[must_use]
    pub const fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// How long it is from this moment to a later one; nothing where that is past.
    #[must_use]
    pub const fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }
}

/// Reads the time since boot.
pub trait BootClock: Send + Sync {
    /// Now.
    fn now(&self) -> BootTime;
}

/// The kernel's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemBootClock;

impl BootClock for SystemBootClock {
    fn now(&self) -> BootTime {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        // Neither is ever negative for this clock.
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
        BootTime(Duration::new(seconds, nanos))
    }
}

/// A right to write that may have ended.
#[derive(Clone)]
pub struct Fence(Kind);

#[derive(Clone)]
enum Kind {
    Always,
    Until { deadline: BootTime, clock: Arc<dyn BootClock> },
}

impl Fence {
    /// Never ends: for a process that runs without leader election and is replaced only after its end.
    #[must_use]
    pub const fn always() -> Self {
        Self(Kind::Always)
    }

    /// Ends at this moment. A renewal makes a new fence: one in hand is not prolonged.
    #[must_use]
    pub const fn until(deadline: BootTime, clock: Arc<dyn BootClock>) -> Self {
        Self(Kind::Until { deadline, clock })
    }

    /// Whether the right still holds. Ask right before the effect.
    #[must_use]
    pub fn valid(&self) -> bool {
        match &self.0 {
            Kind::Always => true,
            Kind::Until { deadline, clock } => clock.now() < *deadline,
        }
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Always => f.write_str("Fence(always)"),
            Kind::Until { deadline, .. } => write!(f, "Fence(until {:?} after boot)", deadline.0),
        }
    }
}

/// Who leads.
pub trait Leadership: Send + Sync {
    /// The right to write as of now; invalid while another replica leads.
    fn fence(&self) -> Fence;
}

/// The only replica.
#[derive(Clone, Copy, Debug, Default)]
pub struct SingleReplica;

impl Leadership for SingleReplica {
    fn fence(&self) -> Fence {
        Fence::always()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A clock that the test moves.
    #[derive(Default)]
    pub(in super::super) struct FakeBootClock(Mutex<Duration>);

    impl FakeBootClock {
        pub(in super::super) fn advance(&self, by: Duration) {
            *self.0.lock().unwrap() += by;
        }
    }

    impl BootClock for FakeBootClock {
        fn now(&self) -> BootTime {
            BootTime(*self.0.lock().unwrap())
        }
    }

    #[test]
    fn a_fence_ends_at_its_deadline() {
        let clock = Arc::new(FakeBootClock::default());
        let fence = Fence::until(clock.now().plus(Duration::from_secs(10)), Arc::<FakeBootClock>::clone(&clock));
        clock.advance(Duration::from_millis(9_999));
        assert!(fence.valid());
        clock.advance(Duration::from_millis(1));
        assert!(!fence.valid());
    }

    #[tokio::test(start_paused = true)]
    async fn a_suspended_process_wakes_up_without_the_right_although_its_own_clock_stood_still() {
        let clock = Arc::new(FakeBootClock::default());
        let fence = Fence::until(clock.now().plus(Duration::from_secs(10)), Arc::<FakeBootClock>::clone(&clock));
        let before = tokio::time::Instant::now();
        clock.advance(Duration::from_hours(1));
        assert_eq!(tokio::time::Instant::now(), before);
        assert!(!fence.valid());
    }

    #[test]
    fn a_single_replica_always_may() {
        assert!(SingleReplica.fence().valid());
    }

    #[test]
    fn the_kernels_clock_goes_forward() {
        let first = SystemBootClock.now();
        assert!(first > BootTime::since_boot(Duration::ZERO) && SystemBootClock.now() >= first);
    }
}
