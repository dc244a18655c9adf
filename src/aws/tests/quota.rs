//! The keeper of quotas, in virtual time.

use std::time::Duration;

use greengrass_operator_core::api::AwsIdentitySpec;
use greengrass_operator_core::identity::parse;
use tokio::time::{Instant, advance, sleep_until};

use super::*;
use crate::aws::fence::tests::FakeBootClock;

fn scope(account: &str, region: &str) -> Scope {
    Scope { connection: Connection::own(), account: account.into(), region: region.into() }
}

/// Through an identity of that name, without a role.
fn connection(identity: &str) -> Connection {
    let spec = AwsIdentitySpec::default();
    let identity = parse(identity, &spec, false).identity.unwrap();
    Connection::through(&identity, Session { cluster: "test".into(), namespace: None })
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
            let quotas = Quotas { greengrass: Rate::per_second(calls), ..Quotas::default() };
            assert!(ask(&QuotaKeeper::new(quotas), &here(), class).is_ok(), "{calls} {class:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_regions_and_families_have_their_own_buckets_and_identities_share_them() {
    let keeper = QuotaKeeper::new(Quotas::default());
    drain(&keeper, &here(), Class::Change);
    assert!(ask(&keeper, &scope("210987654321", "eu-central-1"), Class::Change).is_ok());
    assert!(ask(&keeper, &scope("123456789012", "us-east-1"), Class::Change).is_ok());
    assert!(keeper.try_permit(&here(), Class::Change, ApiFamily::IotJobs, &Fence::always()).is_ok());
    let other_identity = Scope { connection: connection("team-b"), ..here() };
    assert!(ask(&keeper, &other_identity, Class::Change).is_err());
}

#[tokio::test(start_paused = true)]
async fn where_aws_allows_less_less_goes_out() {
    let keeper = QuotaKeeper::new(Quotas::default());
    assert_eq!(drain(&keeper, &scope("123456789012", "cn-north-1"), Class::Change).0, 6);
    assert_eq!(drain(&keeper, &scope("123456789012", "us-gov-west-1"), Class::Change).0, 6);
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
    assert!((9..=12).contains(&in_the_first_second), "{in_the_first_second}");
    advance(Duration::from_mins(2)).await;
    assert_eq!(drain(&keeper, &here(), Class::Change).0, 20);
}

#[tokio::test(start_paused = true)]
async fn twenty_calls_throttled_together_halve_the_rate_once() {
    let keeper = QuotaKeeper::new(Quotas::default());
    for _ in 0..20 {
        keeper.throttled(&here(), ApiFamily::Greengrass, None);
    }
    let standing = keeper.standing();
    assert!((standing[0].calls_per_second - 10.0).abs() < 0.1, "{standing:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_deletion_queue_stops_deletions_only() {
    let keeper = QuotaKeeper::new(Quotas::default());
    keeper.deletion_limited(&here(), None);
    for class in [Class::Deletion, Class::History] {
        assert_eq!(ask(&keeper, &here(), class).unwrap_err().reason, WaitReason::DeletionLimit);
    }
    assert!(ask(&keeper, &here(), Class::Sweep).is_ok());
    advance(Duration::from_secs(61)).await;
    assert!(ask(&keeper, &here(), Class::Deletion).is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_gets_no_permit_and_a_permit_ends_with_leadership() {
    let clock = Arc::new(FakeBootClock::default());
    let fence = Fence::until(BootTime::since_boot(Duration::from_secs(10)), Arc::<FakeBootClock>::clone(&clock));
    let keeper = QuotaKeeper::new(Quotas::default());
    let permit = keeper.try_permit(&here(), Class::Change, ApiFamily::Greengrass, &fence).unwrap();
    assert!(permit.valid());
    clock.advance(Duration::from_secs(10));
    assert!(!permit.valid());
    let wait = keeper.try_permit(&here(), Class::Change, ApiFamily::Greengrass, &fence).unwrap_err();
    assert_eq!(wait.reason, WaitReason::NotLeading);
}

#[test]
fn an_odd_rate_does_not_stop_everything() {
    for odd in [0.0, -3.0, f64::NAN, f64::INFINITY] {
        assert!(Rate::per_second(odd).per_second > 0.0);
    }
}
