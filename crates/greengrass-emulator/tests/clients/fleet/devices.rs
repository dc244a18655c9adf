//! What devices do with deployments: failures, things by themselves, components and their configuration.

use greengrass_emulator::{Operation, RemovedConfiguration, Scope, Switches};
use serde_json::{Value, json};

use super::{Deployment, World};
use crate::support::{ACCOUNT, REGION};

fn thing_arn() -> String {
    Scope::new(ACCOUNT, REGION).thing_arn("core")
}

/// One device in a group; its rules as a fleet file has them.
fn core(rules: &str) -> World {
    World::new(&format!(
        "groups: [{{name: line}}], devices: [{{name: core, groups: [line], behaviour: {{takes: {{seconds: 1}}, rules: [{rules}]}}}}]"
    ))
}

#[test]
fn failures_are_told_with_the_nucleus_s_own_stacks() {
    for (outcome, status, detailed, last, types) in [
        ("componentBroken", "FAILED", "FAILED_ROLLBACK_COMPLETE", "COMPONENT_BROKEN", json!(["USER_COMPONENT_ERROR"])),
        (
            "unableToRollback",
            "FAILED",
            "FAILED_UNABLE_TO_ROLLBACK",
            "COMPONENT_BROKEN",
            json!(["USER_COMPONENT_ERROR"]),
        ),
        (
            "noSuchVersion",
            "FAILED",
            "FAILED_NO_STATE_CHANGE",
            "COMPONENT_VERSION_REQUIREMENTS_NOT_MET",
            json!(["REQUEST_ERROR"]),
        ),
        (
            "artifactDenied",
            "FAILED",
            "FAILED_NO_STATE_CHANGE",
            "S3_HEAD_OBJECT_ACCESS_DENIED",
            json!(["DEPENDENCY_ERROR", "PERMISSION_ERROR"]),
        ),
        ("reject", "REJECTED", "REJECTED", "DEPLOYMENT_REJECTED", json!([])),
    ] {
        let world = core(&format!("{{component: app, version: 1.1.0, outcome: {outcome}}}"));
        world.deploy("line", "1.0.0");
        world.pass(10);
        let deployment = world.deploy("line", "1.1.0");
        world.pass(10);
        let execution = world.execution(&deployment, "core").unwrap();
        assert_eq!(execution["status"], status, "{outcome}");
        let details = &execution["statusDetails"]["detailsMap"];
        assert_eq!(details["detailed-deployment-status"], detailed, "{outcome}");
        let stack: Value = serde_json::from_str(details["deployment-error-stack"].as_str().unwrap()).unwrap();
        assert_eq!(stack.as_array().unwrap().last().unwrap(), last, "{outcome}");
        let effective = world.effective("core", &World::group_arn("line"));
        assert_eq!(effective["statusDetails"], json!({"errorStack": stack, "errorTypes": types}), "{outcome}");
        assert!(effective["reason"].as_str().unwrap().starts_with(&format!("{last}: {detailed}")), "{outcome}");
        assert_eq!(world.status(&deployment), "ACTIVE", "a group's deployment never says what devices did");
        let after = if outcome == "unableToRollback" { "1.1.0" } else { "1.0.0" };
        assert_eq!(world.components("core"), json!({"app": after}), "{outcome}");
        let healthy = world.ok(Operation::GetCoreDevice, &json!({"coreDeviceThingName": "core"}));
        let expected = if outcome == "unableToRollback" { "UNHEALTHY" } else { "HEALTHY" };
        assert_eq!(healthy["status"], expected, "{outcome}");
    }
}

