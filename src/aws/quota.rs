//! Keeps every account under its API quotas: one token bucket per account, region and API family, on tokio's clock.
//! In-memory; no I/O.
//!
//! AWS General Reference, "AWS IoT Greengrass V2 endpoints and quotas": all control-plane operations but
//! `CreateComponentVersion` together 30 requests a second per region (10 in `cn-north-1` and the US government's regions), not
//! adjustable. "AWS IoT Device Management endpoints and quotas": each operation of jobs 10 a second. The account's people,
//! pipelines and devices share them, so the operator takes two thirds by default.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greengrass_operator_core::pace::{DELETION_LIMIT_WAIT, RETRY_AFTER_LONGEST};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::bucket::Bucket;
use super::fence::{Fence, Leadership};
use super::line::{Caller, Ticket};
use super::scope::{ApiFamily, Class, Scope};

/// How often a replica that does not lead may ask again.
const FENCED_WAIT: Duration = Duration::from_secs(1);

/// Calls a second, and as many at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Calls a second in the long run.
    pub per_second: f64,
    /// Calls at once after a rest.
    pub burst: f64,
}

impl Rate {
    /// So many a second, and one second's worth at once. What is not a number of at least 0.1 counts as 0.1, because a
    /// bucket that never fills would stop everything for good.
    #[must_use]
    pub fn per_second(calls: f64) -> Self {
        let per_second = if calls.is_finite() { calls.max(0.1) } else { 0.1 };
        Self { per_second, burst: per_second.max(1.0) }
    }
}

/// The shares of AWS's quotas that the operator takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quotas {
    /// Greengrass; default 20 calls a second, two thirds of AWS's 30. Where AWS allows a third (China, US government), a third
    /// of it.
    pub greengrass: Rate,
    /// IoT jobs; default 6 calls a second of AWS's 10 per operation.
    pub iot_jobs: Rate,
    /// The security token service; default 10 calls a second, for identities are few.
    pub sts: Rate,
    /// Things Graph; default 5 calls a second: a service whose quotas nobody publishes any more is asked as little as a person does.
    pub things_graph: Rate,
}

impl Quotas {
    /// Calls a second to Greengrass unless told otherwise.
    pub const GREENGRASS: u16 = 20;
    /// Calls a second to the jobs API unless told otherwise.
    pub const IOT_JOBS: u16 = 6;
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            greengrass: Rate::per_second(Self::GREENGRASS.into()),
            iot_jobs: Rate::per_second(Self::IOT_JOBS.into()),
            sts: Rate::per_second(10.0),
            things_graph: Rate::per_second(5.0),
        }
    }
}

impl Quotas {
    fn rate(&self, region: &str, family: ApiFamily) -> Rate {
        match family {
            ApiFamily::Greengrass if region.starts_with("cn-") || region.starts_with("us-gov-") => {
                Rate::per_second(self.greengrass.per_second / 3.0)
            }
            ApiFamily::Greengrass => self.greengrass,
            ApiFamily::IotJobs => self.iot_jobs,
            ApiFamily::Sts => self.sts,
            ApiFamily::ThingsGraph => self.things_graph,
        }
    }
}

/// Permission for one call. Only [`QuotaKeeper::try_permit`] makes one, one call consumes it, nobody can copy it.
/// Dropped unused, its share of the quota is lost, which is on the safe side.
#[derive(Debug)]
#[must_use = "a permit that is dropped wastes quota: make the call"]
pub struct Permit {
    scope: Scope,
    class: Class,
    family: ApiFamily,
    fence: Fence,
}

impl Permit {
    /// For which AWS.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How urgent.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// For which quota.
    #[must_use]
    pub const fn family(&self) -> ApiFamily {
        self.family
    }

    /// Whether the call may still go out: time passed since the permit was given.
    pub(super) fn valid(&self) -> bool {
        self.fence.valid()
    }

    /// What has to hold when the call goes out.
    pub(super) fn fence(&self) -> Fence {
        self.fence.clone()
    }
}

/// No permit now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When to ask again; later than now.
    pub until: Instant,
    /// What it waits for.
    pub reason: WaitReason,
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitReason {
    /// The operator's own share is used up.
    Share,
    /// AWS throttled a call of this account and region.
    Throttled,
    /// AWS is deleting as many deployments of the account as it can.
    DeletionLimit,
    /// This replica does not lead.
    NotLeading,
}

impl WaitReason {
    /// The label of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Throttled => "throttled",
            Self::DeletionLimit => "deletion-limit",
            Self::NotLeading => "not-leading",
        }
    }
}

/// A call that is waited for.
#[derive(Clone, Copy, Debug)]
pub struct CallRequest<'a> {
    /// To which AWS.
    pub scope: &'a Scope,
    /// Whose quota it uses.
    pub family: ApiFamily,
    /// Whose call it is.
    pub caller: &'a Caller,
    /// Whether it deletes a deployment: of those only a few go on at a time.
    pub is_deletion: bool,
}

/// How the calls of one account, region and family go, for metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Which API.
    pub family: ApiFamily,
    /// Calls a second that go out at most.
    pub calls_per_second: f64,
    /// Deletions that go on, as far as the operator began them.
    pub deletions: usize,
}

/// Account, region and family.
type BucketKey = (String, String, ApiFamily);

