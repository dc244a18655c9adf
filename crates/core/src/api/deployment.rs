//! The `GreengrassDeployment` kind: its spec. Pure.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ComponentDeploymentSpecification, DeploymentPolicies, GreengrassDeploymentStatus,
    IotJobConfiguration,
};

/// What should run on a thing or on the things of a thing group.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[kube(
    group = "greengrass-operator.dev",
    version = "v1alpha1",
    kind = "GreengrassDeployment",
    namespaced,
    status = "GreengrassDeploymentStatus",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct GreengrassDeploymentSpec {
    /// ARN of the thing or thing group.
    pub target_arn: String,
    /// ARN of the parent's thing group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_target_arn: Option<String>,
    /// Name of the deployment in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_name: Option<String>,
    /// Components by name.
    pub components: BTreeMap<String, ComponentDeploymentSpecification>,
    /// Whether `components` may be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_empty: Option<bool>,
    /// How devices apply the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_policies: Option<DeploymentPolicies>,
    /// How the deployment is rolled out to the things of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iot_job_configuration: Option<IotJobConfiguration>,
    /// Tags of the deployment in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, String>>,
    /// What happens in AWS when the resource is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Read and report, but write nothing to AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// What happens in AWS when the resource is deleted.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Default)]
pub enum DeletionPolicy {
    /// Nothing.
    #[default]
    Retain,
    /// The live deployment is cancelled.
    Cancel,
    /// Every revision made by this resource is cancelled and deleted.
    Delete,
}
