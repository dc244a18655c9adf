//! Credentials that are had once and shared, in virtual time.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use tokio::time::{Instant, advance};

use super::super::credentials::{Shared, Source};
use super::*;

/// How long what it gives is good for.
const LIFETIME: Duration = Duration::from_hours(1);

/// A clock that goes with tokio's.
#[derive(Clone, Debug)]
struct Moving(Instant);

impl TimeSource for Moving {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.0.elapsed()
    }
}

/// Gives numbered credentials, or fails.
#[derive(Clone, Debug)]
struct Issuer(Arc<Issued>);

#[derive(Debug)]
struct Issued {
    clock: Moving,
    asked: AtomicU32,
    fails: AtomicBool,
}

impl ProvideCredentials for Issuer {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let number = self.0.asked.fetch_add(1, Ordering::SeqCst) + 1;
            if self.0.fails.load(Ordering::SeqCst) {
                return Err(CredentialsError::provider_error("no"));
            }
            let end = self.0.clock.now() + LIFETIME;
            Ok(Credentials::new(format!("AKID{number}"), "secret", None, Some(end), "test"))
        })
    }
}

fn shared() -> (Arc<Shared>, Arc<Issued>) {
    let clock = Moving(Instant::now());
    let issued = Arc::new(Issued { clock: clock.clone(), asked: AtomicU32::new(0), fails: AtomicBool::new(false) });
    let provider = SharedCredentialsProvider::new(Issuer(Arc::clone(&issued)));
    (Arc::new(Shared::new(Source::Own(Some(provider)), SharedTimeSource::new(clock))), issued)
}

async fn key(shared: &Shared) -> Option<String> {
    shared.provide_credentials().await.ok().map(|credentials| credentials.access_key_id().to_owned())
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_while_they_are_had_waits_for_the_same() {
    let (shared, issued) = shared();
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { key(&shared).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().as_deref(), Some("AKID1"));
    }
    assert_eq!(issued.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn they_are_renewed_before_they_end_and_while_that_fails_the_old_ones_serve_to_their_end() {
    let (shared, issued) = shared();
    assert_eq!(key(&shared).await.as_deref(), Some("AKID1"));
    advance(Duration::from_mins(54)).await;
    assert_eq!(key(&shared).await.as_deref(), Some("AKID1"));
    issued.fails.store(true, Ordering::SeqCst);
    advance(Duration::from_mins(2)).await;
    assert_eq!(key(&shared).await.as_deref(), Some("AKID1"), "four minutes are left");
    advance(Duration::from_mins(5)).await;
    assert_eq!(key(&shared).await, None);
    issued.fails.store(false, Ordering::SeqCst);
    advance(Duration::from_secs(5)).await;
    assert!(key(&shared).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_shared_for_five_seconds() {
    let (shared, issued) = shared();
    issued.fails.store(true, Ordering::SeqCst);
    for _ in 0..1000 {
        assert_eq!(key(&shared).await, None);
    }
    assert_eq!(issued.asked.load(Ordering::SeqCst), 1);
    advance(Duration::from_secs(5)).await;
    assert_eq!(key(&shared).await, None);
    assert_eq!(issued.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn what_aws_does_not_take_is_had_anew_but_never_in_a_loop() {
    let (shared, _issued) = shared();
    assert_eq!(key(&shared).await.as_deref(), Some("AKID1"));
    shared.forget(Duration::from_secs(10)).await;
    assert_eq!(key(&shared).await.as_deref(), Some("AKID1"), "they are quite fresh");
    advance(Duration::from_secs(11)).await;
    shared.forget(Duration::from_secs(10)).await;
    assert_eq!(key(&shared).await.as_deref(), Some("AKID2"));
}
