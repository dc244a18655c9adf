//! A state file that is open: read once, then appended to. I/O.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use jiff::Timestamp;
use tracing::{error, warn};

use super::{
    Change, StateFileError,
    line::{self, FirstLine, Head},
};

/// How often what was written is forced onto the disk: what a power failure may take. The end of the process takes nothing.
const FORCED: Duration = Duration::from_secs(1);

/// The state file of a running emulator.
#[derive(Debug)]
pub(crate) struct Journal {
    shared: Arc<Shared>,
    head: Head,
    problem: Option<String>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    file: File,
    /// Whether something was written that may not be on the disk.
    unforced: AtomicBool,
}

impl Journal {
    /// Opens a file, or makes it, and locks it; with an iterator over the changes in it.
    pub(super) fn open(path: &Path, seed: u64) -> Result<(Self, Changes), StateFileError> {
        let failed = |source| StateFileError::Io { file: path.to_owned(), source };
        let options = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
        let file = options.map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StateFileError::InUse { file: path.to_owned() },
            TryLockError::Error(source) => failed(source),
        })?;
        let mut reader = BufReader::new(file.try_clone().map_err(failed)?);
        let mut first = Vec::new();
        reader.read_until(b'\n', &mut first).map_err(failed)?;
        let (head, whole) = match FirstLine::of(&first) {
            FirstLine::Head(head) => (head, u64::try_from(first.len()).unwrap_or(u64::MAX)),
            FirstLine::Unfinished => (Head::new(seed), 0),
            FirstLine::OtherFormat(found) => return Err(StateFileError::OtherFormat { file: path.to_owned(), found }),
            FirstLine::SomethingElse => return Err(StateFileError::NotOne { file: path.to_owned() }),
        };
        let shared = Arc::new(Shared { path: path.to_owned(), file, unforced: AtomicBool::new(false) });
        Ok((Self { shared, head, problem: None }, Changes { path: path.to_owned(), reader, number: 1, whole }))
    }

    pub(super) const fn seed(&self) -> u64 {
        self.head.seed
    }

    /// Cuts off what a crash has left unfinished behind the last whole line, and gets ready for what comes.
    pub(super) fn begin(&self, whole: u64) -> io::Result<()> {
        let Shared { path, file, unforced: _ } = &*self.shared;
        if file.metadata()?.len() > whole {
            warn!(file = %path.display(), "the last change in the state file is unfinished, and is left out: it was not answered");
            file.set_len(whole)?;
        }
        if whole == 0 {
            let mut file = file;
            file.seek(SeekFrom::End(0))?;
            file.write_all(&self.head.written()?)?;
        }
        file.sync_all()?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
        let shared = Arc::downgrade(&self.shared);
        thread::Builder::new().name("state-file".to_owned()).spawn(move || force(&shared))?;
        Ok(())
    }

    /// Writes a change. After an error nothing is written any more, for the file would have a gap.
    pub(super) fn append(&mut self, at: Timestamp, change: &Change) {
        if self.problem.is_some() {
            return;
        }
        let Shared { path, file, unforced } = &*self.shared;
        let mut file = file;
        // In one call, so that a crash leaves a beginning and no gap.
        let written = line::written(at, change).map_err(io::Error::from).and_then(|line| file.write_all(&line));
        unforced.store(true, Ordering::Release);
        if let Err(problem) = written {
            let problem = format!("the state file {} can't be written: {problem}", path.display());
            error!(problem, "no call is answered any more");
            self.problem = Some(problem);
        }
    }

    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.force();
        // The thread may hold the file for a moment longer.
        if let Err(problem) = self.shared.file.unlock() {
            warn!(%problem, "the state file could not be unlocked");
        }
    }
}

impl Shared {
    fn force(&self) {
        if self.unforced.swap(false, Ordering::AcqRel)
            && let Err(problem) = self.file.sync_data()
        {
            warn!(file = %self.path.display(), %problem, "the state file could not be forced onto the disk");
        }
    }
}

/// Forces what was written onto the disk again and again, as long as the file is in use.
fn force(shared: &Weak<Shared>) {
    loop {
        thread::sleep(FORCED);
        let Some(shared) = shared.upgrade() else {
            return;
        };
        shared.force();
    }
}

/// The changes in a file, with the numbers of their lines.
pub(super) struct Changes {
    path: PathBuf,
    reader: BufReader<File>,
    number: u64,
    /// Up to where the file is whole.
    pub(super) whole: u64,
}

impl Iterator for Changes {
    type Item = Result<(u64, Timestamp, Change), StateFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        if let Err(source) = self.reader.read_until(b'\n', &mut line) {
            return Some(Err(StateFileError::Io { file: self.path.clone(), source }));
        }
        // A line without an end was being written when the process ended.
        let text = line.strip_suffix(b"\n")?;
        self.number += 1;
        let number = self.number;
        let change = line::read(text)
            .map(|(at, change)| (number, at, change))
            .map_err(|problem| StateFileError::Damaged { file: self.path.clone(), line: number, problem });
        self.whole += u64::try_from(line.len()).unwrap_or(u64::MAX);
        Some(change)
    }
}
