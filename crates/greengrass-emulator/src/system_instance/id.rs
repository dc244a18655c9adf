//! The ids of system instances: URNs of Things Graph's data model. Pure.

use std::fmt;

use crate::scope::Scope;

/// The id of a system instance: `urn:tdm:REGION/ACCOUNT/default:deployment:NAME`, from the text of the service model. The examples of the AWS CLI write
/// `Deployment` there; which of both it is makes no difference.
#[derive(Debug, Clone)]
pub struct SystemInstanceId {
    text: String,
    scope: Scope,
    name: String,
}

/// Two ways to write an id are the same id.
impl PartialEq for SystemInstanceId {
    fn eq(&self, other: &Self) -> bool {
        self.scope == other.scope && self.name == other.name
    }
}

impl Eq for SystemInstanceId {}

impl fmt::Display for SystemInstanceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The longest `Urn` of the service model.
pub(crate) const LONGEST: usize = 160;

impl SystemInstanceId {
    /// Reads an id; `None` when it is none of a system instance.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("urn:tdm:").filter(|_| is_urn(text) && text.len() <= LONGEST)?;
        let (namespace, rest) = rest.split_once(':')?;
        let (kind, name) = rest.split_once(':')?;
        let (region, namespace) = namespace.split_once('/')?;
        let account = namespace.strip_suffix("/default")?;
        let own = kind.eq_ignore_ascii_case("deployment") && is_region(region) && !account.contains('/');
        own.then(|| Self { text: text.to_owned(), scope: Scope::new(account, region), name: name.to_owned() })
    }

    /// Its account and region.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Its name: the last part.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ARN of the system instance.
    #[must_use]
    pub fn arn(&self) -> String {
        self.scope.system_instance_arn(&self.name)
    }
}

/// The pattern of the model's `Urn`.
pub(crate) fn is_urn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let ["urn", "tdm", namespace, kind, name] = parts.as_slice() else {
        return false;
    };
    let letters = kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    letters && is_namespace(namespace) && name.split('/').all(is_word)
}

/// Regions with their accounts, then words.
fn is_namespace(text: &str) -> bool {
    let segments: Vec<&str> = text.split('/').collect();
    let mut rest = segments.as_slice();
    while let [region, account, words @ ..] = rest
        && is_region(region)
    {
        if account.is_empty() || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        rest = words;
    }
    !rest.is_empty() && rest.iter().copied().all(is_word)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `[a-z]{2}-(gov-)?[a-z]{4,9}-[0-9]{1,3}`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let ([area, side, number] | [area, "gov", side, number]) = parts.as_slice() else {
        return false;
    };
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
    area.len() == 2
        && letters(area)
        && (4..=9).contains(&side.len())
        && letters(side)
        && (1..=3).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_account_region_and_name() {
        let id = SystemInstanceId::parse("urn:tdm:us-west-2/123456789012/default:Deployment:Room218").unwrap();
        assert_eq!((id.scope(), id.name()), (&Scope::new("123456789012", "us-west-2"), "Room218"));
        // As in the examples of the AWS CLI.
        assert_eq!(id.arn(), "arn:aws:iotthingsgraph:us-west-2:123456789012:Deployment/default/Room218");
        let other = SystemInstanceId::parse("urn:tdm:us-west-2/123456789012/default:deployment:Room218").unwrap();
        assert_eq!(id, other);
        assert_ne!(id.to_string(), other.to_string());
        let gov = SystemInstanceId::parse("urn:tdm:us-gov-west-1/1/default:deployment:a/b_c").unwrap();
        assert_eq!(gov.arn(), "arn:aws-us-gov:iotthingsgraph:us-gov-west-1:1:Deployment/default/a/b_c");
    }

    #[test]
    fn what_is_of_something_else_is_no_id() {
        let longest = format!("urn:tdm:us-west-2/123456789012/default:deployment:{}", "x".repeat(110));
        assert_eq!(longest.len(), LONGEST);
        assert!(SystemInstanceId::parse(&longest).is_some());
        for (text, is_a_urn) in [
            (format!("{longest}x").as_str(), true),
            ("urn:tdm:us-west-2/123456789012/default:System:SecurityFlow", true),
            ("urn:tdm:us-west-2/123456789012/other:deployment:Room218", true),
            ("urn:tdm:us-west-2/1/eu-west-1/2/default:deployment:Room218", true),
            ("urn:tdm:aws/default:deployment:Room218", true),
            ("urn:tdm:default:deployment:Room218", true),
            ("urn:tdm:default::Room218", true),
            ("urn:tdm:us-west-2/123456789012:deployment:Room218", false),
            ("urn:tdm:us-west-2//default:deployment:Room218", false),
            ("urn:tdm:us-west-2/a/default:deployment:Room218", false),
            ("urn:tdm:us-west-2/123456789012/default:deployment:Room-218", false),
            ("urn:tdm:us-west-2/123456789012/default:deployment:Room218/", false),
            ("urn:tdm:us-west-2/123456789012/default:deployment:Room218\n", false),
            ("urn:tdm:us-west-2/123456789012/default:deployment:Raum\u{fc}", false),
            ("urn:tdm:us-west-2/123456789012/default:deploy_ment:Room218", false),
            ("urn:tdm:us-west-2/123456789012/default:deployment", false),
            ("urn:tdm:u-west-2/1/default:deployment:a", false),
            ("urn:tdm:us-iso-east-1/1/default:deployment:a", false),
            ("", false),
        ] {
            assert!(SystemInstanceId::parse(text).is_none(), "{text}");
            assert_eq!(is_urn(text), is_a_urn, "{text}");
        }
    }
}
