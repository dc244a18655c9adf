//! Stands between the operator and both servers, counts its writes, and does to one of them what a test wants (does I/O: sockets).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::serve::ListenerExt;
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// What is done to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// It is held before it reaches the server; the operator is to be killed.
    HoldBefore,
    /// The server has carried it out, and its answer is held; the operator is to be killed.
    HoldAfter,
    /// It is held until [`Proxy::let_arrive`], and reaches the server then; the operator is to be killed.
    ArriveLate,
    /// The server has carried it out, and the connection breaks.
    LoseAnswer,
    /// The connection breaks before it reaches the server.
    LoseRequest,
    /// It is refused with 429.
    Throttle,
    /// It is refused with 409: somebody else wrote.
    Conflict,
    /// The server has carried it out and says 500.
    FailAfter,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::HoldBefore,
        Self::HoldAfter,
        Self::ArriveLate,
        Self::LoseAnswer,
        Self::LoseRequest,
        Self::Throttle,
        Self::Conflict,
        Self::FailAfter,
    ];

    /// Whether it ends with the death of the operator.
    pub fn kills(self) -> bool {
        matches!(self, Self::HoldBefore | Self::HoldAfter | Self::ArriveLate)
    }
}

/// Stands between the operator and both servers.
pub struct Proxy {
    /// The operator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The operator's AWS endpoint.
    pub endpoint: String,
    desk: Arc<Desk>,
    runtime: Runtime,
}

#[derive(Default)]
struct Book {
    /// The writes since the last arming, as `METHOD path`.
    story: Vec<String>,
    /// Which write is attacked, counted from 1, how, and how many after it are too.
    attack: Option<(usize, Attack, usize)>,
    /// The write was attacked.
    struck: bool,
}

struct Desk {
    book: Mutex<Book>,
    kubernetes: kube::Client,
    aws: HttpClient<HttpConnector, Body>,
    aws_authority: String,
    script: Mutex<super::stale::Script>,
    may_arrive: Notify,
    has_arrived: Notify,
}

impl Proxy {
    /// A proxy for an operator that would use this kubeconfig and endpoint.
    pub fn start(kubeconfig: &Path, endpoint: &str, folder: &Path) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut config = Kubeconfig::read_from(kubeconfig).unwrap();
        let desk = runtime.block_on(async {
            let direct = kube::Config::from_custom_kubeconfig(config.clone(), &KubeConfigOptions::default()).await;
            Arc::new(Desk {
                book: Mutex::default(),
                kubernetes: kube::Client::try_from(direct.unwrap()).unwrap(),
                aws: HttpClient::builder(TokioExecutor::new()).build_http(),
                aws_authority: endpoint.trim_start_matches("http://").to_owned(),
                script: Mutex::default(),
                may_arrive: Notify::new(),
                has_arrived: Notify::new(),
            })
        });
        let kubernetes = listen(&runtime, Router::new().fallback(to_kubernetes).with_state(Arc::clone(&desk)));
        let endpoint = listen(&runtime, Router::new().fallback(to_aws).with_state(Arc::clone(&desk)));
        for cluster in &mut config.clusters {
            let cluster = cluster.cluster.as_mut().unwrap();
            cluster.server = Some(kubernetes.clone());
            cluster.certificate_authority_data = None;
        }
        // The operator reads it as YAML, of which JSON is a part. It is the only file with the token outside the world's folder.
        let path = folder.join("proxied.kubeconfig");
        std::fs::write(&path, serde_json::to_string(&config).unwrap()).unwrap();
        Self { kubeconfig: path, endpoint, desk, runtime }
    }

    /// Counts writes anew and attacks the n-th of them and so many that follow it; `None` attacks none.
    pub fn arm(&self, attack: Option<(usize, Attack, usize)>) {
        *self.desk.book() = Book { attack, ..Book::default() };
    }

    /// The writes since the last arming.
    pub fn story(&self) -> Vec<String> {
        self.desk.book().story.clone()
    }

    /// Whether the attack has taken place.
    pub fn has_struck(&self) -> bool {
        self.desk.book().struck
    }

    /// Lets the write that was held arrive, and waits until the server has carried it out.
    pub fn let_arrive(&self) {
        self.desk.may_arrive.notify_one();
        self.runtime.block_on(self.desk.has_arrived.notified());
    }

    /// What the watch of the resources shows.
    pub fn script(&self) -> MutexGuard<'_, super::stale::Script> {
        self.desk.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(runtime: &Runtime, router: Router) -> String {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    runtime.spawn(async move { axum::serve(listener, router).await });
    url
}

/// A broken connection: the server ends it where a handler panics.
#[derive(Debug)]
struct Broken;

impl Desk {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a write; what is to be done to it.
    fn note(&self, method: &Method, path: &str) -> Option<Attack> {
        let mut book = self.book();
        book.story.push(format!("{method} {path}"));
        let number = book.story.len();
        let (first, attack, more) = book.attack?;
        (first..=first + more).contains(&number).then(|| {
            book.struck = true;
            attack
        })
    }