/// Gives permits. Identities of one account share its buckets, as they share AWS's.
pub struct QuotaKeeper {
    quotas: Quotas,
    buckets: Mutex<BTreeMap<BucketKey, Bucket>>,
}

impl QuotaKeeper {
    /// Keeps these shares.
    #[must_use]
    pub fn new(quotas: Quotas) -> Self {
        Self { quotas, buckets: Mutex::default() }
    }

    /// Permission for one call, or when to ask again. Never waits.
    pub fn try_permit(&self, scope: &Scope, class: Class, family: ApiFamily, fence: &Fence) -> Result<Permit, Wait> {
        let now = Instant::now();
        if !fence.valid() {
            return Err(Wait { until: now + FENCED_WAIT, reason: WaitReason::NotLeading });
        }
        self.with_bucket(scope, family, now, |bucket| bucket.take(class, now))?;
        Ok(Permit { scope: scope.clone(), class, family, fence: fence.clone() })
    }

    /// Permission for one call, waited for at most so long. Whoever waits has a place in the order ([`Caller`]), and comes in
    /// turn; at once refused is only what AWS or leadership says will take longer.
    ///
    /// Cancel-safe: who stops waiting loses its place and nothing else.
    pub async fn permit(
        &self,
        request: CallRequest<'_>,
        longest: Duration,
        leadership: &dyn Leadership,
    ) -> Result<Permit, Wait> {
        let CallRequest { scope, family, caller, is_deletion: _ } = request;
        let end = Instant::now() + longest;
        let place = Place::enter(self, request);
        loop {
            let now = Instant::now();
            let fence = leadership.fence();
            let taken = if fence.valid() {
                self.with_bucket(scope, family, now, |bucket| bucket.take_for(place.ticket, now))
            } else {
                Err(Wait { until: now + FENCED_WAIT, reason: WaitReason::NotLeading })
            };
            let Err(wait) = taken else {
                return Ok(Permit { scope: scope.clone(), class: caller.class(), family, fence });
            };
            let gives_up = match wait.reason {
                // How long this takes is a guess, which those who come and go make wrong. Who gave up on a guess and came again
                // would only have lost its place.
                WaitReason::Share => now >= end,
                WaitReason::Throttled | WaitReason::DeletionLimit | WaitReason::NotLeading => wait.until > end,
            };
            if gives_up {
                return Err(wait);
            }
            // Called or not, it asks again.
            let _ = tokio::time::timeout_at(wait.until.min(end), place.call.notified()).await;
        }
    }

    /// How the calls of each account, region and family go that was ever called.
    #[must_use]
    pub fn standing(&self) -> Vec<Standing> {
        let now = Instant::now();
        let of = |((account, region, family), bucket): (&BucketKey, &Bucket)| Standing {
            account: account.clone(),
            region: region.clone(),
            family: *family,
            calls_per_second: bucket.calls_per_second(now),
            deletions: bucket.deletions(now),
        };
        self.lock().iter().map(of).collect()
    }

    /// AWS throttled a call: nothing goes out until its Retry-After is over (or a second), and more slowly after that until AWS
    /// takes more again.
    pub(super) fn throttled(&self, scope: &Scope, family: ApiFamily, retry_after: Option<Duration>) {
        let now = Instant::now();
        let pause = retry_after.unwrap_or(Duration::from_secs(1)).min(RETRY_AFTER_LONGEST);
        self.with_bucket(scope, family, now, |bucket| bucket.throttled(pause, now));
    }

    /// AWS can't delete more at the moment: other calls go on.
    pub(super) fn deletion_limited(&self, scope: &Scope, retry_after: Option<Duration>) {
        let now = Instant::now();
        let pause = retry_after.unwrap_or_default().clamp(DELETION_LIMIT_WAIT, RETRY_AFTER_LONGEST);
        self.with_bucket(scope, ApiFamily::Greengrass, now, |bucket| {
            bucket.deletion_limited(now, now + pause);
        });
    }

    fn with_bucket<T>(&self, scope: &Scope, family: ApiFamily, now: Instant, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut buckets = self.lock();
        let key = (scope.account.clone(), scope.region.clone(), family);
        let bucket = buckets.entry(key).or_insert_with(|| Bucket::new(self.quotas.rate(&scope.region, family), now));
        act(bucket)
    }

    /// A panic elsewhere left numbers at worst a little wrong: no reason to stop every call for good.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<BucketKey, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the order of a bucket, for as long as this lives.
struct Place<'a> {
    keeper: &'a QuotaKeeper,
    scope: &'a Scope,
    family: ApiFamily,
    ticket: Ticket,
    call: Arc<Notify>,
}

impl<'a> Place<'a> {
    fn enter(keeper: &'a QuotaKeeper, request: CallRequest<'a>) -> Self {
        let CallRequest { scope, family, caller, is_deletion } = request;
        let call = Arc::new(Notify::new());
        let ticket = keeper.with_bucket(scope, family, Instant::now(), |bucket| {
            bucket.enter(caller, family, is_deletion, Arc::clone(&call))
        });
        Self { keeper, scope, family, ticket, call }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        self.keeper.with_bucket(self.scope, self.family, now, |bucket| bucket.leave(self.ticket, now));
    }
}
