//! Manifests as they stand in files, on standard input, or as kustomize builds them. I/O, but for [`parse`].

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use greengrass_operator_core::api::identity::AwsIdentitySpec;
use greengrass_operator_core::identity::{Parsed, parse as parse_identity};
use greengrass_operator_core::names::ObjectName;
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
    #[error("{0} is no YAML: {1}")]
    Yaml(String, String),
    #[error("{0} holds an object without apiVersion, kind or metadata.name: every manifest needs them")]
    NoObject(String),
}

/// What manifests say, as far as plans need it.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    /// In the order in which they stand.
    pub(super) deployments: Vec<Manifest>,
    pub(super) identities: BTreeMap<String, Parsed>,
    /// `data` by namespace and name.
    pub(super) config_maps: BTreeMap<(String, String), BTreeMap<String, String>>,
    /// Labels of namespaces.
    pub(super) namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

/// A GreengrassDeployment as it stands in a file.
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
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
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

/// What the texts say. Objects of other kinds are none of our business.
pub(super) fn parse(sources: &[Source], namespace: &str) -> Result<Manifests, ManifestError> {
    let mut manifests = Manifests::default();
    for (source, text) in sources {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text)
            .map_err(|error| ManifestError::Yaml(source.clone(), error.to_string()))?;
        for document in documents {
            note(&mut manifests, source, document, namespace)?;
        }
    }
    Ok(manifests)
}

fn note(manifests: &mut Manifests, source: &str, mut object: Value, namespace: &str) -> Result<(), ManifestError> {
    // A document without anything in it.
    if object.is_null() || object == "" {
        return Ok(());
    }
    let no_object = || ManifestError::NoObject(source.to_owned());
    let text = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned);
    let version = text(&object, "/apiVersion").ok_or_else(no_object)?;
    let kind = text(&object, "/kind").ok_or_else(no_object)?;
    if kind.ends_with("List")
        && let Some(Value::Array(items)) = object.get_mut("items").map(Value::take)
    {
        return items.into_iter().try_for_each(|item| note(manifests, source, item, namespace));
    }
    let name = text(&object, "/metadata/name");
    let namespace = text(&object, "/metadata/namespace").unwrap_or_else(|| namespace.to_owned());
    let group = version.split_once('/').map(|(group, _)| group);
    match (group, kind.as_str()) {
        (Some(greengrass_operator_core::api::GROUP), "GreengrassDeployment") => {
            manifests.deployments.push(Manifest {
                source: source.to_owned(),
                object: ObjectName { namespace: namespace.into(), name: name.ok_or_else(no_object)?.into() },
                annotations: texts(object.pointer("/metadata/annotations")),
                spec: object.get_mut("spec").map(Value::take).unwrap_or_default(),
            });
        }
        (Some(greengrass_operator_core::api::GROUP), "AwsIdentity") => {
            let name = name.ok_or_else(no_object)?;
            let spec = object.get_mut("spec").map(Value::take).unwrap_or_default();
            let parsed = match serde_json::from_value::<AwsIdentitySpec>(spec) {
                // Whether the operator allows endpoints without TLS is known to itself alone.
                Ok(spec) => parse_identity(&name, &spec, true),
                Err(error) => Parsed::unreadable(format!("spec can't be read: {error}")),
            };
            manifests.identities.insert(name, parsed);
        }
        (None, "ConfigMap") => {
            let key = (namespace, name.ok_or_else(no_object)?);
            manifests.config_maps.insert(key, texts(object.get("data")));
        }
        (None, "Namespace") => {
            let name = name.ok_or_else(no_object)?;
            manifests.namespaces.insert(name, texts(object.pointer("/metadata/labels")));
        }
        _ => {}
    }
    Ok(())
}

fn texts(map: Option<&Value>) -> BTreeMap<String, String> {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
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
    fn what_is_no_manifest_is_refused_with_its_place() {
        assert_eq!(
            parsed("kind: GreengrassDeployment").unwrap_err().to_string(),
            "file holds an object without apiVersion, kind or metadata.name: every manifest needs them"
        );
        assert!(parsed("a: [").unwrap_err().to_string().starts_with("file is no YAML: "));
    }
}
