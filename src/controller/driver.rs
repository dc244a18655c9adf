//! The loop that all kinds share: takes turns from the queue and runs them. I/O.
//!
//! A turn that panics or exceeds its time limit is logged, counted and comes again after a while; the others go on.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info_span, warn};

use super::heartbeat::Heartbeat;
use super::queue::{Lane, Lease, Queue, Rest, Turn, Wake};
use super::record::Record;
use super::wakes::{Change, default_wake};
use crate::telemetry::metrics::{Metrics, ReconcileOutcome};

/// How many turns run at once unless told otherwise. A turn makes about four calls one after the other, to AWS (60 ms
/// each) and to the API server (10 ms each), so 32 of them do some 150 turns a second: three times what the quotas of
/// three accounts allow (10 creates a second each), with at most 32 connections to the API server.
pub const DEFAULT_CONCURRENCY: usize = 32;
/// How many turns of one lane run at once: 8 do some 40 turns a second, four times the quota of an account, and leave
/// three quarters of the places to others when an endpoint hangs.
pub const LANE_CONCURRENCY: usize = 8;
/// No turn lasts longer: one send (30 s) and a dozen reads and writes at their own limits (10 s each).
const TURN_LIMIT: Duration = Duration::from_secs(150);
/// How long turns may go on after the signal to stop: less than the Pod's terminationGracePeriodSeconds of 40, so that
/// there is time to end the rest in order.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(25);
/// How often the loop shows that it is alive when there is nothing to do.
const BEAT: Duration = Duration::from_secs(10);

/// What a kind brings.
pub trait Kind: Send + Sync + 'static {
    /// The kind's name, as users and metrics see it.
    const NAME: &'static str;

    /// Does what is to be done for an object now, and says when to look again. The object may be gone.
    ///
    /// The turn may end at any await (when the operator stops, or at the time limit): what it has begun must be found
    /// again by the next one.
    fn run(&self, turn: Turn) -> impl Future<Output = Rest> + Send;

    /// Whose turns an object's turns may hold up.
    fn lane(&self, record: &Record) -> Lane;

    /// How often an object is looked at when nothing happens.
    fn look_interval(&self) -> Duration;

    /// Whether and how a change of an object wakes it.
    fn wake(&self, change: &Change<'_>) -> Option<Wake> {
        default_wake(change, self.look_interval())
    }
}

/// Runs the turns of a kind.
pub struct Driver<K> {
    kind: Arc<K>,
    queue: Queue,
    concurrency: usize,
    metrics: Metrics,
    heartbeat: Heartbeat,
}

impl<K: Kind> Driver<K> {
    /// A driver of that many turns at once, at least one.
    #[must_use]
    pub fn new(kind: Arc<K>, queue: Queue, concurrency: usize, metrics: Metrics, heartbeat: Heartbeat) -> Self {
        Self { kind, queue, concurrency: concurrency.max(1), metrics, heartbeat }
    }

    /// Runs turns until told to stop; then lets those that have begun end, for [`DRAIN_LIMIT`].
    pub async fn run(self, stop: CancellationToken) {
        let mut turns = Turns::default();
        loop {
            self.heartbeat.beat();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = turns.set.join_next_with_id() => self.ended(&mut turns, ended),
                lease = self.queue.next(), if turns.set.len() < self.concurrency => self.start(&mut turns, lease),
                () = tokio::time::sleep(BEAT) => {}
            }
        }
        self.drain(turns).await;
    }

    fn start(&self, turns: &mut Turns, lease: Lease) {
        let turn = lease.turn().clone();
        let span = info_span!("turn", kind = K::NAME, object = %turn.name);
        debug!(parent: &span, class = ?turn.class, reasons = ?turn.reasons, "turn begins");
        let name = turn.name.to_string();
        let kind = Arc::clone(&self.kind);
        let begun = Instant::now();
        let run = async move {
            let rest = tokio::time::timeout(TURN_LIMIT, kind.run(turn)).await.ok();
            Ended { lease, rest, begun }
        };
        let handle = turns.set.spawn(run.instrument(span));
        turns.names.push((handle.id(), name, begun));
    }

    fn ended(&self, turns: &mut Turns, ended: Result<(Id, Ended), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let name = turns.take_name(id);
        match ended {
            Ok((_, Ended { lease, rest: Some(rest), begun })) => {
                let outcome =
                    if rest.is_back_off() { ReconcileOutcome::BackOff } else { ReconcileOutcome::Rest };
                self.count(outcome, begun);
                lease.done(rest);
            }
            // Dropping the lease brings the object back.
            Ok((_, Ended { lease: _, rest: None, begun })) => {
                warn!(kind = K::NAME, object = name.0, limit_s = TURN_LIMIT.as_secs(), "turn broke off at its time limit");
                self.count(ReconcileOutcome::TimeLimit, begun);
            }
            Err(failed) if failed.is_panic() => {
                error!(kind = K::NAME, object = name.0, "turn panicked; it comes again");
                self.count(ReconcileOutcome::Panic, name.1);
            }
            // Aborted, which only the end of the drain does.
            Err(_) => {}
        }
    }

    fn count(&self, outcome: ReconcileOutcome, begun: Instant) {
        self.metrics.reconciled(K::NAME, outcome, begun.elapsed().as_secs_f64());
    }

    async fn drain(&self, mut turns: Turns) {
        let end = Instant::now() + DRAIN_LIMIT;
        while !turns.set.is_empty() {
            self.heartbeat.beat();
            tokio::select! {
                Some(ended) = turns.set.join_next_with_id() => self.ended(&mut turns, ended),
                () = tokio::time::sleep_until(end) => {
                    warn!(kind = K::NAME, turns = turns.set.len(), "turns have not ended in time and are broken off");
                    turns.set.shutdown().await;
                }
            }
        }
    }
}

/// The turns that are running.
#[derive(Default)]
struct Turns {
    set: JoinSet<Ended>,
    /// As many as run at once: too few for a map to be faster.
    names: Vec<(Id, String, Instant)>,
}

impl Turns {
    fn take_name(&mut self, id: Id) -> (String, Instant) {
        let position = self.names.iter().position(|(known, _, _)| *known == id);
        let (_, name, begun) =
            position.map_or_else(|| (id, String::new(), Instant::now()), |position| self.names.swap_remove(position));
        (name, begun)
    }
}

struct Ended {
    lease: Lease,
    /// None: at the time limit.
    rest: Option<Rest>,
    begun: Instant,
}
