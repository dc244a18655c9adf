//! Abort criteria: when a rollout that goes wrong is stopped. Pure.
//!
//! <https://docs.aws.amazon.com/iot/latest/developerguide/jobs-configurations-details.html>

use serde_json::Value;

use crate::job::ExecutionCounts;

/// One entry of `iotJobConfiguration.abortConfig.criteriaList`; its action is always CANCEL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AbortCriterion {
    failure: FailureType,
    threshold_percentage: f64,
    least_executed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailureType {
    Failed,
    Rejected,
    TimedOut,
    All,
}

impl AbortCriterion {
    /// The criteria of an `abortConfig` that the model's constraints have let through.
    pub(crate) fn list(configuration: &Value) -> Vec<Self> {
        let read = |criterion: &Value| {
            let failure = match criterion.get("failureType")?.as_str()? {
                "FAILED" => FailureType::Failed,
                "REJECTED" => FailureType::Rejected,
                "TIMED_OUT" => FailureType::TimedOut,
                _ => FailureType::All,
            };
            Some(Self {
                failure,
                threshold_percentage: criterion.get("thresholdPercentage")?.as_f64()?,
                least_executed: criterion.get("minNumberOfExecutedThings")?.as_u64()?,
            })
        };
        let list = configuration.get("criteriaList").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(read).collect()
    }

    /// Whether the executions so far are more failures than it allows.
    pub(crate) fn is_met(&self, counts: &ExecutionCounts) -> bool {
        let executed = counts.executed();
        let bad = match self.failure {
            FailureType::Failed => counts.failed,
            FailureType::Rejected => counts.rejected,
            FailureType::TimedOut => counts.timed_out,
            FailureType::All => counts.failed + counts.rejected + counts.timed_out,
        };
        executed >= self.least_executed.max(1) && share(bad, executed) * 100.0 >= self.threshold_percentage
    }
}

fn share(part: u64, whole: u64) -> f64 {
    let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    number(part) / number(whole).max(1.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn criterion(failure: &str) -> AbortCriterion {
        let list = json!({"criteriaList": [{
            "failureType": failure, "action": "CANCEL", "thresholdPercentage": 20.0, "minNumberOfExecutedThings": 10,
        }]});
        AbortCriterion::list(&list).remove(0)
    }

    #[test]
    fn a_criterion_waits_for_enough_executions_and_takes_the_share_of_those() {
        let counts = |failed, succeeded| ExecutionCounts { failed, succeeded, queued: 90, ..Default::default() };
        let failed = criterion("FAILED");
        assert!(!failed.is_met(&counts(9, 0)));
        assert!(failed.is_met(&counts(2, 8)));
        assert!(!failed.is_met(&counts(1, 9)));
    }

    #[test]
    fn a_criterion_counts_its_own_kind_of_failure() {
        let counts = ExecutionCounts { timed_out: 1, rejected: 1, succeeded: 8, ..Default::default() };
        let met: Vec<bool> =
            ["FAILED", "REJECTED", "TIMED_OUT", "ALL"].map(|failure| criterion(failure).is_met(&counts)).into();
        assert_eq!(met, [false, false, false, true]);
        assert!(AbortCriterion::list(&Value::Null).is_empty());
    }
}
