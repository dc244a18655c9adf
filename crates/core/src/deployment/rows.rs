//! Deployments in AWS's words. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::request::ComponentRequest;
use crate::api::{DeploymentPolicies, IotJobConfiguration};
use crate::names::{Key, TargetArn};

/// One deployment of a key as `ListDeployments` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub deployment_id: String,
    /// Its revision; absent or unreadable counts as 0.
    pub revision_id: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Its status.
    pub status: RowStatus,
    /// The thing or thing group, as AWS writes it.
    pub target_arn: String,
    /// The parent's thing group.
    pub parent_target_arn: Option<String>,
}

/// AWS's `deploymentStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowStatus {
    /// In force.
    Active,
    /// A thing's deployment that the device carried out.
    Completed,
    /// Cancelled, by hand or by abort criteria.
    Canceled,
    /// A thing's deployment that failed, or a job that was aborted.
    Failed,
    /// Superseded by a newer revision.
    Inactive,
    /// A status that this version does not know.
    Unknown,
}

impl RowStatus {
    /// AWS's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Completed => "COMPLETED",
            Self::Canceled => "CANCELED",
            Self::Failed => "FAILED",
            Self::Inactive => "INACTIVE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// One deployment as `GetDeployment` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Details {
    /// What the list shows of it too.
    pub row: Row,
    /// Its tags, AWS's own (`aws:…`) included.
    pub tags: BTreeMap<String, String>,
    /// Its job, where the target is a thing group.
    pub iot_job_id: Option<String>,
    /// The job's ARN.
    pub iot_job_arn: Option<String>,
    /// What it contains; none where this version can't say it in its own words.
    pub content: Option<Box<DeployedContent>>,
}

/// What a deployment contains, as AWS gives it back.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DeployedContent {
    /// Its name.
    pub name: Option<String>,
    /// Components by name.
    pub components: BTreeMap<String, ComponentRequest>,
    /// How devices apply it.
    pub policies: Option<DeploymentPolicies>,
    /// How it is rolled out.
    pub job: Option<IotJobConfiguration>,
}

/// AWS's answer to `CreateDeployment`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The id of the new deployment, or of the one that the token made before.
    pub deployment_id: String,
}

/// One page of `ListDeployments`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPage {
    /// The deployments.
    pub rows: Vec<Row>,
    /// Where the next page starts.
    pub next_token: Option<String>,
}

/// Which deployments `ListDeployments` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFilter {
    /// Only those for this target.
    pub target_arn: Option<String>,
    /// Only subdeployments of this parent.
    pub parent_target_arn: Option<String>,
    /// Only the newest one of each target.
    pub latest_only: bool,
}

impl Row {
    /// The newest first. The order of AWS's lists is not relied on.
    pub fn sort_newest_first(rows: &mut [Self]) {
        rows.sort_by(|a, b| {
            (b.revision_id, b.created_at, &b.deployment_id).cmp(&(a.revision_id, a.created_at, &a.deployment_id))
        });
    }

    /// The newest of a target's own deployments among others.
    #[must_use]
    pub fn newest_of(target: &TargetArn, rows: Vec<Self>) -> Option<Self> {
        let own = rows.into_iter().filter(|row| row.target_arn == target.as_str() && row.parent_target_arn.is_none());
        own.max_by_key(|row| (row.revision_id, row.created_at))
    }
}

impl RowFilter {
    /// All deployments of a key. Without a parent the list may show subdeployments too: what is not exactly the key's is to be dropped.
    #[must_use]
    pub fn all_of(key: &Key) -> Self {
        Self {
            target_arn: Some(key.target.to_string()),
            parent_target_arn: key.parent.as_ref().map(ToString::to_string),
            latest_only: false,
        }
    }

    /// The newest deployments of a target, its subdeployments perhaps among them.
    #[must_use]
    pub fn newest_of(target: &TargetArn) -> Self {
        Self { target_arn: Some(target.to_string()), parent_target_arn: None, latest_only: true }
    }

    /// The newest subdeployments of a target.
    #[must_use]
    pub fn newest_beneath(target: &TargetArn) -> Self {
        Self { target_arn: None, parent_target_arn: Some(target.to_string()), latest_only: true }
    }
}
