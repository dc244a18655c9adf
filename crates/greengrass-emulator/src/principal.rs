//! Who calls: users, sessions of roles, nobody; and how the ledger names them. Pure.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{role::RoleArn, scope::Scope};

/// The user, or the role, whose access keys all are that were made by nobody's `AssumeRole`.
const NAME: &str = "emulator";

/// The session of temporary access keys that were added by hand.
const SESSION: &str = "session";

/// What kind of identity makes a call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Principal {
    /// A user with a long-term key.
    #[default]
    User,
    /// A temporary key that was added by hand.
    Session,
    /// The session of a role that somebody has assumed.
    AssumedRole(#[serde(with = "shared")] Arc<RoleSession>),
    /// Nobody that the service knows: the operation needs no signature.
    Anonymous,
}

/// The session of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RoleSession {
    /// Its number among all sessions, from 1.
    pub(crate) number: u64,
    pub(crate) role: RoleArn,
    pub(crate) name: String,
    pub(crate) tags: BTreeMap<String, String>,
    /// The keys of those tags that sessions made with this one inherit.
    pub(crate) transitive: Vec<String>,
    pub(crate) source_identity: Option<String>,
    /// Whether to assume a role with it is role chaining. Not for applications on EC2:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining>.
    pub(crate) chains: bool,
}

/// A session is written as if it were not shared: serde's feature for that would be one of the whole workspace.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::RoleSession;

    pub(super) fn serialize<S: Serializer>(session: &Arc<RoleSession>, serializer: S) -> Result<S::Ok, S::Error> {
        RoleSession::serialize(session, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<RoleSession>, D::Error> {
        RoleSession::deserialize(deserializer).map(Arc::new)
    }
}

impl RoleSession {
    pub(crate) fn arn(&self) -> String {
        self.role.session_arn(&self.name)
    }
}

impl Principal {
    /// Its ARN within its account; nothing for nobody.
    pub(crate) fn arn(&self, scope: &Scope) -> Option<String> {
        match self {
            Self::User => Some(scope.user_arn(NAME)),
            Self::Session => Some(scope.session_arn(NAME, SESSION)),
            Self::AssumedRole(session) => Some(session.arn()),
            Self::Anonymous => None,
        }
    }

    /// The name of its session, if it is one.
    pub(crate) fn session_name(&self) -> Option<&str> {
        match self {
            Self::Session => Some(SESSION),
            Self::AssumedRole(session) => Some(&session.name),
            Self::User | Self::Anonymous => None,
        }
    }

    /// The role's session that somebody has made.
    pub(crate) fn assumed_role(&self) -> Option<&RoleSession> {
        match self {
            Self::AssumedRole(session) => Some(session),
            Self::User | Self::Session | Self::Anonymous => None,
        }
    }
}

/// On whose behalf a call was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallerRecord {
    /// As `GetCallerIdentity` tells it: the ARN of a user, or of the session of a role.
    pub arn: String,
    /// The role whose session it is; null for a user.
    pub role_arn: Option<String>,
    /// The session's name; null for a user.
    pub session_name: Option<String>,
    /// The session's tags, inherited ones included.
    pub session_tags: BTreeMap<String, String>,
    /// The session's source identity.
    pub source_identity: Option<String>,
}

impl CallerRecord {
    /// `None` for nobody.
    pub(crate) fn of(principal: &Principal, scope: &Scope) -> Option<Self> {
        let session = principal.assumed_role();
        Some(Self {
            arn: principal.arn(scope)?,
            role_arn: session.map(|session| session.role.to_string()),
            session_name: principal.session_name().map(ToOwned::to_owned),
            session_tags: session.map(|session| session.tags.clone()).unwrap_or_default(),
            source_identity: session.and_then(|session| session.source_identity.clone()),
        })
    }
}
