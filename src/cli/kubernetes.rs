//! The cluster as people's commands see it: reading, watching and annotating resources. I/O.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use futures::StreamExt;
use greengrass_operator_core::api::GreengrassDeploymentStatus;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use thiserror::Error;

use super::chain;
use super::output::{PrintError, note};

/// Under this name the command line's writes appear in managedFields and the audit log: apart from the operator's.
const FIELD_MANAGER: &str = "greengrass-operator-cli";
/// What kubectl takes.
const PAGE: u32 = 500;

/// Which cluster, and where in it.
#[derive(Args, Clone, Debug)]
pub(super) struct ClusterArgs {
    /// The kubeconfig file. Default: KUBECONFIG, else ~/.kube/config, else the Pod's service account.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The kubeconfig's context. Default: the current one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,

    /// The namespace. Default: that of the kubeconfig's context.
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
}

/// Why the cluster can't be asked, or refuses.
#[derive(Debug, Error)]
pub(super) enum ClusterError {
    #[error("no cluster can be reached: name a kubeconfig with --kubeconfig or KUBECONFIG")]
    Unconfigured(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{name} is no name of a GreengrassDeployment: write NAME, or ggd/NAME")]
    NoName { name: String },
    #[error("there is no GreengrassDeployment {namespace}/{name}: see kubectl get ggd --all-namespaces")]
    NotFound { namespace: String, name: String },
    #[error("the cluster has no resource GreengrassDeployment: install the chart first")]
    NoDefinition,
    #[error("the API server answers: {0}")]
    Refused(String),
    #[error("the API server does not answer")]
    Unreachable(#[source] Box<kube::Error>),
    #[error("GreengrassDeployments can't be watched")]
    Watch(#[source] Box<watcher::Error>),
    #[error(transparent)]
    Print(#[from] PrintError),
}

/// A cluster.
pub(super) struct Cluster {
    client: Client,
    namespace: String,
}

/// A GreengrassDeployment as people's commands need it, whichever version it was written for.
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
}

impl Resource {
    fn of(object: &DynamicObject) -> Self {
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
            target: text("/targetArn").or_else(|| text("/target/thingGroup")).or_else(|| text("/target/thing")),
            // One that can't be read says as little as one that is not there.
            status: serde_json::from_value(status).unwrap_or_default(),
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

impl Cluster {
    /// Connects to nothing yet.
    pub(super) async fn of(args: ClusterArgs) -> Result<Self, ClusterError> {
        let ClusterArgs { kubeconfig, context, namespace } = args;
        let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
        let unconfigured = |error: Box<dyn std::error::Error + Send + Sync>| ClusterError::Unconfigured(error);
        let config = match kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(|error| unconfigured(error.into()))?;
                Config::from_custom_kubeconfig(file, &options).await.map_err(|error| unconfigured(error.into()))?
            }
            None if options.context.is_some() => {
                Config::from_kubeconfig(&options).await.map_err(|error| unconfigured(error.into()))?
            }
            None => Config::infer().await.map_err(|error| unconfigured(error.into()))?,
        };
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| unconfigured(error.into()))?;
        Ok(Self { client, namespace })
    }

    /// The namespace that is meant.
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// One resource.
    pub(super) async fn get(&self, name: &str) -> Result<Resource, ClusterError> {
        let found = self.api(Scope::Namespace).get_opt(name).await.map_err(refused)?;
        found.as_ref().map(Resource::of).ok_or_else(|| self.missing(name))
    }

    /// Those of the namespace, or of all, in the order of their names.
    pub(super) async fn list(&self, scope: Scope, selector: Option<&str>) -> Result<Vec<Resource>, ClusterError> {
        let api = self.api(scope);
        let mut params = ListParams { label_selector: selector.map(ToOwned::to_owned), ..ListParams::default() };
        params = params.limit(PAGE);
        let mut all = Vec::new();
        loop {
            let page = api.list(&params).await.map_err(refused)?;
            all.extend(page.items.iter().map(Resource::of));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
        all.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        Ok(all)
    }

    /// Tells of every change, for as long as the caller wants more; each time with all that there is.
    pub(super) async fn watch(
        &self,
        scope: Scope,
        selector: Selector<'_>,
        mut tell: impl AsyncFnMut(&BTreeMap<(String, String), Resource>) -> Result<bool, ClusterError>,
    ) -> Result<(), ClusterError> {
        let config = match selector {
            Selector::Labels(labels) => {
                watcher::Config { label_selector: labels.map(ToOwned::to_owned), ..watcher::Config::default() }
            }
            Selector::Name(name) => watcher::Config::default().fields(&format!("metadata.name={name}")),
        };
        let mut events = std::pin::pin!(watcher::watcher(self.api(scope), config).default_backoff());
        let mut known = BTreeMap::new();
        let mut fresh = BTreeMap::new();
        let mut has_begun = false;
        let key = |resource: &Resource| (resource.namespace.clone(), resource.name.clone());
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                // Once it has worked, an API server that restarts is waited for: the watch begins anew by itself.
                Err(error) if has_begun && !is_refusal(&error) => {
                    note(&format!("{}; trying again", chain(&unwatchable(error))));
                    continue;
                }
                Err(error) => return Err(unwatchable(error)),
            };
            match event {
                Event::Init => {
                    fresh.clear();
                    continue;
                }
                Event::InitApply(object) => {
                    let resource = Resource::of(&object);
                    fresh.insert(key(&resource), resource);
                    continue;
                }
                Event::InitDone => {
                    has_begun = true;
                    known = std::mem::take(&mut fresh);
                }
                Event::Apply(object) => {
                    let resource = Resource::of(&object);
                    known.insert(key(&resource), resource);
                }
                Event::Delete(object) => {
                    known.remove(&key(&Resource::of(&object)));
                }
            }
            if !tell(&known).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sets annotations, all to one value.
    pub(super) async fn annotate(
        &self,
        name: &str,
        annotations: &[&str],
        value: &str,
    ) -> Result<Resource, ClusterError> {
        let annotations: BTreeMap<&str, &str> = annotations.iter().map(|annotation| (*annotation, value)).collect();
        self.patch(name, json!({"metadata": {"annotations": annotations}})).await
    }

    /// Sets `spec.suspend`, or takes it off.
    pub(super) async fn set_suspend(&self, name: &str, suspend: Option<bool>) -> Result<Resource, ClusterError> {
        self.patch(name, json!({"spec": {"suspend": suspend}})).await
    }

    async fn patch(&self, name: &str, patch: Value) -> Result<Resource, ClusterError> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patched = self.api(Scope::Namespace).patch(name, &params, &Patch::Merge(patch)).await;
        match patched {
            Ok(object) => Ok(Resource::of(&object)),
            Err(error) => match refused(error) {
                ClusterError::NoDefinition => Err(self.missing(name)),
                other => Err(other),
            },
        }
    }

    fn missing(&self, name: &str) -> ClusterError {
        ClusterError::NotFound { namespace: self.namespace.clone(), name: name.to_owned() }
    }

    fn api(&self, scope: Scope) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(greengrass_operator_core::api::GROUP, "v1alpha1", "GreengrassDeployment");
        let resource = ApiResource::from_gvk_with_plural(&kind, "greengrassdeployments");
        match scope {
            Scope::Namespace => Api::namespaced_with(self.client.clone(), &self.namespace, &resource),
            Scope::All => Api::all_with(self.client.clone(), &resource),
        }
    }
}

/// The namespace of the kubeconfig's context, which is read and not asked.
pub(super) fn context_namespace() -> String {
    let namespace = Kubeconfig::read().ok().and_then(|file| {
        let name = file.current_context?;
        file.contexts.into_iter().find(|context| context.name == name)?.context?.namespace
    });
    namespace.unwrap_or_else(|| "default".to_owned())
}

/// Which of them to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selector<'a> {
    /// Those with these labels; all where there are none.
    Labels(Option<&'a str>),
    /// The one of this name.
    Name(&'a str),
}

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// In the namespace that is meant.
    Namespace,
    /// In all.
    All,
}

/// The name in `NAME`, `ggd/NAME`, and what kubectl prints with `-o name`.
pub(super) fn bare_name(text: &str) -> Result<&str, ClusterError> {
    let no_name = || ClusterError::NoName { name: text.to_owned() };
    let name = match text.split_once('/') {
        None => text,
        Some((kind, name)) => {
            let kinds = [
                "ggd",
                "greengrassdeployment",
                "greengrassdeployments",
                "greengrassdeployment.greengrass-operator.dev",
                "greengrassdeployments.greengrass-operator.dev",
            ];
            if !kinds.contains(&kind.to_lowercase().as_str()) {
                return Err(no_name());
            }
            name
        }
    };
    let is_name =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c));
    if is_name { Ok(name) } else { Err(no_name()) }
}

