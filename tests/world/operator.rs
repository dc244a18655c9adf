//! The operator as a process (does I/O).

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The operator as a process; it ends with the test.
pub struct Operator {
    child: Child,
    port: u16,
}

impl Operator {
    pub fn start(environment: &BTreeMap<&str, &str>, namespace: &str, folder: &Path) -> Self {
        let arguments = ["run", "--cluster-name=test", "--watch-namespaces", namespace].map(ToOwned::to_owned);
        Self::start_as(&arguments, environment, folder)
    }

    /// Starts it with the arguments of a container, but for its port, which is one that is free here.
    pub fn start_as(arguments: &[String], environment: &BTreeMap<&str, &str>, folder: &Path) -> Self {
        let port = free_port();
        let log = OpenOptions::new().create(true).append(true).open(folder.join("operator.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_greengrass-operator"))
            .args(arguments.iter().filter(|argument| !argument.starts_with("--admin-address=")))
            .arg(format!("--admin-address=127.0.0.1:{port}"))
            .env_clear()
            .env("RUST_LOG", "info,greengrass_operator=debug")
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, port }
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    pub fn stop(self) {
        self.signal(Signal::TERM);
        self.wait_end();
    }

    /// Waits for it to end well, after it was told to.
    pub fn wait_end(mut self) {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "ended with {status}");
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "does not end on SIGTERM");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Where the admin server is, on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The status and body of a page of the admin server; none where it does not answer.
    pub fn page(&self, path: &str) -> Option<(u16, String)> {
        page(self.port, path)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // Already ended, or ends now; there is nobody to tell of a failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status and body of a page of the admin server on that port of loopback; none where it does not answer.
pub fn page(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
