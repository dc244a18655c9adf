//! Writes the status of an object: PUT of the sub-resource, fenced by resourceVersion and uid. I/O.
//!
//! Server-side apply was tried and is no alternative: it can't remove what another manager once owned, takes a wrong uid
//! and fences nothing.

use greengrass_operator_core::trouble::Trouble;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use serde_json::Value;

use super::json::Json;
use super::object::RawObject;
use super::objects::{ApiError, FIELD_MANAGER, Objects, to_record};
use super::record::Record;
use crate::telemetry::metrics::Verb;

/// What became of a status that was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the next step works on the version that a write returned"]
pub enum Published {
    /// The object has it already: nothing was written.
    Unchanged,
    /// It was written; this is the object's new version.
    Written(Box<Record>),
}

impl Objects {
    /// Makes the status of an object `status`, if it is not that already.
    ///
    /// `own_conditions` are the condition types that the operator sets and removes; conditions of other types that are
    /// on the object stay there, after ours. The write fails with [`ApiError::Conflict`] if the object has changed
    /// since `record`, and with [`ApiError::Gone`] if it is gone.
    pub async fn publish(
        &self,
        record: &Record,
        status: &Json,
        own_conditions: &[&str],
    ) -> Result<Published, ApiError> {
        let unreadable = |error| ApiError::Other(format!("the status can't be written: {error}"));
        let mut wanted: Value = status.decode().map_err(unreadable)?;
        keep_foreign_conditions(&mut wanted, record, own_conditions);
        if record.status.as_ref() == Some(&Json::of(&wanted).map_err(unreadable)?) {
            return Ok(Published::Unchanged);
        }
        let object = RawObject {
            api_version: Some(self.resource().api_version.clone()),
            kind: Some(self.resource().kind.clone()),
            metadata: ObjectMeta {
                name: Some(record.name.name.to_string()),
                namespace: Some(record.name.namespace.to_string()).filter(|namespace| !namespace.is_empty()),
                uid: Some(record.uid.to_string()),
                resource_version: Some(record.resource_version.to_string()),
                ..ObjectMeta::default()
            },
            spec: None,
            status: Some(wanted),
        };
        let params = PostParams { dry_run: false, field_manager: Some(FIELD_MANAGER.to_owned()) };
        let api = self.api_of(&record.name);
        let written = self.call(Verb::UpdateStatus, api.replace_status(&record.name.name, &params, &object)).await?;
        Ok(Published::Written(Box::new(to_record(written)?)))
    }
}

/// The message of an event, and AWS's id of the request where the message speaks of its failure.
#[must_use]
pub fn note(message: &str, trouble: Option<&Trouble>) -> String {
    let failure = trouble.map(|trouble| &trouble.failure);
    match failure
        .filter(|failure| message.contains(&failure.to_string()))
        .and_then(|failure| failure.request_id.as_ref())
    {
        Some(id) => format!("{message} (AWS request {id})"),
        None => message.to_owned(),
    }
}

/// Appends the conditions of others that the object has.
fn keep_foreign_conditions(wanted: &mut Value, record: &Record, own: &[&str]) {
    let Some(Ok(present)) = record.status.as_ref().map(Json::decode::<Value>) else {
        return;
    };
    let type_of = |condition: &Value| condition.get("type").and_then(Value::as_str).map(str::to_owned);
    let foreign: Vec<Value> = present
        .get("conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|condition| type_of(condition).is_some_and(|kind| !own.contains(&kind.as_str())))
        .cloned()
        .collect();
    let Some(wanted) = wanted.as_object_mut().filter(|_| !foreign.is_empty()) else {
        return;
    };
    let conditions = wanted.entry("conditions").or_insert_with(|| Value::Array(Vec::new()));
    if let Some(conditions) = conditions.as_array_mut() {
        // A caller that took over the conditions it found has foreign ones in its list too.
        conditions.retain(|condition| type_of(condition).is_some_and(|kind| own.contains(&kind.as_str())));
        conditions.extend(foreign);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::mock::{Answer, objects_answering, stored};
    use super::super::record::tests::record;
    use super::*;

    fn with_status(version: u64, status: &Value) -> Record {
        Record { status: Some(Json::of(status).unwrap()), ..record("a", version) }
    }

    fn condition(kind: &str, status: &str) -> Value {
        json!({"type": kind, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-11-23T10:00:00Z"})
    }

    #[tokio::test]
    async fn a_status_goes_out_alone_with_the_version_and_uid_it_was_decided_on() {
        let (objects, requests) = objects_answering([Answer::ok(&stored("a", 8))]);
        let status = Json::of(&json!({"ordinal": 1})).unwrap();
        let written = objects.publish(&record("a", 7), &status, &["Ready"]).await.unwrap();
        let Published::Written(written) = written else { panic!("{written:?}") };
        assert_eq!(written.resource_version.0, 8);
        let request = requests.one();
        assert_eq!(request.method, "PUT");
        assert!(request.uri.contains("/greengrassdeployments/a/status?"), "{}", request.uri);
        assert_eq!(
            request.body,
            json!({
                "apiVersion": "greengrass-operator.dev/v1alpha1", "kind": "GreengrassDeployment",
                "metadata": {"name": "a", "namespace": "press", "uid": "uid-a", "resourceVersion": "7"},
                "status": {"ordinal": 1},
            })
        );
    }

    #[tokio::test]
    async fn an_equal_status_is_not_written() {
        let (objects, requests) = objects_answering([]);
        let before = with_status(7, &json!({"ordinal": 1, "conditions": [condition("Ready", "True")]}));
        let status = Json::of(&json!({"conditions": [condition("Ready", "True")], "ordinal": 1})).unwrap();
        assert_eq!(objects.publish(&before, &status, &["Ready"]).await, Ok(Published::Unchanged));
        assert!(requests.all().is_empty());
    }

    #[tokio::test]
    async fn conditions_of_others_stay_and_our_own_go_when_they_are_not_wanted() {
        let (objects, requests) = objects_answering([Answer::ok(&stored("a", 8))]);
        let before = with_status(
            7,
            &json!({"conditions": [condition("Stalled", "True"), condition("example.com/Seen", "True")]}),
        );
        let status = Json::of(&json!({"conditions": [condition("Ready", "True")]})).unwrap();
        let _ = objects.publish(&before, &status, &["Ready", "Stalled"]).await.unwrap();
        assert_eq!(
            requests.one().body["status"]["conditions"],
            json!([condition("Ready", "True"), condition("example.com/Seen", "True")])
        );
    }

    #[tokio::test]
    async fn a_conflict_a_missing_object_and_an_invalid_status_are_told_apart() {
        let (objects, _) = objects_answering([
            Answer::error(409, "Conflict", "the object has been modified"),
            Answer::error(404, "NotFound", "not found"),
            Answer::error(422, "Invalid", "status.ordinal: Invalid value"),
        ]);
        let status = Json::of(&json!({"ordinal": 1})).unwrap();
        let record = record("a", 7);
        assert_eq!(objects.publish(&record, &status, &[]).await, Err(ApiError::Conflict));
        assert_eq!(objects.publish(&record, &status, &[]).await, Err(ApiError::Gone));
        assert_eq!(
            objects.publish(&record, &status, &[]).await,
            Err(ApiError::Other("the API server answered 422: status.ordinal: Invalid value".into()))
        );
    }
}
