//! Manifests as they stand in files, on standard input, or as kustomize builds them. I/O, but for [`parse`].

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use greengrass_operator_core::api::identity::AwsIdentitySpec;
use greengrass_operator_core::identity::{Parsed, parse as parse_identity};
use greengrass_operator_core::names::ObjectName;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

/// Why manifests can't be read.
#[derive(Debug, Error)]
pub(super) enum ManifestError {
    #[error("{0} can't be read")]
    Read(String, #[source] std::io::Error),
    #[error("{0} holds no .yaml, .yml or .json file: name another folder, or add --recursive")]
    Empty(String),
    #[error("neither kubectl nor kustomize can be started: install one of them, or name files with -f")]
    NoKustomize(#[source] std::io::Error),
    #[error("kustomize can't build {0}: {1}")]
    Kustomize(String, String),
    #[error("{0} can't be read as YAML: {1}")]
    Yaml(String, String),
    #[error(
        "{place}: {field} is missing, or is no text (YAML takes y, n, on, off and numbers for something else: quote it)"
    )]
    NoText { place: String, field: &'static str },
    #[error("{place}: apiVersion is {version}: write {GROUP}/v1alpha1", GROUP = greengrass_operator_core::api::GROUP)]
    Version { place: String, version: String },
    #[error(
        "{place}: {name} is no name: lower-case letters, digits, hyphens and dots, with a letter or digit at both ends"
    )]
    NoName { place: String, name: String },
    #[error("{place}: {problem}")]
    Envelope { place: String, problem: String },
    #[error("{place}: {object} stands in {before} already: the API server would keep the last one")]
    Twice { place: String, object: ObjectName, before: String },
}

/// What manifests say, as far as plans need it.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    /// In the order in which they stand.
    pub(super) deployments: Vec<Manifest>,
    /// The same of the legacy kind.
    pub(super) instances: Vec<Manifest>,
    pub(super) identities: BTreeMap<String, Parsed>,
    /// `data` by namespace and name.
    pub(super) config_maps: BTreeMap<(String, String), BTreeMap<String, String>>,
    /// Labels of namespaces.
    pub(super) namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

/// A GreengrassDeployment or SystemInstance as it stands in a file.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    pub(super) source: String,
    pub(super) object: ObjectName,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) spec: Value,
}

/// A text and where it comes from.
pub(super) type Source = (String, String);

/// Reads files and folders; `-` is standard input.
pub(super) fn read(paths: &[PathBuf], is_recursive: bool) -> Result<Vec<Source>, ManifestError> {
    let mut sources = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| ManifestError::Read("standard input".to_owned(), error))?;
            sources.push(("standard input".to_owned(), text));
        } else if path.is_dir() {
            let before = sources.len();
            folder(path, is_recursive, &mut sources)?;
            if sources.len() == before {
                return Err(ManifestError::Empty(path.display().to_string()));
            }
        } else {
            sources.push(file(path)?);
        }
    }
    Ok(sources)
}

fn folder(path: &Path, is_recursive: bool, sources: &mut Vec<Source>) -> Result<(), ManifestError> {
    let unreadable = |error| ManifestError::Read(path.display().to_string(), error);
    let mut entries: Vec<(PathBuf, bool)> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // Of links to folders this is false: they may lead back here.
        entries.push((entry.path(), entry.file_type().map_err(unreadable)?.is_dir()));
    }
    entries.sort();
    for (entry, is_folder) in entries {
        if is_folder {
            if is_recursive {
                folder(&entry, is_recursive, sources)?;
            }
        } else if entry.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json") {
            sources.push(file(&entry)?);
        }
    }
    Ok(())
}

fn file(path: &Path) -> Result<Source, ManifestError> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((name, text)),
        Err(error) => Err(ManifestError::Read(name, error)),
    }
}

