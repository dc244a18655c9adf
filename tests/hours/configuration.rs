//! What a device's configuration is follows from the last spec alone, whichever revisions it has seen.

use std::collections::BTreeMap;
use std::time::Duration;

use greengrass_emulator::{DeploymentRecord, Fleet};
use rstest::rstest;
use serde_json::{Value, json};

use super::chains::number_from_environment;
use crate::world::fleet::{add_device, offline, taking};
use crate::world::{ACCOUNT, Manifest, REGION, VirtualWorld, condition};

const MINUTE: Duration = Duration::from_mins(1);

fn with_merge(manifest: &Manifest, merge: &Value) -> Manifest {
    let component = json!({"componentVersion": "1.0.0", "configurationUpdate": {"merge": merge}});
    manifest.clone().with("components", json!({"com.example.HelloWorld": component}))
}

fn resets(deployment: &DeploymentRecord) -> Value {
    deployment.components["com.example.HelloWorld"]["configurationUpdate"]["reset"].clone()
}

#[test]
fn keys_that_a_spec_drops_are_reset_with_the_next_revision_and_remembered() {
    let world = VirtualWorld::new("dropped");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group);
    world.apply(&with_merge(&manifest, &json!({"a": {"b": 1, "c/d": 2}, "e": 3})));
    world.wait_ready("presses");
    world.apply(&with_merge(&manifest, &json!({"a": {"b": 1}})));
    world.wait_ready("presses");
    world.apply(&with_merge(&manifest, &json!({"a": {"b": 2}})));
    let ready = world.wait_ready("presses");
    let deployments = world.deployments();
    assert_eq!(
        deployments.iter().map(resets).collect::<Vec<_>>(),
        [json!(null), json!(["/a/c~1d", "/e"]), json!(["/a/c~1d", "/e"])]
    );
    assert_eq!(ready["status"]["droppedKeys"], json!({"com.example.HelloWorld": ["/a/c~1d", "/e"]}));

    world.apply(&with_merge(&manifest, &json!({"a": {"b": 2}})).with("droppedConfigurationKeys", json!("Keep")));
    world.pass(MINUTE);
    assert_eq!(world.deployments().len(), 3, "the policy alone makes no revision");
}

#[test]
fn a_lost_status_finds_the_keys_again_in_aws() {
    let mut world = VirtualWorld::new("rebuilt");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group);
    for merge in [json!({"a": 1, "b": 2}), json!({"b": 2})] {
        world.apply(&with_merge(&manifest, &merge));
        world.wait_ready("presses");
    }
    world.kill_operator();
    world.lose_status("presses");
    world.start_operator();
    world.wait_ready_within("presses", Duration::from_mins(3));
    assert_eq!(world.deployments().len(), 2);
    world.apply(&with_merge(&manifest, &json!({"c": 3})));
    world.wait_ready("presses");
    assert_eq!(resets(&world.deployments()[2]), json!(["/a", "/b"]));
}

#[test]
fn keys_that_devices_cannot_reset_are_advised_of() {
    let world = VirtualWorld::new("stuck");
    let group = world.group("Presses");
    let manifest = Manifest::new("presses", &group);
    world.apply(&with_merge(&manifest, &json!({"ports": {"8080": true}})));
    world.wait_ready("presses");
    world.apply(&with_merge(&manifest, &json!({})));
    let ready = world.wait_ready("presses");
    let advice = condition(&ready, "Advisory").unwrap();
    assert!(advice["message"].as_str().unwrap().contains("/ports/8080 of com.example.HelloWorld"), "{advice}");
}

#[rstest]
#[case::a_thing("thing/press", true)]
#[case::a_group("thinggroup/Presses", true)]
#[case::a_group_with_a_device_that_has_not("thinggroup/Presses", false)]
fn a_reset_that_all_devices_have_carried_out_is_not_told_again(#[case] target: &str, #[case] all: bool) {
    let world = VirtualWorld::new("carried");
    add_device(&world.emulator, "press", &["Presses"], &taking(10));
    if !all {
        add_device(&world.emulator, "sleeper", &["Presses"], &offline());
    }
    let manifest = Manifest::new("press", &format!("arn:aws:iot:{REGION}:{ACCOUNT}:{target}"));
    for merge in [json!({"a": 1, "b": 2}), json!({"b": 2})] {
        world.apply(&with_merge(&manifest, &merge));
        world.wait_ready_within("press", MINUTE);
        world.pass(Duration::from_mins(6));
    }
    let (kept, told) =
        if all { (json!({}), json!(null)) } else { (json!({"com.example.HelloWorld": ["/a"]}), json!(["/a"])) };
    assert_eq!(world.object("press").unwrap()["status"]["droppedKeys"], kept);
    world.apply(&with_merge(&manifest, &json!({"b": 3})));
    world.wait_ready_within("press", MINUTE);
    let deployments = world.deployments();
    assert_eq!((resets(&deployments[1]), resets(&deployments[2])), (json!(["/a"]), told));
}

