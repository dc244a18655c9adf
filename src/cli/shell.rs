//! What a shell and `man` want to know of the command line. I/O: prints, writes files.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use super::CommandError;
use super::output::{PrintError, print};

/// Prints a completion script for a shell.
///
/// For example in ~/.bashrc: source <(greengrass-operator completion bash)
#[derive(Debug, Args)]
pub(super) struct CompletionArgs {
    /// The shell.
    shell: Shell,
}

/// Prints the manual page, or writes those of all commands.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Writes a page for each command into this directory instead.
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

/// Prints the script.
pub(super) fn completion(args: &CompletionArgs, mut command: Command) -> Result<(), PrintError> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints or writes the pages.
pub(super) fn man(args: &ManArgs, command: Command) -> Result<(), CommandError> {
    match &args.directory {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page).map_err(PrintError)?;
            Ok(print(&String::from_utf8_lossy(&page))?)
        }
        Some(directory) => {
            clap_mangen::generate_to(command, directory).map_err(|error| CommandError::Write(directory.clone(), error))
        }
    }
}
