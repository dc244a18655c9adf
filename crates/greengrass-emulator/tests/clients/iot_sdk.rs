//! The jobs of deployments as the Rust SDK of IoT Core meets them: answers, typed errors, quotas. And the quota of Greengrass.

use std::time::Duration;

use aws_sdk_greengrassv2::operation::list_deployments::ListDeploymentsError;
use aws_sdk_iot::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        RequestId, cancel_job::CancelJobError, delete_job::DeleteJobError, describe_job::DescribeJobError,
        describe_job_execution::DescribeJobExecutionError,
    },
    types::JobStatus,
};
use greengrass_emulator::{Emulator, Fleet, ManualClock};
use jiff::Timestamp;
use serde_json::json;

use crate::support::{ACCOUNT, REGION, World, iot_client};

/// A world whose clock stands still, and a client of IoT Core for it.
fn world() -> (World, Client) {
    let world = World::of(Emulator::builder().clock(ManualClock::starting_at(Timestamp::UNIX_EPOCH)).build());
    let client = iot_client(&world.emulator);
    (world, client)
}

fn pass(world: &World, seconds: u64) {
    world.emulator.advance(Duration::from_secs(seconds)).unwrap();
}

/// The job of a new deployment to the group.
fn job(world: &World) -> String {
    let id = world.deploy(&world.group);
    world.emulator.deployment(&id).unwrap().iot_job_id.unwrap()
}

/// The error of the operation's own, when status, code, message and request id are what they should be.
fn typed<E: ProvideErrorMetadata + RequestId>(
    world: &World,
    error: SdkError<E>,
    status: u16,
    code: &str,
    message: &str,
) -> E {
    let SdkError::ServiceError(answer) = error else {
        panic!("no answer of the service");
    };
    assert_eq!(answer.raw().status().as_u16(), status);
    let error = answer.into_err();
    assert_eq!(error.code(), Some(code));
    assert!(error.message().unwrap().contains(message), "{:?}", error.message());
    let call = world.emulator.calls().pop().unwrap();
    assert_eq!((error.request_id(), call.error_code.as_deref()), (Some(call.request_id.as_str()), Some(code)));
    error
}

#[tokio::test]
async fn a_job_is_described_with_its_configuration_and_counts() {
    let (world, client) = world();
    let device = json!({"name": "core", "groups": ["fleet"]});
    let fleet = json!({"accounts": [{"account": ACCOUNT, "region": REGION, "devices": [device]}]});
    world.emulator.add_fleet(&Fleet::from_yaml(&fleet.to_string()).unwrap()).unwrap();
    let abort = json!({"criteriaList": [
        {"failureType": "ALL", "action": "CANCEL", "thresholdPercentage": 12.5, "minNumberOfExecutedThings": 3},
    ]});
    let rollout = json!({"exponentialRate": {
        "baseRatePerMinute": 5, "incrementFactor": 1.5, "rateIncreaseCriteria": {"numberOfSucceededThings": 10},
    }});
    let configuration = json!({
        "abortConfig": abort, "jobExecutionsRolloutConfig": rollout, "timeoutConfig": {"inProgressTimeoutInMinutes": 7},
    });
    let id = world.deploy_with(&json!({"targetArn": world.group, "iotJobConfiguration": configuration}));
    let id = world.emulator.deployment(&id).unwrap().iot_job_id.unwrap();

    pass(&world, 2);
    let described = client.describe_job().job_id(&id).send().await.unwrap().job.unwrap();
    assert_eq!((described.status(), described.targets()), (Some(&JobStatus::InProgress), &[world.group.clone()][..]));
    let criterion = &described.abort_config().unwrap().criteria_list()[0];
    assert_eq!((criterion.threshold_percentage(), criterion.min_number_of_executed_things()), (12.5, 3));
    let rate = described.job_executions_rollout_config().unwrap().exponential_rate().unwrap();
    assert_eq!((rate.base_rate_per_minute(), rate.increment_factor()), (5, 1.5));
    assert_eq!(described.timeout_config().unwrap().in_progress_timeout_in_minutes(), Some(7));
    assert_eq!(described.created_at().unwrap().secs(), 0);
    let counts = described.job_process_details().unwrap();
    assert_eq!((counts.number_of_in_progress_things(), counts.number_of_succeeded_things()), (Some(1), Some(0)));
    let execution = || client.describe_job_execution().job_id(&id).thing_name("core").send();
    let left = execution().await.unwrap().execution.unwrap().approximate_seconds_before_timed_out();
    assert_eq!(left, Some(7 * 60 - 2));
    pass(&world, 8);
    let done = execution().await.unwrap().execution.unwrap();
    let details = done.status_details().unwrap().details_map().unwrap();
    assert_eq!(details["detailed-deployment-status"], "SUCCESSFUL");
    assert_eq!((done.started_at().unwrap().secs(), done.last_updated_at().unwrap().secs()), (0, 10));
}