/// What kustomize makes of a folder: kubectl has it built in.
pub(super) fn kustomized(folder: &Path) -> Result<Vec<Source>, ManifestError> {
    let built = Command::new("kubectl").arg("kustomize").arg(folder).output();
    let built = match built {
        Err(_) => Command::new("kustomize").arg("build").arg(folder).output().map_err(ManifestError::NoKustomize)?,
        Ok(built) => built,
    };
    let name = folder.display().to_string();
    if !built.status.success() {
        return Err(ManifestError::Kustomize(name, String::from_utf8_lossy(&built.stderr).trim().to_owned()));
    }
    Ok(vec![(name, String::from_utf8_lossy(&built.stdout).into_owned())])
}

/// Documents and nodes of one file at most: a fleet of ten thousand targets with ten components each. Aliases stay bounded as they are by
/// default, so that a small file can't stand for a large one.
const DOCUMENTS_AT_MOST: usize = 20_000;
const NODES_AT_MOST: usize = 5_000_000;

/// What the texts say. Objects of other kinds are none of our business.
pub(super) fn parse(sources: &[Source], namespace: &str) -> Result<Manifests, ManifestError> {
    let options = serde_saphyr::options! {
        // YAML 1.1, as kubectl reads it.
        legacy_octal_numbers: true,
        budget: serde_saphyr::budget! {
            max_documents: DOCUMENTS_AT_MOST,
            max_nodes: NODES_AT_MOST,
            max_events: 4 * NODES_AT_MOST,
        },
    };
    let mut manifests = Manifests::default();
    for (source, text) in sources {
        let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options.clone())
            // The lines around it may hold what nobody should read in a log.
            .map_err(|error| ManifestError::Yaml(source.clone(), error.without_snippet().to_string()))?;
        let is_alone = documents.len() == 1;
        for (at, document) in documents.into_iter().enumerate() {
            let place = if is_alone { source.clone() } else { format!("{source}, document {}", at + 1) };
            note(&mut manifests, &place, document, namespace)?;
        }
    }
    Ok(manifests)
}

