//! The emulator behind HTTP: an axum router, and a server whose connections can be reset. I/O.

mod connection;
mod tls;

use std::io;

use axum::{Router, body::Body, extract::ConnectInfo};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    emulator::Emulator,
    page::events,
    process::{ConnectionDropped, LARGEST_BODY, Reply, json_response},
};
use connection::{BoundedListener, Connection};
pub use tls::{Tls, TlsError};

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

    /// Serves until the future is dropped, within the [limits](crate::Limits) on connections and slow clients.
    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        self.serve_until(listener, std::future::pending()).await
    }

    /// Serves until `shutdown` resolves, then finishes the calls that have arrived.
    pub async fn serve_until(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        self.serve_all_until(vec![listener], shutdown).await
    }

    /// The same at several addresses, which share the limits.
    pub async fn serve_all_until(
        &self,
        listeners: Vec<TcpListener>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        self.serve_over(listeners, None, shutdown).await
    }

    /// The same over HTTPS.
    pub async fn serve_tls_until(
        &self,
        listeners: Vec<TcpListener>,
        tls: Tls,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        self.serve_over(listeners, Some(tls), shutdown).await
    }

    async fn serve_over(
        &self,
        listeners: Vec<TcpListener>,
        tls: Option<Tls>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let service = self.router().into_make_service_with_connect_info::<Connection>();
        let (close, closing) = watch::channel(false);
        let shutdown = async move {
            shutdown.await;
            // Events would never end by themselves.
            close.send_replace(true);
        };
        let listener = BoundedListener::new(listeners, tls, self.inner.limits, closing);
        axum::serve(listener, service).with_graceful_shutdown(shutdown).await
    }

    async fn respond(&self, request: Request<Body>) -> Response<Body> {
        let connection = request.extensions().get::<ConnectInfo<Connection>>().map(|info| info.0.clone());
        if let Some(connection) = &connection {
            connection.asks();
        }
        let response = self.respond_over(request, connection.clone()).await;
        if let Some(connection) = connection {
            connection.is_answered();
        }
        response
    }

    async fn respond_over(&self, request: Request<Body>, connection: Option<Connection>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if parts.method == Method::GET && parts.uri.path() == events::PATH {
            return self.events(connection.map(|connection| connection.closing));
        }
        // One byte more than is taken, so that what is too large is seen to be so.
        let limited = Limited::new(body, LARGEST_BODY + 1).collect();
        let Ok(limited) = (match connection {
            Some(_) => tokio::time::timeout(self.inner.limits.body(), limited).await,
            // Without a connection nobody is slow, and a time-out would move a clock that is paused.
            None => Ok(limited.await),
        }) else {
            return too_slow(self.inner.limits.body_seconds);
        };
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

/// The body of a request hasn't come in time.
fn too_slow(seconds: u32) -> Response<Body> {
    let message = format!("the body of the request did not come within {seconds} s");
    let mut response = json_response(408, Some(&json!({"message": message}))).map(Body::from);
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static("RequestTimeoutException"));
    response
}

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
