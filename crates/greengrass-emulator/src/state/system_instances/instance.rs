//! A system instance: what was asked for, how it stands, and how both are shown. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{Input, operations::epoch_seconds, tags::Tags, things::without_nulls};
use crate::{
    error::ServiceError,
    scope::Scope,
    system_instance::{
        Definition, SystemInstanceChange, SystemInstanceDeployment, SystemInstanceRecord, SystemInstanceStatus,
        SystemInstanceTarget,
    },
};

/// The version of the user's namespace, and the revision of the system: the emulator has neither.
const FIRST: u64 = 1;

#[derive(Debug, Clone)]
pub(super) struct SystemInstance {
    pub(super) made: Arc<Made>,
    pub(super) tags: Tags,
    pub(super) group_id: Option<String>,
    pub(super) deployments: Vec<SystemInstanceDeployment>,
    /// Never empty: the present status is the last one.
    pub(super) history: Vec<SystemInstanceChange>,
    /// The write that gave it its status. A change of its tags is none.
    pub(super) entered: u64,
    /// Whether the deployment that is in progress will fail.
    pub(super) fails: bool,
}

/// What can't change after the creation.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) definition: Definition,
    pub(super) text: String,
    pub(super) target: SystemInstanceTarget,
    pub(super) group_name: Option<String>,
    pub(super) bucket_name: Option<String>,
    pub(super) flow_actions_role_arn: Option<String>,
    pub(super) cloud_metric_enabled: bool,
    pub(super) metric_rule_role_arn: Option<String>,
    pub(super) created: Timestamp,
}

impl SystemInstance {
    pub(super) fn status(&self) -> SystemInstanceStatus {
        self.history.last().map_or(SystemInstanceStatus::NotDeployed, |change| change.status)
    }

    /// When its status changed last. Nothing documents whether a change of tags counts; here it doesn't.
    pub(super) fn updated(&self) -> Timestamp {
        self.history.last().map_or(self.made.created, |change| change.at)
    }

    pub(super) fn group_version_id(&self) -> Option<&str> {
        self.deployments.last().and_then(|deployment| deployment.greengrass_group_version_id.as_deref())
    }

    pub(super) fn enter(&mut self, status: SystemInstanceStatus, at: Timestamp, write: u64) {
        self.entered = write;
        self.history.push(SystemInstanceChange { at, status });
    }

    /// The model's `SystemInstanceSummary`. Unset members are left out, as in the AWS CLI's examples.
    pub(super) fn summary(&self) -> Value {
        let id = &self.made.definition.id;
        without_nulls(json!({
            "id": id.to_string(),
            "arn": id.arn(),
            "status": self.status(),
            "target": self.made.target,
            "greengrassGroupName": self.made.group_name,
            "createdAt": epoch_seconds(self.made.created),
            "updatedAt": epoch_seconds(self.updated()),
            "greengrassGroupId": self.group_id,
            "greengrassGroupVersionId": self.group_version_id(),
        }))
    }

    /// The model's `SystemInstanceDescription`.
    pub(super) fn description(&self) -> Value {
        let made = &self.made;
        let system = made.definition.system_id.as_ref();
        without_nulls(json!({
            "summary": self.summary(),
            "definition": {"language": "GRAPHQL", "text": made.text},
            "s3BucketName": made.bucket_name,
            "metricsConfiguration": {
                "cloudMetricEnabled": made.cloud_metric_enabled,
                "metricRuleRoleArn": made.metric_rule_role_arn,
            },
            "validatedNamespaceVersion": FIRST,
            "validatedDependencyRevisions": system.map(|id| json!([{"id": id, "revisionNumber": FIRST}])),
            "flowActionsRoleArn": made.flow_actions_role_arn,
        }))
    }

    pub(super) fn record(&self) -> SystemInstanceRecord {
        let made = &self.made;
        SystemInstanceRecord {
            id: made.definition.id.to_string(),
            arn: made.definition.id.arn(),
            status: self.status(),
            target: made.target,
            definition: made.text.clone(),
            system_id: made.definition.system_id.clone(),
            greengrass_group_name: made.group_name.clone(),
            s3_bucket_name: made.bucket_name.clone(),
            flow_actions_role_arn: made.flow_actions_role_arn.clone(),
            cloud_metric_enabled: made.cloud_metric_enabled,
            metric_rule_role_arn: made.metric_rule_role_arn.clone(),
            tags: self.tags.clone(),
            created_at: made.created,
            updated_at: self.updated(),
            greengrass_group_id: self.group_id.clone(),
            greengrass_group_version_id: self.group_version_id().map(ToOwned::to_owned),
            deployments: self.deployments.clone(),
            history: self.history.clone(),
        }
    }
}

impl Made {
    /// What a `CreateSystemInstance` asks for, as far as it may.
    pub(super) fn of(scope: &Scope, input: &Input, now: Timestamp) -> Result<Self, ServiceError> {
        let member = |path: &str| input.get("definition").get(path).and_then(Value::as_str).unwrap_or_default();
        let text = member("text").to_owned();
        let definition =
            Definition::of(scope, &text).map_err(|error| ServiceError::field("definition.text", error.to_string()))?;
        let owned = |name: &str| input.text(name).map(ToOwned::to_owned);
        let needs = |target: &str, name: &str| match input.text(name) {
            Some(value) if !value.is_empty() => Ok(()),
            Some(_) | None => Err(ServiceError::field(name, format!("is required for the target {target}"))),
        };
        let target = if input.required("target") == "CLOUD" {
            needs("CLOUD", "flowActionsRoleArn")?;
            SystemInstanceTarget::Cloud
        } else {
            needs("GREENGRASS", "greengrassGroupName")?;
            needs("GREENGRASS", "s3BucketName")?;
            SystemInstanceTarget::Greengrass
        };
        let metrics = |name: &str| input.get("metricsConfiguration").get(name);
        Ok(Self {
            definition,
            text,
            target,
            group_name: owned("greengrassGroupName"),
            bucket_name: owned("s3BucketName"),
            flow_actions_role_arn: owned("flowActionsRoleArn"),
            cloud_metric_enabled: metrics("cloudMetricEnabled").and_then(Value::as_bool).unwrap_or_default(),
            metric_rule_role_arn: metrics("metricRuleRoleArn").and_then(Value::as_str).map(ToOwned::to_owned),
            created: now,
        })
    }
}
