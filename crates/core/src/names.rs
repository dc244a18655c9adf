//! Names that AWS and Kubernetes give to things, parsed once. Pure.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// A thing or a thing group that a deployment is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetArn {
    text: String,
    partition_end: usize,
    region_end: usize,
    account_end: usize,
    kind: TargetKind,
}

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// One core device; its deployment travels in a named shadow.
    Thing,
    /// A group of core devices; its deployment is a continuous job.
    ThingGroup,
}

/// Why a text is no target ARN.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{0}' is not the ARN of an AWS IoT thing or thing group: write arn:aws:iot:REGION:ACCOUNT:thinggroup/NAME or arn:aws:iot:REGION:ACCOUNT:thing/NAME, with the twelve digits of the account"
)]
pub struct InvalidTargetArn(pub String);

impl TargetArn {
    /// Parses `arn:PARTITION:iot:REGION:ACCOUNT:thing|thinggroup/NAME`.
    ///
    /// The pattern of the service's model is wider (`arn:[^:]*:iot:[^:]*:[0-9]+:(thing|thinggroup)/.+`): an empty region
    /// or an account of other than twelve digits passes there and fails at every call.
    pub fn parse(text: &str) -> Result<Self, InvalidTargetArn> {
        let invalid = || InvalidTargetArn(text.chars().take(300).collect());
        let mut parts = text.splitn(6, ':');
        let (Some("arn"), Some(partition), Some("iot"), Some(region), Some(account), Some(resource)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(invalid());
        };
        let (kind, name) = if let Some(name) = resource.strip_prefix("thinggroup/") {
            (TargetKind::ThingGroup, name)
        } else if let Some(name) = resource.strip_prefix("thing/") {
            (TargetKind::Thing, name)
        } else {
            return Err(invalid());
        };
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name_ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
        if !partition.starts_with("aws")
            || !partition.chars().all(word)
            || region.is_empty()
            || !region.chars().all(word)
            || account.len() != 12
            || !account.chars().all(|c| c.is_ascii_digit())
            || name.is_empty()
            || name.len() > 128
            || !name.chars().all(name_ok)
        {
            return Err(invalid());
        }
        let partition_end = 4 + partition.len();
        let region_end = partition_end + 5 + region.len();
        let account_end = region_end + 1 + account.len();
        Ok(Self { text: text.to_owned(), partition_end, region_end, account_end, kind })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `aws`, `aws-cn` or `aws-us-gov`.
    #[must_use]
    pub fn partition(&self) -> &str {
        self.text.get(4..self.partition_end).unwrap_or_default()
    }

    /// The region, for example `eu-central-1`.
    #[must_use]
    pub fn region(&self) -> &str {
        self.text.get(self.partition_end + 5..self.region_end).unwrap_or_default()
    }

    /// The account, twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        self.text.get(self.region_end + 1..self.account_end).unwrap_or_default()
    }

    /// Thing or thing group.
    #[must_use]
    pub fn kind(&self) -> TargetKind {
        self.kind
    }

    /// The name of the thing or thing group.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.get(self.account_end..).and_then(|rest| rest.split_once('/')).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for TargetArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a deployment is for: AWS has one newest deployment for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The thing or thing group.
    pub target: TargetArn,
    /// The parent's thing group, where this is a subdeployment.
    pub parent: Option<TargetArn>,
}

impl Key {
    /// The ARNs that an identity must allow.
    pub fn arns(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.target).chain(self.parent.as_ref()).map(TargetArn::as_str)
    }
}

/// A resource's namespace and name: `NAMESPACE/NAME`. Shared, because caches, queue and sessions of thousands of resources all
/// have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_group_arn_says_where_and_what_it_is() {
        let arn = TargetArn::parse("arn:aws-cn:iot:cn-north-1:123456789012:thinggroup/Presses").unwrap();
        assert_eq!(
            (arn.partition(), arn.region(), arn.account(), arn.kind(), arn.name()),
            ("aws-cn", "cn-north-1", "123456789012", TargetKind::ThingGroup, "Presses")
        );
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in [
            "",
            "Presses",
            "arn:aws:iot:eu-central-1:123456789012:job/x",
            "arn:aws:iot::123456789012:thing/x",
            "arn:aws:iot:eu-central-1:1234:thing/x",
            "arn:aws:iot:eu-central-1:123456789012:thing/",
            "arn:aws:iot:eu-central-1:123456789012:thing/a b",
            "arn:aws:greengrass:eu-central-1:123456789012:thing/x",
        ] {
            assert!(TargetArn::parse(text).is_err(), "{text}");
        }
    }
}
