//! A thing group's deployment is a continuous job: who gets it when, and how it ends.

use greengrass_emulator::{
    ExecutionCounts, FaultAction, FaultRule, JobNamespace, Operation, RolloutQueues, Staleness, Switches,
};
use serde_json::json;

use super::World;
use crate::support::iot_client;
use crate::support::{ACCOUNT, REGION};

const LINE: &str = "groups: [{name: line}], devices: [{name: 'core-###', count: 100, groups: [line]}]";

#[test]
fn a_group_s_deployment_stays_active_and_its_job_in_progress_when_all_have_succeeded() {
    let world = World::new(LINE);
    let deployment = world.deploy("line", "1.0.0");
    world.pass(60);
    let counts = world.counts(&deployment);
    assert_eq!(counts, ExecutionCounts { succeeded: 100, ..Default::default() });
    assert_eq!(world.status(&deployment), "ACTIVE");
    let job = world.job(&deployment);
    assert_eq!((&job["status"], &job["targetSelection"]), (&json!("IN_PROGRESS"), &json!("CONTINUOUS")));
    assert_eq!(job["namespaceId"], "aws-gg-deployment");
    assert_eq!(job["jobProcessDetails"]["numberOfSucceededThings"], 100);
    assert_eq!(world.components("core-042"), json!({"app": "1.0.0"}));
}

#[test]
fn counts_are_zero_at_first_and_then_those_of_the_executions() {
    let world = World::new(LINE);
    let deployment = world.deploy("line", "1.0.0");
    let sum = || -> u64 {
        let job = world.job(&deployment);
        let details = job["jobProcessDetails"].as_object().unwrap();
        details.iter().filter(|(name, _)| name.starts_with("numberOf")).map(|(_, count)| count.as_u64().unwrap()).sum()
    };
    world.pass(1);
    assert_eq!(sum(), 0);
    assert!(world.counts(&deployment).in_progress > 0, "the lag is of DescribeJob alone");
    world.pass(9);
    assert_eq!(sum(), 100);
}

#[test]
fn how_long_counts_lag_and_jobs_take_to_go_are_switches() {
    let switches = Switches { job_counts_delay_ms: 5000, job_deletion_ms: 60_000, ..Switches::default() };
    let world = World::with(switches, LINE);
    let deployment = world.deploy("line", "1.0.0");
    let in_progress = || world.job(&deployment)["jobProcessDetails"]["numberOfInProgressThings"].clone();
    world.pass(4);
    assert_eq!(in_progress(), 0);
    world.pass(1);
    assert_ne!(in_progress(), 0);
    world.ok(Operation::CancelDeployment, &json!({"deploymentId": deployment.id}));
    world.ok(Operation::DeleteDeployment, &json!({"deploymentId": deployment.id}));
    world.pass(59);
    assert_eq!(world.job(&deployment)["status"], "DELETION_IN_PROGRESS");
    world.pass(1);
    assert!(world.call(Operation::DescribeJob, &json!({"jobId": deployment.job})).is_err());
}

#[test]
fn a_rollout_reaches_so_many_things_a_minute_and_the_job_says_that_it_goes_on() {
    for (rollout_queues, queued_at_once) in [(RolloutQueues::AsItGoes, false), (RolloutQueues::AtOnce, true)] {
        let world = World::with(Switches { rollout_queues, ..Switches::default() }, LINE);
        let slow = json!({"iotJobConfiguration": {"jobExecutionsRolloutConfig": {"maximumPerMinute": 20}}});
        let deployment = world.deploy_with("line", &slow);
        world.pass(59);
        let counts = world.counts(&deployment);
        assert_eq!(counts.succeeded + counts.in_progress, 20, "{counts:?}");
        assert_eq!(counts.queued, if queued_at_once { 80 } else { 0 });
        assert!(world.job(&deployment)["jobProcessDetails"]["processingTargets"].is_array());
        assert_eq!(world.job(&deployment)["isConcurrent"], true);
        world.pass(300);
        assert_eq!(world.counts(&deployment).succeeded, 100);
        assert!(world.job(&deployment)["jobProcessDetails"]["processingTargets"].is_null());
        assert_eq!(world.job(&deployment)["isConcurrent"], false);
    }
}

