//! The object that a reconcile is about. Pure.

use jiff::Timestamp;

use super::SystemInstanceId;
use super::content::Desired;
use crate::api::SystemInstanceDeletionPolicy;
use crate::deployment::hash::short_hash;
use crate::deployment::revision::Digest;
pub use crate::deployment::subject::{Absent, Access};
use crate::names::ObjectName;
use crate::trouble::Request;

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
        policy: SystemInstanceDeletionPolicy,
        /// The id in the spec.
        id: IdInSpec,
        /// Nothing may be written to AWS.
        suspended: bool,
    },
}

/// The id in a spec that as a whole may be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdInSpec {
    /// This one.
    Known(SystemInstanceId),
    /// The `ConfigMap` that holds the definition must be read first.
    Unread,
    /// It can't be read.
    Unknown,
}

impl Wanted {
    /// A valid spec.
    #[must_use]
    pub fn present(desired: Desired) -> Self {
        let digest = desired.content.digest();
        Self::Present(Box::new(desired), digest)
    }
}

/// Another resource with the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// Its name.
    pub object: ObjectName,
    /// When it was created.
    pub created_at: Timestamp,
    /// Whether its status names the system instance as its own.
    pub has_instance: bool,
}

/// The object that a reconcile is about.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The cluster's name in tags.
    pub cluster: &'a str,
    /// `NAMESPACE/NAME`.
    pub object: &'a ObjectName,
    /// The object's uid.
    pub uid: &'a str,
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
    /// Through what AWS may be called for it.
    pub access: &'a Access,
    /// What its spec asks for.
    pub wanted: &'a Wanted,
    /// Other resources with the id, as the caches show them.
    pub rivals: &'a [Rival],
}

impl Subject<'_> {
    /// The valid spec, and the digest of its content.
    #[must_use]
    pub fn desired(&self) -> Option<(&Desired, &Digest)> {
        match self.wanted {
            Wanted::Present(desired, digest) => Some((desired, digest)),
            Wanted::Invalid(_)
            | Wanted::Unread
            | Wanted::Missing(..)
            | Wanted::NotAllowed(_)
            | Wanted::Absent { .. } => None,
        }
    }

    /// Why AWS must not be called for it.
    #[must_use]
    pub fn barred(&self) -> Option<&str> {
        match self.access {
            Access::Barred(message) => Some(message),
            Access::Granted { .. } => None,
        }
    }

    /// Hash of the present `redeploy-at`.
    #[must_use]
    pub fn redeploy_hash(&self) -> Option<String> {
        self.redeploy_at.as_deref().map(short_hash)
    }

    /// What the person asks for now.
    #[must_use]
    pub fn request(&self) -> Request {
        Request {
            generation: self.generation,
            reconcile_at: self.reconcile_at.clone(),
            redeploy_at: self.redeploy_at.clone(),
            cancel_at: None,
            identity: match self.access {
                Access::Granted { identity, version } => Some(format!("{identity}@{version}")),
                Access::Barred(_) => None,
            },
        }
    }
}
