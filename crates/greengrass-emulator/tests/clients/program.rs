//! The emulator's program on a free port, and the clients that a script of this repository installs.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use serde_json::Value;

use crate::support::{ACCOUNT, REGION};

/// A running program; stopped when dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) url: String,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let (program, _) = Self::start_at(&["127.0.0.1:0"], arguments);
        assert!(program.url.starts_with("http://127.0.0.1:"), "{:?}", program.url);
        program
    }

    /// At several addresses; with the URL of each.
    pub(crate) fn start_at(addresses: &[&str], arguments: &[&str]) -> (Self, Vec<String>) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_greengrass-emulator"))
            .args(addresses.iter().flat_map(|address| ["--listen", address]))
            .args(["--log", "warn"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(addresses.len());
        let urls = lines.map(|line| line.unwrap().strip_prefix("listening on ").unwrap_or_default().to_owned());
        let urls: Vec<_> = urls.collect();
        (Self { child, url: urls.first().cloned().unwrap_or_default() }, urls)
    }

    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// A request to the admin interface, with a body unless it is null; what it shows.
    pub(crate) fn admin(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (address, length) = (self.address(), body.len());
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("{method} /_emulator/{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        stream.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
        if body.is_empty() { Value::Null } else { serde_json::from_str(body).unwrap() }
    }

    /// A command whose AWS client talks to this program, whatever the surroundings say.
    pub(crate) fn client(&self, program: &str) -> Command {
        self.with_surroundings(Command::new(clients().join(program)))
    }

    /// A shell in the root of the repository that finds these clients.
    pub(crate) fn shell(&self) -> Command {
        let mut command = self.with_surroundings(Command::new("bash"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(clients().clone()).chain(std::env::split_paths(&path)));
        command.env("PATH", path.unwrap()).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        command
    }

    fn with_surroundings(&self, mut command: Command) -> Command {
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_CA_BUNDLE", "PYTHONPATH", "PYTHONHOME"] {
            command.env_remove(name);
        }
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", ACCOUNT)
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_DEFAULT_OUTPUT", "json")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("AWS_PAGER", "")
            .env("NO_PROXY", "127.0.0.1,::1")
            .stdin(Stdio::null());
        command
    }

    /// Runs a Python script of this folder against this program, and returns what it prints. It fails where the script does.
    pub(crate) fn runs(&self, script: &str) -> String {
        let script = format!("{}/tests/clients/{script}", env!("CARGO_MANIFEST_DIR"));
        // Without -B the script's modules would be compiled into the tree.
        let output = self.client("python3").args(["-B", &script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Ends it at once, without asking.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The names of all things of the tests' account and region.
    pub(crate) fn things(&self) -> Vec<String> {
        let state = self.admin("GET", "state", &Value::Null);
        let things = state["accounts"][ACCOUNT][REGION]["things"].as_array().cloned().unwrap_or_default();
        things.iter().filter_map(|name| name.as_str().map(ToOwned::to_owned)).collect()
    }

    /// Asks it to stop, and says whether it did so by itself.
    pub(crate) fn stops_on(&mut self, signal: &str) -> bool {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        for _ in 0..100 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // By the handle's process id; an error means that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of the AWS CLI and of a Python with boto3.
fn clients() -> &'static PathBuf {
    static CLIENTS: OnceLock<PathBuf> = OnceLock::new();
    CLIENTS.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/clients/install-aws");
        let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "{script} failed: see above");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end())
    })
}

#[test]
fn the_program_stops_on_sigterm_and_sigint_even_with_an_open_connection() {
    for signal in ["-TERM", "-INT"] {
        let mut program = Program::start(&[]);
        let _open = TcpStream::connect(program.address()).unwrap();
        assert!(program.stops_on(signal), "{signal}");
    }
}

#[test]
fn the_program_listens_at_several_addresses_and_what_one_is_told_the_others_know() {
    let (mut program, urls) = Program::start_at(&["127.0.0.1:0", "[::1]:0", "127.0.0.1:0"], &[]);
    assert!(urls.len() == 3 && urls[1].starts_with("http://[::1]:"), "{urls:?}");
    for (number, url) in urls.iter().enumerate() {
        program.url.clone_from(url);
        assert_eq!(program.things().len(), number);
        let name = format!("at-{number}");
        let output = program.client("aws").args(["iot", "create-thing", "--thing-name", &name]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(program.things(), ["at-0", "at-1", "at-2"]);
}

#[test]
fn a_wrong_argument_is_named() {
    for (arguments, expected) in [
        (["--switch", "tokenReuse=maybe"], "tokenReuse=maybe"),
        (["--account", "12"], "twelve digits"),
        (["--listen", "nowhere"], "nowhere"),
        (["--instance-role", "arn:aws:iam::210987654321:role/x"], "no --fleet has such a role"),
        (["--access-key", "AKID:hush:12"], "access key AKID is not twelve digits"),
        (["--access-key", "AKID:hush"], "an access key has the form ID:SECRET:ACCOUNT"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_greengrass-emulator")).args(arguments).output().unwrap();
        assert!(!output.status.success());
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(expected) && !error.contains("hush"), "{error}");
    }
}
