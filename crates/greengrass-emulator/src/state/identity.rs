//! Identities: access keys, roles and their sessions, and AWS STS, which tells and makes them. Pure.

mod assume;
mod hosts;
mod token;
mod web_identity;

use std::{collections::BTreeMap, sync::Arc};

use data_encoding::{BASE32_NOPAD, BASE64};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{Answer, Body, Call};
use crate::{
    access_keys::{AccessKey, AccessKeys},
    error::ServiceError,
    ids::{IdKind, Ids},
    operation::Operation,
    principal::{Principal, RoleSession},
    query,
    role::{Role, RoleArn},
    scope::Scope,
    xml::Element,
};

/// Who there is. Of no account and region: a role is in an account, and its sessions work in every region.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    /// Shared with the calls that are being read: hashing a large body is not done under the lock.
    access_keys: Arc<AccessKeys>,
    roles: BTreeMap<RoleArn, Known>,
    /// How many sessions there have been.
    sessions: u64,
    /// When the keys of sessions that ended long ago are looked for next.
    next_clearing: Option<Timestamp>,
}

/// A role, and which of its sessions are revoked: those up to this number.
#[derive(Debug)]
struct Known {
    role: Role,
    revoked_until: u64,
}

/// Looking for keys to forget costs as much as there are keys, and need not be often.
const CLEARING: SignedDuration = SignedDuration::from_hours(1);

/// The credentials of a session. Not for display.
pub(crate) struct SessionCredentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    /// To the second, as the service has it.
    pub(crate) expiration: Timestamp,
}

impl Identities {
    pub(crate) fn access_keys(&self) -> Arc<AccessKeys> {
        Arc::clone(&self.access_keys)
    }

    pub(crate) fn add_access_key(&mut self, key: AccessKey) {
        Arc::make_mut(&mut self.access_keys).add(key);
    }

    /// False when no key with this id is listed.
    pub(crate) fn remove_access_key(&mut self, id: &str) -> bool {
        Arc::make_mut(&mut self.access_keys).remove(id)
    }

    /// Makes a role, or changes the one with its ARN: its sessions stay, and may do what it says now.
    pub(crate) fn add_role(&mut self, role: Role) {
        let arn = role.parsed_arn().clone();
        let revoked_until = self.roles.get(&arn).map_or(0, |known| known.revoked_until);
        self.roles.insert(arn, Known { role, revoked_until });
    }

    /// Deletes a role, whose sessions nobody knows any more. False when there is none with this ARN.
    pub(crate) fn remove_role(&mut self, arn: &str) -> bool {
        let arn = RoleArn::parse(arn).ok().filter(|arn| self.roles.remove(arn).is_some());
        if let Some(arn) = &arn {
            Arc::make_mut(&mut self.access_keys).remove_sessions_of(arn);
        }
        arn.is_some()
    }

    pub(crate) fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values().map(|known| &known.role)
    }

    pub(crate) fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.get(&RoleArn::parse(arn).ok()?).map(|known| &known.role)
    }

    /// Takes everything from the sessions that a role has. False when there is no such role.
    pub(crate) fn revoke_sessions(&mut self, arn: &str) -> bool {
        let until = self.sessions;
        let known = RoleArn::parse(arn).ok().and_then(|arn| self.roles.get_mut(&arn));
        known.map(|known| known.revoked_until = until).is_some()
    }

    /// Whether the caller may make a call at all: what the policies of a role would say.
    pub(crate) fn authorize(&self, call: &Call) -> Result<(), ServiceError> {
        let Some(session) = call.principal.assumed_role() else {
            return Ok(());
        };
        // Nobody can be kept from it: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html.
        if call.operation == Operation::GetCallerIdentity {
            return Ok(());
        }
        // A call may have been on its way when the role was deleted.
        let Known { role, revoked_until } = self.roles.get(&session.role).ok_or(ServiceError::UnrecognizedClient)?;
        let (arn, action) = (session.arn(), call.operation.action());
        // As the policy AWSRevokeOlderSessions does it, which the console attaches:
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html.
        let why = if session.number <= *revoked_until {
            "with an explicit deny in an identity-based policy".to_owned()
        } else if role.denies(call.operation) {
            format!("because no identity-based policy allows the {action} action")
        } else {
            return Ok(());
        };
        Err(ServiceError::AccessDenied {
            message: format!("User: {arn} is not authorized to perform: {action} on resource: * {why}"),
        })
    }

    /// Makes a session's credentials known.
    fn issue(&mut self, new: NewSession, seconds: u32, ids: &mut Ids, now: Timestamp) -> SessionCredentials {
        if self.next_clearing.is_none_or(|next| next <= now) {
            Arc::make_mut(&mut self.access_keys).remove_ended(now);
            self.next_clearing = now.checked_add(CLEARING).ok();
        }
        self.sessions += 1;
        let id = ids.next(IdKind::Session);
        let digest = |purpose: &str| Sha256::new().chain_update(purpose).chain_update(id).finalize();
        let access_key_id: String = BASE32_NOPAD.encode(&digest("id")).chars().take(16).collect();
        let secret: String = BASE64.encode(&digest("secret")).chars().take(40).collect();
        let token = ["token 1", "token 2", "token 3"].map(digest).concat();
        let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let credentials = SessionCredentials {
            access_key_id: format!("ASIA{access_key_id}"),
            secret_access_key: secret,
            session_token: BASE64.encode(&token),
            expiration: whole.checked_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX),
        };
        let NewSession { role, name, tags, transitive, source_identity, chains } = new;
        let session = RoleSession { number: self.sessions, role, name, tags, transitive, source_identity, chains };
        self.add_access_key(AccessKey::of_session(
            credentials.access_key_id.clone(),
            credentials.secret_access_key.clone(),
            credentials.session_token.clone(),
            credentials.expiration,
            session,
        ));
        credentials
    }
}

