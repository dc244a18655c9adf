//! The part of the spec that says how devices apply a deployment. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How devices apply the deployment.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentPolicies {
    /// What a device does when the deployment fails on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_handling_policy: Option<FailureHandlingPolicy>,
    /// Whether components are asked before an update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_update_policy: Option<ComponentUpdatePolicy>,
    /// How long components may take to validate a configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_validation_policy: Option<ConfigurationValidationPolicy>,
}

/// What a device does when the deployment fails on it.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureHandlingPolicy {
    /// Go back to the components it ran before.
    Rollback,
    /// Leave it as it is.
    DoNothing,
}

/// Whether components are asked before an update.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentUpdatePolicy {
    /// Seconds that components have to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<i32>,
    /// Whether they are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ComponentUpdateAction>,
}

/// Whether components are asked before an update.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ComponentUpdateAction {
    /// They are.
    NotifyComponents,
    /// They are not.
    SkipNotifyComponents,
}

/// How long components may take to validate a configuration.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationValidationPolicy {
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_in_seconds: Option<i32>,
}
