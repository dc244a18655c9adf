//! The rules of the spec that take a sentence: each in CEL for the API server, its words shared with the operator's own
//! check. Pure.
//!
//! Bounds and types are keywords of the schema, whose messages the API server words by itself. A rule that compares a
//! field with its old value stands on the spec, because one on an optional field is bypassed by removing the field and
//! adding it again.

pub mod system_instance;

use serde_json::{Value, json};

/// Entries of `components`. AWS names no limit; this bounds what the API server's rules may cost.
pub const MAX_COMPONENTS: usize = 1000;
/// Characters of a component's name (`ComponentName` of the Greengrass API).
pub const MAX_COMPONENT_NAME: usize = 128;
/// Characters of `componentVersion` (`ComponentVersionString` of the Greengrass API).
pub const MAX_COMPONENT_VERSION: usize = 64;
/// Characters of a `merge` string (`ComponentConfigurationString` of the Greengrass API).
pub const MAX_MERGE: usize = 10_485_760;
/// Entries of `reset`. AWS names no limit; this bounds what the API server's rules may cost.
pub const MAX_RESETS: usize = 256;
/// Characters of an entry of `reset` (`ComponentConfigurationPath` of the Greengrass API).
pub const MAX_RESET: usize = 256;
/// Characters of `posixUser` and `windowsUser`. AWS names no limit; no system has longer ones.
pub const MAX_USER: usize = 256;
/// Characters of `deploymentName` (`DeploymentNameString` of the Greengrass API).
pub const MAX_DEPLOYMENT_NAME: usize = 256;
/// The user's tags: AWS takes 50 on a resource, the operator adds up to 9, one is spare.
pub const MAX_TAGS: usize = 40;
/// Characters of a tag's key (`TagKey` of the Greengrass API).
pub const MAX_TAG_KEY: usize = 128;
/// Characters of a tag's value (`TagValue` of the Greengrass API).
pub const MAX_TAG_VALUE: usize = 256;
/// Characters of the resource's name: `NAMESPACE/NAME` has to fit a tag's value and a deployment's name in AWS, 256 each.
pub const MAX_NAME: usize = 190;
/// Characters of an ARN: the fixed parts and the longest thing name, 128, need fewer than 200.
pub const MAX_ARN: usize = 256;
/// Entries of `criteriaList`: one for each failure type is all that has a meaning, so this is ample.
pub const MAX_ABORT_CRITERIA: usize = 16;
/// Entries of `mergeFrom`. More would be a program.
pub const MAX_SOURCES: usize = 16;
/// Characters of the name of an object in Kubernetes, and of a key of a `ConfigMap` (RFC 1123 subdomain).
pub const MAX_REFERENCE: usize = 253;
/// Names of objects in Kubernetes (RFC 1123 subdomain).
pub const OBJECT_NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Keys in the data of a `ConfigMap`.
pub const CONFIG_MAP_KEY: &str = "^[-._a-zA-Z0-9]+$";
/// The most that `revisionHistoryLimit` takes: one page of `ListDeployments`.
pub const MAX_HISTORY: usize = 100;

/// Characters of a duration: more digits than any time has.
pub const MAX_DURATION: usize = 64;
/// A duration, as Go and Kubernetes write it.
pub const DURATION: &str = "^([0-9]+([.][0-9]+)?(ms|s|m|h))+$";

