//! An API server of canned answers, for tests of protocol details. Pure.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex};

use kube::Client;
use kube::client::Body;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::objects::{Namespaces, Objects};
use crate::aws::SingleReplica;
use crate::telemetry::metrics::Metrics;

/// What the operator sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) content_type: String,
    pub(crate) body: Value,
}

/// Everything that was sent so far.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<Vec<Sent>>>);

impl Requests {
    pub(crate) fn all(&self) -> Vec<Sent> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn push(&self, sent: Sent) {
        self.0.lock().unwrap().push(sent);
    }

    pub(crate) fn one(&self) -> Sent {
        let all = self.all();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].clone()
    }
}

/// An answer of the API server.
pub(crate) struct Answer {
    code: u16,
    body: String,
}

impl Answer {
    pub(crate) fn ok(body: &Value) -> Self {
        Self { code: 200, body: body.to_string() }
    }

    /// The events of a watch, one a line; then the stream ends.
    pub(crate) fn events(events: &[Value]) -> Self {
        Self { code: 200, body: events.iter().flat_map(|event| [event.to_string(), "\n".to_owned()]).collect() }
    }

    /// What something on the way answers.
    pub(crate) fn page(code: u16, text: &str) -> Self {
        Self { code, body: text.to_owned() }
    }

    pub(crate) fn error(code: u16, reason: &str, message: &str) -> Self {
        // As the API server does, it names the object.
        let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                          "message": message, "reason": reason, "code": code, "details": {"name": "presses"}});
        Self { code, body: body.to_string() }
    }

    fn into_response(self) -> http::Response<Body> {
        http::Response::builder().status(self.code).body(Body::from(self.body.into_bytes())).unwrap()
    }
}

/// A client whose requests a function answers.
pub(crate) fn client_by<F, R>(answer: F) -> Client
where
    F: Fn(Sent) -> R + Send + Sync + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let answer = Arc::clone(&answer);
        async move {
            let (head, body) = request.into_parts();
            let bytes = body.collect_bytes().await.unwrap();
            let header = head.headers.get(http::header::CONTENT_TYPE);
            let sent = Sent {
                method: head.method.to_string(),
                uri: head.uri.to_string(),
                content_type: header.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default(),
                body: serde_json::from_slice(&bytes).unwrap_or_default(),
            };
            Ok::<_, std::convert::Infallible>(answer(sent).await.into_response())
        }
    });
    Client::new(service, "default")
}

/// A client that gets these answers in this order, and what it asked.
pub(crate) fn client_answering(answers: impl IntoIterator<Item = Answer>) -> (Client, Requests) {
    let requests = Requests::default();
    let seen = requests.clone();
    let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
    let client = client_by(move |sent| {
        let answer = answers.lock().unwrap().pop_front();
        let answer = answer.unwrap_or_else(|| panic!("no answer is left for {sent:?}"));
        seen.push(sent);
        std::future::ready(answer)
    });
    (client, requests)
}

/// Objects behind that client.
pub(crate) fn objects(client: Client, namespaces: Namespaces) -> Objects {
    let kind = GroupVersionKind::gvk("greengrass-operator.dev", "v1alpha1", "GreengrassDeployment");
    Objects::new(client, ApiResource::from_gvk(&kind), namespaces, Metrics::new(), Arc::new(SingleReplica))
}

/// Like [`client_by`].
pub(crate) fn objects_by<F, R>(answer: F) -> Objects
where
    F: Fn(Sent) -> R + Send + Sync + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    objects(client_by(answer), Namespaces::All)
}

/// Like [`client_answering`].
pub(crate) fn objects_answering(answers: impl IntoIterator<Item = Answer>) -> (Objects, Requests) {
    let (client, requests) = client_answering(answers);
    (objects(client, Namespaces::All), requests)
}

/// A stored object of namespace `press`.
pub(crate) fn stored(name: &str, version: u64) -> Value {
    json!({
        "apiVersion": "greengrass-operator.dev/v1alpha1", "kind": "GreengrassDeployment",
        "metadata": {"name": name, "namespace": "press", "uid": format!("uid-{name}"), "generation": 1,
                     "resourceVersion": version.to_string(), "creationTimestamp": "2026-11-23T10:00:00Z"},
        "spec": {"targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses"},
    })
}
