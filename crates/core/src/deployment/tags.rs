//! The tags by which the operator finds its own deployments again. Pure.

use std::collections::BTreeMap;

use super::revision::Digest;
use crate::names::ObjectName;

/// What every tag of the operator starts with; refused in `spec.tags`.
pub const PREFIX: &str = "greengrass-operator.dev/";

const CLUSTER: &str = "greengrass-operator.dev/cluster";
const RESOURCE: &str = "greengrass-operator.dev/resource";
const UID: &str = "greengrass-operator.dev/uid";
const INTENT: &str = "greengrass-operator.dev/intent";
const DIGEST: &str = "greengrass-operator.dev/digest";
const REDEPLOY: &str = "greengrass-operator.dev/redeploy";
const CANCEL: &str = "greengrass-operator.dev/cancel";
const PARENT: &str = "greengrass-operator.dev/parent";
const CAUSE: &str = "greengrass-operator.dev/cause";

/// Why a revision was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The target had no deployment of ours.
    Create,
    /// The content changed.
    Change,
    /// `redeploy-at` asked for it.
    Redeploy,
    /// The parent got a new revision, which ended this subdeployment.
    Parent,
    /// AWS no longer had what was made.
    Correct,
    /// Somebody else's deployment was there first.
    Adopt,
    /// The resource is being deleted, and devices are to lose what it put there.
    Remove,
}

impl Cause {
    /// As it stands in tags and status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Redeploy => "redeploy",
            Self::Parent => "parent",
            Self::Correct => "correct",
            Self::Adopt => "adopt",
            Self::Remove => "remove",
        }
    }

    /// A recorded cause; one that this version does not know was some change.
    #[must_use]
    pub fn recorded(text: &str) -> Self {
        match text {
            "create" => Self::Create,
            "redeploy" => Self::Redeploy,
            "parent" => Self::Parent,
            "correct" => Self::Correct,
            "adopt" => Self::Adopt,
            "remove" => Self::Remove,
            _ => Self::Change,
        }
    }
}

/// Who made a deployment, for which change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerTags {
    /// The cluster that the resource lives in.
    pub cluster: String,
    /// `NAMESPACE/NAME`.
    pub resource: ObjectName,
    /// The object's uid; information only: a re-created object owns what its predecessor made.
    pub uid: String,
    /// Number of the change.
    pub ordinal: u64,
    /// How often its content was changed before it was made.
    pub attempt: u64,
    /// Digest of the content.
    pub digest: Digest,
    /// Hash of the `redeploy-at` that is handled with it.
    pub redeploy: Option<String>,
    /// Hash of the `cancel-at` that is handled with it.
    pub cancel: Option<String>,
    /// The parent's newest deployment when it was made.
    pub parent: Option<String>,
    /// Why it was made.
    pub cause: Cause,
}

impl OwnerTags {
    /// As AWS keeps them.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let Self { cluster, resource, uid, ordinal, attempt, digest, redeploy, cancel, parent, cause } = self;
        let mut tags = BTreeMap::from([
            (CLUSTER.to_owned(), cluster.clone()),
            (RESOURCE.to_owned(), resource.to_string()),
            (UID.to_owned(), uid.clone()),
            (INTENT.to_owned(), format!("{ordinal}.{attempt}")),
            (DIGEST.to_owned(), digest.to_string()),
            (CAUSE.to_owned(), cause.as_str().to_owned()),
        ]);
        tags.extend(redeploy.iter().map(|value| (REDEPLOY.to_owned(), value.clone())));
        tags.extend(cancel.iter().map(|value| (CANCEL.to_owned(), value.clone())));
        tags.extend(parent.iter().map(|value| (PARENT.to_owned(), value.clone())));
        tags
    }

    /// What the tags of a deployment say; none where it was not made by an operator, or was made by one and tampered with.
    #[must_use]
    pub fn read(tags: &BTreeMap<String, String>) -> Option<Self> {
        let (namespace, name) = tags.get(RESOURCE)?.split_once('/')?;
        let (ordinal, attempt) = tags.get(INTENT)?.split_once('.')?;
        Some(Self {
            cluster: tags.get(CLUSTER)?.clone(),
            resource: ObjectName { namespace: namespace.into(), name: name.into() },
            uid: tags.get(UID).cloned().unwrap_or_default(),
            ordinal: ordinal.parse().ok()?,
            attempt: attempt.parse().ok()?,
            digest: Digest::recorded(tags.get(DIGEST)?),
            redeploy: tags.get(REDEPLOY).cloned(),
            cancel: tags.get(CANCEL).cloned(),
            parent: tags.get(PARENT).cloned(),
            cause: tags.get(CAUSE).map_or(Cause::Change, |text| Cause::recorded(text)),
        })
    }
}

/// The tags that are the user's: neither the operator's nor AWS's own.
pub fn user_tags(tags: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    tags.iter().filter(|(key, _)| !key.starts_with(PREFIX) && !key.starts_with("aws:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let tags = OwnerTags {
            cluster: "prod".into(),
            resource: ObjectName { namespace: "plant".into(), name: "presses".into() },
            uid: "u".into(),
            ordinal: 7,
            attempt: 2,
            digest: Digest::recorded("1:ab"),
            redeploy: Some("r".into()),
            cancel: Some("c".into()),
            parent: Some("p".into()),
            cause: Cause::Parent,
        };
        assert_eq!(OwnerTags::read(&tags.to_map()), Some(tags));
    }

    #[test]
    fn a_deployment_without_our_tags_has_no_owner_here() {
        assert_eq!(OwnerTags::read(&BTreeMap::from([("team".into(), "a".into())])), None);
    }
}
