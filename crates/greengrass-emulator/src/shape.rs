//! Shapes of a service model: which JSON they allow, and how a value looks with its unset members as explicit nulls. Pure.

use data_encoding::BASE64;
use serde_json::{Map, Value};

use crate::error::{FieldError, ServiceError};

/// What the model says about a value.
#[derive(Debug)]
pub(crate) enum Shape {
    String {
        min: usize,
        max: usize,
        pattern: Option<Pattern>,
    },
    Enum(&'static [&'static str]),
    /// Bytes, which JSON has in base64.
    Blob,
    Boolean,
    /// `integer` and `long`, by their bounds.
    Integer {
        min: i64,
        max: i64,
    },
    Double {
        min: f64,
        max: f64,
    },
    List {
        member: &'static Self,
        min: usize,
        max: usize,
    },
    Map {
        key: &'static Self,
        value: &'static Self,
        min: usize,
        max: usize,
    },
    Structure(&'static [Member]),
}

/// A member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) shape: &'static Shape,
    pub(crate) required: bool,
}

/// A pattern of the model: its text for the message, and what it means.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) text: &'static str,
    pub(crate) matches: fn(&str) -> bool,
}

pub(crate) const fn optional(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: false }
}

pub(crate) const fn required(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: true }
}

pub(crate) const fn text(min: usize, max: usize) -> Shape {
    Shape::String { min, max, pattern: None }
}

