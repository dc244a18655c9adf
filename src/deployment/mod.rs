//! `GreengrassDeployment`: its turns. I/O.
//!
//! What is to be done is decided in the core; here it is read (`resolve`), done (`perform`) and driven (`turn`).

pub mod account_view;
mod perform;
mod publisher;
mod resolve;
mod session;
mod trace;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::names::Key;
use kube::api::ApiResource;

use crate::aws::{Aws, IdentityName, Leadership, Scope};
use crate::controller::clock::Clock;
use crate::controller::driver::Kind;
use crate::controller::events::Events;
use crate::controller::objects::Objects;
use crate::controller::queue::{Lane, Queue, Rest, Turn, Wake};
use crate::controller::record::Record;
use crate::controller::store::Store;
use crate::controller::tally::Place;
use crate::controller::wakes::{Change, default_wake, is_done};
use crate::telemetry::metrics::Metrics;
use account_view::{First, Places};
use session::Sessions;

/// The kind as the API server knows it.
#[must_use]
pub fn resource() -> ApiResource {
    ApiResource::erase::<greengrass_operator_core::api::GreengrassDeployment>(&())
}

/// What the turns of all resources share.
pub struct Deployments {
    cluster: String,
    clock: Clock,
    look_interval: Duration,
    store: Arc<Store>,
    objects: Objects,
    queue: Queue,
    events: Events,
    aws: Aws,
    metrics: Metrics,
    leadership: Arc<dyn Leadership>,
    sessions: Sessions,
    places: Places,
}

/// What the turns are given.
pub struct Parts {
    /// The cluster's name in tags and tokens.
    pub cluster: String,
    /// The clock.
    pub clock: Clock,
    /// How often AWS is looked at for each resource when nothing happens.
    pub look_interval: Duration,
    /// The records.
    pub store: Arc<Store>,
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

impl Deployments {
    /// The kind, with nothing known yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { cluster, clock, look_interval, store, objects, queue, events, aws, metrics, leadership } = parts;
        Self {
            cluster,
            clock,
            look_interval,
            store,
            objects,
            queue,
            events,
            aws,
            metrics,
            leadership,
            sessions: Sessions::default(),
            places: Places::default(),
        }
    }
}

impl Kind for Deployments {
    const NAME: &'static str = "GreengrassDeployment";

    async fn run(&self, turn: Turn) -> Rest {
        Box::pin(turn::run(self, turn)).await
    }

    fn lane(&self, record: &Record) -> Lane {
        let memory = Memory::recall(&resolve::status(record));
        resolve::key(record, &memory, &self.store).map_or_else(Lane::unresolved, |key| lane(&key))
    }

    fn look_interval(&self) -> Duration {
        self.look_interval
    }

    fn wake(&self, change: &Change<'_>) -> Option<Wake> {
        // Before the first turn of a resource its neighbours must know of it: a turn that finds no parent would not wait.
        match change {
            Change::Listed(record) => {
                self.note(record);
                if is_done(record)
                    && let Some(key) = Memory::recall(&resolve::status(record)).key
                {
                    self.places.know(&place(&key), First::Soon);
                }
                // Those that name it as their parent have waited for it; the first list wakes everybody anyway.
                if self.store.is_synced() {
                    turn::wake_dependants(self, &record.name, None);
                }
            }
            Change::Changed { before, after } => {
                self.note(after);
                if before.generation != after.generation || before.uid != after.uid {
                    turn::wake_dependants(self, &after.name, None);
                }
                // Written by another replica, or by us with an answer that was lost: nobody else tells those who wait for it.
                if before.status != after.status {
                    let key = resolve::key(after, &Memory::recall(&resolve::status(after)), &self.store);
                    turn::wake_dependants(self, &after.name, key.as_ref());
                }
            }
            Change::Gone(record) => {
                let key = resolve::key(record, &Memory::recall(&resolve::status(record)), &self.store);
                turn::wake_dependants(self, &record.name, key.as_ref());
            }
        }
        default_wake(change, self.look_interval)
    }
}

impl Deployments {
    fn note(&self, record: &Record) {
        self.store.set_references(&record.name, resolve::references(record, &self.store));
    }
}

fn scope(key: &Key) -> Scope {
    Scope::of(IdentityName::own(), &key.target)
}

fn place(key: &Key) -> Place {
    Place { account: key.target.account().to_owned(), region: key.target.region().to_owned() }
}

/// Where what devices did is read: those turns wait for the quota of the jobs API, and must not keep the places of others.
fn jobs_lane(key: &Key) -> Lane {
    Lane::narrow(&format!("{}/{}/jobs", key.target.account(), key.target.region()))
}

fn lane(key: &Key) -> Lane {
    Lane::named(&format!("{}/{}", key.target.account(), key.target.region()))
}
