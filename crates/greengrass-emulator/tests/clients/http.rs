//! The wire format, byte by byte.

use std::net::SocketAddr;

use axum::{body::Body, response::Response};
use greengrass_emulator::{ConnectionDropped, Emulator, FaultAction, FaultRule, ManualClock, Signatures, Switches};
use http::Request;
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tower::ServiceExt;

use crate::support::{ACCOUNT, REGION, World};

fn signed(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=00"
    )
}

/// These requests are written by hand, and nobody signs them.
fn unverified() -> Switches {
    Switches { signatures: Signatures::Anything, ..Switches::default() }
}

fn request(method: &str, path: &str, body: &Value) -> Request<Body> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Request::builder()
        .method(method)
        .uri(path)
        .header("x-amz-date", "20260101T000000Z")
        .header("authorization", signed("greengrass"))
        .body(Body::from(body))
        .unwrap()
}

pub(crate) async fn send(emulator: &Emulator, request: Request<Body>) -> Response {
    emulator.router().oneshot(request).await.unwrap()
}

pub(crate) async fn json_of(response: Response) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(&bytes).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn answers_have_explicit_nulls_and_epoch_seconds() {
    let clock = ManualClock::starting_at(Timestamp::from_millisecond(1_621_884_415_241).unwrap());
    let world = World::of(Emulator::builder().clock(clock).switches(unverified()).build());
    let thing = world.thing("core");
    let body = json!({"targetArn": thing, "components": {"c": {"componentVersion": "1.0.0"}}});
    let created = send(&world.emulator, request("POST", "/greengrass/v2/deployments", &body)).await;
    assert_eq!(created.status(), 201);
    assert_eq!(header(&created, "content-type"), "application/json");
    assert_eq!(header(&created, "x-amzn-requestid").len(), 36);
    let created = json_of(created).await;
    let id = created["deploymentId"].as_str().unwrap();
    assert_eq!(created, json!({"deploymentId": id, "iotJobId": null, "iotJobArn": null}));

    let got = send(&world.emulator, request("GET", &format!("/greengrass/v2/deployments/{id}"), &Value::Null)).await;
    assert_eq!(
        json_of(got).await,
        json!({
            "targetArn": thing, "revisionId": "1", "deploymentId": id, "deploymentName": null,
            "deploymentStatus": "ACTIVE", "iotJobId": null, "iotJobArn": null,
            "components": {"c": {"componentVersion": "1.0.0", "configurationUpdate": null, "runWith": null}},
            "deploymentPolicies": null, "iotJobConfiguration": null, "creationTimestamp": 1_621_884_415.241,
            "isLatestForTarget": true, "parentTargetArn": null, "tags": {},
        })
    );
    let listed = send(&world.emulator, request("GET", "/greengrass/v2/deployments", &Value::Null)).await;
    assert_eq!(
        json_of(listed).await,
        json!({"deployments": [{
            "targetArn": thing, "revisionId": "1", "deploymentId": id, "deploymentName": null,
            "creationTimestamp": 1_621_884_415.241, "deploymentStatus": "ACTIVE",
            "isLatestForTarget": true, "parentTargetArn": null,
        }], "nextToken": null})
    );
    let path = format!("/greengrass/v2/deployments/{id}");
    let cancelled = send(&world.emulator, request("POST", &format!("{path}/cancel"), &Value::Null)).await;
    assert_eq!(cancelled.status(), 200);
    let deleted = send(&world.emulator, request("DELETE", &path, &Value::Null)).await;
    assert_eq!((deleted.status().as_u16(), json_of(deleted).await), (204, Value::Null));
}

#[tokio::test]
async fn an_error_names_its_type_in_a_header() {
    let world = World::with(unverified());
    let missing = send(&world.emulator, request("GET", "/greengrass/v2/deployments/none", &Value::Null)).await;
    assert_eq!(missing.status(), 404);
    assert_eq!(header(&missing, "x-amzn-errortype"), "ResourceNotFoundException");
    let body = json_of(missing).await;
    assert_eq!((&body["resourceId"], &body["resourceType"]), (&json!("none"), &json!("deployment")));

    let conflict = world.emulator.faults();
    conflict.add(FaultRule::new(FaultAction::Throttle { retry_after_seconds: Some(3) }));
    let throttled = send(&world.emulator, request("GET", "/greengrass/v2/deployments", &Value::Null)).await;
    assert_eq!((throttled.status().as_u16(), header(&throttled, "retry-after")), (429, "3"));
}

