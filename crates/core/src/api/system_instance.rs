//! The `SystemInstance` kind: its spec. Pure.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{IdentityRef, SystemInstanceStatus, rules};

/// A system of AWS IoT Things Graph that is to run in a Greengrass group or in the cloud. The fields are those of
/// `CreateSystemInstance`, with the same names, and a few policies.
#[allow(clippy::duplicated_attributes, reason = "each column names its type")]
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[kube(
    group = "greengrass-operator.dev",
    version = "v1alpha1",
    kind = "SystemInstance",
    plural = "systeminstances",
    doc = "A system instance of AWS IoT Things Graph, deployed to a Greengrass group or to the cloud. AWS has deprecated every operation of that service since 2022-08-30 and says that they may not function: for those who still run an endpoint that is compatible. New fleets use GreengrassDeployment.",
    namespaced,
    status = "SystemInstanceStatus",
    derive = "PartialEq",
    shortname = "ggsi",
    category = "greengrass",
    category = "aws",
    printcolumn(
        name = "ID",
        type_ = "string",
        json_path = ".status.id",
        description = "The id of the system instance in AWS."
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = ".status.status",
        description = "What AWS says of its deployment."
    ),
    printcolumn(
        name = "Target",
        type_ = "string",
        json_path = ".spec.target",
        description = "Where it runs: GREENGRASS or CLOUD."
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether AWS has the system instance as the spec says, and it runs."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is ready or not, in one word."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "The time since the resource was created."
    ),
    printcolumn(
        name = "Group",
        type_ = "string",
        json_path = ".spec.greengrassGroupName",
        description = "The Greengrass group that it runs in.",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        description = "Why it is ready or not, in a sentence.",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::system_instance::spec()))]
pub struct SystemInstanceSpec {
    /// What runs: a GraphQL document with the directive `@deployment(id: "urn:tdm:REGION/ACCOUNT/default:deployment:NAME", …)`. The id
    /// in it says in which account and region everything is done for this resource. Required. May change: the service can't update
    /// a system instance, so it is undeployed and deleted, and a new one is created and deployed; under another name the new one
    /// is created first. Account and region can't change. In AWS: `definition`. Example: `{configMapKeyRef: {name: room-218,
    /// key: room-218.graphql}}`.
    pub definition: SystemInstanceDefinition,
    /// Where it runs. `GREENGRASS`: in a Greengrass group of version 1. `CLOUD`: in AWS. Required. Can't change. In AWS: `target`.
    /// Example: `GREENGRASS`.
    pub target: SystemInstanceTarget,
    /// Name of the Greengrass group (version 1) that it is deployed to. Required where `target` is `GREENGRASS`; 1 to 256
    /// characters. Can't be changed, added or removed. In AWS: `greengrassGroupName`. Example: `Room218Group`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = rules::system_instance::MAX_GROUP_NAME))]
    pub greengrass_group_name: Option<String>,
    /// Name of the S3 bucket that keeps what is deployed. Required where `target` is `GREENGRASS`; 3 to 63 characters. May change:
    /// the system instance is replaced. In AWS: `s3BucketName`. Example: `room-218-artifacts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::system_instance::MAX_BUCKET), extend("pattern" = rules::system_instance::BUCKET))]
    pub s3_bucket_name: Option<String>,
    /// ARN of the IAM role that the service takes while a flow runs. Required where `target` is `CLOUD`. May change: the system
    /// instance is replaced. In AWS: `flowActionsRoleArn`. Example: `arn:aws:iam::123456789012:role/FlowActions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_ROLE_ARN), extend("x-kubernetes-validations" = rules::system_instance::flow_role()))]
    pub flow_actions_role_arn: Option<String>,
    /// Whether and how metrics of flows go to `CloudWatch`. Absent: no metrics. May change: the system instance is replaced. In AWS:
    /// `metricsConfiguration`. Example: `{cloudMetricEnabled: true, metricRuleRoleArn: arn:aws:iam::123456789012:role/Metrics}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_configuration: Option<MetricsConfiguration>,
    /// Tags of the system instance in AWS, beside the operator's own; at most 40. Keys have 1 to 128 characters and begin neither
    /// with `aws:` nor with `greengrass-operator.dev/`, values have at most 256; both only letters, digits, spaces and
    /// `_.:/=+-@`. Absent: none. May change: the system instance gets the new tags in place. In AWS: `tags`. Example:
    /// `{Tag1: Value1}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "maxProperties" = rules::MAX_TAGS,
        "additionalProperties" = { "type": "string", "maxLength": rules::MAX_TAG_VALUE },
        "x-kubernetes-validations" = rules::tags()
    ))]
    pub tags: Option<BTreeMap<String, String>>,
    /// Whether it is to run. `true`: it is deployed. `false`: it is created and not deployed, and undeployed where it was. Absent:
    /// true. May change. Not part of AWS: a choice between `DeploySystemInstance` and `UndeploySystemInstance`. Example: `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<bool>,
    /// The AwsIdentity through which AWS is reached for this resource; it must allow the namespace and the ARN of the system
    /// instance (`arn:aws:iotthingsgraph:REGION:ACCOUNT:Deployment/default/NAME`). Absent: the one whose `defaultFor` selects the
    /// namespace, else the one that is called `default`. May change. Not part of AWS. Example: `{name: factory-north}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_ref: Option<IdentityRef>,
    /// What happens in AWS when this resource is deleted. `Retain`: nothing, the system instance stays as it is. `Delete`: it is
    /// undeployed, then deleted. Absent: `Retain`. May change, also while the resource is being deleted. Not part of AWS. Example:
    /// `Delete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<SystemInstanceDeletionPolicy>,
    /// Whether the operator only reads and reports, and writes nothing to AWS. Absent: false. May change. Not part of AWS. Example:
    /// `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// A definition, in place or in a `ConfigMap`. In AWS: `DefinitionDocument`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(description = "", extend("x-kubernetes-validations" = rules::system_instance::definition()))]
