//! The `AwsIdentity` kind: its spec and status. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::rules;

/// Through which credentials AWS is reached, who may use them, and for what.
#[allow(clippy::duplicated_attributes, reason = "each column names its type")]
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[kube(
    group = "greengrass-operator.dev",
    version = "v1alpha1",
    kind = "AwsIdentity",
    plural = "awsidentities",
    doc = "Credentials through which GreengrassDeployments reach AWS: a role that the operator assumes, or the operator's own credentials, with the namespaces that may use them and the targets that they may be used for. What is not allowed here is never asked of AWS.",
    status = "AwsIdentityStatus",
    derive = "PartialEq",
    shortname = "awsid",
    category = "greengrass",
    category = "aws",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether AWS has accepted the credentials."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is ready or not, in one word."
    ),
    printcolumn(
        name = "Account",
        type_ = "string",
        json_path = ".status.accountId",
        description = "The AWS account of the credentials."
    ),
    printcolumn(
        name = "Region",
        type_ = "string",
        json_path = ".status.region",
        description = "The AWS region of targets that are named without their ARN."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "The time since the resource was created."
    ),
    printcolumn(
        name = "Role",
        type_ = "string",
        json_path = ".spec.roleArn",
        description = "The role that is assumed; none: the operator's own credentials.",
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
#[schemars(extend("x-kubernetes-validations" = rules::identity()))]
pub struct AwsIdentitySpec {
    /// ARN of the IAM role that the operator assumes. Absent: the operator's own credentials are used as they are. May
    /// change; resources whose target would then be in another account say so (`KeyChanged`) and are left alone. In AWS:
    /// `RoleArn` of `AssumeRole`. Example: `arn:aws:iam::123456789012:role/GreengrassDeployer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_ROLE_ARN), extend("x-kubernetes-validations" = rules::role_arn()))]
    pub role_arn: Option<String>,
    /// The external id that the role's trust policy asks for; 2 to 1224 characters. No secret, as AWS treats it. Only with
    /// `roleArn`. Absent: none is sent. May change. In AWS: `ExternalId`. Example: `factory-7`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = rules::MAX_EXTERNAL_ID), extend("pattern" = rules::EXTERNAL_ID))]
    pub external_id: Option<String>,
    /// How long a session of the role lasts, from 15m to 12h and never longer than the role's own maximum; sessions are renewed
    /// before they end. Where the operator's own credentials are those of a role, AWS allows at most 1h. Only with `roleArn`.
    /// Numbers with a unit, `s`, `m` or `h`. Absent: 1h. May change. In AWS: `DurationSeconds`. Example: `30m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_DURATION), extend("pattern" = rules::DURATION))]
    pub session_duration: Option<String>,
    /// AWS region of targets that are named without their ARN, and of the security token service. Absent: the operator's own
    /// (`AWS_REGION`). May change; resources whose target would then be in another region say so (`KeyChanged`) and are left
    /// alone. Example: `eu-central-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("pattern" = rules::REGION))]
    pub region: Option<String>,
    /// Where AWS is reached instead of its public endpoints, for every service, for example an interface endpoint in a private
    /// network. Must begin with `https://` unless the operator runs with `--allow-insecure-endpoints`, because calls carry a
    /// session token. Absent: the operator's own configuration (`AWS_ENDPOINT_URL`), else AWS's public endpoints. May change.
    /// Example: `https://vpce-0123-greengrass.eu-central-1.vpce.amazonaws.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), extend("pattern" = rules::ENDPOINT_URL))]
    pub endpoint_url: Option<String>,
    /// The namespaces whose resources may use this identity: those that are named and those that are selected. Absent or empty:
    /// none. May change, with effect at once. Example: `{names: [line-1, line-2]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_namespaces: Option<AllowedNamespaces>,
    /// The targets and parents that this identity may be used for: patterns of ARNs, in which `*` stands for any characters and `?` for
    /// one. At most 100. Absent or empty: none; `['*']`: all. May change, with effect at once. Example:
    /// `['arn:aws:iot:eu-central-1:123456789012:thinggroup/line-1-*']`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = rules::MAX_PATTERNS),
        inner(length(min = 1, max = rules::MAX_PATTERN)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub allowed_targets: Option<Vec<String>>,
    /// The namespaces whose resources use this identity where they name none in `identityRef`. Two identities must not be the
    /// default of one namespace. Absent: of none; then the identity that is called `default` serves. May change. Example:
    /// `{namespaceSelector: {matchLabels: {factory: north}}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_for: Option<DefaultFor>,
    /// How often what is deployed through this identity is compared with AWS when nothing happens, from 10s to 24h. Numbers with a
    /// unit, `s`, `m` or `h`. Absent: the operator's `--drift-interval`, 5m unless set. May change. Example: `15m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_DURATION), extend("pattern" = rules::DURATION))]
    pub drift_interval: Option<String>,
    /// Tags of every deployment that is made through this identity; a tag of the resource with the same key goes before. At most
    /// 20, under the rules of a resource's `tags`, and with those at most 40. Absent: none. May change: deployments get the new tags
    /// in place, without a new revision. Example: `{cost-center: "4711"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "maxProperties" = rules::MAX_IDENTITY_TAGS,
        "additionalProperties" = { "type": "string", "maxLength": rules::MAX_TAG_VALUE },
        "x-kubernetes-validations" = rules::tags()
    ))]
    pub tags: Option<BTreeMap<String, String>>,
}

