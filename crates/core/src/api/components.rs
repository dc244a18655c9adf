//! The part of the spec that says which components run, and how. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One component.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentDeploymentSpecification {
    /// Exact version.
    pub component_version: String,
    /// Changes of the component's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_update: Option<ConfigurationUpdate>,
    /// User and limits of the component's processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_with: Option<RunWith>,
}

/// Changes of a component's configuration.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
pub struct ConfigurationUpdate {
    /// An object, or a string that holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<Value>,
    /// JSON pointers to reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<Vec<String>>,
}

/// User and limits of a component's processes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunWith {
    /// POSIX user and group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posix_user: Option<String>,
    /// Windows user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows_user: Option<String>,
    /// Limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_resource_limits: Option<SystemResourceLimits>,
}

/// Limits of a component's processes.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
pub struct SystemResourceLimits {
    /// Processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// Kilobytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<i64>,
}
