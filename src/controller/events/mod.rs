//! Publishes events about objects. I/O.
//!
//! kube's own recorder loses the note of an event that happens again under the same reason; here what is one event is
//! decided by everything that a reader sees. An event is a courtesy: that one can't be published is logged, no more.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use serde_json::json;
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::aws::Leadership;
use crate::controller::clock::Clock;
use crate::controller::objects::FIELD_MANAGER;
use crate::controller::record::Record;
use crate::telemetry::metrics::{KubernetesOutcome, Metrics, Verb};

/// The API server's limit for notes, in bytes.
const NOTE_LIMIT: usize = 1024;
/// The API server's limit for reasons and for the reporting instance, in bytes.
const WORD_LIMIT: usize = 128;
/// An object's name may take 253 bytes, and so may an event's, which has a dot and up to 32 digits more.
const NAME_LIMIT: usize = 253 - 33;
/// A turn waits for its events; they must not hold it up.
const PUBLISH_LIMIT: Duration = Duration::from_secs(5);
/// An event that happens again is counted on the server at most this often: a back-off of seconds would otherwise be a
/// write each time.
const COUNT_INTERVAL: Duration = Duration::from_mins(1);
/// An API server keeps events for an hour; after that a repeated one is a new one.
const LIFETIME: Duration = Duration::from_hours(1);
/// At some 150 bytes each: 150 KiB.
const REMEMBERED: usize = 1024;

/// Publishes events; clones share what they remember.
#[derive(Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    api_version: String,
    kind: String,
    instance: String,
    clock: Clock,
    metrics: Metrics,
    leadership: Arc<dyn Leadership>,
    /// By the hash of all that makes an event the same.
    known: Mutex<BTreeMap<u64, Known>>,
    published: AtomicI32,
}

