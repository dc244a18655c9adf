//! The reference of fields in docs/reference/, made from the schema, and an example for each field of a spec. Pure,
//! but that pages and examples are files.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use greengrass_operator_core::api::schema::{Definition, definitions};
use serde_json::Value;

use crate::offline::schema_of;

/// An entry of a list.
const ENTRY: &str = "[]";
/// A value of a map.
const VALUE: &str = ".NAME";

/// A field below another one, as paths name it.
fn below(path: &str, part: &str) -> String {
    format!("{path}{part}")
}

/// Calls `see` for each field in the order of their names, with its path, its schema and whether it must be there.
fn each_field(path: &str, schema: &Value, see: &mut impl FnMut(&str, &Value, bool)) {
    let required = |name: &str| {
        let names = schema["required"].as_array();
        names.is_some_and(|names| names.iter().any(|required| required == name))
    };
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        // What is written as it stands at the root: `spec`, not `.spec`.
        let path = if path.is_empty() { name.clone() } else { below(path, &format!(".{name}")) };
        see(&path, field, required(name));
        each_field(&path, field, see);
    }
    for (key, part) in [("items", ENTRY), ("additionalProperties", VALUE)] {
        if schema[key].is_object() {
            let path = below(path, part);
            if schema[key].get("properties").is_some() {
                see(&path, &schema[key], false);
            }
            each_field(&path, &schema[key], see);
        }
    }
}

/// The type in words.
fn type_of(schema: &Value) -> String {
    let inner = |key: &str| type_of(&schema[key]);
    match schema["type"].as_str() {
        // The only field that takes two types says so without a type.
        None => "object or string".to_owned(),
        Some("array") => format!("list of {}s", inner("items")),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("map of strings to {}s", inner("additionalProperties"))
        }
        Some("string") if schema["format"] == "date-time" => "time".to_owned(),
        Some(plain) => plain.to_owned(),
    }
}

/// A bound from one to the other side, in words.
fn bounds(schema: &Value, [least, most]: [&str; 2], unit: &str) -> Option<String> {
    match (schema[least].as_i64(), schema[most].as_i64()) {
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (Some(least), None) => Some(format!("at least {least}{unit}")),
        (None, Some(most)) => Some(format!("at most {most}{unit}")),
        (None, None) => None,
    }
}

/// What a value must be, in words, beside its type.
fn limits(schema: &Value, required: bool) -> Vec<String> {
    let mut limits: Vec<String> = required.then(|| "required".to_owned()).into_iter().collect();
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(|value| format!("`{}`", value.as_str().unwrap())).collect();
        limits.push(format!("one of {}", values.join(", ")));
    }
    // A schema without a type refuses numbers by bounds that none meets.
    if schema.get("type").is_some() {
        limits.extend(bounds(schema, ["minimum", "maximum"], ""));
        limits.extend(bounds(schema, ["minItems", "maxItems"], " entries"));
        limits.extend(schema["pattern"].as_str().map(|pattern| format!("matches `{}`", pattern.replace('|', "\\|"))));
    }
    limits.extend(bounds(schema, ["minLength", "maxLength"], " characters"));
    limits.extend(bounds(schema, ["minProperties", "maxProperties"], " entries"));
    let keys = schema["x-kubernetes-list-map-keys"].as_array();
    match schema["x-kubernetes-list-type"].as_str() {
        Some("map") => {
            let keys: Vec<String> = keys.unwrap().iter().map(|key| format!("`{}`", key.as_str().unwrap())).collect();
            limits.push(format!("entries are told apart by {}", keys.join(", ")));
        }
        Some("set") => limits.push("no entry twice".to_owned()),
        Some("atomic") => limits.push("replaced as a whole by server-side apply".to_owned()),
        _ => {}
    }
    limits.extend(schema.get("default").map(|default| format!("default `{default}`")));
    limits
}

/// What the API server says to a value that breaks a rule. Two rules may say the same.
fn rules(schema: &Value) -> Vec<&str> {
    let rules = schema["x-kubernetes-validations"].as_array();
    let mut messages: Vec<&str> = rules.into_iter().flatten().map(|rule| rule["message"].as_str().unwrap()).collect();
    messages.dedup();
    messages
}

