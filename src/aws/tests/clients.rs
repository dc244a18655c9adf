//! Clients, credentials and fences.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use greengrass_operator_core::failure::FailureKind;

use super::*;
use crate::aws::fence::tests::FakeBootClock;

/// What a provider of credentials does.
#[derive(Clone, Copy, Debug)]
enum Provider {
    None,
    Broken,
    Silent,
    /// Has none the first time.
    Late,
}

#[derive(Debug)]
struct Fickle(Provider, AtomicU32);

impl ProvideCredentials for Fickle {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let asked = self.1.fetch_add(1, Ordering::Relaxed);
        match self.0 {
            Provider::None => {
                future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no providers in chain")))
            }
            Provider::Broken => future::ProvideCredentials::ready(Err(CredentialsError::provider_error("STS says no"))),
            Provider::Silent => future::ProvideCredentials::new(std::future::pending()),
            Provider::Late if asked == 0 => {
                future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("not yet")))
            }
            Provider::Late => {
                future::ProvideCredentials::ready(Ok(Credentials::new("AKIDLATE", "secret", None, None, "test")))
            }
        }
    }
}

fn bench(provider: Provider) -> Bench {
    let wire = Canned::new(Answer::json(200, r#"{"deployments": []}"#));
    let settings = settings(&wire).with_credentials(Fickle(provider, AtomicU32::new(0)));
    Bench::with(wire, settings)
}

#[tokio::test(start_paused = true)]
async fn missing_broken_and_silent_credentials_are_told_as_such_and_nothing_is_sent() {
    for (provider, words) in
        [(Provider::None, "no providers in chain"), (Provider::Broken, "STS says no"), (Provider::Silent, "timed out")]
    {
        let bench = bench(provider);
        let failure = bench.call(Operation::ListDeployments).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Credentials, "{provider:?} {}", failure.message);
        assert!(failure.message.contains(words), "{provider:?} {}", failure.message);
        assert!(bench.wire.seen().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_come_later_heal_without_a_restart() {
    let bench = bench(Provider::Late);
    assert_eq!(bench.call(Operation::ListDeployments).await.unwrap_err().kind, FailureKind::Credentials);
    // Whoever comes at once hears the same: a thousand resources ask once.
    assert_eq!(bench.call(Operation::ListDeployments).await.unwrap_err().kind, FailureKind::Credentials);
    tokio::time::advance(Duration::from_secs(5)).await;
    bench.call(Operation::ListDeployments).await.unwrap();
    bench.call(Operation::ListDeployments).await.unwrap();
    assert_eq!(bench.wire.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_comes_back_heals_without_a_restart() {
    let bench = Bench::answering(Answer::Broken("connection refused"));
    assert_eq!(bench.call(Operation::ListDeployments).await.unwrap_err().kind, FailureKind::Unreachable);
    bench.wire.answer_from_now(Answer::json(200, r#"{"deployments": []}"#));
    bench.call(Operation::ListDeployments).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_region_has_its_own_client_and_no_region_waits_for_another() {
    let bench = Bench::answering(Answer::json(200, r#"{"deployments": []}"#));
    for region in ["eu-central-1", "us-east-1", "eu-central-1", "cn-north-1"] {
        bench.aws.greengrass().list_deployments(bench.permit_for(region), &everything(), None).await.unwrap();
    }
    let regions: Vec<_> = bench
        .wire
        .seen()
        .iter()
        .map(|seen| seen.header("authorization").split('/').nth(2).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(regions, ["eu-central-1", "us-east-1", "eu-central-1", "cn-north-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_permit_whose_leadership_ended_sends_nothing() {
    let bench = Bench::answering(Answer::json(201, r#"{"deploymentId": "d-1"}"#));
    let clock = Arc::new(FakeBootClock::default());
    let fence = Fence::until(BootTime::since_boot(Duration::from_secs(15)), Arc::<FakeBootClock>::clone(&clock));
    let scope = bench.permit().scope().clone();
    let permit = bench.aws.try_permit(&scope, Class::Change, ApiFamily::Greengrass, &fence).unwrap();
    clock.advance(Duration::from_secs(15));
    let failure = bench.aws.greengrass().create_deployment(permit, &small_request(), "TOKEN").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Fenced);
    assert!(failure.clearly_refused());
    assert!(bench.wire.seen().is_empty());
}

/// Credentials that come when the machine has slept for a minute.
#[derive(Clone)]
struct AfterSleep(Arc<FakeBootClock>);

impl std::fmt::Debug for AfterSleep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AfterSleep")
    }
}

impl ProvideCredentials for AfterSleep {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.0.advance(Duration::from_mins(1));
        future::ProvideCredentials::ready(Ok(Credentials::new("AKIA", "secret", None, None, "test")))
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_slept_while_it_fetched_credentials_is_not_sent() {
    let clock = Arc::new(FakeBootClock::default());
    let wire = Canned::new(Answer::json(201, r#"{"deploymentId": "d-1"}"#));
    let settings = settings(&wire).with_credentials(AfterSleep(Arc::clone(&clock)));
    let bench = Bench::with(wire, settings);
    let fence = Fence::until(BootTime::since_boot(Duration::from_secs(10)), Arc::<FakeBootClock>::clone(&clock));
    let scope = bench.permit().scope().clone();
    let permit = bench.aws.try_permit(&scope, Class::Change, ApiFamily::Greengrass, &fence).unwrap();
    let failure = bench.aws.greengrass().create_deployment(permit, &small_request(), "TOKEN").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Fenced, "{}", failure.message);
    assert!(bench.wire.seen().is_empty());
}

#[tokio::test]
async fn calls_can_be_spawned() {
    let bench = Bench::answering(Answer::json(200, r#"{"deployments": []}"#));
    let (greengrass, permit) = (bench.aws.greengrass().clone(), bench.permit());
    tokio::spawn(async move { greengrass.list_deployments(permit, &everything(), None).await }).await.unwrap().unwrap();
}
