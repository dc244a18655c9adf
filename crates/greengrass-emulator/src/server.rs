//! The emulator behind HTTP: an axum router, and a server whose connections can be reset. I/O.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    emulator::Emulator,
    page::events,
    process::{ConnectionDropped, LARGEST_BODY, Reply, json_response},
};

impl Emulator {
    /// The emulator as an axum router. Where a fault asks for a reset connection, a router that isn't served by [`Emulator::serve`] can only answer
    /// 502 with [`ConnectionDropped`] in the response's extensions.
    pub fn router(&self) -> Router {
        let emulator = self.clone();
        Router::new().fallback(move |request: Request<Body>| {
            let emulator = emulator.clone();
            async move { emulator.respond(request).await }
        })
    }

    /// Serves until the future is dropped.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        self.serve_until(listener, std::future::pending()).await
    }

    /// Serves until `shutdown` resolves, then finishes the calls that have arrived.
    pub async fn serve_until(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let service = self.router().into_make_service_with_connect_info::<Connection>();
        let (close, closing) = watch::channel(false);
        let shutdown = async move {
            shutdown.await;
            // Events would never end by themselves.
            close.send_replace(true);
        };
        let listener = ResettableListener { listener, closing };
        axum::serve(listener, service).with_graceful_shutdown(shutdown).await
    }

    async fn respond(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let connection = parts.extensions.get::<axum::extract::ConnectInfo<Connection>>().map(|info| info.0.clone());
        if parts.method == Method::GET && parts.uri.path() == events::PATH {
            return self.events(connection.map(|connection| connection.closing));
        }
        // One byte more than is taken, so that what is too large is seen to be so.
        let limited = Limited::new(body, LARGEST_BODY + 1).collect().await;
        let body = match limited {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => Bytes::from(vec![0; LARGEST_BODY + 1]),
            // The client has gone in the middle of its request, or what it sends is no HTTP any more.
            Err(_) => return dropped(connection),
        };
        match self.answer(Request::from_parts(parts, body)).await {
            Reply::Response(response) => response.map(Body::from),
            Reply::Truncated(response) if response.body().is_empty() => dropped(connection),
            Reply::Truncated(response) => truncated(response),
            Reply::Never => std::future::pending().await,
            Reply::Dropped => dropped(connection),
            Reply::Defect(_) => json_response(500, Some(&json!({"message": DEFECT}))).map(Body::from),
        }
    }
}

/// What a client is told when the emulator itself fails; the panic's own words are in its log.
const DEFECT: &str = "greengrass-emulator has a defect: see its log";

/// The connection is reset in place of an answer.
fn dropped(connection: Option<Connection>) -> Response<Body> {
    if let Some(connection) = connection {
        connection.reset();
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.extensions_mut().insert(ConnectionDropped);
    response
}

/// A response that announces its whole length and ends halfway: hyper closes the connection then.
fn truncated(response: Response<Bytes>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = body.slice(..body.len() / 2);
    let cut = async {
        // An error at once would end the connection before the half is sent.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::UnexpectedEof))
    };
    let frames = futures::stream::iter([Ok(half)]).chain(futures::stream::once(cut));
    Response::from_parts(parts, Body::from_stream(frames))
}

/// The handle by which a request's handler resets the connection that the request came over.
#[derive(Debug, Clone)]
struct Connection {
    reset: Arc<AtomicBool>,
    /// Whether the server is to end.
    closing: watch::Receiver<bool>,
}

impl Connection {
    fn reset(&self) {
        self.reset.store(true, Ordering::Release);
    }

    fn is_reset(&self) -> bool {
        self.reset.load(Ordering::Acquire)
    }
}

struct ResettableListener {
    listener: TcpListener,
    closing: watch::Receiver<bool>,
}

impl Listener for ResettableListener {
    type Io = ResettableStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let stream = ResettableStream {
            stream,
            connection: Connection { reset: Arc::default(), closing: self.closing.clone() },
        };
        (stream, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Listener::local_addr(&self.listener)
    }
}

impl Connected<IncomingStream<'_, ResettableListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, ResettableListener>) -> Self {
        stream.io().connection.clone()
    }
}

/// A connection whose writes fail once it is to be reset: hyper then drops it without having answered.
struct ResettableStream {
    stream: TcpStream,
    connection: Connection,
}

impl ResettableStream {
    fn check(&self) -> io::Result<()> {
        if !self.connection.is_reset() {
            return Ok(());
        }
        // Closing sends RST instead of FIN then. Where that can't be set, the client sees a closed connection.
        let _ = self.stream.set_zero_linger();
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for ResettableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for ResettableStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
