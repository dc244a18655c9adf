//! What this process knows of old revisions. Pure.

use std::collections::BTreeSet;

use super::Knowledge;
use crate::failure::{Failure, FailureKind};

/// What is known of old revisions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Old deployments of others among ours.
    pub foreign: BTreeSet<String>,
    /// Whether every old deployment of the key was read by this process.
    pub is_read: bool,
    /// How many were deleted since the last look.
    pub pruned: usize,
    /// The last deletion that failed; cleared by one that works.
    pub failure: Option<Failure>,
}

impl History {
    /// Whether another look has to go on with it.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.pruned > 0 || self.failure.is_some()
    }

    /// None more before the next look.
    pub fn leave(&mut self) {
        self.pruned = usize::MAX;
    }
}

impl Knowledge {
    /// The deletion of an old revision ended.
    pub fn pruned(&mut self, deployment_id: &str, outcome: Result<(), Failure>) {
        self.details.remove(deployment_id);
        // All had been read before the first was deleted; from then on every new one is, by this process.
        self.history.is_read = true;
        match outcome {
            Err(failure) if failure.kind != FailureKind::NotFound => {
                self.history.leave();
                // What passes by itself is not worth a word.
                self.history.failure = Some(failure).filter(|failure| failure.rule().blocking.is_some());
            }
            Ok(()) | Err(_) => {
                self.deleted.insert(deployment_id.to_owned());
                self.history.pruned = self.history.pruned.saturating_add(1);
                self.history.failure = None;
            }
        }
    }
}
