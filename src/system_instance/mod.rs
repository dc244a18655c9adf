//! `SystemInstance`: its turns. I/O.
//!
//! What is to be done is decided in the core; here it is read (`resolve`), done (`perform`) and driven (`turn`).

mod perform;
mod publisher;
mod resolve;
mod session;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use greengrass_operator_core::system_instance::memory::Memory;
use kube::api::ApiResource;

use crate::aws::{Aws, Class, Leadership};
use crate::controller::clock::Clock;
use crate::controller::driver::Kind;
use crate::controller::events::Events;
use crate::controller::objects::Objects;
use crate::controller::queue::{Lane, Queue, Reason, Rest, Turn, Wake};
use crate::controller::record::Record;
use crate::controller::store::Store;
use crate::controller::turn::Site;
use crate::controller::wakes::{Change, default_wake};
use crate::identity::Registry;
use crate::leadership::Predecessor;
use crate::telemetry::metrics::Metrics;
use resolve::ReadSpec;
use session::Sessions;

/// The kind as the API server knows it.
#[must_use]
pub fn resource() -> ApiResource {
    ApiResource::erase::<greengrass_operator_core::api::SystemInstance>(&())
}

/// What the turns of all resources share.
pub struct SystemInstances {
    cluster: String,
    clock: Clock,
    look_interval: Duration,
    store: Arc<Store>,
    identities: Arc<Registry>,
    identity_queue: Queue,
    objects: Objects,
    queue: Queue,
    events: Events,
    aws: Aws,
    metrics: Metrics,
    leadership: Arc<dyn Leadership>,
    sessions: Sessions,
}

/// What the turns are given.
pub struct Parts {
    /// The cluster's name in tags.
    pub cluster: String,
    /// The clock.
    pub clock: Clock,
    /// How often AWS is looked at for each resource when nothing happens.
    pub look_interval: Duration,
    /// The records.
    pub store: Arc<Store>,
    /// The identities through which AWS is reached.
    pub identities: Arc<Registry>,
    /// The queue of their turns.
    pub identity_queue: Queue,
    /// The objects in the API server.
    pub objects: Objects,
    /// The queue of turns.
    pub queue: Queue,
    /// The publisher of events.
    pub events: Events,
    /// AWS.
    pub aws: Aws,
    /// The metrics.
    pub metrics: Metrics,
    /// Whether this process may write.
    pub leadership: Arc<dyn Leadership>,
}

impl SystemInstances {
    /// The kind, with nothing known yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts {
            cluster,
            clock,
            look_interval,
            store,
            identities,
            identity_queue,
            objects,
            queue,
            events,
            aws,
            metrics,
            leadership,
        } = parts;
        let sessions = Sessions::new(identities.is_one_of_groups());
        Self {
            cluster,
            clock,
            look_interval,
            store,
            identities,
            identity_queue,
            objects,
            queue,
            events,
            aws,
            metrics,
            leadership,
            sessions,
        }
    }

    fn site(&self) -> Site<'_> {
        Site { store: &self.store, objects: &self.objects, events: &self.events }
    }

    /// A turn that does not know of its neighbours would not see that one of them goes first.
    fn note(&self, record: &Record) {
        self.store.set_references(&record.name, resolve::references(record, &self.identities));
    }

    /// Wakes those that have the same id.
    fn wake_rivals(&self, record: &Record) {
        for rival in resolve::rivals_of(record, &self.store) {
            self.queue.wake(rival, Wake::now(Class::Recovery, Reason::Reference));
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
        let identity = read.identity_name(&self.identities);
        read.ids(&memory)
            .first()
            .map_or_else(Lane::unresolved, |id| Lane::named(&format!("{identity}/{}/{}", id.account(), id.region())))
    }

    fn look_interval(&self) -> Duration {
        self.look_interval
    }

    fn begin(&self, predecessor: Predecessor) {
        self.sessions.begin(predecessor, self.clock.now());
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
        default_wake(change, self.look_interval)
    }
}
