//! What an emulator starts with. No I/O but the clock.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use super::{Core, DEFAULT_ACCOUNT, Emulator, Inner};
use crate::{
    access_keys::AccessKey,
    clock::{Clock, TokioClock},
    fault_rules::FaultRules,
    ledger::Ledger,
    limits::{Limits, many},
    page::events::Readers,
    quotas::{Meter, Quotas},
    role::Role,
    state::State,
    switches::Switches,
};

/// Settings of an [`Emulator`].
#[derive(Debug)]
pub struct EmulatorBuilder {
    clock: Option<Arc<dyn Clock>>,
    seed: u64,
    default_account: String,
    switches: Switches,
    quotas: Quotas,
    limits: Limits,
    access_keys: Vec<AccessKey>,
    roles: Vec<Role>,
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        Self {
            clock: None,
            seed: 0,
            default_account: DEFAULT_ACCOUNT.to_owned(),
            switches: Switches::default(),
            quotas: Quotas::default(),
            limits: Limits::default(),
            access_keys: Vec::new(),
            roles: Vec::new(),
        }
    }
}

impl EmulatorBuilder {
    /// The clock; by default [`TokioClock::from_wall_clock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// A clock that the caller keeps a hand on.
    #[must_use]
    pub fn shared_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// What ids and the chances of devices follow from: the same seed and the same calls give the same run. By default 0.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The account of the access key `test`, and with [`Signatures::Anything`](crate::Signatures::Anything) that of all keys that nobody knows; by default
    /// [`DEFAULT_ACCOUNT`].
    #[must_use]
    pub fn default_account(mut self, account: impl Into<String>) -> Self {
        self.default_account = account.into();
        self
    }

    /// An access key that the emulator knows besides those of [`AccessKey`]'s two conventions; in place of one with the same id.
    #[must_use]
    pub fn access_key(mut self, key: AccessKey) -> Self {
        self.access_keys.push(key);
        self
    }

    /// A role; in place of one with the same ARN.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// The switches to start with.
    #[must_use]
    pub fn switches(mut self, switches: Switches) -> Self {
        self.switches = switches;
        self
    }

    /// The quotas on calls; by default AWS's own.
    #[must_use]
    pub const fn quotas(mut self, quotas: Quotas) -> Self {
        self.quotas = quotas;
        self
    }

    /// What it bears; by default far from what a test reaches.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What the admin interface can change.
    pub(crate) fn options(&self) -> (Switches, Quotas) {
        (self.switches.clone(), self.quotas)
    }

    pub(crate) const fn seed_to_begin_with(&self) -> u64 {
        self.seed
    }

    /// The emulator, with its state in memory; [`EmulatorBuilder::open`] keeps it in a file.
    #[must_use]
    pub fn build(self) -> Emulator {
        let mut state = State::new(self.seed, self.switches);
        for key in self.access_keys {
            state.identities.add_access_key(key);
        }
        for role in self.roles {
            state.identities.add_role(role);
        }
        let core = Core {
            state,
            ledger: Ledger::within(&self.limits),
            faults: FaultRules::default(),
            meter: Meter::new(self.quotas),
            instance_role: None,
            fleets: BTreeSet::new(),
            journal: None,
        };
        Emulator {
            inner: Arc::new(Inner {
                clock: self.clock.unwrap_or_else(|| Arc::new(TokioClock::from_wall_clock())),
                default_account: self.default_account,
                limits: self.limits,
                seed: self.seed,
                core: Mutex::new(core),
                ledger_changed: Notify::new(),
                readers: Readers::at_most(many(self.limits.pages)),
            }),
        }
    }
}
