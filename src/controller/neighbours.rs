//! Live reads of what lies beside the objects of a kind: `ConfigMaps`, the definition, owners. I/O.

use std::collections::BTreeMap;

use greengrass_operator_core::deployment::knowledge::OwnerFound;
use greengrass_operator_core::deployment::references::ConfigMapFound;
use greengrass_operator_core::names::ObjectName;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::core::PartialObjectMeta;

use super::objects::{ApiError, Namespaces, Objects};
use crate::telemetry::metrics::Verb;

impl Objects {
    /// A `ConfigMap` as etcd has it now. That the operator may not read it is an answer too: it belongs on the resource.
    pub async fn config_map(&self, namespace: &str, name: &str) -> Result<ConfigMapFound, ApiError> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        match self.call(Verb::Get, api.get(name)).await {
            Ok(found) => {
                Ok(ConfigMapFound::Data(found.data.unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>()))
            }
            Err(ApiError::Gone) => Ok(ConfigMapFound::Missing),
            Err(ApiError::Denied(answer)) => Ok(ConfigMapFound::Denied(answer)),
            Err(error) => Err(error),
        }
    }

    /// Whether the kind's definition is being deleted, and with it every object. Where the operator may not see it, it is taken
    /// not to be: then each object goes by its own policy.
    pub async fn is_definition_going(&self) -> Result<bool, ApiError> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let name = format!("{}.{}", self.resource().plural, self.resource().group);
        match self.call(Verb::Get, api.get_metadata(&name)).await {
            Ok(PartialObjectMeta { metadata, .. }) => Ok(metadata.deletion_timestamp.is_some()),
            Err(ApiError::Gone) => Ok(true),
            Err(ApiError::Denied(answer)) => {
                tracing::debug!(answer, "the definition can't be read; it is taken to stay");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether an object of the kind exists. Only the API server's own "not found" says that it does not.
    pub async fn owner(&self, name: &ObjectName) -> OwnerFound {
        let is_watched = match self.namespaces() {
            Namespaces::All => true,
            Namespaces::Only(names) => names.contains(&*name.namespace),
        };
        if !is_watched {
            return OwnerFound::Exists;
        }
        match self.get_live(name).await {
            Ok(None) => OwnerFound::Gone,
            Ok(Some(_)) | Err(_) => OwnerFound::Exists,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;
    use serde_json::json;

    use super::super::mock::{Answer, objects_answering, stored};
    use super::*;

    fn name() -> ObjectName {
        ObjectName { namespace: "press".into(), name: "a".into() }
    }

    #[rstest]
    #[case::there(Answer::ok(&stored("a", 7)), OwnerFound::Exists)]
    #[case::not_there(Answer::error(404, "NotFound", "no"), OwnerFound::Gone)]
    #[case::denied(Answer::error(403, "Forbidden", "no"), OwnerFound::Exists)]
    #[case::failing(Answer::error(500, "InternalError", "no"), OwnerFound::Exists)]
    #[case::a_page_of_a_proxy(Answer::page(404, "nothing here"), OwnerFound::Exists)]
    #[tokio::test]
    async fn only_not_found_says_that_an_owner_is_gone(#[case] answer: Answer, #[case] expected: OwnerFound) {
        let (objects, _) = objects_answering([answer]);
        assert_eq!(objects.owner(&name()).await, expected);
    }

    #[tokio::test]
    async fn an_owner_in_a_namespace_that_is_not_watched_counts_as_there_without_asking() {
        let (mut objects, requests) = objects_answering([]);
        objects.namespaces = Namespaces::Only(BTreeSet::from(["other".to_owned()]));
        assert_eq!(objects.owner(&name()).await, OwnerFound::Exists);
        assert!(requests.all().is_empty());
    }

    #[tokio::test]
    async fn a_config_map_is_its_data_missing_or_denied() {
        let data = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}, "data": {"k": "v"}});
        let (objects, requests) = objects_answering([
            Answer::ok(&data),
            Answer::error(404, "NotFound", "no"),
            Answer::error(403, "Forbidden", "rbac"),
        ]);
        let found = ConfigMapFound::Data([("k".to_owned(), "v".to_owned())].into());
        assert_eq!(objects.config_map("press", "s").await, Ok(found));
        assert_eq!(objects.config_map("press", "s").await, Ok(ConfigMapFound::Missing));
        assert_eq!(objects.config_map("press", "s").await, Ok(ConfigMapFound::Denied("rbac".into())));
        assert_eq!(requests.all()[0].uri, "/api/v1/namespaces/press/configmaps/s");
    }

    #[tokio::test]
    async fn a_definition_goes_when_it_is_marked_or_gone() {
        let definition = |deleted: Option<&str>| {
            let metadata = json!({"name": "x", "deletionTimestamp": deleted});
            Answer::ok(&json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata}))
        };
        let (objects, _) = objects_answering([
            definition(None),
            definition(Some("2026-11-23T10:00:00Z")),
            Answer::error(404, "NotFound", "no"),
            Answer::error(403, "Forbidden", "no"),
        ]);
        for going in [false, true, true, false] {
            assert_eq!(objects.is_definition_going().await, Ok(going));
        }
    }
}
