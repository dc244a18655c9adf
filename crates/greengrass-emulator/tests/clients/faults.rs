//! Faults as the Rust SDK meets them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_sdk_greengrassv2::{
    Client,
    config::{BehaviorVersion, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
};
use aws_smithy_async::{rt::sleep::TokioSleep, time::TimeSource};
use greengrass_emulator::{
    CallRecord, Clock, DelayAt, Emulator, FaultAction, FaultKind, FaultRule, ManualClock, Operation, Staleness,
};
use jiff::Timestamp;
use tower::ServiceExt;

use crate::support::{ACCOUNT, REGION, World, config};

/// A client that gives up after ten seconds.
fn impatient(world: &World) -> Client {
    let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(10));
    let config =
        config(&world.emulator, ACCOUNT, REGION).timeout_config(timeouts.build()).sleep_impl(TokioSleep::new());
    Client::from_conf(config.build())
}

fn on_create(world: &World, action: FaultAction) {
    let rule = FaultRule::on(Operation::CreateDeployment, action);
    world.emulator.faults().add(rule);
}

#[tokio::test]
async fn a_throttled_call_says_how_long_to_wait() {
    let world = World::new();
    let retry_after_seconds = Some(7);
    on_create(&world, FaultAction::Throttle { retry_after_seconds });
    let create = || world.client.create_deployment().target_arn(&world.group).send();
    let error = create().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 429);
    let error = error.into_service_error();
    let aws_sdk_greengrassv2::operation::create_deployment::CreateDeploymentError::ThrottlingException(error) = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(error.retry_after_seconds(), 7);
    assert_eq!(error.service_code(), Some("greengrass"));
    assert!(error.quota_code().is_some());
    create().await.unwrap();
    let faults: Vec<_> = world.emulator.calls().iter().map(|call| call.fault).collect();
    assert_eq!(faults, [Some(FaultKind::Throttle), None]);
}

#[tokio::test]
async fn an_error_of_any_kind_can_be_scripted() {
    let world = World::new();
    on_create(
        &world,
        FaultAction::Error { status: 500, code: "InternalServerException".to_owned(), message: "try later".to_owned() },
    );
    on_create(&world, FaultAction::AccessDenied);
    let create = || world.client.create_deployment().target_arn(&world.group).send();
    let error = create().await.unwrap_err().into_service_error();
    assert!(error.is_internal_server_exception());
    assert_eq!(error.message(), Some("try later"));
    let error = create().await.unwrap_err().into_service_error();
    assert!(error.is_access_denied_exception());
    assert!(world.emulator.deployments(ACCOUNT, REGION).is_empty());
}

