//! The fault rules of an emulator: added, listed, taken out. Pure.

use super::Emulator;
use crate::{fault::FaultRule, fault_rules::ActiveFault};

/// The fault rules of an emulator.
#[derive(Debug)]
pub struct Faults<'a>(pub(super) &'a Emulator);

impl Faults<'_> {
    /// Adds a rule after the others, and returns its id.
    #[expect(clippy::must_use_candidate, reason = "few rules are removed one by one")]
    pub fn add(&self, rule: FaultRule) -> u64 {
        let mut core = self.0.core();
        let now = self.0.now();
        let id = core.faults.add(rule, now);
        core.note_faults(now);
        id
    }

    /// All rules, and how often each has matched and fired.
    #[must_use]
    pub fn list(&self) -> Vec<ActiveFault> {
        self.0.core().faults.all().to_vec()
    }

    /// Takes a rule out. False when there is no such rule.
    #[must_use = "false means that there is no such rule"]
    pub fn remove(&self, id: u64) -> bool {
        let mut core = self.0.core();
        let removed = core.faults.remove(id);
        core.note_faults(self.0.now());
        removed
    }

    /// Takes all rules out.
    pub fn clear(&self) {
        let mut core = self.0.core();
        core.faults.clear();
        core.note_faults(self.0.now());
    }
}
