//! Deployments to a part of a fleet, on the devices.

use greengrass_emulator::{Acceptance, Emulator, Operation, Switches};
use serde_json::json;

use super::{Deployment, World};

/// Two devices in a fleet, of which one is in the canary group as well.
fn world(behaviour: &str) -> World {
    World::new(&format!(
        "groups: [{{name: fleet}}, {{name: canary}}], devices: [{{name: core, groups: [fleet, canary], {behaviour}}}, \
         {{name: other, groups: [fleet], behaviour: {{takes: {{seconds: 1}}}}}}]"
    ))
}

fn deploy_sub(world: &World, version: &str) -> Deployment {
    world.deploy_with(
        "canary",
        &json!({
            "parentTargetArn": World::group_arn("fleet"),
            "components": {"app": {"componentVersion": version}, "probe": {"componentVersion": "1.0.0"}},
        }),
    )
}

#[test]
fn a_subdeployment_replaces_the_components_of_its_parent_and_the_parent_s_next_revision_takes_them_back() {
    let world = world("behaviour: {takes: {seconds: 1}}");
    world.deploy("fleet", "1.0.0");
    world.pass(10);
    let sub = deploy_sub(&world, "1.1.0");
    world.pass(10);
    assert_eq!(world.components("core"), json!({"app": "1.1.0", "probe": "1.0.0"}));
    assert_eq!(world.components("other"), json!({"app": "1.0.0"}));
    assert_eq!(world.device("core")["roots"].as_object().unwrap().len(), 1, "booked under the fleet");
    world.deploy("fleet", "2.0.0");
    assert_eq!(world.status(&sub), "INACTIVE");
    assert_eq!(world.job(&sub)["status"], "CANCELED");
    world.pass(10);
    assert_eq!(world.components("core"), json!({"app": "2.0.0"}));
}

#[test]
fn ending_a_subdeployment_leaves_its_content_on_the_device() {
    let world = world("behaviour: {takes: {seconds: 1}}");
    world.deploy("fleet", "1.0.0");
    world.pass(10);
    let sub = deploy_sub(&world, "1.1.0");
    world.pass(10);
    world.ok(Operation::CancelDeployment, &json!({"deploymentId": sub.id}));
    world.ok(Operation::DeleteDeployment, &json!({"deploymentId": sub.id}));
    world.pass(3600);
    assert_eq!(world.components("core"), json!({"app": "1.1.0", "probe": "1.0.0"}));
}

#[test]
fn a_subdeployment_that_ended_with_its_parent_reaches_nobody_who_joins() {
    let world = World::new(
        "groups: [{name: fleet}, {name: canary}], devices: [{name: core, groups: [fleet], behaviour: {takes: {seconds: 1}}}]",
    );
    let ended = deploy_sub(&world, "1.1.0");
    world.pass(1);
    let newer = world.deploy("fleet", "2.0.0");
    world.ok(Operation::AddThingToThingGroup, &json!({"thingName": "core", "thingGroupName": "canary"}));
    world.pass(10);
    assert_eq!(
        (world.execution_status(&ended, "core"), world.execution_status(&newer, "core")),
        ("NONE".to_owned(), "SUCCEEDED".to_owned())
    );
}

