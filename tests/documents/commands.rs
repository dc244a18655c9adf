//! Commands that can't be run here: each is given to its program, as far as it goes without doing it (does I/O: starts
//! processes).
//!
//! The block is run by bash where every program is one that writes down how it was called. So variables, pipes and
//! substitutions are as the shell reads them. Then the real programs read what was written down: kubectl, helm and the
//! AWS CLI with servers that don't answer, make on trial.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use super::blocks::{Test, each_block};
use super::manifests::filled;
use super::markdown::repository;

/// Programs whose calls are written down. What is not named here and no part of bash is not found.
const PROGRAMS: [&str; 18] = [
    "kubectl",
    "helm",
    "aws",
    "greengrass-operator",
    "make",
    "kind",
    "docker",
    "podman",
    "buildah",
    "eksctl",
    "curl",
    "git",
    "cargo",
    "python3",
    "/tmp/verify/bin/pip",
    "/tmp/verify/bin/python",
    "etcdctl",
    // What each of them prints, where a shell runs what is printed.
    "recorded",
];
/// Programs that blocks may really call.
const TOOLS: [&str; 4] = ["date", "cat", "sleep", "true"];

/// A cluster that nobody answers for.
const NOBODY: &str = "
apiVersion: v1
kind: Config
clusters: [{name: nobody, cluster: {server: 'https://127.0.0.1:1'}}]
contexts: [{name: nobody, context: {cluster: nobody, user: nobody, namespace: default}}]
users: [{name: nobody, user: {token: none}}]
current-context: nobody
";

/// An AWS that nobody answers for, and a key that is none.
const NO_AWS: [(&str, &str); 6] = [
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE00"),
    ("AWS_SECRET_ACCESS_KEY", "EXAMPLE"),
    ("AWS_DEFAULT_REGION", "eu-central-1"),
    ("AWS_MAX_ATTEMPTS", "1"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// The folder of the AWS CLI and its Python.
pub fn aws_programs() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let install = || {
        let output = Command::new(repository().join("tools/clients/install-aws")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().into()
    };
    FOLDER.get_or_init(install).clone()
}

/// A place for programs that write down their calls, and what they wrote.
struct Recorder {
    folder: tempfile::TempDir,
}

impl Recorder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let programs = folder.path().join("bin");
        fs::create_dir(&programs).unwrap();
        // Each word ends with a null byte, each call with a word of its own: all in one write, because the programs of a pipe write at once.
        let script = "#!/bin/bash\nprintf '%s\\0' \"${0##*/}\" \"$@\" $'\\1' >>\"$CALLS\"\n\
                      echo recorded\n\
                      if [[ -p /dev/stdin ]]; then while read -r _; do :; done; fi\n";
        // It reads what comes through a pipe to the end: else who writes into that is ended, and the block with it.
        for program in PROGRAMS.iter().filter(|program| !program.starts_with('/')) {
            let path = programs.join(program);
            // By another process: this one has threads that start processes, which would hold a file that is open for writing here,
            // and what somebody may write can't be run.
            let written = Command::new("/bin/bash")
                .args(["-c", "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\""])
                .arg(&path)
                .arg(script)
                .status()
                .unwrap();
            assert!(written.success());
        }
        for tool in TOOLS {
            let real =
                ["/bin", "/usr/bin"].iter().map(|folder| Path::new(folder).join(tool)).find(|path| path.exists());
            std::os::unix::fs::symlink(real.unwrap(), programs.join(tool)).unwrap();
        }
        for part in ["charts", "crds", "docs", "examples", "tools"] {
            std::os::unix::fs::symlink(repository().join(part), folder.path().join(part)).unwrap();
        }
        // What the pages say to save under these names.
        for file in ["policy.json", "trust.json"] {
            fs::write(folder.path().join(file), "{}").unwrap();
        }
        Self { folder }
    }

    /// The calls that a block makes, each with its words.
    fn calls(&self, block: &str) -> Result<Vec<Vec<String>>, String> {
        let calls = self.folder.path().join("calls");
        fs::write(&calls, "").unwrap();
        let programs = self.folder.path().join("bin");
        // A program that is named by its place is called by its name alone.
        let block = PROGRAMS
            .iter()
            .filter(|program| program.starts_with('/'))
            .fold(block.to_owned(), |block, program| block.replace(program, "python3"));
        let bash = Command::new("/bin/bash")
            .args(["-euo", "pipefail", "-c", &block])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", &programs)
            .env("HOME", self.folder.path())
            .env("CALLS", &calls)
            .envs(NO_AWS)
            .output()
            .unwrap();
        if !bash.status.success() {
            return Err(format!("bash: {}", String::from_utf8_lossy(&bash.stderr).trim()));
        }
        let written = fs::read_to_string(&calls).unwrap();
        let words = |call: &str| call.split_terminator('\0').map(ToOwned::to_owned).collect();
        Ok(written.split_terminator("\u{1}\0").map(words).collect())
    }

    fn nobody(&self) -> PathBuf {
        let path = self.folder.path().join("nobody");
        fs::write(&path, NOBODY).unwrap();
        path
    }

    /// What its program says to a call that it can't read.
    fn judged(&self, call: &[String]) -> Result<(), String> {
        let (program, arguments) = call.split_first().unwrap();
        let mut arguments = arguments.to_vec();
        let clients = testcluster::tools::clients().unwrap();
        let understood = |output: &Output| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let far = [
                "connection refused",
                "was refused",
                "cluster unreachable",
                "cluster is unreachable",
                "could not connect to the endpoint",
            ];
            let got_far = far.iter().any(|words| said.to_lowercase().contains(words));
            if output.status.success() || got_far {
                Ok(())
            } else {
                Err(format!("{}: {}", call.join(" "), said.trim()))
            }
        };
        let run = |program: PathBuf, arguments: &[String]| {
            let mut command = Command::new(program);
            command.args(arguments).current_dir(self.folder.path()).env("KUBECONFIG", self.nobody());
            command.env("HOME", self.folder.path()).envs(NO_AWS).output().unwrap()
        };
        match program.as_str() {
            "kubectl" => understood(&run(clients.join("kubectl"), &arguments)),
            "helm" if arguments.iter().any(|word| word == "charts/greengrass-operator") => {
                understood(&run(clients.join("helm"), &arguments))?;
                // That ended where a cluster is needed. Rendering reads the same values, and needs none.
                let only_upgrading =
                    ["upgrade", "--install", "--create-namespace", "--wait", "--reuse-values", "--dry-run=server"];
                let rendering = |word: &String| {
                    !only_upgrading.contains(&word.as_str())
                        && !word.starts_with("--timeout")
                        && *word != "--reset-then-reuse-values"
                };
                arguments.retain(rendering);
                arguments.insert(0, "template".to_owned());
                understood(&run(clients.join("helm"), &arguments))
            }
            "helm" => understood(&run(clients.join("helm"), &arguments)),
            "aws" => understood(&run(aws_programs().join("aws"), &arguments)),
            "greengrass-operator" => {
                arguments.push("--help".to_owned());
                understood(&run(env!("CARGO_BIN_EXE_greengrass-operator").into(), &arguments))
            }
            "make" => {
                arguments.splice(0..0, ["--dry-run".to_owned(), format!("--directory={}", repository().display())]);
                understood(&run("make".into(), &arguments))
            }
            // Not on this machine, or nothing of ours: the page says why it is not run.
            _ => Ok(()),
        }
    }
}