#[test]
fn a_newer_revision_takes_the_place_of_an_older_one_that_waits() {
    let world = World::new(
        "groups: [{name: line}], devices: [{name: away, groups: [line], behaviour: {availability: never}}, \
         {name: here, groups: [line], behaviour: {takes: {seconds: 60}}}]",
    );
    let [first, second, third] = ["1.0.0", "2.0.0", "3.0.0"].map(|version| {
        let deployment = world.deploy("line", version);
        world.pass(10);
        deployment
    });
    for old in [&first, &second] {
        assert_eq!(world.status(old), "INACTIVE");
        assert_eq!(world.job(old)["status"], "CANCELED");
        assert_eq!(world.execution_status(old, "away"), "CANCELED");
    }
    assert_eq!(world.execution_status(&first, "here"), "IN_PROGRESS", "what has begun goes on");
    assert!(world.emulator.connect_device(ACCOUNT, REGION, "away", Some(true)));
    world.pass(120);
    assert_eq!(world.execution_status(&first, "here"), "SUCCEEDED");
    assert_eq!(world.execution_status(&third, "away"), "SUCCEEDED");
    assert_eq!(
        (world.components("away"), world.components("here")),
        (json!({"app": "3.0.0"}), json!({"app": "3.0.0"}))
    );
}

#[test]
fn a_cancelled_deployment_reaches_nobody_who_has_not_begun() {
    let world = World::new(
        "groups: [{name: line}], devices: [{name: away, groups: [line], behaviour: {availability: never}}, \
         {name: slow, groups: [line], behaviour: {takes: {seconds: 3600}}}, {name: quick, groups: [line]}]",
    );
    let deployment = world.deploy("line", "1.0.0");
    world.pass(60);
    world.ok(Operation::CancelDeployment, &json!({"deploymentId": deployment.id}));
    let counts = ExecutionCounts { succeeded: 1, in_progress: 1, canceled: 1, ..Default::default() };
    assert_eq!(world.counts(&deployment), counts);
    world.add("devices: [{name: late, groups: [line]}]");
    assert!(world.emulator.connect_device(ACCOUNT, REGION, "away", Some(true)));
    world.pass(7200);
    let counts = ExecutionCounts { succeeded: 2, canceled: 1, ..Default::default() };
    assert_eq!(world.counts(&deployment), counts);
    assert_eq!(world.effective("away", &World::group_arn("line"))["coreDeviceExecutionStatus"], "CANCELED");
    assert_eq!((world.components("late"), world.components("slow")), (json!({}), json!({"app": "1.0.0"})));
}

#[test]
fn a_job_can_be_cancelled_by_force_and_its_deployment_with_it() {
    let world = World::new(
        "groups: [{name: line}], devices: [{name: slow, groups: [line], behaviour: {takes: {seconds: 3600}}}]",
    );
    let deployment = world.deploy("line", "1.0.0");
    world.pass(60);
    let cancel = json!({"jobId": deployment.job, "force": true, "reasonCode": "STOP", "comment": "by hand"});
    world.ok(Operation::CancelJob, &cancel);
    assert_eq!(world.call(Operation::CancelJob, &cancel).unwrap_err().code(), "InvalidRequestException");
    assert_eq!(world.execution_status(&deployment, "slow"), "CANCELED");
    assert_eq!(world.status(&deployment), "CANCELED");
    let job = world.job(&deployment);
    assert_eq!((&job["reasonCode"], &job["forceCanceled"]), (&json!("STOP"), &json!(true)));
    world.pass(7200);
    assert_eq!(world.execution_status(&deployment, "slow"), "CANCELED", "what the device says later is refused");
}

#[test]
fn ten_jobs_are_deleted_at_once_and_the_eleventh_waits() {
    let world = World::new("groups: [{name: line}]");
    let deployments: Vec<_> = (0..12).map(|_| world.deploy("line", "1.0.0")).collect();
    let delete = |index: usize| {
        let request = json!({"deploymentId": deployments[index].id});
        world.call(Operation::DeleteDeployment, &request)
    };
    for index in 0..10 {
        delete(index).unwrap();
    }
    assert_eq!(world.job(&deployments[0])["status"], "DELETION_IN_PROGRESS");
    let error = delete(10).unwrap_err();
    assert_eq!((error.code(), error.status()), ("ThrottlingException", 429));
    assert!(error.body()["message"].as_str().unwrap().contains("DELETION_IN_PROGRESS"), "{}", error.body());
    assert_eq!(world.status(&deployments[10]), "INACTIVE", "nothing was done");
    world.pass(6);
    delete(10).unwrap();
    let gone = world.call(Operation::DescribeJob, &json!({"jobId": deployments[0].job})).unwrap_err();
    assert_eq!(gone.code(), "ResourceNotFoundException");
}

