//! The state file: what an emulator has been told, in the order in which it happened, so that another process goes on where one ended. I/O.
//!
//! One line for each change, with its time, written before the change is answered. The state machine is pure, so that the same changes at the same times
//! give the same state: opening a file does them again. What a change was answered is in the file as a digest, and an emulator in which it
//! comes out otherwise refuses the file.

mod change;
mod journal;
mod line;

use std::{
    io,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use crate::emulator::{Core, Emulator, EmulatorBuilder};

pub(crate) use change::{Change, digest_of_fleet};
pub(crate) use journal::Journal;

/// Why a state file can't be used. The text names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// It can't be read or written.
    #[error("the state file {} can't be used: {source}", file.display())]
    Io {
        /// Its path.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("the state file {} is in use by another process: stop that one, or name another file", file.display())]
    InUse {
        /// Its path.
        file: PathBuf,
    },
    /// It is something else.
    #[error("{} is no state file of greengrass-emulator and is left as it is: name another file", file.display())]
    NotOne {
        /// Its path.
        file: PathBuf,
    },
    /// Another version of the program has made it.
    #[error(
        "the state file {} has format {found}, and this version of greengrass-emulator reads format {}: start the version that made it, or move the file \
         away to begin anew",
        file.display(), line::FORMAT
    )]
    OtherFormat {
        /// Its path.
        file: PathBuf,
        /// The number of its format.
        found: u64,
    },
    /// It was changed by something else than a crash.
    #[error(
        "the state file {} is damaged in line {line}: {problem}. Put a copy in its place, or move it away to begin anew",
        file.display()
    )]
    Damaged {
        /// Its path.
        file: PathBuf,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// This version of the program does something else with a change than the one that made the file.
    #[error(
        "the state file {} was made by a version of greengrass-emulator that answered the call in line {line} otherwise: start the version that made it, or \
         move the file away to begin anew",
        file.display()
    )]
    Diverged {
        /// Its path.
        file: PathBuf,
        /// The number of the line, from 1.
        line: u64,
    },
    /// The clock shows an earlier time than the file, and can't be moved.
    #[error("the clock shows an earlier time than the state file {}, and can't be moved on", file.display())]
    Clock {
        /// Its path.
        file: PathBuf,
    },
}

/// What a state file says besides the changes to the state.
#[derive(Debug, Default)]
struct Replayed {
    options: Option<Options>,
    moved: SignedDuration,
    last: Option<Timestamp>,
}

/// The settings of a builder that the admin interface can change.
type Options = (crate::switches::Switches, crate::quotas::Quotas);

impl EmulatorBuilder {
    /// The emulator with the state that a file has, which is made when there is none; from now on the file has every change before its caller knows of it.
    ///
    /// The seed is that of the file. Its switches and quotas are those that it had last, unless these settings are others than at the last opening. The
    /// clock goes on: what it was moved by counts, and it never shows a time before the last change. The ledger begins empty, and access keys
    /// that were added are not in the file.
    pub fn open(mut self, path: impl AsRef<Path>) -> Result<Emulator, StateFileError> {
        let path = path.as_ref();
        let (journal, mut changes) = Journal::open(path, self.seed_to_begin_with())?;
        self = self.seed(journal.seed());
        let options = self.options();
        let emulator = self.build();
        let mut core = emulator.core();
        let mut replayed = Replayed::default();
        for change in &mut changes {
            let (number, at, change) = change?;
            if !replayed.replay(&mut core, at, change, journal.seed()) {
                return Err(StateFileError::Diverged { file: path.to_owned(), line: number });
            }
        }
        journal.begin(changes.whole).map_err(|source| StateFileError::Io { file: path.to_owned(), source })?;
        core.journal = Some(journal);
        emulator.go_on(&replayed).ok_or_else(|| StateFileError::Clock { file: path.to_owned() })?;
        let now = emulator.now();
        core.take_options(replayed.options, options, now);
        drop(core);
        Ok(emulator)
    }
}

impl Emulator {
    /// Moves the clock to where the state file was. `None` when it can't be moved.
    fn go_on(&self, replayed: &Replayed) -> Option<()> {
        let Replayed { options: _, moved, last } = replayed;
        let Some(last) = last else {
            return Some(());
        };
        if !moved.is_zero() {
            self.inner.clock.advance(moved.unsigned_abs())?;
        }
        let behind = last.duration_since(self.now());
        if behind.is_positive() {
            self.inner.clock.advance(behind.unsigned_abs())?;
        }
        Some(())
    }

    /// Why the state file can't be written any more.
    pub(crate) fn state_file_problem(&self) -> Option<String> {
        self.core().journal.as_ref().and_then(|journal| journal.problem().map(ToOwned::to_owned))
    }
}

impl Core {
    /// Enters a change in the state file, if there is one. Under the lock under which it was made, so that the file has the order of what happened.
    pub(crate) fn note(&mut self, at: Timestamp, change: impl FnOnce() -> Change) {
        if let Some(journal) = &mut self.journal {
            journal.append(at, &change());
        }
    }

    /// Takes the settings of the builder where they are others than at the last opening: else what the admin interface has said since counts.
    fn take_options(&mut self, before: Option<Options>, options: Options, now: Timestamp) {
        if before.as_ref() == Some(&options) {
            return;
        }
        self.set_options(before, options.clone(), now);
        let (switches, quotas) = options;
        self.note(now, || Change::Options { switches, quotas });
    }

    fn set_options(&mut self, before: Option<Options>, options: Options, now: Timestamp) {
        let (switches, quotas) = options;
        let (switches_before, quotas_before) = before.unzip();
        if switches_before.as_ref() != Some(&switches) {
            self.state.run_until(now);
            self.state.switches = switches;
        }
        if quotas_before != Some(quotas) {
            self.meter.quotas = quotas;
        }
    }
}
