//! Through which credentials and endpoints AWS is called. Pure.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use greengrass_operator_core::identity::{Identity, Role};

/// Credentials and endpoints. Two that are made of the same are the same; clones are cheap.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Parts {
    identity: String,
    role: Option<Role>,
    region: Option<String>,
    endpoint_url: Option<String>,
    session: Option<Session>,
}

/// On whose behalf a role is assumed: for AWS's audit log, and for policies that look at the tags of a session.
///
/// One session for all resources of a namespace, not one for each: those would cost a call to the security token service with
/// every change, and thousands of sessions in memory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// The cluster's name.
    pub cluster: String,
    /// The namespace of the resources; none where the call is for all of them.
    pub namespace: Option<String>,
}

/// The name of sessions that serve no single namespace.
const COMMON_SESSION: &str = "greengrass-operator";

impl Connection {
    /// With the operator's own credentials, as they are.
    #[cfg(test)]
    #[must_use]
    pub fn own() -> Self {
        Self(Arc::new(Parts {
            identity: greengrass_operator_core::identity::DEFAULT.to_owned(),
            role: None,
            region: None,
            endpoint_url: None,
            session: None,
        }))
    }

    /// Through an identity. Without a role there is no session, so that all namespaces share what they can.
    #[must_use]
    pub fn through(identity: &Identity, session: Session) -> Self {
        Self(Arc::new(Parts {
            identity: identity.name.clone(),
            role: identity.role.clone(),
            region: identity.region.clone(),
            endpoint_url: identity.endpoint_url.clone(),
            session: identity.role.is_some().then_some(session),
        }))
    }

    /// The identity's name.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.0.identity
    }

    /// The role that is assumed.
    #[must_use]
    pub fn role(&self) -> Option<&Role> {
        self.0.role.as_ref()
    }

    /// The region of the security token service.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.0.region.as_deref()
    }

    /// Where AWS is, for every service.
    #[must_use]
    pub fn endpoint_url(&self) -> Option<&str> {
        self.0.endpoint_url.as_deref()
    }

    /// The session's name: the namespace, which has only characters that AWS takes, and never more than its 64. It takes no
    /// single one (`roleSessionNameType` of the AWS STS API): such a namespace is written `namespace-a`.
    #[must_use]
    pub fn session_name(&self) -> Cow<'_, str> {
        let session = self.0.session.as_ref();
        match session.and_then(|session| session.namespace.as_deref()) {
            Some(namespace) if namespace.len() < 2 => Cow::Owned(format!("namespace-{namespace}")),
            Some(namespace) => Cow::Borrowed(namespace),
            None => Cow::Borrowed(COMMON_SESSION),
        }
    }

    /// The session's tags.
    #[must_use]
    pub fn session_tags(&self) -> Vec<(&'static str, &str)> {
        let Some(Session { cluster, namespace }) = &self.0.session else { return Vec::new() };
        let mut tags = vec![
            ("greengrass-operator.dev/cluster", cluster.as_str()),
            ("greengrass-operator.dev/identity", self.identity()),
        ];
        tags.extend(namespace.as_deref().map(|namespace| ("greengrass-operator.dev/namespace", namespace)));
        tags
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.identity())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::a_namespace(Some("line"), "line")]
    #[case::too_short_for_aws(Some("a"), "namespace-a")]
    #[case::no_single_one(None, "greengrass-operator")]
    fn a_session_is_called_by_its_namespace(#[case] namespace: Option<&str>, #[case] expected: &str) {
        let spec = serde_json::from_value(json!({"roleArn": "arn:aws:iam::123456789012:role/deployer"})).unwrap();
        let identity = greengrass_operator_core::identity::parse("it", &spec, false).identity.unwrap();
        let session = Session { cluster: "test".into(), namespace: namespace.map(str::to_owned) };
        assert_eq!(Connection::through(&identity, session).session_name(), expected);
    }
}
