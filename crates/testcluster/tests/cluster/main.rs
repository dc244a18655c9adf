//! Clusters as a test sees them (does I/O: starts real clusters).
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod background;
mod isolation;
mod requests;

use std::path::Path;

/// Whether a process still runs; one that waits to be reaped by whoever adopted it does not.
fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z')))
}

/// Asks for up to half a minute whether something has become true.
fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    for _ in 0..600 {
        if check() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{what}: not after half a minute");
}

fn nothing_is_left(pids: &[u32], folder: &Path) {
    assert_eq!(pids.len(), 3, "etcd, kube-apiserver and kube-controller-manager");
    eventually("all servers are gone", || !pids.iter().any(|&pid| is_alive(pid)));
    eventually("the folder is gone", || !folder.exists());
}