#[test]
fn an_older_parent_that_comes_after_a_subdeployment_is_rejected() {
    let world = World::new(
        "groups: [{name: fleet}, {name: canary}], devices: [{name: core, groups: [canary], behaviour: {takes: {seconds: 1}}}]",
    );
    let parent = world.deploy("fleet", "1.0.0");
    world.pass(1);
    deploy_sub(&world, "1.1.0");
    world.pass(10);
    // The device joins the fleet only now: its job is older than what it has.
    world.ok(Operation::AddThingToThingGroup, &json!({"thingName": "core", "thingGroupName": "fleet"}));
    world.pass(10);
    let execution = world.execution(&parent, "core").unwrap();
    assert_eq!(execution["status"], "REJECTED");
    let details = &execution["statusDetails"]["detailsMap"];
    assert_eq!(details["deployment-error-stack"], r#"["DEPLOYMENT_REJECTED","REJECTED_STALE_DEPLOYMENT"]"#);
    let cause = details["deployment-failure-cause"].as_str().unwrap();
    assert!(cause.starts_with("Nucleus has a newer deployment for 'thinggroup/fleet' target"), "{cause}");
    assert_eq!(world.components("core"), json!({"app": "1.1.0", "probe": "1.0.0"}));
}

#[test]
fn a_nucleus_that_is_too_old_fails_a_subdeployment() {
    let world = world("nucleus: 2.8.1, behaviour: {takes: {seconds: 1}}");
    world.deploy("fleet", "1.0.0");
    world.pass(10);
    let sub = deploy_sub(&world, "1.1.0");
    world.pass(10);
    let effective = world.effective("core", &World::group_arn("canary"));
    assert_eq!(effective["coreDeviceExecutionStatus"], "FAILED");
    assert_eq!(
        effective["statusDetails"],
        json!({"errorStack": ["DEPLOYMENT_FAILURE", "NUCLEUS_MISSING_REQUIRED_CAPABILITIES"], "errorTypes": ["REQUEST_ERROR"]})
    );
    assert_eq!(world.execution_status(&sub, "core"), "FAILED");
    assert_eq!(world.components("core"), json!({"app": "1.0.0"}));
}

#[test]
fn a_nucleus_that_was_brought_up_to_date_takes_subdeployments() {
    let world = world("nucleus: 2.8.1, behaviour: {takes: {seconds: 1}}");
    let nucleus = json!({"components": {"aws.greengrass.Nucleus": {"componentVersion": "2.14.0"}}});
    world.deploy_with("fleet", &nucleus);
    world.pass(10);
    let sub = deploy_sub(&world, "1.1.0");
    world.pass(10);
    assert_eq!(world.execution_status(&sub, "core"), "SUCCEEDED");
}

/// The device books a subdeployment under the fleet, and asks whether it is in the fleet.
#[test]
fn leaving_the_group_of_a_subdeployment_leaves_its_components_while_the_device_is_in_the_fleet() {
    let world = World::new(
        "groups: [{name: fleet}, {name: canary}, {name: other}], devices: [{name: core, groups: [fleet, canary, other], behaviour: {takes: \
         {seconds: 1}}}]",
    );
    deploy_sub(&world, "1.1.0");
    world.pass(10);
    for (group, expected) in
        [("canary", json!({"app": "1.1.0", "probe": "1.0.0", "tool": "1.0.0"})), ("fleet", json!({"tool": "1.0.1"}))]
    {
        world.ok(Operation::RemoveThingFromThingGroup, &json!({"thingName": "core", "thingGroupName": group}));
        let version = if group == "canary" { "1.0.0" } else { "1.0.1" };
        world.deploy_with("other", &json!({"components": {"tool": {"componentVersion": version}}}));
        world.pass(10);
        assert_eq!(world.components("core"), expected, "after leaving {group}");
    }
}

#[test]
fn a_subdeployment_counts_as_the_deployment_that_another_one_s_parent_needs() {
    let switches = Switches { parent_without_deployment: Acceptance::Rejected, ..Switches::default() };
    let world = World::with(switches, "groups: [{name: fleet}, {name: canary}, {name: lab}]");
    let request = json!({"targetArn": World::group_arn("lab"), "parentTargetArn": World::group_arn("canary")});
    assert!(world.call(Operation::CreateDeployment, &request).is_err());
    world.deploy("fleet", "1.0.0");
    deploy_sub(&world, "1.1.0");
    world.ok(Operation::CreateDeployment, &request);
}

#[test]
fn a_thing_that_joins_does_the_older_deployment_first() {
    for seed in 0..8 {
        let world = World::of(
            Emulator::builder().seed(seed),
            "groups: [{name: canary}, {name: fleet}], devices: [{name: core}]",
        );
        let older = world.deploy("canary", "1.0.0");
        let newer = deploy_sub(&world, "1.0.0");
        world.ok(Operation::AddThingToThingGroup, &json!({"thingName": "core", "thingGroupName": "canary"}));
        world.pass(1);
        let statuses = [older, newer].map(|deployment| world.execution_status(&deployment, "core"));
        assert_eq!(statuses, ["IN_PROGRESS", "QUEUED"], "seed {seed}");
    }
}

#[test]
fn a_subdeployment_of_a_subdeployment_is_booked_under_the_fleet_at_the_root() {
    let world = World::new(
        "groups: [{name: fleet}, {name: canary}, {name: lab}], devices: [{name: core, groups: [fleet, canary, lab], behaviour: {takes: {seconds: 1}}}]",
    );
    world.deploy("fleet", "1.0.0");
    world.pass(10);
    deploy_sub(&world, "1.1.0");
    world.pass(10);
    let request =
        json!({"parentTargetArn": World::group_arn("canary"), "components": {"app": {"componentVersion": "1.2.0"}}});
    let nested = world.deploy_with("lab", &request);
    world.pass(10);
    assert_eq!(world.components("core"), json!({"app": "1.2.0"}));
    assert_eq!(world.device("core")["roots"], json!({"thinggroup/fleet": nested.id}));
}