/// A session before it has a number.
#[derive(Debug)]
struct NewSession {
    role: RoleArn,
    name: String,
    tags: BTreeMap<String, String>,
    transitive: Vec<String>,
    source_identity: Option<String>,
    chains: bool,
}

impl NewSession {
    /// Without tags.
    fn plain(role: &Role, name: &str) -> Self {
        Self {
            role: role.parsed_arn().clone(),
            name: name.to_owned(),
            tags: BTreeMap::new(),
            transitive: Vec::new(),
            source_identity: None,
            chains: true,
        }
    }
}

/// The answer to `GetCallerIdentity`.
pub(super) fn get_caller_identity(scope: &Scope, principal: &Principal) -> Answer {
    let id = match principal {
        Principal::AssumedRole(session) => format!("{}:{}", unique_id("AROA", session.role.as_str()), session.name),
        Principal::User | Principal::Session | Principal::Anonymous => match principal.session_name() {
            Some(name) => format!("{}:{name}", unique_id("AROA", &scope.account)),
            None => unique_id("AIDA", &scope.account),
        },
    };
    let members = [
        Element::text("Arn", principal.arn(scope).unwrap_or_default()),
        Element::text("UserId", id),
        Element::text("Account", scope.account.as_str()),
    ];
    answer("GetCallerIdentityResponse", Element::of("GetCallerIdentityResult", members))
}

fn answer(name: &'static str, result: Element) -> Answer {
    Answer { status: 200, body: Body::Xml(query::response(name, result)) }
}

/// Always the same for an account's user or for a role, and of the form of
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>.
fn unique_id(prefix: &str, of: &str) -> String {
    let rest: String = BASE32_NOPAD.encode(&Sha256::digest(of)).chars().take(17).collect();
    format!("{prefix}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(region: &str, principal: &Principal) -> String {
        match get_caller_identity(&Scope::new("123456789012", region), principal).body {
            Body::Xml(response) => query::answered(response, "id").to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_answer_looks_like_that_of_the_api_reference() {
        let id = unique_id("AIDA", "123456789012");
        assert_eq!(
            shown("eu-west-1", &Principal::User),
            format!(
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                 <Arn>arn:aws:iam::123456789012:user/emulator</Arn><UserId>{id}</UserId><Account>123456789012</Account>\
                 </GetCallerIdentityResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata>\
                 </GetCallerIdentityResponse>"
            )
        );
        assert_eq!(id.len(), 21);
        assert_ne!(id, unique_id("AIDA", "210987654321"));
    }

    #[test]
    fn a_temporary_key_is_of_the_session_of_a_role() {
        let shown = shown("cn-north-1", &Principal::Session);
        assert!(shown.contains("<Arn>arn:aws-cn:sts::123456789012:assumed-role/emulator/session</Arn>"), "{shown}");
        assert!(shown.contains("<UserId>AROA") && shown.contains(":session</UserId>"), "{shown}");
    }

    #[test]
    fn keys_of_sessions_that_ended_long_ago_are_forgotten() {
        let role = Role::new("arn:aws:iam::210987654321:role/deployer").unwrap();
        let mut identities = Identities::default();
        identities.add_role(role.clone());
        let mut ids = Ids::new(1);
        let mut issue = |hour: i64| {
            let now = Timestamp::from_second(hour * 3600).unwrap();
            let credentials = identities.issue(NewSession::plain(&role, "s"), 3600, &mut ids, now);
            (credentials.access_key_id, identities.access_keys())
        };
        let (first, _) = issue(0);
        let known = |keys: &AccessKeys, id: &str| keys.find(id, "123456789012").is_some();
        // Ended at hour 1, and known as expired until hour 13.
        let (_, keys) = issue(13);
        assert!(known(&keys, &first));
        let (last, keys) = issue(14);
        assert!(!known(&keys, &first) && known(&keys, &last));
    }
}
