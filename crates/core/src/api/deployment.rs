//! The `GreengrassDeployment` kind: its spec. Pure.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ComponentDeploymentSpecification, DeploymentPolicies, GreengrassDeploymentStatus, IotJobConfiguration,
    RolloutPolicy, rules,
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
        description = "Whether the deployment in AWS is what the spec says, and devices take it."
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
        name = "Devices",
        type_ = "string",
        json_path = ".status.devicesSummary",
        description = "How many devices have it, of how many."
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
        description = "Whether the newest revision in AWS is what the spec says.",
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
    /// operator does in AWS for this resource come from it. Exactly one of `targetArn` and `target` must be set. Can't change: create
    /// another resource for another target. In AWS: `targetArn`. Example:
    /// `arn:aws:iot:us-west-2:123456789012:thinggroup/MyThingGroup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_ARN), extend("x-kubernetes-validations" = rules::target_arn()))]
    pub target_arn: Option<String>,
    /// The thing or thing group that the deployment is for by its name, in place of `targetArn`: account, region and partition come
    /// from the identity, so that one manifest serves many environments. Can't change: create another resource for another target.
    /// In AWS: `targetArn`. Example: `{thingGroup: MyThingGroup}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetReference>,
    /// The AwsIdentity through which AWS is reached for this resource; it must allow the namespace, the target and the parent.
    /// Absent: the one whose `defaultFor` selects the namespace, else the one that is called `default`. May change to another
    /// identity for the same account and region; where the target would be in another one, the resource says so (`KeyChanged`) and
    /// nothing is written. Not part of AWS. Example: `{name: factory-north}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_ref: Option<IdentityRef>,
    /// ARN of the thing group whose deployment this one stands in for, on those of its devices that are in the thing group
    /// of `targetArn` (a subdeployment). Only where `targetArn` is a thing group, in the same account and region, and another
    /// one. Absent: no subdeployment. Can't be changed, added or removed. In AWS: `parentTargetArn`. Example:
    /// `arn:aws:iot:us-west-2:123456789012:thinggroup/MyThingGroup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_ARN), extend("x-kubernetes-validations" = rules::parent_target_arn()))]
    pub parent_target_arn: Option<String>,
    /// The parent by the name of its GreengrassDeployment or of its thing group, in place of `parentTargetArn`. Absent: no
    /// subdeployment, or the one that `parentTargetArn` names. Can't be changed, added or removed. In AWS:
    /// `parentTargetArn`. Example: `{name: presses}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentReference>,
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
    /// What to do where the target has a deployment that this resource did not make, and none of its own. `Never`: leave it
    /// alone and say so (`ForeignRevision`). `IfUnmanaged`: deploy above it if it has no tags at all, or was made for a resource
    /// of this cluster that does not exist any more. `Always`: deploy above it, whoever made it. Under each of them a deployment
    /// with the very content of the spec is taken over in place, without a revision, unless it belongs to a resource that exists.
    /// A new revision of a parent ends its subdeployments: this policy decides about those of others alike. Absent: `Never`. May
    /// change, without a new revision where there is one. Not part of AWS. Example: `IfUnmanaged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,
    /// What to do where somebody deploys above this resource's deployment, deletes it, or leaves it superseded. `Warn`: nothing,
    /// and say so (`Drifted`); a new value of the annotation `greengrass-operator.dev/redeploy-at` deploys anew. `Correct`: deploy
    /// anew at once, at most 3 times an hour. A deployment that was cancelled is no drift under either. Absent: `Warn`. May change.
    /// Not part of AWS. Example: `Correct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_policy: Option<DriftPolicy>,
    /// What becomes of configuration keys that an earlier revision merged and the present one does not. `Reset`: the next revision
    /// resets them to the recipe's defaults, beside what `reset` names, until all devices have it. `Keep`: they stay on devices, as
    /// AWS does it. Absent: `Reset`. May change, without a new revision. Not part of AWS. Example: `Keep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_configuration_keys: Option<DroppedConfigurationKeys>,
    /// What a subdeployment does when its parent's new revision has ended it. `Redeploy`: a new revision follows two minutes after
    /// the parent's, if the resource still exists then. `Yield`: devices go on with the parent's content. Only where there is a
    /// parent. Absent: `Redeploy`. May change. Not part of AWS. Example: `Yield`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_parent_revision: Option<OnParentRevision>,
    /// How many old revisions of this resource stay in AWS, beside the one in force; 0 to 100. Older ones are deleted slowly,
    /// once they are superseded or cancelled. Absent: 10. May change, without a new revision. Not part of AWS. Example: `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = rules::MAX_HISTORY))]
    pub revision_history_limit: Option<i32>,
    /// What happens in AWS when this resource is deleted. `Retain`: nothing, the deployment stays in force. `Cancel`: the
    /// live deployment is cancelled, so that devices which did not yet get it never do. `Delete`: the deployments that this
    /// resource made are cancelled and deleted. `Remove`: an empty revision takes from the devices what this target put there, and
    /// when all have carried it out, the deployments are deleted; not for subdeployments, whose components stand in for the parent's.
    /// Only `Remove` takes anything from a device. Absent: `Retain`. May change, also while the resource is being deleted, without a
    /// new revision. Not part of AWS. Example: `Cancel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// How long after the deletion of this resource devices may take to carry out the empty revision of `deletionPolicy` `Remove`,
    /// before the resource says that a person must decide (`RemoveTimedOut`); it waits on all the same. Numbers with a unit, `ms`,
    /// `s`, `m` or `h`. Absent: 24h. May change, also while the resource is being deleted. Not part of AWS. Example: `72h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_DURATION), extend("pattern" = rules::DURATION))]
    pub remove_timeout: Option<String>,
    /// When the resource is ready, and what counts as a failed or a completed rollout. Absent: ready as soon as AWS has the
    /// revision, failed from half of the devices on. May change, without a new revision. Not part of AWS. Example: `{readyWhen:
    /// RolledOut, deadline: 24h}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutPolicy>,
    /// Whether the operator only reads and reports, and writes nothing to AWS. Absent: false. May change, without a new
    /// revision. Not part of AWS. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// The parent of a subdeployment, by name.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(description = "", extend("x-kubernetes-validations" = rules::parent()))]
