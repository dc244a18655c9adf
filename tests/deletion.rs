//! What remains in AWS when a resource is deleted.

use greengrass_emulator::DeploymentStatus;
use rstest::rstest;
use serde_json::json;

use crate::world::{ACCOUNT, Manifest, REGION, World};

#[rstest]
#[case("Retain", &[DeploymentStatus::Inactive, DeploymentStatus::Active])]
#[case("Cancel", &[DeploymentStatus::Inactive, DeploymentStatus::Canceled])]
#[case("Delete", &[])]
fn each_policy_leaves_what_it_says(#[case] policy: &str, #[case] left: &[DeploymentStatus]) {
    let world = World::new("delete");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group).with("deletionPolicy", json!(policy));
    world.apply(&manifest);
    world.wait_ready("presses");
    world.apply(&manifest.version("1.0.1"));
    let ready = world.wait_ready("presses");
    let finalizers = ready["metadata"]["finalizers"].as_array().map_or(0, Vec::len);
    assert_eq!(finalizers, usize::from(policy != "Retain"), "a finalizer exists exactly when something must be done");
    world.delete("presses");
    world.wait_gone("presses");
    let statuses: Vec<_> = world.deployments().iter().map(|deployment| deployment.deployment_status).collect();
    let left: Vec<_> = left
        .iter()
        .map(|status| if *status == DeploymentStatus::Inactive { world.superseded() } else { *status })
        .collect();
    assert_eq!(statuses, left);
}

#[test]
fn deleting_leaves_somebody_elses_deployment_alone() {
    let world = World::new("theirs");
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group).with("deletionPolicy", json!("Delete")));
    world.wait_ready("presses");
    let request = json!({"targetArn": group, "components": {}});
    let foreign = world.emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    world.delete("presses");
    world.wait_gone("presses");
    let left: Vec<_> = world
        .deployments()
        .iter()
        .map(|deployment| (deployment.deployment_id.clone(), deployment.deployment_status))
        .collect();
    assert_eq!(left, [(foreign, DeploymentStatus::Active)]);
}

#[test]
fn a_suspended_resource_goes_and_leaves_aws_alone() {
    let world = World::new("abandon");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group).with("deletionPolicy", json!("Delete"));
    world.apply(&manifest);
    world.wait_ready("presses");
    world.apply(&manifest.with("suspend", json!(true)));
    world.wait_until("presses", "suspended", |object| crate::world::condition(object, "Suspended").is_some());
    world.delete("presses");
    world.wait_gone("presses");
    assert_eq!(world.deployments().len(), 1);
    let events = world.kubectl(&["get", "events", "--output=json"]).success().unwrap();
    assert!(events.contains("Abandoned"), "{events}");
}

#[test]
fn a_policy_changed_to_retain_lets_go_of_a_deletion_that_aws_denies() {
    use greengrass_emulator::{FaultAction, FaultRule, Operation};
    let world = World::new("letgo");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group).with("deletionPolicy", json!("Delete"));
    world.apply(&manifest);
    world.wait_ready("presses");
    world.emulator.faults().add(FaultRule::on(Operation::CancelDeployment, FaultAction::AccessDenied).always());
    world.delete("presses");
    world.wait("the refusal", || world.count("CancelDeployment") > 0);
    world.wait_for("presses", "False", "Removing");
    world.apply(&manifest.with("deletionPolicy", json!("Retain")));
    world.wait_gone("presses");
    assert_eq!(world.deployments().len(), 1);
}
