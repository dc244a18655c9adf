//! What becomes of an identity over hours.

use std::time::Duration;

use greengrass_emulator::{FaultAction, FaultRule, Operation};
use serde_json::Value;
use testcluster::Cluster;

use crate::world::{VirtualWorld, condition, identity_of};

const MINUTE: Duration = Duration::from_mins(1);

/// Asks about the world's identity.
fn get(arguments: &[&str]) -> Value {
    let output = Cluster::shared().unwrap().kubectl(&[arguments, &["--output=json"]].concat()).unwrap();
    serde_json::from_str(&output.success().unwrap()).unwrap()
}

/// Lets time pass until the identity is ready, or is not.
fn wait(world: &VirtualWorld, status: &str) {
    let name = format!("awsidentity/{}", identity_of(&world.namespace));
    world.wait(&format!("the identity's Ready to be {status}"), 30 * MINUTE, || {
        condition(&get(&["get", &name]), "Ready").is_some_and(|ready| ready["status"] == status)
    });
}

/// Events about the world's identity, which are in the namespace `default` because it is in none.
fn events(world: &VirtualWorld) -> Vec<Value> {
    let about = format!("--field-selector=regarding.name={}", identity_of(&world.namespace));
    let list = get(&["get", "events.events.k8s.io", "--namespace=default", &about]);
    list["items"].as_array().unwrap().clone()
}

#[test]
fn an_identity_that_is_refused_again_and_again_has_an_event_that_counts() {
    let world = VirtualWorld::new("refused");
    wait(&world, "True");
    for _ in 0..2 {
        let rule = FaultRule::on(Operation::GetCallerIdentity, FaultAction::AccessDenied).always();
        let denied = world.emulator.faults().add(rule);
        wait(&world, "False");
        assert!(world.emulator.faults().remove(denied));
        wait(&world, "True");
    }
    let events = events(&world);
    assert_eq!(events.len(), 2, "one for each of its states: {events:#?}");
    let counts: Vec<&Value> = events.iter().map(|event| &event["series"]["count"]).collect();
    assert!(counts.contains(&&2.into()) && counts.contains(&&3.into()), "{counts:?}");
}
