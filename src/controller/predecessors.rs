//! Until when a process that worked before this one may still send what nobody here knows of. Pure, behind a lock.

use std::sync::{Mutex, PoisonError};

use greengrass_operator_core::deployment::assess::intent::PREDECESSOR_MAY_SEND_FOR;
use jiff::Timestamp;

use crate::leadership::Predecessor;

/// Processes that worked before this one.
#[derive(Default)]
pub struct Predecessors {
    until: Mutex<Option<Timestamp>>,
    /// Whether resources come from other groups of processes, and go to them.
    is_one_of_groups: bool,
}

impl Predecessors {
    /// None is known yet. `is_one_of_groups`: other groups of processes look after other resources, and a resource can change over.
    #[must_use]
    pub fn new(is_one_of_groups: bool) -> Self {
        Self { until: Mutex::default(), is_one_of_groups }
    }

    /// This process leads from now on.
    pub fn begin(&self, predecessor: Predecessor, now: Timestamp) {
        let until = match predecessor {
            // It gives the Lease up when its last turn has ended.
            Predecessor::Released => None,
            // Its right to send ended before its Lease could be taken, and a call takes 30 s at most. The 40 s of the protocol
            // hold that, and are what was model-checked.
            Predecessor::Unknown => now.checked_add(PREDECESSOR_MAY_SEND_FOR).ok(),
        };
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Until when a resource of which nothing is known may still be sent for by another process.
    #[must_use]
    pub fn may_send_until(&self, now: Timestamp) -> Option<Timestamp> {
        let led_before = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        // Another group may have had it until now, and may notice later than this one that it has it no more.
        let had_before =
            self.is_one_of_groups.then(|| now.checked_add(PREDECESSOR_MAY_SEND_FOR).unwrap_or(Timestamp::MAX));
        led_before.max(had_before)
    }
}
