//! What the operator keeps of an object: the few fields that matter, spec and status compressed. Pure.
//!
//! A typed object with its managedFields takes more than 20 KiB; a record between 1 and 2. A record exists for every object that
//! the API server hands out, also for one whose spec this version can't decode: decoding happens when somebody asks.

use std::collections::BTreeMap;
use std::fmt;

use greengrass_operator_core::api::{CANCEL_AT, FLUX_REQUESTED_AT, RECONCILE_AT, REDEPLOY_AT};
use greengrass_operator_core::names::ObjectName;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::json::{DecodeError, Json};
use super::object::RawObject;

/// What the operator keeps of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Namespace and name.
    pub name: ObjectName,
    /// The object's uid.
    pub uid: Box<str>,
    /// The version of the object that this is.
    pub resource_version: ResourceVersion,
    /// Counts changes of spec; the marking for deletion too.
    pub generation: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When somebody asked to delete it.
    pub deleted_at: Option<Timestamp>,
    /// Every finalizer, in the object's order.
    pub finalizers: Box<[Box<str>]>,
    /// The annotations that mean something to the operator.
    pub annotations: Annotations,
    /// The labels of an object that belongs to no namespace; of others nobody asks for them.
    pub labels: BTreeMap<String, String>,
    /// The spec.
    pub spec: Option<Json>,
    /// The status.
    pub status: Option<Json>,
}

/// The annotations that mean something to the operator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// `greengrass-operator.dev/reconcile-at`
    pub reconcile_at: Option<Box<str>>,
    /// `reconcile.fluxcd.io/requestedAt`, the same in Flux's words.
    pub flux_requested_at: Option<Box<str>>,
    /// `greengrass-operator.dev/redeploy-at`
    pub redeploy_at: Option<Box<str>>,
    /// `greengrass-operator.dev/cancel-at`
    pub cancel_at: Option<Box<str>>,
}

impl Annotations {
    /// What asks for a look now: ours, Flux's, or both, in this order with a blank between.
    #[must_use]
    pub fn requested(&self) -> Option<String> {
        let asked: Vec<&str> =
            [&self.reconcile_at, &self.flux_requested_at].into_iter().flatten().map(|text| &**text).collect();
        (!asked.is_empty()).then(|| asked.join(" "))
    }
}

