//! The tests' own access to an API server, in real time: reading an object is no process of its own (does I/O).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use kube::api::{Api, DynamicObject};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use testcluster::Cluster;
use tokio::runtime::Runtime;

use super::Kind;

/// The tests' own access to an API server.
pub struct Administrator {
    runtime: Runtime,
    client: Client,
}

impl Administrator {
    /// That of a cluster.
    pub fn of(cluster: &Cluster) -> Arc<Self> {
        static KNOWN: Mutex<BTreeMap<PathBuf, Arc<Administrator>>> = Mutex::new(BTreeMap::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let path = cluster.kubeconfig().to_owned();
        Arc::clone(known.entry(path).or_insert_with(|| Arc::new(Self::new(cluster))))
    }

    fn new(cluster: &Cluster) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
        let client = runtime.block_on(async {
            let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            Client::try_from(config).unwrap()
        });
        Self { runtime, client }
    }

    /// Does something with the resources of a kind in a namespace and waits for it.
    pub fn ask<T>(&self, kind: Kind, namespace: &str, act: impl AsyncFnOnce(Api<DynamicObject>) -> T) -> T {
        let resource = ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk("greengrass-operator.dev", "v1alpha1", kind.name()),
            kind.plural(),
        );
        let api = Api::namespaced_with(self.client.clone(), namespace, &resource);
        self.runtime.block_on(act(api))
    }
}
