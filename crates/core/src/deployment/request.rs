//! A `CreateDeployment` request, whole. Pure.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::api::{DeploymentPolicies, IotJobConfiguration, RunWith};

/// What `CreateDeployment` takes, but its token: the same value is always the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentRequest {
    /// The thing or thing group.
    pub target_arn: String,
    /// The parent's thing group.
    pub parent_target_arn: Option<String>,
    /// The name that AWS shows.
    pub deployment_name: String,
    /// Components by name.
    pub components: BTreeMap<String, ComponentRequest>,
    /// How devices apply it.
    pub deployment_policies: Option<DeploymentPolicies>,
    /// How it is rolled out.
    pub iot_job_configuration: Option<IotJobConfiguration>,
    /// All tags: the user's and the operator's.
    pub tags: BTreeMap<String, String>,
}

/// One component of a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentRequest {
    /// Exact version.
    pub component_version: String,
    /// JSON text.
    pub merge: Option<String>,
    /// JSON pointers.
    pub reset: Vec<String>,
    /// User and limits.
    pub run_with: Option<RunWith>,
}
