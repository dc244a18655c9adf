//! Keeps every account under its API quotas: one token bucket per account, region and API family, on tokio's clock.
//! In-memory; no I/O.
//!
//! AWS General Reference, "AWS IoT Greengrass V2 endpoints and quotas": all control-plane operations but
//! `CreateComponentVersion` together 30 requests a second per region (10 in `cn-north-1` and the GovCloud regions), not
//! adjustable. The account's people, pipelines and devices share them, so the operator takes two thirds by default.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greengrass_operator_core::pace::{DELETION_LIMIT_WAIT, RETRY_AFTER_LONGEST};
use tokio::time::Instant;

use super::bucket::Bucket;
use super::fence::Fence;
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
        let per_second = if calls.is_finite() {
            calls.max(0.1)
        } else {
            0.1
        };
        Self {
            per_second,
            burst: per_second.max(1.0),
        }
    }
}

/// The shares of AWS's quotas that the operator takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quotas {
    /// Greengrass; default 20 calls a second, two thirds of AWS's 30.
    pub greengrass: Rate,
    /// Greengrass where AWS allows 10 a second (China, GovCloud); default 6.
    pub greengrass_small_region: Rate,
    /// IoT jobs; default 6 calls a second of AWS's 10 per operation.
    pub iot_jobs: Rate,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            greengrass: Rate::per_second(20.0),
            greengrass_small_region: Rate::per_second(6.0),
            iot_jobs: Rate::per_second(6.0),
        }
    }
}

