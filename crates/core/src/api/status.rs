//! The status of a `GreengrassDeployment`: what the operator remembers, and what it shows. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator knows of the deployment in AWS.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GreengrassDeploymentStatus {
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Number of the last settled change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<i64>,
    /// The change that is being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentStatus>,
    /// Id of the newest revision made by this resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// ARN of that deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_arn: Option<String>,
    /// Status that AWS gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_status: Option<String>,
    /// Its revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
    /// Id of its job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iot_job_id: Option<String>,
    /// ARN of its job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iot_job_arn: Option<String>,
    /// Name of the thing or thing group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    /// Digest of the content of that revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_digest: Option<String>,
    /// The newest generation whose content that revision is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_generation: Option<i64>,
    /// What the spec resolved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolved>,
    /// Deletion policy as last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<String>,
    /// The user's tags as last applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_tags: Option<AppliedTags>,
    /// A deployment of somebody else that stands above ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<ForeignDeployment>,
    /// Last value of `reconcile-at` that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// Last value of `redeploy-at` that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_redeploy_at: Option<String>,
}

/// A change that is being made: written before the first request goes out.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntentStatus {
    /// Number of the change.
    pub ordinal: i64,
    /// How often its content was changed while it was open.
    pub attempt: i64,
    /// Digest of its content.
    pub digest: String,
    /// Hash of `redeploy-at`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeploy: Option<String>,
    /// The parent's newest deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Why the change is made.
    pub cause: String,
    /// SHA-256 of the request but its token.
    pub request: String,
    /// The newest deployment of the target when the change was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// When it was recorded.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
}

/// What the spec resolved to.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    /// AWS account.
    pub account_id: String,
    /// AWS region.
    pub region: String,
    /// ARN of the thing or thing group.
    pub target_arn: String,
    /// ARN of the parent's thing group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_target_arn: Option<String>,
}

/// The user's tags as last applied.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedTags {
    /// Their keys.
    pub keys: Vec<String>,
    /// Digest of keys and values.
    pub digest: String,
}

/// A deployment of somebody else that stands above ours.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForeignDeployment {
    /// Its id.
    pub deployment_id: String,
    /// Value of `redeploy-at` when it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeploy_at: Option<String>,
}
