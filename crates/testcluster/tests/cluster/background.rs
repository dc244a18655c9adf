//! `testcluster up`, `status` and `down` (does I/O: starts a cluster in the background).

use std::path::Path;
use std::process::{Command, Output};

use crate::is_alive;

fn testcluster(command: &str, folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_testcluster")).args([command, "--dir"]).arg(folder).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_cluster_in_the_background_comes_up_once_says_so_and_goes_without_a_trace() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("demo");
    assert!(said(&testcluster("status", &folder)).contains("stopped"));
    assert!(said(&testcluster("down", &folder)).contains("nothing was running"));

    let first = testcluster("up", &folder);
    assert!(first.status.success(), "{}", said(&first));
    let kubeconfig = folder.join("kubeconfig");
    assert!(kubeconfig.exists() && said(&first).contains(kubeconfig.to_str().unwrap()), "{}", said(&first));
    let pids = std::fs::read_to_string(folder.join("pids")).unwrap();
    let second = testcluster("up", &folder);
    assert!(said(&second).contains("was running already"), "{}", said(&second));
    assert_eq!(std::fs::read_to_string(folder.join("pids")).unwrap(), pids, "the second `up` started nothing");
    assert!(testcluster("status", &folder).status.success());

    let pids: Vec<u32> = pids.lines().map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.len() == 4 && pids.iter().all(|&pid| is_alive(pid)), "the owner and its servers: {pids:?}");
    let down = testcluster("down", &folder);
    assert!(down.status.success(), "{}", said(&down));
    assert!(!pids.iter().any(|&pid| is_alive(pid)));
    assert!(!folder.exists(), "nothing else lay in the folder, so it goes too");
}
