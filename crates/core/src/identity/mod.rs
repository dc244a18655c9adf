//! Credentials through which AWS is reached, and what they may be used for. Pure.
//!
//! The identity decides: what a resource or any status says of it counts for nothing. What is not allowed here is never asked of
//! AWS, because the operator has more rights there than those whose resources it works for (a confused deputy).

mod parse;
mod pick;
pub mod status;

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use kube::core::{Selector, SelectorExt};
use wildmatch::WildMatch;

pub use parse::{Defaults, InvalidIdentity, Parsed, parse};
pub use pick::{IdentityReference, Picked, pick};

use crate::names::{TargetArn, TargetKind};

/// The identity that serves where no other one does.
pub const DEFAULT: &str = "default";

/// An `AwsIdentity` that can be used: parsed values only.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Its name.
    pub name: String,
    /// The role that is assumed; none: the operator's own credentials.
    pub role: Option<Role>,
    /// Region of targets that are named without their ARN, and of the security token service.
    pub region: Option<String>,
    /// Where AWS is reached instead of its public endpoints.
    pub endpoint_url: Option<String>,
    /// Who may use it.
    pub allowed_namespaces: NamespaceRule,
    /// What it may be used for.
    pub allowed_targets: TargetRule,
    /// How often what is deployed through it is compared with AWS.
    pub drift_interval: Option<SignedDuration>,
    /// Tags of every deployment that is made through it.
    pub tags: BTreeMap<String, String>,
}

/// A role that is assumed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role {
    /// Its ARN.
    pub arn: RoleArn,
    /// The external id that its trust policy asks for.
    pub external_id: Option<String>,
    /// How long a session lasts.
    pub session_duration: SignedDuration,
}

/// The ARN of an IAM role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleArn {
    text: String,
    partition: String,
    account: String,
}

impl RoleArn {
    /// Parses `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (Some("arn"), Some(partition), Some("iam"), Some(""), Some(account), Some(resource)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let name = resource.strip_prefix("role/")?;
        // IAM: the path may hold any character from ! to DEL, the name those; both are checked by AWS, this keeps nonsense out.
        let is_name = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c);
        let is_fine = partition.starts_with("aws")
            && partition.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && account.len() == 12
            && account.chars().all(|c| c.is_ascii_digit())
            && name.chars().all(is_name)
            && !name.is_empty()
            && !name.ends_with('/');
        is_fine.then(|| Self { text: text.to_owned(), partition: partition.to_owned(), account: account.to_owned() })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `aws`, `aws-cn` or `aws-us-gov`.
    #[must_use]
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The account, twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where the targets are that are named without their ARN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// The region.
    pub region: String,
    /// The account, twelve digits.
    pub account: String,
}

impl Place {
    /// The target of that kind and name here.
    #[must_use]
    pub fn target(&self, kind: TargetKind, name: &str) -> Option<TargetArn> {
        let Self { partition, region, account } = self;
        let kind = match kind {
            TargetKind::Thing => "thing",
            TargetKind::ThingGroup => "thinggroup",
        };
        TargetArn::parse(&format!("arn:{partition}:iot:{region}:{account}:{kind}/{name}")).ok()
    }
}

/// A namespace as the operator knows it.
#[derive(Clone, Copy, Debug)]
pub struct Namespace<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its labels; none where they can't be read.
    pub labels: Option<&'a BTreeMap<String, String>>,
}

/// Namespaces by name and by label.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamespaceRule {
    /// By name; `*` is every one.
    pub names: Vec<String>,
    /// By label.
    pub selector: Option<Selector>,
}

/// What a rule says of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// It is one of them.
    Yes,
    /// It is none of them.
    No,
    /// Its labels decide, and they can't be read.
    LabelsUnknown,
}

impl NamespaceRule {
    /// Whether it is one of them.
    #[must_use]
    pub fn matches(&self, namespace: Namespace<'_>) -> Match {
        if self.names.iter().any(|name| name == "*" || name == namespace.name) {
            return Match::Yes;
        }
        self.selector.as_ref().map_or(Match::No, |selector| selects(selector, namespace))
    }

    /// Whether labels play a part.
    #[must_use]
    pub fn needs_labels(&self) -> bool {
        self.selector.is_some()
    }
}

fn selects(selector: &Selector, namespace: Namespace<'_>) -> Match {
    if selector.selects_all() {
        return Match::Yes;
    }
    match namespace.labels {
        Some(labels) if selector.matches(labels) => Match::Yes,
        Some(_) => Match::No,
        None => Match::LabelsUnknown,
    }
}

/// Patterns of ARNs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetRule(Vec<WildMatch>);

impl TargetRule {
    /// These patterns, in which `*` stands for any characters and `?` for one.
    #[must_use]
    pub fn of(patterns: &[String]) -> Self {
        Self(patterns.iter().map(|pattern| WildMatch::new(pattern)).collect())
    }

    /// Whether one of them matches the whole ARN.
    #[must_use]
    pub fn matches(&self, arn: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(arn))
    }
}

#[cfg(test)]
mod tests;
