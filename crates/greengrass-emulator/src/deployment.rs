//! A deployment as tests and the admin interface see it. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Enum `DeploymentStatus` of the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentStatus {
    /// The live revision of its target.
    Active,
    /// The device of a thing target reported success.
    Completed,
    /// It was cancelled.
    Canceled,
    /// The device of a thing target reported a failure, or the rollout was aborted.
    Failed,
    /// A newer revision has replaced it.
    Inactive,
}

impl DeploymentStatus {
    /// Whether nothing comes after it.
    pub(crate) const fn has_ended(self) -> bool {
        match self {
            Self::Canceled | Self::Inactive => true,
            Self::Active | Self::Completed | Self::Failed => false,
        }
    }
}

/// A deployment with everything that the service keeps of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentRecord {
    /// The thing or thing group.
    pub target_arn: String,
    /// The thing group whose subdeployment it is.
    pub parent_target_arn: Option<String>,
    /// A decimal number that counts from 1 for each target and parent.
    pub revision_id: String,
    /// The deployment's UUID.
    pub deployment_id: String,
    /// The ARN by which it is tagged.
    pub deployment_arn: String,
    /// Its name, when it has one.
    pub deployment_name: Option<String>,
    /// Its status.
    pub deployment_status: DeploymentStatus,
    /// The job of a thing-group target: another UUID than the deployment's.
    pub iot_job_id: Option<String>,
    /// The job's ARN.
    pub iot_job_arn: Option<String>,
    /// As sent, with nulls for unset members.
    pub components: Value,
    /// As sent, with nulls for unset members.
    pub deployment_policies: Value,
    /// As sent, with nulls for unset members.
    pub iot_job_configuration: Value,
    /// When it was created.
    pub creation_timestamp: Timestamp,
    /// Whether it is the newest of its target and parent.
    pub is_latest_for_target: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}
