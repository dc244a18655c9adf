//! The job configuration of a spec: ranges and what excludes what. Pure.

use super::Problems;
use crate::api::{
    AbortConfig, AbortCriteria, ExponentialRate, IotJobConfiguration, JobExecutionsRolloutConfig, RateIncreaseCriteria,
    TimeoutConfig, rules,
};

pub(super) fn check(configuration: &IotJobConfiguration, problems: &mut Problems) {
    let IotJobConfiguration { job_executions_rollout_config, abort_config, timeout_config } = configuration;
    let field = "spec.iotJobConfiguration";
    if let Some(JobExecutionsRolloutConfig { exponential_rate, maximum_per_minute }) = job_executions_rollout_config {
        let field = format!("{field}.jobExecutionsRolloutConfig");
        if let Some(rate) = exponential_rate {
            check_rate(&format!("{field}.exponentialRate"), rate, problems);
        }
        problems.unless(
            maximum_per_minute.is_none_or(|things| (1..=1000).contains(&things)),
            format!("{field}.maximumPerMinute"),
            "maximumPerMinute must be 1 to 1000: write the most things that are told in a minute",
        );
    }
    if let Some(AbortConfig { criteria_list }) = abort_config {
        let field = format!("{field}.abortConfig.criteriaList");
        problems.unless(
            (1..=rules::MAX_ABORT_CRITERIA).contains(&criteria_list.len()),
            field.as_str(),
            "criteriaList must have 1 to 16 entries: name a reason to stop, or remove abortConfig",
        );
        for (index, criteria) in criteria_list.iter().enumerate() {
            check_abort(&format!("{field}[{index}]"), criteria, problems);
        }
    }
    if let Some(TimeoutConfig { in_progress_timeout_in_minutes }) = timeout_config {
        problems.unless(
            in_progress_timeout_in_minutes.is_none_or(|minutes| (1..=10080).contains(&minutes)),
            format!("{field}.timeoutConfig.inProgressTimeoutInMinutes"),
            "inProgressTimeoutInMinutes must be 1 to 10080, which is seven days",
        );
    }
}

fn check_rate(field: &str, rate: &ExponentialRate, problems: &mut Problems) {
    let ExponentialRate { base_rate_per_minute, increment_factor, rate_increase_criteria } = rate;
    problems.unless(
        (1..=1000).contains(base_rate_per_minute),
        format!("{field}.baseRatePerMinute"),
        "baseRatePerMinute must be 1 to 1000: write the things that are told in a minute at the start",
    );
    problems.unless(
        (1.0..=5.0).contains(increment_factor),
        format!("{field}.incrementFactor"),
        "incrementFactor must be 1 to 5: write the factor by which the rate grows",
    );
    let RateIncreaseCriteria { number_of_notified_things, number_of_succeeded_things } = rate_increase_criteria;
    let field = format!("{field}.rateIncreaseCriteria");
    let one = number_of_notified_things.is_some() != number_of_succeeded_things.is_some();
    problems.unless(one, field.as_str(), rules::RATE_CRITERIA);
    for (name, things) in
        [("numberOfNotifiedThings", number_of_notified_things), ("numberOfSucceededThings", number_of_succeeded_things)]
    {
        problems.unless(
            things.is_none_or(|things| things >= 1),
            format!("{field}.{name}"),
            &format!("{name} must be at least 1"),
        );
    }
}

fn check_abort(field: &str, criteria: &AbortCriteria, problems: &mut Problems) {
    let AbortCriteria { failure_type: _, action: _, threshold_percentage, min_number_of_executed_things } = criteria;
    problems.unless(
        *threshold_percentage > 0.0 && *threshold_percentage <= 100.0,
        format!("{field}.thresholdPercentage"),
        rules::THRESHOLD,
    );
    problems.unless(
        *min_number_of_executed_things >= 1,
        format!("{field}.minNumberOfExecutedThings"),
        "minNumberOfExecutedThings must be at least 1",
    );
}
