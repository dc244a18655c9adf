//! Where the servers', the clients' and kstatus's programs are (does I/O: runs the repository's build scripts).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::Error;
use crate::process::spawn_error;

/// The folder that holds etcd, kube-apiserver and kube-controller-manager: `KUBEBUILDER_ASSETS` when that is set, else
/// what `tools/controlplane/build` has built or builds now, which takes minutes the first time.
pub fn control_plane() -> Result<PathBuf, Error> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    once(&FOLDER, "tools/controlplane/build")
}

/// The folder that holds kube-scheduler, kwok and kwok's stages, which `tools/nodes/build` has built or builds now.
pub fn nodes() -> Result<PathBuf, Error> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    once(&FOLDER, "tools/nodes/build")
}

/// The folder that holds kubectl and helm: `KUBE_CLIENTS` when that is set, else what
/// `tools/clients/install-kubectl-helm` has fetched or fetches now.
pub fn clients() -> Result<PathBuf, Error> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    once(&FOLDER, "tools/clients/install-kubectl-helm")
}

/// The folder that holds kstatus, which `tools/kstatus/build` has built or builds now. It takes objects as JSON, one per
/// line, and prints `Current`, `InProgress`, `Failed` or `Terminating` for each.
pub fn kstatus() -> Result<PathBuf, Error> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    once(&FOLDER, "tools/kstatus/build")
}

/// The folder that holds prometheus and promtool: `PROMETHEUS_PROGRAMS` when that is set, else what
/// `tools/clients/install-prometheus` has fetched or fetches now.
pub fn prometheus() -> Result<PathBuf, Error> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    once(&FOLDER, "tools/clients/install-prometheus")
}

/// The folder that holds Flux's controllers, `argocd`, their definitions and Argo CD's settings, which `tools/gitops/build`
/// has built or builds now, which takes minutes the first time.
pub fn gitops() -> Result<PathBuf, Error> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    once(&FOLDER, "tools/gitops/build")
}

/// The folder with the definitions of the Prometheus Operator that the chart uses, which `tools/prometheus-operator/fetch`
/// has fetched or fetches now.
pub fn prometheus_operator() -> Result<PathBuf, Error> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    once(&FOLDER, "tools/prometheus-operator/fetch")
}

fn once(known: &OnceLock<PathBuf>, script: &str) -> Result<PathBuf, Error> {
    if let Some(folder) = known.get() {
        return Ok(folder.clone());
    }
    let folder = run(script)?;
    Ok(known.get_or_init(|| folder).clone())
}

fn run(script: &str) -> Result<PathBuf, Error> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // Its words about what it builds and how long that takes go straight to the terminal.
    let output = Command::new(repository.join(script))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(spawn_error(script))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || folder.is_empty() {
        let reason = format!("{}, see above", output.status);
        return Err(Error::Tools { script: script.to_owned(), reason });
    }
    Ok(folder.into())
}
