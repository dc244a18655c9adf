//! Runs the turns of a kind while this process leads; in between it stands by. I/O.
//!
//! Standing by is as warm as can be: watches and records go on, so that the first turn begins as soon as this process leads.
//! Nothing else is kept. With each term everything begins as after a start: no session, no back-off, and what is not done comes
//! first.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::info;

use super::driver::{Driver, Kind};
use super::heartbeat::Heartbeat;
use super::queue::Queue;
use super::store::Store;
use super::wakes::{Change, default_wake};
use crate::leadership::{Term, Terms};

/// What a kind's turns need to begin and end with terms.
pub struct TermRunner<K> {
    kind: Arc<K>,
    store: Arc<Store>,
    queue: Queue,
    driver: Driver<K>,
    heartbeat: Heartbeat,
}

impl<K: Kind> TermRunner<K> {
    /// Closes the queue: until the first term nothing is to be done. The heartbeat is the driver's.
    #[must_use]
    pub fn new(kind: Arc<K>, store: Arc<Store>, queue: Queue, driver: Driver<K>, heartbeat: Heartbeat) -> Self {
        queue.close();
        Self { kind, store, queue, driver, heartbeat }
    }

    /// Runs turns in each term until told to stop; then lets those that have begun end.
    pub async fn run(self, mut terms: Terms, stop: CancellationToken) {
        while let Some(Some(term)) = stop.run_until_cancelled(terms.next()).await {
            self.run_term(term, &stop).await;
            if stop.is_cancelled() {
                return;
            }
        }
    }

    /// The term ends with this function, when the last turn has.
    async fn run_term(&self, term: Term, stop: &CancellationToken) {
        self.kind.begin(term.predecessor);
        // First the queue, then the records: what changes in between wakes by itself.
        self.queue.open();
        let names = self.store.names();
        info!(kind = K::NAME, objects = names.len(), "turns begin");
        for record in names.iter().filter_map(|name| self.store.get(name)) {
            if let Some(wake) = default_wake(&Change::Listed(&record), self.kind.look_interval()) {
                self.queue.wake(record.name.clone(), wake.in_lane(self.kind.lane(&record)));
            }
        }
        self.driver.run(stop, term.lost()).await;
        self.queue.close();
        self.heartbeat.rest();
    }
}
