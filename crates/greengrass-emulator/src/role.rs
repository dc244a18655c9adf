//! Roles: who may assume them, on which conditions, and what their sessions may not do. Pure.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{access_keys::is_account, operation::Operation};

/// The shortest and the longest `MaxSessionDuration` of a role, and its default:
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>.
const MAX_SESSION_DURATION: std::ops::RangeInclusive<u32> = 3600..=43_200;

/// What everybody is called in a trust policy.
const EVERYBODY: &str = "*";

/// A role of an account: whom it trusts, and what its sessions may not do.
///
/// In place of policies it has the conditions that matter to those who assume roles for others. By default every account may assume it, with any
/// session tags and without an external id, for an hour at most; and its sessions may do everything in the role's account.
///
/// In JSON: `{"arn": "arn:aws:iam::210987654321:role/deployer", "trustedPrincipals": ["123456789012"], "externalId": "f1e2"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
// The derived functions are called below, where what was read is checked.
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct Role {
    arn: RoleArn,
    #[serde(default = "everybody")]
    trusted_principals: BTreeSet<String>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    allowed_session_tags: Option<BTreeSet<String>>,
    #[serde(default)]
    required_session_tags: BTreeSet<String>,
    #[serde(default = "an_hour")]
    max_session_duration: u32,
    #[serde(default)]
    denied_operations: BTreeSet<Operation>,
    #[serde(default)]
    web_identity: Option<WebIdentityTrust>,
    #[serde(default)]
    pod_identity: Option<PodIdentityAssociation>,
}

/// Which tokens a role trusts in `AssumeRoleWithWebIdentity`: what conditions on an identity provider are in a trust policy. What is absent isn't asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WebIdentityTrust {
    /// The token's `iss`.
    pub issuer: Option<String>,
    /// One of the token's `aud`: `sts.amazonaws.com` for service accounts of Amazon EKS.
    pub audience: Option<String>,
    /// The token's `sub`: `system:serviceaccount:NAMESPACE:NAME` for a service account.
    pub subject: Option<String>,
}

/// The service account whose pods get credentials of a role from EKS Pod Identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodIdentityAssociation {
    /// The service account's namespace.
    pub namespace: String,
    /// Its name.
    pub service_account: String,
}

fn everybody() -> BTreeSet<String> {
    BTreeSet::from([EVERYBODY.to_owned()])
}

const fn an_hour() -> u32 {
    *MAX_SESSION_DURATION.start()
}

/// Why a role can't be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct RoleError {
    /// The field, as JSON has it.
    pub field: &'static str,
    /// What is wrong with it, and what is right.
    pub problem: String,
}

fn wrong<T>(field: &'static str, problem: impl Into<String>) -> Result<T, RoleError> {
    Err(RoleError { field, problem: problem.into() })
}

impl Role {
    /// A role that every account may assume.
    pub fn new(arn: impl Into<String>) -> Result<Self, RoleError> {
        Ok(Self {
            arn: RoleArn::parse(arn)?,
            trusted_principals: everybody(),
            external_id: None,
            allowed_session_tags: None,
            required_session_tags: BTreeSet::new(),
            max_session_duration: an_hour(),
            denied_operations: BTreeSet::new(),
            web_identity: None,
            pod_identity: None,
        })
    }

    /// The same, for these alone: accounts, as twelve digits or as the ARN of their root; users, roles or sessions of roles, by their ARNs; `*` for everybody.
    /// None at all: nobody.
    pub fn trusting<P: Into<String>>(self, principals: impl IntoIterator<Item = P>) -> Result<Self, RoleError> {
        Self { trusted_principals: principals.into_iter().map(Into::into).collect(), ..self }.checked()
    }

    /// The same, for those alone who bring this external id, of 2 to 1,224 characters.
    pub fn requiring_external_id(self, id: impl Into<String>) -> Result<Self, RoleError> {
        Self { external_id: Some(id.into()), ..self }.checked()
    }

    /// The same with no session tags but these; none at all: without `sts:TagSession`.
    #[must_use]
    pub fn allowing_session_tags<K: Into<String>>(self, keys: impl IntoIterator<Item = K>) -> Self {
        Self { allowed_session_tags: Some(keys.into_iter().map(Into::into).collect()), ..self }
    }

    /// The same, for those alone who bring a session tag for each of these keys.
    #[must_use]
    pub fn requiring_session_tags<K: Into<String>>(self, keys: impl IntoIterator<Item = K>) -> Self {
        Self { required_session_tags: keys.into_iter().map(Into::into).collect(), ..self }
    }

    /// The same with sessions of at most so many seconds, 3,600 to 43,200. By default 3,600.
    pub fn with_max_session_duration(self, seconds: u32) -> Result<Self, RoleError> {
        Self { max_session_duration: seconds, ..self }.checked()
    }

