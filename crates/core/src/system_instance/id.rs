//! The id of a system instance, which says where it is. Pure.

use std::fmt;

use thiserror::Error;

/// Characters of an id (`Urn` of the Things Graph API).
const LONGEST: usize = 160;

/// `urn:tdm:REGION/ACCOUNT/default:deployment:NAME` (`Urn` of the Things Graph API). Two that differ only in how `deployment` is
/// written are ids of one system instance; both ways stand in AWS's own documents.
#[derive(Clone, Debug)]
pub struct SystemInstanceId {
    text: String,
    region: String,
    account: String,
    name: String,
}

/// The text is no id of a system instance.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{0}' is no id of a system instance: write urn:tdm:REGION/ACCOUNT/default:deployment:NAME, with the twelve digits of the account and a name of letters, digits, '_' and '/'"
)]
pub struct InvalidId(String);

impl SystemInstanceId {
    /// Parses `urn:tdm:REGION/ACCOUNT/default:deployment:NAME`.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        Self::read(text).ok_or_else(|| InvalidId(text.chars().take(LONGEST).collect()))
    }

    fn read(text: &str) -> Option<Self> {
        let (place, rest) = text.strip_prefix("urn:tdm:")?.split_once("/default:")?;
        let (region, account) = place.split_once('/')?;
        let (kind, name) = rest.split_once(':')?;
        let is_region = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let fits = text.len() <= LONGEST
            && region.starts_with(|c: char| c.is_ascii_lowercase())
            && region.chars().all(is_region)
            && account.len() == 12
            && account.chars().all(|c| c.is_ascii_digit())
            && kind.eq_ignore_ascii_case("deployment")
            && name.split('/').all(|part| !part.is_empty() && part.chars().all(is_word));
        fits.then(|| Self {
            text: text.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The region, for example `eu-central-1`.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account, twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ARN by which policies and tags know it (Service Authorization Reference, "AWS IoT Things Graph": `Deployment`).
    #[must_use]
    pub fn arn(&self) -> String {
        let partition = match self.region.split('-').take(2).collect::<Vec<_>>().as_slice() {
            ["cn", _] => "aws-cn",
            ["us", "gov"] => "aws-us-gov",
            _ => "aws",
        };
        format!("arn:{partition}:iotthingsgraph:{}:{}:Deployment/default/{}", self.region, self.account, self.name)
    }

    fn parts(&self) -> (&str, &str, &str) {
        (&self.region, &self.account, &self.name)
    }

    /// Whether both are in one account and region.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        (&self.region, &self.account) == (&other.region, &other.account)
    }
}

impl PartialEq for SystemInstanceId {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for SystemInstanceId {}

impl PartialOrd for SystemInstanceId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SystemInstanceId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl fmt::Display for SystemInstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_where_the_system_instance_is() {
        let id = SystemInstanceId::parse("urn:tdm:us-west-2/123456789012/default:Deployment:Room218").unwrap();
        assert_eq!((id.region(), id.account(), id.name()), ("us-west-2", "123456789012", "Room218"));
        assert_eq!(id.arn(), "arn:aws:iotthingsgraph:us-west-2:123456789012:Deployment/default/Room218");
        assert_eq!(id, SystemInstanceId::parse("urn:tdm:us-west-2/123456789012/default:deployment:Room218").unwrap());
        let gov = SystemInstanceId::parse("urn:tdm:us-gov-west-1/123456789012/default:deployment:a/b_c").unwrap();
        assert_eq!(gov.arn(), "arn:aws-us-gov:iotthingsgraph:us-gov-west-1:123456789012:Deployment/default/a/b_c");
    }

    #[test]
    fn what_is_no_id_is_refused_and_named() {
        for text in [
            "",
            "Room218",
            "urn:tdm:us-west-2/123456789012/default:system:SecurityFlow",
            "urn:tdm:us-west-2/1234/default:deployment:Room218",
            "urn:tdm:REGION/ACCOUNT ID/default:deployment:Room218",
            "urn:tdm:us-west-2/123456789012/default:deployment:",
            "urn:tdm:us-west-2/123456789012/default:deployment:Room 218",
            "urn:tdm:us-west-2/123456789012/default:deployment:Room218/",
            "urn:tdm:us-west-2/123456789012/other:deployment:Room218",
        ] {
            let error = SystemInstanceId::parse(text).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        let long = format!("urn:tdm:us-west-2/123456789012/default:deployment:{}", "x".repeat(111));
        assert!(SystemInstanceId::parse(&long).is_err());
    }
}
