//! What can go wrong around a test cluster (pure).

use std::io;
use std::path::PathBuf;

/// Why a cluster could not be started, asked or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A script that builds or fetches programs failed; its own words went to stderr.
    #[error("{script} failed: {reason}")]
    Tools {
        /// The script, relative to the repository.
        script: String,
        /// The last line that it said, or why it could not be run.
        reason: String,
    },
    /// A file or folder could not be read or written.
    #[error("can't {action} {}: {source}", path.display())]
    File {
        /// What was tried, as in "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("can't run {program}: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("can't make the cluster's certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// No port could be bound on the loopback interface.
    #[error("found no free port on 127.0.0.1 between {0} and {1}")]
    NoFreePort(u16, u16),
    /// A server ended before the cluster was ready.
    #[error("{server} ended before the cluster was ready; {} ends with:\n{tail}", log.display())]
    ServerEnded {
        /// The server's name.
        server: &'static str,
        /// Its whole log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// The cluster did not become ready in time.
    #[error("{what} took longer than {seconds} s; the servers' logs are in {}", logs.display())]
    TimedOut {
        /// What was waited for.
        what: &'static str,
        /// For how long.
        seconds: u64,
        /// The folder of the logs.
        logs: PathBuf,
    },
    /// kubectl refused or failed.
    #[error("`kubectl {command}` failed: {stderr}")]
    Kubectl {
        /// The arguments.
        command: String,
        /// What it said.
        stderr: String,
    },
    /// kubectl's or the audit log's output is not what it should be.
    #[error("can't understand {what}: {source}")]
    Unreadable {
        /// What was read.
        what: String,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A kubeconfig lacks something that is needed.
    #[error("the kubeconfig {} has no {what}", path.display())]
    Kubeconfig {
        /// The kubeconfig.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// The cluster was not started by this library, so it has no such thing.
    #[error("an attached cluster has no {0}: unset TESTCLUSTER_KUBECONFIG to start one that has")]
    Attached(&'static str),
    /// A background cluster could not be started or stopped.
    #[error("{0}")]
    Background(String),
}

impl Error {
    /// For `map_err` on calls that touch a file.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}
