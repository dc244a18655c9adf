//! The command line: what there is to say, and who does it. I/O: reads arguments, prints, ends the process.

mod cloud;
mod devices;
mod import;
mod kubernetes;
mod manifests;
mod output;
mod plan;
mod request;
mod resource;
mod run;
mod shell;
mod status;

use std::error::Error;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use greengrass_operator_core::api::schema::{Definition, definitions};
use thiserror::Error;

use crate::controller::clock::Clock;
use output::PrintError;

/// Kubernetes operator for AWS IoT Greengrass V2 deployments, and what people need beside it.
#[derive(Debug, Parser)]
#[command(name = "greengrass-operator", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::doc_markdown, reason = "shown as help, where backticks would be in the way")]
enum Command {
    /// Runs the operator: in a cluster with the Pod's service account, else with KUBECONFIG or ~/.kube/config.
    ///
    /// AWS is reached with the SDK's own configuration: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, web identity,
    /// Pod identity and so on.
    Run(Box<run::RunArgs>),
    Plan(Box<plan::PlanArgs>),
    Import(Box<import::ImportArgs>),
    Status(status::StatusArgs),
    Devices(devices::DevicesArgs),
    /// Holds back what the operator would write to AWS for these resources: sets spec.suspend.
    ///
    /// Where Git is the source (Argo CD, Flux), set it there: what is not in Git is taken back with the next sync.
    Suspend(request::PickArgs),
    /// Lets the operator write to AWS again: takes spec.suspend off.
    Resume(request::RequestArgs),
    /// Has the operator look at AWS now, and waits until it has.
    Reconcile(request::RequestArgs),
    /// Makes a new revision of the same content, the way to try failed devices again, and waits until AWS has it.
    Redeploy(request::RequestArgs),
    /// Stops the running rollout, and waits until AWS has cancelled it.
    ///
    /// Devices that have the revision keep it. It stays so until the content changes or a redeploy is asked for.
    Cancel(request::RequestArgs),
    /// Prints the CustomResourceDefinitions as YAML.
    Crd {
        /// Writes one file for each into this directory instead.
        #[arg(long, value_name = "DIRECTORY")]
        directory: Option<PathBuf>,
        /// Prints the one of SystemInstance, the legacy service AWS IoT Things Graph, as well. Into a directory all are written.
        #[arg(long)]
        things_graph: bool,
    },
    Completion(shell::CompletionArgs),
    Man(shell::ManArgs),
    /// Prints the version.
    Version,
}

