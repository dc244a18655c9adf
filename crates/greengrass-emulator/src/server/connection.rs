//! Connections: as many as the limits say, closed when their client is too slow, reset when a fault wants it. I/O.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, Sleep, sleep, timeout},
};

use super::tls::{Socket, Tls};
use crate::limits::{Limits, many};

/// So many connections at once are told why they are refused; more than these are closed without a word.
const REFUSED_AT_ONCE: usize = 64;

/// How long nothing is accepted after an error: the process has too many files open, for instance.
const AGAIN: Duration = Duration::from_secs(1);

/// How long a refusal may take.
const REFUSAL: Duration = Duration::from_secs(1);

/// The handle by which a request's handler knows the connection that the request came over.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    reset: Arc<AtomicBool>,
    phase: Arc<Mutex<Phase>>,
    /// Whether the server is to end.
    pub(super) closing: watch::Receiver<bool>,
}

/// What is awaited from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The head of a request.
    Head,
    /// Nothing: a request is being answered. Its body has a time-out of its own.
    Answering,
    /// That it takes the answer.
    Answered,
    /// Another request, or none.
    Idle,
}

impl Connection {
    fn new(closing: watch::Receiver<bool>) -> Self {
        Self { reset: Arc::default(), phase: Arc::new(Mutex::new(Phase::Head)), closing }
    }

    pub(super) fn reset(&self) {
        self.reset.store(true, Ordering::Release);
    }

    fn is_reset(&self) -> bool {
        self.reset.load(Ordering::Acquire)
    }

    /// The head of a request is there.
    pub(super) fn asks(&self) {
        self.go_to(Phase::Answering);
    }

    /// The answer is there, though not with the client yet.
    pub(super) fn is_answered(&self) {
        self.go_to(Phase::Answered);
    }

    fn go_to(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes as many connections as there is room for, wherever they come, and tells the others that there is none.
pub(super) struct BoundedListener {
    listeners: Vec<TcpListener>,
    tls: Option<Tls>,
    /// Which is asked first: the others' turn must come too.
    first: usize,
    limits: Limits,
    room: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
}

impl BoundedListener {
    pub(super) fn new(
        listeners: Vec<TcpListener>,
        tls: Option<Tls>,
        limits: Limits,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let room = Arc::new(Semaphore::new(many(limits.connections)));
        Self { listeners, tls, first: 0, limits, room, refusals: Arc::new(Semaphore::new(REFUSED_AT_ONCE)), closing }
    }
}

impl BoundedListener {
    /// The next connection at any of the addresses.
    async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            self.first = self.first.wrapping_add(1);
            let (before, from) = self.listeners.split_at(self.first % self.listeners.len().max(1));
            let accepted = poll_fn(|context| {
                let mut polls = from.iter().chain(before).map(|listener| listener.poll_accept(context));
                polls.find(Poll::is_ready).unwrap_or(Poll::Pending)
            });
            match accepted.await {
                Ok(accepted) => return accepted,
                // The client has gone again.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted; trying again");
                    sleep(AGAIN).await;
                }
            }
        }
    }
}

impl Listener for BoundedListener {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.next().await;
            if let Ok(place) = Arc::clone(&self.room).try_acquire_owned() {
                let connection = Connection::new(self.closing.clone());
                let stream = Socket::new(stream, self.tls.as_ref());
                return (Stream::new(stream, connection, self.limits, place), address);
            }
            // Without TLS there would be no words that a client with TLS understands.
            if self.tls.is_none()
                && let Ok(place) = Arc::clone(&self.refusals).try_acquire_owned()
            {
                let words = format!("all {} connections of greengrass-emulator are taken", self.limits.connections);
                tokio::spawn(async move {
                    // A client that doesn't listen loses nothing.
                    let _ = timeout(REFUSAL, refuse(stream, &words)).await;
                    drop(place);
                });
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listeners.first().ok_or(io::ErrorKind::NotConnected)?.local_addr()
    }
}

impl Connected<IncomingStream<'_, BoundedListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, BoundedListener>) -> Self {
        stream.io().connection.clone()
    }
}

async fn refuse(mut stream: TcpStream, words: &str) -> io::Result<()> {
    stream.write_all(answer("503 Service Unavailable", "ServiceUnavailableException", words).as_bytes()).await?;
    stream.shutdown().await?;
    // Closing with something unread would reset the connection, and the words be lost.
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// An answer that closes its connection, in the form of a service's error.
fn answer(status: &str, code: &str, words: &str) -> String {
    let body = serde_json::json!({"message": words}).to_string();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-amzn-errortype: {code}\r\nretry-after: 1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A connection whose writes fail once it is to be reset, so that hyper drops it without having answered; and that ends when its client takes too long.
pub(super) struct Stream {
    socket: Socket,
    connection: Connection,
    limits: Limits,
    /// When patience with the client ends.
    patience: Pin<Box<Sleep>>,
    /// Whether the client takes nothing of an answer.
    stalled: bool,
    /// Whether anything of a request has come since the last one was answered.
    began: bool,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    fn new(socket: Socket, connection: Connection, limits: Limits, place: OwnedSemaphorePermit) -> Self {
        let patience = Box::pin(sleep(limits.head()));
        Self { socket, connection, limits, patience, stalled: false, began: false, _place: place }
    }

    fn wait(&mut self, limit: fn(&Limits) -> Duration) {
        let end = Instant::now().checked_add(limit(&self.limits));
        self.patience.as_mut().reset(end.unwrap_or_else(Instant::now));
    }

    fn check(&self) -> io::Result<()> {
        if !self.connection.is_reset() {
            return Ok(());
        }
        // Closing sends RST instead of FIN then. Where that can't be set, the client sees a closed connection.
        let _ = self.socket.set_zero_linger();
        Err(io::ErrorKind::ConnectionReset.into())
    }

    /// What a write came to: a client that takes nothing for too long has gone.
    fn written<T>(&mut self, context: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            if self.stalled {
                self.stalled = false;
                self.wait(Limits::idle);
            }
            return write;
        }
        if !self.stalled {
            self.stalled = true;
            self.wait(Limits::body);
        }
        ready!(self.patience.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        let phase = self.connection.phase();
        if read.is_ready() {
            if phase == Phase::Idle && buffer.filled().len() > before {
                self.connection.go_to(Phase::Head);
                self.wait(Limits::head);
            }
            self.began |= buffer.filled().len() > before;
            return read;
        }
        match phase {
            Phase::Head | Phase::Idle if !self.stalled => {}
            Phase::Head | Phase::Idle | Phase::Answering | Phase::Answered => return Poll::Pending,
        }
        ready!(self.patience.as_mut().poll(context));
        if phase == Phase::Head && self.began {
            let words = format!("the head of the request did not come within {} s", self.limits.head_seconds);
            // As much as fits at once, which it does: nothing else is on its way.
            self.socket.try_write(answer("408 Request Timeout", "RequestTimeoutException", &words).as_bytes());
        }
        // To hyper the client has closed the connection.
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        if written.is_ready() && self.connection.phase() == Phase::Idle {
            // A stream of events goes on after its head was answered.
            self.wait(Limits::idle);
        }
        self.written(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        let flushed = Pin::new(&mut self.socket).poll_flush(context);
        if flushed.is_ready() && self.connection.phase() == Phase::Answered {
            self.connection.go_to(Phase::Idle);
            self.began = false;
            self.wait(Limits::idle);
        }
        self.written(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
