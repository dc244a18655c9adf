//! A running cluster, and what a test asks of it (does I/O: processes, files, kubectl).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::audit::{self, AuditEvent};
use crate::kubeconfig::{self, Login};
use crate::kubectl::{Kubectl, Output};
use crate::start::{API_SERVER, Options, PATIENCE, Parts, start};
use crate::wait::Deadline;
use crate::{Error, tools, wait};

/// Names a kubeconfig of a cluster that runs already, which [`Cluster::shared`] then uses.
pub const ATTACH_VARIABLE: &str = "TESTCLUSTER_KUBECONFIG";

/// A cluster: etcd, kube-apiserver and kube-controller-manager of its own, stopped and removed on drop, on panic, and
/// when this process ends in whatever way. After a panic the logs are kept and their folder is printed.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    /// Empty for an attached cluster.
    audit_log: PathBuf,
    kubectl: Kubectl,
    server_url: String,
    ca_pem: String,
    /// Nothing when the cluster was started by somebody else.
    parts: Option<Mutex<Parts>>,
    /// Only so that it is removed when an attached cluster is let go.
    _temporary: Option<tempfile::TempDir>,
}

impl Cluster {
    /// Starts a cluster in a temporary folder and waits until the `ServiceAccount` `default` of namespace `default`
    /// exists, about ten seconds. The first call on a machine builds the servers, which takes minutes.
    pub fn start() -> Result<Self, Error> {
        Self::start_with(&Options::default())
    }

    /// Starts a cluster that differs from the usual one.
    pub fn start_with(options: &Options) -> Result<Self, Error> {
        let started = start(options)?;
        Ok(Self {
            folder: started.folder,
            audit_log: started.audit_log,
            kubectl: started.kubectl,
            server_url: started.server_url,
            ca_pem: started.ca_pem,
            parts: Some(Mutex::new(started.parts)),
            _temporary: None,
        })
    }