impl Shape {
    /// The shape of a structure's member.
    pub(crate) fn member(&self, name: &str) -> Option<&'static Self> {
        match self {
            Self::Structure(members) => members.iter().find(|member| member.name == name).map(|member| member.shape),
            _ => None,
        }
    }

    /// The value with every unset member of its structures as null, and nothing that the model doesn't know; or everything that is wrong with it.
    pub(crate) fn read(&self, value: &Value) -> Result<Value, ServiceError> {
        let mut errors = Vec::new();
        let read = self.check(value, "", &mut errors);
        if errors.is_empty() { Ok(read) } else { Err(ServiceError::fields(errors)) }
    }

    fn check(&self, value: &Value, path: &str, errors: &mut Vec<FieldError>) -> Value {
        let mut wrong = |message: String| {
            errors.push(FieldError { name: path.to_owned(), message });
        };
        match (self, value) {
            (Self::String { min, max, pattern }, Value::String(text)) => {
                let length = text.chars().count();
                if length < *min || length > *max {
                    wrong(format!("must have {} characters", range(*min, *max)));
                } else if let Some(pattern) = pattern
                    && !(pattern.matches)(text)
                {
                    wrong(format!("must match {}", pattern.text));
                }
            }
            (Self::Enum(names), Value::String(name)) => {
                if !names.contains(&name.as_str()) {
                    wrong(format!("must be one of {}", names.join(", ")));
                }
            }
            (Self::Blob, Value::String(text)) => {
                if BASE64.decode(text.as_bytes()).is_err() {
                    wrong("must be base64".to_owned());
                }
            }
            (Self::Boolean, Value::Bool(_)) => {}
            (Self::Integer { min, max }, Value::Number(number)) if !number.is_f64() => {
                if !number.as_i64().is_some_and(|number| (*min..=*max).contains(&number)) {
                    wrong(format!("must be between {min} and {max}"));
                }
            }
            (Self::Double { min, max }, Value::Number(number)) => {
                if !number.as_f64().is_some_and(|number| (*min..=*max).contains(&number)) {
                    wrong(format!("must be between {min} and {max}"));
                }
            }
            (Self::List { member, min, max }, Value::Array(items)) => {
                if items.len() < *min || items.len() > *max {
                    wrong(format!("must have {} entries", range(*min, *max)));
                }
                return items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| member.check(item, &join(path, &index.to_string()), errors))
                    .collect();
            }
            (Self::Map { key, value, min, max }, Value::Object(entries)) => {
                if entries.len() < *min || entries.len() > *max {
                    wrong(format!("must have {} entries", range(*min, *max)));
                }
                let mut read = Map::new();
                for (name, entry) in entries {
                    let path = join(path, name);
                    key.check(&Value::from(name.as_str()), &path, errors);
                    read.insert(name.clone(), value.check(entry, &path, errors));
                }
                return Value::Object(read);
            }
            (Self::Structure(members), Value::Object(given)) => {
                return Self::check_members(members, given, path, errors);
            }
            (_, Value::Null) => wrong("must not be null".to_owned()),
            (_, _) => wrong(format!("must be {}", self.noun())),
        }
        value.clone()
    }

    fn check_members(
        members: &[Member],
        given: &Map<String, Value>,
        path: &str,
        errors: &mut Vec<FieldError>,
    ) -> Value {
        let mut read = Map::new();
        for member in members {
            let path = join(path, member.name);
            let value = match given.get(member.name) {
                // The services take null for a member that is not set.
                None | Some(Value::Null) => {
                    if member.required {
                        errors.push(FieldError { name: path, message: "is required".to_owned() });
                    }
                    Value::Null
                }
                Some(value) => member.shape.check(value, &path, errors),
            };
            read.insert(member.name.to_owned(), value);
        }
        Value::Object(read)
    }

    const fn noun(&self) -> &'static str {
        match self {
            Self::String { .. } | Self::Enum(_) | Self::Blob => "a string",
            Self::Boolean => "a boolean",
            Self::Integer { .. } => "an integer",
            Self::Double { .. } => "a number",
            Self::List { .. } => "a list",
            Self::Map { .. } => "a map",
            Self::Structure(_) => "a structure",
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn range(min: usize, max: usize) -> String {
    if max == usize::MAX { format!("{min} or more") } else { format!("{min} to {max}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SHAPE: Shape = Shape::Structure(&[
        required("name", &text(1, 3)),
        optional(
            "limits",
            &Shape::Map {
                key: &text(1, 2),
                value: &Shape::Structure(&[
                    optional("cpus", &Shape::Double { min: 0.0, max: 5.0 }),
                    optional("memory", &Shape::Integer { min: 0, max: 10 }),
                ]),
                min: 1,
                max: 2,
            },
        ),
        optional("list", &Shape::List { member: &Shape::Enum(&["A", "B"]), min: 1, max: 2 }),
        optional("flag", &Shape::Boolean),
    ]);

    #[test]
    fn unset_members_become_nulls_and_unknown_ones_go() {
        let read = SHAPE.read(&json!({"name": "x", "limits": {"a": {"cpus": 1}}, "other": 1}));
        assert_eq!(
            read.unwrap(),
            json!({"name": "x", "limits": {"a": {"cpus": 1, "memory": null}}, "list": null, "flag": null})
        );
    }

    #[test]
    fn every_mistake_is_listed_with_its_path() {
        let error = SHAPE
            .read(&json!({
                "name": null,
                "limits": {"abc": {"memory": 11, "cpus": "1"}},
                "list": ["C"],
                "flag": 1,
            }))
            .unwrap_err();
        let ServiceError::Validation { fields, .. } = error else {
            panic!("{error}");
        };
        let fields: Vec<_> = fields.iter().map(|field| format!("{} {}", field.name, field.message)).collect();
        assert_eq!(
            fields,
            [
                "name is required",
                "limits.abc must have 1 to 2 characters",
                "limits.abc.cpus must be a number",
                "limits.abc.memory must be between 0 and 10",
                "list.0 must be one of A, B",
                "flag must be a boolean",
            ]
        );
    }

    #[test]
    fn bytes_are_base64() {
        for (value, right) in [(json!("YQ=="), true), (json!(""), true), (json!("YQ"), false), (json!(1), false)] {
            const BYTES: Shape = Shape::Structure(&[required("bytes", &Shape::Blob)]);
            assert_eq!(BYTES.read(&json!({"bytes": value})).is_ok(), right, "{value}");
        }
    }

    #[test]
    fn bounds_are_inclusive() {
        for (value, right) in [(json!("abc"), true), (json!("abcd"), false), (json!(""), false)] {
            assert_eq!(SHAPE.read(&json!({"name": value})).is_ok(), right, "{value}");
        }
        for (value, right) in [(json!(10), true), (json!(-1), false), (json!(1.5), false), (json!(u64::MAX), false)] {
            let given = json!({"name": "x", "limits": {"a": {"memory": value}}});
            assert_eq!(SHAPE.read(&given).is_ok(), right, "{value}");
        }
    }
}
