//! The AWS CLI against a program of its own.

use serde_json::{Value, json};

use crate::{
    program::Program,
    support::{ACCOUNT, REGION},
};

/// A program, and the CLI that talks to it.
pub(crate) struct Cli(Program);

impl Cli {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self(Program::start(arguments))
    }

    /// A program whose clock stands still, with a thing group `fleet` and these devices in it.
    pub(crate) fn with_fleet(devices: &Value) -> Self {
        let cli = Self::start(&["--seed", "1", "--manual-clock", "2026-01-01T00:00:00Z"]);
        let mut devices = devices.clone();
        for device in devices.as_array_mut().unwrap() {
            device["groups"] = json!(["fleet"]);
        }
        let account = json!({"account": ACCOUNT, "region": REGION, "groups": [{"name": "fleet"}], "devices": devices});
        cli.0.admin("POST", "fleet", &json!({"accounts": [account]}));
        cli
    }

    pub(crate) const fn program(&self) -> &Program {
        &self.0
    }

    /// Lets so many seconds pass for the program.
    pub(crate) fn pass(&self, seconds: u64) {
        self.0.admin("POST", "clock", &json!({"advanceMilliseconds": seconds * 1000}));
    }

    /// What a command prints, as JSON; or what it says when it fails.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Value, String> {
        let output = self.0.client("aws").args(arguments).output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8(output.stderr).unwrap());
        }
        let text = String::from_utf8(output.stdout).unwrap();
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    pub(crate) fn ok(&self, arguments: &[&str]) -> Value {
        self.run(arguments).unwrap_or_else(|error| panic!("aws {arguments:?}: {error}"))
    }

    /// A member of the answer that is a text.
    pub(crate) fn text(&self, arguments: &[&str], member: &str) -> String {
        self.ok(arguments)[member].as_str().unwrap().to_owned()
    }

    /// What a command whose arguments have no spaces prints.
    pub(crate) fn aws(&self, command: &str) -> Value {
        self.ok(&command.split(' ').collect::<Vec<_>>())
    }

    /// What such a command says when it fails, as it must.
    pub(crate) fn refused(&self, command: &str) -> String {
        let Err(error) = self.run(&command.split(' ').collect::<Vec<_>>()) else {
            panic!("aws {command} was not refused");
        };
        error
    }
}
