//! The part of the spec that says when a rollout counts as done or failed. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// When the resource is ready, and what counts as a failed or a completed rollout. Nothing of it goes to AWS.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, JsonSchema, Default)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules::rollout()))]
pub struct RolloutPolicy {
    /// When condition `Ready` is True. `Deployed`: as soon as AWS has the revision, unless too many devices fail; devices that are
    /// offline for weeks don't keep it waiting. `RolledOut`: when condition `RolledOut` is, too. Absent: `Deployed`. May change,
    /// without a new revision. Not part of AWS. Example: `RolledOut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_when: Option<ReadyWhen>,
    /// The share of failed devices, in percent, from which on the rollout has failed (`RolloutFailed`): failed, rejected and
    /// timed-out devices of those that have ended, once 10 of them and 5 % of all have, or all; 1 to 100. Absent: 50. May change,
    /// without a new revision. Not part of AWS: AWS stops a rollout only by `iotJobConfiguration.abortConfig`. Example: `10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub failure_threshold_percentage: Option<i32>,
    /// The share of devices, in percent, that must have succeeded for the rollout to be complete while others are still
    /// queued or at work; 1 to 100. Without it all must have ended. Absent: 100. May change, without a new revision. Not part of
    /// AWS. Example: `95`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub success_percentage: Option<i32>,
    /// How long after the revision's creation the rollout may take before the resource is `Stalled` (`DeadlineExceeded`); the rollout
    /// goes on, and completes all the same. Only where `readyWhen` is `RolledOut`. Numbers with a unit, `ms`, `s`, `m` or `h`. Absent:
    /// for ever. May change, without a new revision. Not part of AWS. Example: `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = rules::MAX_DURATION), extend("pattern" = rules::DURATION))]
    pub deadline: Option<String>,
}

/// When condition `Ready` is True.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Default)]
#[schemars(description = "")] // else it takes the place of the field's own, where the field is optional
pub enum ReadyWhen {
    /// As soon as AWS has the revision.
    #[default]
    Deployed,
    /// When devices have it, too.
    RolledOut,
}
