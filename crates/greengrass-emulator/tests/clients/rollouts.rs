//! Jobs and devices, through the library: under both positions of what AWS does but nobody documents, and what depends on the order of things.

use std::time::Duration;

use greengrass_emulator::{
    AbortedDeployment, Emulator, Fleet, JobNamespace, ManualClock, Operation, RemovedConfiguration, RolloutQueues,
    Scope, Switches,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{ACCOUNT, REGION};

/// Three devices of a group, under these switches, and the group's ARN. Version 2.0.0 breaks them.
fn devices(switches: Switches) -> (Emulator, String) {
    let clock = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
    let emulator = Emulator::builder().clock(clock).switches(switches).build();
    let fleet = json!({"accounts": [{
        "account": ACCOUNT,
        "region": REGION,
        "groups": [{"name": "fleet"}],
        "devices": [{"name": "core-#", "count": 3, "groups": ["fleet"]}],
        "rules": [{"component": "c", "version": "2.0.0", "outcome": "componentBroken"}],
    }]});
    emulator.add_fleet(&Fleet::from_yaml(&fleet.to_string()).unwrap()).unwrap();
    (emulator, Scope::new(ACCOUNT, REGION).thing_group_arn("fleet"))
}

fn perform(emulator: &Emulator, operation: Operation, request: &Value) -> Value {
    emulator.perform(&Scope::new(ACCOUNT, REGION), operation, request).unwrap()
}

/// Deploys, and lets a minute pass. The deployment's id and its job's.
fn deploy(emulator: &Emulator, request: &Value) -> (String, String) {
    let created = perform(emulator, Operation::CreateDeployment, request);
    emulator.advance(Duration::from_mins(1)).unwrap();
    let text = |member: &str| created[member].as_str().unwrap().to_owned();
    (text("deploymentId"), text("iotJobId"))
}

#[test]
fn a_deployment_whose_rollout_was_aborted() {
    for (aborted_deployment, expected) in
        [(AbortedDeployment::Canceled, "CANCELED"), (AbortedDeployment::Failed, "FAILED")]
    {
        let (emulator, group) = devices(Switches { aborted_deployment, ..Switches::default() });
        let criterion = json!({
            "failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 50.0, "minNumberOfExecutedThings": 2,
        });
        let (id, job) = deploy(
            &emulator,
            &json!({
                "targetArn": group,
                "components": {"c": {"componentVersion": "2.0.0"}},
                "iotJobConfiguration": {
                    "jobExecutionsRolloutConfig": {"maximumPerMinute": 4},
                    "abortConfig": {"criteriaList": [criterion]},
                },
            }),
        );
        assert_eq!(json!(emulator.deployment(&id).unwrap().deployment_status), expected);
        let described = perform(&emulator, Operation::DescribeJob, &json!({"jobId": job}));
        assert_eq!(described["job"]["status"], "CANCELED");
        let counts = emulator.execution_counts(&job).unwrap();
        assert_eq!((counts.failed, counts.queued + counts.in_progress), (2, 0), "the third has none");
    }
}

#[test]
fn executions_before_the_rollout_reaches_their_things() {
    for (rollout_queues, expected) in [(RolloutQueues::AsItGoes, 1), (RolloutQueues::AtOnce, 3)] {
        let (emulator, group) = devices(Switches { rollout_queues, ..Switches::default() });
        let slow = json!({"jobExecutionsRolloutConfig": {"maximumPerMinute": 1}});
        let created =
            perform(&emulator, Operation::CreateDeployment, &json!({"targetArn": group, "iotJobConfiguration": slow}));
        let counts = emulator.execution_counts(created["iotJobId"].as_str().unwrap()).unwrap();
        assert_eq!((counts.in_progress, counts.queued + counts.in_progress), (1, expected));
    }
}

#[test]
fn jobs_without_their_namespace() {
    for (job_namespace, found) in [(JobNamespace::Optional, 1), (JobNamespace::Required, 0)] {
        let (emulator, group) = devices(Switches { job_namespace, ..Switches::default() });
        let (_, job) = deploy(&emulator, &json!({"targetArn": group}));
        let count = |answer: &Value, member: &str| answer[member].as_array().unwrap().len();
        for (request, expected) in [(json!({}), found), (json!({"namespaceId": "aws-gg-deployment"}), 1)] {
            assert_eq!(count(&perform(&emulator, Operation::ListJobs, &request), "jobs"), expected);
            let mut request = request;
            request["thingName"] = json!("core-1");
            let listed = perform(&emulator, Operation::ListJobExecutionsForThing, &request);
            assert_eq!(count(&listed, "executionSummaries"), expected);
        }
        let delete = json!({"jobId": job, "force": true});
        let deleted = emulator.perform(&Scope::new(ACCOUNT, REGION), Operation::DeleteJob, &delete);
        assert_eq!(deleted.is_ok(), found == 1);
    }
}

#[test]
fn the_configuration_of_a_component_that_went_and_came_back() {
    for (removed_component_configuration, expected) in
        [(RemovedConfiguration::Forgotten, json!({})), (RemovedConfiguration::Kept, json!({"a": 1}))]
    {
        let (emulator, group) = devices(Switches { removed_component_configuration, ..Switches::default() });
        let merge = json!({"merge": "{\"a\": 1}"});
        for components in [
            json!({"c": {"componentVersion": "1.0.0", "configurationUpdate": merge}}),
            json!({}),
            json!({"c": {"componentVersion": "1.0.0"}}),
        ] {
            deploy(&emulator, &json!({"targetArn": group, "components": components}));
        }
        let device = emulator.device(ACCOUNT, REGION, "core-1").unwrap();
        assert_eq!(device["components"]["c"]["configuration"], expected);
    }
}

#[test]
fn counts_of_a_new_job_and_a_job_that_is_being_deleted() {
    let (emulator, group) =
        devices(Switches { job_counts_delay_ms: 61_000, job_deletion_ms: 3000, ..Switches::default() });
    let (_, job) = deploy(&emulator, &json!({"targetArn": group}));
    let describe = || emulator.perform(&Scope::new(ACCOUNT, REGION), Operation::DescribeJob, &json!({"jobId": job}));
    let succeeded = || describe().unwrap()["job"]["jobProcessDetails"]["numberOfSucceededThings"].clone();
    assert_eq!((succeeded(), emulator.execution_counts(&job).unwrap().succeeded), (json!(0), 3));
    emulator.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(succeeded(), 3);

    perform(&emulator, Operation::DeleteJob, &json!({"jobId": job, "force": true}));
    emulator.advance(Duration::from_millis(2999)).unwrap();
    assert_eq!(describe().unwrap()["job"]["status"], "DELETION_IN_PROGRESS");
    emulator.advance(Duration::from_millis(1)).unwrap();
    assert_eq!(describe().unwrap_err().code(), "ResourceNotFoundException");
}

/// A thing may wait for a long time until its device is switched on for the first time.
#[test]
fn a_device_that_comes_after_the_deployments_takes_them_up_in_their_order() {
    let clock = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
    let emulator = Emulator::builder().clock(clock).build();
    let group = emulator.create_thing_group(ACCOUNT, REGION, "fleet").unwrap();
    let thing = emulator.create_thing(ACCOUNT, REGION, "core").unwrap();
    perform(&emulator, Operation::AddThingToThingGroup, &json!({"thingName": "core", "thingGroupName": "fleet"}));
    let deploy = |target: &str| perform(&emulator, Operation::CreateDeployment, &json!({"targetArn": target}));
    let (to_group, to_thing) = (deploy(&group), deploy(&thing));
    emulator.advance(Duration::from_secs(90)).unwrap();
    let job = to_group["iotJobId"].as_str().unwrap();

    let fleet = json!({"accounts": [{"account": ACCOUNT, "region": REGION, "devices": [{"name": "core"}]}]});
    emulator.add_fleet(&Fleet::from_yaml(&fleet.to_string()).unwrap()).unwrap();
    let execution = || {
        let request = json!({"jobId": job, "thingName": "core"});
        perform(&emulator, Operation::DescribeJobExecution, &request)["execution"].clone()
    };
    assert_eq!((&execution()["status"], execution()["startedAt"].as_f64()), (&json!("IN_PROGRESS"), Some(90.0)));
    let status = || json!(emulator.deployment(to_thing["deploymentId"].as_str().unwrap()).unwrap().deployment_status);
    emulator.advance(Duration::from_secs(10)).unwrap();
    assert_eq!((&execution()["status"], status()), (&json!("SUCCEEDED"), json!("ACTIVE")));
    emulator.advance(Duration::from_secs(10)).unwrap();
    assert_eq!(status(), "COMPLETED");
}

#[test]
fn what_was_due_before_a_device_came_happened_without_it() {
    let clock = ManualClock::starting_at(Timestamp::UNIX_EPOCH);
    let emulator = Emulator::builder().clock(clock).build();
    let group = emulator.create_thing_group(ACCOUNT, REGION, "fleet").unwrap();
    emulator.create_thing(ACCOUNT, REGION, "core").unwrap();
    perform(&emulator, Operation::AddThingToThingGroup, &json!({"thingName": "core", "thingGroupName": "fleet"}));
    let created = perform(&emulator, Operation::CreateDeployment, &json!({"targetArn": group}));
    emulator.advance(Duration::from_mins(1)).unwrap();
    let fleet = json!({"accounts": [{"account": ACCOUNT, "region": REGION, "devices": [{"name": "core"}]}]});
    emulator.add_fleet(&Fleet::from_yaml(&fleet.to_string()).unwrap()).unwrap();
    let counts = emulator.execution_counts(created["iotJobId"].as_str().unwrap()).unwrap();
    assert_eq!((counts.in_progress, counts.succeeded), (1, 0), "it has had no time for more");
}
