//! Reads and writes the Lease. I/O.
//!
//! It is looked at every retry period. A watch beside that only says when to look earlier: so a release is seen at once, and a
//! watch that hangs costs no more than that.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{PostParams, WatchParams};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::candidate::{Answer, Candidate, Predecessor, Step};
use super::standing::{Standing, Turn};
use crate::controller::clock::Clock;
use crate::controller::heartbeat::Heartbeat;
use crate::controller::objects::FIELD_MANAGER;
use crate::controller::wakes::spread;
use crate::telemetry::metrics::{KubernetesOutcome, LeadershipChange, Metrics, Verb};

/// Saying that it has ended must not keep a process from ending: others wait for a lease duration instead.
const RELEASE_LIMIT: Duration = Duration::from_secs(3);
/// The API server ends the watch after so many seconds, and it begins anew. (Longer than 294 s kube does not allow.)
const WATCH_SECONDS: u32 = 240;

/// Takes part in an election.
pub struct Elector {
    api: Api<Lease>,
    candidate: Candidate,
    standing: Standing,
    clock: Clock,
    metrics: Metrics,
    heartbeat: Heartbeat,
    changed: Arc<Notify>,
    rounds: u64,
    /// Calls in a row that failed.
    failures: u32,
    /// Who was last said to hold the Lease.
    told: Option<String>,
}

impl Elector {
    pub(super) fn new(
        api: Api<Lease>,
        candidate: Candidate,
        standing: Standing,
        clock: Clock,
        metrics: Metrics,
        heartbeat: Heartbeat,
    ) -> Self {
        let changed = Arc::default();
        Self { api, candidate, standing, clock, metrics, heartbeat, changed, rounds: 0, failures: 0, told: None }
    }

    /// Takes part until told to stop; then gives up the Lease, so that another one need not wait for its end. All that a leader
    /// does must have ended by then.
    pub async fn run(mut self, stop: CancellationToken) {
        let name = self.candidate.name().to_string();
        info!(lease = name, identity = self.candidate.identity(), "takes part in the leader election");
        let hints = hints(self.api.clone(), name, self.candidate.timings().retry_period(), Arc::clone(&self.changed));
        let ended = stop.clone();
        tokio::select! {
            () = hints => {}
            () = self.elect(&stop) => {}
            // Whatever call is under way: a process that ends waits for none.
            () = ended.cancelled() => {}
        }
        self.release().await;
    }