/// The name is too long.
pub const NAME: &str = "metadata.name must have at most 190 characters, because NAMESPACE/NAME has to fit a tag in AWS: choose a shorter name";
/// `targetArn` is no target.
pub const TARGET_ARN: &str = "targetArn must be the ARN of an AWS IoT thing or thing group: write arn:aws:iot:REGION:ACCOUNT:thinggroup/NAME or arn:aws:iot:REGION:ACCOUNT:thing/NAME, with the twelve digits of the account";
/// `targetArn` was changed.
pub const TARGET_ARN_CHANGED: &str = "targetArn cannot change, because it says which deployment in AWS this resource stands for: create another GreengrassDeployment for the new target, and delete this one when it is no longer wanted";
/// `parentTargetArn` is no thing group.
pub const PARENT_ARN: &str = "parentTargetArn must be the ARN of the thing group that the parent deployment targets: write arn:aws:iot:REGION:ACCOUNT:thinggroup/NAME, with the twelve digits of the account";
/// `parentTargetArn` was changed, set or removed.
pub const PARENT_ARN_CHANGED: &str = "parentTargetArn cannot be changed, added or removed, because it says which deployment in AWS this resource stands for: create another GreengrassDeployment, and delete this one when it is no longer wanted";
/// A subdeployment for a thing.
pub const PARENT_OF_THING: &str = "parentTargetArn is possible only where targetArn is a thing group: put the thing into a thing group and target that, or remove parentTargetArn";
/// A subdeployment of itself.
pub const PARENT_IS_TARGET: &str = "parentTargetArn must be another thing group than targetArn: name the thing group of the parent deployment, or remove parentTargetArn";
/// A subdeployment across accounts or regions.
pub const PARENT_ELSEWHERE: &str = "parentTargetArn must be in the partition, region and account of targetArn: name the thing group of the parent deployment there";
/// Two parents.
pub const PARENT_TWICE: &str = "parent and parentTargetArn name the same thing in two ways: keep one of them";
/// `parent` was changed, set or removed.
pub const PARENT_CHANGED: &str = "parent cannot be changed, added or removed, because it says which deployment in AWS this resource stands for: create another GreengrassDeployment, and delete this one when it is no longer wanted";
/// A subdeployment for a thing, by name.
pub const PARENT_NAME_OF_THING: &str = "parent is possible only where targetArn is a thing group: put the thing into a thing group and target that, or remove parent";
/// What only subdeployments have.
pub const ON_PARENT_REVISION: &str =
    "onParentRevision is possible only where parentTargetArn or parent is set: remove it, or name the parent";
/// A job configuration for a thing. An empty one is fine: AWS's own example of a deployment for a thing has it.
pub const JOB_OF_THING: &str = "iotJobConfiguration must be absent or empty where targetArn is a thing, because a thing gets its deployment without a job: remove what is in it, or target a thing group";
/// No components.
pub const COMPONENTS_EMPTY: &str = "components is empty, which removes from the devices every component that this target put there: name at least one component, or set allowEmpty to true if that is wanted";
/// A subdeployment without components.
pub const COMPONENTS_EMPTY_SUBDEPLOYMENT: &str = "components must name at least one component where parentTargetArn or parent is set, because an empty subdeployment would remove the parent's components from its devices: name the components that should run";
/// A bad component name.
pub const COMPONENT_NAME: &str = "each name in components must have 1 to 128 characters: write the component's name as its recipe does, for example com.example.HelloWorld";
/// A bad version.
pub const COMPONENT_VERSION: &str = "componentVersion must be one exact version such as 1.0.0 or 1.0.0-rc.1, because devices take no ranges and no LATEST: write MAJOR.MINOR.PATCH in full, and begin a pre-release with a letter";
/// A bad pointer.
pub const RESET: &str = "each entry of reset must be a JSON pointer that begins with '/', for example /network/port, or '' to reset the whole configuration";
/// No processors.
pub const CPUS: &str = "cpus must be greater than 0: write the number of processors that the component may use, for example 0.5, or remove the field for no limit";
/// No memory.
pub const MEMORY: &str = "memory must be greater than 0: write the kilobytes that the component may use, for example 102400, or remove the field for no limit";
/// Both criteria or none.
pub const RATE_CRITERIA: &str = "rateIncreaseCriteria must have exactly one of numberOfNotifiedThings and numberOfSucceededThings: keep the one that should raise the rate";
/// A share of nothing.
pub const THRESHOLD: &str = "thresholdPercentage must be greater than 0 and at most 100: write the share of failed things that stops the rollout, for example 20";
/// A deadline that nobody waits for.
pub const DEADLINE: &str = "deadline is possible only where readyWhen is RolledOut, because otherwise nothing waits for devices: remove it, or set readyWhen to RolledOut";
/// Software that would be taken from devices of a subdeployment.
pub const REMOVE_SUBDEPLOYMENT: &str = "deletionPolicy Remove is not possible where parentTargetArn or parent is set, because an empty subdeployment would remove the parent's components from its devices: use Delete; the parent's next revision brings its components back";
/// A bad tag key.
pub const TAG_KEY: &str = "each key in tags must have 1 to 128 characters, only letters, digits, spaces and _ . : / = + - @: change or remove the key";
/// AWS's own tags.
pub const TAG_KEY_AWS: &str =
    "keys in tags must not begin with aws: in any case, because AWS keeps that prefix to itself: choose another key";
