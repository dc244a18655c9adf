//! The part of the status that says what devices did with a revision. Pure.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Devices by what they did with the revision. In AWS: `jobProcessDetails` of the revision's `IoT` job.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceCounts {
    /// All that the revision was meant for since it was made: the sum of the others. Example: `100`.
    pub total: i64,
    /// Those that have not begun: offline, or busy with another revision. In AWS: `numberOfQueuedThings`. Example: `2`.
    pub queued: i64,
    /// Those that are at it. In AWS: `numberOfInProgressThings`. Example: `0`.
    pub in_progress: i64,
    /// Those that have it. In AWS: `numberOfSucceededThings`. Example: `96`.
    pub succeeded: i64,
    /// Those on which it failed. In AWS: `numberOfFailedThings`. Example: `2`.
    pub failed: i64,
    /// Those that refused it. In AWS: `numberOfRejectedThings`. Example: `0`.
    pub rejected: i64,
    /// Those that took longer than `iotJobConfiguration.timeoutConfig` allows. In AWS: `numberOfTimedOutThings`. Example: `0`.
    pub timed_out: i64,
    /// Those for which it was cancelled before they had it. In AWS: `numberOfCanceledThings`. Example: `0`.
    pub canceled: i64,
    /// Those that left the thing group. In AWS: `numberOfRemovedThings`. Example: `0`.
    pub removed: i64,
}

/// A device that does not run the revision, and why.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceFailure {
    /// The core device. In AWS: `thingName`. Example: `press-017`.
    pub thing: String,
    /// How it ended. `FAILED`: the deployment failed. `REJECTED`: the device refused it. `TIMED_OUT`: it took too long. Example:
    /// `FAILED`.
    pub status: String,
    /// What the device says of it, at most 300 characters. In AWS: `deployment-failure-cause` and `detailed-deployment-status`.
    /// Absent: it says nothing. Example: `S3 HeadObject returns 403 Access Denied`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The device's error codes, from the general to the particular, at most 10 (the first and the last ones). In AWS:
    /// `deployment-error-stack`. Example: `[DEPLOYMENT_FAILURE, ARTIFACT_DOWNLOAD_ERROR, S3_ERROR, S3_ACCESS_DENIED]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = crate::deployment::rollout::MAX_CODES), extend("x-kubernetes-list-type" = "atomic"))]
    pub error_codes: Vec<String>,
}

/// A revision that this resource made.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionRecord {
    /// Its number. In AWS: `revisionId`. Example: `2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
    /// Its deployment. Example: `a1b2c3d4-5678-90ab-cdef-EXAMPLE11111`.
    pub deployment_id: String,
    /// Digest of its content. Absent: not known. Example: `1:3f9c…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The newest `metadata.generation` whose content it was. Absent: not known. Example: `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// When AWS made it. Absent: not known. Example: `2026-11-23T12:00:00Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub created_at: Option<Timestamp>,
    /// What devices did with it. `InProgress`: not all have ended. `Completed`: they have it. `Failed`: too many failed. `Canceled`: it
    /// was cancelled. `NoDevices`: there are none. `Superseded`: a newer revision came before it was complete. Example: `Completed`.
    pub outcome: String,
}
