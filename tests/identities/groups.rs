//! Groups of processes that share the identities by their labels.

use serde_json::json;

use super::{everything, group_there, put_identity_with, role};
use crate::world::{Manifest, World};

const SELECTOR: &str = "GREENGRASS_OPERATOR_IDENTITY_SELECTOR";

#[test]
fn a_resource_belongs_to_the_group_of_its_identity_and_changes_over_with_its_label() {
    let mut world = World::without_operator("groups");
    world.start_operator_with(&[(SELECTOR, "!shard")]);
    world.emulator.add_role(role("deployer"));
    let north = format!("north-{}", world.namespace);
    put_identity_with(&world, &north, &json!({"shard": "north"}), &everything(&world, "deployer"));
    let (here, there) = (world.group("Here"), group_there(&world.emulator, "There"));
    world.apply(&Manifest::new("there", &there).with("identityRef", json!({"name": north})));
    world.apply(&Manifest::new("here", &here));
    // Who looks after the rest also says what is missing.
    world.apply(&Manifest::new("nowhere", &here).with("identityRef", json!({"name": "is-not-there"})));
    world.wait_ready("here");
    world.wait_for("nowhere", "False", "ProgressingWithRetry");
    let untouched = world.object("there").unwrap();
    assert_eq!(untouched["status"], json!({"observedGeneration": -1}));

    world.start_another_operator_with(&[(SELECTOR, "shard=north")]);
    world.wait_ready("there");
    world.cluster.kubectl(&["label", "awsidentity", &north, "shard-"]).unwrap().success().unwrap();
    world.kill_others();
    world.apply(&Manifest::new("there", &there).version("1.0.1").with("identityRef", json!({"name": north})));
    world.wait_until("there", "changed by the other group", |object| {
        object["status"]["revisionId"] == "2" && crate::world::is_ready(object)
    });
    let made = world.emulator.calls_of("CreateDeployment");
    assert_eq!(made.len(), 3, "one for each change");
}
