//! Answers probes and scrapes: `/livez`, `/readyz`, `/metrics`. I/O.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::controller::heartbeat::Heartbeat;
use crate::telemetry::exposition::Format;
use crate::telemetry::metrics::Metrics;

/// A loop that beats every 10 s and has missed six beats hangs.
const DEAD_AFTER: Duration = Duration::from_mins(1);

/// Tells whether the operator works on its resources; asked at each probe.
pub type IsReady = Arc<dyn Fn() -> bool + Send + Sync>;

/// What probes and scrapes ask.
#[derive(Clone)]
pub struct Admin {
    /// The metrics.
    pub metrics: Metrics,
    /// The loops that must go round.
    pub heartbeats: Vec<Heartbeat>,
    /// Whether all resources have been read. AWS has no part in it: that calls to AWS fail is said on the resources, and
    /// nobody is helped by a Pod that isn't ready.
    pub is_ready: IsReady,
}

/// Why nobody can ask.
#[derive(Debug, Error)]
#[error("can't serve probes and metrics on {address}: {source}")]
pub struct AdminError {
    address: SocketAddr,
    source: io::Error,
}

impl Admin {
    /// Takes the address, so that a second operator on it fails at once.
    pub async fn bind(address: SocketAddr) -> Result<TcpListener, AdminError> {
        TcpListener::bind(address).await.map_err(|source| AdminError { address, source })
    }

    /// Answers until told to stop; last of all, so that probes are answered while turns end.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> Result<(), AdminError> {
        let address = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        axum::serve(listener, self.router())
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .map_err(|source| AdminError { address, source })
    }

    fn router(self) -> Router {
        Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self)
    }
}

async fn livez(State(admin): State<Admin>) -> Response {
    match admin.heartbeats.iter().map(Heartbeat::age).max() {
        Some(age) if age > DEAD_AFTER => {
            let text = format!("a loop has not gone round for {} s\n", age.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
        Some(_) | None => "ok\n".into_response(),
    }
}

async fn readyz(State(admin): State<Admin>) -> Response {
    if (admin.is_ready)() {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not all resources have been read yet\n").into_response()
    }
}

async fn metrics(State(admin): State<Admin>, headers: HeaderMap) -> Response {
    let format = Format::accepted(headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()));
    match admin.metrics.encode(format) {
        Ok(text) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics can't be written down\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::body::{Body, to_bytes};
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn ask(admin: &Admin, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = admin.clone().router().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn admin(ready: &Arc<AtomicBool>) -> Admin {
        let ready = Arc::clone(ready);
        Admin {
            metrics: Metrics::new(),
            heartbeats: vec![Heartbeat::new()],
            is_ready: Arc::new(move || ready.load(Ordering::SeqCst)),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_alive_until_the_loop_has_begun_and_while_it_goes_round() {
        let admin = admin(&Arc::default());
        tokio::time::advance(DEAD_AFTER * 10).await;
        assert_eq!(ask(&admin, "/livez").await.0, 200);
        admin.heartbeats[0].beat();
        tokio::time::advance(DEAD_AFTER + Duration::from_secs(1)).await;
        assert_eq!(ask(&admin, "/livez").await, (503, "a loop has not gone round for 61 s\n".into()));
        admin.heartbeats[0].beat();
        assert_eq!(ask(&admin, "/livez").await.0, 200);
    }

    #[tokio::test]
    async fn it_is_ready_when_all_resources_have_been_read() {
        let ready = Arc::new(AtomicBool::new(false));
        let admin = admin(&ready);
        assert_eq!(ask(&admin, "/readyz").await.0, 503);
        ready.store(true, Ordering::SeqCst);
        assert_eq!(ask(&admin, "/readyz").await.0, 200);
    }

    #[tokio::test]
    async fn metrics_can_be_scraped() {
        let (status, text) = ask(&admin(&Arc::default()), "/metrics").await;
        assert_eq!(status, 200);
        assert!(text.contains("# TYPE greengrass_operator_build_info gauge"), "{text}");
    }

    #[tokio::test]
    async fn metrics_come_in_the_format_that_is_accepted() {
        let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
        let request = Request::get("/metrics").header("accept", accept).body(Body::empty()).unwrap();
        let answer = admin(&Arc::default()).router().oneshot(request).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        assert!(body.ends_with(b"# EOF\n"), "{body:?}");
    }

    #[tokio::test]
    async fn it_answers_on_a_real_port_until_told_to_stop() {
        let listener = Admin::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let taken = listener.local_addr().unwrap();
        let error = Admin::bind(taken).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("can't serve probes and metrics on {taken}: ")), "{error}");
        let stop = CancellationToken::new();
        let server = tokio::spawn(admin(&Arc::default()).serve(listener, stop.clone()));
        tokio::net::TcpStream::connect(taken).await.unwrap();
        stop.cancel();
        server.await.unwrap().unwrap();
    }
}
