//! What holds for a device after any deployments of components that depend on each other. Pure.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use semver::Version;
use serde_json::{Value, json};

use super::tests::{World, arn, recipe};
use crate::{
    component::Requirement,
    operation::Operation,
    switches::{DependencyVersions, Switches, UnknownComponents},
};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const VERSIONS: [&str; 3] = ["1.0.0", "1.1.0", "2.0.0"];
const REQUIREMENTS: [&str; 5] = ["^1.0.0", ">=1.1.0", "*", "1.0.0", "<1.1.0 || 2.x"];

/// Dependencies of each version of each component: which component, which requirement.
type Dependencies = BTreeMap<(usize, usize), Vec<(usize, usize)>>;

#[derive(Debug, Clone)]
enum Step {
    Deploy { group: usize, components: BTreeMap<usize, usize> },
    Delete { name: usize, version: usize },
    Publish { name: usize, version: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (name, version) = (|| 0..NAMES.len(), || 0..VERSIONS.len());
    let components = proptest::collection::btree_map(name(), version(), 0..3);
    let step = prop_oneof![
        6 => (0..2_usize, components).prop_map(|(group, components)| Step::Deploy { group, components }),
        1 => (name(), version()).prop_map(|(name, version)| Step::Delete { name, version }),
        3 => (name(), version()).prop_map(|(name, version)| Step::Publish { name, version }),
    ];
    proptest::collection::vec(step, 1..20)
}

fn dependencies() -> impl Strategy<Value = Dependencies> {
    let key = (0..NAMES.len(), 0..VERSIONS.len());
    let dependency = (0..NAMES.len(), 0..REQUIREMENTS.len());
    proptest::collection::btree_map(key, proptest::collection::vec(dependency, 0..3), 0..10)
}

fn switches() -> impl Strategy<Value = Switches> {
    (any::<bool>(), any::<bool>()).prop_map(|(newest, missing)| Switches {
        dependency_versions: if newest { DependencyVersions::Newest } else { DependencyVersions::Installed },
        unknown_components: if missing { UnknownComponents::Missing } else { UnknownComponents::Accepted },
        component_creation_ms: 0,
        ..Switches::default()
    })
}

/// What each group asks for, as the device has accepted it.
type Asked = BTreeMap<usize, BTreeMap<usize, usize>>;

fn check(device: &Value, asked: &Asked, dependencies: &Dependencies) {
    let components = device["components"].as_object().unwrap();
    let version_of = |name: &str| components.get(name).map(|component| component["version"].as_str().unwrap());
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    let mut roots: BTreeSet<&str> = BTreeSet::new();
    for (name, version) in asked.values().flatten() {
        assert_eq!(version_of(NAMES[*name]), Some(VERSIONS[*version]), "{asked:?} {components:?}");
        roots.insert(NAMES[*name]);
        needed.insert(NAMES[*name]);
    }
    for (name, component) in components {
        assert_eq!(component["isRoot"] == true, roots.contains(name.as_str()), "{asked:?} {components:?}");
        // A component that came without a recipe has none to depend on something.
        let is_known = component["configuration"].get("of").is_some();
        let position = |list: &[&str], item: &str| list.iter().position(|known| *known == item);
        let key = position(&NAMES, name).zip(version_of(name).and_then(|version| position(&VERSIONS, version)));
        let of_recipe = key.filter(|_| is_known).and_then(|key| dependencies.get(&key));
        // Of the same dependency twice, a recipe has the last one.
        let wanted: BTreeMap<usize, usize> = of_recipe.into_iter().flatten().copied().collect();
        for (dependency, requirement) in wanted {
            let installed = version_of(NAMES[dependency]).unwrap_or_else(|| panic!("{dependency}: {components:?}"));
            let requirement = Requirement::parse(REQUIREMENTS[requirement]).unwrap();
            assert!(requirement.allows(&Version::parse(installed).unwrap()), "{name} {requirement} {components:?}");
            needed.insert(NAMES[dependency]);
        }
    }
    for name in components.keys() {
        assert!(needed.contains(name.as_str()), "{name}: {asked:?} {components:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_device_has_what_is_asked_for_and_what_that_needs_and_nothing_else(
        steps in steps(),
        dependencies in dependencies(),
        switches in switches(),
    ) {
        let mut world = World::new(switches);
        let mut asked = Asked::new();
        for step in &steps {
            match step {
                Step::Publish { name, version } => {
                    let wanted = dependencies.get(&(*name, *version)).cloned().unwrap_or_default();
                    let wanted: Vec<_> =
                        wanted.iter().map(|(name, requirement)| (NAMES[*name], REQUIREMENTS[*requirement])).collect();
                    let _ = world.create(&recipe(NAMES[*name], VERSIONS[*version], &wanted, &json!({"of": "recipe"})));
                }
                Step::Delete { name, version } => {
                    let arn = arn(NAMES[*name], VERSIONS[*version]);
                    let _ = world.call(Operation::DeleteComponent, &json!({"arn": arn}));
                }
                Step::Deploy { group, components } => {
                    let before = world.device();
                    let request: serde_json::Map<String, Value> = components
                        .iter()
                        .map(|(name, version)| {
                            (NAMES[*name].to_owned(), json!({"componentVersion": VERSIONS[*version]}))
                        })
                        .collect();
                    let effective = world.deploy(["a", "b"][*group], &Value::Object(request));
                    if effective["coreDeviceExecutionStatus"] == "SUCCEEDED" {
                        asked.insert(*group, components.clone());
                    } else {
                        prop_assert_eq!(&before["components"], &world.device()["components"]);
                    }
                    check(&world.device(), &asked, &dependencies);
                }
            }
        }
    }
}