#[derive(Clone, Debug)]
struct Known {
    name: String,
    count: i32,
    counted_at: Instant,
    seen_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Severity {
    Normal,
    Warning,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// What is to be done for an occurrence.
#[derive(Debug)]
enum Step {
    Create(String),
    Count { name: String, count: i32 },
    Nothing,
}

impl Events {
    /// A publisher for a kind. `instance` tells this process from others, for example the Pod's name.
    #[must_use]
    pub fn new(
        client: Client,
        resource: &ApiResource,
        instance: &str,
        clock: Clock,
        metrics: Metrics,
        leadership: Arc<dyn Leadership>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                api_version: resource.api_version.clone(),
                kind: resource.kind.clone(),
                instance: cut(instance, WORD_LIMIT).to_owned(),
                clock,
                metrics,
                leadership,
                known: Mutex::default(),
                published: AtomicI32::new(0),
            }),
        }
    }

    /// Something has changed: for the better or as it should (`Normal`), or not (`Warning`).
    pub async fn transition(&self, record: &Record, is_normal: bool, reason: &str, note: &str) {
        let severity = if is_normal { Severity::Normal } else { Severity::Warning };
        self.publish(record, severity, reason, note).await;
    }

    /// Something that deserves a person's attention.
    pub async fn warning(&self, record: &Record, reason: &str, note: &str) {
        self.publish(record, Severity::Warning, reason, note).await;
    }

    async fn publish(&self, record: &Record, severity: Severity, reason: &str, note: &str) {
        // What another process leads, it also tells.
        if !self.inner.leadership.fence().valid() {
            return;
        }
        let (reason, note) = (cut(reason, WORD_LIMIT), cut(note, NOTE_LIMIT));
        let mut hasher = DefaultHasher::new();
        (&record.uid, severity, reason, note).hash(&mut hasher);
        let key = hasher.finish();
        let event = self.event(record, severity, reason, note);
        let published = match self.next_step(key, record) {
            Step::Nothing => return,
            Step::Create(name) => tokio::time::timeout(PUBLISH_LIMIT, self.create(event, name)).await,
            Step::Count { name, count } => {
                tokio::time::timeout(PUBLISH_LIMIT, self.count(key, event, name, count)).await
            }
        };
        let (outcome, error) = match published {
            Ok(Ok(())) => (KubernetesOutcome::Ok, None),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                (KubernetesOutcome::Denied, Some(status.message.clone()))
            }
            Ok(Err(error)) => (KubernetesOutcome::Failed, Some(error.to_string())),
            Err(_) => (KubernetesOutcome::Failed, Some(format!("no answer within {} s", PUBLISH_LIMIT.as_secs()))),
        };
        self.inner.metrics.kubernetes_call(Verb::Event, outcome);
        if let Some(error) = error {
            // So that the next occurrence tries anew.
            self.known().remove(&key);
            warn!(object = %record.name, reason, error, "event could not be published");
        }
    }

    /// Decides on an occurrence, and remembers it.
    fn next_step(&self, key: u64, record: &Record) -> Step {
        let now = Instant::now();
        let mut known = self.known();
        if let Some(series) = known.get_mut(&key).filter(|series| series.seen_at + LIFETIME > now) {
            series.seen_at = now;
            series.count = series.count.saturating_add(1);
            if series.counted_at + COUNT_INTERVAL > now {
                return Step::Nothing;
            }
            series.counted_at = now;
            return Step::Count { name: series.name.clone(), count: series.count };
        }
        if known.len() >= REMEMBERED
            && let Some(oldest) = known.iter().min_by_key(|(_, series)| series.seen_at).map(|(key, _)| *key)
        {
            known.remove(&oldest);
        }
        let name = self.fresh_name(&record.name.name);
        known.insert(key, Known { name: name.clone(), count: 1, counted_at: now, seen_at: now });
        Step::Create(name)
    }

    fn fresh_name(&self, object: &str) -> String {
        // The number tells apart what one process publishes within one tick of its clock.
        let number = self.inner.published.fetch_add(1, Ordering::Relaxed);
        let nanos = self.inner.clock.now().as_nanosecond();
        format!("{}.{nanos:x}{:x}", cut(object, NAME_LIMIT).trim_end_matches(['.', '-']), number & 0xffff)
    }

    fn event(&self, record: &Record, severity: Severity, reason: &str, note: &str) -> Event {
        let namespace = Some(record.name.namespace.to_string()).filter(|namespace| !namespace.is_empty());
        Event {
            metadata: ObjectMeta {
                // Events about cluster-scoped objects live in the namespace "default".
                namespace: Some(namespace.clone().unwrap_or_else(|| "default".to_owned())),
                ..ObjectMeta::default()
            },
            action: Some("Reconcile".to_owned()),
            event_time: Some(MicroTime(self.inner.clock.now())),
            note: Some(note.to_owned()),
            reason: Some(reason.to_owned()),
            regarding: Some(ObjectReference {
                api_version: Some(self.inner.api_version.clone()),
                kind: Some(self.inner.kind.clone()),
                name: Some(record.name.name.to_string()),
                namespace,
                resource_version: Some(record.resource_version.to_string()),
                uid: Some(record.uid.to_string()),
                field_path: None,
            }),
            reporting_controller: Some("greengrass-operator.dev/greengrass-operator".to_owned()),
            reporting_instance: Some(self.inner.instance.clone()),
            type_: Some(severity.as_str().to_owned()),
            ..Event::default()
        }
    }

    fn api_of(&self, event: &Event) -> Api<Event> {
        let namespace = event.metadata.namespace.as_deref().unwrap_or("default");
        Api::namespaced(self.inner.client.clone(), namespace)
    }

    async fn create(&self, mut event: Event, name: String) -> Result<(), kube::Error> {
        event.metadata.name = Some(name);
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        self.api_of(&event).create(&params, &event).await.map(|_| ())
    }

    async fn count(&self, key: u64, event: Event, name: String, count: i32) -> Result<(), kube::Error> {
        let patch = Patch::Merge(json!({"series": {"count": count, "lastObservedTime": event.event_time}}));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match self.api_of(&event).patch(&name, &params, &patch).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => {
                debug!(event = name, "event has expired and is created again");
                let name = self.fresh_name(&name_of(&event));
                if let Some(series) = self.known().get_mut(&key) {
                    series.name.clone_from(&name);
                    series.count = 1;
                }
                self.create(event, name).await
            }
            Err(error) => Err(error),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<u64, Known>> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(event: &Event) -> String {
    event.regarding.as_ref().and_then(|regarding| regarding.name.clone()).unwrap_or_default()
}

/// The longest beginning of at most that many bytes that does not end within a character.
fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}
