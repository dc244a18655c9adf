//! Runs the turns of a kind while this process leads; in between it stands by. I/O.
//!
//! Standing by is as warm as can be: watches and records go on, so that the first turn begins as soon as this process leads.
//! Nothing else is kept. With each term everything begins as after a start: no session, no back-off, and what is not done comes
//! first.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::driver::{Driver, Kind};
use super::heartbeat::Heartbeat;
use super::queue::Queue;
use super::store::Store;
use super::wakes::{Change, default_wake};
use crate::leadership::{Predecessor, Terms};

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
}

/// A kind whose turns run in terms.
#[async_trait]
pub trait InTerms: Send + Sync {
    /// Runs turns until the term is lost, or until told to stop, and the last turn has ended.
    async fn run_term(&self, predecessor: Predecessor, lost: &CancellationToken, stop: &CancellationToken);
}

/// Runs the turns of all kinds in each term until told to stop; then lets those that have begun end. A term ends when the last turn
/// of all has.
pub async fn run_in_terms(kinds: Vec<Box<dyn InTerms>>, mut terms: Terms, stop: CancellationToken) {
    while let Some(Some(term)) = stop.run_until_cancelled(terms.next()).await {
        let turns = kinds.iter().map(|kind| kind.run_term(term.predecessor, term.lost(), &stop));
        join_all(turns).await;
        drop(term);
        if stop.is_cancelled() {
            return;
        }
    }
}

#[async_trait]
impl<K: Kind> InTerms for TermRunner<K> {
    async fn run_term(&self, predecessor: Predecessor, lost: &CancellationToken, stop: &CancellationToken) {
        self.kind.begin(predecessor);
        // First the queue, then the records: what changes in between wakes by itself.
        self.queue.open();
        let names = self.store.names();
        info!(kind = K::NAME, objects = names.len(), "turns begin");
        for record in names.iter().filter_map(|name| self.store.get(name)) {
            if let Some(wake) = default_wake(&Change::Listed(&record), self.kind.look_interval()) {
                self.queue.wake(record.name.clone(), wake.in_lane(self.kind.lane(&record)));
            }
        }
        self.driver.run(stop, lost).await;
        self.queue.close();
        self.kind.end();
        self.heartbeat.rest();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use greengrass_operator_core::names::ObjectName;

    use super::super::driver::LANE_CONCURRENCY;
    use super::super::queue::{Lane, Reason, Rest, Turn, Wake};
    use super::super::record::Record;
    use super::super::record::tests::record;
    use super::*;
    use crate::aws::{BootTime, Class, SystemBootClock};
    use crate::leadership::Standing;
    use crate::telemetry::metrics::Metrics;

    /// A kind that notes what happens.
    #[derive(Default)]
    struct Diary(Mutex<Vec<String>>);

    impl Kind for Diary {
        const NAME: &'static str = "Diary";

        async fn run(&self, turn: Turn) -> Rest {
            self.0.lock().unwrap().push(format!("begins {}", turn.name.name));
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.0.lock().unwrap().push(format!("ends {}", turn.name.name));
            Rest::until_woken()
        }

        fn lane(&self, _record: &Record) -> Lane {
            Lane::unresolved()
        }

        fn look_interval(&self) -> Duration {
            Duration::from_mins(5)
        }

        fn begin(&self, predecessor: Predecessor) {
            self.0.lock().unwrap().push(format!("term after {predecessor:?}"));
        }

        fn end(&self) {
            self.0.lock().unwrap().push("term ends".to_owned());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn turns_run_in_terms_only_and_each_begins_as_after_a_start() {
        let (kind, store, queue) = (Arc::new(Diary::default()), Store::new(), Queue::new(LANE_CONCURRENCY));
        let heartbeat = Heartbeat::new();
        let driver = Driver::new(Arc::clone(&kind), queue.clone(), 8, Metrics::new(), heartbeat.clone());
        let runner = TermRunner::new(Arc::clone(&kind), Arc::clone(&store), queue.clone(), driver, heartbeat.clone());
        let (mut standing, terms) = Standing::new(Arc::new(SystemBootClock));
        let stop = CancellationToken::new();
        let running = tokio::spawn(run_in_terms(vec![Box::new(runner)], terms, stop.clone()));
        let diary = || std::mem::take(&mut *kind.0.lock().unwrap());
        store.apply(record("a", 1));
        let wake = |name: &str| {
            let name = ObjectName { namespace: "press".into(), name: name.into() };
            queue.wake(name, Wake::now(Class::Change, Reason::SpecChanged));
        };

        wake("a");
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert!(diary().is_empty(), "it stands by");
        assert!(queue.ready().is_empty(), "and nothing piles up");

        let later = BootTime::since_boot(Duration::MAX);
        standing.set(Some(later), Predecessor::Unknown);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(diary(), ["term after Unknown", "begins a", "ends a"]);

        wake("a");
        tokio::time::sleep(Duration::from_millis(500)).await;
        standing.set(None, Predecessor::Unknown);
        standing.ended().await;
        wake("a");
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert_eq!(diary(), ["begins a", "term ends"], "it was broken off");
        assert_eq!(heartbeat.age(), Duration::ZERO, "who stands by is not dead");

        standing.set(Some(later), Predecessor::Released);
        tokio::time::sleep(Duration::from_millis(500)).await;
        stop.cancel();
        running.await.unwrap();
        assert_eq!(diary(), ["term after Released", "begins a", "ends a", "term ends"], "what has begun may end");
    }
}
