//! What a revision changes of the one before, component by component and key by key. Pure.
//!
//! Both are compared in the form whose digest tells revisions apart, so that two with one digest never differ, and two that
//! differ never have one digest.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::desired::Desired;
use super::revision::{canonical, canonical_of_deployed};
use super::rows::DeployedContent;

/// What a revision changes of the one before.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Components that are added, removed or changed, by name.
    pub components: BTreeMap<String, ComponentDifference>,
    /// What is changed beside components: name, policies, job configuration.
    pub settings: Vec<KeyDifference>,
}

/// What becomes of a component.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "change", content = "keys")]
pub enum ComponentDifference {
    /// It was not there.
    Added(Vec<KeyDifference>),
    /// It is there no more.
    Removed(Vec<KeyDifference>),
    /// It is there in both.
    Changed(Vec<KeyDifference>),
}

/// One value that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyDifference {
    /// The field of the spec, for example `configurationUpdate.merge`.
    pub field: String,
    /// Where in that field, a JSON pointer; absent where it is the field itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What it was; absent where it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it becomes; absent where it is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl Difference {
    /// Between what is deployed, where something is, and what is wanted.
    #[must_use]
    pub fn between(deployed: Option<&DeployedContent>, desired: &Desired) -> Self {
        let after = canonical(&desired.key, &desired.content);
        let Some(deployed) = deployed else { return Self::of(&Value::Null, &after) };
        Self::of(&canonical_of_deployed(desired, deployed), &after)
    }

    fn of(before: &Value, after: &Value) -> Self {
        let (old, new) = (object(&before["components"]), object(&after["components"]));
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let components = names.into_iter().filter_map(|name| {
            let difference = match (old.get(name), new.get(name)) {
                (None, Some(new)) => ComponentDifference::Added(keys(&Map::new(), object(new))),
                (Some(old), None) => ComponentDifference::Removed(keys(object(old), &Map::new())),
                (Some(old), Some(new)) if old != new => ComponentDifference::Changed(keys(object(old), object(new))),
                (Some(_), Some(_)) | (None, None) => return None,
            };
            Some((name.clone(), difference))
        });
        Self { components: components.collect(), settings: keys(&settings(before), &settings(after)) }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { components, settings } = self;
        components.is_empty() && settings.is_empty()
    }
}

impl ComponentDifference {
    /// The values that differ.
    #[must_use]
    pub fn keys(&self) -> &[KeyDifference] {
        match self {
            Self::Added(keys) | Self::Removed(keys) | Self::Changed(keys) => keys,
        }
    }
}

/// All but the components, and the key, which is the same.
fn settings(revision: &Value) -> Map<String, Value> {
    let fields = object(revision).iter().filter(|(name, _)| {
        let name = name.as_str();
        name != "components" && name != "targetArn" && name != "parentTargetArn"
    });
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn object(value: &Value) -> &Map<String, Value> {
    static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&EMPTY)
}

/// In the order of the fields' names.
fn keys(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<KeyDifference> {
    let (old, new) = (leaves(before), leaves(after));
    let places: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    let differing = places.into_iter().filter(|place| old.get(place) != new.get(place));
    let all: Vec<KeyDifference> = differing
        .map(|place| KeyDifference {
            before: old.get(&place).cloned(),
            after: new.get(&place).cloned(),
            field: place.0,
            pointer: place.1,
        })
        .collect();
    // The text is compared because numbers in it lose digits when they are read; where a key shows that they differ, it says all.
    let has_key = all.iter().any(|key| key.field == MERGE && key.pointer.is_some());
    all.into_iter().filter(|key| !(has_key && key.field == MERGE && key.pointer.is_none())).collect()
}

const MERGE: &str = "configurationUpdate.merge";

/// Every value that is no object by its field and the pointer in it, an empty object included.
fn leaves(fields: &Map<String, Value>) -> BTreeMap<(String, Option<String>), Value> {
    let mut all = BTreeMap::new();
    for (name, value) in fields {
        match name.as_str() {
            "merge" => descend(value, "", &mut |pointer, value| {
                all.insert((MERGE.to_owned(), Some(pointer.to_owned())), value.clone());
            }),
            "mergeText" => {
                all.insert((MERGE.to_owned(), None), value.clone());
            }
            "reset" => {
                all.insert(("configurationUpdate.reset".to_owned(), None), value.clone());
            }
            _ => descend(value, "", &mut |pointer, value| {
                all.insert((format!("{name}{}", pointer.replace('/', ".")), None), value.clone());
            }),
        }
    }
    all
}

fn descend(value: &Value, pointer: &str, found: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                descend(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Object(_) | Value::Array(_) | Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {
            found(pointer, value);
        }
    }
}

#[cfg(test)]
mod tests;
