//! A system instance of `IoT` Things Graph as tests and the admin interface see it. Pure.

mod definition;
mod id;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use definition::Definition;
pub use id::SystemInstanceId;
pub(crate) use id::is_urn;

/// Enum `SystemInstanceDeploymentStatus` of the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SystemInstanceStatus {
    /// It was created.
    NotDeployed,
    /// Its deployment to a Greengrass group begins.
    Bootstrap,
    /// It is being deployed.
    DeployInProgress,
    /// It is deployed.
    DeployedInTarget,
    /// It is being removed from its target.
    UndeployInProgress,
    /// It could not be deployed.
    Failed,
    /// It will be removed from its target.
    PendingDelete,
    /// It was removed from its target.
    DeletedInTarget,
}

/// Enum `DeploymentTarget` of the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SystemInstanceTarget {
    /// A group of `IoT` Greengrass V1.
    Greengrass,
    /// Things Graph itself.
    Cloud,
}

/// A system instance with everything that the service keeps of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemInstanceRecord {
    /// As its definition has it: `urn:tdm:REGION/ACCOUNT/default:deployment:NAME`.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Its status.
    pub status: SystemInstanceStatus,
    /// Where it is deployed to.
    pub target: SystemInstanceTarget,
    /// The GraphQL text that defines it.
    pub definition: String,
    /// The system that it is an instance of, when the definition names one.
    pub system_id: Option<String>,
    /// The Greengrass group that it is deployed to.
    pub greengrass_group_name: Option<String>,
    /// The bucket that its resource file is in.
    pub s3_bucket_name: Option<String>,
    /// The role that the service assumes when it executes the flow.
    pub flow_actions_role_arn: Option<String>,
    /// Whether metrics are collected.
    pub cloud_metric_enabled: bool,
    /// The role that metrics are collected with.
    pub metric_rule_role_arn: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its status changed last.
    pub updated_at: Timestamp,
    /// The id of the Greengrass group, once it was deployed to it.
    pub greengrass_group_id: Option<String>,
    /// The version of the Greengrass group that the last deployment has made.
    pub greengrass_group_version_id: Option<String>,
    /// The deployments that were made of it, oldest first.
    pub deployments: Vec<SystemInstanceDeployment>,
    /// Every status that it had since it was created, and since when; the present one last.
    pub history: Vec<SystemInstanceChange>,
}

/// One `DeploySystemInstance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemInstanceDeployment {
    /// The deployment of the Greengrass group; null for the target CLOUD.
    pub greengrass_deployment_id: Option<String>,
    /// The version of the Greengrass group that it has made; null for the target CLOUD.
    pub greengrass_group_version_id: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
}

/// A status, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemInstanceChange {
    /// Since when.
    pub at: Timestamp,
    /// The status.
    pub status: SystemInstanceStatus,
}