/// The operator's own tags.
pub const TAG_KEY_OWN: &str = "keys in tags must not begin with greengrass-operator.dev/, because the operator finds its deployments by those: choose another key";
/// A bad tag value.
pub const TAG_VALUE: &str = "values in tags must have at most 256 characters, only letters, digits, spaces and _ . : / = + - @: change the value";

/// Characters of the ARN of a role: `arn:aws-us-gov:iam::123456789012:role/`, a path of 512 and a name of 64.
pub const MAX_ROLE_ARN: usize = 640;
/// Characters of an external id (`externalIdType` of the AWS STS API).
pub const MAX_EXTERNAL_ID: usize = 1224;
/// What an external id may hold (`externalIdType` of the AWS STS API).
pub const EXTERNAL_ID: &str = "^[a-zA-Z0-9_+=,.@:/-]*$";
/// Regions of AWS.
pub const REGION: &str = "^[a-z][a-z0-9-]*$";
/// An endpoint, without user, query and fragment: they would be signed and sent elsewhere than it seems.
pub const ENDPOINT_URL: &str = "^https?://[a-zA-Z0-9.:_~\\[\\]-][a-zA-Z0-9.:/_~\\[\\]-]*$";
/// Entries of `allowedTargets`.
pub const MAX_PATTERNS: usize = 100;
/// Characters of a pattern: those of the longest ARN.
pub const MAX_PATTERN: usize = 256;
/// Entries of `allowedNamespaces.names`; more are selected by a label.
pub const MAX_NAMESPACES: usize = 256;
/// Tags of an identity: a resource keeps room for as many.
pub const MAX_IDENTITY_TAGS: usize = 20;
/// Half a condition. Kubernetes refuses it too, where it takes selectors.
pub const SELECTOR_VALUES: &str = "values must be set for In and NotIn, and absent for Exists and DoesNotExist: name the values of the label, or remove them";
/// The role is none.
pub const ROLE_ARN: &str = "roleArn must be the ARN of an IAM role: write arn:aws:iam::ACCOUNT:role/NAME, with the twelve digits of the account";
/// What only roles have.
pub const WITHOUT_ROLE: &str = "externalId and sessionDuration are possible only where roleArn is set, because they belong to the session of a role: name the role, or remove them";
/// The region is none.
pub const REGION_WORDS: &str = "region must be the name of an AWS region: write for example eu-central-1";
/// The endpoint is none.
pub const ENDPOINT_URL_WORDS: &str = "endpointUrl must be an address without user, query and fragment: write for example https://HOST or https://HOST:PORT";
/// No target.
pub const TARGET_ONE: &str = "exactly one of targetArn and target must be set: name the thing or thing group by its ARN, or write target: {thingGroup: NAME} or target: {thing: NAME}";
/// A short target that is none or two.
pub const TARGET: &str =
    "target must have exactly one of thing and thingGroup: keep the one that the deployment is for";
/// A short parent that is none or two.
pub const PARENT: &str = "parent must have exactly one of name and thingGroup: name the parent's GreengrassDeployment, or the thing group that it targets";
/// A bad name of a thing.
pub const THING_NAME_WORDS: &str = "a thing's or thing group's name has 1 to 128 letters, digits and : _ -";
/// Names of things and thing groups (`ThingName`, `ThingGroupName` of the AWS IoT API).
pub const THING_NAME: &str = "^[a-zA-Z0-9:_-]+$";
/// Characters of such a name.
pub const MAX_THING_NAME: usize = 128;

