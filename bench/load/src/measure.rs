//! Calls for a while and how long each of them took. I/O: sockets, and the clock.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Arguments, connection::Connection};

/// Over all connections at once; with a rate each call has a time at which it is due, else it comes when the one before it is answered.
pub(crate) async fn measure(arguments: &Arguments, requests: &[Vec<u8>], lasts: Duration, rate: Option<u32>) -> Value {
    let (address, connections) = (arguments.address, arguments.connections);
    let mut opened = Vec::new();
    for _ in 0..connections {
        opened.push(Connection::open(address).await);
    }
    let begin = Instant::now();
    let pace = rate.map(|rate| Duration::from_secs(1) * u32::try_from(connections).unwrap() / rate);
    let tasks = opened.into_iter().enumerate().map(|(number, connection)| async move {
        call(connection, requests.iter().cycle().skip(number * 61), begin + lasts, pace).await
    });
    let mut latencies: Vec<Duration> = futures::future::join_all(tasks).await.into_iter().flatten().collect();
    let took = begin.elapsed();
    latencies.sort_unstable();
    let percentile = |share: usize| {
        let index = (latencies.len() * share).div_ceil(10_000).saturating_sub(1);
        latencies.get(index).unwrap().as_secs_f64() * 1000.0
    };
    json!({
        "calls": latencies.len(),
        "callsPerSecond": f64::from(u32::try_from(latencies.len()).unwrap()) / took.as_secs_f64(),
        "connections": connections,
        "maxMilliseconds": percentile(10_000),
        "p50Milliseconds": percentile(5_000),
        "p99Milliseconds": percentile(9_900),
        "p999Milliseconds": percentile(9_990),
        "rate": rate,
        "seconds": took.as_secs_f64(),
    })
}

/// What one of the connections does until the end: how long each call took.
async fn call<'a>(
    mut connection: Connection,
    mut requests: impl Iterator<Item = &'a Vec<u8>>,
    end: Instant,
    pace: Option<Duration>,
) -> Vec<Duration> {
    let mut ticks = pace.map(tokio::time::interval);
    let mut latencies = Vec::new();
    loop {
        let mut begin = Instant::now();
        if let Some(ticks) = &mut ticks {
            let due = ticks.tick().await.into_std();
            // One that waited for the call before it has waited for the emulator; that a timer goes off late is this program's own.
            begin = if due < begin { due } else { Instant::now() };
        }
        if begin >= end {
            return latencies;
        }
        let (status, body) = connection.call(requests.next().unwrap()).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
        latencies.push(begin.elapsed());
    }
}