    /// Does to a write what the test wants. It is here whole before that is noted, for the operator may be killed at once then.
    async fn write(self: Arc<Self>, request: Request<Body>, server: Server) -> Response {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let attack = self.note(&parts.method, parts.uri.path());
        broken_if(self.attacked(attack, Request::from_parts(parts, body.into()), server).await)
    }

    async fn forward(&self, request: Request<Body>, server: Server) -> Response {
        match server {
            Server::Kubernetes => {
                let (mut parts, body) = request.into_parts();
                // The client has its own, for the same account.
                parts.headers.remove(http::header::AUTHORIZATION);
                parts.headers.remove(http::header::HOST);
                let body = body.collect().await.unwrap().to_bytes();
                let request = Request::from_parts(parts, kube::client::Body::from(body));
                match self.kubernetes.send(request).await {
                    Ok(response) => response.map(Body::new),
                    Err(error) => plain(StatusCode::BAD_GATEWAY, error.to_string()),
                }
            }
            Server::Aws => {
                let (mut parts, body) = request.into_parts();
                let path = parts.uri.path_and_query().unwrap().clone();
                parts.uri = Uri::builder()
                    .scheme("http")
                    .authority(self.aws_authority.as_str())
                    .path_and_query(path)
                    .build()
                    .unwrap();
                match self.aws.request(Request::from_parts(parts, body)).await {
                    Ok(response) => response.map(Body::new),
                    Err(error) => plain(StatusCode::BAD_GATEWAY, error.to_string()),
                }
            }
        }
    }

    async fn attacked(
        self: Arc<Self>,
        attack: Option<Attack>,
        request: Request<Body>,
        server: Server,
    ) -> Result<Response, Broken> {
        match attack {
            None => Ok(self.forward(request, server).await),
            Some(Attack::HoldBefore) => std::future::pending().await,
            Some(Attack::HoldAfter) => {
                self.carried_out(request, server).await;
                std::future::pending().await
            }
            Some(Attack::ArriveLate) => {
                // The task outlives the connection, which ends with the operator.
                tokio::spawn(async move {
                    self.may_arrive.notified().await;
                    self.carried_out(request, server).await;
                    self.has_arrived.notify_one();
                });
                std::future::pending().await
            }
            Some(Attack::LoseAnswer) => {
                self.carried_out(request, server).await;
                Err(Broken)
            }
            Some(Attack::LoseRequest) => Err(Broken),
            Some(Attack::Throttle) => Ok(refusal(server, 429, "TooManyRequests", "ThrottlingException")),
            Some(Attack::Conflict) => Ok(refusal(server, 409, "Conflict", "ConflictException")),
            Some(Attack::FailAfter) => {
                self.carried_out(request, server).await;
                Ok(refusal(server, 500, "InternalError", "InternalServerException"))
            }
        }
    }

    async fn carried_out(&self, request: Request<Body>, server: Server) {
        let _: Bytes = self.forward(request, server).await.into_body().collect().await.unwrap().to_bytes();
    }
}

#[derive(Clone, Copy)]
enum Server {
    Kubernetes,
    Aws,
}

fn refusal(server: Server, code: u16, reason: &str, exception: &str) -> Response {
    let message = "as the test wants it";
    let body = match server {
        Server::Kubernetes => json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code,
        }),
        Server::Aws => json!({"message": message, "resourceId": "x", "resourceType": "x"}),
    };
    Response::builder()
        .status(code)
        .header("content-type", "application/json")
        .header("x-amzn-errortype", exception)
        .body(Body::from(body.to_string()))
        .unwrap()
}

fn plain(status: StatusCode, text: String) -> Response {
    Response::builder().status(status).body(Body::from(text)).unwrap()
}

async fn to_kubernetes(State(desk): State<Arc<Desk>>, request: Request<Body>) -> Response {
    let of_kind = request.uri().path().contains("/greengrassdeployments");
    if of_kind && request.uri().query().is_some_and(|query| query.contains("watch=true")) {
        let script = desk.script.lock().unwrap_or_else(PoisonError::into_inner).take();
        return super::stale::watched(script, request, async |request| desk.forward(request, Server::Kubernetes).await)
            .await;
    }
    if request.method() != Method::GET && of_kind {
        return desk.write(request, Server::Kubernetes).await;
    }
    desk.forward(request, Server::Kubernetes).await
}

async fn to_aws(State(desk): State<Arc<Desk>>, request: Request<Body>) -> Response {
    if request.method() == Method::GET {
        return desk.forward(request, Server::Aws).await;
    }
    desk.write(request, Server::Aws).await
}

/// A body that breaks at once breaks the connection.
fn broken_if(answer: Result<Response, Broken>) -> Response {
    answer.unwrap_or_else(|Broken| {
        let body = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("broken by the test")) });
        Response::builder().header("content-length", "1000").body(Body::from_stream(body)).unwrap()
    })
}