fn note(manifests: &mut Manifests, place: &str, mut object: Value, namespace: &str) -> Result<(), ManifestError> {
    // A document without anything in it.
    if object.is_null() || object == "" {
        return Ok(());
    }
    let text = |field: &'static str| {
        let pointer = format!("/{}", field.replace('.', "/"));
        let found = object.pointer(&pointer).and_then(Value::as_str).map(ToOwned::to_owned);
        found.ok_or_else(|| ManifestError::NoText { place: place.to_owned(), field })
    };
    let (version, kind) = (text("apiVersion")?, text("kind")?);
    if kind.ends_with("List") && object.get("items").is_some_and(Value::is_array) {
        let Some(Value::Array(items)) = object.get_mut("items").map(Value::take) else { return Ok(()) };
        return items
            .into_iter()
            .enumerate()
            .try_for_each(|(at, item)| note(manifests, &format!("{place}, item {}", at + 1), item, namespace));
    }
    let is_ours = version.split_once('/').is_some_and(|(group, _)| group == greengrass_operator_core::api::GROUP);
    let is_core = version == "v1";
    match (kind.as_str(), is_ours, is_core) {
        ("GreengrassDeployment" | "SystemInstance" | "AwsIdentity", true, _) if !version.ends_with("/v1alpha1") => {
            return Err(ManifestError::Version { place: place.to_owned(), version });
        }
        ("GreengrassDeployment" | "SystemInstance" | "AwsIdentity", true, _) | ("ConfigMap" | "Namespace", _, true) => {
        }
        _ => return Ok(()),
    }
    let name = text("metadata.name")?;
    let metadata = metadata(place, object.get("metadata").unwrap_or(&Value::Null))?;
    let namespace = metadata.namespace.unwrap_or_else(|| namespace.to_owned());
    for name in [&name, &namespace] {
        let is_inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        if !name.chars().all(is_inside) || !is_end(name.chars().next()) || !is_end(name.chars().last()) {
            return Err(ManifestError::NoName { place: place.to_owned(), name: name.clone() });
        }
    }
    let spec = object.get_mut("spec").map(Value::take).unwrap_or_default();
    match kind.as_str() {
        "GreengrassDeployment" | "SystemInstance" => {
            let known = ["apiVersion", "kind", "metadata", "spec", "status"];
            let unknown = object.as_object().into_iter().flatten().find(|(key, _)| !known.contains(&key.as_str()));
            if let Some((key, _)) = unknown {
                let problem = format!("there is no field {key}: what is wanted stands in spec");
                return Err(ManifestError::Envelope { place: place.to_owned(), problem });
            }
            let object = ObjectName { namespace: namespace.into(), name: name.into() };
            let all = if kind == "SystemInstance" { &mut manifests.instances } else { &mut manifests.deployments };
            if let Some(before) = all.iter().find(|manifest| manifest.object == object) {
                return Err(ManifestError::Twice { place: place.to_owned(), object, before: before.source.clone() });
            }
            all.push(Manifest {
                source: place.to_owned(),
                object,
                annotations: metadata.annotations.unwrap_or_default(),
                spec: as_stored(spec),
            });
        }
        "AwsIdentity" => {
            let parsed = match serde_json::from_value::<AwsIdentitySpec>(spec.clone()) {
                Ok(read) => match unknown_fields(&spec, &read).as_slice() {
                    // Whether the operator allows endpoints without TLS is known to itself alone.
                    [] => parse_identity(&name, &read, true),
                    unknown => Parsed::unreadable(format!("it has fields that there are not: {}", unknown.join(", "))),
                },
                Err(error) => Parsed::unreadable(format!("spec can't be read: {error}")),
            };
            manifests.identities.insert(name, parsed);
        }
        "ConfigMap" => {
            let data = object.get_mut("data").map(Value::take).unwrap_or_default();
            let data = serde_json::from_value::<Option<BTreeMap<String, String>>>(data).map_err(|_| {
                let problem = "data holds something that is no text: quote it".to_owned();
                ManifestError::Envelope { place: place.to_owned(), problem }
            })?;
            manifests.config_maps.insert((namespace, name), data.unwrap_or_default());
        }
        _ => {
            manifests.namespaces.insert(name, metadata.labels.unwrap_or_default());
        }
    }
    Ok(())
}

fn metadata(place: &str, written: &Value) -> Result<ObjectMeta, ManifestError> {
    let envelope = |problem: String| ManifestError::Envelope { place: place.to_owned(), problem };
    let read = serde_json::from_value::<ObjectMeta>(written.clone()).map_err(|_| {
        envelope("metadata can't be read: labels and annotations are texts, so quote numbers and booleans".to_owned())
    })?;
    match differing(written, &read, "metadata").as_slice() {
        [] => Ok(read),
        unknown => Err(envelope(format!("there is no field {}", unknown.join(", ")))),
    }
}

