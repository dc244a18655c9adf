//! The algebra of component configurations: which keys revisions have set on devices, and which of them a new revision has to
//! reset. Pure.
//!
//! A device merges: what an earlier revision set stays when a later one no longer names it. So whatever revisions have set or
//! reset is remembered, and what the next revision does not set goes into its `reset`, also for devices that missed some of them.
//! Keys are told apart as devices do it, without regard to case (aws-greengrass-nucleus, `Topics`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::desired::{Component, Content};
use super::rows::DeployedContent;
use crate::api::rules;

/// Pointers that are kept for one component; beyond it they collapse to what stands above them.
pub const MAX_POINTERS: usize = 100;

/// Pointers that are kept in all; beyond it whole components are reset. A status has to fit etcd's 1.5 MiB with all else:
/// 2000 pointers of at most 256 characters are half a mebibyte.
const MAX_TOTAL: usize = 2000;

/// Components for which pointers are kept.
pub const MAX_COMPONENTS: usize = rules::MAX_COMPONENTS;

/// JSON pointers (RFC 6901), found without regard to case and written as they first came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointers(BTreeMap<String, String>);

impl Pointers {
    /// These.
    pub fn of(pointers: impl IntoIterator<Item = String>) -> Self {
        let mut all = Self::default();
        for pointer in pointers {
            all.insert(pointer);
        }
        all
    }

    /// As written, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn contains(&self, pointer: &str) -> bool {
        self.0.contains_key(&folded(pointer))
    }

    fn has_ancestor_of(&self, pointer: &str) -> bool {
        ancestors(&folded(pointer)).any(|above| self.0.contains_key(above))
    }

    fn insert(&mut self, pointer: String) {
        self.0.entry(folded(&pointer)).or_insert(pointer);
    }

    fn remove_all(&mut self, others: &Self) {
        self.0.retain(|folded, _| !others.0.contains_key(folded));
    }

    /// The deepest go first, so that little is reset that need not be.
    fn bound(&mut self, most: usize) {
        let depth = |pointer: &str| pointer.matches('/').count();
        while self.0.len() > most {
            let Some(deepest) = self.0.keys().map(|pointer| depth(pointer)).max().filter(|deepest| *deepest > 0) else {
                return;
            };
            let all = std::mem::take(&mut self.0);
            for (folded, pointer) in all {
                if depth(&folded) == deepest {
                    self.insert(above(&pointer).to_owned());
                } else {
                    self.0.insert(folded, pointer);
                }
            }
        }
    }
}

/// Pointers by component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(BTreeMap<String, Pointers>);

impl Keys {
    /// As a status keeps them.
    #[must_use]
    pub fn recorded(status: &BTreeMap<String, Vec<String>>) -> Self {
        Self(status.iter().map(|(name, pointers)| (name.clone(), Pointers::of(pointers.iter().cloned()))).collect())
    }

    /// For a status.
    #[must_use]
    pub fn to_status(&self) -> BTreeMap<String, Vec<String>> {
        self.0.iter().map(|(name, pointers)| (name.clone(), pointers.iter().map(ToOwned::to_owned).collect())).collect()
    }

    /// Those of a component.
    #[must_use]
    pub fn of(&self, component: &str) -> Option<&Pointers> {
        self.0.get(component)
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(name, pointers)| pointers.iter().map(move |pointer| (name.as_str(), pointer)))
    }

    /// With all of another as well, within bounds.
    pub fn add(&mut self, other: &Self) {
        for (name, pointers) in &other.0 {
            let known = self.0.entry(name.clone()).or_default();
            for pointer in pointers.iter() {
                known.insert(within_reset(pointer).to_owned());
            }
            known.bound(MAX_POINTERS);
        }
        while self.0.len() > MAX_COMPONENTS {
            self.0.pop_last();
        }
        let mut total: usize = self.0.values().map(|pointers| pointers.0.len()).sum();
        while total > MAX_TOTAL {
            let Some(largest) = self.0.values_mut().max_by_key(|pointers| pointers.0.len()) else { return };
            total -= largest.0.len() - 1;
            largest.bound(1);
        }
    }

    /// Without those of another.
    pub fn remove(&mut self, other: &Self) {
        for (name, pointers) in &other.0 {
            if let Some(known) = self.0.get_mut(name) {
                known.remove_all(pointers);
            }
        }
        self.0.retain(|_, pointers| !pointers.is_empty());
    }
}

/// [`Keys`] for as long as nobody asks, as one text: maps of a few entries take the room of eleven, and each pointer that of two.
#[derive(Debug)]
pub struct WrittenKeys(Box<str>);

impl From<&Keys> for WrittenKeys {
    fn from(keys: &Keys) -> Self {
        Self(serde_json::json!(keys.to_status()).to_string().into_boxed_str())
    }
}

impl From<WrittenKeys> for Keys {
    fn from(WrittenKeys(text): WrittenKeys) -> Self {
        // A map of lists was written.
        Self::recorded(&serde_json::from_str(&text).unwrap_or_default())
    }
}

