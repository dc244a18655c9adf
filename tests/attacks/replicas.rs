//! Two operators that both believe they lead.

use greengrass_emulator::DeploymentStatus;
use serde_json::json;

use crate::world::{Manifest, World};

#[test]
fn two_operators_at_once_make_one_revision_for_each_change() {
    let mut world = World::new("twins");
    world.start_another_operator();
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group).with("deletionPolicy", json!("Delete"));
    let mut expected = 0;
    for version in ["1.0.0", "1.0.1", "1.0.0", "1.0.2", "1.0.0"] {
        world.apply(&manifest.clone().version(version));
        world.wait_ready("presses");
        expected += 1;
        assert_eq!(world.deployments().len(), expected, "after {version}");
    }
    for redeploy in ["a", "b"] {
        world.annotate("presses", "redeploy-at", redeploy);
        world.wait_until("presses", "redeployed", |object| object["status"]["lastHandledRedeployAt"] == redeploy);
        world.wait_ready("presses");
        expected += 1;
    }
    let statuses: Vec<_> = world.deployments().iter().map(|one| one.deployment_status).collect();
    assert_eq!(statuses.len(), expected);
    assert_eq!(statuses.iter().filter(|status| **status == DeploymentStatus::Active).count(), 1);
    world.delete("presses");
    world.wait_gone("presses");
    assert_eq!(world.deployments().len(), 0);
}

#[test]
fn two_operators_at_once_survive_edits_that_come_faster_than_they_are_made() {
    let mut world = World::new("hasty");
    world.start_another_operator();
    let group = world.group("Presses");
    for version in 0..12 {
        world.apply(&Manifest::new("presses", &group).version(&format!("1.0.{version}")));
    }
    let ready = world.wait_ready("presses");
    let deployments = world.deployments();
    let newest = deployments.last().unwrap();
    assert_eq!(newest.components["com.example.HelloWorld"]["componentVersion"], "1.0.11");
    assert_eq!(ready["status"]["deploymentId"], newest.deployment_id.as_str());
    let digests: std::collections::BTreeSet<_> =
        deployments.iter().map(|one| one.tags["greengrass-operator.dev/digest"].clone()).collect();
    assert_eq!(digests.len(), deployments.len(), "no content was made twice");
}
