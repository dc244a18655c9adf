//! Reads `rules.yaml` and `rules-things-graph.yaml`: what each mistake in a manifest is answered. Pure.

#![allow(dead_code, reason = "each test binary uses its part")]

use serde::Deserialize;
use serde_json::{Map, Value};

/// The kinds that have a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    GreengrassDeployment,
    SystemInstance,
}

/// Every kind that has a table.
pub(crate) const KINDS: [Kind; 2] = [Kind::GreengrassDeployment, Kind::SystemInstance];

/// One mistake on the base manifest.
pub(crate) struct Mistake {
    /// What is wrong, in words.
    pub(crate) what: String,
    /// The object before the change, where the change is the mistake.
    pub(crate) before: Option<Value>,
    /// The object.
    pub(crate) object: Value,
    /// The words of the rule that is broken.
    pub(crate) sentence: Option<String>,
    /// The keyword of the schema that is broken, where no rule words it.
    pub(crate) keyword: Option<String>,
    /// What the API server says.
    pub(crate) server: Option<String>,
    /// What the operator says.
    pub(crate) operator: Option<String>,
}

#[derive(Deserialize)]
struct Table {
    base: Value,
    mistakes: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    mistake: String,
    from: Option<Value>,
    patch: Value,
    sentence: Option<String>,
    keyword: Option<String>,
    server: Option<String>,
    operator: Option<String>,
}

fn table(kind: Kind) -> Table {
    let text = match kind {
        Kind::GreengrassDeployment => include_str!("../rules.yaml"),
        Kind::SystemInstance => include_str!("../rules-things-graph.yaml"),
    };
    serde_saphyr::from_str(text).unwrap()
}

/// The `GreengrassDeployment` without a mistake.
pub(crate) fn base() -> Value {
    base_of(Kind::GreengrassDeployment)
}

/// The manifest of a kind without a mistake.
pub(crate) fn base_of(kind: Kind) -> Value {
    table(kind).base
}

/// All mistakes in a manifest of a kind, each with the whole object that has it.
pub(crate) fn mistakes_of(kind: Kind) -> Vec<Mistake> {
    let Table { base, mistakes } = table(kind);
    let patched = |patch: Value| {
        let mut object = base.clone();
        merge(&mut object, expanded(patch));
        object
    };
    mistakes
        .into_iter()
        .map(|row| {
            let said = |text: String| {
                let sentence = row.sentence.as_deref().unwrap_or("SENTENCE");
                repeated(&text.replace("SENTENCE", sentence))
            };
            Mistake {
                what: row.mistake,
                before: row.from.map(patched),
                object: patched(row.patch),
                server: row.server.map(said),
                operator: row.operator.map(said),
                keyword: row.keyword,
                sentence: row.sentence,
            }
        })
        .collect()
}

/// A JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let fields = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(&key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Writes out what the table abbreviates.
fn expanded(value: Value) -> Value {
    match value {
        Value::String(text) => repeated(&text).into(),
        Value::Array(items) => items.into_iter().flat_map(expanded_item).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .flat_map(|(key, value)| {
                let value = expanded(value);
                counted(&key).into_iter().map(move |key| (repeated(&key), value.clone()))
            })
            .collect(),
        other => other,
    }
}

fn expanded_item(item: Value) -> Vec<Value> {
    if let (Some(times), Some(of)) = (item.get("times").and_then(Value::as_u64), item.get("of")) {
        return (0..times).map(|_| expanded(of.clone())).collect();
    }
    match item {
        Value::String(text) => counted(&text).iter().map(|text| repeated(text).into()).collect(),
        other => vec![expanded(other)],
    }
}

/// `a{1..3}` is a1, a2, a3; anything else itself.
fn counted(text: &str) -> Vec<String> {
    let range = text.split_once('{').and_then(|(before, rest)| {
        let (range, after) = rest.split_once('}')?;
        let (first, last) = range.split_once("..")?;
        Some((before, first.parse::<u32>().ok()?, last.parse::<u32>().ok()?, after))
    });
    match range {
        Some((before, first, last, after)) => (first..=last).map(|n| format!("{before}{n}{after}")).collect(),
        None => vec![text.to_owned()],
    }
}

/// `{x*3}` is xxx.
fn repeated(text: &str) -> String {
    let found = text.split_once('{').and_then(|(before, rest)| {
        let (repeat, after) = rest.split_once('}')?;
        let (what, times) = repeat.split_once('*')?;
        Some(format!("{before}{}{after}", what.repeat(times.parse().ok()?)))
    });
    found.unwrap_or_else(|| text.to_owned())
}