/// What a revision does to configurations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// What it sets.
    pub set: Keys,
    /// What it resets.
    pub reset: Keys,
}

impl Configured {
    /// What a deployment in AWS does. A `merge` that is no JSON object fails on devices and sets nothing.
    #[must_use]
    pub fn by(content: &DeployedContent) -> Self {
        let mut configured = Self::default();
        for (name, component) in &content.components {
            let merge =
                component.merge.as_deref().and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
            configured.note(name, merge.as_ref(), &component.reset);
        }
        configured
    }

    fn note(&mut self, name: &str, merge: Option<&Map<String, Value>>, reset: &[String]) {
        let set = merge.map(set_by).unwrap_or_default();
        if !set.is_empty() {
            self.set.0.insert(name.to_owned(), set);
        }
        if !reset.is_empty() {
            self.reset.0.insert(name.to_owned(), Pointers::of(reset.iter().cloned()));
        }
    }
}

/// The pointers that a new revision resets beside those that the user names, by component.
#[must_use]
pub fn resets(dropped: &Keys, content: &Content) -> BTreeMap<String, Vec<String>> {
    let of_component = |(name, component): (&String, &Component)| {
        let pointers = resets_of(dropped.of(name)?, component);
        (!pointers.is_empty()).then(|| (name.clone(), pointers))
    };
    content.components.iter().filter_map(of_component).collect()
}

fn resets_of(dropped: &Pointers, component: &Component) -> Vec<String> {
    let users = Pointers::of(component.reset.iter().cloned());
    // All is reset already.
    if users.contains("") {
        return Vec::new();
    }
    let set = covered_by(component);
    // What lies below another that is reset is reset with it.
    let due = |pointer: &&str| {
        let is_set = set.contains(pointer) || set.has_ancestor_of(pointer);
        !is_set && !users.contains(pointer) && is_resettable(pointer) && !dropped.has_ancestor_of(pointer)
    };
    dropped.iter().filter(due).map(ToOwned::to_owned).collect()
}

/// The dropped keys that devices can't reset, with their components: those that the present content does not set.
#[must_use]
pub fn stuck<'a>(dropped: &'a Keys, content: &Content) -> Vec<(&'a str, &'a str)> {
    let sticks = |(name, pointer): &(&str, &str)| {
        content.components.get(*name).is_some_and(|component| {
            let set = covered_by(component);
            let users = Pointers::of(component.reset.iter().cloned());
            let is_covered = |all: &Pointers| all.contains(pointer) || all.has_ancestor_of(pointer);
            !is_resettable(pointer) && !is_covered(&set) && !is_covered(&users)
        })
    };
    dropped.iter().filter(sticks).collect()
}

/// Devices skip pointers with a segment that looks like the index of an array: digits without a leading zero that fit 32 bits
/// (Jackson's `JsonPointer`, by which aws-greengrass-nucleus reads them).
fn is_resettable(pointer: &str) -> bool {
    !pointer.split('/').skip(1).any(|segment| {
        let digits = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
        digits && (segment == "0" || !segment.starts_with('0')) && segment.parse::<i32>().is_ok()
    })
}

/// The pointers at which a merge leaves a trace on a device: those of values, lists among them, and of empty objects.
#[must_use]
pub fn set_by(merge: &Map<String, Value>) -> Pointers {
    let mut pointers = Pointers::default();
    walk(merge, "", true, &mut pointers);
    pointers
}

/// The pointers at which a device has the component's value whatever it had before. An empty object is none: what is below it
/// stays.
fn covered_by(component: &Component) -> Pointers {
    let mut pointers = Pointers::default();
    if let Some(merge) = &component.merge {
        walk(&merge.value, "", false, &mut pointers);
    }
    pointers
}

fn walk(object: &Map<String, Value>, path: &str, empty_ones: bool, pointers: &mut Pointers) {
    for (key, value) in object {
        let pointer = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        match value {
            Value::Object(below) if !below.is_empty() => walk(below, &pointer, empty_ones, pointers),
            Value::Object(_) if !empty_ones => {}
            Value::Object(_) | Value::Array(_) | Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {
                pointers.insert(pointer);
            }
        }
    }
}

/// The pointers above one, the nearest first and the whole configuration last.
fn ancestors(pointer: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(pointer), |pointer| (!pointer.is_empty()).then(|| above(pointer))).skip(1)
}

fn above(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(above, _)| above)
}

/// A pointer that is longer than `reset` takes stands for what is above it.
fn within_reset(pointer: &str) -> &str {
    let fits = |pointer: &&str| pointer.chars().count() <= rules::MAX_RESET;
    std::iter::once(pointer).chain(ancestors(pointer)).find(fits).unwrap_or_default()
}

fn folded(pointer: &str) -> String {
    pointer.to_lowercase()
}

#[cfg(test)]
mod tests;
