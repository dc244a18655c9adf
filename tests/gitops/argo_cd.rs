//! Argo CD's repo-server, application-controller and API server at work on a cluster (does I/O: starts processes).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testcluster::{Cluster, Server};

use super::document;
use super::git::Repository;
use super::servers::{established, listens, start, wait};
use crate::world::World;
use crate::world::operator::free_port;

/// Rollouts, and a person's two minutes of grace, take longer than what other tests wait for; a loaded machine
/// gets eight minutes.
const PATIENCE: Duration = Duration::from_mins(8);

/// The annotation that asks for a look, which Argo CD takes away when it has looked.
const REQUEST: &str = "/metadata/annotations/argocd.argoproj.io~1refresh";

/// Argo CD beside a cluster, for as long as this is there.
pub struct ArgoCd {
    program: PathBuf,
    folder: PathBuf,
    api: String,
    _servers: Vec<Server>,
}

impl ArgoCd {
    /// That beside the shared cluster, which this process starts once.
    pub fn shared(cluster: &'static Cluster) -> &'static Self {
        static SHARED: OnceLock<ArgoCd> = OnceLock::new();
        SHARED.get_or_init(|| Self::beside(cluster))
    }

    /// Installs it as its manifests and docs/gitops.md say, and starts it.
    pub fn beside(cluster: &Cluster) -> Self {
        let programs = testcluster::tools::gitops().unwrap();
        let folder = cluster.folder().join("argocd");
        for inner in ["tls", "ssh", "gnupg", "tmp"] {
            fs::create_dir_all(folder.join(inner)).unwrap();
        }
        install(cluster, &programs.join("argocd-manifests"));

        let kubeconfig = folder.join("kubeconfig");
        fs::copy(cluster.kubeconfig(), &kubeconfig).unwrap();
        let context = ["config", "set-context", "--current", "--namespace=argocd"];
        cluster.kubectl_as(&kubeconfig, &context, None).unwrap().success().unwrap();

        let [redis, repository, api] = [(); 3].map(|()| free_port());
        let path = format!("{}:/usr/bin:/bin", testcluster::tools::clients().unwrap().display());
        let in_folder = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (tls, ssh, gnupg, tmp) = (in_folder("tls"), in_folder("ssh"), in_folder("gnupg"), in_folder("tmp"));
        let common = [
            ("KUBECONFIG", kubeconfig.to_str().unwrap()),
            ("PATH", &path),
            ("HOME", &tmp),
            ("TMPDIR", &tmp),
            ("HOSTNAME", "argocd-application-controller-0"),
            // The cluster that it runs in is the one of the kubeconfig.
            ("ARGOCD_FAKE_IN_CLUSTER", "true"),
            ("ARGOCD_TLS_DATA_PATH", &tls),
            ("ARGOCD_SSH_DATA_PATH", &ssh),
            ("ARGOCD_GNUPGHOME", &gnupg),
            ("ARGOCD_GPG_ENABLED", "false"),
            // Tests read the health of each resource from the Application.
            ("ARGOCD_APPLICATION_CONTROLLER_PERSIST_RESOURCE_HEALTH", "true"),
        ];
        let program = programs.join("argocd");
        let redis_address = format!("--redis=127.0.0.1:{redis}");
        let repository_address = format!("--repo-server=127.0.0.1:{repository}");
        let run = |name: &'static str, arguments: &[&str]| {
            let metrics = format!("--metrics-port={}", free_port());
            let mut environment = common.to_vec();
            environment.push(("ARGOCD_BINARY_NAME", name));
            let mut all = vec![redis_address.as_str(), metrics.as_str()];
            all.extend(arguments);
            start(cluster, name, &program, &all, &environment)
        };
        let mut servers = vec![
            start(
                cluster,
                "redis-server",
                Path::new("redis-server"),
                &["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", &redis.to_string()],
                &[("PATH", &path)],
            ),
            run("argocd-repo-server", &["--address=127.0.0.1", &format!("--port={repository}")]),
            run("argocd-application-controller", &[&repository_address]),
            run(
                "argocd-server",
                &[&repository_address, "--address=127.0.0.1", &format!("--port={api}"), "--insecure", "--disable-auth"],
            ),
        ];
        wait("Argo CD to start", &mut servers, || [redis, repository, api].into_iter().all(listens));
        Self { program, folder, api: format!("127.0.0.1:{api}"), _servers: servers }
    }

    /// What its command line says.
    pub fn command(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(&self.program)
            .env_clear()
            .env("HOME", self.folder.join("tmp"))
            .args(["--server", &self.api, "--plaintext"])
            .args(arguments)
            .output()
            .unwrap()
    }
}

