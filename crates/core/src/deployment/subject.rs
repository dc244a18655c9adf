//! The object that a reconcile is about, and its neighbours in the cluster. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};

use super::desired::{Content, Desired};
use super::hash::short_hash;
use super::revision::{Digest, digest};
use super::rollout::Criteria;
use crate::api::{AdoptionPolicy, DeletionPolicy, DriftPolicy, DroppedConfigurationKeys, OnParentRevision};
use crate::names::{Key, ObjectName, TargetArn};

/// What is wanted of AWS.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// A valid spec, and the digest of its content.
    Present(Box<Desired>, Digest),
    /// The spec can't be used; the sentences name the fields.
    Invalid(String),
    /// What the spec refers to must be read first.
    Unread,
    /// What the spec refers to is not there; the sentences name the fields.
    Missing(Absent, String),
    /// The identity does not allow it.
    NotAllowed(String),
    /// The object is being deleted; this needs no valid spec.
    Absent {
        /// What is to be done in AWS.
        policy: DeletionPolicy,
        /// What the deployment was for, where it is known.
        key: Option<Key>,
        /// Nothing may be written to AWS.
        suspended: bool,
        /// The revision that takes from devices what this target put there, under `Remove`, where there can be one.
        removal: Option<Box<Removal>>,
    },
}

/// What is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// A `ConfigMap`, or the parent's resource.
    Reference,
    /// The identity.
    Identity,
}

/// Through what AWS may be called for a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Through this identity.
    Granted {
        /// Its name.
        identity: String,
        /// What tells a later state of it from an earlier one: a call that failed is repeated at once when it changes.
        version: String,
    },
    /// Not at all, and why.
    Barred(String),
}

impl Access {
    /// Through the default identity, in the only version that it has: for those who have no cluster.
    #[must_use]
    pub fn unrestricted() -> &'static Self {
        static ACCESS: LazyLock<Access> =
            LazyLock::new(|| Access::Granted { identity: crate::identity::DEFAULT.to_owned(), version: String::new() });
        &ACCESS
    }
}

/// The revision that takes from devices what a target put there.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal {
    /// It, with no component.
    pub desired: Desired,
    /// The digest of its content.
    pub digest: Digest,
    /// By when devices should have carried it out.
    pub times_out_at: Timestamp,
}

impl Removal {
    /// For this key; none for a subdeployment, whose components stand in for the parent's.
    #[must_use]
    pub fn of(
        key: &Key,
        tags: BTreeMap<String, String>,
        adoption_policy: AdoptionPolicy,
        times_out_at: Timestamp,
    ) -> Option<Self> {
        if key.parent.is_some() {
            return None;
        }
        let desired = Desired {
            key: key.clone(),
            content: Content { name: None, components: BTreeMap::new(), policies: None, job: None },
            tags,
            adoption_policy,
            drift_policy: DriftPolicy::Warn,
            dropped_configuration_keys: DroppedConfigurationKeys::Keep,
            on_parent_revision: OnParentRevision::Yield,
            revision_history_limit: 0,
            deletion_policy: DeletionPolicy::Remove,
            remove_timeout: SignedDuration::ZERO,
            rollout: Criteria::default(),
            suspend: false,
        };
        let digest = digest(&desired);
        Some(Self { desired, digest, times_out_at })
    }
}

impl Wanted {
    /// A valid spec.
    #[must_use]
    pub fn present(desired: Desired) -> Self {
        let digest = digest(&desired);
        Self::Present(Box::new(desired), digest)
    }
}

/// The object that a reconcile is about.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The cluster's name in tags and tokens.
    pub cluster: &'a str,
    /// `NAMESPACE/NAME`.
    pub object: &'a ObjectName,
    /// The object's uid.
    pub uid: &'a str,
    /// The object's resource version: what conditional writes refer to.
    pub resource_version: &'a str,
    /// The object's generation.
    pub generation: i64,
    /// When the object was created.
    pub created_at: Timestamp,
    /// Whether our finalizer holds it.
    pub has_finalizer: bool,
    /// The present `reconcile-at`, Flux's included.
    pub reconcile_at: Option<String>,
    /// The present `redeploy-at`.
    pub redeploy_at: Option<String>,
    /// The present `cancel-at`.
    pub cancel_at: Option<String>,
    /// Through what AWS may be called for it.
    pub access: &'a Access,
    /// What its spec asks for.
    pub wanted: &'a Wanted,
    /// Its neighbours.
    pub peers: &'a Peers,
}

