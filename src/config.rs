//! The operator's configuration: parsed values only. Pure.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use thiserror::Error;

use crate::controller::objects::Namespaces;
use crate::identity::IdentitySelector;
use crate::leadership::LeaderElection;

/// What the operator is told when it starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The cluster's name in tags and tokens; none: the UID of the namespace kube-system.
    pub cluster_name: Option<ClusterName>,
    /// The namespaces to look at.
    pub namespaces: Namespaces,
    /// Where probes and metrics are served.
    pub admin_address: SocketAddr,
    /// How often each resource is compared with AWS when nothing happens.
    pub drift_interval: DriftInterval,
    /// How many resources are worked on at once.
    pub concurrency: NonZeroUsize,
    /// Calls a second that the operator makes to Greengrass at most, per account and region.
    pub greengrass_rate: CallRate,
    /// The same for the jobs API of IoT.
    pub iot_jobs_rate: CallRate,
    /// Tells this process from others in events.
    pub instance_name: String,
    /// The AWS region of targets that are named without their ARN, where the identity names none.
    pub aws_region: Option<String>,
    /// Whether identities may name endpoints without TLS.
    pub allow_insecure_endpoints: bool,
    /// The identities that this process looks after; none: all.
    pub identity_selector: Option<IdentitySelector>,
    /// Whether system instances of the legacy service are looked after.
    pub things_graph: bool,
    /// The leader election; none: this process is the only one.
    pub leader_election: Option<LeaderElection>,
}

/// What one cluster's deployments are told from another's by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterName(String);

/// The text is no name for a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "a cluster's name is 1 to 63 letters, digits, dots, hyphens and underscores: it becomes the value of an AWS tag"
)]
pub struct InvalidClusterName;

impl FromStr for ClusterName {
    type Err = InvalidClusterName;

    fn from_str(text: &str) -> Result<Self, InvalidClusterName> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if (1..=63).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidClusterName)
        }
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How often something is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriftInterval(Duration);

/// The text is no interval.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidInterval {
    /// Not a duration at all.
    #[error("'{0}' is no duration: write a number with a unit, for example 90s, 5m or 1h30m")]
    Unreadable(String),
    /// A duration that makes no sense here.
    #[error("the interval must be between 10s and 24h: each look costs calls against the account's quota")]
    OutOfRange,
}

impl DriftInterval {
    /// The interval.
    #[must_use]
    pub fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for DriftInterval {
    type Err = InvalidInterval;

    fn from_str(text: &str) -> Result<Self, InvalidInterval> {
        let interval: SignedDuration =
            text.parse().map_err(|_| InvalidInterval::Unreadable(text.chars().take(50).collect()))?;
        if interval < SignedDuration::from_secs(10) || interval > SignedDuration::from_hours(24) {
            return Err(InvalidInterval::OutOfRange);
        }
        Duration::try_from(interval).map(Self).map_err(|_| InvalidInterval::OutOfRange)
    }
}

/// Calls a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallRate(u16);

/// The text is no number of calls a second.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "calls a second are a whole number from 1 to 1000, for example 20: the operator's share of what AWS allows an account"
)]
pub struct InvalidCallRate;

impl CallRate {
    /// The most that is accepted: far above any quota of AWS, so that only a slip is refused.
    const MOST: u16 = 1000;

    /// So many a second, from 1 to 1000: what lies outside becomes the nearest.
    #[must_use]
    pub fn per_second(calls: u16) -> Self {
        Self(calls.clamp(1, Self::MOST))
    }

    /// Calls a second.
    #[must_use]
    pub fn get(self) -> u16 {
        self.0
    }
}

impl FromStr for CallRate {
    type Err = InvalidCallRate;

    fn from_str(text: &str) -> Result<Self, InvalidCallRate> {
        match text.parse() {
            Ok(calls) if (1..=Self::MOST).contains(&calls) => Ok(Self(calls)),
            Ok(_) | Err(_) => Err(InvalidCallRate),
        }
    }
}

impl fmt::Display for CallRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A namespace's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceName(pub String);

/// The text is no name for a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a namespace's name is 1 to 63 lower-case letters, digits and hyphens")]
pub struct InvalidNamespace;

impl FromStr for NamespaceName {
    type Err = InvalidNamespace;

    fn from_str(text: &str) -> Result<Self, InvalidNamespace> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=63).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidNamespace)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_has_a_unit_and_a_sensible_size() {
        assert_eq!("5m".parse::<DriftInterval>().unwrap().get(), Duration::from_mins(5));
        assert_eq!("1h30m".parse::<DriftInterval>().unwrap().get(), Duration::from_mins(90));
        assert_eq!("300".parse::<DriftInterval>(), Err(InvalidInterval::Unreadable("300".into())));
        for text in ["0s", "-5m", "9s", "25h"] {
            assert_eq!(text.parse::<DriftInterval>(), Err(InvalidInterval::OutOfRange), "{text}");
        }
    }

    #[test]
    fn calls_a_second_are_a_number_that_aws_could_allow() {
        for (text, calls) in [("1", 1), ("20", 20), ("1000", 1000)] {
            assert_eq!(text.parse::<CallRate>().unwrap().get(), calls);
        }
        for text in ["0", "1001", "-1", "2.5", "20/s", "", "70000"] {
            assert_eq!(text.parse::<CallRate>(), Err(InvalidCallRate), "{text}");
        }
        assert_eq!(CallRate::per_second(0).get(), 1);
    }

    #[test]
    fn a_clusters_name_fits_into_a_tag() {
        assert!("4c2b8f60-6f0a-4a35-9a3e-0d6f7f7c1b11".parse::<ClusterName>().is_ok());
        for text in ["", "plant 7", "plant:7", &"x".repeat(64)] {
            assert!(text.parse::<ClusterName>().is_err(), "{text}");
        }
    }
}
