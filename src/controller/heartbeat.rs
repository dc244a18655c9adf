//! Shows that a loop is alive. Pure, on tokio's clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When a loop last went round; clones are the same heartbeat.
///
/// A loop that has not begun is not dead: it may have to wait for as long as the API server can't be reached, and a
/// restart would not help.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat {
    last: Arc<Mutex<Option<Instant>>>,
}

impl Heartbeat {
    /// The heartbeat of a loop that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The loop goes round.
    pub fn beat(&self) {
        *self.lock() = Some(Instant::now());
    }

    /// The loop has ended, and may begin again: until then it is not dead.
    pub fn rest(&self) {
        *self.lock() = None;
    }

    /// How long ago it last did; nothing before the first time.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.lock().map_or(Duration::ZERO, |last| last.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