#[test]
fn without_rollback_a_broken_component_stays_on_the_device() {
    let world = core("{component: app, version: 1.1.0, outcome: componentBroken}");
    let policies = json!({
        "components": {"app": {"componentVersion": "1.1.0"}},
        "deploymentPolicies": {"failureHandlingPolicy": "DO_NOTHING"},
    });
    let deployment = world.deploy_with("line", &policies);
    world.pass(10);
    let details = world.execution(&deployment, "core").unwrap()["statusDetails"]["detailsMap"].clone();
    assert_eq!(details["detailed-deployment-status"], "FAILED_ROLLBACK_NOT_REQUESTED");
    let installed = world.ok(Operation::ListInstalledComponents, &json!({"coreDeviceThingName": "core"}));
    let state = |name: &str| {
        let components = installed["installedComponents"].as_array().unwrap();
        components.iter().find(|component| component["componentName"] == name).unwrap()["lifecycleState"].clone()
    };
    assert_eq!((state("app"), state("aws.greengrass.Nucleus")), (json!("BROKEN"), json!("FINISHED")));
    world.deploy("line", "1.2.0");
    world.pass(10);
    assert_eq!(world.device("core")["status"], "HEALTHY");
}

#[test]
fn a_rule_can_be_over_after_some_times_and_take_its_own_time() {
    let world = core("{outcome: artifactDenied, times: 2, takes: {seconds: 100}}");
    let statuses: Vec<String> = (0..3)
        .map(|_| {
            let deployment = world.deploy("line", "1.0.0");
            world.pass(50);
            let early = world.execution_status(&deployment, "core");
            world.pass(100);
            early + " " + &world.execution_status(&deployment, "core")
        })
        .collect();
    assert_eq!(statuses, ["IN_PROGRESS FAILED", "IN_PROGRESS FAILED", "SUCCEEDED SUCCEEDED"]);
}

#[test]
fn versions_of_two_groups_that_do_not_agree_fail_with_both_named() {
    let world = World::new(
        "groups: [{name: a}, {name: b}], devices: [{name: core, groups: [a, b], behaviour: {takes: {seconds: 1}}}]",
    );
    world.deploy("a", "1.0.0");
    world.pass(10);
    let other = world.deploy("b", "2.0.0");
    world.pass(10);
    let details = world.execution(&other, "core").unwrap()["statusDetails"]["detailsMap"].clone();
    let cause = details["deployment-failure-cause"].as_str().unwrap();
    assert!(cause.contains("thinggroup/a requires =1.0.0, thinggroup/b requires =2.0.0"), "{cause}");
    assert_eq!(world.components("core"), json!({"app": "1.0.0"}));
}

#[test]
fn a_thing_gets_its_deployment_by_its_shadow_and_the_status_is_the_device_s() {
    for (rules, status, shown) in [("", "COMPLETED", "COMPLETED"), ("{outcome: artifactDenied}", "FAILED", "FAILED")] {
        let world = core(rules);
        let request = json!({"targetArn": thing_arn(), "components": {"app": {"componentVersion": "1.0.0"}}});
        let made = world.ok(Operation::CreateDeployment, &request);
        assert!(made["iotJobId"].is_null());
        let id = made["deploymentId"].clone();
        let get = || world.ok(Operation::GetDeployment, &json!({"deploymentId": id}))["deploymentStatus"].clone();
        assert_eq!(get(), "ACTIVE");
        let shadow = || {
            let name = json!({"thingName": "core", "name": "AWSManagedGreengrassV2Deployment"});
            world.ok(Operation::GetThingShadow, &name)
        };
        let desired = shadow()["state"]["desired"].clone();
        let document: Value = serde_json::from_str(desired["fleetConfig"].as_str().unwrap()).unwrap();
        assert_eq!(document["components"]["app"]["version"], "1.0.0");
        world.pass(10);
        assert_eq!(get(), status);
        let reported = shadow()["state"]["reported"].clone();
        assert_eq!(reported["fleetConfigurationArnForStatus"], desired["fleetConfigurationArn"]);
        assert_eq!(reported["status"], if status == "COMPLETED" { "SUCCEEDED" } else { "FAILED" });
        assert_eq!(world.effective("core", &thing_arn())["coreDeviceExecutionStatus"], shown);
    }
}

