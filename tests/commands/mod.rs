//! The commands that people use (docs/cli.md), as processes: plan, import, status, devices and requests (does I/O: starts processes).

mod import;
mod plan;
mod requests;
mod status;
mod terminal;
mod things_graph;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::world::{ACCOUNT, REGION, World};

/// What a command said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }

    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{} {}", self.out, self.err);
        self
    }
}

/// The command with a person's access to the cluster and to AWS.
fn command(world: &World, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greengrass-operator"));
    let kubectl = world.cluster.kubectl_command();
    let clients = Path::new(kubectl.get_program()).parent().unwrap();
    command
        .args(arguments)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", clients.display()))
        .env("KUBECONFIG", world.cluster.kubeconfig())
        .env("AWS_ENDPOINT_URL", world.endpoint())
        .env("AWS_ACCESS_KEY_ID", ACCOUNT)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", REGION)
        .env("LANG", "C.UTF-8")
        .current_dir(world.folder());
    command
}

/// A line of bash with the same access.
fn shell(world: &World, line: &str) -> Command {
    let person = command(world, &[]);
    let mut bash = Command::new("bash");
    bash.args(["-c", line]).env_clear().current_dir(world.folder());
    bash.envs(person.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bash
}

fn run(world: &World, arguments: &[&str]) -> Said {
    run_with(world, arguments, "")
}

/// The same with something on standard input.
fn run_with(world: &World, arguments: &[&str], input: &str) -> Said {
    let mut child =
        command(world, arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A command about the world's namespace.
fn run_in(world: &World, arguments: &[&str]) -> Said {
    let mut all = arguments.to_vec();
    all.extend(["--namespace", world.namespace.as_str()]);
    run(world, &all)
}
