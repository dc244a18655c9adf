//! What a leader election is told: parsed values only. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use greengrass_operator_core::deployment::hash::short_hash;
use jiff::SignedDuration;
use thiserror::Error;

use crate::config::NamespaceName;

/// A leader election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderElection {
    /// Where the Lease is; none: the namespace of the Pod, or that of the kubeconfig's context.
    pub namespace: Option<NamespaceName>,
    /// The Lease.
    pub lease: LeaseName,
    /// How fast it goes.
    pub timings: Timings,
}

/// The name of a Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName(String);

/// The text is no name for a Lease.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "a Lease's name is 1 to 200 lower-case letters, digits, dots and hyphens, and begins and ends with a letter or digit"
)]
pub struct InvalidLeaseName;

impl LeaseName {
    /// The Lease of a part of the work, which is told from other parts by this text. Two processes with the same text want the
    /// same Lease; the text itself may hold what a name can't.
    #[must_use]
    pub fn of_shard(&self, shard: &str) -> Self {
        Self(format!("{self}-{}", short_hash(shard)))
    }
}

impl FromStr for LeaseName {
    type Err = InvalidLeaseName;

    fn from_str(text: &str) -> Result<Self, InvalidLeaseName> {
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let ends_well = is_end(text.chars().next()) && is_end(text.chars().next_back());
        // The API server's limit is 253; a shard's suffix has to fit in as well.
        if ends_well && text.len() <= 200 && text.chars().all(is_inner) && !text.contains("..") {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidLeaseName)
        }
    }
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A duration of a leader election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElectionDuration(Duration);

/// The text is no duration of a leader election.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidDuration {
    /// Not a duration at all.
    #[error("'{0}' is no duration: write a number with a unit, for example 2s, 1500ms or 1m")]
    Unreadable(String),
    /// A duration that makes no sense here.
    #[error("a duration of the leader election must be between 100ms and 2m")]
    OutOfRange,
}

impl ElectionDuration {
    /// The duration.
    #[must_use]
    pub fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for ElectionDuration {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        let duration: SignedDuration =
            text.parse().map_err(|_| InvalidDuration::Unreadable(text.chars().take(50).collect()))?;
        if duration < SignedDuration::from_millis(100) || duration > SignedDuration::from_mins(2) {
            return Err(InvalidDuration::OutOfRange);
        }
        Duration::try_from(duration).map(Self).map_err(|_| InvalidDuration::OutOfRange)
    }
}

/// How fast an election goes. The relations between the three hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    lease_duration: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
}

/// The durations don't fit together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidTimings {
    /// The Lease holds whole seconds.
    #[error("--leader-election-lease-duration must be whole seconds: a Lease holds no fractions")]
    Fraction,
    /// A leader would still act when another one takes over.
    #[error(
        "--leader-election-renew-deadline must be at most four fifths of --leader-election-lease-duration: a leader must have \
         stopped before another one takes over, though their clocks differ"
    )]
    Deadline,
    /// One answer that takes long would cost the leadership.
    #[error(
        "--leader-election-retry-period must be at most a third of --leader-election-renew-deadline: a renewal that fails must \
         be tried again in time"
    )]
    Retry,
}

impl Default for Timings {
    /// Those of client-go and of Kubernetes' own components: 15 s, 10 s, 2 s.
    fn default() -> Self {
        Self {
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

impl Timings {
    /// Durations that fit together.
    pub fn new(
        lease_duration: ElectionDuration,
        renew_deadline: ElectionDuration,
        retry_period: ElectionDuration,
    ) -> Result<Self, InvalidTimings> {
        let (lease_duration, renew_deadline, retry_period) =
            (lease_duration.get(), renew_deadline.get(), retry_period.get());
        if lease_duration.subsec_nanos() != 0 {
            return Err(InvalidTimings::Fraction);
        }
        if renew_deadline * 5 > lease_duration * 4 {
            return Err(InvalidTimings::Deadline);
        }
        if retry_period * 3 > renew_deadline {
            return Err(InvalidTimings::Retry);
        }
        Ok(Self { lease_duration, renew_deadline, retry_period })
    }

    /// How long a Lease must not have changed before another one takes it.
    #[must_use]
    pub const fn lease_duration(&self) -> Duration {
        self.lease_duration
    }

    /// How long a leader may act after it last asked for its Lease to be prolonged.
    #[must_use]
    pub const fn renew_deadline(&self) -> Duration {
        self.renew_deadline
    }

    /// How often a leader prolongs its Lease and others look at it, at most a quarter earlier.
    #[must_use]
    pub const fn retry_period(&self) -> Duration {
        self.retry_period
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn timings(lease: &str, renew: &str, retry: &str) -> Result<Timings, InvalidTimings> {
        let duration = |text: &str| text.parse().unwrap();
        Timings::new(duration(lease), duration(renew), duration(retry))
    }

    #[test]
    fn the_defaults_are_those_of_client_go_and_fit_together() {
        assert_eq!(timings("15s", "10s", "2s"), Ok(Timings::default()));
    }

    #[rstest]
    #[case("1500ms", "1s", "100ms", InvalidTimings::Fraction)]
    #[case("15s", "13s", "2s", InvalidTimings::Deadline)]
    #[case("10s", "10s", "2s", InvalidTimings::Deadline)]
    #[case("15s", "10s", "4s", InvalidTimings::Retry)]
    fn durations_that_do_not_fit_together_are_refused(
        #[case] lease: &str,
        #[case] renew: &str,
        #[case] retry: &str,
        #[case] error: InvalidTimings,
    ) {
        assert_eq!(timings(lease, renew, retry), Err(error));
    }

    #[test]
    fn a_duration_has_a_unit_and_a_sensible_size() {
        assert_eq!("2".parse::<ElectionDuration>(), Err(InvalidDuration::Unreadable("2".into())));
        for text in ["0s", "-2s", "99ms", "121s"] {
            assert_eq!(text.parse::<ElectionDuration>(), Err(InvalidDuration::OutOfRange), "{text}");
        }
    }

    #[test]
    fn a_leases_name_is_one_that_the_api_server_takes() {
        assert!("greengrass-operator".parse::<LeaseName>().is_ok());
        for text in ["", "-a", "a-", "Operator", "a..b", "a/b", &"x".repeat(201)] {
            assert_eq!(text.parse::<LeaseName>(), Err(InvalidLeaseName), "{text}");
        }
    }

    #[test]
    fn a_shard_has_a_lease_of_its_own_whatever_it_is_called() {
        let name: LeaseName = "greengrass-operator".parse().unwrap();
        let (one, other) = (name.of_shard("team in (press,paint)"), name.of_shard("team=mill"));
        assert_ne!(one, other);
        assert_eq!(one, name.of_shard("team in (press,paint)"));
        let longest: LeaseName = "x".repeat(200).parse().unwrap();
        let text = longest.of_shard("a").to_string();
        assert!(text.len() <= 253 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{text}");
    }
}
