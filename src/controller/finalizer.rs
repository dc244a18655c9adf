//! Sets and removes the operator's finalizer. I/O.
//!
//! A JSON merge patch that names resourceVersion and uid and the whole list: it touches nothing but the list, and fails
//! with 409 if the object has changed in any way since the list was read. (A JSON patch with `test` answers the same
//! race with 422, as it does an object that its schema refuses, so the two could not be told apart.)

use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::objects::{ApiError, FIELD_MANAGER, Objects, to_record};
use super::record::Record;
use crate::telemetry::metrics::Verb;

impl Objects {
    /// Adds a finalizer. Returns the object's new version; the one given, if it has the finalizer already.
    pub async fn add_finalizer(&self, record: &Record, finalizer: &str) -> Result<Record, ApiError> {
        if record.has_finalizer(finalizer) {
            return Ok(record.clone());
        }
        let finalizers = record.finalizers.iter().map(|present| &**present).chain([finalizer]).collect();
        self.write_finalizers(record, finalizers).await
    }

    /// Removes a finalizer. Returns the object's new version; `None` if the object is gone, which is as good.
    pub async fn remove_finalizer(&self, record: &Record, finalizer: &str) -> Result<Option<Record>, ApiError> {
        if !record.has_finalizer(finalizer) {
            return Ok(Some(record.clone()));
        }
        let finalizers = record.finalizers.iter().map(|present| &**present).filter(|present| *present != finalizer);
        match self.write_finalizers(record, finalizers.collect()).await {
            Ok(record) => Ok(Some(record)),
            Err(ApiError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn write_finalizers(&self, record: &Record, finalizers: Vec<&str>) -> Result<Record, ApiError> {
        let patch = Patch::Merge(json!({"metadata": {
            "uid": record.uid,
            "resourceVersion": record.resource_version.to_string(),
            "finalizers": finalizers,
        }}));
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let api = self.api_of(&record.name);
        to_record(self.call(Verb::Patch, api.patch(&record.name.name, &params, &patch)).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::mock::{Answer, objects_answering, stored};
    use super::super::record::tests::record;
    use super::*;

    const OURS: &str = "greengrass-operator.dev/deployment";

    fn with_finalizers(finalizers: &[&str]) -> Record {
        Record { finalizers: finalizers.iter().map(|text| (*text).into()).collect(), ..record("a", 7) }
    }

    #[tokio::test]
    async fn a_finalizer_is_added_behind_those_of_others_on_the_version_that_was_read() {
        let (objects, requests) = objects_answering([Answer::ok(&stored("a", 8))]);
        let after = objects.add_finalizer(&with_finalizers(&["example.com/x"]), OURS).await.unwrap();
        assert_eq!(after.resource_version.0, 8);
        let request = requests.one();
        assert_eq!((request.method.as_str(), request.content_type.as_str()), ("PATCH", "application/merge-patch+json"));
        assert_eq!(
            request.body,
            json!({"metadata": {"uid": "uid-a", "resourceVersion": "7", "finalizers": ["example.com/x", OURS]}})
        );
    }

    #[tokio::test]
    async fn only_our_own_finalizer_is_removed() {
        let (objects, requests) = objects_answering([Answer::ok(&stored("a", 8))]);
        objects.remove_finalizer(&with_finalizers(&[OURS, "example.com/x"]), OURS).await.unwrap().unwrap();
        assert_eq!(requests.one().body["metadata"]["finalizers"], json!(["example.com/x"]));
    }

    #[tokio::test]
    async fn nothing_is_written_for_a_finalizer_that_is_as_wanted() {
        let (objects, requests) = objects_answering([]);
        objects.add_finalizer(&with_finalizers(&[OURS]), OURS).await.unwrap();
        objects.remove_finalizer(&with_finalizers(&[]), OURS).await.unwrap();
        assert!(requests.all().is_empty());
    }

    #[tokio::test]
    async fn removing_it_from_an_object_that_is_gone_is_success_and_a_race_is_a_conflict() {
        let (objects, _) =
            objects_answering([Answer::error(404, "NotFound", "x"), Answer::error(409, "Conflict", "x")]);
        let record = with_finalizers(&[OURS]);
        assert_eq!(objects.remove_finalizer(&record, OURS).await, Ok(None));
        assert_eq!(objects.remove_finalizer(&record, OURS).await, Err(ApiError::Conflict));
    }
}
