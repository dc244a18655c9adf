//! The loop that all kinds share: takes turns from the queue and runs them. I/O.
//!
//! A turn that panics or exceeds its time limit is logged, counted and comes again after a while; the others go on.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::field::Empty;
use tracing::{Instrument, debug, error, info_span, warn};

use super::heartbeat::Heartbeat;
use super::queue::{Lane, Lease, Queue, Rest, Turn, Wake};
use super::record::Record;
use super::wakes::{Change, default_wake};
use crate::leadership::Predecessor;
use crate::telemetry::metrics::{Metrics, ReconcileOutcome};

/// How many turns run at once unless told otherwise: four lanes that are full, each with the quota of one account and
/// region behind it, over at most 32 connections to the API server.
pub const DEFAULT_CONCURRENCY: usize = 32;
/// How many turns of one lane run at once, and of one namespace three quarters of them. A turn keeps its place while its calls
/// wait for quota. Four calls of 60 ms each and four of 10 ms to the API server make 280 ms, so the six places of a namespace do
/// up to 21 turns a second where the quota of an account (20 calls a second) allows 5: enough that the quota is never idle.
///
/// How long a single change waits behind a namespace that has no end: not for a place, because two are free for others. Its calls
/// come after those of the turn that goes on and of the next one, eight calls; and while all other classes have no end either,
/// 17 of 32 calls are of its class. At 20 calls a second that is 8 / 20 = 0.4 s, and 0.75 s in the second case.
pub const LANE_CONCURRENCY: usize = 8;
/// No turn lasts longer. Turns end by themselves after a minute and what is under way then; this is for those that hang.
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

    /// This process leads from now on: nothing that it learnt before may be acted on. No turn is running.
    fn begin(&self, predecessor: Predecessor);

    /// This process does not lead any more, and all turns have ended.
    fn end(&self);

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

    /// Runs turns until told to stop; then lets those that have begun end, for [`DRAIN_LIMIT`]. When leadership is lost they are
    /// broken off: nothing that they could still write would be taken.
    pub async fn run(&self, stop: &CancellationToken, lost: &CancellationToken) {
        let mut turns = Turns::default();
        if lost.run_until_cancelled(self.turns(&mut turns, stop)).await.is_none() {
            warn!(kind = K::NAME, turns = turns.set.len(), "turns are broken off");
            turns.set.shutdown().await;
        }
    }

    async fn turns(&self, turns: &mut Turns, stop: &CancellationToken) {
        loop {
            self.heartbeat.beat();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = turns.set.join_next_with_id() => self.ended(turns, ended),
                lease = self.queue.next(), if turns.set.len() < self.concurrency => self.start(turns, lease),
                () = tokio::time::sleep(BEAT) => {}
            }
        }
        self.drain(turns).await;
    }

    fn start(&self, turns: &mut Turns, lease: Lease) {
        let turn = lease.turn().clone();
        // What is empty, the kind records as soon as it knows it.
        let span = info_span!(
            "turn",
            kind = K::NAME,
            object = %turn.name,
            generation = Empty,
            intent = Empty,
            deployment_id = Empty,
            account = Empty,
            region = Empty,
        );
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
                let outcome = if rest.is_back_off() { ReconcileOutcome::BackOff } else { ReconcileOutcome::Rest };
                self.count(outcome, begun);
                lease.done(rest);
            }
            // Dropping the lease brings the object back.
            Ok((_, Ended { lease: _, rest: None, begun })) => {
                warn!(
                    kind = K::NAME,
                    object = name.0,
                    limit_s = TURN_LIMIT.as_secs(),
                    "turn broke off at its time limit"
                );
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

    async fn drain(&self, turns: &mut Turns) {
        let end = Instant::now() + DRAIN_LIMIT;
        while !turns.set.is_empty() {
            self.heartbeat.beat();
            tokio::select! {
                Some(ended) = turns.set.join_next_with_id() => self.ended(turns, ended),
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use greengrass_operator_core::names::ObjectName;

    use super::super::queue::Reason;
    use super::*;
    use crate::aws::Class;
    use crate::telemetry::exposition::Format;

    /// A kind whose objects behave as they are called.
    #[derive(Default)]
    struct Actor {
        ended: Mutex<Vec<String>>,
        running: AtomicUsize,
        most: AtomicUsize,
    }

    impl Kind for Actor {
        const NAME: &'static str = "Actor";

        async fn run(&self, turn: Turn) -> Rest {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(running, Ordering::SeqCst);
            let first = !turn.reasons.contains(Reason::Broken);
            match &*turn.name.name {
                "panics" if first => {
                    self.running.fetch_sub(1, Ordering::SeqCst);
                    panic!("as it was told to")
                }
                "hangs" if first => std::future::pending().await,
                "takes-long" => tokio::time::sleep(Duration::from_secs(20)).await,
                _ => tokio::time::sleep(Duration::from_secs(1)).await,
            }
            self.running.fetch_sub(1, Ordering::SeqCst);
            self.ended.lock().unwrap().push(turn.name.name.to_string());
            Rest::until_woken()
        }

        fn lane(&self, _record: &Record) -> Lane {
            Lane::unresolved()
        }

        fn begin(&self, _predecessor: Predecessor) {}

        fn end(&self) {}

        fn look_interval(&self) -> Duration {
            Duration::from_mins(5)
        }
    }

    struct Running {
        actor: Arc<Actor>,
        queue: Queue,
        stop: CancellationToken,
        lost: CancellationToken,
        metrics: Metrics,
        heartbeat: Heartbeat,
        driver: tokio::task::JoinHandle<()>,
    }

    fn start(concurrency: usize) -> Running {
        let (actor, queue, metrics) = (Arc::new(Actor::default()), Queue::new(LANE_CONCURRENCY), Metrics::new());
        let (stop, lost, heartbeat) = (CancellationToken::new(), CancellationToken::new(), Heartbeat::new());
        let driver = Driver::new(Arc::clone(&actor), queue.clone(), concurrency, metrics.clone(), heartbeat.clone());
        let (stopped, cut_off) = (stop.clone(), lost.clone());
        let driver = tokio::spawn(async move { driver.run(&stopped, &cut_off).await });
        Running { actor, queue, stop, lost, metrics, heartbeat, driver }
    }

    impl Running {
        fn wake(&self, name: &str) {
            let name = ObjectName { namespace: "press".into(), name: name.into() };
            self.queue.wake(name, Wake::now(Class::Change, Reason::Listed));
        }

        fn ended(&self) -> Vec<String> {
            self.actor.ended.lock().unwrap().clone()
        }

        fn counted(&self, outcome: &str) -> bool {
            let line = format!(r#"reconciles_total{{kind="Actor",outcome="{outcome}"}} 1"#);
            self.metrics.encode(Format::Text).unwrap().contains(&line)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_panics_stops_no_other_and_comes_again() {
        let running = start(4);
        running.wake("panics");
        running.wake("works");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(running.ended(), ["works"]);
        assert!(running.counted("panic"));
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(running.ended(), ["works", "panics"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_hangs_ends_at_the_limit_and_comes_again() {
        let running = start(1);
        running.wake("hangs");
        running.wake("works");
        tokio::time::sleep(TURN_LIMIT + Duration::from_secs(5)).await;
        assert_eq!(running.ended(), ["works"]);
        assert!(running.counted("time-limit"));
        tokio::time::sleep(Duration::from_secs(70)).await;
        assert_eq!(running.ended(), ["works", "hangs"]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_turns_run_at_once_than_allowed() {
        let running = start(3);
        for number in 0..20 {
            running.wake(&format!("o{number}"));
        }
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(running.ended().len(), 20);
        assert_eq!(running.actor.most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_lets_turns_end_and_begins_none() {
        let running = start(1);
        running.wake("takes-long");
        running.wake("works");
        tokio::time::sleep(Duration::from_secs(2)).await;
        running.stop.cancel();
        running.driver.await.unwrap();
        assert_eq!(*running.actor.ended.lock().unwrap(), ["takes-long"]);
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_does_not_wait_for_ever() {
        let running = start(1);
        running.wake("hangs");
        tokio::time::sleep(Duration::from_secs(2)).await;
        let begun = Instant::now();
        running.stop.cancel();
        running.driver.await.unwrap();
        assert_eq!(begun.elapsed(), DRAIN_LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn who_loses_leadership_breaks_off_its_turns_at_once_also_while_it_waits_for_their_end() {
        for is_stopping in [false, true] {
            let running = start(1);
            running.wake("takes-long");
            running.wake("works");
            tokio::time::sleep(Duration::from_secs(2)).await;
            let begun = Instant::now();
            if is_stopping {
                running.stop.cancel();
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            running.lost.cancel();
            running.driver.await.unwrap();
            assert!(begun.elapsed() <= Duration::from_secs(2));
            assert!(running.actor.ended.lock().unwrap().is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_heart_beats_when_there_is_nothing_to_do_and_when_all_hang() {
        let running = start(1);
        tokio::time::sleep(Duration::from_mins(10)).await;
        assert!(running.heartbeat.age() <= BEAT);
        running.wake("hangs");
        tokio::time::sleep(TURN_LIMIT / 2).await;
        assert!(running.heartbeat.age() <= BEAT);
    }
}
