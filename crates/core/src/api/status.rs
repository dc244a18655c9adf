//! The status of a `GreengrassDeployment`: what the operator remembers, and what it shows. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::devices::{DeviceCounts, DeviceFailure, RevisionRecord};

/// What the operator knows of the deployment in AWS. Written by the operator alone; everything in it can be found again
/// from AWS when it is lost.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
// The only default of the resource: tools that wait see at once that nobody has looked at the object yet.
#[schemars(extend("default" = json!({ "observedGeneration": -1 })))]
pub struct GreengrassDeploymentStatus {
    /// The `metadata.generation` that the conditions speak of; while it is lower, they speak of an older spec. -1 until the
    /// operator has looked at the resource. Example: `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What is the case, one entry per type. `Ready`: the deployment in AWS is what the spec says; always present.
    /// `Reconciling`: the operator is at work on it; only when True. `Stalled`: a person has to act; only when True. `Synced`:
    /// AWS was read and has the wanted revision; always present. `RolledOut`: devices have it; always present. `Suspended`: `spec.suspend` holds writes back; only when
    /// True. `Advisory`: it works, and something deserves a look; only when True. Example: `{type: Ready, status: "True", reason: Deployed}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// Number of the last change that was settled; it only grows. Absent: none was. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<i64>,
    /// The change that is being made, recorded before the first request for it goes to AWS. Absent: none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<IntentStatus>,
    /// Id of the deployment that is the newest revision made by this resource. In AWS: `deploymentId`. Example:
    /// `a1b2c3d4-5678-90ab-cdef-EXAMPLE11111`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// ARN of that deployment, as policies and tagging commands take it. Example:
    /// `arn:aws:greengrass:us-west-2:123456789012:deployments:a1b2c3d4-5678-90ab-cdef-EXAMPLE11111`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_arn: Option<String>,
    /// What AWS says of that deployment. `ACTIVE`: in force. `COMPLETED`: the thing carried it out. `CANCELED`: cancelled.
    /// `FAILED`: it failed on the thing, or the rollout was aborted. `INACTIVE`: a newer revision took its place. In AWS:
    /// `deploymentStatus`. Example: `ACTIVE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_status: Option<String>,
    /// The revision that AWS counts for the target. In AWS: `revisionId`. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
    /// Id of the AWS IoT job that rolls it out; things have none. In AWS: `iotJobId`. Example:
    /// `a1b2c3d4-5678-90ab-cdef-EXAMPLE22222`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iot_job_id: Option<String>,
    /// ARN of that job. In AWS: `iotJobArn`. Example:
    /// `arn:aws:iot:us-west-2:123456789012:job/a1b2c3d4-5678-90ab-cdef-EXAMPLE22222`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iot_job_arn: Option<String>,
    /// Name of the thing or thing group, the last part of its ARN. Example: `MyThingGroup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_name: Option<String>,
    /// Digest of the content of that revision, by which the operator sees whether the spec asks for another. Example:
    /// `1:3f9c…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_digest: Option<String>,
    /// The newest `metadata.generation` whose content that revision is. Example: `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_generation: Option<i64>,
    /// Where and what the deployment is in AWS, as the spec resolved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolved>,
    /// The deletion policy as last read from the spec: what a deletion goes by when the spec can't be read any more.
    /// Example: `Retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<String>,
    /// `removeTimeout` as last read from the spec, in seconds: what a deletion goes by when the spec can't be read any more. Absent:
    /// 24 hours. Example: `86400`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_timeout_seconds: Option<i64>,
    /// The tags of the spec as they were last applied in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_tags: Option<AppliedTags>,
    /// Configuration keys by component, as JSON pointers, that earlier revisions have set or reset on devices and that the
    /// present one does not set: the next revision resets them. Empty: none; absent: not known, and found again in AWS when it is
    /// needed. At most 100 for a component. Example: `{com.example.HelloWorld: [/Message]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = super::rules::MAX_COMPONENTS, "additionalProperties" = {
        "type": "array",
        "maxItems": crate::deployment::configuration::MAX_POINTERS,
        "items": { "type": "string", "maxLength": super::rules::MAX_RESET },
        "x-kubernetes-list-type": "atomic",
    }))]
    pub dropped_keys: Option<BTreeMap<String, Vec<String>>>,
    /// What a new revision would change of the target's newest deployment, where that is somebody else's or nothing may be
    /// written: names, versions and keys, never values. At most 20 lines. Example: `[component com.example.HelloWorld: 1.0.0 becomes 1.1.0]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 21), extend("x-kubernetes-list-type" = "atomic"))]
    pub pending_change: Vec<String>,
    /// A deployment for the same target that this resource did not make and that stands above its own. Absent: none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<ForeignDeployment>,
    /// What became of the revision on devices, where that is settled. `Completed`: they have it; it stays so for this revision, whoever
    /// joins later. `Failed`: too many failed; it goes when fewer do. `Canceled`: it was cancelled. `NoDevices`: there are none. Absent:
    /// it is not settled. Example: `Completed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Devices by what they did with the revision. Absent: not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<DeviceCounts>,
    /// How many devices have the revision, of how many: those that left the group, or for which it was cancelled, don't count. Example:
    /// `98/100`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices_summary: Option<String>,
    /// Some of the devices that don't run the revision, and why; at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = crate::deployment::rollout::MAX_FAILURES),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["thing"])
    )]
    pub failures: Vec<DeviceFailure>,
    /// The newest revisions that this resource made, the newest first; at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = crate::deployment::rollout::MAX_HISTORY),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["deploymentId"])
    )]
    pub history: Vec<RevisionRecord>,
    /// The last value of the annotation `greengrass-operator.dev/reconcile-at` that was handled. Example:
    /// `2026-11-23T12:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The last value of the annotation `greengrass-operator.dev/redeploy-at` that was handled. Example:
    /// `2026-11-23T12:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_redeploy_at: Option<String>,
    /// The last value of the annotation `greengrass-operator.dev/cancel-at` that was handled. Example:
    /// `2026-11-23T12:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_cancel_at: Option<String>,
}

