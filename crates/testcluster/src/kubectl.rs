//! Calls of kubectl (does I/O: processes).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use crate::Error;
use crate::process::spawn_error;

/// What kubectl answered.
#[derive(Debug, Clone)]
#[must_use = "kubectl may have refused: look at it, or call `success`"]
pub struct Output {
    /// The arguments, for messages.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Output {
    /// What it printed, or an error with what it complained about.
    pub fn success(self) -> Result<String, Error> {
        if self.status.success() {
            Ok(self.stdout)
        } else {
            Err(Error::Kubectl { command: self.command, stderr: self.stderr.trim().to_owned() })
        }
    }
}

/// A kubectl with a kubeconfig.
#[derive(Debug, Clone)]
pub(crate) struct Kubectl {
    pub(crate) program: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    /// Its own: kubectl caches what the API offers by address and port, and a port is soon another cluster's.
    pub(crate) cache: PathBuf,
}

impl Kubectl {
    /// A command that the caller may complete.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", &self.cache);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str], input: Option<&str>) -> Result<Output, Error> {
        let failed = || spawn_error(self.program.display().to_string());
        let mut child = self
            .command()
            .args(arguments)
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed())?;
        let pipe = child.stdin.take();
        let output = thread::scope(|scope| {
            // Beside the reading, because kubectl may print while it reads. When it refuses its arguments the pipe
            // breaks, and its own words are the better error.
            scope.spawn(move || pipe.zip(input).map(|(mut pipe, input)| pipe.write_all(input.as_bytes())));
            child.wait_with_output()
        })
        .map_err(failed())?;
        Ok(Output {
            command: arguments.join(" "),
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    pub(crate) fn with_kubeconfig(&self, kubeconfig: &Path) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), ..self.clone() }
    }
}
