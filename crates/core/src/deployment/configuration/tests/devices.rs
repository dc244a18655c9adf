//! Devices that saw some of the revisions and the last are configured like one that saw the last alone. Pure.

use std::collections::BTreeSet;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

/// They take a second and a half.
const SEQUENCES: u32 = 4000;

/// What a device has of a component, as aws-greengrass-nucleus keeps it (`Topics`): keys without regard to case.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Map(BTreeMap<String, Self>),
    Value(Value),
}

impl Node {
    fn reset(&mut self, pointer: &str) {
        let Some((above, last)) = pointer.rsplit_once('/') else {
            *self = Self::Map(BTreeMap::new());
            return;
        };
        let unescaped = |segment: &str| segment.replace("~1", "/").replace("~0", "~").to_lowercase();
        let parent = above.split('/').skip(1).try_fold(self, |node, segment| match node {
            Self::Map(below) => below.get_mut(&unescaped(segment)),
            Self::Value(_) => None,
        });
        if let Some(Self::Map(below)) = parent {
            below.remove(&unescaped(last));
        }
    }

    fn merge(&mut self, value: &Value) {
        let Value::Object(members) = value else {
            *self = Self::Value(value.clone());
            return;
        };
        if matches!(self, Self::Value(_)) {
            *self = Self::Map(BTreeMap::new());
        }
        if let Self::Map(below) = self {
            for (key, value) in members {
                below.entry(key.to_lowercase()).or_insert(Self::Value(Value::Null)).merge(value);
            }
        }
    }

    /// What remains of a map whose keys were all reset says nothing.
    fn without_empty_maps(self) -> Option<Self> {
        match self {
            Self::Value(_) => Some(self),
            Self::Map(below) => {
                let below: BTreeMap<_, _> =
                    below.into_iter().filter_map(|(key, node)| Some((key, node.without_empty_maps()?))).collect();
                (!below.is_empty()).then_some(Self::Map(below))
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Revision {
    merge: Value,
    users_resets: Vec<&'static str>,
    /// Whether the device in question sees it. All see the last one.
    seen: bool,
}

/// Few keys, so that they meet again: in another case, as a value, as a map, as an empty one.
fn object(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    let keys = select(vec!["a", "A", "b", "c/d", "C/D", "e~1f", ""]);
    btree_map(keys, value, 0..4).prop_map(|members| {
        // One key in two cases is refused by the operator.
        let mut seen = BTreeSet::new();
        json!(members.into_iter().filter(|(key, _)| seen.insert(key.to_lowercase())).collect::<BTreeMap<_, _>>())
    })
}

fn revision() -> impl Strategy<Value = Revision> {
    let value = select(vec![json!(null), json!(1), json!("text"), json!([{"a": 1}]), json!({})]);
    let below = value.prop_recursive(3, 12, 4, object);
    let resets = prop_oneof![8 => Just(vec![]), 1 => vec(select(vec!["", "/a", "/B", "/a/c~1D"]), 1..3)];
    let seen = proptest::bool::weighted(0.6);
    (object(below), resets, seen).prop_map(|(merge, users_resets, seen)| Revision { merge, users_resets, seen })
}

/// What the device and one that sees the last revision alone end with.
fn configured(revisions: &[Revision]) -> [Option<Node>; 2] {
    let empty = || Node::Map(BTreeMap::new());
    let (mut device, mut fresh) = (empty(), empty());
    let mut dropped = Keys::default();
    for (number, revision) in (1..).zip(revisions) {
        let content = content(&revision.merge, &revision.users_resets);
        let component = &content.components[NAME];
        let mut reset = component.reset.clone();
        reset.extend(resets(&dropped, &content).remove(NAME).unwrap_or_default());
        let is_last = number == revisions.len();
        for (node, sees) in [(&mut device, revision.seen || is_last), (&mut fresh, is_last)] {
            if sees {
                for pointer in &reset {
                    node.reset(pointer);
                }
                node.merge(&revision.merge);
            }
        }
        let mut done = Configured::default();
        done.note(NAME, revision.merge.as_object(), &reset);
        dropped.add(&done.reset);
        dropped.add(&done.set);
    }
    [device.without_empty_maps(), fresh.without_empty_maps()]
}

#[test]
fn a_device_that_saw_any_of_the_revisions_and_the_last_is_configured_like_a_fresh_one() {
    let config = Config { cases: SEQUENCES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&vec(revision(), 2..6), |revisions| {
        let [device, fresh] = configured(&revisions);
        prop_assert_eq!(device, fresh);
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}
