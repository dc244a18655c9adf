//! What a valid spec asks for, in parsed values only. Pure.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use semver::Version;
use serde_json::{Map, Value};

use super::rollout::Criteria;
use crate::api::{
    AdoptionPolicy, DeletionPolicy, DeploymentPolicies, DriftPolicy, DroppedConfigurationKeys, IotJobConfiguration,
    OnParentRevision,
};
use crate::names::Key;

/// A valid spec, resolved: inner code can't hold a wrong value.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// What the deployment is for.
    pub key: Key,
    /// What it contains.
    pub content: Content,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
    /// What to do where somebody else's deployment is there first.
    pub adoption_policy: AdoptionPolicy,
    /// What to do where AWS no longer has what the resource made.
    pub drift_policy: DriftPolicy,
    /// What becomes of configuration keys that are merged no more.
    pub dropped_configuration_keys: DroppedConfigurationKeys,
    /// What a subdeployment does when its parent has a new revision.
    pub on_parent_revision: OnParentRevision,
    /// Old revisions that stay in AWS.
    pub revision_history_limit: usize,
    /// What happens in AWS when the resource is deleted.
    pub deletion_policy: DeletionPolicy,
    /// How long devices may take to carry out what `Remove` asks of them.
    pub remove_timeout: SignedDuration,
    /// When a rollout counts as done or failed.
    pub rollout: Criteria,
    /// Read and report, write nothing to AWS.
    pub suspend: bool,
}

/// What a deployment contains, as `CreateDeployment` takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// The name that the user gave; absent, AWS gets `NAMESPACE/NAME`, which is not part of the digest.
    pub name: Option<String>,
    /// Components by name.
    pub components: BTreeMap<String, Component>,
    /// How devices apply it.
    pub policies: Option<DeploymentPolicies>,
    /// How it is rolled out; only for thing groups.
    pub job: Option<IotJobConfiguration>,
}

/// One component.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Exact version.
    pub version: Version,
    /// What is merged into its configuration.
    pub merge: Option<Merge>,
    /// What is reset first: JSON pointers, the empty one for all.
    pub reset: Vec<String>,
    /// User and limits.
    pub run_with: Option<crate::api::RunWith>,
}

/// A configuration to merge.
#[derive(Clone, Debug, PartialEq)]
pub struct Merge {
    /// What it means.
    pub value: Map<String, Value>,
    /// The bytes that AWS gets: the user's own where `merge` was a string.
    pub text: String,
}
