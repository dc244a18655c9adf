//! The Helm chart, rendered by helm and judged by a real API server (does I/O: starts processes, asks a cluster).

mod cluster;
mod emulator;
mod monitoring;
mod ownership;
mod pods;
mod release;
mod rendered;
mod rights;
mod upgrade;
mod values;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn chart() -> PathBuf {
    repository().join("charts/greengrass-operator")
}

pub fn helm(kubeconfig: Option<&Path>, arguments: &[&str]) -> Output {
    let mut helm = Command::new(testcluster::tools::clients().unwrap().join("helm"));
    // Without a kubeconfig, a cluster that the user happens to be logged in to must not be asked.
    helm.args(arguments).env("KUBECONFIG", kubeconfig.unwrap_or_else(|| Path::new("/dev/null"))).output().unwrap()
}

/// What helm printed; its complaint, where it refused.
pub fn success(output: &Output) -> String {
    assert!(output.status.success(), "{}", complaint(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What helm complained about.
pub fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The chart, rendered with these options of `helm template`.
fn template_with(options: &[&str]) -> Output {
    let chart = chart();
    let arguments: Vec<&str> =
        ["template", "operator", chart.to_str().unwrap()].into_iter().chain(options.iter().copied()).collect();
    helm(None, &arguments)
}

fn template(namespace: &str, values: &[&str]) -> Output {
    let mut options = vec!["--namespace", namespace];
    for value in values {
        options.extend(["--set", value]);
    }
    template_with(&options)
}

fn rendered(values: &[&str]) -> String {
    success(&template("somewhere", values))
}
