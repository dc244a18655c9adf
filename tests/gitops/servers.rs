//! Programs that run beside a cluster for as long as this process does (does I/O: starts processes).

use std::path::Path;
use std::time::{Duration, Instant};

use testcluster::{Cluster, Server, Start};

/// A loaded machine gets two minutes.
const PATIENCE: Duration = Duration::from_mins(2);

/// Starts a program with this environment and no other. It ends when this process does, in whatever way.
pub fn start(
    cluster: &Cluster,
    name: &'static str,
    program: &Path,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Server {
    let mut all = vec!["-i".to_owned()];
    all.extend(environment.iter().map(|(name, value)| format!("{name}={value}")));
    all.push(program.to_str().unwrap().to_owned());
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    // env becomes the program: the process that is ended is the program itself.
    let logs = cluster.folder().join("logs");
    Server::start(Start { name, program: "env".into(), arguments: all, logs: &logs }).unwrap()
}

/// Waits for something that has to be before anything else can; a server that ended meanwhile tells why.
pub fn wait(what: &str, servers: &mut [Server], mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        let ended = servers.iter_mut().find_map(|server| server.has_ended().then(|| server.ended()));
        assert!(ended.is_none(), "{}", ended.unwrap());
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Whether somebody listens there.
pub fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Waits until all definitions are in use. kubectl ends with an error at one that has no conditions yet, as those have that
/// somebody else installs at this moment.
pub fn established(cluster: &Cluster) {
    let wait_once = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"];
    wait("the definitions", &mut [], || cluster.kubectl(&wait_once).unwrap().status.success());
}