    /// Uses a cluster that runs already. Nothing of it is stopped or removed, and it has no audit log to read.
    pub fn attach(kubeconfig: &Path) -> Result<Self, Error> {
        let temporary = tempfile::tempdir().map_err(Error::file("create", std::env::temp_dir()))?;
        let folder = temporary.path().to_owned();
        let kubectl = Kubectl {
            program: tools::clients()?.join("kubectl"),
            kubeconfig: fs::canonicalize(kubeconfig).map_err(Error::file("read", kubeconfig))?,
            cache: folder.join("cache"),
        };
        let view = kubectl.run(&["config", "view", "--raw", "--minify", "--flatten", "--output=json"], None)?;
        let view: serde_json::Value = serde_json::from_str(&view.success()?)
            .map_err(|source| Error::Unreadable { what: kubeconfig.display().to_string(), source })?;
        let of_cluster = |field: &str, what: &'static str| {
            let value = view.pointer(&format!("/clusters/0/cluster/{field}")).and_then(serde_json::Value::as_str);
            value.ok_or_else(|| Error::Kubeconfig { path: kubeconfig.to_owned(), what })
        };
        let authority = "certificate authority";
        let ca = data_encoding::BASE64.decode(of_cluster("certificate-authority-data", authority)?.as_bytes());
        let ca = ca.map_err(|_| Error::Kubeconfig { path: kubeconfig.to_owned(), what: authority })?;
        Ok(Self {
            server_url: of_cluster("server", "server address")?.to_owned(),
            ca_pem: String::from_utf8_lossy(&ca).into_owned(),
            folder,
            audit_log: PathBuf::new(),
            kubectl,
            parts: None,
            _temporary: Some(temporary),
        })
    }

    /// The cluster that all tests of this process share, started by the first that asks and gone with the process.
    /// Each test takes a [`Cluster::namespace`] of its own. `TESTCLUSTER_KUBECONFIG` names a running one to use instead.
    #[allow(clippy::disallowed_methods, reason = "a harness inside a test has no command line to read it from")]
    pub fn shared() -> Result<&'static Self, &'static Error> {
        static SHARED: OnceLock<Result<Cluster, Error>> = OnceLock::new();
        SHARED
            .get_or_init(|| match std::env::var(ATTACH_VARIABLE) {
                Ok(kubeconfig) if !kubeconfig.is_empty() => Self::attach(Path::new(&kubeconfig)),
                _ => {
                    let cluster = Self::start()?;
                    keep_logs_after_a_panic();
                    Ok(cluster)
                }
            })
            .as_ref()
    }

    /// A new namespace whose name begins with the prefix and is nobody else's.
    pub fn namespace(&self, prefix: &str) -> Result<String, Error> {
        let name = format!("{prefix}-{:08x}", wait::random() & 0xffff_ffff);
        self.kubectl(&["create", "namespace", &name])?.success()?;
        Ok(name)
    }

    /// The administrator's kubeconfig, with everything embedded.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubectl.kubeconfig
    }

    /// Where the API server listens, as in `https://127.0.0.1:20443`.
    #[must_use]
    pub fn server_url(&self) -> &str {
        &self.server_url
    }

    /// The certificate authority that the API server's certificate comes from.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The cluster's folder; `logs/` in it holds a log per server and, unless [`AUDIT_LOGS_VARIABLE`](crate::AUDIT_LOGS_VARIABLE)
    /// names another place, the audit log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The process ids of etcd, kube-apiserver and kube-controller-manager; none for an attached cluster.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        self.parts().map(|parts| parts.process_ids()).unwrap_or_default()
    }

    /// Kills the API server, as a node's end does. Nothing of what is stored is lost.
    pub fn stop_api_server(&self) -> Result<(), Error> {
        let mut parts = self.parts().ok_or(Error::Attached("API server to stop"))?;
        for server in parts.servers.iter_mut().filter(|server| server.name == API_SERVER) {
            server.let_go();
            server.wait();
        }
        Ok(())
    }

    /// Starts the API server that [`Cluster::stop_api_server`] has ended, and waits until it is ready.
    pub fn start_api_server(&self) -> Result<(), Error> {
        let logs = {
            let mut parts = self.parts().ok_or(Error::Attached("API server to start"))?;
            for server in parts.servers.iter_mut().filter(|server| server.name == API_SERVER) {
                server.start_again()?;
            }
            parts.logs.clone()
        };
        let ready =
            || self.kubectl(&["get", "--raw=/readyz"]).is_ok_and(|answer| answer.status.success()).then_some(());
        let what = "the API server's new start";
        let timed_out = || Error::TimedOut { what, seconds: PATIENCE.as_secs(), logs };
        Deadline::after(PATIENCE).until(Duration::from_millis(100), ready).ok_or_else(timed_out)
    }

    /// The name of the first server that has ended, if one has.
    #[must_use]
    pub fn ended_server(&self) -> Option<&'static str> {
        self.parts()?.servers.iter_mut().find_map(|server| server.has_ended().then_some(server.name))
    }

    /// Runs kubectl as the administrator.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Output, Error> {
        self.kubectl.run(arguments, None)
    }

    /// Runs kubectl as the administrator with this input, as in `apply -f -`.
    pub fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Result<Output, Error> {
        self.kubectl.run(arguments, Some(input))
    }

    /// Runs kubectl with another kubeconfig, as one from [`Cluster::service_account_kubeconfig`].
    pub fn kubectl_as(&self, kubeconfig: &Path, arguments: &[&str], input: Option<&str>) -> Result<Output, Error> {
        self.kubectl.with_kubeconfig(kubeconfig).run(arguments, input)
    }

    /// A kubectl command as the administrator, to be completed and run by the caller, as for a watch.
    #[must_use]
    pub fn kubectl_command(&self) -> Command {
        self.kubectl.command()
    }

    /// Creates or updates what a manifest describes.
    pub fn apply(&self, manifest: &str) -> Result<String, Error> {
        self.kubectl_with_input(&["apply", "--filename=-"], manifest)?.success()
    }

    /// Asks the API server for a token of a `ServiceAccount`, valid for a day, and writes a kubeconfig that uses it.
    /// Waits for the `ServiceAccount` for up to half a minute.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        let account = format!("serviceaccount/{name}");
        let namespace_flag = format!("--namespace={namespace}");
        self.kubectl(&["wait", "--for=create", &account, &namespace_flag, "--timeout=30s"])?.success()?;
        let token = self.kubectl(&["create", "token", name, &namespace_flag, "--duration=24h"])?.success()?;
        let user = format!("system:serviceaccount:{namespace}:{name}");
        let text = kubeconfig::render(&self.server_url, &self.ca_pem, &user, namespace, Login::Token(token.trim()));
        let path = self.folder.join(format!("{namespace}.{name}.kubeconfig"));
        crate::start::write_secret(&path, &text)?;
        Ok(path)
    }

    /// Where the audit log is; nowhere for a cluster that runs already.
    #[must_use]
    pub fn audit_log(&self) -> &Path {
        &self.audit_log
    }

    /// Every request that the API server has answered so far, oldest first. The server writes an event right after
    /// its answer, so the last one may follow a moment later.
    pub fn audit_events(&self) -> Result<Vec<AuditEvent>, Error> {
        if self.parts.is_none() {
            return Err(Error::Attached("audit log"));
        }
        let path = &self.audit_log;
        audit::parse(&fs::read_to_string(path).map_err(Error::file("read", path))?)
    }

    /// Keeps the logs when the cluster ends, as a panic does.
    pub fn keep_logs(&self) {
        if let Some(mut parts) = self.parts() {
            parts.keep_logs();
        }
    }

    fn parts(&self) -> Option<MutexGuard<'_, Parts>> {
        self.parts.as_ref().map(|parts| parts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut parts) = self.parts() {
            if std::thread::panicking() {
                parts.keep_logs();
            }
            parts.stop();
        }
    }
}

/// The shared cluster is never dropped, so a failing test is noticed by its panic.
fn keep_logs_after_a_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        if let Ok(cluster) = Cluster::shared() {
            cluster.keep_logs();
        }
    }));
}
