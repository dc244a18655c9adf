//! Starting a cluster's servers in order (does I/O: processes, files).

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::certificates::Certificates;
use crate::kubeconfig::{self, Login};
use crate::kubectl::Kubectl;
use crate::process::{Janitor, Server, Start};
use crate::servers::{self, Ports};
use crate::wait::{Deadline, free_ports, random};
use crate::{Error, tools};

/// A loaded machine with two cores has needed 25 s for what takes 10 s alone.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// The API server among a cluster's servers.
pub(crate) const API_SERVER: &str = "kube-apiserver";

/// Names a folder where the audit log of every cluster is written, and stays when the cluster ends, in place of the
/// cluster's own folder: so that a whole test run can be judged once it is over.
pub const AUDIT_LOGS_VARIABLE: &str = "TESTCLUSTER_AUDIT_LOGS";

/// How a cluster differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Its folder, which must be empty or absent; without one a temporary folder, which is removed at the end.
    pub folder: Option<PathBuf>,
    /// Whether etcd waits for the disk, as it should where writes are measured or data must survive a crash.
    pub fsync: bool,
    /// Whether pods are scheduled, by kube-scheduler, and look as if they ran, by kwok, on the Nodes that the test applies.
    pub runs_pods: bool,
    /// Further flags of the API server, as `--feature-gates=WatchList=false`.
    pub api_server_flags: Vec<String>,
}

/// What belongs to a cluster that was started here.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) servers: Vec<Server>,
    /// Nothing when the caller named the folder.
    janitor: Option<Janitor>,
    pub(crate) logs: PathBuf,
    kept: bool,
}

impl Parts {
    pub(crate) fn process_ids(&self) -> Vec<u32> {
        self.servers.iter().filter_map(Server::pid).collect()
    }

    /// Says once where the logs are, and lets them survive.
    pub(crate) fn keep_logs(&mut self) {
        if let (Some(janitor), false) = (&mut self.janitor, self.kept) {
            self.kept = true;
            janitor.keep_logs();
            eprintln!("testcluster: the servers' logs are kept in {}", self.logs.display());
        }
    }

    pub(crate) fn stop(&mut self) {
        self.servers.iter_mut().for_each(Server::let_go);
        self.servers.iter_mut().for_each(Server::wait);
        if let Some(janitor) = &mut self.janitor {
            janitor.clean();
        }
    }
}

/// A cluster that is ready.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) folder: PathBuf,
    pub(crate) audit_log: PathBuf,
    pub(crate) kubectl: Kubectl,
    pub(crate) server_url: String,
    pub(crate) ca_pem: String,
    pub(crate) parts: Parts,
}

pub(crate) fn start(options: &Options) -> Result<Started, Error> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match attempt(options) {
            // Another process took the port between our look and the server's.
            Err(Error::ServerEnded { tail, log, .. }) if attempts < 3 && tail.contains("address already in use") => {
                log.ancestors().nth(2).map(fs::remove_dir_all);
            }
            done => return done,
        }
    }
}

fn attempt(options: &Options) -> Result<Started, Error> {
    let programs = tools::control_plane()?;
    let kubectl_program = tools::clients()?.join("kubectl");
    let (folder, janitor) = if let Some(folder) = &options.folder {
        (std::path::absolute(folder).map_err(Error::file("find", folder))?, None)
    } else {
        let made = tempfile::Builder::new().prefix("testcluster-").tempdir();
        let folder = made.map_err(Error::file("create a folder in", std::env::temp_dir()))?.keep();
        let janitor = Janitor::watch(&folder)?;
        (folder, Some(janitor))
    };
    let logs = folder.join("logs");
    fs::create_dir_all(&logs).map_err(Error::file("create", &logs))?;
    let audit_log = audit_log(&logs)?;
    let certificates = Certificates::generate()?;
    let [etcd, etcd_peer, api_server] = free_ports()?;
    let ports = Ports { etcd, etcd_peer, api_server };
    let server_url = format!("https://127.0.0.1:{api_server}");
    write_files(&folder, &certificates, &server_url)?;

    let kubectl = Kubectl {
        program: kubectl_program,
        kubeconfig: folder.join("kubeconfig"),
        cache: folder.join("kubectl-cache"),
    };
    let mut starting =
        Starting { programs: &programs, parts: Parts { servers: Vec::new(), janitor, logs, kept: false }, done: false };
    starting.server("etcd", servers::etcd(&folder, ports, options.fsync))?;
    let mut flags = servers::api_server(&folder, ports, &audit_log);
    flags.extend(options.api_server_flags.iter().cloned());
    starting.server(API_SERVER, flags)?;
    // Its port answers long before it is ready, but until it does there is no use in starting kubectl.
    starting.until("the API server's start", || std::net::TcpStream::connect(("127.0.0.1", api_server)).is_ok())?;
    starting.until("the API server's start", || {
        kubectl.run(&["get", "--raw=/readyz"], None).is_ok_and(|answer| answer.status.success())
    })?;
    starting.server("kube-controller-manager", servers::controller_manager(&folder))?;
    if options.runs_pods {
        starting.nodes(&folder)?;
    }
    starting.until("the making of the default ServiceAccount", || {
        let made = ["get", "serviceaccount/default", "--namespace=default"];
        kubectl.run(&made, None).is_ok_and(|answer| answer.status.success())
    })?;
    Ok(Started { folder, audit_log, kubectl, server_url, ca_pem: certificates.ca, parts: starting.finish() })
}