pub struct ParentReference {
    /// Name of the GreengrassDeployment in the same namespace that makes the parent's deployment: it must target a thing group
    /// and be no subdeployment itself. Exactly one of `name` and `thingGroup` must be set; 1 to 253 characters. Can't be changed.
    /// Not part of AWS. Example: `presses`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_REFERENCE), extend("pattern" = rules::OBJECT_NAME))]
    pub name: Option<String>,
    /// Name of the thing group that the parent deployment targets, in the account and region of the identity, or of `targetArn`
    /// where that is set. Exactly one of `name` and `thingGroup` must be set; 1 to 128 characters. Can't be changed. In AWS:
    /// `parentTargetArn`, as an ARN. Example: `MyThingGroup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_THING_NAME), extend("pattern" = rules::THING_NAME))]
    pub thing_group: Option<String>,
}

/// A thing or a thing group, by name.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(description = "", extend("x-kubernetes-validations" = rules::target()))]
pub struct TargetReference {
    /// Name of the thing. Exactly one of `thing` and `thingGroup` must be set; 1 to 128 characters. Can't be changed. In AWS:
    /// `targetArn`, as an ARN. Example: `MyThing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_THING_NAME), extend("pattern" = rules::THING_NAME))]
    pub thing: Option<String>,
    /// Name of the thing group. Exactly one of `thing` and `thingGroup` must be set; 1 to 128 characters. Can't be changed. In AWS:
    /// `targetArn`, as an ARN. Example: `MyThingGroup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_THING_NAME), extend("pattern" = rules::THING_NAME))]
    pub thing_group: Option<String>,
}

/// An `AwsIdentity`, by name.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(description = "")]
pub struct IdentityRef {
    /// Name of the AwsIdentity. Required; 1 to 253 characters. May change. Not part of AWS. Example: `factory-north`.
    #[schemars(length(max = rules::MAX_REFERENCE), extend("pattern" = rules::OBJECT_NAME))]
    pub name: String,
}

/// What to do where somebody else's deployment is there first.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Default)]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub enum AdoptionPolicy {
    /// Leave it alone.
    #[default]
    Never,
    /// Deploy above it where nobody manages it.
    IfUnmanaged,
    /// Deploy above it.
    Always,
}

/// What to do where AWS no longer has what the resource made.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Default)]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub enum DriftPolicy {
    /// Say so.
    #[default]
    Warn,
    /// Deploy anew.
    Correct,
}

/// What becomes of configuration keys that are merged no more.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Default)]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub enum DroppedConfigurationKeys {
    /// They are reset.
    #[default]
    Reset,
    /// They stay.
    Keep,
}

/// What a subdeployment does when its parent has a new revision.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Default)]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub enum OnParentRevision {
    /// A new revision follows.
    #[default]
    Redeploy,
    /// Nothing.
    Yield,
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
    /// What it put on devices is taken from them first.
    Remove,
}