/// Namespaces by name and by label.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub struct AllowedNamespaces {
    /// Namespaces by name; `['*']`: every one. At most 256. Absent: none by name. Example: `[line-1]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = rules::MAX_NAMESPACES),
        inner(length(min = 1, max = 63)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub names: Option<Vec<String>>,
    /// Namespaces by their labels; `{}` selects every one. Absent: none by label. Example: `{matchLabels: {factory: north}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "label_selector")]
    pub selector: Option<LabelSelector>,
}

/// Namespaces whose resources use an identity without naming it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub struct DefaultFor {
    /// Namespaces by their labels; `{}` selects every one. Required. Example: `{matchLabels: {factory: north}}`.
    #[schemars(schema_with = "label_selector")]
    pub namespace_selector: LabelSelector,
}

/// What AWS said to the credentials. Written by the operator alone; a hint for people, by which nothing is decided.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = json!({ "observedGeneration": -1 })))]
pub struct AwsIdentityStatus {
    /// The `metadata.generation` that the conditions speak of. -1 until the operator has looked at the resource. Example: `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What is the case. `Ready`: AWS accepts the credentials; always present. `Reconciling`: they are being tried; only when True.
    /// `Stalled`: a person has to act; only when True. Example: `{type: Ready, status: "True", reason: Authenticated}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Vec<Condition>,
    /// The AWS account of the credentials, twelve digits. Example: `123456789012`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// ARN under which AWS knows the credentials, as `GetCallerIdentity` tells it. Example:
    /// `arn:aws:sts::123456789012:assumed-role/GreengrassDeployer/greengrass-operator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed_role_arn: Option<String>,
    /// Region of targets that are named without their ARN. Example: `eu-central-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// `LabelSelector` of Kubernetes' own API, bounded.
fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "matchLabels": {
                "description": "Labels with these values. Example: `{factory: north}`.",
                "type": "object",
                "maxProperties": 32,
                "additionalProperties": { "type": "string", "maxLength": 63 },
            },
            "matchExpressions": {
                "description": "Further conditions, all of which must hold. Example: `[{key: factory, operator: Exists}]`.",
                "type": "array",
                "maxItems": 32,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "x-kubernetes-validations": [{
                        "rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                        "message": rules::SELECTOR_VALUES,
                    }],
                    "properties": {
                        "key": { "description": "The label. Example: `factory`.", "type": "string", "maxLength": 317 },
                        "operator": {
                            "description": "What must hold of it. Example: `In`.",
                            "type": "string",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                        },
                        "values": {
                            "description": "The values, for `In` and `NotIn`. Example: `[north, south]`.",
                            "type": "array",
                            "maxItems": 64,
                            "x-kubernetes-list-type": "atomic",
                            "items": { "type": "string", "maxLength": 63 },
                        },
                    },
                },
            },
        },
    })
}