    /// The same with sessions that may not call these operations: `AccessDeniedException`. `GetCallerIdentity` can't be denied, as with AWS.
    #[must_use]
    pub fn denying(self, operations: impl IntoIterator<Item = Operation>) -> Self {
        Self { denied_operations: operations.into_iter().collect(), ..self }
    }

    /// The same, for holders of such tokens too, with `AssumeRoleWithWebIdentity`.
    #[must_use]
    pub fn trusting_web_identity(self, trust: WebIdentityTrust) -> Self {
        Self { web_identity: Some(trust), ..self }
    }

    /// The same, for the pods of a service account too, from the endpoint of EKS Pod Identity.
    #[must_use]
    pub fn for_pods_of(self, association: PodIdentityAssociation) -> Self {
        Self { pod_identity: Some(association), ..self }
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn.text
    }

    fn checked(self) -> Result<Self, RoleError> {
        if let Some(principal) = self.trusted_principals.iter().find(|principal| !is_principal(principal)) {
            let right = "*, an account of twelve digits, or the ARN of an account's root, of a user, a role or a role's session";
            return wrong("trustedPrincipals", format!("{principal:?} is not one of {right}"));
        }
        if let Some(id) = &self.external_id
            && !((2..=1224).contains(&id.len()) && id.bytes().all(|byte| is_word(byte, b"+=,.@:/-")))
        {
            return wrong("externalId", "must be 2 to 1224 letters, digits and characters of _+=,.@:/-");
        }
        if !MAX_SESSION_DURATION.contains(&self.max_session_duration) {
            let (shortest, longest) = MAX_SESSION_DURATION.into_inner();
            return wrong("maxSessionDuration", format!("must be {shortest} to {longest} seconds"));
        }
        Ok(self)
    }

    pub(crate) const fn parsed_arn(&self) -> &RoleArn {
        &self.arn
    }

    pub(crate) const fn max_session_duration(&self) -> u32 {
        self.max_session_duration
    }

    pub(crate) const fn web_identity(&self) -> Option<&WebIdentityTrust> {
        self.web_identity.as_ref()
    }

    pub(crate) const fn pod_identity(&self) -> Option<&PodIdentityAssociation> {
        self.pod_identity.as_ref()
    }

    pub(crate) fn denies(&self, operation: Operation) -> bool {
        self.denied_operations.contains(&operation)
    }

    /// Whether it trusts a principal of an account that goes by these ARNs.
    pub(crate) fn trusts(&self, account: &str, arns: &[&str]) -> bool {
        self.trusted_principals.iter().any(|trusted| {
            trusted == EVERYBODY
                || trusted == account
                || arns.contains(&trusted.as_str())
                || account_of_root(trusted).is_some_and(|trusted| trusted == account)
        })
    }

    /// Whether it is content with the external id that was brought. One that it doesn't ask for is none of its business.
    pub(crate) fn accepts_external_id(&self, given: Option<&str>) -> bool {
        self.external_id.is_none() || self.external_id.as_deref() == given
    }

    /// Whether session tags with these keys may be passed.
    pub(crate) fn allows_tags<'a>(&self, mut keys: impl Iterator<Item = &'a str>) -> bool {
        self.allowed_session_tags.as_ref().is_none_or(|allowed| keys.all(|key| allowed.contains(key)))
    }

    pub(crate) const fn required_session_tags(&self) -> &BTreeSet<String> {
        &self.required_session_tags
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)?.checked().map_err(D::Error::custom)
    }
}

/// Letters, digits, underscores and these.
fn is_word(byte: u8, besides: &[u8]) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || besides.contains(&byte)
}

/// Service, account and resource of an ARN that has no region.
fn parts(arn: &str) -> Option<(&str, &str, &str, &str)> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, "", account, resource] = parts.as_slice() else {
        return None;
    };
    (partition.starts_with("aws") && is_account(account)).then_some((partition, service, account, resource))
}

fn account_of_root(arn: &str) -> Option<&str> {
    match parts(arn)? {
        (_, "iam", account, "root") => Some(account),
        _ => None,
    }
}

fn is_principal(text: &str) -> bool {
    let is_arn = || {
        let Some((_, service, _, resource)) = parts(text) else {
            return false;
        };
        match resource.split_once('/') {
            Some(("user" | "role", name)) => service == "iam" && !name.is_empty(),
            Some(("assumed-role", name)) => service == "sts" && name.contains('/'),
            _ => account_of_root(text).is_some(),
        }
    };
    text == EVERYBODY || is_account(text) || is_arn()
}

/// The ARN of a role, with or without a path before its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoleArn {
    text: String,
    account: String,
}

