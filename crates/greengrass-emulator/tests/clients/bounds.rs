//! Clients that are slow, large, many or broken, over real sockets: each gets its words, and the others their answers.

use std::{net::SocketAddr, time::Duration};

use greengrass_emulator::{Emulator, Limits, Quotas, Signatures, Switches};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    program::Program,
    support::{ACCOUNT, REGION},
};

/// An emulator behind a socket, with limits that a test can wait for.
struct Served {
    emulator: Emulator,
    address: SocketAddr,
    server: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn with(limits: Limits) -> Self {
        let switches = Switches { signatures: Signatures::Anything, ..Switches::default() };
        let emulator = Emulator::builder().limits(limits).switches(switches).quotas(Quotas::unlimited()).build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = emulator.clone();
        let server = tokio::spawn(async move { served.serve(listener).await });
        Self { emulator, address, server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn is_well(&self) -> bool {
        exchange(&mut self.connect().await, HEALTH).await.starts_with("HTTP/1.1 200")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

const HEALTH: &str = "GET /_emulator/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

fn create(length: usize) -> String {
    format!(
        "POST /greengrass/v2/deployments HTTP/1.1\r\nhost: x\r\nx-amz-date: 20260101T000000Z\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential={ACCOUNT}/20260101/{REGION}/greengrass/aws4_request, SignedHeaders=host, Signature=00\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// Everything that comes back, until the connection ends.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // What was sent in vain may reset the connection after the answer.
    let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn exchange(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(stream).await
}

fn body_of(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_ends_with_a_time_out_and_a_connection_without_a_request_too() {
    let served = Served::with(Limits { head_seconds: 1, ..Limits::default() }).await;
    let mut silent = served.connect().await;
    let (mut read, mut write) = served.connect().await.into_split();
    let trickle = tokio::spawn(async move {
        for byte in create(2).bytes() {
            // Each byte would be in time for a limit that begins anew with it.
            if write.write_all(&[byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(200)).await;
        }
    });
    let mut answer = String::new();
    let _ = timeout(Duration::from_secs(5), read.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{answer}");
    assert_eq!(body_of(&answer)["message"], "the head of the request did not come within 1 s");
    assert_eq!(rest(&mut silent).await, "");
    assert!(served.is_well().await && served.emulator.calls().is_empty());
    trickle.abort();
}

#[tokio::test]
async fn a_body_that_does_not_come_ends_with_a_time_out_and_is_no_call() {
    let served = Served::with(Limits { body_seconds: 1, ..Limits::default() }).await;
    let answer = exchange(&mut served.connect().await, &(create(100) + "{")).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("RequestTimeoutException"), "{answer}");
    assert_eq!(body_of(&answer)["message"], "the body of the request did not come within 1 s");
    assert!(served.is_well().await && served.emulator.calls().is_empty());
}

#[tokio::test]
async fn a_connection_serves_many_requests_and_ends_when_none_comes() {
    let served = Served::with(Limits { head_seconds: 1, idle_seconds: 2, ..Limits::default() }).await;
    let mut stream = served.connect().await;
    let keep = "GET /_emulator/health HTTP/1.1\r\nhost: x\r\n\r\n";
    for _ in 0..3 {
        stream.write_all(keep.as_bytes()).await.unwrap();
        let mut some = [0; 1024];
        assert!(stream.read(&mut some).await.unwrap() > 0);
        // Longer than a head may take, which isn't what is awaited.
        sleep(Duration::from_millis(1300)).await;
    }
    assert_eq!(timeout(Duration::from_secs(5), rest(&mut stream)).await.unwrap(), "");
}

#[tokio::test]
async fn a_client_that_reads_nothing_of_its_answer_is_left() {
    let served = Served::with(Limits { connections: 1, body_seconds: 1, ..Limits::default() }).await;
    for number in 0..20_000 {
        let name = format!("{number:0>100}");
        served.emulator.create_thing(ACCOUNT, REGION, &name).unwrap();
    }
    let mut lazy = served.connect().await;
    // More than socket buffers hold.
    for _ in 0..40 {
        lazy.write_all(b"GET /_emulator/state HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    }
    let free = async {
        while !served.is_well().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(15), free).await.unwrap();
    drop(lazy);
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_are_told_so_and_room_is_made_by_those_that_go() {
    let served = Served::with(Limits { connections: 20, ..Limits::default() }).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(served.connect().await);
    }
    for _ in 0..30 {
        let answer = exchange(&mut served.connect().await, HEALTH).await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1"), "{answer}");
        assert_eq!(body_of(&answer)["message"], "all 20 connections of greengrass-emulator are taken");
    }
    let mut first = open.swap_remove(0);
    assert!(exchange(&mut first, HEALTH).await.starts_with("HTTP/1.1 200"));
    drop(first);
    while !served.is_well().await {
        sleep(Duration::from_millis(10)).await;
    }
}

/// As it is started, by one process with as many connections as it may have files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_connections_are_answered_or_refused_and_the_program_goes_on() {
    let program = Program::start(&["--limit", "connections=100", "--limit", "headSeconds=2"]);
    let address: SocketAddr = program.address().parse().unwrap();
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..10 {
        // None of them asks before all of them are there.
        let mut streams = Vec::new();
        for _ in 0..300 {
            streams.push(TcpStream::connect(address).await.unwrap());
        }
        for mut stream in streams {
            // Beyond those that are told, a connection is closed without a word, or before a word can be sent.
            let _ = stream.write_all(HEALTH.as_bytes()).await;
            match rest(&mut stream).await.split_whitespace().nth(1) {
                Some("200") => answered += 1,
                Some("503") | None => refused += 1,
                Some(other) => panic!("{other}"),
            }
        }
    }
    assert!(answered >= 100 && refused >= 1000 && answered + refused == 3000, "{answered} {refused}");
    assert_eq!(program.admin("GET", "health", &Value::Null)["status"], "ok");
}

#[tokio::test]
async fn what_is_no_http_or_too_large_gets_an_answer() {
    let served = Served::with(Limits::default()).await;
    let long = "x".repeat(600_000);
    let many = "x: y\r\n".repeat(200);
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400"),
        (format!("GET /_emulator/health HTTP/1.1\r\nhost: {long}\r\n\r\n"), "431"),
        (format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"), "431"),
        (format!("GET /_emulator/health HTTP/1.1\r\nhost: x\r\n{many}\r\n"), "431"),
        ("POST /_emulator/reset HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_owned(), ""),
        (
            "POST /_emulator/fleet HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\n{".to_owned(),
            "400",
        ),
    ] {
        let answer = exchange(&mut served.connect().await, &request).await;
        let got = answer.split_whitespace().nth(1).unwrap_or_default();
        assert_eq!(got, status, "{}: {answer}", &request[..request.len().min(80)]);
    }
    // A deep nesting is refused before it is a deep recursion.
    let deep = "[".repeat(1_000_000);
    let close = create(deep.len()).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let answer = exchange(&mut served.connect().await, &(close + &deep)).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("recursion limit exceeded"), "{answer}");
    assert!(served.is_well().await);
}

#[tokio::test]
async fn the_ledger_forgets_the_oldest_calls_and_says_how_many() {
    let served = Served::with(Limits { ledger_calls: 16, ..Limits::default() }).await;
    for _ in 0..40 {
        let close = create(1).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
        assert!(exchange(&mut served.connect().await, &(close + "{")).await.contains("ValidationException"));
    }
    let calls = served.emulator.calls();
    assert!((14..=16).contains(&calls.len()) && calls[calls.len() - 1].sequence == 40, "{}", calls.len());
    let health = exchange(&mut served.connect().await, HEALTH).await;
    assert_eq!(body_of(&health)["forgottenCalls"], 40 - calls.len());
}