/// In the API server's own words where it has answered: the library's show all of the answer.
fn unwatchable(error: watcher::Error) -> ClusterError {
    match error {
        watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) => refused(error),
        watcher::Error::WatchError(status) => ClusterError::Refused(status.message.clone()),
        other @ (watcher::Error::WatchFailed(_) | watcher::Error::NoResourceVersion) => {
            ClusterError::Watch(Box::new(other))
        }
    }
}

/// Whether the API server answers, and will answer the same again.
fn is_refusal(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => matches!(status.code, 401 | 403 | 404),
        watcher::Error::WatchError(status) => matches!(status.code, 401 | 403 | 404),
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => false,
    }
}

fn refused(error: kube::Error) -> ClusterError {
    match error {
        // A list has no object that could be missing.
        kube::Error::Api(status) if status.code == 404 => ClusterError::NoDefinition,
        kube::Error::Api(status) => ClusterError::Refused(status.message.clone()),
        other => ClusterError::Unreachable(Box::new(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_named_as_kubectl_names_it() {
        for text in ["presses", "ggd/presses", "greengrassdeployment.greengrass-operator.dev/presses", "GGD/presses"] {
            assert_eq!(bare_name(text).unwrap(), "presses");
        }
        for text in ["deployment/presses", "ggd/", "", "Presses", "plant/presses"] {
            let error = bare_name(text).unwrap_err().to_string();
            assert!(error.ends_with("write NAME, or ggd/NAME"), "{error}");
        }
    }

    #[test]
    fn a_status_that_cannot_be_read_says_nothing() {
        let object = json!({"metadata": {"name": "a", "namespace": "n"}, "spec": {"suspend": true}, "status": {"conditions": 7}});
        let resource = Resource::of(&serde_json::from_value(object).unwrap());
        assert_eq!(resource.status, GreengrassDeploymentStatus::default());
        assert!(resource.is_suspended);
    }
}
