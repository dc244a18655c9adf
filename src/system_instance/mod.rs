//! `SystemInstance`: its turns. I/O.
//!
//! What is to be done is decided in the core; here it is read (`resolve`), done (`perform`) and driven (`turn`).

mod perform;
mod publisher;
mod resolve;
mod session;
mod turn;

use std::time::Duration;

use greengrass_operator_core::system_instance::memory::Memory;
use kube::api::ApiResource;

use crate::aws::Class;
use crate::controller::driver::Kind;
use crate::controller::parts::Parts;
use crate::controller::queue::{Lane, Reason, Rest, Turn, Wake};
use crate::controller::record::Record;
use crate::controller::wakes::{Change, default_wake};
use crate::leadership::Predecessor;
use resolve::ReadSpec;
use session::Sessions;

/// The kind as the API server knows it.
#[must_use]
pub fn resource() -> ApiResource {
    ApiResource::erase::<greengrass_operator_core::api::SystemInstance>(&())
}

/// What the turns of all resources share.
pub struct SystemInstances {
    parts: Parts,
    sessions: Sessions,
}

impl SystemInstances {
    /// The kind, with nothing known yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let sessions = Sessions::new(parts.identities.is_one_of_groups());
        Self { parts, sessions }
    }

    /// A turn that does not know of its neighbours would not see that one of them goes first.
    fn note(&self, record: &Record) {
        self.parts.store.set_references(&record.name, resolve::references(record, &self.parts.identities));
    }

    /// Wakes those that have the same id.
    fn wake_rivals(&self, record: &Record) {
        for rival in resolve::rivals_of(record, &self.parts.store) {
            self.parts.queue.wake(rival, Wake::now(Class::Recovery, Reason::Reference));
        }
    }
}

impl Kind for SystemInstances {
    const NAME: &'static str = "SystemInstance";

    async fn run(&self, turn: Turn) -> Rest {
        Box::pin(turn::run(self, turn)).await
    }

    /// Those of one identity, account and region: credentials that can't be had hold up nobody else.
    fn lane(&self, record: &Record) -> Lane {
        let read = ReadSpec::of(record);
        let memory = Memory::recall(&resolve::status(record));
        let identity = read.identity_name(&self.parts.identities);
        read.ids(&memory)
            .first()
            .map_or_else(Lane::unresolved, |id| Lane::named(&format!("{identity}/{}/{}", id.account(), id.region())))
    }

    fn look_interval(&self) -> Duration {
        self.parts.look_interval
    }

    fn begin(&self, predecessor: Predecessor) {
        self.sessions.begin(predecessor, self.parts.clock.now());
    }

    fn end(&self) {
        self.sessions.clear();
    }

    fn wake(&self, change: &Change<'_>) -> Option<Wake> {
        match change {
            Change::Listed(record) => self.note(record),
            Change::Changed { before, after } => {
                self.note(after);
                if before.generation != after.generation || before.uid != after.uid || before.status != after.status {
                    self.wake_rivals(after);
                }
            }
            Change::Gone(record) => self.wake_rivals(record),
        }
        default_wake(change, self.parts.look_interval)
    }
}