#[test]
fn a_cancelled_deployment_to_a_thing_is_not_taken_up_and_the_lite_nucleus_takes_none() {
    let world = World::new(
        "devices: [{name: core, behaviour: {availability: never, takes: {seconds: 1}}}, {name: lite, lite: true}]",
    );
    let deploy = |thing: &str| {
        let arn = Scope::new(ACCOUNT, REGION).thing_arn(thing);
        let request = json!({"targetArn": arn, "components": {"app": {"componentVersion": "1.0.0"}}});
        world.ok(Operation::CreateDeployment, &request)["deploymentId"].clone()
    };
    let (cancelled, lite) = (deploy("core"), deploy("lite"));
    world.ok(Operation::CancelDeployment, &json!({"deploymentId": cancelled}));
    assert!(world.emulator.connect_device(ACCOUNT, REGION, "core", Some(true)));
    world.pass(3600);
    assert_eq!((world.components("core"), world.components("lite")), (json!({}), json!({})));
    let lite = world.ok(Operation::GetDeployment, &json!({"deploymentId": lite}));
    assert_eq!(lite["deploymentStatus"], "ACTIVE");
    let name = json!({"thingName": "core", "name": "AWSManagedGreengrassV2Deployment"});
    let shadow = world.ok(Operation::GetThingShadow, &name);
    assert_eq!(shadow["state"]["desired"]["desiredStatus"], "CANCELED");
}

/// Old revisions are cancelled and deleted when history is pruned; the newest one has nothing to do with that.
#[test]
fn cancelling_an_old_revision_of_a_thing_leaves_the_newest_one_in_the_shadow_alone() {
    let world = World::new("devices: [{name: core, behaviour: {availability: never}}]");
    let deploy = |version: &str| {
        let request = json!({"targetArn": thing_arn(), "components": {"app": {"componentVersion": version}}});
        world.ok(Operation::CreateDeployment, &request)["deploymentId"].clone()
    };
    let (old, new) = (deploy("1.0.0"), deploy("2.0.0"));
    let desired_status = || {
        let name = json!({"thingName": "core", "name": "AWSManagedGreengrassV2Deployment"});
        world.ok(Operation::GetThingShadow, &name)["state"]["desired"]["desiredStatus"].clone()
    };
    world.ok(Operation::CancelDeployment, &json!({"deploymentId": old}));
    assert_ne!(desired_status(), "CANCELED");
    world.ok(Operation::CancelDeployment, &json!({"deploymentId": new}));
    assert_eq!(desired_status(), "CANCELED");
    assert_eq!(world.effective("core", &thing_arn())["coreDeviceExecutionStatus"], "CANCELED");
}

#[test]
fn what_a_device_never_saw_the_end_of_is_told_as_it_ended_even_when_the_job_is_gone() {
    let world = World::new(
        "groups: [{name: line}], devices: [{name: away, groups: [line], behaviour: {availability: never}}, \
         {name: slow, groups: [line], behaviour: {takes: {seconds: 600}}}]",
    );
    let timed = json!({"iotJobConfiguration": {"timeoutConfig": {"inProgressTimeoutInMinutes": 1}}});
    let deployment = world.deploy_with("line", &timed);
    world.pass(120);
    let shown = |name: &str| world.effective(name, &World::group_arn("line"))["coreDeviceExecutionStatus"].clone();
    world.ok(Operation::CancelDeployment, &json!({"deploymentId": deployment.id}));
    assert_eq!((shown("away"), shown("slow")), (json!("CANCELED"), json!("TIMED_OUT")));
    // What the device says after the time-out no longer counts, neither for the status nor for its reason.
    world.pass(3600);
    assert_eq!(world.effective("slow", &World::group_arn("line"))["reason"], Value::Null);
    world.ok(Operation::DeleteDeployment, &json!({"deploymentId": deployment.id}));
    world.pass(60);
    assert_eq!((shown("away"), shown("slow")), (json!("CANCELED"), json!("TIMED_OUT")));
}