impl Subject<'_> {
    /// Why AWS must not be called for it.
    #[must_use]
    pub fn barred(&self) -> Option<&str> {
        match self.access {
            Access::Barred(message) => Some(message),
            Access::Granted { .. } => None,
        }
    }

    /// The valid spec.
    #[must_use]
    pub fn desired(&self) -> Option<&Desired> {
        match self.wanted {
            Wanted::Present(desired, _) => Some(desired),
            Wanted::Invalid(_)
            | Wanted::Unread
            | Wanted::Missing(..)
            | Wanted::NotAllowed(_)
            | Wanted::Absent { .. } => None,
        }
    }

    /// The digest of the wanted content.
    #[must_use]
    pub fn wanted_digest(&self) -> Option<&Digest> {
        match self.wanted {
            Wanted::Present(_, digest) => Some(digest),
            Wanted::Invalid(_)
            | Wanted::Unread
            | Wanted::Missing(..)
            | Wanted::NotAllowed(_)
            | Wanted::Absent { .. } => None,
        }
    }

    /// What a revision that is made now contains, and the digest of that: what the spec asks for, or nothing where what it put on
    /// devices is being taken from them.
    #[must_use]
    pub fn deployable(&self) -> Option<(&Desired, &Digest)> {
        match self.wanted {
            Wanted::Present(desired, digest) => Some((desired, digest)),
            Wanted::Absent { policy: DeletionPolicy::Remove, suspended: false, removal: Some(removal), key: _ } => {
                Some((&removal.desired, &removal.digest))
            }
            Wanted::Absent { .. }
            | Wanted::Invalid(_)
            | Wanted::Unread
            | Wanted::Missing(..)
            | Wanted::NotAllowed(_) => None,
        }
    }

    /// The revision that takes from devices what this target put there, where the resource is being deleted.
    #[must_use]
    pub fn removal(&self) -> Option<&Removal> {
        match self.wanted {
            Wanted::Absent { removal, .. } => removal.as_deref(),
            Wanted::Present(..) | Wanted::Invalid(_) | Wanted::Unread | Wanted::Missing(..) | Wanted::NotAllowed(_) => {
                None
            }
        }
    }

    /// Hash of the present `redeploy-at`.
    #[must_use]
    pub fn redeploy_hash(&self) -> Option<String> {
        self.redeploy_at.as_deref().map(short_hash)
    }

    /// Hash of the present `cancel-at`.
    #[must_use]
    pub fn cancel_hash(&self) -> Option<String> {
        self.cancel_at.as_deref().map(short_hash)
    }
}

/// The neighbours in the cluster, as the caches show them.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    /// The resource that makes the parent's deployment, where one is managed here.
    pub parent: Option<ParentPeer>,
    /// Other resources with the same key.
    pub claimants: Vec<Claimant>,
    /// Deployments of subdeployments of this target that resources here made.
    pub subdeployments: BTreeSet<String>,
}

/// The resource that makes the parent's deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentPeer {
    /// Its name; shown only where it is in the same namespace.
    pub object: ObjectName,
    /// Whether its spec is in AWS.
    pub synced: bool,
    /// Its newest deployment.
    pub deployment_id: Option<String>,
}

/// Another resource with the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Its name.
    pub object: ObjectName,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether its status names a deployment.
    pub has_deployment: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
}

/// A row's target is exactly this key's.
#[must_use]
pub fn is_of_key(key: &Key, target_arn: &str, parent_target_arn: Option<&str>) -> bool {
    key.target.as_str() == target_arn && key.parent.as_ref().map(TargetArn::as_str) == parent_target_arn
}