impl RoleArn {
    pub(crate) fn parse(text: impl Into<String>) -> Result<Self, RoleError> {
        let text = text.into();
        let account = parts(&text).and_then(|(_, service, account, resource)| {
            let path = resource.strip_prefix("role/").filter(|_| service == "iam")?;
            // The length and the characters of https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html.
            let name = path.rsplit('/').next().unwrap_or_default();
            let right = (1..=64).contains(&name.len()) && name.bytes().all(|byte| is_word(byte, b"+=,.@-"));
            right.then(|| account.to_owned())
        });
        match account {
            Some(account) => Ok(Self { text, account }),
            None => wrong("arn", format!("{text:?} is not of the form arn:aws:iam::ACCOUNT:role/NAME")),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    /// The ARN of a session of the role: without the role's path.
    pub(crate) fn session_arn(&self, session_name: &str) -> String {
        let partition = self.text.split(':').nth(1).unwrap_or_default();
        let name = self.text.rsplit('/').next().unwrap_or_default();
        format!("arn:{partition}:sts::{}:assumed-role/{name}/{session_name}", self.account)
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Serialize for RoleArn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for RoleArn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:iam::210987654321:role/team/deployer";

    #[test]
    fn a_session_has_the_role_s_name_without_its_path() {
        let arn = RoleArn::parse(ARN).unwrap();
        assert_eq!((arn.account(), arn.as_str()), ("210987654321", ARN));
        assert_eq!(arn.session_arn("s"), "arn:aws:sts::210987654321:assumed-role/deployer/s");
    }

    #[test]
    fn an_account_is_trusted_by_its_number_or_its_root_and_others_by_their_arns() {
        let user = "arn:aws:iam::123456789012:user/emulator";
        for (trusted, trusts) in [
            ("*", true),
            ("123456789012", true),
            ("arn:aws:iam::123456789012:root", true),
            (user, true),
            ("210987654321", false),
            ("arn:aws:iam::123456789012:user/another", false),
            ("arn:aws:iam::210987654321:root", false),
        ] {
            let role = Role::new(ARN).unwrap().trusting([trusted]).unwrap();
            assert_eq!(role.trusts("123456789012", &[user]), trusts, "{trusted}");
        }
        assert!(!Role::new(ARN).unwrap().trusting::<&str>([]).unwrap().trusts("123456789012", &[user]));
    }

    #[test]
    fn a_role_in_json_is_checked_and_shown_as_it_was_given() {
        let given = json!({
            "arn": ARN, "trustedPrincipals": ["123456789012"], "externalId": "f1/e2", "allowedSessionTags": ["team"],
            "requiredSessionTags": ["team"], "maxSessionDuration": 7200, "deniedOperations": ["CreateDeployment"],
            "webIdentity": {"issuer": null, "audience": "sts.amazonaws.com", "subject": null},
            "podIdentity": {"namespace": "greengrass", "serviceAccount": "operator"},
        });
        let role: Role = serde_json::from_value(given.clone()).unwrap();
        assert_eq!(serde_json::to_value(&role).unwrap(), given);
        assert_eq!(serde_json::from_value::<Role>(json!({"arn": ARN})).unwrap(), Role::new(ARN).unwrap());
    }

    #[test]
    fn a_mistake_is_named_with_its_field() {
        for (change, expected) in [
            (json!({"arn": "deployer"}), "arn: \"deployer\" is not of the form"),
            (json!({"arn": "arn:aws:iam::210987654321:user/x"}), "arn: "),
            (json!({"arn": "arn:aws:iam::210987654321:role/"}), "arn: "),
            (json!({"arn": "arn:aws:iam:eu-west-1:210987654321:role/x"}), "arn: "),
            (json!({"trustedPrincipals": ["1234"]}), "trustedPrincipals: \"1234\" is not one of"),
            (json!({"trustedPrincipals": ["arn:aws:iam::123456789012:group/x"]}), "trustedPrincipals: "),
            (json!({"externalId": "x"}), "externalId: must be 2 to 1224"),
            (json!({"externalId": "a b"}), "externalId: must be 2 to 1224"),
            (json!({"maxSessionDuration": 3599}), "maxSessionDuration: must be 3600 to 43200 seconds"),
            (json!({"maxSessionDuration": 43_201}), "maxSessionDuration: must be 3600 to 43200 seconds"),
            (json!({"deniedOperations": ["Dance"]}), "Dance"),
            (json!({"nonsense": 1}), "nonsense"),
        ] {
            let mut given = json!({"arn": ARN});
            given.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let error = serde_json::from_value::<Role>(given).unwrap_err().to_string();
            assert!(error.contains(expected), "{change}: {error}");
        }
    }
}
