//! A cluster that outlives the command that started it (does I/O: processes, files).
//!
//! `up` starts a process that owns the cluster and holds a lock on a file in the folder for as long as it lives. The
//! lock, not a process id, says whether the cluster runs: the kernel lets go of it however the owner ends.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, setsid};

use crate::process::{is_alive, spawn_error};
use crate::wait::Deadline;
use crate::{Cluster, Error, Options};

/// How long stopped processes may take to be gone.
const DOWN_PATIENCE: Duration = Duration::from_secs(10);

/// Longer than a start may take, which has a limit of its own and says more.
const UP_PATIENCE: Duration = Duration::from_mins(5);

/// A folder that holds, or may hold, a background cluster.
#[derive(Debug, Clone)]
pub struct Background {
    folder: PathBuf,
}

/// What [`Background::status`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Every server runs and the cluster can be used.
    Running,
    /// It is being started.
    Starting,
    /// Nothing runs.
    Stopped,
}

impl Background {
    /// The cluster of a folder, running or not.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        Ok(Self { folder: std::path::absolute(folder).map_err(Error::file("find", folder))? })
    }

    /// The administrator's kubeconfig, there while the cluster runs.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// The servers' logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.data().join("logs")
    }

    /// Whether it runs.
    pub fn status(&self) -> Result<Status, Error> {
        if !self.is_owned()? {
            Ok(Status::Stopped)
        } else if self.pids_file().exists() {
            Ok(Status::Running)
        } else {
            Ok(Status::Starting)
        }
    }

    /// Starts it with `testcluster own`, run by this program, unless it runs; returns whether it had to. One that runs
    /// stays as it is, whether its etcd waits for the disk (`fsync`) or not.
    pub fn up(&self, program: &Path, fsync: bool) -> Result<bool, Error> {
        fs::create_dir_all(&self.folder).map_err(Error::file("create", &self.folder))?;
        // The programs are built here and not by the owner, so that their progress reaches the terminal.
        crate::tools::control_plane()?;
        crate::tools::clients()?;
        if self.status()? != Status::Stopped {
            return self.wait_until_ready(None).map(|()| false);
        }
        // What a killed owner left behind would look like a cluster that is ready as soon as the new one has the lock.
        self.remove(&self.pids_file())?;
        let log = self.owner_log();
        let output = File::create(&log).map_err(Error::file("create", &log))?;
        let errors = output.try_clone().map_err(Error::file("create", &log))?;
        let mut command = Command::new(program);
        command.arg("own").arg("--dir").arg(&self.folder).current_dir("/");
        if fsync {
            command.arg("--fsync");
        }
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let owner = command.spawn().map_err(spawn_error(program.display().to_string()))?;
        self.wait_until_ready(Some(owner)).map(|()| true)
    }

    fn wait_until_ready(&self, mut owner: Option<Child>) -> Result<(), Error> {
        let ready = Deadline::after(UP_PATIENCE).until(Duration::from_millis(100), || {
            // Asked before the status: an owner that ends in between is found stopped at the next look.
            let ended = owner.as_mut().is_none_or(|owner| !matches!(owner.try_wait(), Ok(None)));
            match self.status() {
                Ok(Status::Running) => Some(Ok(())),
                Ok(Status::Stopped) if ended => {
                    let said = fs::read_to_string(self.owner_log()).unwrap_or_default();
                    let why = format!("the cluster did not start: {}", said.trim());
                    Some(Err(Error::Background(why)))
                }
                // Of two `up` at once one finds the other's owner, and waits for that.
                Ok(Status::Starting | Status::Stopped) => None,
                Err(error) => Some(Err(error)),
            }
        });
        let (what, seconds) = ("the cluster's start", UP_PATIENCE.as_secs());
        let timed_out = || Err(Error::TimedOut { what, seconds, logs: self.logs() });
        ready.unwrap_or_else(timed_out)
    }

    /// Owns the cluster: starts it and ends when one of its servers does. It is stopped by ending this process.
    pub fn own(&self, fsync: bool) -> Result<(), Error> {
        // Away from the terminal, whose end would otherwise be the cluster's. It fails only for a process that already
        // leads a group of its own.
        let _ = setsid();
        let path = self.lock_file();
        let open = || File::options().create(true).write(true).truncate(false).open(&path);
        let mut lock = open().map_err(Error::file("create", &path))?;
        // Not refused at the first try: whoever asks for the status holds the lock for a moment.
        let locked =
            Deadline::after(Duration::from_secs(1)).until(Duration::from_millis(10), || match lock.try_lock() {
                Err(TryLockError::WouldBlock) => None,
                Err(TryLockError::Error(source)) => Some(Err(source)),
                Ok(()) => Some(Ok(())),
            });
        let taken = || Error::Background(format!("another process owns the cluster in {}", self.folder.display()));
        locked.ok_or_else(taken)?.map_err(Error::file("lock", &path))?;
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", process::id())).map_err(Error::file("write", &path))?;
        self.remove(&self.pids_file())?;
        self.remove(&self.data())?;
        let options = Options { folder: Some(self.data()), fsync, ..Options::default() };
        let cluster = Cluster::start_with(&options)?;
        fs::copy(cluster.kubeconfig(), self.kubeconfig()).map_err(Error::file("write", self.kubeconfig()))?;
        let ids: Vec<String> =
            [process::id()].into_iter().chain(cluster.process_ids()).map(|id| id.to_string()).collect();
        let unfinished = self.folder.join("pids.new");
        fs::write(&unfinished, ids.join("\n") + "\n").map_err(Error::file("write", &unfinished))?;
        fs::rename(&unfinished, self.pids_file()).map_err(Error::file("write", self.pids_file()))?;
        loop {
            if let Some(server) = cluster.ended_server() {
                let logs = self.logs();
                return Err(Error::Background(format!("{server} has ended; its log is in {}", logs.display())));
            }
            thread::sleep(Duration::from_secs(1));
        }
    }

    /// Stops it and removes what it made, unless that is to be kept; returns whether anything ran.
    pub fn down(&self, keep: bool) -> Result<bool, Error> {
        let running = self.is_owned()?;
        if running {
            let lock = fs::read_to_string(self.lock_file()).unwrap_or_default();
            let owner = lock.trim().parse().ok().filter(|&id| self.is_ours(id)).ok_or_else(|| {
                let lock = self.lock_file();
                Error::Background(format!("{} is locked but names no `testcluster own`", lock.display()))
            })?;
            // Chosen now: the arguments of a process that is ending can't be read any more.
            let mut ours = self.process_ids();
            ours.retain(|&id| self.is_ours(id));
            ours.push(owner);
            signal(owner, Signal::TERM);
            let gone = || {
                let locked = self.is_owned().unwrap_or(false);
                (!locked && !ours.iter().any(|&id| is_alive(id))).then_some(())
            };
            let pause = Duration::from_millis(50);
            // The servers follow their owner; this is for a server whose shell was ended first.
            if Deadline::after(DOWN_PATIENCE).until(pause, gone).is_none() {
                for &id in &ours {
                    signal(id, Signal::KILL);
                }
                if Deadline::after(DOWN_PATIENCE).until(pause, gone).is_none() {
                    let what = format!("processes {ours:?} of {}", self.folder.display());
                    return Err(Error::Background(format!("{what} can't be stopped")));
                }
            }
        }
        self.remove(&self.pids_file())?;
        self.remove(&self.kubeconfig())?;
        if !keep {
            for path in [self.data(), self.owner_log(), self.lock_file()] {
                self.remove(&path)?;
            }
            // Others may keep things beside ours: only an empty folder goes.
            let _ = fs::remove_dir(&self.folder);
        }
        Ok(running)
    }

    /// The process ids of the servers that were started, also of those of a cluster that is not ready yet.
    fn process_ids(&self) -> Vec<u32> {
        let files = fs::read_dir(self.logs()).into_iter().flatten().flatten();
        files
            .map(|file| file.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "pid"))
            .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok())
            .collect()
    }

    fn is_owned(&self) -> Result<bool, Error> {
        let Ok(lock) = File::open(self.lock_file()) else {
            return Ok(false);
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(Error::file("lock", self.lock_file())(source)),
        }
    }

    /// Whether a process runs and names our folder in its arguments; an id from a file may be somebody else's by now.
    fn is_ours(&self, id: u32) -> bool {
        let arguments = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let folder = self.folder.display().to_string();
        is_alive(id) && String::from_utf8_lossy(&arguments).contains(&folder)
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        debug_assert!(path.starts_with(&self.folder), "only what lies in the folder is ours");
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        match removed {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            done => done.map_err(Error::file("remove", path)),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("controlplane")
    }

    fn pids_file(&self) -> PathBuf {
        self.folder.join("pids")
    }

    fn lock_file(&self) -> PathBuf {
        self.folder.join("testcluster.lock")
    }

    fn owner_log(&self) -> PathBuf {
        self.folder.join("testcluster.log")
    }
}

fn signal(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