#[tokio::test]
async fn a_request_that_is_not_signed_for_the_service_is_refused_and_entered() {
    let emulator = Emulator::builder().switches(unverified()).build();
    let with = |authorization: Option<String>| {
        let mut request = request("GET", "/greengrass/v2/deployments", &Value::Null);
        request.headers_mut().remove("authorization");
        if let Some(authorization) = authorization {
            request.headers_mut().insert("authorization", authorization.parse().unwrap());
        }
        request
    };
    for (authorization, expected) in [
        (None, "MissingAuthenticationTokenException"),
        (Some("Basic x".to_owned()), "IncompleteSignatureException"),
        (Some(signed("iot")), "InvalidSignatureException"),
    ] {
        let response = send(&emulator, with(authorization)).await;
        assert_eq!((response.status().as_u16(), header(&response, "x-amzn-errortype")), (403, expected));
    }
    assert_eq!(emulator.calls_of("ListDeployments").len(), 3);
}

#[tokio::test]
async fn an_operation_that_does_not_exist_or_is_not_there_yet_is_named() {
    let emulator = Emulator::builder().switches(unverified()).build();
    let missing = send(&emulator, request("DELETE", "/greengrass/v2/coreDevices/core", &Value::Null)).await;
    assert_eq!(missing.status(), 501);
    assert!(json_of(missing).await["message"].as_str().unwrap().contains("DeleteCoreDevice"));
    let unknown = send(&emulator, request("PUT", "/nowhere", &Value::Null)).await;
    assert_eq!(unknown.status(), 404);
    assert!(json_of(unknown).await["message"].as_str().unwrap().contains("PUT /nowhere"));
    let operations: Vec<_> = emulator.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(operations, ["DeleteCoreDevice", "PUT /nowhere"]);
}

#[tokio::test]
async fn a_body_beyond_twelve_mebibytes_is_refused() {
    let emulator = Emulator::builder().switches(unverified()).build();
    for (path, excess) in
        [("/greengrass/v2/deployments", 1), ("/greengrass/v2/deployments", 1000), ("/_emulator/reset", 1)]
    {
        let mut large = request("POST", path, &Value::Null);
        *large.body_mut() = Body::from(vec![b' '; 12 * 1024 * 1024 + excess]);
        let response = send(&emulator, large).await;
        assert_eq!(response.status(), 413, "{path} {excess}");
        if path.starts_with("/greengrass/") {
            assert_eq!(header(&response, "x-amzn-errortype"), "RequestEntityTooLargeException");
            assert_ne!(header(&response, "x-amzn-requestid"), "");
        }
    }
    let calls = emulator.calls_of("CreateDeployment");
    assert_eq!(calls.iter().map(|call| call.status).collect::<Vec<_>>(), [Some(413), Some(413)]);
}

/// An emulator behind a socket.
struct Served {
    emulator: Emulator,
    address: SocketAddr,
    server: JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start() -> Self {
        let emulator = Emulator::builder().switches(unverified()).build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = emulator.clone();
        let server = tokio::spawn(async move { served.serve(listener).await });
        Self { emulator, address, server }
    }

    /// What comes back to a request by hand, and how the connection ends.
    async fn exchange(&self, head: &str) -> (Vec<u8>, std::io::Result<usize>) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer).await;
        (answer, end)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[tokio::test]
async fn a_truncated_body_has_its_head_and_half_of_what_the_head_announces() {
    let served = Served::start().await;
    served.emulator.faults().add(FaultRule::new(FaultAction::TruncatedBody));
    let head = format!(
        "GET /greengrass/v2/deployments HTTP/1.1\r\nhost: x\r\nx-amz-date: 20260101T000000Z\r\nauthorization: {}\r\n\r\n",
        signed("greengrass")
    );
    let (answer, _) = served.exchange(&head).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse::<usize>().unwrap();
    assert_eq!(body.len(), length / 2);
}

#[tokio::test]
async fn a_reset_really_closes_the_connection_without_a_byte() {
    let served = Served::start().await;
    let head = "GET /greengrass/v2/deployments HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    served.emulator.faults().add(FaultRule::new(FaultAction::ResetAfter));
    let (nothing, end) = served.exchange(head).await;
    assert_eq!((nothing.len(), end.unwrap_err().kind()), (0, std::io::ErrorKind::ConnectionReset));
    let (answer, end) = served.exchange(head).await;
    assert!(end.is_ok() && answer.starts_with(b"HTTP/1.1 403"));

    served.emulator.faults().add(FaultRule::new(FaultAction::ResetBefore));
    let response = send(&served.emulator, request("GET", "/greengrass/v2/deployments", &Value::Null)).await;
    assert!(response.extensions().get::<ConnectionDropped>().is_some());
}
