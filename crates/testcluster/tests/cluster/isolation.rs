//! Several clusters at once, and what is left of them (does I/O: starts and kills clusters).

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use testcluster::Cluster;

use crate::{eventually, is_alive, nothing_is_left};

fn start() -> (Cluster, Vec<u32>, PathBuf) {
    let cluster = Cluster::start().unwrap();
    let pids = cluster.process_ids();
    let folder = cluster.folder().to_owned();
    assert!(pids.iter().all(|&pid| is_alive(pid)));
    (cluster, pids, folder)
}

#[test]
fn two_clusters_run_at_once_and_end_with_their_owners_by_drop_and_by_panic() {
    let dropped = thread::spawn(start);
    let panicked = thread::spawn(start);
    let (one, one_pids, one_folder) = dropped.join().unwrap();
    let (other, other_pids, other_folder) = panicked.join().unwrap();

    one.kubectl(&["create", "configmap", "only-here"]).unwrap().success().unwrap();
    let there = other.kubectl(&["get", "configmap", "only-here"]).unwrap();
    assert!(there.stderr.contains("NotFound"), "the clusters share their data: {there:?}");

    drop(one);
    nothing_is_left(&one_pids, &one_folder);

    let logs = other.folder().join("logs");
    let audit_log = other.audit_log().to_owned();
    thread::spawn(move || {
        let _held = other;
        panic!("as a failing test does");
    })
    .join()
    .unwrap_err();
    eventually("all servers are gone", || !other_pids.iter().any(|&pid| is_alive(pid)));
    let servers = ["etcd.log", "kube-apiserver.log", "kube-controller-manager.log"].map(|log| logs.join(log));
    for log in servers.iter().chain([&audit_log]) {
        assert!(log.metadata().unwrap().len() > 0, "{} is kept after a panic", log.display());
    }
    assert!(!other_folder.join("etcd").exists(), "the database isn't kept");
    std::fs::remove_dir_all(&other_folder).unwrap();
}

#[test]
fn a_killed_test_process_leaves_neither_servers_nor_files() {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "isolation::owns_a_cluster_until_it_is_killed", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said = |line: &str, word: &str| line.split_once(word).map(|(_, rest)| rest.to_owned());
    let folder = lines.find_map(|line| said(&line, "folder: ")).expect("the child starts a cluster");
    let pids = lines.find_map(|line| said(&line, "processes: ")).unwrap();
    let pids: Vec<u32> = pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.iter().all(|&pid| is_alive(pid)));

    owner.kill().unwrap();
    owner.wait().unwrap();
    nothing_is_left(&pids, &PathBuf::from(folder));
}

#[test]
#[ignore = "run and killed by another test"]
fn owns_a_cluster_until_it_is_killed() {
    let (_cluster, pids, folder) = start();
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    let mut out = std::io::stdout();
    writeln!(out, "folder: {}", folder.display()).unwrap();
    writeln!(out, "processes: {}", pids.join(" ")).unwrap();
    let _ = std::io::stdin().read_line(&mut String::new());
}
