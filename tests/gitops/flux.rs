//! Flux's source-controller and kustomize-controller at work on a cluster (does I/O: starts processes).

use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use testcluster::{Cluster, Server};

use super::document;
use super::git::Repository;
use super::servers::{established, listens, start, wait};
use crate::world::World;
use crate::world::operator::free_port;

/// Rollouts, and a person's two minutes of grace, take longer than what other tests wait for; a loaded machine
/// gets eight minutes.
const PATIENCE: Duration = Duration::from_mins(8);

/// Starts Flux beside the shared cluster, once in this process.
fn install(cluster: &'static Cluster) {
    static SERVERS: OnceLock<Vec<Server>> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let programs = testcluster::tools::gitops().unwrap();
        let definitions = programs.join("flux");
        let apply = ["apply", "--server-side", "--filename", definitions.to_str().unwrap()];
        cluster.kubectl(&apply).unwrap().success().unwrap();
        established(cluster);

        let folder = cluster.folder().join("flux");
        // Without it the controller starts, and never makes an artifact.
        let artifacts = folder.join("artifacts");
        fs::create_dir_all(&artifacts).unwrap();
        let address = || format!("127.0.0.1:{}", free_port());
        let (storage, source_health, kustomize_health) = (address(), address(), address());
        let environment = [
            ("KUBECONFIG", cluster.kubeconfig().to_str().unwrap()),
            ("RUNTIME_NAMESPACE", "flux-system"),
            ("SOURCE_CONTROLLER_LOCALHOST", &storage),
            ("TMPDIR", folder.to_str().unwrap()),
            ("HOME", folder.to_str().unwrap()),
            ("PATH", "/usr/bin:/bin"),
        ];
        let metrics = "--metrics-addr=127.0.0.1:0";
        let source = [
            metrics,
            &format!("--health-addr={source_health}"),
            &format!("--storage-path={}", artifacts.display()),
            &format!("--storage-addr={storage}"),
            &format!("--storage-adv-addr={storage}"),
        ];
        // As docs/gitops.md advises; and each test waits for resources of its own, all at the same time.
        let kustomize = [
            metrics,
            &format!("--health-addr={kustomize_health}"),
            "--feature-gates=CancelHealthCheckOnNewRevision=true",
            "--concurrent=50",
            "--requeue-dependency=5s",
        ];
        let mut servers = vec![
            start(cluster, "source-controller", &programs.join("source-controller"), &source, &environment),
            start(cluster, "kustomize-controller", &programs.join("kustomize-controller"), &kustomize, &environment),
        ];
        let port = |address: &str| address.rsplit_once(':').unwrap().1.parse().unwrap();
        wait("Flux to start", &mut servers, || listens(port(&storage)) && listens(port(&kustomize_health)));
        servers
    });
}

/// A world with a repository that Flux brings into it.
pub struct Followed {
    pub world: World,
    pub repository: Repository,
}

impl Followed {
    /// With the `GitRepository` of the document, and no Kustomization yet.
    pub fn new(prefix: &str) -> Self {
        let world = World::new(prefix);
        install(world.cluster);
        let repository = Repository::new(world.folder());
        let followed = Self { world, repository };
        followed.apply(&document::file("clusters/plant-eu/fleet.yaml"));
        followed
    }

    /// A file of the document, for this world.
    pub fn file(&self, name: &str) -> String {
        self.here(&document::file(name))
    }

    fn here(&self, text: &str) -> String {
        let here = format!("namespace: {}", self.world.namespace);
        text.replace("namespace: flux-system", &here)
            .replace("namespace: plant", &here)
            .replace("https://git.example.com/fleet.git", self.repository.url())
    }

    /// Writes files of the document for the next commit.
    pub fn write(&self, names: &[&str]) {
        for name in names {
            self.repository.write(name, &self.file(name));
        }
    }

    /// Applies one of Flux's own objects.
    pub fn apply(&self, text: &str) {
        self.world.cluster.apply(&self.here(text)).unwrap();
    }

    /// Has Flux fetch now, as `flux reconcile source git fleet` does, and waits until it has this commit.
    pub fn fetch(&self, commit: &str) {
        self.reconcile("gitrepository", "fleet");
        self.wait("Flux to have the commit", || {
            let fleet = self.get("gitrepository", "fleet");
            fleet["status"]["artifact"]["revision"].as_str().is_some_and(|revision| revision.ends_with(commit))
        });
    }

    /// Has Flux look again, as `flux reconcile` does; the request.
    pub fn reconcile(&self, kind: &str, name: &str) -> String {
        static REQUESTS: AtomicU32 = AtomicU32::new(0);
        let request = REQUESTS.fetch_add(1, Ordering::Relaxed).to_string();
        let annotation = format!("reconcile.fluxcd.io/requestedAt={request}");
        self.world.kubectl(&["annotate", "--overwrite", kind, name, &annotation]).success().unwrap();
        request
    }

    /// Has Flux apply and check a Kustomization again, and waits until it has.
    pub fn reconcile_and_wait(&self, name: &str) {
        let request = self.reconcile("kustomization", name);
        self.wait("Flux to apply again", || {
            let object = self.get("kustomization", name);
            object["status"]["lastHandledReconcileAt"] == request && self.ready(name).0 == "True"
        });
    }

    /// One of Flux's own objects.
    pub fn get(&self, kind: &str, name: &str) -> Value {
        let text = self.world.kubectl(&["get", kind, name, "--output=json"]).success().unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Status, reason and message of the Kustomization's `Ready`.
    pub fn ready(&self, name: &str) -> (String, String, String) {
        let object = self.get("kustomization", name);
        let ready = crate::world::condition(&object, "Ready").cloned().unwrap_or_default();
        let of = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
        (of("status"), of("reason"), of("message"))
    }

    /// Waits for something that Flux takes its time for.
    pub fn wait(&self, what: &str, holds: impl FnMut() -> bool) {
        self.world.wait_patiently(what, PATIENCE, holds);
    }

    /// Waits until the Kustomization has applied this commit and found everything in order.
    pub fn wait_ready(&self, name: &str, commit: &str) {
        self.wait(&format!("Kustomization {name} to be ready"), || {
            let applied = self.get("kustomization", name)["status"]["lastAppliedRevision"].clone();
            applied.as_str().is_some_and(|revision| revision.ends_with(commit)) && self.ready(name).0 == "True"
        });
    }

    /// Waits until the Kustomization has failed with these words; all that it says.
    pub fn wait_failed(&self, name: &str, words: &[&str]) -> String {
        let mut last = Default::default();
        self.wait(&format!("Kustomization {name} to fail with {words:?}"), || {
            last = self.ready(name);
            last.0 == "False" && words.iter().all(|word| last.2.contains(word))
        });
        last.2
    }
}
