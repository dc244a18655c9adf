//! An HTTP client for the SDK that answers from memory and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// What the other end does.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Answers.
    Http { status: u16, headers: Vec<(&'static str, String)>, body: String },
    /// Answers after so long.
    After(Duration, Box<Self>),
    /// Says nothing, ever.
    Silence,
    /// Refuses or breaks the connection.
    Broken(&'static str),
    /// The connection isn't made in time.
    NoConnection,
}

impl Answer {
    pub(super) fn json(status: u16, body: &str) -> Self {
        Self::Http { status, headers: vec![("x-amzn-requestid", "req-1".to_owned())], body: body.to_owned() }
    }

    /// As the service writes an exception: its name in the header, its members in the body.
    pub(super) fn exception(status: u16, code: &str, body: &str) -> Self {
        Self::json(status, body).header("x-amzn-ErrorType", code)
    }

    pub(super) fn header(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Http { status, mut headers, body } => {
                headers.push((name, value.to_owned()));
                Self::Http { status, headers, body }
            }
            other => other,
        }
    }
}

/// A request as it went out.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// The client; clones share what was seen.
#[derive(Clone, Debug)]
pub(super) struct Canned {
    answer: Arc<Mutex<Answer>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Canned {
    pub(super) fn new(answer: Answer) -> Self {
        Self { answer: Arc::new(Mutex::new(answer)), seen: Arc::default() }
    }

    pub(super) fn answer_from_now(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl HttpClient for Canned {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.seen.lock().unwrap().push(Seen {
            method: request.method().to_owned(),
            uri: request.uri().to_owned(),
            headers: request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap(),
        });
        let answer = self.answer.lock().unwrap().clone();
        HttpConnectorFuture::new(give(answer))
    }
}

async fn give(mut answer: Answer) -> Result<HttpResponse, ConnectorError> {
    loop {
        match answer {
            Answer::After(delay, then) => {
                tokio::time::sleep(delay).await;
                answer = *then;
            }
            Answer::Silence => std::future::pending().await,
            Answer::Broken(words) => {
                return Err(ConnectorError::io(std::io::Error::other(words).into()));
            }
            Answer::NoConnection => {
                return Err(ConnectorError::timeout("no connection within 3.1s".into()));
            }
            Answer::Http { status, headers, body } => {
                let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
                for (name, value) in headers {
                    response.headers_mut().insert(name.to_ascii_lowercase(), value);
                }
                return Ok(response);
            }
        }
    }
}