/// Why a command failed.
#[derive(Debug, Error)]
enum CommandError {
    #[error(transparent)]
    Name(#[from] resource::NameError),
    #[error(transparent)]
    Start(#[from] run::StartError),
    #[error(transparent)]
    Plan(#[from] plan::PlanError),
    #[error(transparent)]
    Import(#[from] import::ImportError),
    #[error(transparent)]
    Cluster(#[from] kubernetes::ClusterError),
    #[error(transparent)]
    Devices(#[from] devices::DevicesError),
    #[error(transparent)]
    Request(#[from] request::RequestError),
    #[error(transparent)]
    Print(#[from] PrintError),
    #[error("{0} can't be written")]
    Write(PathBuf, #[source] std::io::Error),
    #[error("the program can't wait for answers")]
    Runtime(#[source] std::io::Error),
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Well.
    Well,
    /// Something would change: exit code 2, as `terraform plan -detailed-exitcode` has it.
    WithChanges,
    /// It has said what is wrong.
    Badly,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Well => Self::SUCCESS,
            Ended::WithChanges => Self::from(2),
            Ended::Badly => Self::FAILURE,
        }
    }
}

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let command = match parse(&arguments) {
        Ok(command) => command,
        Err(error) => {
            // Nobody is left to be told if there is no place to print.
            let _ = error.print();
            // Not clap's 2, which says of a plan that something would change.
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match perform(command) {
        Ok(ended) => ended.into(),
        // Whoever read has seen enough: `| head` is no failure.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if standard error is closed.
            let _ = writeln!(std::io::stderr(), "greengrass-operator: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Under the name of a kubectl plugin it speaks of itself as one.
fn parse(arguments: &[OsString]) -> Result<Command, clap::Error> {
    let program = arguments.first().and_then(|path| Path::new(path).file_stem()?.to_str()).unwrap_or_default();
    let plugin = program.strip_prefix("kubectl-").map(|name| format!("kubectl {}", name.replace('_', "-")));
    let command = match plugin {
        Some(name) => Cli::command().bin_name(name),
        None => Cli::command(),
    };
    Ok(Cli::from_arg_matches(&command.try_get_matches_from(arguments)?)?.command)
}

fn perform(command: Command) -> Result<Ended, CommandError> {
    let clock = Clock::system();
    match command {
        Command::Run(args) => run::run(*args)?,
        Command::Plan(args) => return wait(plan::plan(*args, clock.now()))?.map_err(Into::into),
        Command::Import(args) => return wait(import::import(*args))?.map_err(Into::into),
        Command::Status(args) => return wait(status::status(args, clock))?,
        Command::Devices(args) => return wait(devices::devices(args, clock))?.map_err(Into::into),
        Command::Suspend(args) => return wait(request::suspend(args))?.map_err(Into::into),
        Command::Resume(args) => return wait(request::resume(args))?.map_err(Into::into),
        Command::Reconcile(args) => {
            return wait(request::ask(request::Request::Reconcile, args, clock.now()))?.map_err(Into::into);
        }
        Command::Redeploy(args) => {
            return wait(request::ask(request::Request::Redeploy, args, clock.now()))?.map_err(Into::into);
        }
        Command::Cancel(args) => {
            return wait(request::ask(request::Request::Cancel, args, clock.now()))?.map_err(Into::into);
        }
        Command::Crd { directory: None, things_graph } => output::print(&every_definition(things_graph))?,
        Command::Crd { directory: Some(directory), things_graph: _ } => write_definitions(&directory)?,
        Command::Completion(args) => shell::completion(&args, Cli::command())?,
        Command::Man(args) => shell::man(&args, Cli::command())?,
        Command::Version => output::print(concat!("greengrass-operator ", env!("CARGO_PKG_VERSION"), "\n"))?,
    }
    Ok(Ended::Well)
}

/// People's commands make a few calls one after the other: one thread is enough.
fn wait<T>(doing: impl Future<Output = T>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::Runtime)?;
    Ok(runtime.block_on(doing))
}

fn every_definition(things_graph: bool) -> String {
    let wanted = definitions().into_iter().filter(|definition| things_graph || !definition.is_legacy());
    wanted.map(Definition::yaml).collect::<Vec<_>>().join("---\n")
}

fn write_definitions(directory: &Path) -> Result<(), CommandError> {
    for definition in definitions() {
        let path = directory.join(definition.file_name());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| CommandError::Write(folder.to_owned(), error))?;
        }
        std::fs::write(&path, definition.yaml()).map_err(|error| CommandError::Write(path, error))?;
    }
    Ok(())
}

/// An error and what caused it, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some libraries repeat their cause in their own words.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_every_argument_says_what_it_is() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }

    #[test]
    fn as_a_plugin_it_is_called_as_one() {
        let said = |program: &str| {
            let arguments = [program, "--help"].map(OsString::from);
            parse(&arguments).unwrap_err().to_string()
        };
        assert!(said("/usr/local/bin/kubectl-greengrass").contains("Usage: kubectl greengrass <COMMAND>"));
        assert!(said("greengrass-operator").contains("Usage: greengrass-operator <COMMAND>"));
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = CommandError::Write("crds/a.yaml".into(), std::io::Error::other("disk full"));
        assert_eq!(chain(&error), "crds/a.yaml can't be written: disk full");
    }
}
