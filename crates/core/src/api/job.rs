//! The part of the spec that says how a thing group's deployment is rolled out. Pure.
//!
//! Ranges are those of the service's model, `DeploymentIoTJobConfiguration` and what it refers to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// How the deployment is rolled out to the things of a group. In AWS: `DeploymentIoTJobConfiguration`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IotJobConfiguration {
    /// How fast things are told of the deployment. Absent: as fast as AWS can. May change: a change makes a new revision. In
    /// AWS: `jobExecutionsRolloutConfig`. Example: `{maximumPerMinute: 50}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_executions_rollout_config: Option<JobExecutionsRolloutConfig>,
    /// When the rollout stops by itself. Absent: never. May change: a change makes a new revision. In AWS: `abortConfig`.
    /// Example: `{criteriaList: [{failureType: FAILED, action: CANCEL, thresholdPercentage: 20, minNumberOfExecutedThings:
    /// 10}]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_config: Option<AbortConfig>,
    /// How long a device may take to carry the deployment out. Absent: for ever. May change: a change makes a new revision.
    /// In AWS: `timeoutConfig`. Example: `{inProgressTimeoutInMinutes: 60}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_config: Option<TimeoutConfig>,
}

impl IotJobConfiguration {
    /// Whether it says nothing, which is the same as its absence.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { job_executions_rollout_config, abort_config, timeout_config } = self;
        job_executions_rollout_config.is_none() && abort_config.is_none() && timeout_config.is_none()
    }
}

/// How fast things are told. In AWS: `IoTJobExecutionsRolloutConfig`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobExecutionsRolloutConfig {
    /// A rate that begins low and grows. Absent: the rate is `maximumPerMinute` from the start. May change: a change makes a
    /// new revision. In AWS: `exponentialRate`. Example: `{baseRatePerMinute: 5, incrementFactor: 2,
    /// rateIncreaseCriteria: {numberOfSucceededThings: 10}}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exponential_rate: Option<ExponentialRate>,
    /// The most things that are told in a minute, 1 to 1000. Absent: AWS's own limit. May change: a change makes a new
    /// revision. In AWS: `maximumPerMinute`. Example: `50`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub maximum_per_minute: Option<i32>,
}

/// A rate that grows. In AWS: `IoTJobExponentialRolloutRate`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExponentialRate {
    /// Things that are told in a minute at the start, 1 to 1000. Required. May change: a change makes a new revision. In AWS:
    /// `baseRatePerMinute`. Example: `5`.
    #[schemars(range(min = 1, max = 1000))]
    pub base_rate_per_minute: i32,
    /// The factor by which the rate grows each time, 1 to 5. Required. May change: a change makes a new revision. In AWS:
    /// `incrementFactor`. Example: `2`.
    #[schemars(range(min = 1, max = 5))]
    pub increment_factor: f64,
    /// When the rate grows: exactly one of the two numbers. Required. May change: a change makes a new revision. In AWS:
    /// `rateIncreaseCriteria`. Example: `{numberOfSucceededThings: 10}`.
    pub rate_increase_criteria: RateIncreaseCriteria,
}

/// When the rate grows. In AWS: `IoTJobRateIncreaseCriteria`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::rate_criteria()))]
pub struct RateIncreaseCriteria {
    /// The rate grows after so many things were told, at least 1. Exactly one of this and `numberOfSucceededThings`. May
    /// change: a change makes a new revision. In AWS: `numberOfNotifiedThings`. Example: `10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub number_of_notified_things: Option<i32>,
    /// The rate grows after so many things succeeded, at least 1. Exactly one of this and `numberOfNotifiedThings`. May
    /// change: a change makes a new revision. In AWS: `numberOfSucceededThings`. Example: `5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub number_of_succeeded_things: Option<i32>,
}

/// When the rollout stops by itself. In AWS: `IoTJobAbortConfig`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AbortConfig {
    /// The reasons to stop, 1 to 16; any of them does it. Required. May change: a change makes a new revision. In AWS:
    /// `criteriaList`. Example: `[{failureType: FAILED, action: CANCEL, thresholdPercentage: 20,
    /// minNumberOfExecutedThings: 10}]`.
    #[schemars(
        length(min = 1, max = rules::MAX_ABORT_CRITERIA),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    pub criteria_list: Vec<AbortCriteria>,
}

/// One reason to stop. In AWS: `IoTJobAbortCriteria`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AbortCriteria {
    /// Which ends on a device count. `FAILED`: the deployment failed. `REJECTED`: the device refused it. `TIMED_OUT`: it took
    /// longer than `timeoutConfig` allows. `ALL`: each of them. Required. May change: a change makes a new revision. In AWS:
    /// `failureType`. Example: `FAILED`.
    pub failure_type: FailureType,
    /// What is done. `CANCEL`: the rollout is cancelled, so that no further thing gets the deployment. Required. May change:
    /// a change makes a new revision. In AWS: `action`. Example: `CANCEL`.
    pub action: AbortAction,
    /// The share of failed things that stops the rollout, in percent of those that were told: more than 0, at most 100.
    /// Required. May change: a change makes a new revision. In AWS: `thresholdPercentage`. Example: `20`.
    #[schemars(extend("x-kubernetes-validations" = rules::threshold()))]
    pub threshold_percentage: f64,
    /// How many things must have been told before the share counts, at least 1. Required. May change: a change makes a new
    /// revision. In AWS: `minNumberOfExecutedThings`. Example: `10`.
    #[schemars(range(min = 1))]
    pub min_number_of_executed_things: i32,
}

/// Which failures count. In AWS: `IoTJobExecutionFailureType`.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
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

/// What an abort does. In AWS: `IoTJobAbortAction`.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub enum AbortAction {
    /// Cancel the job.
    Cancel,
}

/// How long a device may take. In AWS: `IoTJobTimeoutConfig`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeoutConfig {
    /// Minutes that a device may take once it began, 1 to 10080 (seven days); after that its execution counts as timed out.
    /// Absent: for ever. May change: a change makes a new revision. In AWS: `inProgressTimeoutInMinutes`. Example: `60`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10080))]
    pub in_progress_timeout_in_minutes: Option<i64>,
}
