//! `GreengrassDeployment`: its turns. I/O.
//!
//! What is to be done is decided in the core; here it is read (`resolve`), done (`perform`) and driven (`turn`).

pub mod account_view;
mod perform;
mod publisher;
mod resolve;
mod rest;
mod session;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::names::Key;
use kube::api::ApiResource;
use tokio::sync::watch;

use crate::controller::driver::Kind;
use crate::controller::parts::Parts;
use crate::controller::queue::{Lane, Rest, Turn, Wake};
use crate::controller::record::Record;
use crate::controller::tally::Place;
use crate::controller::wakes::{Change, default_wake, is_done};
use crate::leadership::Predecessor;
use account_view::{First, Places};
use resolve::{ReadSpec, World};
use session::Sessions;

/// The kind as the API server knows it.
#[must_use]
pub fn resource() -> ApiResource {
    ApiResource::erase::<greengrass_operator_core::api::GreengrassDeployment>(&())
}

/// What the turns of all resources share.
pub struct Deployments {
    parts: Parts,
    world: World,
    sessions: Sessions,
    /// Changes when a term begins or ends.
    terms: watch::Sender<u64>,
    places: Places,
}

impl Deployments {
    /// The kind, with nothing known yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let sessions = Sessions::new(parts.identities.is_one_of_groups());
        let world = World { store: Arc::clone(&parts.store), identities: Arc::clone(&parts.identities) };
        Self { parts, world, sessions, terms: watch::Sender::new(0), places: Places::default() }
    }
}

impl Kind for Deployments {
    const NAME: &'static str = "GreengrassDeployment";

    async fn run(&self, turn: Turn) -> Rest {
        Box::pin(turn::run(self, turn)).await
    }

    fn lane(&self, record: &Record) -> Lane {
        let memory = Memory::recall(&resolve::status(record));
        let lane = if record.is_deleting() { deletions_lane } else { lane };
        let read = ReadSpec::of(record);
        read.key(&memory, &self.world).map_or_else(Lane::unresolved, |key| lane(&read.identity_name(&self.world), &key))
    }

    fn look_interval(&self) -> Duration {
        self.parts.look_interval
    }

    fn begin(&self, predecessor: Predecessor) {
        self.sessions.begin(predecessor, self.parts.clock.now());
        self.terms.send_modify(|terms| *terms += 1);
    }

    fn end(&self) {
        self.sessions.clear();
        self.terms.send_modify(|terms| *terms += 1);
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
                if self.parts.store.is_synced() {
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
                    let key = ReadSpec::of(after).key(&Memory::recall(&resolve::status(after)), &self.world);
                    turn::wake_dependants(self, &after.name, key.as_ref());
                }
            }
            Change::Gone(record) => {
                let key = ReadSpec::of(record).key(&Memory::recall(&resolve::status(record)), &self.world);
                turn::wake_dependants(self, &record.name, key.as_ref());
            }
        }
        default_wake(change, self.parts.look_interval)
    }
}

impl Deployments {
    fn note(&self, record: &Record) {
        self.parts.store.set_references(&record.name, resolve::references(record, &self.world));
    }
}

fn place(key: &Key) -> Place {
    Place { account: key.target.account().to_owned(), region: key.target.region().to_owned() }
}

/// Where what devices did is read: those turns wait for the quota of the jobs API, and must not keep the places of others.
fn jobs_lane(identity: &str, key: &Key) -> Lane {
    Lane::narrow(&format!("{identity}/{}/{}/jobs", key.target.account(), key.target.region()))
}

/// Where what is deleted is cleared in AWS: those turns wait for one of the few deletions that may go on at a time.
fn deletions_lane(identity: &str, key: &Key) -> Lane {
    Lane::narrow(&format!("{identity}/{}/{}/deletions", key.target.account(), key.target.region()))
}

/// Those of one identity, account and region: credentials that can't be had hold up nobody else.
fn lane(identity: &str, key: &Key) -> Lane {
    Lane::named(&format!("{identity}/{}/{}", key.target.account(), key.target.region()))
}
