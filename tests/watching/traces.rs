//! Traces of a running operator, as a collector takes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::runtime::Runtime;

use crate::world::{ACCOUNT, Manifest, REGION, World};

/// A collector that keeps all it gets.
struct Collector {
    address: String,
    received: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    _runtime: Runtime,
}

impl Collector {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::default());
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&received));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, received, _runtime: runtime }
    }

    fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().unwrap();
        let scopes = received.iter().flat_map(|request| &request.resource_spans).flat_map(|all| &all.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The attributes of what sent them.
    fn senders(&self) -> Vec<BTreeMap<String, String>> {
        let received = self.received.lock().unwrap();
        let resources = received.iter().flat_map(|request| &request.resource_spans);
        resources.map(|all| attributes(&all.resource.as_ref().unwrap().attributes)).collect()
    }
}

async fn take(State(received): State<Arc<Mutex<Vec<ExportTraceServiceRequest>>>>, body: Bytes) {
    received.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
}

fn attributes(of: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    };
    of.iter().filter_map(|pair| Some((pair.key.clone(), text(pair)?))).collect()
}

#[test]
fn a_trace_has_a_turn_and_its_calls_with_the_ids_of_the_log() {
    let mut world = World::without_operator("traces");
    let collector = Collector::start();
    world.start_operator_with(&[
        ("GREENGRASS_OPERATOR_OTLP_ENDPOINT", &collector.address),
        // Traces don't depend on what is logged.
        ("RUST_LOG", "error"),
    ]);
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    let ready = world.wait_ready("presses");
    // What is not sent yet is sent at the end.
    world.stop_operator();

    let spans = collector.spans();
    let names: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["aws", "turn"].into(), "the operator's own spans and none of its libraries");
    let requests: BTreeMap<String, String> =
        world.emulator.calls().into_iter().map(|call| (call.request_id, call.operation)).collect();
    let calls: Vec<&Span> = spans.iter().filter(|span| span.name == "aws").collect();
    assert_eq!(calls.len(), requests.len());
    for call in calls {
        let said = attributes(&call.attributes);
        assert_eq!(requests.get(&said["request_id"]), Some(&said["operation"]), "{said:?}");
        let turn = spans.iter().find(|span| span.span_id == call.parent_span_id).expect("a call is within a turn");
        assert_eq!(turn.trace_id, call.trace_id);
        let turn = attributes(&turn.attributes);
        if turn["kind"] == "AwsIdentity" {
            // Whose account it is is what the call asks.
            assert_eq!(said["operation"], "GetCallerIdentity");
            continue;
        }
        assert_eq!((said["account"].as_str(), said["region"].as_str()), (ACCOUNT, REGION));
        assert_eq!(turn["object"], format!("{}/presses", world.namespace));
        assert_eq!((turn["kind"].as_str(), turn["generation"].as_str()), ("GreengrassDeployment", "1"));
        if said["operation"] == "CreateDeployment" {
            assert_eq!(turn["intent"], "1");
            assert_eq!(turn["deployment_id"], ready["status"]["deploymentId"].as_str().unwrap());
        }
    }
    for sender in collector.senders() {
        assert_eq!(
            (sender["service.name"].as_str(), sender["service.version"].as_str()),
            ("greengrass-operator", env!("CARGO_PKG_VERSION"))
        );
    }
}

#[test]
fn a_collector_that_is_not_there_holds_nothing_up() {
    let mut world = World::without_operator("deaf");
    world.start_operator_with(&[("GREENGRASS_OPERATOR_OTLP_ENDPOINT", "http://127.0.0.1:1")]);
    let group = world.group("Presses");
    world.apply(&Manifest::new("presses", &group));
    world.wait_ready("presses");
    world.stop_operator();
    let log = std::fs::read_to_string(world.folder().join("operator.log")).unwrap();
    let complaint = log.lines().find(|line| line.contains("opentelemetry_sdk") && line.contains("ERROR"));
    assert!(complaint.is_some_and(|line| line.contains("HTTP export failed")), "{log}");
}