impl Quotas {
    fn rate(&self, region: &str, family: ApiFamily) -> Rate {
        match family {
            ApiFamily::Greengrass if region.starts_with("cn-") || region.starts_with("us-gov-") => {
                self.greengrass_small_region
            }
            ApiFamily::Greengrass => self.greengrass,
            ApiFamily::IotJobs => self.iot_jobs,
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
        Self {
            quotas,
            buckets: Mutex::default(),
        }
    }

    /// Permission for one call, or when to ask again. Never waits.
    pub fn try_permit(
        &self,
        scope: &Scope,
        class: Class,
        family: ApiFamily,
        fence: &Fence,
    ) -> Result<Permit, Wait> {
        let now = Instant::now();
        if !fence.valid() {
            return Err(Wait {
                until: now + FENCED_WAIT,
                reason: WaitReason::NotLeading,
            });
        }
        self.with_bucket(scope, family, now, |bucket| bucket.take(class, now))?;
        Ok(Permit {
            scope: scope.clone(),
            class,
            family,
            fence: fence.clone(),
        })
    }

    /// AWS throttled a call: nothing goes out until its Retry-After is over (or a second), and for a while after that at
    /// half the rate.
    pub(super) fn throttled(
        &self,
        scope: &Scope,
        family: ApiFamily,
        retry_after: Option<Duration>,
    ) {
        let now = Instant::now();
        let pause = retry_after
            .unwrap_or(Duration::from_secs(1))
            .min(RETRY_AFTER_LONGEST);
        self.with_bucket(scope, family, now, |bucket| bucket.throttled(pause, now));
    }

    /// AWS can't delete more at the moment: other calls go on.
    pub(super) fn deletion_limited(&self, scope: &Scope, retry_after: Option<Duration>) {
        let now = Instant::now();
        let pause = retry_after
            .unwrap_or_default()
            .clamp(DELETION_LIMIT_WAIT, RETRY_AFTER_LONGEST);
        self.with_bucket(scope, ApiFamily::Greengrass, now, |bucket| {
            bucket.deletion_limited(now + pause)
        });
    }

    fn with_bucket<T>(
        &self,
        scope: &Scope,
        family: ApiFamily,
        now: Instant,
        act: impl FnOnce(&mut Bucket) -> T,
    ) -> T {
        let mut buckets = self.lock();
        let key = (scope.account.clone(), scope.region.clone(), family);
        let bucket = buckets
            .entry(key)
            .or_insert_with(|| Bucket::new(self.quotas.rate(&scope.region, family), now));
        act(bucket)
    }

    /// A panic elsewhere left numbers at worst a little wrong: no reason to stop every call for good.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<BucketKey, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{advance, sleep_until};

    use super::*;
    use crate::aws::fence::tests::FakeBootClock;
    use crate::aws::fence::{BootClock, BootTime};
    use crate::aws::scope::IdentityName;

    fn scope(account: &str, region: &str) -> Scope {
        Scope {
            identity: IdentityName::own(),
            account: account.into(),
            region: region.into(),
        }
    }

    fn here() -> Scope {
        scope("123456789012", "eu-central-1")
    }

    fn ask(keeper: &QuotaKeeper, scope: &Scope, class: Class) -> Result<Permit, Wait> {
        keeper.try_permit(scope, class, ApiFamily::Greengrass, &Fence::always())
    }

    /// Takes all there is; how many that were, and when to come back.
    fn drain(keeper: &QuotaKeeper, scope: &Scope, class: Class) -> (u32, Wait) {
        let mut taken = 0;
        loop {
            match ask(keeper, scope, class) {
                Ok(_) => taken += 1,
                Err(wait) => return (taken, wait),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_seconds_of_asking_give_the_burst_and_ten_seconds_of_the_rate() {
        let keeper = QuotaKeeper::new(Quotas::default());
        let start = Instant::now();
        let mut calls = 0;
        while start.elapsed() < Duration::from_secs(10) {
            let (taken, wait) = drain(&keeper, &here(), Class::Change);
            calls += taken;
            assert!(wait.until > Instant::now() && wait.reason == WaitReason::Share);
            sleep_until(wait.until).await;
        }
        assert!((219..=221).contains(&calls), "{calls}");
    }

    #[tokio::test(start_paused = true)]
    async fn asking_at_the_time_that_was_told_succeeds() {
        let keeper = QuotaKeeper::new(Quotas::default());
        for class in Class::ALL {
            let (_, wait) = drain(&keeper, &here(), class);
            sleep_until(wait.until).await;
            assert!(ask(&keeper, &here(), class).is_ok(), "{class:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_leaves_calls_for_a_persons_change() {
        let keeper = QuotaKeeper::new(Quotas::default());
        assert_eq!(drain(&keeper, &here(), Class::Sweep).0, 10);
        assert_eq!(drain(&keeper, &here(), Class::Change).0, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn every_class_gets_a_call_from_the_smallest_bucket() {
        for calls in [0.1, 1.0, 1.5, 6.0] {
            for class in Class::ALL {
                let quotas = Quotas {
                    greengrass: Rate::per_second(calls),
                    ..Quotas::default()
                };
                assert!(
                    ask(&QuotaKeeper::new(quotas), &here(), class).is_ok(),
                    "{calls} {class:?}"
                );
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn accounts_regions_and_families_have_their_own_buckets_and_identities_share_them() {
        let keeper = QuotaKeeper::new(Quotas::default());
        drain(&keeper, &here(), Class::Change);
        assert!(
            ask(
                &keeper,
                &scope("210987654321", "eu-central-1"),
                Class::Change
            )
            .is_ok()
        );
        assert!(ask(&keeper, &scope("123456789012", "us-east-1"), Class::Change).is_ok());
        assert!(
            keeper
                .try_permit(&here(), Class::Change, ApiFamily::IotJobs, &Fence::always())
                .is_ok()
        );
        let other_identity = Scope {
            identity: IdentityName::new("team-b"),
            ..here()
        };
        assert!(ask(&keeper, &other_identity, Class::Change).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn where_aws_allows_less_less_goes_out() {
        let keeper = QuotaKeeper::new(Quotas::default());
        assert_eq!(
            drain(&keeper, &scope("123456789012", "cn-north-1"), Class::Change).0,
            6
        );
        assert_eq!(
            drain(
                &keeper,
                &scope("123456789012", "us-gov-west-1"),
                Class::Change
            )
            .0,
            6
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_account_rests_for_retry_after_and_comes_back_slowly() {
        let keeper = QuotaKeeper::new(Quotas::default());
        let start = Instant::now();
        keeper.throttled(&here(), ApiFamily::Greengrass, Some(Duration::from_secs(7)));
        let wait = ask(&keeper, &here(), Class::Change).unwrap_err();
        assert_eq!(wait.reason, WaitReason::Throttled);
        assert!(wait.until - start >= Duration::from_secs(7));
        sleep_until(wait.until).await;
        let mut in_the_first_second = 0;
        let first = Instant::now();
        while first.elapsed() < Duration::from_secs(1) {
            let (taken, wait) = drain(&keeper, &here(), Class::Change);
            in_the_first_second += taken;
            sleep_until(wait.until).await;
        }
        assert!(
            (9..=12).contains(&in_the_first_second),
            "{in_the_first_second}"
        );
        advance(Duration::from_mins(2)).await;
        assert_eq!(drain(&keeper, &here(), Class::Change).0, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn twenty_calls_throttled_together_halve_the_rate_once() {
        let keeper = QuotaKeeper::new(Quotas::default());
        for _ in 0..20 {
            keeper.throttled(&here(), ApiFamily::Greengrass, None);
        }
        advance(Duration::from_secs(3)).await;
        let (taken, _) = drain(&keeper, &here(), Class::Change);
        assert!(taken >= 15, "{taken}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_deletion_queue_stops_deletions_only() {
        let keeper = QuotaKeeper::new(Quotas::default());
        keeper.deletion_limited(&here(), None);
        for class in [Class::Deletion, Class::History] {
            assert_eq!(
                ask(&keeper, &here(), class).unwrap_err().reason,
                WaitReason::DeletionLimit
            );
        }
        assert!(ask(&keeper, &here(), Class::Sweep).is_ok());
        advance(Duration::from_secs(61)).await;
        assert!(ask(&keeper, &here(), Class::Deletion).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_lead_gets_no_permit_and_a_permit_ends_with_leadership() {
        let clock = Arc::new(FakeBootClock::default());
        let fence = Fence::until(
            BootTime::since_boot(Duration::from_secs(10)),
            Arc::clone(&clock) as Arc<dyn BootClock>,
        );
        let keeper = QuotaKeeper::new(Quotas::default());
        let permit = keeper
            .try_permit(&here(), Class::Change, ApiFamily::Greengrass, &fence)
            .unwrap();
        assert!(permit.valid());
        clock.advance(Duration::from_secs(10));
        assert!(!permit.valid());
        let wait = keeper
            .try_permit(&here(), Class::Change, ApiFamily::Greengrass, &fence)
            .unwrap_err();
        assert_eq!(wait.reason, WaitReason::NotLeading);
    }

    #[test]
    fn an_odd_rate_does_not_stop_everything() {
        for odd in [0.0, -3.0, f64::NAN, f64::INFINITY] {
            assert!(Rate::per_second(odd).per_second > 0.0);
        }
    }
}
