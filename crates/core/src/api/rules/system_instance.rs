//! The rules of a `SystemInstance` that take a sentence, in CEL and in words. Pure.

use serde_json::{Value, json};

use super::{ROLE, rule, rule_at};

/// Characters of a Greengrass group's name (`Name` of the Greengrass V1 groups; Things Graph's model names no bound).
pub const MAX_GROUP_NAME: usize = 256;
/// Characters of a bucket's name (Amazon S3 User Guide, "Bucket naming rules").
pub const MAX_BUCKET: usize = 63;
/// What a bucket's name may hold (Amazon S3 User Guide, "Bucket naming rules").
pub const BUCKET: &str = "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$";
/// Characters of a definition (`DefinitionText` of the Things Graph API).
pub const MAX_DEFINITION: usize = 1_048_576;

/// Two definitions or none.
pub const DEFINITION: &str = "definition must have exactly one of text and configMapKeyRef: write the GraphQL document into text, or name the key of a ConfigMap that holds it";
/// `target` was changed.
pub const TARGET_CHANGED: &str = "target cannot change, because the service can't move a system instance: create another SystemInstance for the new target, and delete this one when it is no longer wanted";
/// `greengrassGroupName` was changed.
pub const GROUP_CHANGED: &str = "greengrassGroupName cannot be changed, added or removed, because the service can't move a system instance: create another SystemInstance for the new group, and delete this one when it is no longer wanted";
/// No group.
pub const GROUP_MISSING: &str = "greengrassGroupName must be set where target is GREENGRASS: name the Greengrass group that runs the system instance";
/// No bucket.
pub const BUCKET_MISSING: &str =
    "s3BucketName must be set where target is GREENGRASS: name the S3 bucket that keeps what is deployed";
/// No role.
pub const ROLE_MISSING: &str =
    "flowActionsRoleArn must be set where target is CLOUD: name the IAM role that the service takes while a flow runs";
/// The role is none.
pub const FLOW_ROLE: &str = "flowActionsRoleArn must be the ARN of an IAM role: write arn:aws:iam::ACCOUNT:role/NAME, with the twelve digits of the account";
/// The role is none.
pub const METRIC_ROLE: &str = "metricRuleRoleArn must be the ARN of an IAM role: write arn:aws:iam::ACCOUNT:role/NAME, with the twelve digits of the account";
/// The group's name is too long or empty.
pub const GROUP_WORDS: &str =
    "greengrassGroupName must have 1 to 256 characters: write the name of the Greengrass group";
/// The bucket's name is none.
pub const BUCKET_WORDS: &str =
    "s3BucketName must have 3 to 63 lower-case letters, digits, dots and hyphens: write the name of the S3 bucket";

pub(in crate::api) fn spec() -> Value {
    json!([
        rule_at(".target", "self.target == oldSelf.target", TARGET_CHANGED),
        rule_at(
            ".greengrassGroupName",
            "has(self.greengrassGroupName) == has(oldSelf.greengrassGroupName) && (!has(self.greengrassGroupName) || self.greengrassGroupName == oldSelf.greengrassGroupName)",
            GROUP_CHANGED
        ),
        rule_at(".greengrassGroupName", "self.target != 'GREENGRASS' || has(self.greengrassGroupName)", GROUP_MISSING),
        rule_at(".s3BucketName", "self.target != 'GREENGRASS' || has(self.s3BucketName)", BUCKET_MISSING),
        rule_at(".flowActionsRoleArn", "self.target != 'CLOUD' || has(self.flowActionsRoleArn)", ROLE_MISSING),
    ])
}

pub(in crate::api) fn definition() -> Value {
    json!([rule("has(self.text) != has(self.configMapKeyRef)", DEFINITION)])
}

pub(in crate::api) fn flow_role() -> Value {
    json!([rule(format!("self.matches('{ROLE}')"), FLOW_ROLE)])
}

pub(in crate::api) fn metric_role() -> Value {
    json!([rule(format!("self.matches('{ROLE}')"), METRIC_ROLE)])
}
