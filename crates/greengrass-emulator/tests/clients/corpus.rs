//! Variants of what is in the folder `corpus`, at random: requests over a socket, and histories of the state machine.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use futures::future::join_all;
use greengrass_emulator::{Emulator, Fleet, Limits, ManualClock, Operation, Quotas, Scope, Signatures, Switches};
use jiff::Timestamp;
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::support::{ACCOUNT, REGION};

const FLEET: &str = "
accounts:
  - account: '123456789012'
    region: eu-west-1
    groups: [{name: line}, {name: canary}, {name: early}]
    devices:
      - {name: core-#, count: 6, groups: [line]}
      - {name: core, groups: [line, canary], behaviour: {availability: {turns: {onlineSeconds: 20, offlineSeconds: 20}}}}
      - {name: tester, groups: [line, canary, early]}
    rules: [{component: app, version: 9.9.9, share: 0.7, outcome: componentBroken}, {component: app, version: 9.9.9, outcome: hang}]
";

fn emulator() -> Emulator {
    let limits = Limits { head_seconds: 1, body_seconds: 1, idle_seconds: 2, ..Limits::default() };
    let switches = Switches { signatures: Signatures::Anything, ..Switches::default() };
    let clock = ManualClock::starting_at(Timestamp::from_second(1_767_225_600).unwrap());
    let builder = Emulator::builder().limits(limits).switches(switches).quotas(Quotas::unlimited());
    let emulator = builder.clock(clock).build();
    emulator.add_fleet(&Fleet::from_yaml(FLEET).unwrap()).unwrap();
    emulator
}

/// The files of a folder of the corpus in the order of their names.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    assert!(paths.len() > 5, "{}", folder.display());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() })
}

/// Whatever was asked for, everything can be shown, and what is counted in two ways is the same.
fn is_whole(emulator: &Emulator) {
    let report = emulator.report();
    let things = report["accounts"][ACCOUNT][REGION]["things"].as_array().map_or(0, Vec::len);
    let devices = emulator.devices(None);
    for device in &devices {
        let text = |name: &str| device[name].as_str().unwrap().to_owned();
        assert!(emulator.device(&text("account"), &text("region"), &text("name")).is_some());
    }
    let mut newest = std::collections::BTreeMap::new();
    for deployment in emulator.deployments(ACCOUNT, REGION) {
        if let Some(job) = &deployment.iot_job_id
            && let Some(counts) = emulator.execution_counts(job)
        {
            let counts = json!(counts);
            let total: u64 = counts.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
            // One execution for each thing that there is, or whose device remembers it.
            assert!(total <= u64::try_from(things + devices.len()).unwrap(), "{counts}");
        }
        let key = (deployment.target_arn.clone(), deployment.parent_target_arn.clone());
        let (latest, highest) = newest.entry(key).or_insert((0, 0));
        let revision: u64 = deployment.revision_id.parse().unwrap();
        assert!(revision > *highest, "revisions go up: {deployment:?}");
        *highest = revision;
        *latest += u64::from(deployment.is_latest_for_target);
    }
    for (key, (latest, _)) in newest {
        assert_eq!(latest, 1, "{key:?}");
    }
}

// --- requests ----------------------------------------------------------------------------------------------------------

/// A change of some bytes.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    /// The same near the beginning, where method and path are.
    InsertEarly(Index, Vec<u8>),
    Repeat(Index, Index),
    /// Goes on as another file does.
    Splice(Index, Index, Index),
}

const EARLY: usize = 60;

fn change() -> impl Strategy<Value = Change> {
    let words: Vec<Vec<u8>> = [
        "\r\n",
        "\0",
        "%00",
        "%ff",
        "\u{feff}",
        "}",
        "[",
        "\"",
        "-1",
        "1e999",
        "content-length: 5\r\n",
        "chunked",
        "null",
        "$",
        ": ",
    ]
    .map(|word| word.as_bytes().to_vec())
    .to_vec();
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Flip(at, byte)),
        1 => any::<Index>().prop_map(Change::Cut),
        4 => (any::<Index>(), proptest::sample::select(words.clone())).prop_map(|(at, word)| Change::Insert(at, word)),
        4 => (any::<Index>(), proptest::sample::select(words)).prop_map(|(at, word)| Change::InsertEarly(at, word)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Repeat(from, to)),
        2 => (any::<Index>(), any::<Index>(), any::<Index>()).prop_map(|(at, file, from)| Change::Splice(at, file, from)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change], files: &[Vec<u8>]) -> Vec<u8> {
    for change in changes {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match change {
            Change::Flip(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] ^= byte;
            }
            Change::Flip(..) => {}
            Change::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
            Change::Insert(at, word) => {
                let at = place(at);
                bytes.splice(at..at, word.iter().copied());
            }
            Change::InsertEarly(at, word) => {
                let at = at.index(bytes.len().min(EARLY) + 1);
                bytes.splice(at..at, word.iter().copied());
            }
            Change::Repeat(from, to) => {
                let (from, to) = (place(from), place(to));
                let again = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.extend(again);
            }
            Change::Splice(at, file, from) => {
                let other = &files[file.index(files.len())];
                bytes.truncate(at.index(bytes.len() + 1));
                bytes.extend(&other[from.index(other.len() + 1)..]);
            }
        }
    }
    bytes
}