fn install(cluster: &Cluster, manifests: &Path) {
    let kubectl = |arguments: &[&str]| cluster.kubectl(arguments).unwrap().success().unwrap();
    kubectl(&["create", "namespace", "argocd"]);
    for folder in ["crds", "config"] {
        let folder = manifests.join(folder);
        kubectl(&["apply", "--server-side", "--namespace=argocd", "--filename", folder.to_str().unwrap()]);
    }
    established(cluster);
    let secret = json!({"stringData": {"server.secretkey": "only-for-tests"}}).to_string();
    kubectl(&["patch", "secret", "argocd-secret", "--namespace=argocd", "--patch", &secret]);
    settings(cluster);
}

/// Runs the command of the document as it stands.
fn settings(cluster: &Cluster) {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &document::command("kubectl create configmap argocd-cm")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", testcluster::tools::clients().unwrap().display()))
        .env("HOME", cluster.folder())
        .env("KUBECONFIG", cluster.kubeconfig())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A world with a repository that Argo CD brings into it.
pub struct Managed {
    pub world: World,
    pub repository: Repository,
    pub argo_cd: &'static ArgoCd,
}

impl Managed {
    /// With no Application yet.
    pub fn new(prefix: &str) -> Self {
        let world = World::new(prefix);
        let argo_cd = ArgoCd::shared(world.cluster);
        let repository = Repository::new(world.folder());
        Self { world, repository, argo_cd }
    }

    /// A file of the document, for this world.
    pub fn file(&self, name: &str) -> String {
        let own = &self.world.namespace;
        document::file(name)
            .replace("name: plant\n  namespace: argocd", &format!("name: {own}\n  namespace: argocd"))
            .replace("namespace: plant", &format!("namespace: {own}"))
            .replace("https://git.example.com/fleet.git", self.repository.url())
    }

    /// Writes files of the document for the next commit.
    pub fn write(&self, names: &[&str]) {
        for name in names {
            self.repository.write(name, &self.file(name));
        }
    }

    /// Applies an Application.
    pub fn apply(&self, text: &str) {
        self.world.cluster.apply(text).unwrap();
    }

    /// Has Argo CD look at Git now, as the button Refresh does.
    pub fn refresh(&self) {
        self.ask("normal");
    }

    /// Has Argo CD render and compare anew, whatever it remembers, and waits until it has.
    pub fn refresh_hard(&self) {
        self.ask("hard");
        self.wait("looked at", |application| application.pointer(REQUEST).is_none());
    }

    fn ask(&self, refresh: &str) {
        let request = format!("argocd.argoproj.io/refresh={refresh}");
        let name = &self.world.namespace;
        let annotate = ["annotate", "--overwrite", "application", name, "--namespace=argocd", &request];
        self.world.cluster.kubectl(&annotate).unwrap().success().unwrap();
    }

    /// Runs an action on the resource `presses`, as its menu in the user interface does.
    pub fn act(&self, action: &str) {
        let name = &self.world.namespace;
        let run = ["app", "actions", "run", name, action, "--kind=GreengrassDeployment", "--resource-name=presses"];
        let output = self.argo_cd.command(&run);
        assert!(output.status.success(), "{action}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The Application.
    pub fn application(&self) -> Value {
        application(self.world.cluster, &self.world.namespace)
    }

    /// Waits until the Application is Synced to this commit and has this health.
    pub fn wait_for(&self, commit: &str, health: &str) -> Value {
        self.wait(&format!("Synced and {health}"), |application| {
            let status = &application["status"];
            status["sync"]["status"] == "Synced"
                && status["sync"]["revision"] == commit
                && status["health"]["status"] == health
        })
    }

    /// Waits for something that the Application says.
    pub fn wait(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        wait_for_application(self.world.cluster, &self.world.namespace, what, holds)
    }
}

/// An Application.
pub fn application(cluster: &Cluster, name: &str) -> Value {
    let get = ["get", "application", name, "--namespace=argocd", "--output=json"];
    serde_json::from_str(&cluster.kubectl(&get).unwrap().success().unwrap()).unwrap()
}

/// Waits for something that an Application says.
pub fn wait_for_application(cluster: &Cluster, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let began = Instant::now();
    loop {
        let application = application(cluster, name);
        if holds(&application) {
            return application;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}:\n{:#}", application["status"]);
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Health and message of a resource in an Application.
pub fn health(application: &Value, name: &str) -> (String, String) {
    let resources = application["status"]["resources"].as_array().cloned().unwrap_or_default();
    let found =
        resources.iter().find(|resource| resource["kind"] == "GreengrassDeployment" && resource["name"] == name);
    let of = |field: &str| found.and_then(|found| found["health"][field].as_str()).unwrap_or_default().to_owned();
    (of("status"), of("message"))
}