/// A version of an object.
///
/// Versions of objects of one resource type can be compared as numbers: Kubernetes promises it from 1.35 on, and for
/// what is kept in etcd, as custom resources are, it was always so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceVersion(pub u64);

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why something that the API server sent is not even a record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotARecord {
    /// A field that every stored object has is missing.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// Its version is not a number.
    #[error("its resourceVersion '{0}' is not a number")]
    Version(String),
    /// Its content can't be written down again.
    #[error("its content can't be kept: {0}")]
    Content(#[from] DecodeError),
}

impl Record {
    /// Keeps what matters of an object.
    pub fn of(object: RawObject) -> Result<Self, NotARecord> {
        let RawObject { api_version: _, kind: _, metadata, spec, status } = object;
        let version = metadata.resource_version.ok_or(NotARecord::Missing("resourceVersion"))?;
        let Ok(resource_version) = version.parse().map(ResourceVersion) else {
            return Err(NotARecord::Version(version));
        };
        let labels = metadata.labels.filter(|_| metadata.namespace.is_none()).unwrap_or_default();
        let mut annotations = metadata.annotations.unwrap_or_default();
        let mut take = |key: &str| annotations.remove(key).map(String::into_boxed_str);
        Ok(Self {
            name: ObjectName {
                namespace: metadata.namespace.unwrap_or_default().into(),
                name: metadata.name.ok_or(NotARecord::Missing("name"))?.into(),
            },
            uid: metadata.uid.ok_or(NotARecord::Missing("uid"))?.into_boxed_str(),
            resource_version,
            generation: metadata.generation.unwrap_or_default(),
            created_at: metadata.creation_timestamp.ok_or(NotARecord::Missing("creationTimestamp"))?.0,
            deleted_at: metadata.deletion_timestamp.map(|time| time.0),
            finalizers: metadata.finalizers.unwrap_or_default().into_iter().map(String::into_boxed_str).collect(),
            annotations: Annotations {
                reconcile_at: take(RECONCILE_AT),
                flux_requested_at: take(FLUX_REQUESTED_AT),
                redeploy_at: take(REDEPLOY_AT),
                cancel_at: take(CANCEL_AT),
            },
            labels,
            spec: spec.as_ref().map(Json::of_value).transpose()?,
            status: status.as_ref().map(Json::of_value).transpose()?,
        })
    }

    /// Reads the spec as a kind's type; an object without a spec is read as one with an empty spec.
    pub fn decode_spec<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        match &self.spec {
            Some(spec) => spec.decode(),
            None => Json::of(&serde_json::Map::new())?.decode(),
        }
    }

    /// Reads the status as a kind's type, if there is one.
    pub fn decode_status<T: DeserializeOwned>(&self) -> Result<Option<T>, DecodeError> {
        self.status.as_ref().map(Json::decode).transpose()
    }

    /// Takes over what is the same from an older version of the object, or from another one that had its name: what is replaced with
    /// every label leaves holes in memory.
    pub fn share_with(&mut self, older: &Self) {
        self.name.clone_from(&older.name);
        if self.spec == older.spec {
            self.spec.clone_from(&older.spec);
        }
        if self.status == older.status {
            self.status.clone_from(&older.status);
        }
    }

    /// Whether that finalizer is set.
    #[must_use]
    pub fn has_finalizer(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|present| **present == *finalizer)
    }

    /// Whether somebody asked to delete the object.
    #[must_use]
    pub fn is_deleting(&self) -> bool {
        self.deleted_at.is_some()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    /// A record of a small object.
    pub(crate) fn record(name: &str, version: u64) -> Record {
        Record::of(
            serde_json::from_value(json!({
                "metadata": {
                    "namespace": "press", "name": name, "uid": format!("uid-{name}"),
                    "resourceVersion": version.to_string(), "generation": 1,
                    "creationTimestamp": "2026-11-23T10:00:00Z",
                },
                "spec": {"targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses"},
            }))
            .unwrap(),
        )
        .unwrap()
    }

    fn as_the_api_server_sends_it() -> Value {
        json!({
            "apiVersion": "greengrass-operator.dev/v1alpha1",
            "kind": "GreengrassDeployment",
            "metadata": {
                "name": "presses", "namespace": "press", "uid": "4c2b8f60-6f0a-4a35-9a3e-0d6f7f7c1b11",
                "resourceVersion": "41234", "generation": 3, "creationTimestamp": "2026-11-23T10:00:00Z",
                "deletionTimestamp": "2026-11-23T11:00:00Z", "deletionGracePeriodSeconds": 0,
                "finalizers": ["greengrass-operator.dev/deployment", "example.com/other"],
                "labels": {"app": "press"},
                "annotations": {
                    "greengrass-operator.dev/redeploy-at": "2",
                    "kubectl.kubernetes.io/last-applied-configuration": "{\"long\": true}",
                },
                "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:targetArn": {}}}}],
            },
            "spec": {
                "targetArn": "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses",
                "components": {
                    "aws.greengrass.Nucleus": {"componentVersion": "2.13.0"},
                    "com.example.Press": {
                        "componentVersion": "1.4.2",
                        "configurationUpdate": {"merge": {"interval": 5, "topic": "press/telemetry"}},
                    },
                },
            },
            "status": {"observedGeneration": 3, "deploymentId": "a1b2", "conditions": [
                {"type": "Ready", "status": "True", "reason": "Deployed", "message": "revision 7 is deployed",
                 "observedGeneration": 3, "lastTransitionTime": "2026-11-23T10:00:05Z"},
            ]},
        })
    }

    #[test]
    fn a_record_keeps_what_matters_and_nothing_else() {
        let object: RawObject = serde_json::from_value(as_the_api_server_sends_it()).unwrap();
        let record = Record::of(object).unwrap();
        assert_eq!(record.name.to_string(), "press/presses");
        assert_eq!(record.resource_version, ResourceVersion(41234));
        assert_eq!(record.generation, 3);
        assert!(record.is_deleting());
        assert!(record.has_finalizer("example.com/other"));
        assert_eq!(record.annotations.redeploy_at.as_deref(), Some("2"));
        assert_eq!(record.annotations.reconcile_at, None);
        assert_eq!(record.decode_spec::<Value>().unwrap(), *as_the_api_server_sends_it().get("spec").unwrap());
    }

    #[derive(Deserialize, Debug)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        #[allow(dead_code, reason = "read for its type")]
        target_arn: String,
    }

    #[test]
    fn an_object_that_the_kind_cant_read_is_a_record_whose_spec_says_why() {
        let object = json!({
            "metadata": {"name": "odd", "namespace": "press", "uid": "u", "resourceVersion": "7",
                         "creationTimestamp": "2026-11-23T10:00:00Z"},
            "spec": {"targetArn": 7},
            "status": "not even an object",
        });
        let record = Record::of(serde_json::from_value(object).unwrap()).unwrap();
        let error = record.decode_spec::<Spec>().unwrap_err();
        assert_eq!(error.to_string(), "invalid type: integer `7`, expected a string");
    }

    #[test]
    fn what_has_no_version_is_no_record() {
        let object = json!({"metadata": {"name": "x", "uid": "u", "creationTimestamp": "2026-11-23T10:00:00Z"}});
        let object: RawObject = serde_json::from_value(object).unwrap();
        assert_eq!(Record::of(object), Err(NotARecord::Missing("resourceVersion")));
    }

    #[test]
    fn a_newer_version_shares_what_it_has_in_common() {
        let older = record("a", 7);
        let status = |ordinal: u64| Some(Json::of(&json!({"ordinal": ordinal})).unwrap());
        let older = Record { status: status(1), ..older };
        let mut newer = Record { status: status(2), ..record("a", 8) };
        let expected = newer.clone();
        newer.share_with(&older);
        assert_eq!(newer, expected, "it says the same");
        assert!(std::sync::Arc::ptr_eq(&newer.name.name, &older.name.name));
        assert!(newer.spec.as_ref().unwrap().is_shared_with(older.spec.as_ref().unwrap()));
        let mut newest = Record { status: status(2), ..record("a", 9) };
        newest.share_with(&newer);
        assert!(newest.status.unwrap().is_shared_with(newer.status.as_ref().unwrap()));
    }

    #[test]
    fn the_size_of_a_record_is_printed() {
        let object: RawObject = serde_json::from_value(as_the_api_server_sends_it()).unwrap();
        let record = Record::of(object).unwrap();
        let heap = record.name.namespace.len()
            + record.name.name.len()
            + record.uid.len()
            + record.finalizers.iter().map(|text| text.len() + size_of_val(text)).sum::<usize>()
            + [&record.spec, &record.status].into_iter().flatten().map(Json::kept_bytes).sum::<usize>();
        let whole = size_of::<Record>() + heap;
        #[allow(clippy::print_stdout, reason = "a measurement, for whoever asks with --nocapture")]
        {
            println!("a record of a two-component deployment: {} + {heap} = {whole} bytes", size_of::<Record>());
        }
        assert!(whole < 4096, "{whole}");
    }
}
