//! The cluster as people's commands see it: reading, watching and annotating resources. I/O.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use futures::StreamExt;
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
use super::resource::{Kind, Resource};

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
    #[error("there is no {kind} {namespace}/{name}: see kubectl get {} --all-namespaces", kind.short())]
    NotFound { kind: Kind, namespace: String, name: String },
    #[error("the cluster has no resource {kind}: {}", kind.how_to_install())]
    NoDefinition { kind: Kind },
    #[error("the API server answers: {0}")]
    Refused(String),
    #[error("the API server does not answer")]
    Unreachable(#[source] Box<kube::Error>),
    #[error("{kind}s can't be watched")]
    Watch { kind: Kind, source: Box<watcher::Error> },
    #[error(transparent)]
    Print(#[from] PrintError),
}

/// A cluster, and the kind that is meant in it.
pub(super) struct Cluster {
    client: Client,
    namespace: String,
    kind: Kind,
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
                ClusterError::Watch { kind: self.kind, source: Box::new(other) }
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
