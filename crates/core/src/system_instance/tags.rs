//! The tags by which the operator finds its own system instances again. Pure.

use std::collections::BTreeMap;

use crate::deployment::revision::Digest;
use crate::deployment::tags::PREFIX;
use crate::names::ObjectName;

/// Who made a system instance, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerTags {
    /// The cluster that the resource lives in.
    pub cluster: String,
    /// `NAMESPACE/NAME`.
    pub resource: ObjectName,
    /// The object's uid; information only: a re-created object owns what its predecessor made.
    pub uid: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Hash of the `redeploy-at` that was handled last.
    pub redeploy: Option<String>,
}

impl OwnerTags {
    /// The tag that says the object's uid.
    pub const UID: &'static str = "greengrass-operator.dev/uid";

    /// As AWS keeps them.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let Self { cluster, resource, uid, digest, redeploy } = self;
        let key = |name: &str| format!("{PREFIX}{name}");
        let mut tags = BTreeMap::from([
            (key("cluster"), cluster.clone()),
            (key("resource"), resource.to_string()),
            (key("uid"), uid.clone()),
            (key("digest"), digest.to_string()),
        ]);
        tags.extend(redeploy.iter().map(|value| (key("redeploy"), value.clone())));
        tags
    }

    /// What the tags of a system instance say; none where it was not made by an operator.
    #[must_use]
    pub fn read(tags: &BTreeMap<String, String>) -> Option<Self> {
        let tag = |name: &str| tags.get(&format!("{PREFIX}{name}"));
        let (namespace, name) = tag("resource")?.split_once('/')?;
        Some(Self {
            cluster: tag("cluster")?.clone(),
            resource: ObjectName { namespace: namespace.into(), name: name.into() },
            uid: tag("uid").cloned().unwrap_or_default(),
            digest: Digest::recorded(tag("digest")?),
            redeploy: tag("redeploy").cloned(),
        })
    }
}