/// Where the API server is to write its audit log.
#[allow(clippy::disallowed_methods, reason = "a harness inside a test has no command line to read it from")]
fn audit_log(logs: &Path) -> Result<PathBuf, Error> {
    let Some(folder) = std::env::var_os(AUDIT_LOGS_VARIABLE).filter(|folder| !folder.is_empty()) else {
        return Ok(logs.join("audit.log"));
    };
    let folder = PathBuf::from(folder);
    fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    Ok(folder.join(format!("{}-{:016x}.log", std::process::id(), random())))
}

/// Servers that are being started, stopped again when one of them fails.
struct Starting<'a> {
    programs: &'a Path,
    parts: Parts,
    done: bool,
}

impl Starting<'_> {
    fn server(&mut self, name: &'static str, arguments: Vec<String>) -> Result<(), Error> {
        self.server_of(self.programs, name, arguments)
    }

    /// What schedules pods and makes them look as if they ran.
    fn nodes(&mut self, folder: &Path) -> Result<(), Error> {
        let programs = tools::nodes()?;
        let stages = programs.join("stages");
        let stages = fs::read_dir(&stages)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(Error::file("read", &stages))?;
        let stages: Vec<PathBuf> = stages.iter().map(fs::DirEntry::path).collect();
        let [port] = free_ports()?;
        self.server_of(&programs, "kube-scheduler", servers::scheduler(folder))?;
        self.server_of(&programs, "kwok", servers::kwok(folder, &stages, port))
    }

    fn server_of(&mut self, programs: &Path, name: &'static str, arguments: Vec<String>) -> Result<(), Error> {
        let program = programs.join(name);
        let start = Start { name, program, arguments, logs: &self.parts.logs };
        self.parts.servers.push(Server::start(start)?);
        Ok(())
    }

    fn until(&mut self, what: &'static str, ready: impl Fn() -> bool) -> Result<(), Error> {
        let servers = &mut self.parts.servers;
        let outcome = Deadline::after(PATIENCE).until(Duration::from_millis(100), || {
            let ended = servers.iter_mut().find_map(|server| server.has_ended().then(|| server.ended()));
            ended.map(Err).or_else(|| ready().then_some(Ok(())))
        });
        let timed_out = || Error::TimedOut { what, seconds: PATIENCE.as_secs(), logs: self.parts.logs.clone() };
        outcome.unwrap_or_else(|| Err(timed_out()))
    }

    fn finish(mut self) -> Parts {
        self.done = true;
        let logs = self.parts.logs.clone();
        let empty = Parts { servers: Vec::new(), janitor: None, logs, kept: false };
        std::mem::replace(&mut self.parts, empty)
    }
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.parts.keep_logs();
            self.parts.stop();
        }
    }
}

fn write_files(folder: &Path, certificates: &Certificates, server_url: &str) -> Result<(), Error> {
    let Certificates { ca, api_server, admin, controller_manager, scheduler, front_proxy, token_key, token_public_key } =
        certificates;
    let kubeconfig = |user, identity| kubeconfig::render(server_url, ca, user, "default", Login::Certificate(identity));
    let files: [(&str, &str); 11] = [
        ("ca.crt", ca),
        ("api-server.crt", &api_server.certificate),
        ("api-server.key", &api_server.key),
        ("front-proxy.crt", &front_proxy.certificate),
        ("front-proxy.key", &front_proxy.key),
        ("token.key", token_key),
        ("token.pub", token_public_key),
        ("audit-policy.yaml", servers::AUDIT_POLICY),
        ("controller-manager.kubeconfig", &kubeconfig("system:kube-controller-manager", controller_manager)),
        ("scheduler.kubeconfig", &kubeconfig("system:kube-scheduler", scheduler)),
        ("kubeconfig", &kubeconfig("testcluster-admin", admin)),
    ];
    files.into_iter().try_for_each(|(name, text)| write_secret(&folder.join(name), text))
}

/// Writes a file that only its owner may read.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), Error> {
    fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(Error::file("write", path))
}
