//! The command `testcluster`: a cluster in the background for demonstrations (does I/O: processes, files, prints).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use testcluster::{Background, Error, Status};

/// Runs etcd, kube-apiserver and kube-controller-manager on this machine.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a cluster in the background and write DIR/kubeconfig; returns at once when it runs already.
    Up(Start),
    /// Stop the cluster and remove what `up` made.
    Down {
        #[command(flatten)]
        folder: Folder,
        /// Leave the data and the logs.
        #[arg(long)]
        keep: bool,
    },
    /// Say whether the cluster runs; ends with 1 when it doesn't.
    Status(Folder),
    /// Start a cluster and own it until this process ends: what `up` runs in the background.
    #[command(hide = true)]
    Own(Start),
}

#[derive(Debug, Args)]
struct Start {
    #[command(flatten)]
    folder: Folder,
    /// Let etcd wait for the disk with every write, as it should where writes are measured.
    #[arg(long)]
    fsync: bool,
}

#[derive(Debug, Args)]
struct Folder {
    /// The cluster's folder.
    #[arg(long)]
    dir: PathBuf,
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("testcluster: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Up(Start { folder: Folder { dir }, fsync }) => {
            let cluster = Background::new(&dir)?;
            if cluster.status()? == Status::Stopped {
                eprintln!("testcluster: starting etcd, kube-apiserver and kube-controller-manager (about 10 s)");
            }
            let program =
                std::env::current_exe().map_err(|source| Error::Spawn { program: "testcluster".to_owned(), source })?;
            let started = cluster.up(&program, fsync)?;
            let kubeconfig = cluster.kubeconfig();
            let state = if started { "runs" } else { "was running already" };
            eprintln!("testcluster: the cluster {state}; logs in {}", cluster.logs().display());
            eprintln!("testcluster: export KUBECONFIG={}", kubeconfig.display());
        }
        Command::Down { folder: Folder { dir }, keep } => {
            let was_running = Background::new(&dir)?.down(keep)?;
            eprintln!("testcluster: {}", if was_running { "stopped" } else { "nothing was running" });
        }
        Command::Status(Folder { dir }) => {
            let cluster = Background::new(&dir)?;
            let (word, code) = match cluster.status()? {
                Status::Running => ("running", ExitCode::SUCCESS),
                Status::Starting => ("starting", ExitCode::FAILURE),
                Status::Stopped => ("stopped", ExitCode::FAILURE),
            };
            eprintln!("testcluster: {word}");
            return Ok(code);
        }
        Command::Own(Start { folder: Folder { dir }, fsync }) => Background::new(&dir)?.own(fsync)?,
    }
    Ok(ExitCode::SUCCESS)
}
