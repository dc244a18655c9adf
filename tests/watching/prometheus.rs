//! Debian's Prometheus and promtool (does I/O: processes, loopback).

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::World;
use crate::world::operator::free_port;

/// Devices are looked at every ten seconds; a loaded machine gets some more.
pub(super) const PATIENCE: Duration = Duration::from_mins(3);

/// A Prometheus that scrapes a world's operator each second; it ends with the test.
pub(super) struct Prometheus {
    child: Child,
    port: u16,
}

impl Prometheus {
    pub(super) fn of(world: &World, rules: &Path) -> Self {
        let folder = world.folder().join("prometheus");
        fs::create_dir(&folder).unwrap();
        let config = folder.join("prometheus.yml");
        // JSON is YAML.
        let content = serde_json::json!({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [rules],
            "scrape_configs": [{
                "job_name": "greengrass-operator",
                "static_configs": [{"targets": [format!("127.0.0.1:{}", world.operator().port())]}],
            }],
        });
        fs::write(&config, content.to_string()).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let port = free_port();
        let child = Command::new(testcluster::tools::prometheus().unwrap().join("prometheus"))
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, port }
    }

    /// The `data` of an answer of the HTTP API; none while it doesn't answer.
    pub(super) fn ask(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        // Version 1.0: no chunks, and the end of the answer is the end of the stream.
        write!(stream, "GET /api/v1/{path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let answer: Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
        assert!(answer["status"] != "error", "{path}: {answer}");
        Some(answer["data"].clone())
    }

    /// What an expression has now: the value of `label` and the number, in order.
    pub(super) fn query(&self, expression: &str, label: &str) -> Vec<(String, f64)> {
        let encoded = expression.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        let data = self.ask(&format!("query?query={encoded}")).unwrap_or_default();
        let samples = data["result"].as_array().cloned().unwrap_or_default();
        let mut found: Vec<(String, f64)> = samples
            .iter()
            .map(|sample| {
                let name = sample["metric"][label].as_str().unwrap_or_default().to_owned();
                (name, sample["value"][1].as_str().unwrap().parse().unwrap())
            })
            .collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }

    /// Waits until an expression has what is wanted.
    pub(super) fn wait_until(&self, expression: &str, label: &str, wanted: impl Fn() -> Vec<(String, f64)>) {
        let started = Instant::now();
        loop {
            let (found, wanted) = (self.query(expression, label), wanted());
            if found == wanted && !found.is_empty() {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{expression} is {found:?} and not {wanted:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Alerts that are not at rest, by name; and what is wrong with rules.
    pub(super) fn alerts(&self) -> (Vec<String>, Vec<String>) {
        let data = self.ask("rules").unwrap_or_default();
        let rules: Vec<&Value> = data["groups"][0]["rules"].as_array().into_iter().flatten().collect();
        let name = |rule: &&Value| rule["name"].as_str().unwrap().to_owned();
        let moved = rules.iter().filter(|rule| rule["state"] != "inactive").map(name).collect();
        let broken = rules.iter().filter(|rule| rule["health"] == "err").map(ToString::to_string).collect();
        (moved, broken)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Already ended, or ends now; there is nobody to tell of a failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs promtool and gives what it said; fails the test where promtool finds fault.
pub(super) fn promtool(arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(testcluster::tools::prometheus().unwrap().join("promtool"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
    said
}
