//! What is on its way between the operator and the API server (does I/O: a layer under the operator's Kubernetes client).
//!
//! Time may only be moved on when nothing is: an answer that comes a moment later by the machine's clock would else come an
//! hour late by the operator's.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tower::{BoxError, Layer, Service};

use super::super::Kind;

const IDENTITIES: &str = "/awsidentities";
/// What stands in the bookmark that ends a first list.
const LIST_ENDS: &[u8] = b"k8s.io/initial-events-end";
/// What stands before a version in the JSON of objects and bookmarks.
const VERSION: &[u8] = b"\"resourceVersion\":\"";
/// Longer than that and a version's digits.
const OVERLAP: usize = 48;

/// Counts what is on its way. Clones count together.
#[derive(Clone)]
pub(super) struct Traffic {
    counters: Arc<Counters>,
    /// What names the kind that the test is about in paths.
    plural: &'static str,
}

#[derive(Default)]
struct Counters {
    /// Requests that were not answered to the end yet; an open watch is none.
    under_way: AtomicU64,
    watches: AtomicU64,
    /// Watches of other kinds.
    others: AtomicU64,
    /// All requests so far.
    requests: AtomicU64,
    /// The newest version that a write has made.
    written: AtomicU64,
    /// The newest version that a watch has brought.
    seen: AtomicU64,
    /// Whether the first list of identities is complete: before it, no turn begins.
    identities: AtomicU64,
}

impl Traffic {
    /// None yet, of this kind.
    pub(super) fn of(kind: Kind) -> Self {
        Self { counters: Arc::default(), plural: kind.plural() }
    }

    /// Whether nothing is on its way: no request, and no event of what was written.
    pub(super) fn is_quiet(&self) -> bool {
        let Counters { under_way, watches, requests: _, written, seen, others: _, identities: _ } = &*self.counters;
        let all_seen =
            watches.load(Ordering::SeqCst) == 0 || seen.load(Ordering::SeqCst) >= written.load(Ordering::SeqCst);
        under_way.load(Ordering::SeqCst) == 0 && all_seen
    }

    /// Whether a first list of resources is complete or under way, and that of identities complete.
    pub(super) fn has_watched(&self) -> bool {
        self.seen() > 0 && self.counters.identities.load(Ordering::SeqCst) > 0
    }

    pub(super) fn requests(&self) -> u64 {
        self.counters.requests.load(Ordering::SeqCst)
    }

    pub(super) fn seen(&self) -> u64 {
        self.counters.seen.load(Ordering::SeqCst)
    }

    /// Somebody has written this version, and it has to come by the watch.
    pub(super) fn expect(&self, version: u64) {
        self.counters.written.fetch_max(version, Ordering::SeqCst);
    }
}

/// Counts up for as long as it lives.
struct Guard(Arc<Counters>, fn(&Counters) -> &AtomicU64);

impl Guard {
    fn new(counters: &Arc<Counters>, which: fn(&Counters) -> &AtomicU64) -> Self {
        which(counters).fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(counters), which)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::SeqCst);
    }
}

impl<S> Layer<S> for Traffic {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, counters: Arc::clone(&self.counters), plural: self.plural }
    }
}

pub(super) struct Counted<S> {
    inner: S,
    counters: Arc<Counters>,
    plural: &'static str,
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response<UnsyncBoxBody<Bytes, BoxError>>, E>> + Send>>;

impl<S, In, Out> Service<Request<In>> for Counted<S>
where
    S: Service<Request<In>, Response = Response<Out>>,
    S::Future: Send + 'static,
    Out: Body<Data = Bytes> + Send + 'static,
    Out::Error: Into<BoxError>,
{
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<In>) -> Self::Future {
        let counters = Arc::clone(&self.counters);
        counters.requests.fetch_add(1, Ordering::SeqCst);
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let is_of_kind = request.uri().path().contains(&format!("/{}", self.plural));
        let is_of_identities = request.uri().path().contains(IDENTITIES);
        let is_write = request.method() != Method::GET && is_of_kind;
        let under_way = Guard::new(&counters, |counters| &counters.under_way);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            // The body holds the guard: the answer is there when its last byte is.
            let (guard, version) = match (is_watch, is_write) {
                (true, _) if is_of_kind => {
                    drop(under_way);
                    (Guard::new(&counters, |counters| &counters.watches), Some(Note::Seen))
                }
                (true, _) => {
                    drop(under_way);
                    let note = is_of_identities.then_some(Note::Listed);
                    (Guard::new(&counters, |counters| &counters.others), note)
                }
                (false, true) => (under_way, Some(Note::Written)),
                (false, false) => (under_way, None),
            };
            let mut tail = Vec::new();
            Ok(response.map(|body| {
                body.map_frame(move |frame: Frame<Bytes>| {
                    if let (Some(note), Some(data)) = (version, frame.data_ref()) {
                        tail.extend_from_slice(data);
                        let newest = match note {
                            Note::Seen | Note::Written => newest_version(&tail),
                            Note::Listed => u64::from(tail.windows(LIST_ENDS.len()).any(|window| window == LIST_ENDS)),
                        };
                        tail.drain(..tail.len().saturating_sub(OVERLAP));
                        note.of(&guard.0).fetch_max(newest, Ordering::SeqCst);
                    }
                    frame
                })
                .map_err(Into::into)
                .boxed_unsync()
            }))
        })
    }
}

#[derive(Clone, Copy)]
enum Note {
    Seen,
    Written,
    Listed,
}

impl Note {
    fn of(self, counters: &Counters) -> &AtomicU64 {
        match self {
            Self::Seen => &counters.seen,
            Self::Written => &counters.written,
            Self::Listed => &counters.identities,
        }
    }
}

/// The newest version that a text names in full; 0 where it names none.
fn newest_version(text: &[u8]) -> u64 {
    let places = text.windows(VERSION.len()).enumerate().filter(|(_, window)| *window == VERSION);
    let after = places.filter_map(|(place, _)| text.get(place + VERSION.len()..));
    let numbers = after.filter_map(|rest| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (rest.get(digits) == Some(&b'"')).then(|| std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()).flatten()
    });
    numbers.max().unwrap_or(0)
}

#[test]
fn a_version_counts_when_it_is_there_in_full() {
    assert_eq!(newest_version(br#"{"metadata":{"resourceVersion":"17"}},{"metadata":{"resourceVersion":"9"}}"#), 17);
    assert_eq!(newest_version(br#"{"metadata":{"resourceVersion":"17"#), 0);
    assert_eq!(newest_version(b"{}"), 0);
}