#[test]
fn the_programs_understand_every_command_that_is_not_run() {
    let recorder = Recorder::new();
    let mut wrong = Vec::new();
    let (mut blocks, mut calls) = (0, 0);
    each_block(|page, block, test| {
        if test != Test::Parsed {
            return;
        }
        blocks += 1;
        match recorder.calls(&filled(&block.text)) {
            Ok(made) => {
                calls += made.len();
                let complaints = made.iter().filter_map(|call| recorder.judged(call).err());
                wrong.extend(complaints.map(|what| format!("{}: {what}", page.at(block.line))));
            }
            Err(what) => wrong.push(format!("{}: {what}", page.at(block.line))),
        }
    });
    assert!(blocks > 10 && calls >= blocks, "{calls} commands of {blocks} blocks were seen");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_that_is_wrong_is_found() {
    let recorder = Recorder::new();
    let refused = |block: &str| {
        let calls = recorder.calls(block);
        calls.and_then(|calls| calls.iter().try_for_each(|call| recorder.judged(call))).unwrap_err()
    };
    for (block, word) in [
        ("kubectl get ggd --all-namespace", "all-namespace"),
        ("kubectl gte ggd", "gte"),
        ("helm upgrade --install x charts/greengrass-operator --set replica=1", "replica"),
        ("helm uninstal x", "uninstal"),
        ("aws greengrassv2 list-deployments --targets x", "targets"),
        ("aws greengrassv2 list-deployment", "list-deployment"),
        ("greengrass-operator run --watch-namespace x", "watch-namespace"),
        ("make documents", "documents"),
        ("kubectl get ggd | kubetcl", "kubetcl"),
        ("kubectl get ggd -o jsonpath='{.status}", "quote"),
    ] {
        let said = refused(block);
        assert!(said.contains(word) || said.contains("unexpected EOF"), "{block}: {said}");
    }
}