/// Comes after each request, so that a whole one needn't wait for a time-out.
const END: &[u8] = b"GET /_emulator/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// Everything that comes back before the connection ends, which it does.
async fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The emulator may have closed the connection before it has read all.
    let _ = stream.write_all(request).await;
    let _ = stream.write_all(END).await;
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.unwrap();
    answer
}

#[test]
fn variants_of_requests_get_an_answer_or_an_end_and_are_never_the_emulator_s_own_failure() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let files = files("requests");
    let serve = |emulator: &Emulator| {
        let emulator = emulator.clone();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        (address, runtime.spawn(async move { emulator.serve(listener).await }))
    };
    // As they are, they are requests that succeed or name what is missing.
    let known = emulator();
    let (address, server) = serve(&known);
    for file in &files {
        let answer = runtime.block_on(exchange(address, file));
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 2") || answer.starts_with("HTTP/1.1 40"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{}: {answer}", String::from_utf8_lossy(file));
    }
    is_whole(&known);
    server.abort();

    let request = (any::<Index>(), proptest::collection::vec(change(), 1..4));
    let run = runner(24).run(&proptest::collection::vec(request, 40), |requests| {
        let emulator = emulator();
        let (address, server) = serve(&emulator);
        let requests: Vec<Vec<u8>> = requests
            .iter()
            .map(|(file, changes)| changed(files[file.index(files.len())].clone(), changes, &files))
            .collect();
        let answers = runtime.block_on(join_all(requests.iter().map(|request| exchange(address, request))));
        for (request, answer) in requests.iter().zip(answers) {
            let (answer, request) = (String::from_utf8_lossy(&answer), String::from_utf8_lossy(request));
            prop_assert!(!answer.contains("has a defect"), "{request}\n{answer}");
            prop_assert!(answer.is_empty() || answer.starts_with("HTTP/1."), "{request}\n{answer}");
        }
        is_whole(&emulator);
        server.abort();
        Ok(())
    });
    run.unwrap();
}

// --- histories ---------------------------------------------------------------------------------------------------------

/// Does the steps of a history. How many of the calls succeeded.
fn live(emulator: &Emulator, steps: &[Value]) -> usize {
    let scope = Scope::new(ACCOUNT, REGION);
    let mut ids: Vec<Value> = Vec::new();
    let mut succeeded = 0;
    for step in steps {
        if let Some(seconds) = step["advanceSeconds"].as_u64() {
            assert!(emulator.advance(Duration::from_secs(seconds)).is_some());
            continue;
        }
        let operation: Operation = serde_json::from_value(step["operation"].clone()).unwrap();
        let mut input = step["input"].clone();
        if let Some(id) = input.get_mut("deploymentId")
            && let Some(number) = id.as_str().and_then(|id| id.strip_prefix('$')?.parse::<usize>().ok())
        {
            *id = ids.get(number).cloned().unwrap_or_else(|| json!("none"));
        }
        if let Ok(answer) = emulator.perform(&scope, operation, &input) {
            succeeded += 1;
            if operation == Operation::CreateDeployment {
                ids.push(answer["deploymentId"].clone());
            }
        }
    }
    succeeded
}

/// Lines of all histories, mixed: each keeps its order mostly.
fn mixed(histories: &[Vec<Value>], picks: &[(Index, Index, u8)]) -> Vec<Value> {
    let mut places = vec![0; histories.len()];
    let mut steps = Vec::new();
    for (history, line, kind) in picks {
        let index = history.index(histories.len());
        let lines = &histories[index];
        let place = &mut places[index];
        match kind {
            // The next line of a history…
            0..=5 => {
                steps.push(lines[*place % lines.len()].clone());
                *place += 1;
            }
            // …any line of it…
            6 | 7 => steps.push(lines[line.index(lines.len())].clone()),
            // …or the one before once more, at once.
            _ => steps.extend(steps.last().cloned()),
        }
    }
    steps
}

#[test]
fn variants_of_histories_leave_a_state_that_is_whole_and_the_same_each_time() {
    let histories: Vec<Vec<Value>> = files("histories")
        .iter()
        .map(|file| {
            let text = std::str::from_utf8(file).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        })
        .collect();
    for steps in &histories {
        let emulator = emulator();
        let calls = steps.iter().filter(|step| step["operation"].is_string()).count();
        // A history that is refused from the beginning shows nothing.
        assert!(live(&emulator, steps) * 2 > calls, "{steps:?}");
        is_whole(&emulator);
    }
    let picks = proptest::collection::vec((any::<Index>(), any::<Index>(), 0_u8..10), 1..60);
    let run = runner(200).run(&picks, |picks| {
        let steps = mixed(&histories, &picks);
        let emulators = [emulator(), emulator()];
        for emulator in &emulators {
            live(emulator, &steps);
            is_whole(emulator);
        }
        let [one, other] = emulators.map(|emulator| emulator.report());
        if one == other { Ok(()) } else { Err(TestCaseError::fail("the same history has two outcomes")) }
    });
    run.unwrap();
}
