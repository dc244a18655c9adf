//! What simulated core devices do with deployments, as a fleet file says it. Pure.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How devices of a kind behave. By default they are always online and succeed after ten seconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Behaviour {
    /// How long a deployment takes from its start to the report.
    pub takes: Takes,
    /// When the device has a connection. Offline, it begins nothing and reports nothing.
    pub availability: Availability,
    /// What goes wrong: the first rule that fits a deployment decides. None fits: it succeeds.
    pub rules: Vec<OutcomeRule>,
}

/// A rule: the deployments that it is for, and how they end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutcomeRule {
    /// Only deployments with this component.
    #[serde(default)]
    pub component: Option<String>,
    /// Only this version of the component.
    #[serde(default)]
    pub version: Option<String>,
    /// The share of the devices that the rule is for, from 0 to 1; which ones follows from the seed, the component and the version. Absent: all.
    #[serde(default)]
    pub share: Option<f64>,
    /// How often it befalls a device, counted per device; then the rule is over for it. Absent: always.
    #[serde(default)]
    pub times: Option<u32>,
    /// How the deployment ends.
    pub outcome: Outcome,
    /// How long it takes; absent: as the device otherwise does.
    #[serde(default)]
    pub takes: Option<Takes>,
}

/// How a deployment ends on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It succeeds.
    Succeed,
    /// The component doesn't start: `FAILED_ROLLBACK_COMPLETE`, or `FAILED_ROLLBACK_NOT_REQUESTED` under `DO_NOTHING`.
    ComponentBroken,
    /// The component doesn't start, and going back fails too: `FAILED_UNABLE_TO_ROLLBACK`.
    UnableToRollback,
    /// The version doesn't exist: `FAILED_NO_STATE_CHANGE`.
    NoSuchVersion,
    /// S3 refuses the artifact: `FAILED_NO_STATE_CHANGE`.
    ArtifactDenied,
    /// The device refuses it: REJECTED.
    Reject,
    /// It begins and never reports, until the device is restarted.
    Hang,
}

/// How long something takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    rename_all_fields = "camelCase",
    deny_unknown_fields,
    expecting = "takes is {seconds: …} or {medianSeconds: …, sigma: …}"
)]
pub enum Takes {
    /// Always the same, in seconds.
    Fixed {
        /// Seconds, 0 or more.
        seconds: f64,
    },
    /// Log-normally distributed: half of the devices are quicker than the median, and some take much longer.
    LogNormal {
        /// The median in seconds, above 0.
        median_seconds: f64,
        /// The standard deviation of the logarithm: at 0.5, one in forty takes 2.7 times the median or more.
        sigma: f64,
    },
}

impl Default for Takes {
    fn default() -> Self {
        Self::Fixed { seconds: 10.0 }
    }
}

/// When a device has a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Availability {
    /// Always.
    #[default]
    Always,
    /// Never, until somebody brings it online.
    Never,
    /// In turns; where in the turn a device is at the beginning follows from the seed.
    Turns {
        /// For how many seconds it is online, 1 or more.
        online_seconds: u32,
        /// For how many seconds it is offline then.
        offline_seconds: u32,
    },
}

/// So many days are longer than any deployment, and short enough for every calculation with times.
const LONGEST: f64 = 3650.0 * 86_400.0;

impl Takes {
    /// The time for one draw: two numbers between 0 and 1.
    pub(crate) fn drawn(&self, first: f64, second: f64) -> SignedDuration {
        let seconds = match *self {
            Self::Fixed { seconds } => seconds,
            Self::LogNormal { median_seconds, sigma } => {
                // Box and Muller's normal deviate.
                let normal = (-2.0 * first.max(f64::MIN_POSITIVE).ln()).sqrt() * (std::f64::consts::TAU * second).cos();
                median_seconds * (sigma * normal).exp()
            }
        };
        SignedDuration::try_from_secs_f64(seconds.clamp(0.0, LONGEST)).unwrap_or(SignedDuration::ZERO)
    }

    fn problem(&self) -> Option<&'static str> {
        let sound = |number: f64| number.is_finite() && (0.0..=LONGEST).contains(&number);
        match *self {
            Self::Fixed { seconds } if !sound(seconds) => {
                Some("takes.seconds must be 0 or more, and at most ten years")
            }
            Self::LogNormal { median_seconds, .. } if !sound(median_seconds) || median_seconds == 0.0 => {
                Some("takes.medianSeconds must be above 0, and at most ten years")
            }
            Self::LogNormal { sigma, .. } if !sigma.is_finite() || !(0.0..=10.0).contains(&sigma) => {
                Some("takes.sigma must be from 0 to 10")
            }
            Self::Fixed { .. } | Self::LogNormal { .. } => None,
        }
    }
}

impl Behaviour {
    /// What is wrong with it, by the name of the field.
    pub(crate) fn problem(&self) -> Option<String> {
        if let Some(problem) = self.takes.problem() {
            return Some(problem.to_owned());
        }
        if let Availability::Turns { online_seconds: 0, .. } = self.availability {
            return Some("availability.turns.onlineSeconds must be 1 or more".to_owned());
        }
        self.rules.iter().enumerate().find_map(|(index, rule)| Some(format!("rules[{index}].{}", rule.problem()?)))
    }
}

impl OutcomeRule {
    /// What is wrong with it, by the name of the field.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if self.version.is_some() && self.component.is_none() {
            return Some("version needs a component");
        }
        if self.share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Some("share must be from 0 to 1");
        }
        self.takes.as_ref().and_then(Takes::problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_normal_time_has_its_median_and_a_long_tail() {
        let takes = Takes::LogNormal { median_seconds: 20.0, sigma: 0.5 };
        let drawn: Vec<f64> = (0..100)
            .flat_map(|first| (0..100).map(move |second| (f64::from(first) + 0.5, f64::from(second) + 0.5)))
            .map(|(first, second)| takes.drawn(first / 100.0, second / 100.0).as_secs_f64())
            .collect();
        let share = |limit: f64| drawn.iter().filter(|seconds| **seconds < limit).count();
        assert!((4900..=5100).contains(&share(20.0)), "{}", share(20.0));
        assert!((9700..=9800).contains(&share(20.0 * 2.7)), "{}", share(54.0));
    }

    #[test]
    fn the_default_is_ten_seconds_and_extremes_are_no_panic() {
        assert_eq!(Takes::default().drawn(0.0, 0.0), SignedDuration::from_secs(10));
        let absurd = Takes::LogNormal { median_seconds: 1e300, sigma: 10.0 };
        assert_eq!(absurd.drawn(0.0, 0.0).as_hours(), 3650 * 24);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let problem = |text: &str| serde_json::from_str::<Behaviour>(text).unwrap().problem().unwrap_or_default();
        assert_eq!(problem("{}"), "");
        assert!(problem(r#"{"takes": {"seconds": -1}}"#).contains("takes.seconds"));
        assert!(problem(r#"{"takes": {"medianSeconds": 0, "sigma": 1}}"#).contains("medianSeconds"));
        assert!(problem(r#"{"rules": [{"share": 2, "outcome": "hang"}]}"#).contains("rules[0].share"));
        assert!(problem(r#"{"rules": [{"version": "1.0.0", "outcome": "hang"}]}"#).contains("component"));
        assert!(
            problem(r#"{"availability": {"turns": {"onlineSeconds": 0, "offlineSeconds": 1}}}"#)
                .contains("onlineSeconds")
        );
    }
}
