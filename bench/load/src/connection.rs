//! A connection that stays open: a request goes out, an answer comes back. I/O: a socket.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// As much of HTTP/1.1 as the emulator answers with; a client library would take more of the processor than the emulator does.
pub(crate) struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, buffer: Vec::with_capacity(64 * 1024) }
    }

    /// Status and body of the answer.
    pub(crate) async fn call(&mut self, request: &[u8]) -> (u16, &[u8]) {
        self.socket.write_all(request).await.unwrap();
        self.buffer.clear();
        let (status, begin, end) = loop {
            let read = self.socket.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the emulator has closed the connection");
            if let Some(whole) = whole(&self.buffer) {
                break whole;
            }
        };
        (status, self.buffer.get(begin..end).unwrap())
    }
}

/// Status, and where the body begins and ends, once all of it is there.
fn whole(buffer: &[u8]) -> Option<(u16, usize, usize)> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(buffer.get(..head)?).unwrap();
    let status = text.get("HTTP/1.1 ".len()..)?.get(..3)?.parse().ok()?;
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap());
    let begin = head + 4;
    (buffer.len() >= begin + length).then_some((status, begin, begin + length))
}