pub struct SystemInstanceDefinition {
    /// The language: there is one. Absent: `GRAPHQL`. May change. In AWS: `language`. Example: `GRAPHQL`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<DefinitionLanguage>,
    /// The document itself, at most 1048576 characters. Exactly one of `text` and `configMapKeyRef` must be set. May change: another
    /// content replaces the system instance; spaces, line breaks and comments are no content. In AWS: `text`. Example: `query Room218
    /// @deployment(id: "urn:tdm:us-west-2/123456789012/default:deployment:Room218", systemId: "…") { … }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = rules::system_instance::MAX_DEFINITION))]
    pub text: Option<String>,
    /// A key of a ConfigMap in the resource's namespace that holds the document. Exactly one of `text` and `configMapKeyRef` must be
    /// set. May change: another content replaces the system instance. Not part of AWS. Example: `{name: room-218, key:
    /// room-218.graphql}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<DefinitionReference>,
}

/// A key of a `ConfigMap`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub struct DefinitionReference {
    /// Name of the ConfigMap, 1 to 253 characters. Required. May change. Not part of AWS. Example: `room-218`.
    #[schemars(length(max = rules::MAX_REFERENCE), extend("pattern" = rules::OBJECT_NAME))]
    pub name: String,
    /// Key in its `data`, 1 to 253 characters. Required. May change. Not part of AWS. Example: `room-218.graphql`.
    #[schemars(length(max = rules::MAX_REFERENCE), extend("pattern" = rules::CONFIG_MAP_KEY))]
    pub key: String,
}

/// The language of a definition.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub enum DefinitionLanguage {
    /// GraphQL.
    #[default]
    #[serde(rename = "GRAPHQL")]
    GraphQl,
}

/// Where a system instance runs.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(description = "")] // else it takes the place of the field's own
pub enum SystemInstanceTarget {
    /// In a Greengrass group.
    Greengrass,
    /// In AWS.
    Cloud,
}

/// Metrics of flows. In AWS: `MetricsConfiguration`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub struct MetricsConfiguration {
    /// Whether metrics are collected. Absent: false. May change: the system instance is replaced. In AWS: `cloudMetricEnabled`.
    /// Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_metric_enabled: Option<bool>,
    /// ARN of the IAM role that is used to collect them. Absent: none. May change: the system instance is replaced. In AWS:
    /// `metricRuleRoleArn`. Example: `arn:aws:iam::123456789012:role/Metrics`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_ROLE_ARN), extend("x-kubernetes-validations" = rules::system_instance::metric_role()))]
    pub metric_rule_role_arn: Option<String>,
}

/// What happens in AWS when the resource is deleted.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Default)]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub enum SystemInstanceDeletionPolicy {
    /// Nothing.
    #[default]
    Retain,
    /// It is undeployed and deleted.
    Delete,
}
