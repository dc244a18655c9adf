//! The page for people: in a real browser, and what its events do with readers that are slow, many, or gone. The browser's steps are in the folder `page`.

use std::{
    collections::BTreeSet,
    process::{Command, Stdio},
    time::Duration,
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use greengrass_emulator::Emulator;
use http::Request;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    admin::admin,
    http::send,
    program::Program,
    support::{ACCOUNT, REGION, World},
};

/// The folder of Chromium and its driver.
fn chromium() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/clients/install-chromium");
    let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{script} failed: see above");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn a_person_follows_a_fleet_of_ten_thousand_devices_in_a_browser() {
    let program =
        Program::start(&["--seed", "1", "--manual-clock", "2026-01-01T00:00:00Z", "--quota", "greengrass=unlimited"]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/page/main.py");
    let mut python = program.client("python3");
    let output = python.args(["-B", script]).env("CHROMIUM_PROGRAMS", chromium()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, b"done\n");
}

/// The next event of a stream: its name and its data.
async fn next(events: &mut (impl Stream<Item = Result<Bytes, axum::Error>> + Unpin)) -> (String, Value) {
    let text = events.next().await.unwrap().unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    (field("event: "), serde_json::from_str(&field("data: ")).unwrap())
}

async fn events_of(emulator: &Emulator) -> Response {
    send(emulator, Request::get("/_emulator/events").body(Body::empty()).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_slow_is_told_how_things_stand_and_not_all_that_happened() {
    let world = World::new();
    let mut events = events_of(&world.emulator).await.into_body().into_data_stream();
    let (name, first) = next(&mut events).await;
    assert_eq!((name.as_str(), &first["shows"]["scopes"][0]["deployments"]), ("overview", &json!(0)));
    for _ in 0..100 {
        world.deploy(&world.group);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(next(&mut events).await.1["shows"]["scopes"][0]["deployments"], 100);
    // And what comes next is no news, but the time.
    let before = world.emulator.now();
    let (name, data) = next(&mut events).await;
    assert_eq!((name.as_str(), &data["shows"]), ("time", &Value::Null));
    let waited = world.emulator.now().duration_since(before);
    assert!((5..=6).contains(&waited.as_secs()), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn all_readers_together_cost_one_overview_a_second() {
    let world = World::new();
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(events_of(&world.emulator).await.into_body().into_data_stream());
    }
    let begun = world.emulator.now();
    let mut seen = BTreeSet::new();
    while world.emulator.now().duration_since(begun).as_secs() < 10 {
        world.deploy(&world.group);
        for stream in &mut streams {
            seen.insert(next(stream).await.1["shows"].to_string());
        }
        assert!(seen.len() < 20, "time stands still");
    }
    assert!((9..=12).contains(&seen.len()), "{}", seen.len());
}

#[tokio::test]
async fn readers_are_limited_and_the_place_of_one_that_has_gone_is_free_again() {
    let emulator = Emulator::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = emulator.clone();
    let server = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        served.serve_until(listener, stopped).await
    });
    let open = || async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /_emulator/events HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut head = [0; 15];
        stream.read_exact(&mut head).await.unwrap();
        (stream, String::from_utf8_lossy(&head).into_owned())
    };
    let mut readers = Vec::new();
    for _ in 0..16 {
        let (stream, head) = open().await;
        assert_eq!(head, "HTTP/1.1 200 OK");
        readers.push(stream);
    }
    assert_eq!(open().await.1, "HTTP/1.1 503 Se");
    readers.pop();
    let free = async {
        while open().await.1 != "HTTP/1.1 200 OK" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // Before the next heartbeat, whose write would fail.
    tokio::time::timeout(Duration::from_secs(3), free).await.unwrap();

    // Streams that never end by themselves don't keep a server.
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(3), server).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn lists_come_in_portions_of_what_is_asked_for() {
    let emulator = Emulator::default();
    let fleet = json!({"accounts": [{
        "account": ACCOUNT, "region": REGION, "groups": [{"name": "line"}],
        "devices": [
            {"name": "core-##", "count": 40, "groups": ["line"]},
            {"name": "broken", "groups": ["line"], "behaviour": {"rules": [{"outcome": "componentBroken"}]}},
            {"name": "hung", "groups": ["line"], "behaviour": {"rules": [{"outcome": "hang"}]}},
            {"name": "away", "groups": ["line"], "behaviour": {"availability": "never"}},
        ],
    }]});
    assert_eq!(admin(&emulator, "POST", "/_emulator/fleet", &fleet).await.0, 200);
    let line = format!("arn:aws:iot:{REGION}:{ACCOUNT}:thinggroup/line");
    let request = json!({
        "targetArn": line, "components": {"app": {"componentVersion": "1.0.0"}},
        "iotJobConfiguration": {"timeoutConfig": {"inProgressTimeoutInMinutes": 1}},
    });
    emulator.create_deployment(ACCOUNT, REGION, &request).unwrap();
    assert!(emulator.advance(Duration::from_mins(3)).is_some());
    let get = async |path: &str| {
        let path = format!("/_emulator/overview/{path}account={ACCOUNT}&region={REGION}");
        admin(&emulator, "GET", &path, &Value::Null).await
    };
    let names = |list: &Value| -> Vec<String> {
        let devices = list["devices"].as_array().unwrap();
        devices.iter().map(|device| device["name"].as_str().unwrap().to_owned()).collect()
    };
    for (state, expected) in
        [("offline", &["away"][..]), ("waiting", &["away"]), ("working", &["hung"]), ("failed", &["broken", "hung"])]
    {
        assert_eq!(names(&get(&format!("devices?state={state}&")).await.1), expected, "{state}");
    }
    let (_, online) = get("devices?state=online&").await;
    assert_eq!((&online["total"], names(&online).len()), (&json!(42), 15));
    let (_, found) = get("devices?search=CORE-0&offset=4000&").await;
    assert_eq!((&found["total"], &found["offset"], names(&found).len()), (&json!(9), &json!(0), 9));
    let (_, last) = get("devices?offset=4000&").await;
    assert_eq!((&last["offset"], names(&last)), (&json!(30), names(&get("devices?offset=30&").await.1)));
    let (_, failures) = get("failures?").await;
    let statuses: Vec<_> =
        failures["failures"].as_array().unwrap().iter().map(|failure| failure["status"].clone()).collect();
    assert_eq!(statuses, ["FAILED", "TIMED_OUT"]);
    assert_eq!(get("targets?search=LINE&").await.1["targets"][0]["executions"]["succeeded"], 40);
    assert_eq!(get("targets?search=other&").await.1["total"], 0);
    for (path, status) in
        [("devices?state=sad&", 400), ("revisions?", 400), ("targets?state=failed&", 400), ("x?", 404)]
    {
        assert_eq!(get(path).await.0, status, "{path}");
    }
    assert_eq!(admin(&emulator, "GET", "/_emulator/overview/targets?account=1", &Value::Null).await.0, 400);
    let nowhere = "/_emulator/overview/targets?account=1&region=x";
    assert_eq!(admin(&emulator, "GET", nowhere, &Value::Null).await.0, 404);
}
