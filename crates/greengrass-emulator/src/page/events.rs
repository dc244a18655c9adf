//! What happens, told to pages as server-sent events. Waits on tokio's clock; the reader's pace is the connection's.
//!
//! Nothing is kept for a reader: it is told how things stand when it takes the next event, however much has happened since the last one. All readers
//! share one overview, which is made once a second at most, and more seldom when making it takes long.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};

use crate::{emulator::Emulator, process::json_response};

pub(crate) const PATH: &str = "/_emulator/events";

/// An overview is no older than this when somebody waits for it.
const PACE: Duration = Duration::from_secs(1);

/// Making overviews takes at most this part of the time.
const SHARE: u32 = 10;

/// Where nothing changes, the time is told every so often; a connection whose reader has gone ends by this, if by nothing else.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What readers of events share.
#[derive(Debug)]
pub(crate) struct Readers {
    room: Arc<Semaphore>,
    newest: Mutex<Snapshot>,
}

/// The newest overview.
#[derive(Debug, Default)]
struct Snapshot {
    made: Option<Instant>,
    /// How long it took.
    took: Duration,
    text: String,
    /// Counts the changes.
    number: u64,
}

/// One reader.
struct Reader {
    emulator: Emulator,
    /// The number of the overview that it has.
    has: u64,
    told: Instant,
    closing: Option<watch::Receiver<bool>>,
    _place: OwnedSemaphorePermit,
}

impl Readers {
    pub(crate) fn at_most(readers: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(readers)), newest: Mutex::default() }
    }
}

impl Snapshot {
    fn is_due(&self) -> bool {
        self.made.is_none_or(|made| made.elapsed() >= PACE.max(self.took * SHARE))
    }
}

impl Emulator {
    /// A stream of events, until its reader goes or the server closes; refused when there are too many.
    pub(crate) fn events(&self, closing: Option<watch::Receiver<bool>>) -> Response<Body> {
        let Ok(place) = Arc::clone(&self.inner.readers.room).try_acquire_owned() else {
            let message = "too many pages are open: close one of them and load this one again";
            return json_response(503, Some(&json!({"message": message}))).map(Body::from);
        };
        let reader = Reader { emulator: self.clone(), has: 0, told: Instant::now(), closing, _place: place };
        let events = futures::stream::unfold(reader, |mut reader| async move {
            let event = reader.next().await?;
            Some((Ok::<_, Infallible>(Bytes::from(event)), reader))
        });
        let mut response = Response::new(Body::from_stream(events));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// The newest overview and its number.
    async fn newest(&self, has: u64) -> (u64, Option<String>) {
        let mut newest = self.inner.readers.newest.lock().await;
        if newest.is_due() {
            let begun = Instant::now();
            let text = self.overview().to_string();
            newest.made = Some(begun);
            newest.took = begun.elapsed();
            if newest.text != text {
                newest.text = text;
                newest.number += 1;
            }
        }
        (newest.number, (newest.number != has).then(|| newest.text.clone()))
    }

    /// What the page shows first. Without the time, which alone is no change.
    pub(crate) fn overview(&self) -> Value {
        let mut core = self.core();
        let now = self.now();
        core.state.run_until(now);
        let calls = core.ledger.calls();
        let faults = core.faults.all();
        json!({
            "scopes": core.state.overview(now),
            "calls": calls.iter().rev().take(LAST).map(short).collect::<Vec<_>>(),
            "callsTotal": calls.len(),
            "callsForgotten": core.ledger.forgotten(),
            "faults": faults.iter().rev().take(LAST).collect::<Vec<_>>(),
            "faultsTotal": faults.len(),
        })
    }
}

/// So many calls and faults are shown, the newest first.
const LAST: usize = 25;

/// A call without its parameters, which may have megabytes.
fn short(call: &crate::ledger::CallRecord) -> Value {
    json!({
        "sequence": call.sequence,
        "time": call.time,
        "account": call.account,
        "region": call.region,
        "service": call.service,
        "operation": call.operation,
        "status": call.status,
        "errorCode": call.error_code,
        "fault": call.fault,
        "targetArn": call.target_arn,
    })
}

impl Reader {
    /// The next event; `None` when there are no more.
    async fn next(&mut self) -> Option<String> {
        loop {
            let (number, text) = self.emulator.newest(self.has).await;
            if let Some(text) = text {
                self.has = number;
                return Some(self.event("overview", &text));
            }
            if self.told.elapsed() >= HEARTBEAT {
                return Some(self.event("time", "null"));
            }
            let closed = async {
                match &mut self.closing {
                    Some(closing) => drop(closing.wait_for(|closing| *closing).await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(PACE) => {}
                () = closed => return None,
            }
        }
    }

    fn event(&mut self, name: &str, data: &str) -> String {
        self.told = Instant::now();
        // JSON has no line breaks, which would end the data.
        format!(
            "event: {name}\nid: {}\ndata: {{\"now\": {}, \"shows\": {data}}}\n\n",
            self.has,
            json!(self.emulator.now())
        )
    }
}
