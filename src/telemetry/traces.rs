//! Sends spans to a collector, by OTLP over HTTP. I/O.
//!
//! Spans are those of the log, with the same fields. A collector is a neighbour (a sidecar, the node's agent), so there is no
//! TLS to it; it sends on to wherever traces are kept.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use http::{Request, Response, Uri};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use thiserror::Error;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

/// The product, as traces are found by.
const SERVICE: &str = "greengrass-operator";
/// A collector is near; one that takes longer is not there, and its spans are dropped.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// What has not been sent by then is lost: the Pod ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Where a collector takes spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

/// Why that is no endpoint.
#[derive(Debug, Error)]
#[error("write the collector's address as http://HOST:PORT, for example http://localhost:4318; there is no TLS to it")]
pub struct InvalidEndpoint;

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let uri: Uri = text.parse().map_err(|_| InvalidEndpoint)?;
        let is_http = uri.scheme_str() == Some("http");
        match uri.authority() {
            Some(authority) if is_http && uri.query().is_none() => {
                let prefix = uri.path().trim_end_matches('/');
                Ok(Self(format!("http://{authority}{prefix}/v1/traces")))
            }
            Some(_) | None => Err(InvalidEndpoint),
        }
    }
}

/// Sends spans until it is ended.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

/// Why spans can't be sent.
#[derive(Debug, Error)]
#[error("spans can't be sent: {0}")]
pub struct TracesError(String);

impl Traces {
    /// Sends to this collector, on that runtime. Sampling and resource attributes are what the environment says
    /// (`OTEL_TRACES_SAMPLER`, `OTEL_RESOURCE_ATTRIBUTES`).
    pub fn to(endpoint: &Endpoint, instance: &str, runtime: Handle) -> Result<Self, TracesError> {
        let client = Arc::new(HyperClient::with_default_connector(ANSWER_WITHIN, None));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(OnRuntime { client, runtime })
            .with_endpoint(endpoint.0.clone())
            .build()
            .map_err(|error| TracesError(error.to_string()))?;
        let resource = Resource::builder()
            .with_service_name(SERVICE)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
            .build();
        Ok(Self {
            provider: SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build(),
        })
    }

    /// What spans go through.
    #[must_use]
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        // Where in the source and on which thread: no help to who follows a change, and most of a span's size.
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
    }

    /// Sends what is left. The runtime must still run.
    pub fn end(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FLUSH_WITHIN) {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

/// Sends on the operator's runtime: spans come from a thread of the SDK's own, which has none.
#[derive(Debug)]
struct OnRuntime {
    client: Arc<HyperClient>,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = Arc::clone(&self.client);
        self.runtime.spawn(async move { client.send_bytes(request).await }).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_collectors_address() {
        for (text, url) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://[::1]:4318/", "http://[::1]:4318/v1/traces"),
            ("http://collector.observability/otlp/", "http://collector.observability/otlp/v1/traces"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().0, url);
        }
        for text in
            ["", "localhost:4318", "https://collector:4318", "http://", "http://collector:4318?x=y", "grpc://x:4317"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
