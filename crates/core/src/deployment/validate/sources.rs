//! Configurations in `ConfigMaps`: read, and merged in their order beneath `merge`. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Problem, Problems, is_config_map_key, is_object_name, merge};
use crate::api::{ConfigMapKeySelector, ConfigurationSource, rules};
use crate::deployment::desired::Merge;
use crate::deployment::references::{ConfigMapFound, References};
use crate::deployment::revision::{EXACT_IN_A_DOUBLE, has_inexact_number};

/// The whole configuration to merge, where every source is there. What must be read and what is missing is noted in `needs`.
pub(super) fn merged(
    field: &str,
    sources: &[ConfigurationSource],
    own: Option<Merge>,
    references: &References,
    problems: &mut Problems,
    needs: &mut Needs,
) -> Option<Merge> {
    let fits = sources.len() <= rules::MAX_SOURCES;
    problems.unless(
        fits,
        field,
        "mergeFrom must have at most 16 entries: put what belongs together into one ConfigMap",
    );
    if sources.is_empty() || !fits {
        return own;
    }
    let mut value = Map::new();
    for (index, ConfigurationSource { config_map_key_ref: selector }) in sources.iter().enumerate() {
        let field = format!("{field}[{index}]");
        problems.unless(
            is_object_name(&selector.name) && is_config_map_key(&selector.key),
            format!("{field}.configMapKeyRef"),
            "name must be that of a ConfigMap (lower-case letters, digits, hyphens and dots), and key one of its data \
             (letters, digits, hyphens, dots and underscores), each of at most 253 characters",
        );
        if let Some(text) = text_of(&field, selector, references, needs) {
            match parsed(text) {
                Ok(read) => merge_into(&mut value, read),
                Err(message) => problems.add(field, format!("{} {message}", described(selector))),
            }
        }
    }
    if let Some(own) = own {
        problems.unless(!has_inexact_number(&own.text), field, INEXACT);
        merge_into(&mut value, own.value);
    }
    match merge::from_object(&value) {
        Ok(merge) => Some(merge),
        Err(message) => {
            problems.add(field, message);
            None
        }
    }
}

const INEXACT: &str = "a number in merge has more digits than a 64-bit number keeps, and would change when it is merged with mergeFrom: write it as a string";

/// What stands between a spec and its meaning.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// Something was not read yet.
    pub(crate) unread: bool,
    /// What is not there.
    pub(crate) missing: Vec<Problem>,
}

impl Needs {
    pub(crate) fn miss(&mut self, field: &str, message: String) {
        if self.missing.len() < super::MAX_PROBLEMS {
            self.missing.push(Problem { field: field.to_owned(), message });
        }
    }
}

pub(crate) fn text_of<'a>(
    field: &str,
    selector: &ConfigMapKeySelector,
    references: &'a References,
    needs: &mut Needs,
) -> Option<&'a str> {
    let ConfigMapKeySelector { name, key, optional } = selector;
    let is_optional = optional.unwrap_or_default();
    match references.config_maps.get(name) {
        None => needs.unread = true,
        Some(ConfigMapFound::Missing) if is_optional => {}
        Some(ConfigMapFound::Missing) => needs.miss(
            field,
            format!("ConfigMap {name} is not there: create it in this namespace, or set optional to true if it may be missing"),
        ),
        Some(ConfigMapFound::Denied(answer)) => needs.miss(
            field,
            format!("ConfigMap {name} can't be read: {answer}; allow get, list and watch on configmaps to the operator's service account"),
        ),
        Some(ConfigMapFound::Data(data)) => match data.get(key) {
            Some(text) => return Some(text),
            None if is_optional => {}
            None => needs.miss(
                field,
                format!("ConfigMap {name} has no key {key} in its data: add it, or set optional to true if it may be missing"),
            ),
        },
    }
    None
}

fn described(selector: &ConfigMapKeySelector) -> String {
    format!("(key {} of ConfigMap {})", selector.key, selector.name)
}

/// JSON is YAML, but not to every reader in every corner: what begins like a JSON object is read as one.
fn parsed(text: &str) -> Result<Map<String, Value>, String> {
    let text = text.trim();
    let inexact = "has a number with more digits than a 64-bit number keeps: write it as a string";
    if text.starts_with('{')
        && let Ok(Merge { value, text: _ }) = merge::from_text(text)
    {
        return if has_inexact_number(text) { Err(inexact.into()) } else { Ok(value) };
    }
    match serde_saphyr::from_str::<Value>(text) {
        // In YAML a text needs no quotes: only what was read as a number is one.
        Ok(value @ Value::Object(_)) if has_inexact_integer(&value) => Err(inexact.into()),
        Ok(Value::Object(value)) => Ok(value),
        // An empty file says nothing.
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err("is no object: write keys and values, as in merge".into()),
        // The parser's words would show what stands in the file.
        Err(_) => Err("is neither JSON nor YAML: correct it".into()),
    }
}

/// Whether a whole number has become a double that can't hold its digits.
fn has_inexact_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.is_f64() && number.as_f64().is_some_and(|float| float.abs() >= EXACT_IN_A_DOUBLE)
        }
        Value::Array(items) => items.iter().any(has_inexact_integer),
        Value::Object(fields) => fields.values().any(has_inexact_integer),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Objects merge key by key, everything else is replaced. Keys are the same as devices take them for the same: without regard
/// to case; the later one's spelling stays.
fn merge_into(below: &mut Map<String, Value>, above: Map<String, Value>) {
    let spellings: BTreeMap<String, String> = below.keys().map(|key| (key.to_lowercase(), key.clone())).collect();
    for (key, value) in above {
        let known = spellings.get(&key.to_lowercase()).and_then(|known| below.remove(known));
        let value = match (known, value) {
            (Some(Value::Object(mut under)), Value::Object(over)) => {
                merge_into(&mut under, over);
                Value::Object(under)
            }
            (_, value) => value,
        };
        below.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("no object") };
        object
    }

    #[test]
    fn a_later_one_goes_before_an_earlier_one_key_by_key() {
        let mut below = object(json!({"a": {"b": 1, "c": [1, 2]}, "Port": 1, "d": 1}));
        merge_into(&mut below, object(json!({"a": {"c": [3]}, "PORT": 2, "d": null})));
        assert_eq!(Value::Object(below), json!({"a": {"b": 1, "c": [3]}, "PORT": 2, "d": null}));
    }

    #[rstest]
    #[case::json("{\"a\": 1}", json!({"a": 1}))]
    #[case::yaml("a:\n  b: [1, x]\n", json!({"a": {"b": [1, "x"]}}))]
    #[case::flow_yaml("{a: 1}", json!({"a": 1}))]
    #[case::empty("", json!({}))]
    #[case::texts_that_look_like_numbers(
        "serial: '12345678901234567890'\nid: 3f-1234-4567-8901-446655440000",
        json!({"serial": "12345678901234567890", "id": "3f-1234-4567-8901-446655440000"})
    )]
    fn json_and_yaml_are_read(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(parsed(text).map(Value::Object), Ok(expected));
    }

    #[rstest]
    #[case::a_list("- a")]
    #[case::a_text("hello")]
    #[case::broken("a: [")]
    #[case::too_long_a_number("a: 123456789012345678901234567890")]
    fn what_is_no_object_is_refused_without_showing_it(#[case] text: &str) {
        let message = parsed(text).unwrap_err();
        assert!(!message.contains("hello") && !message.contains("12345"), "{message}");
    }
}
