//! The configuration of one component on a device, as the nucleus keeps it: reset, then merge, the newer value wins. Pure.
//!
//! What the rules are comes from aws-greengrass-nucleus: `KernelConfigResolver` (reset, defaults, merge in this order; which pointers are skipped) and
//! `Topics.updateFromMap` (keys without regard to case, maps deep, a change of type replaces, values with their time).

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use serde_json::{Map, Value};

/// The tree. A key is found by its lower-case form and shown as it was first written. Devices share it where they can: of a hundred thousand of them,
/// trees of their own would be most of the memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Configuration(Arc<Children>);

// Boxed, because a map of few large values takes the room of many.
type Children = BTreeMap<String, Box<Entry>>;

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    name: String,
    node: Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Map(Children),
    /// A value that is no map; lists are values.
    Leaf {
        value: Value,
        /// Milliseconds since 1970: the creation of the deployment that set it.
        time: i64,
    },
}

/// A `reset` entry that is no JSON pointer: the nucleus can't parse it, and the deployment fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotAPointer(pub(crate) String);

impl Configuration {
    /// Applies the `configurationUpdate` of a deployment that was created at a time.
    ///
    /// Between reset and merge come the defaults of the recipe, which override nothing but earlier defaults.
    pub(crate) fn update(
        &mut self,
        reset: &[String],
        defaults: Option<&Map<String, Value>>,
        merge: Option<&Map<String, Value>>,
        time: i64,
    ) -> Result<(), NotAPointer> {
        let children = Arc::make_mut(&mut self.0);
        for pointer in reset {
            if pointer.is_empty() {
                children.clear();
                // The nucleus looks at no further pointer then.
                break;
            }
            let path = path(pointer)?;
            if !path.iter().any(|segment| looks_like_an_index(segment)) {
                remove(children, &path);
            }
        }
        if let Some(defaults) = defaults {
            fill_in(children, defaults);
        }
        if let Some(merge) = merge {
            merge_into(children, merge, time);
        }
        Ok(())
    }

