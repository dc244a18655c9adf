//! The status of a `SystemInstance`: what the operator remembers, and what it shows. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::status::AppliedTags;

/// What the operator knows of the system instance in AWS. Written by the operator alone; everything that matters in it can be
/// found again from AWS when it is lost.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = json!({ "observedGeneration": -1 })))]
pub struct SystemInstanceStatus {
    /// The `metadata.generation` that the conditions speak of; while it is lower, they speak of an older spec. -1 until the
    /// operator has looked at the resource. Example: `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What is the case, one entry per type. `Ready`: the system instance is as the spec says and runs; always present.
    /// `Reconciling`: the operator or AWS is at work on it; only when True. `Stalled`: a person has to act; only when True.
    /// `Synced`: AWS was read and has what the spec says; always present. `RolledOut`: it runs where it should; always present.
    /// `Suspended`: `spec.suspend` holds writes back; only when True. `Advisory`: it works, and something deserves a look; only when
    /// True. Example: `{type: Ready, status: "True", reason: Deployed}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// Id of the system instance. In AWS: `id`. Example: `urn:tdm:us-west-2/123456789012/default:deployment:Room218`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// ARN of the system instance. In AWS: `arn`. Example:
    /// `arn:aws:iotthingsgraph:us-west-2:123456789012:Deployment/default/Room218`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// What AWS says of its deployment: `NOT_DEPLOYED`, `BOOTSTRAP`, `DEPLOY_IN_PROGRESS`, `DEPLOYED_IN_TARGET`,
    /// `UNDEPLOY_IN_PROGRESS`, `FAILED`, `PENDING_DELETE` or `DELETED_IN_TARGET`. In AWS: `status`. Example: `DEPLOYED_IN_TARGET`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Name of the Greengrass group that it was made for. In AWS: `greengrassGroupName`. Example: `Room218Group`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greengrass_group_name: Option<String>,
    /// Id of that group. In AWS: `greengrassGroupId`. Example: `a1b2c3d4-5678-90ab-cdef-EXAMPLE11111`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greengrass_group_id: Option<String>,
    /// Id of the version of the group that it was deployed with. In AWS: `greengrassGroupVersionId`. Example:
    /// `a1b2c3d4-5678-90ab-cdef-EXAMPLE22222`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greengrass_group_version_id: Option<String>,
    /// Id of the last deployment to the group that the operator began. AWS tells it once, in the answer to
    /// `DeploySystemInstance`: absent where that answer was lost, and for `CLOUD`. In AWS: `greengrassDeploymentId`. Example:
    /// `a1b2c3d4-5678-90ab-cdef-EXAMPLE33333`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub greengrass_deployment_id: Option<String>,
    /// When AWS created it. In AWS: `createdAt`. Example: `2026-11-23T12:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub created_at: Option<Timestamp>,
    /// When its status last changed in AWS. In AWS: `updatedAt`. Example: `2026-11-23T12:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub updated_at: Option<Timestamp>,
    /// Digest of what it was created with, by which the operator sees whether the spec asks for another. Example: `1:3f9c…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_digest: Option<String>,
    /// The newest `metadata.generation` whose content that is. Example: `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_generation: Option<i64>,
    /// Whether it was last brought to run (`true`) or not to run (`false`): what differs from it later was somebody else's doing.
    /// Absent: neither was reached yet. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<bool>,
    /// How often a deployment that failed in AWS was tried again since the last one that worked; each waits longer. Absent: none
    /// was. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<i64>,
    /// The step that is being made, recorded before its request goes to AWS. Absent: none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<SystemInstanceIntent>,
    /// The system instance of another name that this one takes the place of, until that is undeployed and deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<SystemInstanceReference>,
    /// The system instance that the operator last deleted: a read that shows it still is an old one. Absent: none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<SystemInstanceReference>,
    /// The tags of the spec as they were last applied in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_tags: Option<AppliedTags>,
    /// Name of the AwsIdentity through which AWS was last reached. A hint for people: nothing is decided by it. Example: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// The deletion policy as last read from the spec: what a deletion goes by when the spec can't be read any more.
    /// Example: `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<String>,
    /// The last value of the annotation `greengrass-operator.dev/reconcile-at` that was handled. Example:
    /// `2026-11-23T12:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The last value of the annotation `greengrass-operator.dev/redeploy-at` that was handled. Example:
    /// `2026-11-23T12:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_redeploy_at: Option<String>,
}

/// A step that is being made: written before its request goes out.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemInstanceIntent {
    /// What is being done: `Create`, `Deploy`, `Undeploy` or `Delete`. Example: `Deploy`.
    pub operation: String,
    /// Id of the system instance that it is done to.
    pub id: String,
    /// Digest of the content that is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Hash of the annotation `greengrass-operator.dev/redeploy-at` that the step answers, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeploy: Option<String>,
    /// `updatedAt` of the system instance when the step was decided: a later one shows that it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub base: Option<Timestamp>,
    /// When the step was recorded. Example: `2026-11-23T12:00:00Z`.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
}

/// One system instance: an id can have others, one after the other.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemInstanceReference {
    /// Its id. Example: `urn:tdm:us-west-2/123456789012/default:deployment:Room217`.
    pub id: String,
    /// When AWS created it: one that was created later under this id is another. Example: `2026-11-23T12:00:00Z`.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
}