/// A change that is being made: written before the first request goes out.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IntentStatus {
    /// Number of the change: one more than that of the change before. Example: `3`.
    pub ordinal: i64,
    /// How often its content was changed while it was open. Example: `0`.
    pub attempt: i64,
    /// Digest of the content that the new revision gets. Example: `1:3f9c…`.
    pub digest: String,
    /// Hash of the annotation `greengrass-operator.dev/redeploy-at`, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeploy: Option<String>,
    /// Hash of the annotation `greengrass-operator.dev/cancel-at`, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<String>,
    /// Id of the parent's newest deployment, for subdeployments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Why the change is made: `create`, `change`, `redeploy`, `parent`, `correct`, `adopt` or
    /// `remove`. Example: `change`.
    pub cause: String,
    /// SHA-256 of the request without its token, in hexadecimal.
    pub request: String,
    /// Id of the newest deployment of the target when the change was decided. Absent: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// When the change was recorded. Example: `2026-11-23T12:00:00Z`.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
}

/// What the spec resolved to.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    /// The AWS account, twelve digits. Example: `123456789012`.
    pub account_id: String,
    /// The AWS region. Example: `us-west-2`.
    pub region: String,
    /// ARN of the thing or thing group. Example: `arn:aws:iot:us-west-2:123456789012:thinggroup/MyThingGroup`.
    pub target_arn: String,
    /// ARN of the parent's thing group, for subdeployments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_target_arn: Option<String>,
    /// Name of the AwsIdentity through which AWS was last reached. A hint for people: nothing is decided by it. Example: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// The user's tags as last applied.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedTags {
    /// Their keys: what the operator may remove from the deployment. Example: `[Tag1]`.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "atomic"))]
    pub keys: Vec<String>,
    /// Digest of keys and values, by which the operator sees whether the spec asks for others.
    pub digest: String,
}

/// A deployment of somebody else that stands above ours.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForeignDeployment {
    /// Its id. Example: `a1b2c3d4-5678-90ab-cdef-EXAMPLE33333`.
    pub deployment_id: String,
    /// The value of the annotation `greengrass-operator.dev/redeploy-at` when it was found: a new value takes the target
    /// back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeploy_at: Option<String>,
}
