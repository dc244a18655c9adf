//! The part of the spec that says how a thing group's deployment is rolled out. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the deployment is rolled out to the things of a group.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IotJobConfiguration {
    /// How fast.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_executions_rollout_config: Option<JobExecutionsRolloutConfig>,
    /// When to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_config: Option<AbortConfig>,
    /// How long a device may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_config: Option<TimeoutConfig>,
}

/// How fast things are told.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobExecutionsRolloutConfig {
    /// A rate that grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exponential_rate: Option<ExponentialRate>,
    /// The highest rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_per_minute: Option<i32>,
}

/// A rate that grows.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExponentialRate {
    /// Rate at the start.
    pub base_rate_per_minute: i32,
    /// Factor of growth.
    pub increment_factor: f64,
    /// When it grows.
    pub rate_increase_criteria: RateIncreaseCriteria,
}

/// When the rate grows.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateIncreaseCriteria {
    /// So many were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_of_notified_things: Option<i32>,
    /// So many succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_of_succeeded_things: Option<i32>,
}

/// When the rollout stops by itself.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AbortConfig {
    /// Any of them stops it.
    pub criteria_list: Vec<AbortCriteria>,
}

/// One reason to stop.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AbortCriteria {
    /// Which failures count.
    pub failure_type: FailureType,
    /// What is done.
    pub action: AbortAction,
    /// Share of failures.
    pub threshold_percentage: f64,
    /// How many things must have executed.
    pub min_number_of_executed_things: i32,
}

/// Which failures count.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureType {
    /// Failed.
    Failed,
    /// Rejected.
    Rejected,
    /// Timed out.
    TimedOut,
    /// Any.
    All,
}

/// What an abort does.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AbortAction {
    /// Cancel the job.
    Cancel,
}

/// How long a device may take.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeoutConfig {
    /// Minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_progress_timeout_in_minutes: Option<i64>,
}
