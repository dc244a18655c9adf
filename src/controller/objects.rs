//! Calls to the API server about the objects of a kind: live reads, and what all writes share. I/O.
//!
//! Every call has a time limit, and none is repeated here: kube's own retries are off, the queue brings the object back. Writes
//! go out only while this process leads; reads may go on.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use greengrass_operator_core::names::ObjectName;
use kube::api::ListParams;
use kube::core::ApiResource;
use kube::{Api, Client};
use thiserror::Error;

use super::object::RawObject;
use super::record::Record;
use crate::aws::Leadership;
use crate::telemetry::metrics::{KubernetesOutcome, Metrics, Verb};

/// A healthy API server answers within a second, one under load within a few; kube itself would wait for ever.
const CALL_LIMIT: Duration = Duration::from_secs(10);
/// A list of claimants or children is short; a page of 500 is what kubectl takes.
const PAGE: u32 = 500;
/// The name under which writes appear in managedFields and the audit log.
pub const FIELD_MANAGER: &str = "greengrass-operator";

/// The namespaces that the operator looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// Every one, those of the future too.
    #[default]
    All,
    /// These.
    Only(BTreeSet<String>),
}

impl Namespaces {
    /// One entry for each list or watch that is needed: `None` stands for the whole cluster.
    #[must_use]
    pub fn each(&self) -> Vec<Option<&str>> {
        match self {
            Self::All => vec![None],
            Self::Only(names) => names.iter().map(|name| Some(name.as_str())).collect(),
        }
    }
}

/// Why the API server did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApiError {
    /// Somebody else wrote first: look again.
    #[error("the object has changed since it was read")]
    Conflict,
    /// The object does not exist any more, or is another one with the same name.
    #[error("the object is gone")]
    Gone,
    /// This process does not lead any more: nothing was sent.
    #[error("this replica does not lead any more")]
    Fenced,
    /// The operator may not do this.
    #[error("denied by the API server: {0}")]
    Denied(String),
    /// Anything else. The write may have been carried out if no answer came.
    #[error("{0}")]
    Other(String),
}

/// The objects of a kind, as the API server has them.
#[derive(Clone)]
pub struct Objects {
    pub(super) client: Client,
    resource: ApiResource,
    pub(super) namespaces: Namespaces,
    metrics: Metrics,
    leadership: Arc<dyn Leadership>,
}

impl Objects {
    /// The objects of a kind in the namespaces that the operator looks at.
    #[must_use]
    pub fn new(
        client: Client,
        resource: ApiResource,
        namespaces: Namespaces,
        metrics: Metrics,
        leadership: Arc<dyn Leadership>,
    ) -> Self {
        Self { client, resource, namespaces, metrics, leadership }
    }

    /// The kind.
    #[must_use]
    pub fn resource(&self) -> &ApiResource {
        &self.resource
    }

    /// The namespaces.
    #[must_use]
    pub fn namespaces(&self) -> &Namespaces {
        &self.namespaces
    }

