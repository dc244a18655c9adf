//! Whether this process leads, as the rest of it sees that. Pure, behind a lock.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::candidate::Predecessor;
use crate::aws::{BootClock, BootTime, Fence, Leadership};

/// A time in which this process leads. Dropping it says that all that was done in it has ended: before that, there is no other.
#[derive(Debug)]
pub struct Term {
    /// What is known of who led before.
    pub predecessor: Predecessor,
    lost: CancellationToken,
    _ended: DropGuard,
}

impl Term {
    /// Cancelled when leadership is lost: what is under way must be broken off.
    #[must_use]
    pub const fn lost(&self) -> &CancellationToken {
        &self.lost
    }
}

/// The times in which this process leads, one after the other.
#[derive(Debug)]
pub struct Terms(UnboundedReceiver<Term>);

impl Terms {
    /// Waits until this process leads. None: the election has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Term> {
        loop {
            let term = self.0.recv().await?;
            if !term.lost.is_cancelled() {
                return Some(term);
            }
        }
    }
}

/// What the elector holds: it alone says who leads.
pub(crate) struct Standing {
    seat: Arc<Seat>,
    terms: UnboundedSender<Term>,
    term: Option<Running>,
}

/// The term that runs.
struct Running {
    lost: CancellationToken,
    ended: CancellationToken,
}

struct Seat {
    clock: Arc<dyn BootClock>,
    until: Mutex<BootTime>,
}

/// How this process's standing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It leads from now on.
    Gained,
    /// It does not lead any more.
    Lost,
    /// As before.
    None,
}

impl Standing {
    /// Does not lead.
    pub(crate) fn new(clock: Arc<dyn BootClock>) -> (Self, Terms) {
        let (sender, receiver) = unbounded_channel();
        let seat = Arc::new(Seat { clock, until: Mutex::new(BootTime::since_boot(std::time::Duration::ZERO)) });
        (Self { seat, terms: sender, term: None }, Terms(receiver))
    }

    pub(super) fn leadership(&self) -> Arc<dyn Leadership> {
        Arc::<Seat>::clone(&self.seat)
    }

    pub(super) fn now(&self) -> BootTime {
        self.seat.clock.now()
    }

    /// This process may act until then, or may not. What is cut off is told after the right to act has ended.
    pub(crate) fn set(&mut self, until: Option<BootTime>, predecessor: Predecessor) -> Turn {
        let never = BootTime::since_boot(std::time::Duration::ZERO);
        *self.seat.until.lock().unwrap_or_else(PoisonError::into_inner) = until.unwrap_or(never);
        match (until, &self.term) {
            (Some(_), None) => {
                let running = Running { lost: CancellationToken::new(), ended: CancellationToken::new() };
                let ended = running.ended.clone().drop_guard();
                // Where nobody waits for a term any more it has ended at once.
                let _ = self.terms.send(Term { predecessor, lost: running.lost.clone(), _ended: ended });
                self.term = Some(running);
                Turn::Gained
            }
            (None, Some(running)) if !running.lost.is_cancelled() => {
                running.lost.cancel();
                Turn::Lost
            }
            (Some(_), Some(_)) | (None, _) => Turn::None,
        }
    }

    /// Waits until all that was done in a term that was lost has ended: what it knew must not be acted on in the next one.
    pub(crate) async fn ended(&mut self) {
        if let Some(running) = &self.term {
            running.ended.cancelled().await;
        }
        self.term = None;
    }
}

impl Leadership for Seat {
    fn fence(&self) -> Fence {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        Fence::until(until, Arc::clone(&self.clock))
    }
}
