//! Fills an emulator and calls it over connections that stay open, for bench/, which reads the figures. I/O: sockets on the loopback interface.
//!
//! `load ADDRESS` prints a line of JSON when the emulator is filled and one for each measurement. Requests are signed before they are measured,
//! so that the time is the emulator's; it verifies each signature all the same.

#![allow(clippy::unwrap_used, reason = "what fails here ends the measurement, as it should")]
#![allow(clippy::disallowed_methods, reason = "it measures with the clock of the machine, and has no other")]

mod connection;
mod fill;
mod measure;
mod signing;

use std::{io::Write, net::SocketAddr, time::Duration};

use clap::Parser;
use serde_json::{Value, json};

/// What is measured, and with how much in the emulator.
#[derive(Parser)]
struct Arguments {
    /// Where the emulator listens.
    address: SocketAddr,
    /// Core devices, in thing groups of a hundred.
    #[arg(long, default_value_t = 100_000)]
    devices: usize,
    /// Deployments: one to each thing group, the others to things by themselves.
    #[arg(long, default_value_t = 10_000)]
    deployments: usize,
    /// Connections that are open at once.
    #[arg(long, default_value_t = 10)]
    connections: usize,
    /// Calls a second where they are paced.
    #[arg(long, default_value_t = 5_000)]
    rate: u32,
    /// How long each measurement lasts.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Pairs of measurements: as many calls as the emulator answers, then paced ones.
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
}

// One thread: the load has one processor, the emulator the other.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::parse();
    let filled = fill::fill(&arguments).await;
    tell(&json!({"filled": {"devices": arguments.devices, "deployments": filled.deployments.len()}}));
    // What the first calls cost once isn't counted.
    let requests = signing::mix(&filled);
    measure::measure(&arguments, &requests, Duration::from_secs(2), None).await;
    for _ in 0..arguments.repetitions {
        for rate in [None, Some(arguments.rate)] {
            // A signature is good for five minutes.
            let requests = signing::mix(&filled);
            tell(&measure::measure(&arguments, &requests, Duration::from_secs(arguments.seconds), rate).await);
        }
    }
}

fn tell(line: &Value) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}").unwrap();
    stdout.flush().unwrap();
}
