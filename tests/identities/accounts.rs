//! Several accounts at once.

use greengrass_emulator::{FaultAction, FaultRule, Operation, Role};
use serde_json::{Value, json};

use super::put_identity;
use crate::world::{ACCOUNT, Manifest, REGION, World, is_ready};

/// A role of that account that the operator's account may assume, and an identity for it; the identity's name.
fn account(world: &World, number: &str) -> String {
    let arn = format!("arn:aws:iam::{number}:role/deployer");
    world.emulator.add_role(Role::new(&arn).unwrap().trusting([ACCOUNT]).unwrap());
    let name = format!("account-{number}-{}", world.namespace);
    let spec = json!({
        "roleArn": arn, "region": REGION,
        "allowedNamespaces": {"names": [world.namespace]}, "allowedTargets": ["*"],
    });
    put_identity(world, &name, &spec);
    name
}

fn press(world: &World, number: &str, identity: &str, name: &str) -> Manifest {
    let group = world.emulator.create_thing_group(number, REGION, name).unwrap();
    Manifest::new(&format!("{name}-{number}"), &group).with("identityRef", json!({"name": identity}))
}

#[test]
fn one_account_of_three_that_is_down_holds_up_neither_of_the_others() {
    const ACCOUNTS: [&str; 3] = ["111111111111", "222222222222", "333333333333"];
    let world = World::new("three-accounts");
    let identities = ACCOUNTS.map(|number| account(&world, number));
    // As many as its lane has places, and more.
    let down: Vec<Manifest> = (0..12)
        .map(|press_number| press(&world, ACCOUNTS[0], &identities[0], &format!("line{press_number}")))
        .collect();
    let target = |manifest: &Manifest| manifest.to_json()["spec"]["targetArn"].as_str().unwrap().to_owned();
    let faults: Vec<u64> = down
        .iter()
        .map(|manifest| {
            let rule = FaultRule::on(Operation::ListDeployments, FaultAction::HangBefore).target(target(manifest));
            world.emulator.faults().add(rule.always())
        })
        .collect();
    for manifest in &down {
        world.apply(manifest);
    }
    let hanging = || world.emulator.calls_of("ListDeployments").iter().filter(|call| call.fault.is_some()).count();
    world.wait("all places of the first account to hang", || hanging() >= 8);

    for (number, identity) in ACCOUNTS.iter().zip(&identities).skip(1) {
        let manifest = press(&world, number, identity, "line");
        world.apply(&manifest);
        world.wait_ready(&format!("line-{number}"));
    }
    let never_ready = |object: Option<Value>| object.is_none_or(|object| !is_ready(&object));
    assert!(never_ready(world.object(&format!("line0-{}", ACCOUNTS[0]))), "the first account is still down");

    for fault in faults {
        assert!(world.emulator.faults().remove(fault));
    }
    for press_number in 0..12 {
        world.wait_ready(&format!("line{press_number}-{}", ACCOUNTS[0]));
    }
    for number in ACCOUNTS {
        let expected = if number == ACCOUNTS[0] { 12 } else { 1 };
        assert_eq!(world.emulator.deployments(number, REGION).len(), expected, "{number}");
    }
}