/// The section of a field.
fn section(path: &str, schema: &Value, required: bool) -> String {
    let depth = if path.contains(['.', '[']) { "###" } else { "##" };
    let limits: Vec<String> = [vec![type_of(schema)], limits(schema, required)].concat();
    let mut text = format!("{depth} `{path}`\n\n*{}*\n", limits.join("; "));
    if let Some(description) = schema["description"].as_str() {
        write!(text, "\n{description}\n").unwrap();
    }
    if !rules(schema).is_empty() {
        text.push_str("\nWhat is refused, and how:\n\n");
    }
    for message in rules(schema) {
        writeln!(text, "- {message}").unwrap();
    }
    text
}

fn kind(definition: Definition) -> &'static str {
    match definition {
        Definition::GreengrassDeployment => "GreengrassDeployment",
        Definition::AwsIdentity => "AwsIdentity",
        Definition::SystemInstance => "SystemInstance",
    }
}

/// The page of a kind.
fn page(definition: Definition) -> String {
    let schema = schema_of(definition);
    let kind = kind(definition);
    let by_hand = match definition {
        Definition::GreengrassDeployment => "greengrassdeployment.md",
        Definition::AwsIdentity => "identity.md",
        Definition::SystemInstance => "things-graph.md",
    };
    let mut text = format!(
        "# Fields of {kind}\n\n\
         <!-- Generated from crates/core/src/api. After a change: UPDATE_DOCS=1 cargo test -p greengrass-operator-core --test schema fields -->\n\n\
         Every field of `{kind}` (`greengrass-operator.dev/v1alpha1`) as the definition has it; `kubectl explain` shows the same descriptions.\n\
         [{by_hand}](../{by_hand}) says what to do with them. `NAME` in a path stands for a key of a map, `[]` for an entry of a list.\n",
    );
    if !rules(&schema).is_empty() {
        text.push_str("\nOf a whole resource these are refused:\n\n");
    }
    for message in rules(&schema) {
        writeln!(text, "- {message}").unwrap();
    }
    each_field("", &schema, &mut |path, schema, required| {
        if path != "metadata" {
            write!(text, "\n{}", section(path, schema, required)).unwrap();
        }
    });
    text
}

#[test]
fn the_reference_of_fields_is_what_the_schema_says() {
    for definition in definitions() {
        let name = format!("{}-fields.md", kind(definition).to_lowercase());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(&name);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, page(definition)).unwrap();
        }
        let written = read(&path);
        assert!(written == page(definition), "docs/reference/{name} is stale; its comment says how to write it anew");
    }
}

#[allow(clippy::disallowed_methods, reason = "what is committed is a file")]
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Every manifest below examples/, with the name of its file.
pub(crate) fn examples() -> Vec<(String, Value)> {
    fn find(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                find(&path, files);
            } else {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples"), &mut files);
    files.sort();
    let mut manifests = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = read(&file);
        let documents = text.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap());
        manifests.extend(documents.map(|document| (name.clone(), document)));
    }
    manifests
}

/// The paths of everything that a manifest sets, as far as the schema has fields.
fn fields_set(path: &str, value: &Value, schema: &Value, set: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) if schema["additionalProperties"].is_object() => {
            for inner in fields.values() {
                fields_set(&below(path, VALUE), inner, &schema["additionalProperties"], set);
            }
        }
        Value::Object(fields) => {
            for (name, inner) in fields {
                let Some(field) = schema["properties"].get(name) else { continue };
                let path = if path.is_empty() { name.clone() } else { below(path, &format!(".{name}")) };
                set.insert(path.clone());
                fields_set(&path, inner, field, set);
            }
        }
        Value::Array(items) => {
            for item in items {
                fields_set(&below(path, ENTRY), item, &schema["items"], set);
            }
        }
        _ => {}
    }
}

#[test]
fn every_field_of_a_spec_has_an_example() {
    for definition in definitions() {
        let schema = schema_of(definition);
        let mut set = BTreeSet::new();
        let of_kind = |manifest: &Value| manifest["kind"] == kind(definition);
        for (_, manifest) in examples().into_iter().filter(|(_, manifest)| of_kind(manifest)) {
            fields_set("", &manifest, &schema, &mut set);
        }
        let mut lacking = Vec::new();
        each_field("", &schema, &mut |path, _, _| {
            let entry = path.ends_with(ENTRY) || path.ends_with(VALUE);
            if path.starts_with("spec") && !entry && !set.contains(path) {
                lacking.push(path.to_owned());
            }
        });
        assert!(lacking.is_empty(), "no manifest below examples/ sets {lacking:#?}");
    }
}
