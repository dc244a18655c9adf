//! The emulator as the HTTP client of an AWS SDK: no socket, and time-outs on tokio's clock.

use std::{io, time::Duration};

use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};

use crate::{emulator::Emulator, process::Reply};

/// For the `http_client` of an SDK configuration: every request goes to the emulator, whatever its address is.
#[derive(Debug, Clone)]
pub struct EmulatorHttpClient {
    emulator: Emulator,
}

impl EmulatorHttpClient {
    pub(crate) const fn new(emulator: Emulator) -> Self {
        Self { emulator }
    }
}

impl HttpClient for EmulatorHttpClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector { emulator: self.emulator.clone(), read_timeout: settings.read_timeout() })
    }
}

#[derive(Debug)]
struct Connector {
    emulator: Emulator,
    read_timeout: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let emulator = self.emulator.clone();
        let read_timeout = self.read_timeout;
        HttpConnectorFuture::new(async move {
            let answer = send(emulator, request);
            match read_timeout {
                None => answer.await,
                Some(limit) => tokio::time::timeout(limit, answer)
                    .await
                    .unwrap_or_else(|elapsed| Err(ConnectorError::timeout(elapsed.into()))),
            }
        })
    }
}

async fn send(emulator: Emulator, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    // Read as a connection reads it, although its bytes may be at hand: the SDK breaks off a request whose body nobody reads.
    let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
    match emulator.answer(http::Request::from_parts(parts, body)).await {
        Reply::Response(response) => HttpResponse::try_from(response.map(SdkBody::from))
            .map_err(|error| ConnectorError::other(error.into(), None)),
        Reply::Truncated(response) if !response.body().is_empty() => {
            let (parts, body) = response.into_parts();
            let half = body.slice(..body.len() / 2);
            let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "connection closed in the middle of the answer");
            let frames = futures::stream::iter([Ok(Frame::data(half)), Err(cut)]);
            let body = SdkBody::from_body_1_x(StreamBody::new(frames));
            HttpResponse::try_from(http::Response::from_parts(parts, body))
                .map_err(|error| ConnectorError::other(error.into(), None))
        }
        Reply::Dropped | Reply::Truncated(_) => {
            let reset = io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by the emulator");
            Err(ConnectorError::io(reset.into()))
        }
        // In the test that has shown the defect.
        Reply::Defect(panic) => std::panic::resume_unwind(panic),
        Reply::Never => std::future::pending().await,
    }
}