#[tokio::test]
async fn a_reset_before_does_nothing_and_a_reset_after_has_done_it() {
    let world = World::new();
    on_create(&world, FaultAction::ResetBefore);
    on_create(&world, FaultAction::ResetAfter);
    let create = || world.client.create_deployment().target_arn(&world.group).send();

    let error = create().await.unwrap_err();
    assert!(error.as_service_error().is_none(), "{error:?}");
    let SdkError::DispatchFailure(failure) = error else {
        panic!("{error:?}");
    };
    assert!(failure.is_io());
    assert!(world.emulator.deployments(ACCOUNT, REGION).is_empty());

    create().await.unwrap_err();
    let made = world.emulator.deployments(ACCOUNT, REGION);
    assert_eq!(made.len(), 1);
    let calls = world.emulator.calls();
    assert_eq!((calls[0].status, calls[1].status), (None, Some(201)));
    assert_eq!(calls[1].deployment_id.as_ref(), Some(&made[0].deployment_id));
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_found_by_the_same_token() {
    let world = World::new();
    on_create(&world, FaultAction::HangBefore);
    on_create(&world, FaultAction::HangAfter);
    let client = impatient(&world);
    let create = || client.create_deployment().target_arn(&world.group).client_token("t").send();
    let started = tokio::time::Instant::now();
    create().await.unwrap_err();
    assert!(world.emulator.deployments(ACCOUNT, REGION).is_empty());
    create().await.unwrap_err();
    assert_eq!(started.elapsed().as_secs(), 20, "time-outs pass in virtual time");
    let answer = create().await.unwrap();
    let made = world.emulator.deployments(ACCOUNT, REGION);
    assert_eq!(made.len(), 1);
    assert_eq!(answer.deployment_id(), Some(made[0].deployment_id.as_str()));
}

/// The time of day as the emulator has it, for a client that watches how its request gets on.
#[derive(Debug)]
struct Time(Emulator);

impl TimeSource for Time {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_answer_ends_at_the_limit_of_its_client() {
    let world = World::new();
    on_create(&world, FaultAction::HangBefore);
    let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(10));
    let config = config(&world.emulator, ACCOUNT, REGION)
        .timeout_config(timeouts.build())
        .sleep_impl(TokioSleep::new())
        .time_source(Time(world.emulator.clone()))
        .behavior_version(BehaviorVersion::latest());
    let client = Client::from_conf(config.build());
    let started = tokio::time::Instant::now();
    let error = client.create_deployment().target_arn(&world.group).send().await.unwrap_err();
    assert!(matches!(error, SdkError::TimeoutError(_)), "{error:?}");
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_late_call_happens_although_its_client_gave_up() {
    let world = World::new();
    on_create(&world, FaultAction::Delay { milliseconds: 60_000, at: DelayAt::Arrival });
    let client = impatient(&world);
    client.create_deployment().target_arn(&world.group).send().await.unwrap_err();
    assert!(world.emulator.deployments(ACCOUNT, REGION).is_empty());
    assert_eq!(world.emulator.calls()[0].status, None);
    let done = world.emulator.wait_for_calls(|calls| calls[0].status.is_some());
    tokio::time::timeout(Duration::from_mins(2), done).await.unwrap();
    assert_eq!(world.emulator.deployments(ACCOUNT, REGION).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_request_is_being_processed_is_refused() {
    let world = World::new();
    on_create(&world, FaultAction::Delay { milliseconds: 5000, at: DelayAt::Processing });
    let create = || world.client.create_deployment().target_arn(&world.group).client_token("t").send();
    let second = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        create().await
    };
    let (first, second) = tokio::join!(create(), second);
    let second = second.unwrap_err();
    assert_eq!(second.raw_response().unwrap().status().as_u16(), 400);
    assert!(second.into_service_error().is_request_already_in_progress_exception());
    let third = create().await.unwrap();
    assert_eq!(third.deployment_id(), first.unwrap().deployment_id());
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_is_a_reply() {
    let world = World::new();
    on_create(&world, FaultAction::Delay { milliseconds: 5000, at: DelayAt::Reply });
    let create = world.client.create_deployment().target_arn(&world.group).send();
    let made = async {
        let done = |call: &CallRecord| call.status.is_some();
        world.emulator.wait_for_calls(|calls| calls.iter().any(done)).await;
        world.emulator.deployments(ACCOUNT, REGION).len()
    };
    let started = tokio::time::Instant::now();
    let (created, made) = tokio::join!(create, async { (made.await, started.elapsed().as_secs()) });
    created.unwrap();
    assert_eq!(made, (1, 0));
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_rule_can_be_for_one_target_and_reaches_calls_that_name_the_deployment() {
    let world = World::new();
    let other = world.group("other");
    let (id, other_id) = (world.deploy(&world.group), world.deploy(&other));
    let rule = FaultRule::new(FaultAction::AccessDenied).target(&world.group).always();
    let rule_id = world.emulator.faults().add(rule);
    let get = |id: &str| world.client.get_deployment().deployment_id(id).send();
    assert_eq!(get(&id).await.unwrap_err().code(), Some("AccessDeniedException"));
    get(&other_id).await.unwrap();
    assert_eq!(world.emulator.faults().list()[0].fired, 1);
    assert!(world.emulator.faults().remove(rule_id));
    get(&id).await.unwrap();
}

/// Latency makes no room in a quota; a call that never arrives takes none.
#[tokio::test(start_paused = true)]
async fn a_fault_that_lets_a_call_reach_the_service_does_not_save_it_from_the_quota() {
    for (action, passed) in [
        (FaultAction::Delay { milliseconds: 1, at: DelayAt::Reply }, 30),
        (FaultAction::Stale(Staleness::MillisecondsAgo(1)), 30),
        (FaultAction::AccessDenied, 0),
    ] {
        let clock = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
        let world = World::of(Emulator::builder().clock(clock).build());
        let is_answered = action != FaultAction::AccessDenied;
        world.emulator.faults().add(FaultRule::on(Operation::ListDeployments, action).times(40));
        let mut codes = Vec::new();
        for _ in 0..40 {
            let answer = world.client.list_deployments().send().await;
            codes.push(answer.err().map(|error| error.code().unwrap().to_owned()));
        }
        assert_eq!(codes.iter().filter(|code| code.is_none()).count(), passed);
        let throttled = codes.iter().filter(|code| code.as_deref() == Some("ThrottlingException")).count();
        assert_eq!(throttled, if is_answered { 10 } else { 0 });
        // What was denied has taken nothing from the quota, another account has its own.
        let next = world.client.list_deployments().send().await;
        assert_eq!(next.is_ok(), !is_answered);
        assert!(world.client_of("210987654321", REGION).list_deployments().send().await.is_ok());
    }
}

#[tokio::test]
async fn a_truncated_body_is_an_answer_that_can_t_be_read() {
    let world = World::new();
    on_create(&world, FaultAction::TruncatedBody);
    let error = world.client.create_deployment().target_arn(&world.group).send().await.unwrap_err();
    assert!(matches!(error, SdkError::ResponseError(_)), "{error:?}");
    assert_eq!(world.emulator.deployments(ACCOUNT, REGION).len(), 1);
    assert_eq!(world.emulator.calls()[0].status, Some(201));
}

/// A clock that fails once it is asked.
#[derive(Debug)]
struct BrokenClock(AtomicBool);

impl Clock for BrokenClock {
    fn now(&self) -> Timestamp {
        assert!(!self.0.load(Ordering::Relaxed), "the clock is broken");
        Timestamp::UNIX_EPOCH
    }
}

#[test]
fn a_defect_of_the_emulator_fails_the_test_that_shows_it() {
    let clock = Arc::new(BrokenClock(AtomicBool::new(false)));
    let world = World::of(Emulator::builder().shared_clock(Arc::<BrokenClock>::clone(&clock)).build());
    clock.0.store(true, Ordering::Relaxed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let call = std::panic::AssertUnwindSafe(|| {
        let _ = runtime.block_on(world.client.list_deployments().send());
    });
    let panic = std::panic::catch_unwind(call).unwrap_err();
    assert!(panic.downcast_ref::<&str>().is_some_and(|words| words.contains("the clock is broken")));

    // Whoever called over a socket is told that it was no fault of a rule's.
    let request = http::Request::get("/greengrass/v2/deployments").body(axum::body::Body::empty()).unwrap();
    let response = runtime.block_on(world.emulator.router().oneshot(request)).unwrap();
    assert_eq!(response.status(), 500);
}
