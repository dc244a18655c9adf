//! Rollouts that are stopped, and executions that take too long.

use greengrass_emulator::{AbortedDeployment, ExecutionCounts, Switches};
use serde_json::{Value, json};

use super::World;
use crate::support::{ACCOUNT, REGION};

fn criteria(failure: &str, percentage: u32, least: u32) -> Value {
    json!({"criteriaList": [{
        "failureType": failure, "action": "CANCEL", "thresholdPercentage": percentage, "minNumberOfExecutedThings": least,
    }]})
}

#[test]
fn an_abort_criterion_stops_the_rollout_and_what_has_begun_goes_on() {
    for (aborted_deployment, status) in
        [(AbortedDeployment::Canceled, "CANCELED"), (AbortedDeployment::Failed, "FAILED")]
    {
        let world = World::with(
            Switches { aborted_deployment, ..Switches::default() },
            "groups: [{name: line}], rules: [{component: app, version: 1.1.0, outcome: componentBroken}], \
             devices: [{name: 'core-###', count: 100, groups: [line], behaviour: {takes: {seconds: 5}}}]",
        );
        let deployment = world.deploy_with(
            "line",
            &json!({
                "components": {"app": {"componentVersion": "1.1.0"}},
                "iotJobConfiguration": {
                    "abortConfig": criteria("FAILED", 50, 10),
                    "jobExecutionsRolloutConfig": {"maximumPerMinute": 60},
                },
            }),
        );
        world.pass(3600);
        let counts = world.counts(&deployment);
        // The tenth failure comes fourteen seconds after the start; four more devices are at work then.
        assert_eq!((counts.failed, counts.queued, counts.in_progress), (14, 0, 0), "{counts:?}");
        assert_eq!(counts.succeeded + counts.canceled, 0, "nobody else was told");
        assert_eq!(world.status(&deployment), status);
        assert_eq!(world.job(&deployment)["status"], "CANCELED");
        assert!(world.job(&deployment)["reasonCode"].is_string());
        let error =
            world.call(greengrass_emulator::Operation::DeleteDeployment, &json!({"deploymentId": deployment.id}));
        assert_eq!(error.err(), None, "it has ended");
    }
}

#[test]
fn a_device_that_takes_too_long_times_out_and_a_queued_one_never_does() {
    let world = World::new(
        "groups: [{name: line}], devices: [{name: hangs, groups: [line], behaviour: {rules: [{outcome: hang, times: 1}]}}, \
         {name: away, groups: [line], behaviour: {availability: never}}, {name: quick, groups: [line]}]",
    );
    let timed = json!({
        "components": {"app": {"componentVersion": "1.0.0"}},
        "iotJobConfiguration": {"timeoutConfig": {"inProgressTimeoutInMinutes": 5}},
    });
    let deployment = world.deploy_with("line", &timed);
    world.pass(299);
    assert_eq!(world.execution(&deployment, "hangs").unwrap()["approximateSecondsBeforeTimedOut"], 1);
    world.pass(30 * 24 * 3600);
    assert_eq!(
        world.counts(&deployment),
        ExecutionCounts { succeeded: 1, timed_out: 1, queued: 1, ..Default::default() }
    );
    assert_eq!(world.effective("hangs", &World::group_arn("line"))["coreDeviceExecutionStatus"], "TIMED_OUT");
    // A hanging device takes nothing else until somebody restarts it.
    let next = world.deploy("line", "2.0.0");
    world.pass(3600);
    assert_eq!(world.execution_status(&next, "hangs"), "QUEUED");
    assert!(world.emulator.restart_device(ACCOUNT, REGION, "hangs"));
    world.pass(3600);
    assert_eq!(world.execution_status(&next, "hangs"), "SUCCEEDED");
}

#[test]
fn time_outs_count_for_abort_criteria() {
    let world = World::new(
        "groups: [{name: line}], devices: [{name: 'core-#', count: 3, groups: [line], behaviour: {rules: [{outcome: hang}]}}]",
    );
    let configuration = json!({"iotJobConfiguration": {
        "timeoutConfig": {"inProgressTimeoutInMinutes": 1}, "abortConfig": criteria("TIMED_OUT", 100, 3),
    }});
    let deployment = world.deploy_with("line", &configuration);
    world.pass(59);
    assert_eq!(world.status(&deployment), "ACTIVE");
    world.pass(10);
    assert_eq!(world.status(&deployment), "CANCELED");
}
