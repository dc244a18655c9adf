//! A Git repository, and a server for it on loopback (does I/O: starts git).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::runtime::Runtime;

/// A repository with one branch, `main`, that is served over HTTP; it goes with the test.
pub struct Repository {
    work: PathBuf,
    url: String,
    _runtime: Runtime,
}

impl Repository {
    /// An empty one, with its files below this folder.
    pub fn new(folder: &Path) -> Self {
        let (work, served) = (folder.join("work"), folder.join("served"));
        fs::create_dir_all(&served).unwrap();
        git(folder, &["init", "--quiet", "--bare", "--initial-branch=main", "served/fleet.git"]);
        git(folder, &["init", "--quiet", "--initial-branch=main", "work"]);
        git(&work, &["remote", "add", "origin", served.join("fleet.git").to_str().unwrap()]);
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/fleet.git", listener.local_addr().unwrap());
        let routes = Router::new().fallback(answer).with_state(served);
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { work, url, _runtime: runtime }
    }

    /// Where it is served.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the files are that the next commit is made of.
    pub fn work(&self) -> &Path {
        &self.work
    }

    /// Writes a file for the next commit.
    pub fn write(&self, path: &str, content: &str) {
        let path = self.work.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Takes a file away with the next commit.
    pub fn remove(&self, path: &str) {
        fs::remove_file(self.work.join(path)).unwrap();
    }

    /// Commits what was written and pushes it; the commit's id.
    pub fn commit(&self, message: &str) -> String {
        git(&self.work, &["add", "--all"]);
        git(&self.work, &["commit", "--quiet", "--message", message]);
        self.push()
    }

    /// Takes the last commit back with another one, and pushes it; its id.
    pub fn revert(&self) -> String {
        git(&self.work, &["revert", "--no-edit", "HEAD"]);
        self.push()
    }

    fn push(&self) -> String {
        git(&self.work, &["push", "--quiet", "origin", "main"]);
        git(&self.work, &["rev-parse", "HEAD"]).trim().to_owned()
    }
}

/// What git says, without the settings of whoever runs the tests.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let who = ["-c", "user.name=Fleet", "-c", "user.email=fleet@example.com", "-c", "commit.gpgsign=false"];
    let output = std::process::Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .args(who)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Git's own server program, called as a web server calls a CGI program (RFC 3875; git-http-backend(1)).
async fn answer(
    State(served): State<PathBuf>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, StatusCode> {
    let of = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut backend = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", served)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROTOCOL", of(header::HeaderName::from_static("git-protocol")))
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", of(header::CONTENT_TYPE))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", of(header::CONTENT_ENCODING))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let mut input = backend.stdin.take().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    // It may answer before it has read everything; then the rest goes nowhere.
    let _ = input.write_all(&body).await;
    drop(input);
    let output = backend.wait_with_output().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    parse(&output.stdout).ok_or(StatusCode::BAD_GATEWAY)
}

fn parse(output: &[u8]) -> Option<Response> {
    let end = output.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&output[..end]).ok()?;
    let mut response = output[end + 4..].to_vec().into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        if name == "Status" {
            *response.status_mut() = value.split(' ').next()?.parse().ok()?;
        } else {
            response.headers_mut().insert(header::HeaderName::try_from(name).ok()?, value.parse().ok()?);
        }
    }
    Some(response)
}

#[test]
fn what_was_committed_can_be_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::new(folder.path());
    repository.write("plant/a.yaml", "a: 1\n");
    let first = repository.commit("One file");
    git(folder.path(), &["clone", "--quiet", repository.url(), "fetched"]);
    let fetched = folder.path().join("fetched");
    assert_eq!(fs::read_to_string(fetched.join("plant/a.yaml")).unwrap(), "a: 1\n");
    repository.remove("plant/a.yaml");
    repository.write("plant/b.yaml", "b: 1\n");
    let second = repository.commit("Another in its place");
    assert_ne!(first, second);
    git(&fetched, &["pull", "--quiet"]);
    assert!(!fetched.join("plant/a.yaml").exists());
    repository.revert();
    git(&fetched, &["pull", "--quiet"]);
    assert!(fetched.join("plant/a.yaml").exists());
}
