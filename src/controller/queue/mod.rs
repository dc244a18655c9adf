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

use std::sync::atomic::{AtomicBool, Ordering};
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
    lane_limit: usize,
    /// Changed and read while the state is locked.
    is_closed: AtomicBool,
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
        let (state, is_closed) = (Mutex::new(State::new(lane_limit)), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { state, changed: Notify::new(), lane_limit, is_closed }) }
    }

    /// Forgets everything, back-offs too, and takes no wake-ups until it is opened: what happens while another process leads is
    /// that one's work. No turn may be running.
    pub fn close(&self) {
        let mut state = self.lock();
        self.shared.is_closed.store(true, Ordering::Relaxed);
        *state = State::new(self.shared.lane_limit);
    }

    /// Takes wake-ups from now on.
    pub fn open(&self) {
        let _state = self.lock();
        self.shared.is_closed.store(false, Ordering::Relaxed);
    }

    /// Puts a wake-up in.
    pub fn wake(&self, name: ObjectName, wake: Wake) {
        let mut state = self.lock();
        if self.shared.is_closed.load(Ordering::Relaxed) {
            return;
        }
        state.wake(name, wake);
        drop(state);
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