#[test]
fn cancelling_what_a_thing_works_on_lets_it_finish() {
    let world = World::new("devices: [{name: core, behaviour: {takes: {seconds: 600}}}]");
    let request = json!({"targetArn": thing_arn(), "components": {"app": {"componentVersion": "1.0.0"}}});
    let id = world.ok(Operation::CreateDeployment, &request)["deploymentId"].clone();
    world.pass(60);
    world.ok(Operation::CancelDeployment, &json!({"deploymentId": id}));
    assert_eq!(world.effective("core", &thing_arn())["coreDeviceExecutionStatus"], "IN_PROGRESS");
    world.pass(600);
    assert_eq!(world.effective("core", &thing_arn())["coreDeviceExecutionStatus"], "COMPLETED");
    let status = world.ok(Operation::GetDeployment, &json!({"deploymentId": id}))["deploymentStatus"].clone();
    assert_eq!(status, "CANCELED");
}

#[test]
fn nothing_reaches_the_device_of_a_thing_that_was_deleted() {
    let world = World::new("devices: [{name: core, behaviour: {availability: never, takes: {seconds: 1}}}]");
    let request = json!({"targetArn": thing_arn(), "components": {"app": {"componentVersion": "1.0.0"}}});
    let id = world.ok(Operation::CreateDeployment, &request)["deploymentId"].clone();
    world.ok(Operation::DeleteThing, &json!({"thingName": "core"}));
    // A new thing of that name has a new shadow, which asks for nothing.
    world.ok(Operation::CreateThing, &json!({"thingName": "core"}));
    assert!(world.emulator.connect_device(ACCOUNT, REGION, "core", Some(true)));
    world.pass(60);
    assert_eq!(world.components("core"), json!({}));
    assert_eq!(world.ok(Operation::GetDeployment, &json!({"deploymentId": id}))["deploymentStatus"], "ACTIVE");
}

#[test]
fn what_was_due_before_a_fleet_changes_happens_as_the_devices_were() {
    let world = core("");
    let deployment = world.deploy("line", "1.0.0");
    world.pass(3600);
    world.add("devices: [{name: core, groups: [line], behaviour: {availability: never}}]");
    assert_eq!(world.execution_status(&deployment, "core"), "SUCCEEDED");
}

#[test]
fn a_device_that_loses_its_connection_begins_nothing_and_reports_later() {
    let world = core("");
    world.add("devices: [{name: core, groups: [line], behaviour: {takes: {seconds: 100}}}]");
    let deployment = world.deploy("line", "1.0.0");
    world.pass(10);
    assert!(world.emulator.connect_device(ACCOUNT, REGION, "core", Some(false)));
    world.pass(1000);
    assert_eq!(world.execution_status(&deployment, "core"), "IN_PROGRESS");
    let next = world.deploy("line", "2.0.0");
    world.pass(1000);
    assert_eq!(world.execution_status(&next, "core"), "QUEUED");
    assert!(world.emulator.connect_device(ACCOUNT, REGION, "core", None));
    world.pass(1);
    assert_eq!(world.execution_status(&deployment, "core"), "SUCCEEDED");
    assert_eq!(world.execution_status(&next, "core"), "IN_PROGRESS");
}

#[test]
fn the_configuration_of_a_component_is_what_resets_and_merges_have_left() {
    let world = core("");
    let deploy = |merge: &Value, reset: &Value| {
        let update = json!({"merge": merge.to_string(), "reset": reset});
        world.deploy_with(
            "line",
            &json!({"components": {"app": {"componentVersion": "1.0.0", "configurationUpdate": update}}}),
        );
        world.pass(10);
        world.device("core")["components"]["app"]["configuration"].clone()
    };
    assert_eq!(deploy(&json!({"a": 1, "b": {"c": 1}}), &json!([])), json!({"a": 1, "b": {"c": 1}}));
    assert_eq!(deploy(&json!({"a": 2}), &json!([])), json!({"a": 2, "b": {"c": 1}}));
    assert_eq!(deploy(&json!({"d": null}), &json!(["/b/c"])), json!({"a": 2, "b": {}, "d": null}));
    assert_eq!(deploy(&json!({"e": 1}), &json!([""])), json!({"e": 1}));
}

