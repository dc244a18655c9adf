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

#[test]
fn a_namespace_goes_with_everything_in_it() {
    // Or the operator would lose its account and its rights with the namespace.
    let world = World::managed_from_elsewhere("namespace");
    let (presses, lathes) = (world.group("Presses"), world.group("Lathes"));
    world.apply(&Manifest::new("presses", &presses).with("deletionPolicy", json!("Delete")));
    world.apply(&Manifest::new("lathes", &lathes).with("deletionPolicy", json!("Cancel")));
    world.wait_ready("presses");
    world.wait_ready("lathes");
    // An operator for the whole cluster has rights that don't go with the namespace.
    let path = "--output=jsonpath={.items[0].roleRef.name} {.items[0].subjects[0].namespace}";
    let bound = world.kubectl(&["get", "rolebinding", path]).success().unwrap();
    let (role, home) = bound.split_once(' ').unwrap();
    let (role, account) = (format!("--clusterrole={role}"), format!("--serviceaccount={home}:greengrass-operator"));
    world.cluster.kubectl(&["create", "clusterrolebinding", home, &role, &account]).unwrap().success().unwrap();
    let namespace = world.namespace.clone();
    world.cluster.kubectl(&["delete", "namespace", &namespace, "--wait=false"]).unwrap().success().unwrap();
    world.wait("the deployments to go", || {
        let left: Vec<_> = world.deployments().iter().map(|one| one.deployment_status).collect();
        left == [DeploymentStatus::Canceled]
    });
}

#[test]
fn while_the_definition_itself_is_deleted_nothing_is_done_in_aws() {
    // Its own cluster: definitions belong to all namespaces.
    let cluster = Box::leak(Box::new(testcluster::Cluster::start().unwrap()));
    crate::world::install_definitions_on(cluster);
    let world = World::on(cluster, "definition");
    let names = ["cancel", "delete", "retain"];
    for (name, policy) in names.into_iter().zip(["Cancel", "Delete", "Retain"]) {
        let group = world.group(name);
        world.apply(&Manifest::new(name, &group).with("deletionPolicy", json!(policy)));
        world.wait_ready(name);
    }
    let definition = "greengrassdeployments.greengrass-operator.dev";
    cluster.kubectl(&["delete", "crd", definition, "--timeout=60s"]).unwrap().success().unwrap();
    let statuses: Vec<_> = world.deployments().iter().map(|one| one.deployment_status).collect();
    assert_eq!(statuses, [DeploymentStatus::Active; 3]);
    assert_eq!(world.count("CancelDeployment") + world.count("DeleteDeployment"), 0);
}