const ROLE: &str = "^arn:aws[a-z0-9-]*:iam::[0-9]{12}:role/([a-zA-Z0-9+=,.@_/-]*/)?[a-zA-Z0-9+=,.@_-]+$";
const THING_OR_GROUP: &str = "^arn:aws[a-z0-9-]*:iot:[a-z0-9-]+:[0-9]{12}:(thing|thinggroup)/[a-zA-Z0-9:_-]{1,128}$";
const GROUP: &str = "^arn:aws[a-z0-9-]*:iot:[a-z0-9-]+:[0-9]{12}:thinggroup/[a-zA-Z0-9:_-]{1,128}$";
/// Semantic Versioning 2.0.0, where a pre-release begins with a letter or hyphen: a device refuses one of digits.
const VERSION: &str = "^(0|[1-9][0-9]*)[.](0|[1-9][0-9]*)[.](0|[1-9][0-9]*)(-[a-zA-Z-][0-9a-zA-Z-]*([.](0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?([+][0-9a-zA-Z-]+([.][0-9a-zA-Z-]+)*)?$";
/// What AWS takes in tags.
const TAG: &str = "^[\\\\p{L}\\\\p{Z}\\\\p{N}_.:/=+@-]*$";

fn rule(rule: impl Into<String>, message: &str) -> Value {
    json!({ "rule": rule.into(), "message": message })
}

/// A rule whose message stands at a field below.
fn rule_at(field: &str, text: &str, message: &str) -> Value {
    json!({ "rule": text, "message": message, "fieldPath": field })
}

/// Of the object: the API server shows rules there nothing of metadata but the names.
pub(super) fn root() -> Value {
    json!([rule(format!("size(self.metadata.name) <= {MAX_NAME}"), NAME)])
}

pub(super) fn spec() -> Value {
    // A text that is no ARN has its own message: these hold their tongue about it.
    let to_thing =
        "((has(self.targetArn) && self.targetArn.contains(':thing/')) || (has(self.target) && has(self.target.thing)))";
    let groups = "has(self.targetArn) && self.targetArn.contains(':thinggroup/') && self.parentTargetArn.contains(':thinggroup/')";
    let configured = ["jobExecutionsRolloutConfig", "abortConfig", "timeoutConfig"]
        .map(|field| format!("has(self.iotJobConfiguration.{field})"))
        .join(" || ");
    json!([
        rule_at(".targetArn", "has(self.targetArn) != has(self.target)", TARGET_ONE),
        // On the spec and for both roads: a rule at an optional field is bypassed by removing the field and adding it again.
        rule_at(
            ".targetArn",
            "has(self.targetArn) ? (has(oldSelf.targetArn) && self.targetArn == oldSelf.targetArn) : (!has(oldSelf.targetArn) && has(self.target) == has(oldSelf.target) && (!has(self.target) || self.target == oldSelf.target))",
            TARGET_ARN_CHANGED
        ),
        rule_at(
            ".parentTargetArn",
            "has(self.parentTargetArn) == has(oldSelf.parentTargetArn) && (!has(self.parentTargetArn) || self.parentTargetArn == oldSelf.parentTargetArn)",
            PARENT_ARN_CHANGED
        ),
        rule_at(
            ".parent",
            "has(self.parent) == has(oldSelf.parent) && (!has(self.parent) || self.parent == oldSelf.parent)",
            PARENT_CHANGED
        ),
        rule_at(".parent", "!has(self.parent) || !has(self.parentTargetArn)", PARENT_TWICE),
        rule_at(".parent", &format!("!has(self.parent) || !{to_thing}"), PARENT_NAME_OF_THING),
        rule_at(
            ".onParentRevision",
            "!has(self.onParentRevision) || has(self.parentTargetArn) || has(self.parent)",
            ON_PARENT_REVISION
        ),
        rule_at(".parentTargetArn", &format!("!has(self.parentTargetArn) || !{to_thing}"), PARENT_OF_THING),
        rule_at(
            ".parentTargetArn",
            "!has(self.parentTargetArn) || !has(self.targetArn) || self.parentTargetArn != self.targetArn",
            PARENT_IS_TARGET
        ),
        rule_at(
            ".parent",
            "!has(self.parent) || !has(self.parent.thingGroup) || !has(self.target) || !has(self.target.thingGroup) || self.parent.thingGroup != self.target.thingGroup",
            PARENT_IS_TARGET
        ),
        rule_at(
            ".parentTargetArn",
            &format!(
                "!has(self.parentTargetArn) || !({groups}) || self.parentTargetArn.split('/')[0] == self.targetArn.split('/')[0]"
            ),
            PARENT_ELSEWHERE
        ),
        rule_at(
            ".iotJobConfiguration",
            &format!("!has(self.iotJobConfiguration) || !{to_thing} || !({configured})"),
            JOB_OF_THING
        ),
        rule_at(
            ".components",
            "size(self.components) > 0 || has(self.parentTargetArn) || has(self.parent) || (has(self.allowEmpty) && self.allowEmpty)",
            COMPONENTS_EMPTY
        ),
        rule_at(
            ".components",
            "size(self.components) > 0 || !(has(self.parentTargetArn) || has(self.parent))",
            COMPONENTS_EMPTY_SUBDEPLOYMENT
        ),
        rule_at(
            ".deletionPolicy",
            "!has(self.deletionPolicy) || self.deletionPolicy != 'Remove' || !(has(self.parentTargetArn) || has(self.parent))",
            REMOVE_SUBDEPLOYMENT
        ),
    ])
}

