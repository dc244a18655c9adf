//! Deadlines and free ports (does I/O: reads the clock, binds ports).
//!
//! A harness waits for processes in real time, so this one file reads the real clock.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// A moment in real time until which something is tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// A deadline this long from now.
    #[allow(clippy::disallowed_methods, reason = "processes outside this one start and stop in real time")]
    pub(crate) fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// Whether it has passed.
    #[allow(clippy::disallowed_methods, reason = "processes outside this one start and stop in real time")]
    pub(crate) fn passed(self) -> bool {
        Instant::now() >= self.0
    }

    /// Asks again and again until the answer is there; `None` when the deadline passed first.
    pub(crate) fn until<T>(self, pause: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(answer) = ask() {
                return Some(answer);
            }
            if self.passed() {
                return None;
            }
            thread::sleep(pause);
        }
    }
}

/// Below 32768, where Linux begins to hand out the local ports of outgoing connections: one of those can take a port
/// between the moment it was found free and the moment its server binds it.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Different ports that nobody listens on now, found from a random start so that clusters started at once rarely meet.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N], Error> {
    let width = PORTS.end - PORTS.start;
    let start = u16::try_from(random() % u64::from(width)).unwrap_or(0);
    // Held until all are found, so that none is found twice.
    let mut listeners = Vec::with_capacity(N);
    let mut ports = [0; N];
    let mut candidates = (0..width).map(|step| PORTS.start + (start + step) % width);
    for port in &mut ports {
        let (found, listener) = candidates
            .find_map(|candidate| Some((candidate, TcpListener::bind((Ipv4Addr::LOCALHOST, candidate)).ok()?)))
            .ok_or(Error::NoFreePort(PORTS.start, PORTS.end))?;
        *port = found;
        listeners.push(listener);
    }
    Ok(ports)
}

/// A number that differs from process to process and from call to call.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_are_all_different_and_can_be_bound() {
        let ports: [u16; 8] = free_ports().unwrap();
        let listeners: Vec<_> =
            ports.iter().map(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap()).collect();
        assert_eq!(listeners.len(), 8);
    }

    #[test]
    fn a_deadline_asks_at_least_once_even_when_it_has_passed() {
        let passed = Deadline::after(Duration::ZERO);
        assert_eq!(passed.until(Duration::ZERO, || Some(1)), Some(1));
        assert_eq!(passed.until(Duration::ZERO, || None::<u8>), None);
    }
}