    async fn elect(&mut self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            self.round().await;
            let rest = self.rest();
            let leads = self.candidate.leads_until().is_some();
            let changed = Arc::clone(&self.changed);
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = changed.notified(), if !leads => {}
            }
        }
    }

    /// How long nothing is to be done.
    fn rest(&mut self) -> Duration {
        self.rounds += 1;
        let period = self.candidate.timings().retry_period();
        // Jittered, so that candidates that began together drift apart.
        let earlier = spread(&format!("{}{}", self.candidate.identity(), self.rounds), period / 4);
        let rest = period.saturating_sub(earlier);
        let due = self.candidate.due().map(|due| self.standing.now().until(due));
        // What is due but did not work is not tried again without a pause.
        due.filter(|due| !due.is_zero()).map_or(rest, |due| rest.min(due))
    }

    async fn round(&mut self) {
        self.candidate.begin_round();
        loop {
            self.heartbeat.beat();
            let asked = self.standing.now();
            let step = self.candidate.step(asked, self.clock.now());
            self.follow().await;
            match step {
                Step::Done => return,
                Step::Look => match self.look().await {
                    Some(lease) => self.candidate.looked(lease, self.standing.now()),
                    // A leader that can't look goes on until its right ends.
                    None => return,
                },
                Step::Write(lease) => {
                    // A call that hangs must not keep a leader beyond its time, nor cost it the time to try again.
                    let limit = self.call_limit();
                    let answer = self.write(&lease, limit).await;
                    self.candidate.wrote(asked, answer, self.standing.now());
                }
            }
            self.follow().await;
        }
    }

    /// The rest of the process gets to know what has changed.
    async fn follow(&mut self) {
        match self.standing.set(self.candidate.leads_until(), self.candidate.predecessor()) {
            Turn::Gained => {
                self.metrics.leadership_changed(LeadershipChange::Gained);
                info!(identity = self.candidate.identity(), predecessor = ?self.candidate.predecessor(), "leads");
            }
            Turn::Lost => {
                self.metrics.leadership_changed(LeadershipChange::Lost);
                warn!(
                    holder = self.candidate.holder(),
                    "does not lead any more: the lease was not renewed in time or somebody else has it; turns are broken off"
                );
                // Unless all has ended that was begun with the knowledge of this term, no new one may begin.
                self.standing.ended().await;
                info!("stands by");
            }
            Turn::None => {}
        }
        let holder = self.candidate.holder();
        if holder != self.told.as_deref() {
            info!(holder, "lease has another holder");
            self.told = holder.map(str::to_owned);
        }
    }

    fn call_limit(&self) -> Duration {
        let half = self.candidate.timings().renew_deadline() / 2;
        let left = self.candidate.leads_until().map(|until| self.standing.now().until(until));
        left.map_or(half, |left| half.min(left))
    }

    /// None: it can't be said. Some(None): there is no such Lease.
    async fn look(&mut self) -> Option<Option<Lease>> {
        let limit = self.call_limit();
        let read = tokio::time::timeout(limit, self.api.get_opt(&self.candidate.name().to_string())).await;
        match read {
            Ok(Ok(lease)) => {
                self.count(KubernetesOutcome::Ok);
                Some(lease)
            }
            Ok(Err(error)) => {
                self.failed(&error);
                None
            }
            Err(_) => {
                self.unanswered(limit);
                None
            }
        }
    }

    async fn write(&mut self, lease: &Lease, limit: Duration) -> Answer {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let name = self.candidate.name().to_string();
        let write = async {
            match lease.metadata.resource_version {
                Some(_) => self.api.replace(&name, &params, lease).await,
                None => self.api.create(&params, lease).await,
            }
        };
        match tokio::time::timeout(limit, write).await {
            Ok(Ok(lease)) => {
                self.count(KubernetesOutcome::Ok);
                Answer::Written(Box::new(lease))
            }
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => {
                debug!(status.message, "lease is not as it was seen");
                self.count(KubernetesOutcome::Conflict);
                Answer::Refused
            }
            Ok(Err(error)) => {
                self.failed(&error);
                Answer::Unknown
            }
            Err(_) => {
                self.unanswered(limit);
                Answer::Unknown
            }
        }
    }

    async fn release(&mut self) {
        let released = self.candidate.release(self.standing.now(), self.clock.now());
        // First the right to act, then the word to the others.
        let _ = self.standing.set(None, Predecessor::Unknown);
        let Some(mut lease) = released else { return };
        for _ in 0..2 {
            match self.write(&lease, RELEASE_LIMIT).await {
                Answer::Written(_) => {
                    self.metrics.leadership_changed(LeadershipChange::Released);
                    info!("gave up the lease");
                    return;
                }
                Answer::Unknown => return,
                // A renewal that was under way a moment ago may have been carried out.
                Answer::Refused => {
                    let Some(seen) = self.look().await else { return };
                    self.candidate.looked(seen, self.standing.now());
                    match self.candidate.released(self.clock.now()) {
                        Some(released) => lease = released,
                        None => return,
                    }
                }
            }
        }
    }

    fn count(&mut self, outcome: KubernetesOutcome) {
        self.metrics.kubernetes_call(Verb::Lease, outcome);
        if self.failures > 0 {
            info!(failures = self.failures, "the lease can be read and written again");
            self.failures = 0;
        }
    }

    fn unanswered(&mut self, limit: Duration) {
        self.note(KubernetesOutcome::Failed, &format!("no answer within {} s", limit.as_secs_f32()));
    }

    fn failed(&mut self, error: &kube::Error) {
        match error {
            kube::Error::Api(status) if matches!(status.code, 401 | 403) => {
                self.note(KubernetesOutcome::Denied, &status.message);
            }
            error => self.note(KubernetesOutcome::Failed, &error.to_string()),
        }
    }

    /// Ever more rarely: a right that is missing would fill the log with one line.
    fn note(&mut self, outcome: KubernetesOutcome, error: &str) {
        self.metrics.kubernetes_call(Verb::Lease, outcome);
        self.failures = self.failures.saturating_add(1);
        if self.failures.is_power_of_two() {
            warn!(failures = self.failures, error, "the lease can't be read or written");
        }
    }
}

/// Says when the Lease has changed. What it shows is not looked at: it may be older than what was read.
async fn hints(api: Api<Lease>, name: String, pause: Duration, changed: Arc<Notify>) {
    let params = WatchParams::default().fields(&format!("metadata.name={name}")).timeout(WATCH_SECONDS);
    loop {
        match api.watch(&params, "0").await {
            Ok(events) => {
                tokio::pin!(events);
                while let Some(Ok(_)) = events.next().await {
                    changed.notify_one();
                }
            }
            Err(error) => debug!(%error, "the lease can't be watched; it is looked at every retry period"),
        }
        tokio::time::sleep(pause).await;
    }
}
