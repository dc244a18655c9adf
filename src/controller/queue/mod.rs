//! The queue that all work of a kind goes through: one entry per object, lanes, classes, namespaces, back-off. I/O: waits on
//! tokio's clock.
//!
//! kube's own queue has neither order nor classes, and there an earlier trigger overrides a back-off.

mod crowd;
mod lanes;
mod state;
#[cfg(test)]
mod tests;
mod wake;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greengrass_operator_core::names::ObjectName;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use lanes::Ready;
use state::{Picked, State};
pub use wake::{Lane, Reason, Reasons, Rest, Turn, Wake};

/// After a turn that broke off, by a panic or a time limit: long enough that an object which always breaks costs nothing,
/// short enough that an accident heals while somebody looks.
const BROKEN_RETRY: Duration = Duration::from_mins(1);

/// A queue; clones are the same queue.
#[derive(Clone, Debug)]
pub struct Queue {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

/// An object's turn, which lasts as long as this lives. Dropped without [`Lease::done`], the turn counts as broken off and
/// comes again.
#[derive(Debug)]
#[must_use = "dropping a lease means that the turn broke off"]
pub struct Lease {
    queue: Queue,
    turn: Turn,
    ended: bool,
}

impl Queue {
    /// A queue in which at most `lane_limit` objects of one lane run at a time.
    #[must_use]
    pub fn new(lane_limit: usize) -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::new(State::new(lane_limit)), changed: Notify::new() }) }
    }

    /// Puts a wake-up in.
    pub fn wake(&self, name: ObjectName, wake: Wake) {
        self.lock().wake(name, wake);
        self.shared.changed.notify_waiters();
    }

    /// Waits for the next turn. Cancel-safe: a turn begins only when it is returned.
    pub async fn next(&self) -> Lease {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            let picked = self.lock().pick(Instant::now());
            match picked {
                Picked::Turn(turn) => {
                    return Lease { queue: self.clone(), turn, ended: false };
                }
                Picked::Idle(None) => changed.await,
                Picked::Idle(Some(due)) => {
                    // Either way the queue is looked at again.
                    let _ = tokio::time::timeout_at(due, changed).await;
                }
            }
        }
    }

    /// What is ready and not running, by class.
    #[must_use]
    pub fn ready(&self) -> Vec<Ready> {
        self.lock().ready(Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Whose turn it is, and why.
    #[must_use]
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Ends the turn.
    pub fn done(mut self, rest: Rest) {
        self.ended = true;
        self.queue.lock().done(&self.turn.name, rest, Instant::now());
        self.queue.shared.changed.notify_waiters();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.ended {
            self.queue.lock().broken(&self.turn, BROKEN_RETRY, Instant::now());
            self.queue.shared.changed.notify_waiters();
        }
    }
}
