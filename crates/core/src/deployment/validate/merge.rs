//! What is merged into a component's configuration: an object, or a text that holds one. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::shown;
use crate::api::rules;
use crate::deployment::desired::Merge;

/// How deep a configuration may nest. Readers of JSON commonly stop at 128 levels, the operator's own among them; the
/// deployment around a configuration needs some of those.
const MAX_DEPTH: usize = 100;

/// The configuration, or a sentence on why it is none.
pub(super) fn parse(merge: &Value) -> Result<Merge, String> {
    let parsed = match merge {
        Value::String(text) => from_text(text.trim())?,
        Value::Object(object) => from_object(object)?,
        _ => {
            return Err(
                "merge must be an object, or a string that holds a JSON object such as '{\"Message\": \"Hello\"}'"
                    .into(),
            );
        }
    };
    if parsed.text.chars().count() > rules::MAX_MERGE {
        return Err(
            "merge must have at most 10485760 characters as JSON: move large content to an artifact of the component"
                .into(),
        );
    }
    Ok(parsed)
}

pub(super) fn from_object(object: &Map<String, Value>) -> Result<Merge, String> {
    let mut value = Value::Object(object.clone());
    if depth(&value) > MAX_DEPTH {
        return Err(too_deep());
    }
    // Keys in one order whatever order they were written in: the same content is the same text.
    value.sort_all_objects();
    let text = value.to_string();
    match value {
        Value::Object(value) => Ok(Merge { value, text }),
        _ => Err(too_deep()),
    }
}

pub(super) fn from_text(text: &str) -> Result<Merge, String> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0 }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(Value::Object(value)) => Ok(Merge { value, text: text.to_owned() }),
        Ok(_) => {
            Err("merge is a string that holds JSON, but no object: write '{…}', for example '{\"Message\": \"Hello\"}'"
                .into())
        }
        Err(error) => Err(format!(
            "merge is a string that holds no valid JSON object ({error}): correct it, or write merge as an object in place of a string"
        )),
    }
}

/// Two keys of one object that are the same to a device, as pointers.
pub(super) fn one_key_twice(object: &Map<String, Value>) -> Option<(String, String)> {
    let mut seen = BTreeMap::new();
    for (key, value) in object {
        if let Some(other) = seen.insert(key.to_lowercase(), key) {
            return Some((format!("/{}", shown(other)), format!("/{}", shown(key))));
        }
        let below = match value {
            Value::Object(below) => one_key_twice(below),
            // Lists are values to a device: what is in them is not taken apart.
            Value::Array(_) | Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => None,
        };
        if let Some((one, other)) = below {
            let at = shown(key);
            return Some((format!("/{at}{one}"), format!("/{at}{other}")));
        }
    }
    None
}

fn too_deep() -> String {
    format!("merge must nest at most {MAX_DEPTH} levels deep: make the configuration flatter")
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Reads JSON and refuses a key that stands twice in one object, where readers differ on which one counts.
struct Strict {
    depth: usize,
}

impl Strict {
    /// For what is inside the array or object at hand.
    fn inside<E: serde::de::Error>(self) -> Result<usize, E> {
        if self.depth < MAX_DEPTH {
            Ok(self.depth + 1)
        } else {
            Err(E::custom(format_args!("it nests more than {MAX_DEPTH} levels deep")))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.inside()?;
        let mut read = Vec::new();
        while let Some(item) = items.next_element_seed(Self { depth })? {
            read.push(item);
        }
        Ok(Value::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let depth = self.inside()?;
        let mut read = Map::new();
        let mut seen = BTreeSet::new();
        while let Some(key) = fields.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("the key \"{}\" stands twice in one object", shown(&key))));
            }
            let value = fields.next_value_seed(Self { depth })?;
            read.insert(key, value);
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_becomes_its_compact_text_with_nulls_kept() {
        let merge = parse(&json!({"b": [1, 2.5, {"z": 1, "a": 2}], "a": null})).unwrap();
        assert_eq!(merge.text, r#"{"a":null,"b":[1,2.5,{"a":2,"z":1}]}"#);
        assert_eq!(merge.value.get("a"), Some(&Value::Null));
    }

    #[test]
    fn a_text_keeps_every_byte_but_the_space_around_it() {
        let merge = parse(&json!(" {\"n\": 1.0, \"big\": 123456789012345678901234567890 ,\"a\" : null}\n")).unwrap();
        assert_eq!(merge.text, "{\"n\": 1.0, \"big\": 123456789012345678901234567890 ,\"a\" : null}");
        assert_eq!(merge.value.get("a"), Some(&Value::Null));
    }

    #[rstest]
    #[case::number(json!(1), "merge must be an object, or a string that holds a JSON object such as '{\"Message\": \"Hello\"}'")]
    #[case::array(json!([]), "merge must be an object, or a string that holds a JSON object such as '{\"Message\": \"Hello\"}'")]
    #[case::text_with_an_array(json!("[1]"), "merge is a string that holds JSON, but no object: write '{…}', for example '{\"Message\": \"Hello\"}'")]
    #[case::broken(json!("{\"a\": }"), "merge is a string that holds no valid JSON object (expected value at line 1 column 7): correct it, or write merge as an object in place of a string")]
    #[case::empty(json!(""), "merge is a string that holds no valid JSON object (EOF while parsing a value at line 1 column 0): correct it, or write merge as an object in place of a string")]
    #[case::more_behind(json!("{} {}"), "merge is a string that holds no valid JSON object (trailing characters at line 1 column 4): correct it, or write merge as an object in place of a string")]
    #[case::twice(json!("{\"a\": {\"b\": 1, \"b\": 2}}"), "merge is a string that holds no valid JSON object (the key \"b\" stands twice in one object at line 1 column 18): correct it, or write merge as an object in place of a string")]
    fn what_holds_no_object_is_refused_with_the_reason(#[case] merge: Value, #[case] message: &str) {
        assert_eq!(parse(&merge).unwrap_err(), message);
    }

    #[test]
    fn nesting_has_an_end_in_both_forms() {
        let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
        for levels in [MAX_DEPTH, MAX_DEPTH + 1] {
            let object = nested(levels);
            let fits = levels <= MAX_DEPTH;
            assert_eq!(parse(&object).is_ok(), fits, "object of {levels}");
            assert_eq!(parse(&json!(object.to_string())).is_ok(), fits, "text of {levels}");
        }
    }
}
