//! Servers that can't outlive their owner (does I/O: processes).
//!
//! Neither destructors nor statics run when a test process is killed or simply exits, and the kernel's parent-death
//! signal follows the thread that started a child, which in a test ends early. So each server is the child of a small
//! shell that waits on a pipe from the owner: however the owner ends, the pipe closes and the shell stops the server.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::Error;
use crate::wait::Deadline;

/// A server under its supervising shell. It ends when this is dropped, and when this process ends in whatever way.
#[derive(Debug)]
pub struct Server {
    pub(crate) name: &'static str,
    pub(crate) log: PathBuf,
    program: PathBuf,
    arguments: Vec<String>,
    pid_file: PathBuf,
    shell: Child,
}

/// How to start a server.
#[derive(Debug)]
pub struct Start<'a> {
    /// What its log and the file with its process id are called.
    pub name: &'static str,
    /// The program, looked for in `PATH` where it is no path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The folder for its log.
    pub logs: &'a Path,
}

impl Server {
    /// Starts it, without waiting until it is ready for anything.
    pub fn start(start: Start<'_>) -> Result<Self, Error> {
        let Start { name, program, arguments, logs } = start;
        let log = logs.join(format!("{name}.log"));
        let pid_file = logs.join(format!("{name}.pid"));
        let shell = supervise(&log, &pid_file, &program, &arguments)?;
        Ok(Self { name, log, program, arguments, pid_file, shell })
    }

    /// Starts it again after [`Server::wait`], with the same arguments.
    pub(crate) fn start_again(&mut self) -> Result<(), Error> {
        self.shell = supervise(&self.log, &self.pid_file, &self.program, &self.arguments)?;
        Ok(())
    }

    /// The server's own process id, once its shell has started it.
    pub(crate) fn pid(&self) -> Option<u32> {
        std::fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.shell.try_wait(), Ok(None))
    }

    /// An error with the end of its log.
    #[must_use]
    pub fn ended(&self) -> Error {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(10)).copied().collect::<Vec<_>>().join("\n");
        Error::ServerEnded { server: self.name, log: self.log.clone(), tail }
    }

    /// Has it stopped; [`Server::wait`] waits until it is.
    pub(crate) fn let_go(&mut self) {
        drop(self.shell.stdin.take());
    }

    /// Waits until a server that was let go has ended, and ends it by force when it takes too long.
    pub(crate) fn wait(&mut self) {
        let patience = Deadline::after(Duration::from_secs(5));
        if patience.until(Duration::from_millis(5), || self.has_ended().then_some(())).is_none() {
            // The shell has not been waited for, so its process id can't be somebody else's by now.
            if let Some(group) = i32::try_from(self.shell.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = self.shell.wait();
        }
    }
}

fn supervise(log: &Path, pid_file: &Path, program: &Path, arguments: &[String]) -> Result<Child, Error> {
    let mut shell = shell(include_str!("supervise.sh"), log)?;
    shell.arg(pid_file).arg(program).args(arguments).spawn().map_err(spawn_error("sh"))
}

/// Removes a cluster's folder when its owner is gone.
#[derive(Debug)]
pub(crate) struct Janitor(Child);

impl Janitor {
    pub(crate) fn watch(folder: &Path) -> Result<Self, Error> {
        let log = Path::new("/dev/null");
        shell(include_str!("janitor.sh"), log)?.arg(folder).spawn().map(Self).map_err(spawn_error("sh"))
    }

    /// From now on the logs survive.
    pub(crate) fn keep_logs(&mut self) {
        if let Some(pipe) = &mut self.0.stdin {
            let _ = pipe.write_all(b"keep\n");
        }
    }

    /// Removes the folder now.
    pub(crate) fn clean(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A shell with a pipe as its input, in a process group of its own: Ctrl-C in a terminal reaches the owner only, and
/// the servers still end in order.
fn shell(script: &str, log: &Path) -> Result<Command, Error> {
    let output = File::options().create(true).append(true).open(log).map_err(Error::file("open", log))?;
    let errors = output.try_clone().map_err(Error::file("open", log))?;
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg("testcluster");
    command.process_group(0).stdin(Stdio::piped()).stdout(output).stderr(errors);
    Ok(command)
}

pub(crate) fn spawn_error(program: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let program = program.into();
    move |source| Error::Spawn { program, source }
}

/// Whether a process exists and is not merely waiting to be reaped.
pub(crate) fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(logs: &Path) -> Server {
        Server::start(Start { name: "sleeper", program: "sleep".into(), arguments: vec!["600".into()], logs }).unwrap()
    }

    fn pid_of(server: &Server) -> u32 {
        let deadline = Deadline::after(Duration::from_secs(10));
        deadline.until(Duration::from_millis(5), || server.pid()).unwrap()
    }

    #[test]
    fn a_server_ends_when_its_owner_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let mut server = sleeper(folder.path());
        let pid = pid_of(&server);
        assert!(is_alive(pid));
        server.let_go();
        server.wait();
        assert!(!is_alive(pid));
    }

    #[test]
    fn a_server_can_be_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut server = sleeper(folder.path());
        let first = pid_of(&server);
        server.let_go();
        server.wait();
        server.start_again().unwrap();
        let deadline = Deadline::after(Duration::from_secs(10));
        let second = deadline
            .until(Duration::from_millis(5), || server.pid().filter(|pid| *pid != first && is_alive(*pid)))
            .unwrap();
        assert!(!is_alive(first) && !server.has_ended());
        server.let_go();
        server.wait();
        assert!(!is_alive(second));
    }

    #[test]
    fn a_server_that_ends_by_itself_is_noticed_and_its_last_words_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::start(Start {
            name: "short",
            program: "sh".into(),
            arguments: vec!["-c".into(), "echo no such flag; exit 3".into()],
            logs: folder.path(),
        })
        .unwrap();
        let deadline = Deadline::after(Duration::from_secs(10));
        assert!(deadline.until(Duration::from_millis(5), || server.has_ended().then_some(())).is_some());
        assert!(server.ended().to_string().ends_with("no such flag"), "{}", server.ended());
    }

    #[test]
    fn the_janitor_removes_the_folder_or_only_the_database() {
        for (keep, left) in [(false, false), (true, true)] {
            let parent = tempfile::tempdir().unwrap();
            let folder = parent.path().join("cluster");
            std::fs::create_dir_all(folder.join("etcd")).unwrap();
            let mut janitor = Janitor::watch(&folder).unwrap();
            if keep {
                janitor.keep_logs();
            }
            janitor.clean();
            assert_eq!(folder.exists(), left);
            assert!(!folder.join("etcd").exists());
        }
    }
}
