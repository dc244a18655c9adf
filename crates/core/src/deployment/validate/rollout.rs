//! When a rollout counts as done or failed, and durations. Pure.

use jiff::SignedDuration;

use super::Problems;
use crate::api::{ReadyWhen, RolloutPolicy, rules};
use crate::deployment::rollout::Criteria;

const DURATION: &str = "must be a duration, numbers with a unit, ms, s, m or h: write for example 24h or 1h30m";

pub(super) fn check(policy: Option<&RolloutPolicy>, problems: &mut Problems) -> Criteria {
    let Some(policy) = policy else { return Criteria::default() };
    let RolloutPolicy { ready_when, failure_threshold_percentage, success_percentage, deadline } = policy;
    let ready_when = ready_when.unwrap_or_default();
    let defaults = Criteria::default();
    let mut percentage = |value: Option<i32>, default: i64, field: &str| {
        let value = value.map_or(default, i64::from);
        problems.unless(
            (1..=100).contains(&value),
            format!("spec.rollout.{field}"),
            &format!("{field} must be 1 to 100: write percent"),
        );
        value
    };
    let failure_threshold =
        percentage(*failure_threshold_percentage, defaults.failure_threshold, "failureThresholdPercentage");
    let success = percentage(*success_percentage, defaults.success, "successPercentage");
    problems.unless(deadline.is_none() || ready_when == ReadyWhen::RolledOut, "spec.rollout.deadline", rules::DEADLINE);
    let deadline = deadline.as_ref().and_then(|text| duration(text, "spec.rollout.deadline", problems));
    Criteria { ready_when, failure_threshold, success, deadline }
}

/// The duration, or a problem.
pub(super) fn duration(text: &str, field: &str, problems: &mut Problems) -> Option<SignedDuration> {
    let parsed = parse(text);
    let name = field.rsplit('.').next().unwrap_or(field);
    problems.unless(parsed.is_some(), field, &format!("{name} {DURATION}"));
    parsed
}

/// A duration as Go and Kubernetes write it: numbers, each with its unit. None where it is none, or longer than any time.
pub(crate) fn parse(text: &str) -> Option<SignedDuration> {
    if text.is_empty() || text.len() > rules::MAX_DURATION {
        return None;
    }
    let mut rest = text;
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(end);
        let is_number = number.split('.').count() <= 2
            && number.split('.').all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
        let (scale, length) = if unit.starts_with("ms") {
            (0.001, 2)
        } else {
            match unit.as_bytes().first()? {
                b's' => (1.0, 1),
                b'm' => (60.0, 1),
                b'h' => (3600.0, 1),
                _ => return None,
            }
        };
        seconds += number.parse::<f64>().ok().filter(|_| is_number)? * scale;
        rest = unit.get(length..)?;
    }
    SignedDuration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let seconds = |text: &str| parse(text).map(|duration| duration.as_secs_f64());
        for (text, expected) in
            [("24h", 86_400.0), ("1h30m", 5_400.0), ("1.5h", 5_400.0), ("90s500ms", 90.5), ("0s", 0.0), ("5m5m", 600.0)]
        {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in
            ["", "24", "h", "1d", "-1h", "1 h", "1h ", ".5h", "1.h", "1.2.3h", "1e3h", "99999999999999999999999h"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
