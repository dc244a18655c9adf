//! What a system instance is made of, and what is wanted of it. Pure.

use std::collections::BTreeMap;

use serde_json::json;

use super::definition::Definition;
use crate::api::{MetricsConfiguration, SystemInstanceDeletionPolicy, SystemInstanceTarget};
use crate::deployment::revision::{Digest, digest_of_value};

/// What `CreateSystemInstance` takes, tags apart: the service can't change any of it afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// What runs.
    pub definition: Definition,
    /// Where.
    pub target: SystemInstanceTarget,
    /// The Greengrass group.
    pub group_name: Option<String>,
    /// The bucket that keeps what is deployed.
    pub bucket_name: Option<String>,
    /// The role that is taken while a flow runs.
    pub flow_actions_role_arn: Option<String>,
    /// Metrics; none where nothing is collected.
    pub metrics: Option<MetricsConfiguration>,
}

impl Content {
    /// A function of the content alone, and of nothing that AWS may write in another way.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let Self { definition, target, group_name, bucket_name, flow_actions_role_arn, metrics } = self;
        let metrics = metrics.as_ref().map(|MetricsConfiguration { cloud_metric_enabled, metric_rule_role_arn }| {
            json!({"enabled": cloud_metric_enabled.unwrap_or_default(), "role": metric_rule_role_arn})
        });
        digest_of_value(&json!({
            "id": [definition.id.region(), definition.id.account(), definition.id.name()],
            "definition": definition.canonical,
            "target": target,
            "group": group_name,
            "bucket": bucket_name,
            "flowRole": flow_actions_role_arn,
            "metrics": metrics,
        }))
    }

    /// The names of what differs, for people: never values.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let Self { definition, target, group_name, bucket_name, flow_actions_role_arn, metrics } = self;
        [
            ("definition", definition.canonical != other.definition.canonical || definition.id != other.definition.id),
            ("target", *target != other.target),
            ("greengrassGroupName", *group_name != other.group_name),
            ("s3BucketName", *bucket_name != other.bucket_name),
            ("flowActionsRoleArn", *flow_actions_role_arn != other.flow_actions_role_arn),
            ("metricsConfiguration", *metrics != other.metrics),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

/// Metrics as they count: a configuration that collects nothing is none.
#[must_use]
pub fn effective_metrics(metrics: Option<MetricsConfiguration>) -> Option<MetricsConfiguration> {
    metrics
        .map(|MetricsConfiguration { cloud_metric_enabled, metric_rule_role_arn }| MetricsConfiguration {
            cloud_metric_enabled: cloud_metric_enabled.filter(|enabled| *enabled),
            metric_rule_role_arn,
        })
        .filter(|metrics| *metrics != MetricsConfiguration::default())
}

/// What is wanted of AWS: parsed values only.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// What it is made of.
    pub content: Content,
    /// The user's tags, and the identity's.
    pub tags: BTreeMap<String, String>,
    /// Whether it is to run.
    pub deployed: bool,
    /// What a deletion of the resource does.
    pub deletion_policy: SystemInstanceDeletionPolicy,
    /// Nothing may be written to AWS.
    pub suspend: bool,
}
