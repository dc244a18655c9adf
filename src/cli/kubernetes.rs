//! The cluster as people's commands see it: reading, watching and annotating resources. I/O.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use futures::StreamExt;
use greengrass_operator_core::api::{GreengrassDeploymentStatus, SystemInstanceStatus};
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
    #[error("{name} is no name of a GreengrassDeployment or a SystemInstance: write NAME, ggd/NAME or ggsi/NAME")]
    NoName { name: String },
    #[error("{0} is of another kind than what comes before it: name the resources of one kind at a time")]
    MixedKinds(String),
    #[error("there is no {kind} {namespace}/{name}: see kubectl get {} --all-namespaces", kind.short())]
    NotFound { kind: Kind, namespace: String, name: String },
    #[error("the cluster has no resource {kind}: {}", kind.how_to_install())]
    NoDefinition { kind: Kind },
    #[error("the API server answers: {0}")]
    Refused(String),
    #[error("the API server does not answer")]
    Unreachable(#[source] Box<kube::Error>),
    #[error("GreengrassDeployments can't be watched")]
    Watch(#[source] Box<watcher::Error>),
    #[error(transparent)]
    Print(#[from] PrintError),
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
    const fn name(self) -> &'static str {
        match self {
            Self::GreengrassDeployment => "GreengrassDeployment",
            Self::SystemInstance => "SystemInstance",
        }
    }

    const fn plural(self) -> &'static str {
        match self {
            Self::GreengrassDeployment => "greengrassdeployments",
            Self::SystemInstance => "systeminstances",
        }
    }

    const fn short(self) -> &'static str {
        match self {
            Self::GreengrassDeployment => "ggd",
            Self::SystemInstance => "ggsi",
        }
    }

    const fn how_to_install(self) -> &'static str {
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

/// A cluster, and the kind that is meant in it.
pub(super) struct Cluster {
    client: Client,
    namespace: String,
    kind: Kind,
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
    fn of(kind: Kind, object: &DynamicObject) -> Self {
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

impl Cluster {
    /// Connects to nothing yet.
    pub(super) async fn of(args: ClusterArgs, kind: Kind) -> Result<Self, ClusterError> {
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
        Ok(Self { client, namespace, kind })
    }

    /// The kind that is meant.
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The namespace that is meant.
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// One resource.
    pub(super) async fn get(&self, name: &str) -> Result<Resource, ClusterError> {
        let found = self.api(Scope::Namespace).get_opt(name).await.map_err(|error| self.refused(error))?;
        found.as_ref().map(|object| self.resource(object)).ok_or_else(|| self.missing(name))
    }

    /// Those of the namespace, or of all, in the order of their names.
    pub(super) async fn list(&self, scope: Scope, selector: Option<&str>) -> Result<Vec<Resource>, ClusterError> {
        let api = self.api(scope);
        let mut params = ListParams { label_selector: selector.map(ToOwned::to_owned), ..ListParams::default() };
        params = params.limit(PAGE);
        let mut all = Vec::new();
        loop {
            let page = api.list(&params).await.map_err(|error| self.refused(error))?;
            all.extend(page.items.iter().map(|object| self.resource(object)));
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
                    note(&format!("{}; trying again", chain(&self.unwatchable(error))));
                    continue;
                }
                Err(error) => return Err(self.unwatchable(error)),
            };
            match event {
                Event::Init => {
                    fresh.clear();
                    continue;
                }
                Event::InitApply(object) => {
                    let resource = self.resource(&object);
                    fresh.insert(key(&resource), resource);
                    continue;
                }
                Event::InitDone => {
                    has_begun = true;
                    known = std::mem::take(&mut fresh);
                }
                Event::Apply(object) => {
                    let resource = self.resource(&object);
                    known.insert(key(&resource), resource);
                }
                Event::Delete(object) => {
                    known.remove(&key(&self.resource(&object)));
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
            Ok(object) => Ok(self.resource(&object)),
            Err(error) => match self.refused(error) {
                ClusterError::NoDefinition { .. } => Err(self.missing(name)),
                other => Err(other),
            },
        }
    }

    fn missing(&self, name: &str) -> ClusterError {
        ClusterError::NotFound { kind: self.kind, namespace: self.namespace.clone(), name: name.to_owned() }
    }

    fn resource(&self, object: &DynamicObject) -> Resource {
        Resource::of(self.kind, object)
    }

    fn refused(&self, error: kube::Error) -> ClusterError {
        match error {
            // A list has no object that could be missing.
            kube::Error::Api(status) if status.code == 404 => ClusterError::NoDefinition { kind: self.kind },
            kube::Error::Api(status) => ClusterError::Refused(status.message.clone()),
            other => ClusterError::Unreachable(Box::new(other)),
        }
    }

    /// In the API server's own words where it has answered: the library's show all of the answer.
    fn unwatchable(&self, error: watcher::Error) -> ClusterError {
        match error {
            watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error) => self.refused(error),
            watcher::Error::WatchError(status) => ClusterError::Refused(status.message.clone()),
            other @ (watcher::Error::WatchFailed(_) | watcher::Error::NoResourceVersion) => {
                ClusterError::Watch(Box::new(other))
            }
        }
    }

    fn api(&self, scope: Scope) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(greengrass_operator_core::api::GROUP, "v1alpha1", self.kind.name());
        let resource = ApiResource::from_gvk_with_plural(&kind, self.kind.plural());
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

/// The name in `NAME`, `ggd/NAME`, and what kubectl prints with `-o name`; and the kind, where it says one.
pub(super) fn named(text: &str) -> Result<(Option<Kind>, &str), ClusterError> {
    let no_name = || ClusterError::NoName { name: text.to_owned() };
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
pub(super) fn of_one_kind(texts: &[String], otherwise: Kind) -> Result<(Kind, Vec<String>), ClusterError> {
    let mut said = None;
    let mut names = Vec::new();
    for text in texts {
        let (kind, name) = named(text)?;
        let kind = kind.unwrap_or(otherwise);
        if said.is_some_and(|said| said != kind) {
            return Err(ClusterError::MixedKinds(text.clone()));
        }
        said = Some(kind);
        names.push(name.to_owned());
    }
    Ok((said.unwrap_or(otherwise), names))
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

#[cfg(test)]
mod tests {
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
