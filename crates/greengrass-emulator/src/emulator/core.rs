//! What the lock of an emulator protects, and the changes of it that a state file has. No I/O but that file.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    error::ServiceError,
    fault_rules::FaultRules,
    fleet::{Fleet, FleetError},
    ledger::Ledger,
    quotas::Meter,
    state::{Answer, Call, ReadAt, State},
    state_file::{Change, Journal, digest_of_fleet},
    switches::Switches,
};

/// What the lock protects.
pub(crate) struct Core {
    pub(crate) state: State,
    pub(crate) ledger: Ledger,
    pub(crate) faults: FaultRules,
    pub(crate) meter: Meter,
    pub(crate) instance_role: Option<String>,
    /// Digests of the fleets that there have been.
    pub(crate) fleets: BTreeSet<String>,
    pub(crate) journal: Option<Journal>,
}

impl Core {
    /// Does what a call asks for.
    pub(crate) fn execute(&mut self, call: &Call, now: Timestamp, read_at: ReadAt) -> Result<Answer, ServiceError> {
        let result = self.state.execute(call, now, read_at);
        // One that is refused because the first with its token is still at work has done nothing; done again, it would be the first.
        let is_early = matches!(result, Err(ServiceError::RequestAlreadyInProgress));
        if call.operation.changes_state() && !is_early {
            self.note(now, || Change::of_call(call, &result));
        }
        result
    }

    pub(super) fn add_fleet(&mut self, fleet: &Fleet, seed: u64, now: Timestamp) -> Result<u64, FleetError> {
        let added = self.state.add_fleet(fleet, seed, now);
        if added.is_ok() {
            self.fleets.insert(digest_of_fleet(fleet));
        }
        self.note(now, || Change::Fleet(fleet.clone()));
        added
    }

    pub(super) fn change_switches(&mut self, switches: Switches, now: Timestamp) {
        self.state.run_until(now);
        self.state.switches = switches.clone();
        self.note(now, || Change::Switches(switches));
    }

    /// Enters the fault rules, and how often each has fired.
    pub(crate) fn note_faults(&mut self, now: Timestamp) {
        if self.journal.is_some() {
            let (rules, last_id) = (self.faults.all().to_vec(), self.faults.last_id());
            self.note(now, || Change::Faults { rules, last_id });
        }
    }

    pub(crate) fn clear(&mut self) {
        self.state.clear();
        self.ledger.retain(|_| false);
        self.faults.clear();
        self.meter = Meter::new(self.meter.quotas);
    }
}
