//! The `GreengrassDeployment` kind: its spec. Pure.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ComponentDeploymentSpecification, DeploymentPolicies, GreengrassDeploymentStatus, IotJobConfiguration, rules,
};

/// What should run on a thing or on the things of a thing group. The fields are those of `CreateDeployment` in the AWS IoT
/// Greengrass V2 API, with the same names, so that JSON from the AWS CLI can be pasted, and a few policies.
#[allow(clippy::duplicated_attributes, reason = "each column names its type")]
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[kube(
    group = "greengrass-operator.dev",
    version = "v1alpha1",
    kind = "GreengrassDeployment",
    doc = "A deployment of AWS IoT Greengrass V2: which components run on a thing or on the things of a thing group. The operator makes a new revision in AWS whenever the content of the spec changes, and shows the revision in force in the status.",
    namespaced,
    status = "GreengrassDeploymentStatus",
    derive = "PartialEq",
    shortname = "ggd",
    category = "greengrass",
    category = "aws",
    selectable = ".status.deploymentId",
    selectable = ".status.resolved.targetArn",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the deployment in AWS is what the spec says."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is ready or not, in one word."
    ),
    printcolumn(
        name = "Target",
        type_ = "string",
        json_path = ".status.targetName",
        description = "The name of the thing or thing group."
    ),
    printcolumn(
        name = "Revision",
        type_ = "string",
        json_path = ".status.revisionId",
        description = "The revision in AWS."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "The time since the resource was created."
    ),
    printcolumn(
        name = "Deployment-ID",
        type_ = "string",
        json_path = ".status.deploymentId",
        description = "The id of that revision's deployment in AWS.",
        priority = 1
    ),
    printcolumn(
        name = "Synced",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Synced\")].status",
        description = "Whether the operator can read and write AWS.",
        priority = 1
    ),
    printcolumn(
        name = "Account",
        type_ = "string",
        json_path = ".status.resolved.accountId",
        description = "The AWS account.",
        priority = 1
    ),
    printcolumn(
        name = "Region",
        type_ = "string",
        json_path = ".status.resolved.region",
        description = "The AWS region.",
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
#[schemars(extend("x-kubernetes-validations" = rules::spec()))]
pub struct GreengrassDeploymentSpec {
    /// ARN of the thing or thing group that the deployment is for; account, region and partition of everything the
    /// operator does in AWS for this resource come from it. Can't change: create another resource for another target. In
    /// AWS: `targetArn`. Example: `arn:aws:iot:us-west-2:123456789012:thinggroup/MyThingGroup`.
    #[schemars(length(max = rules::MAX_ARN), extend("x-kubernetes-validations" = rules::target_arn()))]
    pub target_arn: String,
    /// ARN of the thing group whose deployment this one stands in for, on those of its devices that are in the thing group
    /// of `targetArn` (a subdeployment). Only where `targetArn` is a thing group, in the same account and region, and another
    /// one. Absent: no subdeployment. Can't be changed, added or removed. In AWS: `parentTargetArn`. Example:
    /// `arn:aws:iot:us-west-2:123456789012:thinggroup/MyThingGroup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_ARN), extend("x-kubernetes-validations" = rules::parent_target_arn()))]
    pub parent_target_arn: Option<String>,
    /// Name of the deployment in AWS, for people; 1 to 256 characters. Absent: `NAMESPACE/NAME` of this resource. May
    /// change: a change makes a new revision. In AWS: `deploymentName`. Example: `Deployment for MyThingGroup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = rules::MAX_DEPLOYMENT_NAME))]
    pub deployment_name: Option<String>,
    /// The components that run on the target's devices, by name (1 to 128 characters); at most 1000. A component that this
    /// target put on devices and that is no longer named here is removed from them. Must not be empty unless `allowEmpty`
    /// says so. May change: a change makes a new revision. In AWS: `components`. Example: `{com.example.HelloWorld:
    /// {componentVersion: 1.0.0}}`.
    #[schemars(
        extend("maxProperties" = rules::MAX_COMPONENTS, "x-kubernetes-validations" = rules::components())
    )]
    pub components: BTreeMap<String, ComponentDeploymentSpecification>,
    /// Whether `components` may be empty, which removes from the devices every component that this target put there. Never
    /// for subdeployments. Absent: false. May change, without a new revision. Not part of AWS. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_empty: Option<bool>,
    /// How devices apply the deployment: what they do when it fails, whether components are asked first, and how long a
    /// configuration may take to be checked. Absent: AWS's defaults, named at each field. May change: a change makes a new
    /// revision. In AWS: `deploymentPolicies`. Example: `{failureHandlingPolicy: DO_NOTHING}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_policies: Option<DeploymentPolicies>,
    /// How the deployment is rolled out to the things of a group: how fast, when it stops by itself, and how long a device
    /// may take. Absent or empty where `targetArn` is a thing. Absent: as fast as AWS can, without a stop. May change: a change
    /// makes a new revision. In AWS: `iotJobConfiguration`. Example: `{timeoutConfig: {inProgressTimeoutInMinutes: 5}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iot_job_configuration: Option<IotJobConfiguration>,
    /// Tags of the deployment in AWS, beside the operator's own; at most 40. Keys have 1 to 128 characters and begin neither
    /// with `aws:` nor with `greengrass-operator.dev/`, values have at most 256; both only letters, digits, spaces and
    /// `_.:/=+-@`. Absent: none. May change: the deployment gets the new tags in place, without a new revision. In AWS:
    /// `tags`. Example: `{Tag1: Value1}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "maxProperties" = rules::MAX_TAGS,
        "additionalProperties" = { "type": "string", "maxLength": rules::MAX_TAG_VALUE },
        "x-kubernetes-validations" = rules::tags()
    ))]
    pub tags: Option<BTreeMap<String, String>>,
    /// What happens in AWS when this resource is deleted. `Retain`: nothing, the deployment stays in force. `Cancel`: the
    /// live deployment is cancelled, so that devices which did not yet get it never do. `Delete`: the deployments that this
    /// resource made are cancelled and deleted. None of them removes a component from a device. Absent: `Retain`. May
    /// change, without a new revision. Not part of AWS. Example: `Cancel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Whether the operator only reads and reports, and writes nothing to AWS. Absent: false. May change, without a new
    /// revision. Not part of AWS. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// What happens in AWS when the resource is deleted.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Default)]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub enum DeletionPolicy {
    /// Nothing.
    #[default]
    Retain,
    /// The live deployment is cancelled.
    Cancel,
    /// Every revision made by this resource is cancelled and deleted.
    Delete,
}
