//! Resources as people's commands name and read them, of whichever kind. Pure.

use clap::ValueEnum;
use greengrass_operator_core::api::{GreengrassDeploymentStatus, SystemInstanceStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::DynamicObject;
use serde_json::Value;
use thiserror::Error;

/// Why resources can't be told from how they are named.
#[derive(Debug, Error)]
pub(super) enum NameError {
    #[error("{0} is no name of a GreengrassDeployment or a SystemInstance: write NAME, ggd/NAME or ggsi/NAME")]
    NoName(String),
    #[error("{0} is of another kind than what comes before it: name the resources of one kind at a time")]
    MixedKinds(String),
}

/// A kind that people's commands know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "lower")]
pub(super) enum Kind {
    /// A deployment of Greengrass V2.
    #[default]
    GreengrassDeployment,
    /// A system instance of Things Graph.
    SystemInstance,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::GreengrassDeployment => "GreengrassDeployment",
            Self::SystemInstance => "SystemInstance",
        }
    }

    pub(super) const fn plural(self) -> &'static str {
        match self {
            Self::GreengrassDeployment => "greengrassdeployments",
            Self::SystemInstance => "systeminstances",
        }
    }

    pub(super) const fn short(self) -> &'static str {
        match self {
            Self::GreengrassDeployment => "ggd",
            Self::SystemInstance => "ggsi",
        }
    }

    pub(super) const fn how_to_install(self) -> &'static str {
        match self {
            Self::GreengrassDeployment => "install the chart first",
            Self::SystemInstance => "set the chart's value thingsGraph.enabled to true",
        }
    }

    /// Whether kubectl would take this word for it.
    fn is_called(self, word: &str) -> bool {
        let word = word.to_lowercase();
        let bare = word.strip_suffix(".greengrass-operator.dev").unwrap_or(&word);
        bare == self.short() || bare == self.plural() || bare == self.name().to_lowercase()
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A resource as people's commands need it, whichever version it was written for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Resource {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) generation: i64,
    pub(super) created_at: Option<Timestamp>,
    pub(super) is_deleting: bool,
    pub(super) is_suspended: bool,
    pub(super) target: Option<String>,
    pub(super) status: GreengrassDeploymentStatus,
    /// What a SystemInstance says beside what both kinds do, which stands in `status`.
    pub(super) instance: Option<Box<SystemInstanceStatus>>,
}

impl Resource {
    pub(super) fn of(kind: Kind, object: &DynamicObject) -> Self {
        let spec = object.data.get("spec").cloned().unwrap_or_default();
        let status = object.data.get("status").cloned().unwrap_or_default();
        let text = |pointer: &str| spec.pointer(pointer).and_then(Value::as_str).map(ToOwned::to_owned);
        let metadata = &object.metadata;
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            generation: metadata.generation.unwrap_or_default(),
            created_at: metadata.creation_timestamp.as_ref().map(|time| time.0),
            is_deleting: metadata.deletion_timestamp.is_some(),
            is_suspended: spec.get("suspend").and_then(Value::as_bool).unwrap_or_default(),
            target: match kind {
                Kind::GreengrassDeployment => {
                    text("/targetArn").or_else(|| text("/target/thingGroup")).or_else(|| text("/target/thing"))
                }
                Kind::SystemInstance => text("/target"),
            },
            // One that can't be read says as little as one that is not there.
            ..Self::saying(kind, status)
        }
    }

    fn saying(kind: Kind, status: Value) -> Self {
        match kind {
            Kind::GreengrassDeployment => {
                Self { status: serde_json::from_value(status).unwrap_or_default(), ..Self::default() }
            }
            Kind::SystemInstance => {
                let instance: SystemInstanceStatus = serde_json::from_value(status).unwrap_or_default();
                let shared = GreengrassDeploymentStatus {
                    observed_generation: instance.observed_generation,
                    conditions: instance.conditions.clone(),
                    last_handled_reconcile_at: instance.last_handled_reconcile_at.clone(),
                    last_handled_redeploy_at: instance.last_handled_redeploy_at.clone(),
                    ..GreengrassDeploymentStatus::default()
                };
                Self { status: shared, instance: Some(Box::new(instance)), ..Self::default() }
            }
        }
    }

    /// A condition by its type.
    pub(super) fn condition(&self, name: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.type_ == name)
    }

    /// Whether the status speaks of the present spec.
    pub(super) fn is_observed(&self) -> bool {
        self.status.observed_generation == Some(self.generation)
    }
}

/// The name in `NAME`, `ggd/NAME`, and what kubectl prints with `-o name`; and the kind, where it says one.
pub(super) fn named(text: &str) -> Result<(Option<Kind>, &str), NameError> {
    let no_name = || NameError::NoName(text.to_owned());
    let (kind, name) = match text.split_once('/') {
        None => (None, text),
        Some((word, name)) => {
            let kinds = [Kind::GreengrassDeployment, Kind::SystemInstance];
            (Some(kinds.into_iter().find(|kind| kind.is_called(word)).ok_or_else(no_name)?), name)
        }
    };
    let is_name =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c));
    if is_name { Ok((kind, name)) } else { Err(no_name()) }
}

/// The names of resources of one kind: the one that they say, else `otherwise`.
pub(super) fn of_one_kind(texts: &[String], otherwise: Kind) -> Result<(Kind, Vec<String>), NameError> {
    let mut said = None;
    let mut names = Vec::new();
    for text in texts {
        let (kind, name) = named(text)?;
        let kind = kind.unwrap_or(otherwise);
        if said.is_some_and(|said| said != kind) {
            return Err(NameError::MixedKinds(text.clone()));
        }
        said = Some(kind);
        names.push(name.to_owned());
    }
    Ok((said.unwrap_or(otherwise), names))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_resource_is_named_as_kubectl_names_it() {
        for text in ["presses", "ggd/presses", "greengrassdeployment.greengrass-operator.dev/presses", "GGD/presses"] {
            let (kind, name) = named(text).unwrap();
            assert_eq!((kind.unwrap_or_default(), name), (Kind::GreengrassDeployment, "presses"));
        }
        for text in ["ggsi/room", "systeminstance.greengrass-operator.dev/room", "SystemInstances/room"] {
            assert_eq!(named(text).unwrap(), (Some(Kind::SystemInstance), "room"));
        }
        for text in ["deployment/presses", "ggd/", "", "Presses", "plant/presses"] {
            let error = named(text).unwrap_err().to_string();
            assert!(error.ends_with("write NAME, ggd/NAME or ggsi/NAME"), "{error}");
        }
    }

    #[test]
    fn resources_of_one_kind_are_named_at_a_time() {
        let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let (kind, names) = of_one_kind(&texts(&["ggsi/a", "ggsi/b"]), Kind::default()).unwrap();
        assert_eq!((kind, names), (Kind::SystemInstance, texts(&["a", "b"])));
        assert!(of_one_kind(&texts(&["ggsi/a", "b"]), Kind::default()).is_err());
    }

    #[test]
    fn a_status_that_cannot_be_read_says_nothing() {
        let object = json!({"metadata": {"name": "a", "namespace": "n"}, "spec": {"suspend": true}, "status": {"conditions": 7}});
        let resource = Resource::of(Kind::GreengrassDeployment, &serde_json::from_value(object).unwrap());
        assert_eq!(resource.status, GreengrassDeploymentStatus::default());
        assert!(resource.is_suspended);
    }
}