/// What the API server makes of numbers that don't fit 64 bits with a sign: it keeps fifteen digits of them.
fn as_stored(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none() => {
            number.as_f64().and_then(serde_json::Number::from_f64).map_or(Value::Number(number), Value::Number)
        }
        Value::Array(items) => items.into_iter().map(as_stored).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, as_stored(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Fields of a spec that reading has passed over: kubectl warns of them, and the API server drops them.
pub(super) fn unknown_fields<T: Serialize>(written: &Value, read: &T) -> Vec<String> {
    differing(written, read, "spec")
}

fn differing<T: Serialize>(written: &Value, read: &T, path: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    compare(written, &serde_json::to_value(read).unwrap_or_default(), path, &mut unknown);
    unknown
}

fn compare(written: &Value, read: &Value, path: &str, unknown: &mut Vec<String>) {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            for (key, value) in written.iter().filter(|(_, value)| !value.is_null()) {
                let path = format!("{path}.{key}");
                match read.get(key) {
                    Some(read) => compare(value, read, &path, unknown),
                    None => unknown.push(path),
                }
            }
        }
        (Value::Array(written), Value::Array(read)) => {
            for (at, (written, read)) in written.iter().zip(read).enumerate() {
                compare(written, read, &format!("{path}[{at}]"), unknown);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Manifests, ManifestError> {
        parse(&[("file".to_owned(), text.to_owned())], "plant")
    }

    #[test]
    fn documents_and_lists_are_taken_apart_and_other_kinds_left_alone() {
        let manifests = parsed(
            "---\napiVersion: greengrass-operator.dev/v1alpha1\nkind: GreengrassDeployment\nmetadata: {name: a}\nspec: {suspend: true}\n\
             ---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: mill}, data: {k: v}}\n\
             - {apiVersion: apps/v1, kind: Deployment, metadata: {name: d}}\n\
             ---\napiVersion: v1\nkind: Namespace\nmetadata: {name: mill, labels: {a: b}}\n---\n",
        )
        .unwrap();
        assert_eq!(manifests.deployments.len(), 1);
        assert_eq!(manifests.deployments[0].object.to_string(), "plant/a");
        assert_eq!(manifests.config_maps[&("mill".to_owned(), "c".to_owned())]["k"], "v");
        assert_eq!(manifests.namespaces["mill"]["a"], "b");
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_its_place_and_what_to_do() {
        let said = |text: &str| parsed(text).unwrap_err().to_string();
        let of =
            |rest: &str| format!("apiVersion: greengrass-operator.dev/v1alpha1\nkind: GreengrassDeployment\n{rest}");
        assert!(said("kind: GreengrassDeployment").starts_with("file: apiVersion is missing"));
        assert!(said(&of("metadata: {name: y}")).starts_with("file: metadata.name is missing, or is no text"));
        assert!(said(&of("metadata: {name: Foo_Bar}")).starts_with("file: Foo_Bar is no name"));
        assert!(said(&of("metadata: {name: a, annotations: {b: 5}}")).contains("quote numbers"));
        assert_eq!(said(&of("metadata: {name: a, annotation: {b: c}}")), "file: there is no field metadata.annotation");
        assert_eq!(
            said(&of("metadata: {name: a}\nspecs: {}")),
            "file: there is no field specs: what is wanted stands in spec"
        );
        let other = "apiVersion: greengrass-operator.dev/v9\nkind: GreengrassDeployment\nmetadata: {name: a}";
        assert!(said(other).ends_with("write greengrass-operator.dev/v1alpha1"));
        let twice = format!("{0}\n---\n{0}", of("metadata: {name: a}"));
        assert!(
            said(&twice).starts_with("file, document 2: plant/a stands in file, document 1 already"),
            "{}",
            said(&twice)
        );
    }

    #[test]
    fn what_cannot_be_read_is_told_without_what_stands_there() {
        let error = parsed("kind: Secret\nstringData:\n  password: hunter2\n broken").unwrap_err().to_string();
        assert!(error.starts_with("file can't be read as YAML: ") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn numbers_are_those_that_the_api_server_keeps() {
        let spec = "spec: {merge: {octal: 017, large: 12345678901234567890, small: 3}}";
        let text = format!(
            "apiVersion: greengrass-operator.dev/v1alpha1\nkind: GreengrassDeployment\nmetadata: {{name: a}}\n{spec}"
        );
        let merge = &parsed(&text).unwrap().deployments[0].spec["merge"];
        assert_eq!(merge.to_string(), r#"{"large":1.2345678901234567e+19,"octal":15,"small":3}"#);
    }

    #[test]
    fn a_fleet_of_two_thousand_documents_is_read() {
        let one = |at: usize| {
            format!(
                "apiVersion: greengrass-operator.dev/v1alpha1\nkind: GreengrassDeployment\nmetadata: {{name: a{at}}}\n"
            )
        };
        let text = (0..2_000).map(one).collect::<Vec<_>>().join("---\n");
        assert_eq!(parsed(&text).unwrap().deployments.len(), 2_000);
    }
}
