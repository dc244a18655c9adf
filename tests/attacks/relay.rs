//! Passes a process's bytes on to AWS and notes when it sent any, which tells what one of several processes did (does I/O:
//! sockets, threads).

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// A way to AWS that only one process takes.
pub struct Relay {
    address: SocketAddr,
    sent: Arc<Mutex<Vec<Instant>>>,
}

impl Relay {
    /// To that URL's host and port. It ends with the test's process.
    pub fn to(endpoint: &str) -> Self {
        let upstream: SocketAddr = endpoint.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let relay = Self { address: listener.local_addr().unwrap(), sent: Arc::default() };
        let sent = Arc::clone(&relay.sent);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(upstream) else { continue };
                let (back, forth, sent) = (client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(&sent));
                thread::spawn(move || pass(client, forth, || sent.lock().unwrap().push(Instant::now())));
                thread::spawn(move || pass(server, back, || ()));
            }
        });
        relay
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How often the process sent something after that moment.
    pub fn sent_since(&self, moment: Instant) -> usize {
        self.sent.lock().unwrap().iter().filter(|at| **at > moment).count()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, note: impl Fn()) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        note();
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
