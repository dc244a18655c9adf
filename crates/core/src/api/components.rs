//! The part of the spec that says which components run, and how. Pure.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rules;

/// One component: its version, changes of its configuration, and user and limits of its processes. In AWS:
/// `ComponentDeploymentSpecification`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentDeploymentSpecification {
    /// The one exact version that devices run, in Semantic Versioning: MAJOR.MINOR.PATCH, with a pre-release that begins
    /// with a letter where wanted. Ranges and LATEST are refused, because devices take neither. May change: a change makes
    /// a new revision. In AWS: `componentVersion`. Example: `1.0.0`.
    #[schemars(
        length(max = rules::MAX_COMPONENT_VERSION),
        extend("x-kubernetes-validations" = rules::component_version())
    )]
    pub component_version: String,
    /// Changes of the component's configuration: what is reset to the recipe's defaults first, and what is merged then.
    /// Absent: devices keep the configuration they have. May change: a change makes a new revision. In AWS:
    /// `configurationUpdate`. Example: `{merge: {Message: Hello}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_update: Option<ConfigurationUpdate>,
    /// The system user and the limits of the component's processes. Absent: the device's own settings. May change: a
    /// change makes a new revision. In AWS: `runWith`. Example: `{posixUser: "ggc_user:ggc_group"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_with: Option<RunWith>,
}

/// Changes of a component's configuration. In AWS: `ComponentConfigurationUpdate`.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationUpdate {
    /// What is merged into the configuration: an object, or a string that holds a JSON object as the AWS CLI prints it.
    /// Objects merge key by key, arrays are replaced whole, null sets null. A key that is removed here is reset on
    /// devices with the next revision, see `droppedConfigurationKeys`. In the string form every byte reaches AWS as written; in the object form numbers are 64-bit, and
    /// kubectl's client-side apply drops nulls. Never write secrets here: every reader of the deployment sees them. Absent:
    /// nothing is merged. May change: a change makes a new revision. In AWS: `merge`. Example: `{Message: Hello}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MergeSchema")]
    pub merge: Option<Value>,
    /// Configurations in `ConfigMaps` of the resource's namespace that are merged beneath `merge`, each as a JSON or YAML object:
    /// a later one goes before an earlier one, and `merge` before all; objects merge key by key, everything else is replaced
    /// whole. A change of such a ConfigMap is a change of the spec. At most 16 entries. Never from Secrets, because every reader
    /// of the deployment sees what is merged. Absent: only `merge`. May change: a change makes a new revision. Not part of AWS.
    /// Example: `[{configMapKeyRef: {name: press-settings, key: config.yaml}}]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_SOURCES), extend("x-kubernetes-list-type" = "atomic"))]
    pub merge_from: Option<Vec<ConfigurationSource>>,
    /// JSON pointers to what is reset to the recipe's defaults before `merge` is applied, in this order; the empty string
    /// resets the whole configuration. Devices skip pointers through arrays and through keys that look like numbers. At
    /// most 256 entries of at most 256 characters. Absent: nothing is reset. May change: a change makes a new revision. In
    /// AWS: `reset`. Example: `["/network/useHttps", "/tags"]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = rules::MAX_RESETS),
        inner(length(max = rules::MAX_RESET)),
        extend("x-kubernetes-list-type" = "atomic", "x-kubernetes-validations" = rules::reset())
    )]
    pub reset: Option<Vec<String>>,
}

/// Where a configuration stands.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationSource {
    /// A key of a ConfigMap in the resource's namespace. Required. May change: another content makes a new revision. Not part of
    /// AWS. Example: `{name: press-settings, key: config.yaml}`.
    pub config_map_key_ref: ConfigMapKeySelector,
}

/// A key of a `ConfigMap`, as Pods name it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
pub struct ConfigMapKeySelector {
    /// Name of the ConfigMap, 1 to 253 characters. Required. May change. Not part of AWS. Example: `press-settings`.
    #[schemars(length(max = rules::MAX_REFERENCE), extend("pattern" = rules::OBJECT_NAME))]
    pub name: String,
    /// Key in its `data`, 1 to 253 characters. Required. May change. Not part of AWS. Example: `config.yaml`.
    #[schemars(length(max = rules::MAX_REFERENCE), extend("pattern" = rules::CONFIG_MAP_KEY))]
    pub key: String,
    /// Whether it may be missing, the ConfigMap or the key in it; then nothing is merged from it. Absent: false, and what is
    /// missing keeps the resource from being deployed. May change. Not part of AWS. Example: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// User and limits of a component's processes. In AWS: `ComponentRunWith`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunWith {
    /// The POSIX user, and the group where wanted, that run the component on Linux, by name or number: `user:group` or
    /// `user`. The empty string goes back to the device's default user. At most 256 characters. Absent: the device keeps
    /// its setting. May change: a change makes a new revision. In AWS: `posixUser`. Example: `ggc_user:ggc_group`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_USER))]
    pub posix_user: Option<String>,
    /// The Windows user that runs the component on Windows; it must exist on each device, with its password in the
    /// `LocalSystem` account's credential manager. At most 256 characters. Absent: the device keeps its setting. May change:
    /// a change makes a new revision. In AWS: `windowsUser`. Example: `ggc_user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_USER))]
    pub windows_user: Option<String>,
    /// What the component's processes may use, on Linux. Absent: limits of an earlier deployment are removed. May change: a
    /// change makes a new revision. In AWS: `systemResourceLimits`. Example: `{cpus: 0.5, memory: 102400}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_resource_limits: Option<SystemResourceLimits>,
}

/// Limits of a component's processes. In AWS: `SystemResourceLimits`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
pub struct SystemResourceLimits {
    /// Processor time, in processors: 0.5 is half of one, 2 is two. More than 0. Absent: no limit. May change: a change
    /// makes a new revision. In AWS: `cpus`. Example: `0.5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = rules::cpus()))]
    pub cpus: Option<f64>,
    /// Memory, in kilobytes. More than 0. Absent: no limit. May change: a change makes a new revision. In AWS: `memory`.
    /// Example: `102400` (100 megabytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = rules::memory()))]
    pub memory: Option<i64>,
}

/// An object of any content, or a string that begins as one.
///
/// A type would be the plain way to say it, but there are two of them, and the API server takes no choice of types beside
/// unknown fields. So the field has no type, and each type that is not meant is shut out by a keyword that looks at that
/// type alone: numbers by an empty range, arrays by a length of 0, booleans and the empty array by name, and strings by a
/// pattern.
struct MergeSchema;

impl JsonSchema for MergeSchema {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Merge".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-preserve-unknown-fields": true,
            "minimum": 1,
            "maximum": 0,
            "maxItems": 0,
            "not": { "enum": [true, false, []] },
            "pattern": "^\\s*\\{",
            "maxLength": rules::MAX_MERGE,
        })
    }
}
