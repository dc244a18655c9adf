//! The part of the spec that says how devices apply a deployment. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How devices apply the deployment. In AWS: `DeploymentPolicies`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentPolicies {
    /// What a device does when the deployment fails on it. `ROLLBACK`: it goes back to the components and configuration that
    /// it ran before. `DO_NOTHING`: it stays as the failure left it. Absent: `ROLLBACK`. May change: a change makes a new
    /// revision. In AWS: `failureHandlingPolicy`. Example: `ROLLBACK`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_handling_policy: Option<FailureHandlingPolicy>,
    /// Whether components are told before they are updated, and how long they may ask for a delay. Absent: they are, with
    /// 60 seconds. May change: a change makes a new revision. In AWS: `componentUpdatePolicy`. Example:
    /// `{action: NOTIFY_COMPONENTS, timeoutInSeconds: 300}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_update_policy: Option<ComponentUpdatePolicy>,
    /// How long components may take to check a new configuration. Absent: 30 seconds. May change: a change makes a new
    /// revision. In AWS: `configurationValidationPolicy`. Example: `{timeoutInSeconds: 60}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_validation_policy: Option<ConfigurationValidationPolicy>,
}

/// What a device does when the deployment fails on it. In AWS: `DeploymentFailureHandlingPolicy`.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub enum FailureHandlingPolicy {
    /// Go back to the components it ran before.
    Rollback,
    /// Leave it as it is.
    DoNothing,
}

/// Whether components are told before an update. In AWS: `DeploymentComponentUpdatePolicy`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentUpdatePolicy {
    /// Seconds that each component has to say that it is safe to update, or to ask for a delay; 0 to 2147483647. Absent:
    /// 60. May change: a change makes a new revision. In AWS: `timeoutInSeconds`. Example: `300`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub timeout_in_seconds: Option<i32>,
    /// Whether components are told. `NOTIFY_COMPONENTS`: each is told before it is stopped and updated, and may ask for a
    /// delay. `SKIP_NOTIFY_COMPONENTS`: none is told. Absent: `NOTIFY_COMPONENTS`. May change: a change makes a new revision.
    /// In AWS: `action`. Example: `NOTIFY_COMPONENTS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ComponentUpdateAction>,
}

/// Whether components are told before an update. In AWS: `DeploymentComponentUpdatePolicyAction`.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub enum ComponentUpdateAction {
    /// They are.
    NotifyComponents,
    /// They are not.
    SkipNotifyComponents,
}

/// How long components may take to check a configuration. In AWS: `DeploymentConfigurationValidationPolicy`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationValidationPolicy {
    /// Seconds that each component has to accept or refuse its new configuration; 0 to 2147483647. Absent: 30. May change: a
    /// change makes a new revision. In AWS: `timeoutInSeconds`. Example: `60`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub timeout_in_seconds: Option<i32>,
}
