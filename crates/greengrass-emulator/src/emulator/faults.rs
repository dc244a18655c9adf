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
        let now = self.0.now();
        self.0.core().faults.add(rule, now)
    }

    /// All rules, and how often each has matched and fired.
    #[must_use]
    pub fn list(&self) -> Vec<ActiveFault> {
        self.0.core().faults.all().to_vec()
    }

    /// Takes a rule out. False when there is no such rule.
    #[must_use = "false means that there is no such rule"]
    pub fn remove(&self, id: u64) -> bool {
        self.0.core().faults.remove(id)
    }

    /// Takes all rules out.
    pub fn clear(&self) {
        self.0.core().faults.clear();
    }
}
