//! The operator's metrics. I/O: none but counting.
//!
//! Labels come from closed sets, and from accounts and regions, of which there are few; never from names of resources.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use greengrass_operator_core::deployment::rollout::Verdict;
use greengrass_operator_core::failure::{FailureKind, Operation};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::exposition::{Format, to_text};
pub use super::labels::{
    DeviceState, KubernetesOutcome, LeadershipChange, Readiness, ReadyReason, ReconcileOutcome, Verb, WalkOutcome,
};
use crate::aws::{ApiFamily, CallObserver, CallOutcome, Scope, WaitReason};

/// From an answer out of memory to a run that waits for AWS's slowest reply (30 s).
const SECONDS: [f64; 11] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 30.0];
/// Waiting for a quota: up to the many minutes that a thousand changes at ten calls a second take.
const WAIT_SECONDS: [f64; 9] = [0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1200.0];

/// Everything that a call waits for.
const WAIT_REASONS: [WaitReason; 4] =
    [WaitReason::Share, WaitReason::Throttled, WaitReason::DeletionLimit, WaitReason::NotLeading];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReconcileLabels {
    kind: &'static str,
    outcome: ReconcileOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    operation: &'static str,
    outcome: &'static str,
    account: String,
    region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScopeLabels {
    account: String,
    region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabels {
    api: &'static str,
    account: String,
    region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PostponedLabels {
    reason: &'static str,
    account: String,
    region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeviceLabels {
    state: DeviceState,
    account: String,
    region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RolloutLabels {
    verdict: &'static str,
    account: String,
    region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WalkLabels {
    outcome: WalkOutcome,
    account: String,
    region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    kind: &'static str,
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReadyLabels {
    kind: &'static str,
    ready: Readiness,
    reason: ReadyReason,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KubernetesLabels {
    verb: Verb,
    outcome: KubernetesOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LeadershipLabels {
    change: LeadershipChange,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;
type Fraction = Gauge<f64, AtomicU64>;
type BeforeScrape = Box<dyn Fn(&Metrics) + Send + Sync>;

/// The operator's metrics; clones count together.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    before_scrape: Mutex<Vec<BeforeScrape>>,
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_seconds: Histograms<KindLabels>,
    aws_calls: Family<CallLabels, Counter>,
    aws_call_seconds: Histograms<OperationLabels>,
    aws_throttles: Family<ScopeLabels, Counter>,
    limiter_wait_seconds: Histograms<ApiLabels>,
    limiter_postponed: Family<PostponedLabels, Counter>,
    limiter_rate: Family<ApiLabels, Fraction>,
    deletions: Family<ScopeLabels, Gauge>,
    queue_ready: Family<ClassLabels, Gauge>,
    queue_oldest: Family<ClassLabels, Fraction>,
    resources: Family<ReadyLabels, Gauge>,
    devices: Family<DeviceLabels, Gauge>,
    rollouts: Family<RolloutLabels, Counter>,
    drift_corrections: Family<ScopeLabels, Counter>,
    account_view_walks: Family<WalkLabels, Counter>,
    account_view_pages: Family<ScopeLabels, Counter>,
    account_view_age: Family<ScopeLabels, Fraction>,
    drift_interval: Fraction,
    leading: Gauge,
    leadership_changes: Family<LeadershipLabels, Counter>,
    kubernetes_calls: Family<KubernetesLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

fn wait_histogram() -> Histogram {
    Histogram::new(WAIT_SECONDS)
}

impl Metrics {
    /// Metrics that all stand at nothing.
    #[must_use]
    pub fn new() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("greengrass_operator"),
            before_scrape: Mutex::default(),
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(histogram),
            aws_calls: Family::default(),
            aws_call_seconds: Family::new_with_constructor(histogram),
            aws_throttles: Family::default(),
            limiter_wait_seconds: Family::new_with_constructor(wait_histogram),
            limiter_postponed: Family::default(),
            limiter_rate: Family::default(),
            deletions: Family::default(),
            queue_ready: Family::default(),
            queue_oldest: Family::default(),
            resources: Family::default(),
            devices: Family::default(),
            rollouts: Family::default(),
            drift_corrections: Family::default(),
            account_view_walks: Family::default(),
            account_view_pages: Family::default(),
            account_view_age: Family::default(),
            drift_interval: Gauge::default(),
            leading: Gauge::default(),
            leadership_changes: Family::default(),
            kubernetes_calls: Family::default(),
        };
        inner.register();
        for &change in LeadershipChange::ALL {
            let _ = inner.leadership_changes.get_or_create(&LeadershipLabels { change });
        }
        Self { inner: Arc::new(inner) }
    }

    /// Has a function bring gauges up to date before each scrape.
    pub fn before_scrape(&self, update: impl Fn(&Self) + Send + Sync + 'static) {
        let mut updates = self.inner.before_scrape.lock().unwrap_or_else(PoisonError::into_inner);
        updates.push(Box::new(update));
    }

    /// All metrics, in that format.
    pub fn encode(&self, format: Format) -> Result<String, fmt::Error> {
        {
            let updates = self.inner.before_scrape.lock().unwrap_or_else(PoisonError::into_inner);
            updates.iter().for_each(|update| update(self));
        }
        let mut text = String::new();
        encode(&mut text, &self.inner.registry)?;
        Ok(match format {
            Format::OpenMetrics => text,
            Format::Text => to_text(&text),
        })
    }

    /// There is a kind. Its counters are there from now on: a counter that begins at 1 looks to `increase()` like one that
    /// always stood there, and the first panic would ring no bell.
    pub fn knows_kind(&self, kind: &'static str) {
        for &outcome in ReconcileOutcome::ALL {
            let _ = self.inner.reconciles.get_or_create(&ReconcileLabels { kind, outcome });
        }
    }

    /// There are resources in an account and region. Its counters are there from now on, as with a kind.
    pub fn knows_place(&self, (account, region): (&str, &str)) {
        let (account, region) = (account.to_owned(), region.to_owned());
        for verdict in Verdict::ALL.map(Verdict::as_str) {
            let labels = RolloutLabels { verdict, account: account.clone(), region: region.clone() };
            let _ = self.inner.rollouts.get_or_create(&labels);
        }
        for reason in WAIT_REASONS.map(WaitReason::name) {
            let labels = PostponedLabels { reason, account: account.clone(), region: region.clone() };
            let _ = self.inner.limiter_postponed.get_or_create(&labels);
        }
        for &outcome in WalkOutcome::ALL {
            let labels = WalkLabels { outcome, account: account.clone(), region: region.clone() };
            let _ = self.inner.account_view_walks.get_or_create(&labels);
        }
        let labels = ScopeLabels { account, region };
        let _ = self.inner.account_view_pages.get_or_create(&labels);
        let _ = self.inner.drift_corrections.get_or_create(&labels);
        let _ = self.inner.aws_throttles.get_or_create(&labels);
    }

    /// A turn has ended.
    pub fn reconciled(&self, kind: &'static str, outcome: ReconcileOutcome, seconds: f64) {
        self.inner.reconciles.get_or_create(&ReconcileLabels { kind, outcome }).inc();
        self.inner.reconcile_seconds.get_or_create(&KindLabels { kind }).observe(seconds);
    }

    /// `throttled`: refused because of too many calls.
    fn aws_call(
        &self,
        operation: &'static str,
        outcome: &'static str,
        throttled: bool,
        (account, region): (&str, &str),
        seconds: f64,
    ) {
        let (account, region) = (account.to_owned(), region.to_owned());
        if throttled {
            let labels = ScopeLabels { account: account.clone(), region: region.clone() };
            self.inner.aws_throttles.get_or_create(&labels).inc();
        }
        self.inner.aws_calls.get_or_create(&CallLabels { operation, outcome, account, region }).inc();
        self.inner.aws_call_seconds.get_or_create(&OperationLabels { operation }).observe(seconds);
    }

    /// A call to AWS has waited for its quota.
    pub fn limiter_waited(&self, api: ApiFamily, (account, region): (&str, &str), seconds: f64) {
        let labels = ApiLabels { api: api.name(), account: account.to_owned(), region: region.to_owned() };
        self.inner.limiter_wait_seconds.get_or_create(&labels).observe(seconds);
    }

    /// A call to AWS has been put off, because its quota is too far away to be waited for.
    pub fn limiter_postponed(&self, reason: WaitReason, (account, region): (&str, &str)) {
        let labels = PostponedLabels { reason: reason.name(), account: account.to_owned(), region: region.to_owned() };
        self.inner.limiter_postponed.get_or_create(&labels).inc();
    }

    /// How many calls a second an API gets at most.
    pub fn limiter_stands(&self, api: ApiFamily, (account, region): (&str, &str), calls_per_second: f64) {
        let labels = ApiLabels { api: api.name(), account: account.to_owned(), region: region.to_owned() };
        self.inner.limiter_rate.get_or_create(&labels).set(calls_per_second);
    }

    /// How many deployments AWS is deleting, as far as this process asked for it.
    pub fn deletions(&self, (account, region): (&str, &str), count: usize) {
        let labels = ScopeLabels { account: account.to_owned(), region: region.to_owned() };
        self.inner.deletions.get_or_create(&labels).set(to_gauge(count));
    }

    /// Devices have settled what became of a revision.
    pub fn rolled_out(&self, verdict: Verdict, (account, region): (&str, &str)) {
        let verdict = verdict.as_str();
        let labels = RolloutLabels { verdict, account: account.to_owned(), region: region.to_owned() };
        self.inner.rollouts.get_or_create(&labels).inc();
    }

    /// A revision has mended a drift.
    pub fn drift_corrected(&self, (account, region): (&str, &str)) {
        let labels = ScopeLabels { account: account.to_owned(), region: region.to_owned() };
        self.inner.drift_corrections.get_or_create(&labels).inc();
    }

    /// A walk over an account's deployments has ended, or was kept up.
    pub fn account_view_walk(&self, outcome: WalkOutcome, (account, region): (&str, &str)) {
        let labels = WalkLabels { outcome, account: account.to_owned(), region: region.to_owned() };
        self.inner.account_view_walks.get_or_create(&labels).inc();
    }

    /// A page of it has come.
    pub fn account_view_page(&self, (account, region): (&str, &str)) {
        let labels = ScopeLabels { account: account.to_owned(), region: region.to_owned() };
        self.inner.account_view_pages.get_or_create(&labels).inc();
    }

    /// How long ago all resources of an account and region were compared with AWS.
    pub fn account_view_age(&self, (account, region): (&str, &str), seconds: f64) {
        let labels = ScopeLabels { account: account.to_owned(), region: region.to_owned() };
        self.inner.account_view_age.get_or_create(&labels).set(seconds);
    }

    /// How often they should be.
    pub fn drift_interval(&self, seconds: f64) {
        self.inner.drift_interval.set(seconds);
    }

    /// Whether this process may write.
    pub fn leads(&self, leads: bool) {
        self.inner.leading.set(i64::from(leads));
    }

    /// This process's leadership has changed.
    pub fn leadership_changed(&self, change: LeadershipChange) {
        self.inner.leadership_changes.get_or_create(&LeadershipLabels { change }).inc();
    }

    /// How many devices are in that state.
    pub fn devices(&self, state: DeviceState, (account, region): (&str, &str), count: i64) {
        let labels = DeviceLabels { state, account: account.to_owned(), region: region.to_owned() };
        self.inner.devices.get_or_create(&labels).set(count);
    }

    /// How many objects of a class are ready, and how long the oldest has been.
    pub fn queue(&self, kind: &'static str, class: &'static str, ready: usize, oldest_seconds: f64) {
        let labels = ClassLabels { kind, class };
        self.inner.queue_ready.get_or_create(&labels).set(to_gauge(ready));
        self.inner.queue_oldest.get_or_create(&labels).set(oldest_seconds);
    }

    /// How many resources there are whose condition Ready has that status and reason.
    pub fn resources(&self, kind: &'static str, ready: Readiness, reason: ReadyReason, count: usize) {
        self.inner.resources.get_or_create(&ReadyLabels { kind, ready, reason }).set(to_gauge(count));
    }

    /// A call to the API server has ended.
    pub fn kubernetes_call(&self, verb: Verb, outcome: KubernetesOutcome) {
        self.inner.kubernetes_calls.get_or_create(&KubernetesLabels { verb, outcome }).inc();
    }
}

impl CallObserver for Metrics {
    fn observed(&self, operation: Operation, outcome: CallOutcome, scope: &Scope, seconds: f64) {
        let throttled = match outcome {
            CallOutcome::Failed(FailureKind::Throttled) => true,
            CallOutcome::Failed(_) | CallOutcome::Success => false,
        };
        let place = (scope.account.as_str(), scope.region.as_str());
        self.aws_call(operation.name(), outcome.name(), throttled, place, seconds);
    }
}

impl Inner {
    fn register(&mut self) {
        let registry = &mut self.registry;
        let seconds = || Unit::Seconds;
        registry.register("reconciles", "Turns of resources, by how they ended", self.reconciles.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "How long turns took",
            seconds(),
            self.reconcile_seconds.clone(),
        );
        registry.register("aws_calls", "Calls to AWS, by how they ended", self.aws_calls.clone());
        registry.register_with_unit(
            "aws_call_duration",
            "How long calls to AWS took",
            seconds(),
            self.aws_call_seconds.clone(),
        );
        registry.register(
            "aws_throttles",
            "Calls that AWS refused because there were too many",
            self.aws_throttles.clone(),
        );
        registry.register_with_unit(
            "limiter_wait",
            "How long calls to AWS waited for their quota",
            seconds(),
            self.limiter_wait_seconds.clone(),
        );
        registry.register(
            "limiter_postponed",
            "Calls to AWS that were put off because their quota was too far away",
            self.limiter_postponed.clone(),
        );
        registry.register(
            "limiter_calls_per_second",
            "Calls to AWS that go out at most: the operator's share, less after AWS has throttled",
            self.limiter_rate.clone(),
        );
        registry.register(
            "deletions_in_progress",
            "Deployments that AWS is believed to be deleting for the operator",
            self.deletions.clone(),
        );
        registry.register("queue_ready", "Resources whose turn has come but not begun", self.queue_ready.clone());
        registry.register_with_unit(
            "queue_oldest",
            "How long the oldest of them has been ready",
            seconds(),
            self.queue_oldest.clone(),
        );
        registry.register(
            "resources",
            "Resources, by status and reason of their condition Ready",
            self.resources.clone(),
        );
        registry.register(
            "devices",
            "Devices, by what they did with the newest revision meant for them",
            self.devices.clone(),
        );
        registry.register("rollouts", "Revisions that devices settled, by what became of them", self.rollouts.clone());
        registry.register(
            "drift_corrections",
            "Revisions made because somebody changed AWS",
            self.drift_corrections.clone(),
        );
        registry.register(
            "account_view_walks",
            "Walks over the deployments of an account and region, by how they ended or what kept them up",
            self.account_view_walks.clone(),
        );
        registry.register("account_view_pages", "Pages of these walks", self.account_view_pages.clone());
        registry.register_with_unit(
            "account_view_age",
            "How long ago all resources of an account and region were compared with AWS",
            seconds(),
            self.account_view_age.clone(),
        );
        registry.register_with_unit(
            "drift_interval",
            "How often they are to be compared",
            seconds(),
            self.drift_interval.clone(),
        );
        registry.register("leading", "Whether this process may write: 1 or 0", self.leading.clone());
        registry.register(
            "leadership_changes",
            "Times that this process gained, lost and gave up its leadership",
            self.leadership_changes.clone(),
        );
        registry.register(
            "kubernetes_calls",
            "Calls to the API server, by how they ended",
            self.kubernetes_calls.clone(),
        );
        registry.register("build", "The version that runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    }
}

fn to_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
