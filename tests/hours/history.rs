//! Old revisions beyond the limit go, slowly, and nothing else does.

use std::time::Duration;

use greengrass_emulator::{FaultAction, FaultRule, Operation};
use serde_json::json;

use crate::world::{Manifest, VirtualWorld, condition};

/// Revisions one after another.
fn revised(world: &VirtualWorld, manifest: &Manifest, versions: std::ops::Range<u32>) {
    for version in versions {
        world.apply(&manifest.clone().version(&format!("1.0.{version}")));
        world.wait_ready_within("presses", Duration::from_mins(1));
    }
}

#[test]
fn old_revisions_beyond_the_limit_are_deleted_the_oldest_first() {
    let world = VirtualWorld::new("history");
    let group = world.group("Presses");
    let foreign = world.deploy_as_somebody(&group);
    let manifest =
        Manifest::new("presses", &group).with("revisionHistoryLimit", json!(2)).with("adoptionPolicy", json!("Always"));
    revised(&world, &manifest, 0..6);
    world.pass(Duration::from_mins(30));
    let left: Vec<_> = world.deployments().iter().map(|one| one.revision_id.clone()).collect();
    assert_eq!(left, ["1", "5", "6", "7"], "the two before the last, the last, and somebody else's");
    assert_eq!(world.deployments()[0].deployment_id, foreign);
    assert_eq!(world.count("CancelDeployment"), 0, "nothing is cancelled for it");
    let before = world.calls().len();
    world.pass(Duration::from_mins(30));
    let calls = world.calls().split_off(before);
    assert!(
        calls.iter().all(|call| ["ListDeployments", "DescribeJob"].contains(&call.operation.as_str())),
        "{calls:#?}"
    );

    // One more revision costs one reading and one deletion, not a reading of each.
    revised(&world, &manifest, 6..7);
    let before = world.calls().len();
    world.pass(Duration::from_mins(6));
    let calls: Vec<_> = world.calls().split_off(before).into_iter().map(|call| call.operation).collect();
    assert_eq!(calls.iter().filter(|name| *name == "DeleteDeployment").count(), 1, "{calls:?}");
    assert!(calls.iter().filter(|name| *name == "GetDeployment").count() <= 1, "{calls:?}");
}

#[test]
fn a_history_that_cannot_be_pruned_is_advised_of_and_leaves_ready_alone() {
    let world = VirtualWorld::new("unpruned");
    let group = world.group("Presses");
    let denied =
        world.emulator.faults().add(FaultRule::on(Operation::DeleteDeployment, FaultAction::AccessDenied).always());
    revised(&world, &Manifest::new("presses", &group).with("revisionHistoryLimit", json!(0)), 0..3);
    let advised = world
        .wait_until("presses", "advised", Duration::from_mins(6), |object| condition(object, "Advisory").is_some());
    assert_eq!(condition(&advised, "Advisory").unwrap()["reason"], "HistoryNotPruned");
    assert_eq!(condition(&advised, "Ready").unwrap()["status"], "True");
    let before = world.count("DeleteDeployment");
    world.pass(Duration::from_mins(20));
    assert!(world.count("DeleteDeployment") - before <= 5, "one try with each look");
    assert!(world.emulator.faults().remove(denied));
    world.wait("the history to be pruned", Duration::from_mins(12), || world.deployments().len() == 1);
    world.wait_until("presses", "without advice", Duration::from_mins(6), |object| {
        condition(object, "Advisory").is_none()
    });
}