    /// The object as etcd has it now; no cache can answer this.
    pub async fn get_live(&self, name: &ObjectName) -> Result<Option<Record>, ApiError> {
        match self.call(Verb::Get, self.api_of(name).get(&name.name)).await {
            Ok(object) => to_record(object).map(Some),
            Err(ApiError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The objects that have this value in a selectable field, as etcd has them now, by name. The field is written without
    /// the leading dot that it has in the definition.
    pub async fn list_live_by_field(&self, field: &str, value: &str) -> Result<Vec<Record>, ApiError> {
        let selector = format!("{field}={}", escape_selector(value));
        let mut found = Vec::new();
        for namespace in self.namespaces.each() {
            let api = self.api_in(namespace);
            let mut params = ListParams::default().fields(&selector).limit(PAGE);
            loop {
                let page = self.call(Verb::List, api.list(&params)).await?;
                for object in page.items {
                    found.push(to_record(object)?);
                }
                match page.metadata.continue_.filter(|token| !token.is_empty()) {
                    Some(token) => params = params.continue_token(&token),
                    None => break,
                }
            }
        }
        found.sort_by(|one: &Record, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// The API of a namespace, or of the cluster.
    pub(super) fn api_in(&self, namespace: Option<&str>) -> Api<RawObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &self.resource),
            None => Api::all_with(self.client.clone(), &self.resource),
        }
    }

    pub(super) fn api_of(&self, name: &ObjectName) -> Api<RawObject> {
        // A cluster-scoped object has no namespace.
        self.api_in(Some(&*name.namespace).filter(|namespace| !namespace.is_empty()))
    }

    /// Makes a call within the time limit, and counts it.
    pub(super) async fn call<T>(
        &self,
        verb: Verb,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, ApiError> {
        // Right before the request goes out: a process that slept must not write over what another one has done since.
        if verb.is_write() && !self.leadership.fence().valid() {
            return Err(ApiError::Fenced);
        }
        let result = match tokio::time::timeout(CALL_LIMIT, call).await {
            Ok(result) => result.map_err(|error| classify(&error)),
            Err(_) => Err(ApiError::Other(format!("no answer from the API server within {} s", CALL_LIMIT.as_secs()))),
        };
        let outcome = match &result {
            Ok(_) => KubernetesOutcome::Ok,
            Err(ApiError::Conflict) => KubernetesOutcome::Conflict,
            Err(ApiError::Gone) => KubernetesOutcome::NotFound,
            Err(ApiError::Denied(_)) => KubernetesOutcome::Denied,
            Err(ApiError::Other(_) | ApiError::Fenced) => KubernetesOutcome::Failed,
        };
        self.count(verb, outcome);
        result
    }

    /// Counts a call that is made elsewhere.
    pub(super) fn count(&self, verb: Verb, outcome: KubernetesOutcome) {
        self.metrics.kubernetes_call(verb, outcome);
    }
}

/// What an answer means as a record.
pub(super) fn to_record(object: RawObject) -> Result<Record, ApiError> {
    Record::of(object).map_err(|error| ApiError::Other(format!("the API server's answer is no object: {error}")))
}

/// What became of a call, in words that hold no body.
pub(crate) fn classify(error: &kube::Error) -> ApiError {
    let kube::Error::Api(status) = error else {
        // Debug and Display of the other variants can carry whole bodies.
        return ApiError::Other(format!("the API server can't be reached: {}", root_cause(error)));
    };
    match status.code {
        401 | 403 => ApiError::Denied(status.message.clone()),
        // Only what names an object speaks of it: a proxy's page and a missing definition are 404 as well.
        404 if status.details.as_ref().is_some_and(|details| !details.name.is_empty()) => ApiError::Gone,
        // Another object has the name now: its uid is not the one that the write names. (A PUT says it the first way,
        // a PATCH the second.)
        409 | 422
            if status.message.contains("Precondition failed: UID")
                || status.message.contains("metadata.uid: Invalid value") =>
        {
            ApiError::Gone
        }
        409 => ApiError::Conflict,
        code => ApiError::Other(format!("the API server answered {code}: {}", status.message)),
    }
}

fn root_cause(error: &kube::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string().chars().take(300).collect()
}

/// Comma, equals and backslash separate selectors.
fn escape_selector(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ',' | '=' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use serde_json::json;

    use super::super::json::Json;
    use super::super::mock::{Answer, client_answering, objects, objects_answering, objects_by, stored};
    use super::super::record::tests::record;
    use super::*;
    use crate::aws::{BootTime, Fence, SystemBootClock};

    #[tokio::test]
    async fn a_live_read_asks_for_no_cached_version() {
        let (objects, requests) = objects_answering([Answer::ok(&stored("a", 7))]);
        let live = objects.get_live(&record("a", 0).name).await.unwrap().unwrap();
        assert_eq!(live.resource_version.0, 7);
        let request = requests.one();
        assert_eq!(
            (request.method.as_str(), request.uri.as_str()),
            ("GET", "/apis/greengrass-operator.dev/v1alpha1/namespaces/press/greengrassdeployments/a")
        );
    }

    #[tokio::test]
    async fn who_does_not_lead_reads_and_writes_nothing() {
        struct Nobody;
        impl Leadership for Nobody {
            fn fence(&self) -> Fence {
                Fence::until(BootTime::since_boot(Duration::ZERO), Arc::new(SystemBootClock))
            }
        }
        let (client, requests) = client_answering([Answer::ok(&stored("a", 7))]);
        let objects = Objects { leadership: Arc::new(Nobody), ..objects(client, Namespaces::All) };
        let record = objects.get_live(&record("a", 7).name).await.unwrap().unwrap();
        assert_eq!(objects.add_finalizer(&record, "example.com/x").await, Err(ApiError::Fenced));
        let status = Json::of(&json!({"ordinal": 1})).unwrap();
        assert_eq!(objects.publish(&record, &status, &[]).await, Err(ApiError::Fenced));
        assert_eq!(requests.one().method, "GET");
    }

    #[tokio::test]
    async fn what_is_not_there_is_none_and_what_is_denied_says_so() {
        let (objects, _) =
            objects_answering([Answer::error(404, "NotFound", "no"), Answer::error(403, "Forbidden", "rbac")]);
        assert_eq!(objects.get_live(&record("a", 0).name).await, Ok(None));
        assert_eq!(objects.get_live(&record("a", 0).name).await, Err(ApiError::Denied("rbac".into())));
    }

    #[tokio::test]
    async fn claimants_are_listed_in_every_namespace_page_by_page() {
        let page = |names: &[&str], token: &str| {
            let items: Vec<_> = names.iter().map(|name| stored(name, 3)).collect();
            Answer::ok(&json!({"metadata": {"resourceVersion": "9", "continue": token}, "items": items}))
        };
        let (objects, requests) = objects_answering([page(&["b"], "more"), page(&["a"], "")]);
        let found = objects.list_live_by_field("status.resolved.targetArn", "arn:aws:iot:r:1:thing/x").await.unwrap();
        let names: Vec<_> = found.iter().map(|record| &*record.name.name).collect();
        assert_eq!(names, ["a", "b"]);
        let requests = requests.all();
        assert!(requests[0].uri.contains("fieldSelector=status.resolved.targetArn%3Darn"), "{}", requests[0].uri);
        assert!(!requests[0].uri.contains("resourceVersion="), "{}", requests[0].uri);
        assert!(requests[1].uri.contains("continue=more"));
    }

    #[tokio::test]
    async fn a_404_that_names_no_object_is_not_its_end() {
        let page = Answer::page(404, "nothing here");
        let (objects, _) = objects_answering([page]);
        assert!(matches!(objects.get_live(&record("presses", 1).name).await, Err(ApiError::Other(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_ends_in_time() {
        let objects = objects_by(|_| pending());
        let error = objects.get_live(&record("a", 0).name).await.unwrap_err();
        assert_eq!(error, ApiError::Other("no answer from the API server within 10 s".into()));
    }

    #[tokio::test]
    async fn a_write_to_another_object_of_that_name_finds_its_own_gone() {
        let put = "Operation cannot be fulfilled on x \"a\": StorageError: invalid object, Code: 4, \
                   AdditionalErrorMsg: Precondition failed: UID in precondition: 1, UID in object meta: 2";
        let patch = "x \"a\" is invalid: metadata.uid: Invalid value: \"1\": field is immutable";
        let answers = [Answer::error(409, "Conflict", put), Answer::error(422, "Invalid", patch)];
        let (objects, _) = objects_answering(answers);
        let finalizer = "example.com/x";
        assert_eq!(objects.add_finalizer(&record("a", 7), finalizer).await, Err(ApiError::Gone));
        assert_eq!(objects.add_finalizer(&record("a", 7), finalizer).await, Err(ApiError::Gone));
    }

    #[test]
    fn a_selectors_value_cant_add_a_selector() {
        assert_eq!(escape_selector(r"a,b=c\"), r"a\,b\=c\\");
    }
}
