//! Targets that are named without their ARN: account and region come from the identity.

use greengrass_emulator::Emulator;
use serde_json::json;

use super::{OTHER, arn_there, everything, group_there, identity, put_default, put_identity, role, wait_identity};
use crate::world::{ACCOUNT, Manifest, REGION, World};

fn short(name: &str, group: &str) -> Manifest {
    Manifest::new(name, "").without("targetArn").with("target", json!({"thingGroup": group}))
}

#[test]
fn one_manifest_serves_whatever_account_the_identity_is_for() {
    let world = World::new("short");
    put_default(&world, &json!({"region": REGION}));
    world.emulator.add_role(role("deployer"));
    let there = identity(&world, "there", &everything(&world, "deployer"));
    let here = world.group("Presses");
    group_there(&world.emulator, "Presses");
    world.apply(&short("here", "Presses"));
    world.apply(&short("there", "Presses").with("identityRef", json!({"name": there})));
    let ready = world.wait_ready("here");
    assert_eq!(ready["status"]["resolved"]["targetArn"], here);
    assert_eq!(ready["status"]["resolved"]["accountId"], ACCOUNT);
    let ready = world.wait_ready("there");
    assert_eq!(ready["status"]["resolved"]["targetArn"], arn_there("Presses"));
    assert_eq!(ready["status"]["resolved"]["identity"], there);
    assert_eq!(deployments(&world.emulator), (1, 1));
    // The same name in another identity's account is another target: nothing is written there.
    world.apply(&short("here", "Presses").with("identityRef", json!({"name": there})));
    world.wait_for("here", "False", "KeyChanged");
    world.apply(&short("here", "Presses"));
    world.wait_ready("here");
    assert_eq!(deployments(&world.emulator), (1, 1));
}

fn deployments(emulator: &Emulator) -> (usize, usize) {
    (emulator.deployments(ACCOUNT, REGION).len(), emulator.deployments(OTHER, REGION).len())
}

#[test]
fn a_subdeployment_names_its_parents_thing_group() {
    let world = World::new("short-parent");
    put_default(&world, &json!({"region": REGION}));
    let parent = world.group("Machines");
    world.group("Presses");
    world.apply(&Manifest::new("machines", &parent));
    world.wait_ready("machines");
    world.apply(&short("presses", "Presses").with("parent", json!({"thingGroup": "Machines"})));
    let ready = world.wait_ready("presses");
    assert_eq!(ready["status"]["resolved"]["parentTargetArn"], parent);
}

#[test]
fn a_restart_is_no_news_for_who_names_no_account() {
    let mut world = World::new("short-restart");
    put_default(&world, &json!({"region": REGION}));
    world.group("Presses");
    world.apply(&short("presses", "Presses"));
    let before = world.wait_ready("presses");
    world.kill_operator();
    world.start_operator();
    world.annotate("presses", "reconcile-at", "after the restart");
    let after = world
        .wait_until("presses", "looked at", |object| object["status"]["lastHandledReconcileAt"] == "after the restart");
    let since = |object: &serde_json::Value| object["status"]["conditions"][0]["lastTransitionTime"].clone();
    assert_eq!((since(&after), world.deployments().len()), (since(&before), 1));
}

#[test]
fn an_identity_without_a_region_says_what_is_missing() {
    let world = World::new("regionless");
    world.group("Presses");
    world.apply(&short("presses", "Presses"));
    let object = world.wait_for("presses", "False", "ProgressingWithRetry");
    let message = object["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("says no region") && message.contains("AWS_REGION"), "{message}");
    put_default(&world, &json!({"region": REGION}));
    world.wait_ready("presses");
}

#[test]
fn an_identity_says_whose_account_it_is_and_what_is_wrong_with_it() {
    let world = World::new("status");
    world.emulator.add_role(role("deployer"));
    let name = identity(&world, "there", &everything(&world, "deployer"));
    let ready = wait_identity(&world, &name, "True", "Authenticated");
    assert_eq!(ready["status"]["accountId"], OTHER);
    let arn = ready["status"]["assumedRoleArn"].as_str().unwrap();
    assert_eq!(arn, format!("arn:aws:sts::{OTHER}:assumed-role/deployer/greengrass-operator"));
    let mut broken = everything(&world, "deployer");
    broken["endpointUrl"] = json!("http://127.0.0.1:1");
    put_identity(&world, &name, &broken);
    let invalid = wait_identity(&world, &name, "False", "InvalidSpec");
    let message = invalid["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("--allow-insecure-endpoints"), "{message}");
}

#[test]
fn an_identitys_endpoint_stands_in_place_of_every_other_one() {
    let mut world = World::without_operator("endpoint");
    let endpoint = world.endpoint().to_owned();
    let nobody = "http://127.0.0.1:1";
    world.start_operator_with(&[
        ("GREENGRASS_OPERATOR_ALLOW_INSECURE_ENDPOINTS", "true"),
        ("AWS_ENDPOINT_URL", nobody),
        ("AWS_ENDPOINT_URL_GREENGRASSV2", nobody),
        ("AWS_ENDPOINT_URL_STS", nobody),
    ]);
    world.emulator.add_role(role("deployer"));
    let mut spec = everything(&world, "deployer");
    spec["endpointUrl"] = json!(endpoint);
    let there = identity(&world, "there", &spec);
    let group = group_there(&world.emulator, "Presses");
    world.apply(&Manifest::new("presses", &group).with("identityRef", json!({"name": there})));
    world.wait_ready("presses");
}