#[test]
fn the_configuration_of_a_component_that_comes_back_is_a_switch() {
    for (removed_component_configuration, expected) in
        [(RemovedConfiguration::Forgotten, json!({})), (RemovedConfiguration::Kept, json!({"a": 1}))]
    {
        let switches = Switches { removed_component_configuration, ..Switches::default() };
        let world = World::with(
            switches,
            "groups: [{name: line}], devices: [{name: core, groups: [line], behaviour: {takes: {seconds: 1}}}]",
        );
        let configured = json!({"componentVersion": "1.0.0", "configurationUpdate": {"merge": "{\"a\":1}"}});
        for components in [json!({"app": configured}), json!({}), json!({"app": {"componentVersion": "1.0.0"}})] {
            world.deploy_with("line", &json!({"components": components}));
            world.pass(10);
        }
        assert_eq!(world.device("core")["components"]["app"]["configuration"], expected);
    }
}

#[test]
fn an_empty_deployment_uninstalls_what_its_target_put_there() {
    let world = core("");
    world.deploy("line", "1.0.0");
    let own = json!({"targetArn": thing_arn(), "components": {"tool": {"componentVersion": "1.0.0"}}});
    world.ok(Operation::CreateDeployment, &own);
    world.pass(10);
    world.deploy_with("line", &json!({"components": {}}));
    world.pass(10);
    assert_eq!(world.components("core"), json!({"tool": "1.0.0"}));
}

#[test]
fn core_devices_are_listed_by_the_groups_that_they_served() {
    let world = World::new(
        "groups: [{name: line}], devices: [{name: 'core-#', count: 3, groups: [line], behaviour: {takes: {seconds: 1}}}, {name: lone}]",
    );
    world.deploy("line", "1.0.0");
    world.pass(10);
    let names = |request: Value| -> Vec<Value> {
        let listed = world.ok(Operation::ListCoreDevices, &request)["coreDevices"].clone();
        listed.as_array().unwrap().iter().map(|device| device["coreDeviceThingName"].clone()).collect()
    };
    assert_eq!(names(json!({})).len(), 4);
    world.ok(Operation::RemoveThingFromThingGroup, &json!({"thingName": "core-2", "thingGroupName": "line"}));
    let of_group = names(json!({"thingGroupArn": World::group_arn("line")}));
    assert_eq!(of_group, ["core-1", "core-2", "core-3"], "those that left stay in the list");
    assert!(names(json!({"status": "UNHEALTHY"})).is_empty());
}

/// A thing may wait for a long time until its device is switched on for the first time.
#[test]
fn a_device_that_comes_after_the_deployments_takes_them_up_in_their_order() {
    let world = World::new("groups: [{name: line}]");
    world.ok(Operation::CreateThing, &json!({"thingName": "core"}));
    world.ok(Operation::AddThingToThingGroup, &json!({"thingName": "core", "thingGroupName": "line"}));
    let to_group = world.deploy("line", "1.0.0");
    let to_thing = world.ok(Operation::CreateDeployment, &json!({"targetArn": thing_arn()}));
    world.pass(90);
    assert_eq!(world.execution_status(&to_group, "core"), "QUEUED");

    world.add("devices: [{name: core}]");
    let execution = world.execution(&to_group, "core").unwrap();
    assert_eq!((&execution["status"], execution["startedAt"].as_f64()), (&json!("IN_PROGRESS"), Some(90.0)));
    let to_thing = Deployment { id: to_thing["deploymentId"].as_str().unwrap().to_owned(), job: String::new() };
    world.pass(10);
    assert_eq!(
        (world.execution_status(&to_group, "core").as_str(), world.status(&to_thing).as_str()),
        ("SUCCEEDED", "ACTIVE")
    );
    world.pass(10);
    assert_eq!(world.status(&to_thing), "COMPLETED");
}

#[test]
fn what_was_due_before_a_device_came_happened_without_it() {
    let world = World::new("groups: [{name: line}]");
    world.ok(Operation::CreateThing, &json!({"thingName": "core"}));
    world.ok(Operation::AddThingToThingGroup, &json!({"thingName": "core", "thingGroupName": "line"}));
    let deployment = world.deploy("line", "1.0.0");
    world.pass(60);
    world.add("devices: [{name: core}]");
    let counts = world.counts(&deployment);
    assert_eq!((counts.in_progress, counts.succeeded), (1, 0), "it has had no time for more");
}