/// Numbers that look random and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// A configuration of few keys, so that they meet again: in another case, as a value and as an object.
    fn object(&mut self, depth: u64) -> Value {
        let mut object = BTreeMap::new();
        for key in ["a", "B", "c/d", "e~f", ""] {
            if self.below(2) == 0 {
                let key = if self.below(4) == 0 { key.to_uppercase() } else { key.to_owned() };
                object.insert(key, self.value(depth));
            }
        }
        json!(object)
    }

    fn value(&mut self, depth: u64) -> Value {
        match self.below(if depth == 0 { 5 } else { 8 }) {
            0 => Value::Null,
            1 => json!([self.below(3), {"x": 1}]),
            2 => json!("text"),
            3 => json!({}),
            4 => json!(self.below(5)),
            _ => self.object(depth - 1),
        }
    }

    /// Two components, each of which may be missing now and then.
    fn components(&mut self) -> Value {
        let mut components = BTreeMap::new();
        for name in ["com.example.HelloWorld", "com.example.Camera"] {
            if self.below(4) > 0 || components.is_empty() {
                let mut update = json!({"merge": self.object(2)});
                if self.below(8) == 0 {
                    let pointer = ["/a", "/b/a", ""][usize::try_from(self.below(3)).unwrap()];
                    update["reset"] = json!([pointer]);
                }
                components.insert(name, json!({"componentVersion": "1.0.0", "configurationUpdate": update}));
            }
        }
        json!(components)
    }
}

const DEVICES: u64 = 6;

/// What the devices of a group run and how it is configured, by device.
fn configurations(world: &VirtualWorld, names: impl Iterator<Item = String>) -> BTreeMap<String, Value> {
    names
        .map(|name| {
            let device = world.emulator.device(ACCOUNT, REGION, &name).unwrap();
            let components = device["components"].as_object().unwrap().iter();
            let configured = components.map(|(name, one)| (name.clone(), folded(&one["configuration"])));
            (name, json!(configured.collect::<BTreeMap<_, _>>()))
        })
        .collect()
}

/// Devices keep the spelling of a key that they saw first.
fn folded(value: &Value) -> Value {
    match value {
        // What remains of an object whose keys were all reset says nothing.
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.to_lowercase(), folded(value)))
            .filter(|(_, value)| *value != json!({}))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

#[test]
fn a_device_that_saw_any_of_the_revisions_and_the_last_is_configured_like_a_fresh_one() {
    let first = number_from_environment("OPERATOR_TEST_SEED", 1);
    let count = number_from_environment("OPERATOR_TEST_CHAINS", 12);
    for seed in first..first + count {
        one_sequence(seed);
    }
}

fn one_sequence(seed: u64) {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let world = VirtualWorld::new("seen");
    let fleet = format!(
        "accounts: [{{account: '{ACCOUNT}', region: {REGION}, groups: [{{name: Presses}}], \
         devices: [{{name: 'press-#', count: {DEVICES}, groups: [Presses], behaviour: {{takes: {{seconds: 1}}}}}}]}}]"
    );
    world.emulator.add_fleet(&Fleet::from_yaml(&fleet).unwrap()).unwrap();
    let device = |number: u64| format!("press-{number}");
    let manifest = Manifest::new("presses", &format!("arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/Presses"));
    let revisions = 3 + chance.below(4);
    for revision in 1..=revisions {
        for number in 1..=DEVICES {
            // The last device sees the last revision only, and the first one all.
            let sees = revision == revisions || number == 1 || (number < DEVICES && chance.below(2) == 0);
            assert!(world.emulator.connect_device(ACCOUNT, REGION, &device(number), Some(sees)));
        }
        let components = chance.components();
        world.apply(&manifest.clone().with("components", components.clone()));
        world.wait_ready_within("presses", MINUTE);
        world.pass(Duration::from_secs(20));
    }
    let configured = configurations(&world, (1..=DEVICES).map(device));
    let fresh = &configured[&device(DEVICES)];
    let requests: Vec<_> = world.deployments().into_iter().map(|one| one.components).collect();
    for (name, configuration) in &configured {
        assert_eq!(configuration, fresh, "{name}: OPERATOR_TEST_SEED={seed} OPERATOR_TEST_CHAINS=1\n{requests:#?}");
    }
}