#[test]
fn jobs_are_found_by_their_namespace_and_without_one_as_the_switch_says() {
    for (job_namespace, without) in [(JobNamespace::Optional, 1), (JobNamespace::Required, 0)] {
        let world = World::with(Switches { job_namespace, ..Switches::default() }, LINE);
        let deployment = world.deploy("line", "1.0.0");
        world.pass(60);
        let jobs = |request| world.ok(Operation::ListJobs, &request)["jobs"].as_array().unwrap().len();
        let executions = |request| {
            let listed = world.ok(Operation::ListJobExecutionsForThing, &request);
            listed["executionSummaries"].as_array().unwrap().len()
        };
        for (namespace, expected) in [(json!("aws-gg-deployment"), 1), (json!("mine"), 0), (json!(null), without)] {
            assert_eq!(jobs(json!({"namespaceId": namespace})), expected, "{namespace}");
            assert_eq!(executions(json!({"thingName": "core-001", "namespaceId": namespace})), expected, "{namespace}");
        }
        let delete = world.call(Operation::DeleteJob, &json!({"jobId": deployment.job, "force": true}));
        assert_eq!(delete.is_ok(), without == 1);
    }
}

#[tokio::test]
async fn a_stale_read_shows_a_job_as_it_was() {
    let world = World::new(LINE);
    let deployment = world.deploy("line", "1.0.0");
    world.pass(60);
    world.ok(Operation::CancelDeployment, &json!({"deploymentId": deployment.id}));
    let client = iot_client(&world.emulator);
    let describe = async |milliseconds: u64| {
        let stale = FaultAction::Stale(Staleness::MillisecondsAgo(milliseconds));
        world.emulator.faults().add(FaultRule::on(Operation::DescribeJob, stale));
        let answer = client.describe_job().job_id(&deployment.job).send().await;
        answer.ok().map(|answer| {
            let job = answer.job.unwrap();
            let details = job.job_process_details.unwrap();
            let counts = (details.number_of_in_progress_things(), details.number_of_succeeded_things());
            (job.status.unwrap().as_str().to_owned(), counts.0.unwrap(), counts.1.unwrap())
        })
    };
    assert_eq!(describe(0).await, Some(("CANCELED".to_owned(), 0, 100)));
    // Devices take ten seconds, and the last is told in the seventh.
    assert_eq!(describe(50_001).await, Some(("IN_PROGRESS".to_owned(), 100, 0)));
    assert_eq!(describe(56_500).await, Some(("IN_PROGRESS".to_owned(), 66, 0)));
    assert_eq!(describe(60_001).await, None);

    // Before its deletion began it was cancelled, before the last write too.
    world.pass(60);
    world.ok(Operation::DeleteDeployment, &json!({"deploymentId": deployment.id}));
    world.pass(1);
    assert_eq!(describe(0).await.unwrap().0, "DELETION_IN_PROGRESS");
    assert_eq!(describe(30_000).await, Some(("CANCELED".to_owned(), 0, 100)));
    for (writes, expected) in [(1, "CANCELED"), (2, "IN_PROGRESS")] {
        let stale = FaultAction::Stale(Staleness::WritesAgo(writes));
        world.emulator.faults().add(FaultRule::on(Operation::DescribeJob, stale));
        let job = client.describe_job().job_id(&deployment.job).send().await.unwrap().job.unwrap();
        let succeeded = job.job_process_details.unwrap().number_of_succeeded_things();
        assert_eq!((job.status.unwrap().as_str(), succeeded), (expected, Some(100)), "{writes} writes ago");
    }
}

#[test]
fn a_deployment_outlives_its_job() {
    let world = World::new(LINE);
    let deployment = world.deploy("line", "1.0.0");
    let delete = |force: bool| {
        let request = json!({"jobId": deployment.job, "force": force, "namespaceId": "aws-gg-deployment"});
        world.call(Operation::DeleteJob, &request)
    };
    assert_eq!(delete(false).unwrap_err().code(), "InvalidStateTransitionException");
    delete(true).unwrap();
    world.pass(10);
    assert_eq!(world.status(&deployment), "CANCELED");
    world.ok(Operation::DeleteDeployment, &json!({"deploymentId": deployment.id}));
}

/// A hundred thousand devices and a day, in seconds and in one process.
#[test]
fn a_hundred_thousand_devices_take_a_deployment() {
    let world = World::new(
        "groups: [{name: fleet}], devices: [{name: 'core-######', count: 100000, groups: [fleet], behaviour: {takes: \
         {medianSeconds: 30, sigma: 1}, rules: [{share: 0.02, outcome: componentBroken}]}}]",
    );
    let deployment = world.deploy("fleet", "1.0.0");
    world.pass(24 * 3600);
    let counts = world.counts(&deployment);
    assert_eq!(counts.succeeded + counts.failed, 100_000, "{counts:?}");
    assert!((1800..2200).contains(&counts.failed), "{counts:?}");
}
