//! The chart's values, its schema of them and its README (pure but for reading the files).

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use super::chart;

const BEGIN: &str = "<!-- The values. After a change: UPDATE_DOCS=1 cargo test --test operator chart::values -->\n";
const END: &str = "<!-- The values end here. -->\n";

fn read(file: &str) -> String {
    fs::read_to_string(chart().join(file)).unwrap()
}

fn values() -> Value {
    serde_saphyr::from_str(&read("values.yaml")).unwrap()
}

/// A value that has no values within.
struct Leaf {
    /// As `--set` takes it.
    path: String,
    default: String,
    /// The comment that stands before it, or before what it stands in.
    description: String,
}

/// The leaves in the order of the file, which a parsed one has lost: each line with a key that is no comment.
fn leaves() -> Vec<Leaf> {
    let values = values();
    let mut leaves = Vec::new();
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut comment = Comment::default();
    let text = read("values.yaml");
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if let Some(words) = line.trim_start().strip_prefix('#') {
            comment.add(words);
            continue;
        }
        let Some((key, _)) = line.trim_start().split_once(':') else { continue };
        path.retain(|(depth, _)| *depth < indent);
        let parent = path.iter().try_fold(&values, |value, (_, key)| value.get(key));
        // Lines of a default that is a leaf itself, as an identity's spec, name nothing.
        let Some(value) = parent.and_then(|parent| parent.get(key)) else { continue };
        path.push((indent, key));
        let name = path.iter().map(|(_, key)| *key).collect::<Vec<_>>().join(".");
        let description = std::mem::take(&mut comment).finish();
        let has_more = value.as_object().is_some_and(|object| !object.is_empty());
        if has_more && description.is_empty() {
            continue;
        }
        leaves.push(Leaf {
            path: name,
            default: if has_more { String::new() } else { value.to_string() },
            description,
        });
    }
    leaves
}

/// The words of a comment that begins with `--`, and its lines of YAML.
#[derive(Default)]
struct Comment {
    words: Option<String>,
    example: Vec<String>,
}

impl Comment {
    fn add(&mut self, line: &str) {
        if let Some(first) = line.strip_prefix(" -- ") {
            *self = Self { words: Some(first.to_owned()), example: Vec::new() };
        } else if line.starts_with("   ") {
            self.example.push(line.trim().to_owned());
        } else if let Some(words) = &mut self.words {
            words.push_str(line);
        }
    }

    fn finish(self) -> String {
        let Self { words, example } = self;
        let words = words.unwrap_or_default().replace('|', "\\|");
        match &example[..] {
            [line] => format!("{words} `{line}`"),
            // It stands in the file, and is too long for a table.
            _ => words.trim_end_matches(" For example:").to_owned(),
        }
    }
}

fn table() -> String {
    let mut table = "| value | default | |\n|---|---|---|\n".to_owned();
    for Leaf { path, default, description } in leaves() {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        writeln!(table, "| `{path}` | {default} | {description} |").unwrap();
    }
    table
}

#[test]
fn the_readme_has_every_value_with_its_default() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the README has a place for the values");
    let (shown, after) = rest.split_once(END).expect("and an end of it");
    let table = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(chart().join("README.md"), format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert!(shown == table, "stale: run UPDATE_DOCS=1 cargo test --test operator chart::values");
    // The way through the lines has found all that a parser finds.
    every_leaf(&values(), "", &mut |path| assert!(table.contains(&format!("| `{path}` |")), "{path} is in no row"));
}

fn every_leaf(value: &Value, path: &str, check: &mut impl FnMut(&str)) {
    match value.as_object().filter(|object| !object.is_empty()) {
        Some(object) => {
            for (key, value) in object {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                every_leaf(value, &path, check);
            }
        }
        None => check(path),
    }
}

/// Objects whose names are the user's, or whose fields Kubernetes checks.
const OPEN: &[&str] = &[
    "affinity",
    "commonLabels",
    "defaultIdentity.spec",
    "emulator.fleet",
    "emulator.resources",
    "identities",
    "metrics.dashboard.annotations",
    "metrics.dashboard.labels",
    "metrics.podMonitor.labels",
    "metrics.prometheusRule.labels",
    "metrics.service.annotations",
    "metrics.serviceMonitor.labels",
    "nodeSelector",
    "podAnnotations",
    "podLabels",
    "podSecurityContext",
    "resources",
    "securityContext",
    "serviceAccount.annotations",
];

/// Whether `values.yaml` need not have it: set by a parent chart, or Kubernetes has a default for it.
fn is_without_default(path: &str) -> bool {
    path == "global" || path.contains("Probe.")
}

fn compare(values: &Value, schema: &Value, path: &str) {
    if schema["type"] != "object" || OPEN.contains(&path) {
        assert!(["type", "enum", "anyOf"].iter().any(|what| schema.get(what).is_some()), "{path} may be anything");
        return;
    }
    assert_eq!(schema["additionalProperties"], false, "{path:?} lets misspelt names through");
    let (values, properties) = (values.as_object().unwrap(), schema["properties"].as_object().unwrap());
    let within = |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
    for key in properties.keys().map(within).filter(|key| !is_without_default(key)) {
        let key = key.rsplit('.').next().unwrap();
        assert!(values.contains_key(key), "{path:?}: the schema's {key} is no value");
    }
    for (key, value) in values {
        let schema = properties.get(key).unwrap_or_else(|| panic!("{path:?}: {key} is not in the schema"));
        compare(value, schema, &within(key));
    }
}

#[test]
fn the_schema_knows_every_value_and_no_other() {
    compare(&values(), &serde_json::from_str(&read("values.schema.json")).unwrap(), "");
}