#[tokio::test]
async fn what_a_job_s_status_does_not_allow_is_an_error_of_its_own_type() {
    let (world, client) = world();
    let id = job(&world);
    let delete = || client.delete_job().job_id(&id);
    let error = delete().send().await.unwrap_err();
    let error = typed(&world, error, 409, "InvalidStateTransitionException", "IN_PROGRESS");
    assert!(matches!(error, DeleteJobError::InvalidStateTransitionException(_)), "{error:?}");

    let cancel = || client.cancel_job().job_id(&id).comment("enough").send();
    assert_eq!(cancel().await.unwrap().job_id(), Some(id.as_str()));
    let error = typed(&world, cancel().await.unwrap_err(), 400, "InvalidRequestException", "CANCELED");
    assert!(matches!(error, CancelJobError::InvalidRequestException(_)), "{error:?}");

    delete().force(true).namespace_id("aws-gg-deployment").send().await.unwrap();
    let described = client.describe_job().job_id(&id).send().await.unwrap().job.unwrap();
    assert_eq!((described.status(), described.comment()), (Some(&JobStatus::DeletionInProgress), Some("enough")));
    let error = typed(&world, cancel().await.unwrap_err(), 400, "InvalidRequestException", "DELETION_IN_PROGRESS");
    assert!(matches!(error, CancelJobError::InvalidRequestException(_)), "{error:?}");
}

#[tokio::test]
async fn what_does_not_exist_is_an_error_of_its_own_type() {
    const CODE: &str = "ResourceNotFoundException";
    let (world, client) = world();
    let error = client.describe_job().job_id("nobody").send().await.unwrap_err();
    let error = typed(&world, error, 404, CODE, "nobody");
    assert!(matches!(error, DescribeJobError::ResourceNotFoundException(_)), "{error:?}");
    let error = client.cancel_job().job_id("nobody").send().await.unwrap_err();
    let error = typed(&world, error, 404, CODE, "nobody");
    assert!(matches!(error, CancelJobError::ResourceNotFoundException(_)), "{error:?}");
    let id = job(&world);
    let error = client.delete_job().job_id(&id).force(true).namespace_id("another").send().await.unwrap_err();
    let error = typed(&world, error, 404, CODE, &id);
    assert!(matches!(error, DeleteJobError::ResourceNotFoundException(_)), "{error:?}");
    let error = client.describe_job_execution().job_id(&id).thing_name("stranger").send().await.unwrap_err();
    let error = typed(&world, error, 404, CODE, "stranger");
    assert!(matches!(error, DescribeJobExecutionError::ResourceNotFoundException(_)), "{error:?}");
}

#[tokio::test]
async fn no_more_than_ten_jobs_are_deleted_at_a_time() {
    let (world, client) = world();
    let ids: Vec<String> = (0..11).map(|_| job(&world)).collect();
    for id in &ids[..10] {
        client.delete_job().job_id(id).send().await.unwrap();
    }
    // The quota on calls would be the first to object.
    pass(&world, 1);
    let delete = || client.delete_job().job_id(&ids[10]).force(true).send();
    let error = typed(&world, delete().await.unwrap_err(), 410, "LimitExceededException", "DELETION_IN_PROGRESS");
    assert!(matches!(error, DeleteJobError::LimitExceededException(_)), "{error:?}");
    let described = client.describe_job().job_id(&ids[10]).send().await.unwrap().job.unwrap();
    assert_eq!(described.status(), Some(&JobStatus::InProgress));
    pass(&world, 5);
    delete().await.unwrap();
}

#[tokio::test]
async fn calls_beyond_the_quota_of_jobs_are_throttled() {
    let (world, client) = world();
    let id = job(&world);
    let describe = || client.describe_job().job_id(&id).send();
    for _ in 0..10 {
        describe().await.unwrap();
    }
    let error = describe().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().headers().get("retry-after"), Some("1"));
    let error = typed(&world, error, 400, "ThrottlingException", "Rate exceeded");
    assert!(matches!(error, DescribeJobError::ThrottlingException(_)), "{error:?}");
    pass(&world, 1);
    describe().await.unwrap();
}

#[tokio::test]
async fn calls_beyond_the_quota_of_greengrass_are_told_how_long_to_wait() {
    let (world, _) = world();
    let list = || world.client.list_deployments().send();
    for _ in 0..30 {
        list().await.unwrap();
    }
    let error = list().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 429);
    let ListDeploymentsError::ThrottlingException(error) = error.into_service_error() else {
        panic!("not the type of the error");
    };
    assert_eq!((error.retry_after_seconds(), error.service_code()), (1, Some("greengrass")));
    let wait = u64::try_from(error.retry_after_seconds()).unwrap();
    pass(&world, wait);
    list().await.unwrap();
}
