//! `AssumeRole`: on which conditions somebody gets the session of a role. Pure.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::{Identities, NewSession, SessionCredentials, answer, unique_id};
use crate::{
    error::{ServiceError, StsErrorCode},
    ids::Ids,
    principal::Principal,
    role::Role,
    scope::Scope,
    state::{Answer, Input},
    xml::Element,
};

/// How long a session lasts when nothing is said, and at most when its caller is itself the session of a role.
pub(super) const HOUR: u32 = 3600;

impl Identities {
    pub(in crate::state) fn assume_role(
        &mut self,
        scope: &Scope,
        principal: &Principal,
        input: &Input,
        ids: &mut Ids,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        check_policy(input)?;
        let arn = principal.arn(scope).unwrap_or_default();
        let role_arn = input.required("RoleArn");
        let denied = |action: &str| ServiceError::AccessDenied {
            message: format!("User: {arn} is not authorized to perform: {action} on resource: {role_arn}"),
        };
        let session_role = principal.assumed_role().map(|session| session.role.as_str());
        let arns: Vec<&str> = std::iter::once(arn.as_str()).chain(session_role).collect();
        let passed = Tags::of(input)?;
        let passes_any = !passed.tags.is_empty();
        let Tags { tags, transitive } = passed.after(principal)?;
        let role = self
            .role(role_arn)
            .filter(|role| role.trusts(&scope.account, &arns) && role.accepts_external_id(input.text("ExternalId")))
            .filter(|role| role.required_session_tags().iter().all(|key| tags.contains_key(key)))
            .ok_or_else(|| denied("sts:AssumeRole"))?;
        if passes_any && !role.allows_tags(tags.keys().map(String::as_str)) {
            return Err(denied("sts:TagSession"));
        }
        let inherited = principal.assumed_role().and_then(|session| session.source_identity.as_deref());
        let source_identity = match (inherited, input.text("SourceIdentity")) {
            (Some(inherited), Some(given)) if inherited != given => return Err(denied("sts:SetSourceIdentity")),
            (inherited, given) => inherited.or(given).map(ToOwned::to_owned),
        };
        let seconds = duration(input, role, chains(principal))?;
        let plain = NewSession::plain(role, input.required("RoleSessionName"));
        let new = NewSession { tags, transitive, source_identity, ..plain };
        let source_identity = new.source_identity.clone();
        let assumed = assumed_role_user(&new);
        let credentials = self.issue(new, seconds, ids, now);
        let mut members = vec![assumed, shown(&credentials)];
        members.extend(source_identity.map(|identity| Element::text("SourceIdentity", identity)));
        Ok(answer("AssumeRoleResponse", Element::of("AssumeRoleResult", members)))
    }
}

/// Whether to assume a role with these credentials is role chaining.
fn chains(principal: &Principal) -> bool {
    match principal {
        Principal::User | Principal::Anonymous => false,
        Principal::Session => true,
        Principal::AssumedRole(session) => session.chains,
    }
}

/// For how many seconds a session is asked for.
pub(super) fn duration(input: &Input, role: &Role, chained: bool) -> Result<u32, ServiceError> {
    let seconds = input.get("DurationSeconds").as_u64().and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(HOUR);
    if chained && seconds > HOUR {
        return Err(ServiceError::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if seconds > role.max_session_duration() {
        return Err(ServiceError::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(seconds)
}

/// A session policy is taken when it is an object in JSON. What it says is not applied.
pub(super) fn check_policy(input: &Input) -> Result<(), ServiceError> {
    let Some(policy) = input.text("Policy") else {
        return Ok(());
    };
    match serde_json::from_str(policy) {
        Ok(Value::Object(_)) => Ok(()),
        Ok(_) | Err(_) => Err(ServiceError::Sts {
            code: StsErrorCode::MalformedPolicyDocument,
            message: "This policy contains invalid Json".to_owned(),
        }),
    }
}

pub(super) fn assumed_role_user(session: &NewSession) -> Element {
    let id = unique_id("AROA", session.role.as_str());
    Element::of(
        "AssumedRoleUser",
        [
            Element::text("AssumedRoleId", format!("{id}:{}", session.name)),
            Element::text("Arn", session.role.session_arn(&session.name)),
        ],
    )
}

pub(super) fn shown(credentials: &SessionCredentials) -> Element {
    let SessionCredentials { access_key_id, secret_access_key, session_token, expiration } = credentials;
    Element::of(
        "Credentials",
        [
            Element::text("AccessKeyId", access_key_id),
            Element::text("SecretAccessKey", secret_access_key),
            Element::text("SessionToken", session_token),
            Element::text("Expiration", expiration.to_string()),
        ],
    )
}

/// The tags of a session.
struct Tags {
    tags: BTreeMap<String, String>,
    transitive: Vec<String>,
}

impl Tags {
    /// Those that are passed: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>.
    fn of(input: &Input) -> Result<Self, ServiceError> {
        let mut tags = BTreeMap::new();
        let mut folded = BTreeSet::new();
        for tag in input.get("Tags").as_array().into_iter().flatten() {
            let text = |name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default();
            let key = text("Key");
            if key.to_lowercase().starts_with("aws:") {
                return Err(ServiceError::field("Tags", format!("the key {key} begins with aws:, which is reserved")));
            }
            if !folded.insert(key.to_lowercase()) {
                let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
                return Err(ServiceError::field("Tags", message));
            }
            tags.insert(key.to_owned(), text("Value").to_owned());
        }
        let keys = input.get("TransitiveTagKeys").as_array().into_iter().flatten().filter_map(Value::as_str);
        let transitive: Vec<String> = keys.map(ToOwned::to_owned).collect();
        match transitive.iter().find(|key| !tags.contains_key(key.as_str())) {
            Some(key) => Err(ServiceError::field("TransitiveTagKeys", format!("{key} is none of the keys of Tags"))),
            None => Ok(Self { tags, transitive }),
        }
    }

    /// With those that the caller's own session hands on, which can't be overridden.
    fn after(mut self, principal: &Principal) -> Result<Self, ServiceError> {
        let Some(session) = principal.assumed_role() else {
            return Ok(self);
        };
        for key in &session.transitive {
            if self.tags.keys().any(|passed| passed.eq_ignore_ascii_case(key)) {
                return Err(ServiceError::field("Tags", format!("{key} is a transitive tag of the calling session")));
            }
            if let Some(value) = session.tags.get(key) {
                self.tags.insert(key.clone(), value.clone());
                self.transitive.push(key.clone());
            }
        }
        Ok(self)
    }
}