/// Of `target`.
pub(super) fn target() -> Value {
    json!([rule("has(self.thing) != has(self.thingGroup)", TARGET)])
}

/// Of `parent`.
pub(super) fn parent() -> Value {
    json!([rule("has(self.name) != has(self.thingGroup)", PARENT)])
}

/// Of an identity.
pub(super) fn identity() -> Value {
    json!([
        rule_at(".externalId", "!has(self.externalId) || has(self.roleArn)", WITHOUT_ROLE),
        rule_at(".sessionDuration", "!has(self.sessionDuration) || has(self.roleArn)", WITHOUT_ROLE),
    ])
}

pub(super) fn role_arn() -> Value {
    json!([rule(format!("self.matches('{ROLE}')"), ROLE_ARN)])
}

pub(super) fn rollout() -> Value {
    json!([rule_at(
        ".deadline",
        "!has(self.deadline) || (has(self.readyWhen) && self.readyWhen == 'RolledOut')",
        DEADLINE
    )])
}

pub(super) fn target_arn() -> Value {
    json!([rule(format!("self.matches('{THING_OR_GROUP}')"), TARGET_ARN)])
}

pub(super) fn parent_target_arn() -> Value {
    json!([rule(format!("self.matches('{GROUP}')"), PARENT_ARN)])
}

pub(super) fn components() -> Value {
    json!([rule(format!("self.all(name, size(name) >= 1 && size(name) <= {MAX_COMPONENT_NAME})"), COMPONENT_NAME)])
}

pub(super) fn component_version() -> Value {
    json!([rule(format!("self.matches('{VERSION}')"), COMPONENT_VERSION)])
}

pub(super) fn reset() -> Value {
    json!([rule("self.all(path, path == '' || path.startsWith('/'))", RESET)])
}

pub(super) fn cpus() -> Value {
    json!([rule("self > 0.0", CPUS)])
}

pub(super) fn memory() -> Value {
    json!([rule("self > 0", MEMORY)])
}

pub(super) fn rate_criteria() -> Value {
    json!([rule("has(self.numberOfNotifiedThings) != has(self.numberOfSucceededThings)", RATE_CRITERIA)])
}

pub(super) fn threshold() -> Value {
    json!([rule("self > 0.0 && self <= 100.0", THRESHOLD)])
}

pub(super) fn tags() -> Value {
    json!([
        rule(format!("self.all(key, size(key) >= 1 && size(key) <= {MAX_TAG_KEY} && key.matches('{TAG}'))"), TAG_KEY),
        rule("self.all(key, !key.matches('^[aA][wW][sS]:'))", TAG_KEY_AWS),
        rule("self.all(key, !key.startsWith('greengrass-operator.dev/'))", TAG_KEY_OWN),
        // Their length is a bound of the schema: without it, this rule's cost has none.
        rule(format!("self.all(key, self[key].matches('{TAG}'))"), TAG_VALUE),
    ])
}