    /// Shares the tree of the first device that came here, where this one has come to the same.
    pub(crate) fn share(&mut self, first: &OnceLock<Self>) {
        let first = first.get_or_init(|| self.clone());
        if self == first {
            self.clone_from(first);
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        shown(&self.0)
    }
}

/// The segments of a JSON pointer (RFC 6901).
fn path(pointer: &str) -> Result<Vec<String>, NotAPointer> {
    let segments = pointer.strip_prefix('/').ok_or_else(|| NotAPointer(pointer.to_owned()))?;
    Ok(segments.split('/').map(|segment| segment.replace("~1", "/").replace("~0", "~").to_lowercase()).collect())
}

/// What Jackson's `JsonPointer` takes for an array index: digits without leading zero that fit a Java `int`.
fn looks_like_an_index(segment: &str) -> bool {
    let digits = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
    digits && (segment == "0" || !segment.starts_with('0')) && segment.parse::<i32>().is_ok()
}

fn remove(children: &mut Children, path: &[String]) {
    match path {
        [] => {}
        [last] => {
            children.remove(last);
        }
        [first, rest @ ..] => {
            if let Some(Node::Map(below)) = children.get_mut(first).map(|entry| &mut entry.node) {
                remove(below, rest);
            }
        }
    }
}

/// The time of defaults: the nucleus gives them 1, which is older than every deployment.
const OF_DEFAULTS: i64 = 1;

/// Whether only defaults have set it.
fn is_default(node: &Node) -> bool {
    match node {
        Node::Map(below) => below.values().all(|entry| is_default(&entry.node)),
        Node::Leaf { time, .. } => *time <= OF_DEFAULTS,
    }
}

fn fill_in(children: &mut Children, defaults: &Map<String, Value>) {
    for (name, value) in defaults {
        let key = name.to_lowercase();
        match (value, children.get_mut(&key).map(|entry| &mut entry.node)) {
            (Value::Object(members), Some(Node::Map(below))) => fill_in(below, members),
            (_, Some(node)) if !is_default(node) => {}
            (value, _) => {
                let single = Map::from_iter([(name.clone(), value.clone())]);
                merge_into(children, &single, OF_DEFAULTS);
            }
        }
    }
}

fn merge_into(children: &mut Children, merge: &Map<String, Value>, time: i64) {
    for (name, value) in merge {
        let entry = children.entry(name.to_lowercase()).or_insert_with(|| {
            let node = Node::Leaf { value: Value::Null, time: i64::MIN };
            Box::new(Entry { name: name.clone(), node })
        });
        match (value, &mut entry.node) {
            (Value::Object(members), Node::Map(below)) => merge_into(below, members, time),
            (Value::Object(members), node @ Node::Leaf { .. }) => {
                let mut below = Children::new();
                merge_into(&mut below, members, time);
                *node = Node::Map(below);
            }
            (value, node @ Node::Map(_)) => *node = Node::Leaf { value: value.clone(), time },
            (value, Node::Leaf { value: old, time: since }) => {
                if time >= *since {
                    *old = value.clone();
                    *since = time;
                }
            }
        }
    }
}

fn shown(children: &Children) -> Value {
    let members = children.values().map(|entry| {
        let value = match &entry.node {
            Node::Map(below) => shown(below),
            Node::Leaf { value, .. } => value.clone(),
        };
        (entry.name.clone(), value)
    });
    Value::Object(members.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The configuration after updates, the n-th of time n unless it says so itself.
    fn after(updates: &[(&[&str], Value)]) -> Value {
        let mut configuration = Configuration::default();
        for (time, (reset, merge)) in (1..).zip(updates) {
            let reset: Vec<String> = reset.iter().map(ToString::to_string).collect();
            configuration.update(&reset, None, merge.as_object(), time).unwrap();
        }
        configuration.to_json()
    }

    #[test]
    fn maps_merge_deep_lists_are_replaced_whole_and_null_is_a_value() {
        assert_eq!(
            after(&[
                (&[], json!({"a": {"b": 1, "c": [1, 2]}, "d": 1})),
                (&[], json!({"a": {"c": [3], "e": {}}, "d": null})),
            ]),
            json!({"a": {"b": 1, "c": [3], "e": {}}, "d": null})
        );
    }

    #[test]
    fn a_key_that_is_merged_no_more_stays_until_it_is_reset() {
        assert_eq!(after(&[(&[], json!({"a": 1, "b": 2})), (&[], json!({"a": 1}))]), json!({"a": 1, "b": 2}));
        assert_eq!(after(&[(&[], json!({"a": 1, "b": 2})), (&["/b"], json!({"a": 1}))]), json!({"a": 1}));
        assert_eq!(after(&[(&[], json!({"a": 1, "b": 2})), (&["", "x"], json!({"c": 1}))]), json!({"c": 1}));
    }

    #[test]
    fn a_change_of_type_replaces_in_both_directions() {
        let (map, value) = (json!({"a": {"b": 1}}), json!({"a": 1}));
        assert_eq!(after(&[(&[], map.clone()), (&[], value.clone())]), value);
        assert_eq!(after(&[(&[], value), (&[], map.clone())]), map);
    }

    #[test]
    fn keys_are_found_without_regard_to_case_and_keep_the_first_spelling() {
        assert_eq!(after(&[(&[], json!({"Port": 1})), (&[], json!({"PORT": 2}))]), json!({"Port": 2}));
        assert_eq!(after(&[(&[], json!({"Port": 1})), (&["/pORT"], Value::Null)]), json!({}));
    }

    #[test]
    fn escaped_pointers_are_followed_and_those_that_look_like_an_index_are_skipped() {
        let all = json!({"a/b": {"m~n": 1}, "1": 1, "01": 1, "l": [1], "": 1, "12345678901": 1});
        assert_eq!(
            after(&[(&[], all), (&["/a~1b/m~0n", "/1", "/01", "/l/0", "/", "/12345678901", "/none/x"], Value::Null)]),
            json!({"a/b": {}, "1": 1, "l": [1]})
        );
        assert!(Configuration::default().update(&["a".to_owned()], None, None, 1).is_err());
    }

    #[test]
    fn an_older_deployment_does_not_override_a_newer_one() {
        let mut configuration = Configuration::default();
        let mut merge = |value: Value, time| configuration.update(&[], None, value.as_object(), time).unwrap();
        merge(json!({"a": "new"}), 2);
        merge(json!({"a": "old", "b": "old"}), 1);
        merge(json!({"b": "same time"}), 1);
        assert_eq!(configuration.to_json(), json!({"a": "new", "b": "same time"}));
    }

    #[test]
    fn defaults_fill_what_nobody_has_set_and_a_reset_goes_back_to_them() {
        let mut configuration = Configuration::default();
        let mut update = |reset: &[&str], defaults: Value, merge: Value, time| {
            let reset: Vec<String> = reset.iter().map(ToString::to_string).collect();
            configuration.update(&reset, defaults.as_object(), merge.as_object(), time).unwrap();
            configuration.to_json()
        };
        let defaults = json!({"speed": 3, "limits": {"high": 10, "low": 1}, "mode": {"a": 1}});
        let first = update(&[], defaults.clone(), json!({"SPEED": 4, "limits": {"high": 20}, "mode": "off"}), 10);
        assert_eq!(first, json!({"speed": 4, "limits": {"high": 20, "low": 1}, "mode": "off"}));
        // Of the next version, which has other defaults.
        let next = json!({"speed": 5, "limits": {"high": 11, "low": 2}, "mode": {"a": 2}, "new": true});
        let second = update(&[], next.clone(), Value::Null, 20);
        assert_eq!(second, json!({"speed": 4, "limits": {"high": 20, "low": 2}, "mode": "off", "new": true}));
        let third = update(&["/limits/high", "/speed"], next.clone(), json!({"speed": 6}), 30);
        assert_eq!(third, json!({"speed": 6, "limits": {"high": 11, "low": 2}, "mode": "off", "new": true}));
        assert_eq!(update(&[""], next.clone(), Value::Null, 40), next);
        assert_eq!(update(&[], json!({"mode": 1}), Value::Null, 50)["mode"], 1, "a default gives way to a default");
    }
}
