//! From a spec as written to a [`Desired`] that holds no wrong value. Pure.
//!
//! Everything that the schema of the resource refuses is checked again, because the installed schema can be older or
//! younger than the operator; the words are those of the schema's rules. What is inside a `merge` is only checked here.

mod components;
mod job;
mod key;
mod lenient;
mod merge;
mod rollout;
mod sources;

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use thiserror::Error;

pub use lenient::{Lenient, Parent, Target, lenient};
pub(crate) use rollout::parse as parse_duration;
pub(crate) use sources::text_of;

use super::desired::{Content, Desired};
use super::references::{Grant, IdentityFound, References};
use crate::api::{DeletionPolicy, DeploymentPolicies, GreengrassDeploymentSpec, IdentityRef, rules};
use crate::names::{Key, ObjectName, TargetKind};
use key::Resolved;
pub(crate) use sources::Needs;

/// Why a spec has no meaning now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It can't become a deployment.
    Invalid(Invalid),
    /// Its identity is not there, or can't be used yet.
    NoIdentity(String),
    /// Its identity does not allow it.
    NotAllowed(String),
    /// What it refers to was not read yet.
    Unread,
    /// What it refers to is not there.
    Missing(Invalid),
}

/// Problems that an [`Invalid`] names at most: who sees five has enough to do, and a status has little room.
pub const MAX_PROBLEMS: usize = 5;

/// Why a spec can't become a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", joined(.problems))]
pub struct Invalid {
    /// The first few problems, in the order of the spec's fields; never none.
    pub problems: Vec<Problem>,
}

/// One problem of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is, as `spec.components[com.example.HelloWorld].configurationUpdate.merge`.
    pub field: String,
    /// What is wrong and what to do, a sentence.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

fn joined(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

/// The problems found so far.
#[derive(Default)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        if self.0.len() < MAX_PROBLEMS {
            self.0.push(Problem { field: field.into(), message: message.into() });
        }
    }

    pub(crate) fn unless(&mut self, holds: bool, field: impl Into<String>, message: &str) {
        if !holds {
            self.add(field, message);
        }
    }
}

/// Old revisions that stay in AWS unless the spec says otherwise, as many as the status tells of.
const HISTORY_LIMIT: usize = 10;

/// How long devices may take to lose what `Remove` takes from them, unless the spec says otherwise: a day in which a device that
/// is off at night comes back.
pub const REMOVE_TIMEOUT: SignedDuration = SignedDuration::from_hours(24);

/// Checks the spec of the object with that name and resolves it.
pub fn validate(
    name: &ObjectName,
    spec: &GreengrassDeploymentSpec,
    references: &References,
) -> Result<Desired, Refused> {
    // Named one by one: a new field must not be forgotten here.
    let GreengrassDeploymentSpec {
        target_arn,
        target,
        identity_ref,
        parent_target_arn,
        parent,
        deployment_name,
        components,
        allow_empty,
        deployment_policies,
        iot_job_configuration,
        tags,
        adoption_policy,
        drift_policy,
        dropped_configuration_keys,
        on_parent_revision,
        revision_history_limit,
        deletion_policy,
        remove_timeout,
        rollout,
        suspend,
    } = spec;
    let mut problems = Problems::default();
    let mut needs = Needs::default();

    problems.unless(name.name.chars().count() <= rules::MAX_NAME, "metadata.name", rules::NAME);
    let is_subdeployment = parent_target_arn.is_some() || parent.is_some();
    let named = key::Named {
        target_arn: target_arn.as_deref(),
        target: target.as_ref(),
        parent_target_arn: parent_target_arn.as_deref(),
        parent: parent.as_ref(),
    };
    let Resolved { kind, key, homeless } = key::resolve(&named, references, &mut problems, &mut needs);
    check_identity(identity_ref.as_ref(), &mut problems);
    problems.unless(
        on_parent_revision.is_none() || is_subdeployment,
        "spec.onParentRevision",
        rules::ON_PARENT_REVISION,
    );
    check_deployment_name(deployment_name.as_deref(), &mut problems);
    if components.is_empty() {
        if is_subdeployment {
            problems.add("spec.components", rules::COMPONENTS_EMPTY_SUBDEPLOYMENT);
        } else if *allow_empty != Some(true) {
            problems.add("spec.components", rules::COMPONENTS_EMPTY);
        }
    }
    let components = components::check(components, references, &mut problems, &mut needs);
    if let Some(policies) = deployment_policies {
        check_policies(policies, &mut problems);
    }
    if let Some(configuration) = iot_job_configuration {
        let of_thing = kind == Some(TargetKind::Thing);
        problems.unless(!of_thing || configuration.is_empty(), "spec.iotJobConfiguration", rules::JOB_OF_THING);
        job::check(configuration, &mut problems);
    }
    let tags = all_tags(tags.as_ref(), &references.identity, &mut problems);
    let history = check_history(*revision_history_limit, &mut problems);
    problems.unless(
        !is_subdeployment || *deletion_policy != Some(DeletionPolicy::Remove),
        "spec.deletionPolicy",
        rules::REMOVE_SUBDEPLOYMENT,
    );
    let remove_timeout = remove_timeout
        .as_ref()
        .and_then(|text| rollout::duration(text, "spec.removeTimeout", &mut problems))
        .unwrap_or(REMOVE_TIMEOUT);
    let criteria = rollout::check(rollout.as_ref(), &mut problems);

    if !problems.0.is_empty() {
        return Err(Refused::Invalid(Invalid { problems: problems.0 }));
    }
    allowed(&references.identity, key.as_ref(), homeless)?;
    let Needs { unread, missing } = needs;
    if unread {
        return Err(Refused::Unread);
    }
    match key {
        Some(key) if missing.is_empty() => Ok(Desired {
            key,
            content: Content {
                name: deployment_name.clone(),
                components,
                policies: deployment_policies.clone(),
                job: iot_job_configuration.clone().filter(|configuration| !configuration.is_empty()),
            },
            tags,
            adoption_policy: adoption_policy.unwrap_or_default(),
            drift_policy: drift_policy.unwrap_or_default(),
            dropped_configuration_keys: dropped_configuration_keys.unwrap_or_default(),
            on_parent_revision: on_parent_revision.unwrap_or_default(),
            revision_history_limit: history,
            deletion_policy: deletion_policy.unwrap_or_default(),
            remove_timeout,
            rollout: criteria,
            suspend: suspend.unwrap_or_default(),
        }),
        _ => Err(Refused::Missing(Invalid { problems: missing })),
    }
}

/// The user's tags and the identity's; a tag of the user's goes before.
pub(crate) fn all_tags(
    tags: Option<&BTreeMap<String, String>>,
    identity: &IdentityFound,
    problems: &mut Problems,
) -> BTreeMap<String, String> {
    let tags = tags.cloned().unwrap_or_default();
    check_tags(&tags, problems);
    let too_many = tags.len() > rules::MAX_TAGS;
    let mut all = identity.tags();
    all.extend(tags);
    problems.unless(
        too_many || all.len() <= rules::MAX_TAGS,
        "spec.tags",
        "tags and those of the AwsIdentity must together have at most 40 entries, because AWS takes 50 on a deployment and the operator adds its own: remove some",
    );
    all
}

pub(crate) fn check_identity(reference: Option<&IdentityRef>, problems: &mut Problems) {
    problems.unless(
        reference.is_none_or(|reference| is_object_name(&reference.name)),
        "spec.identityRef.name",
        "name must be that of an AwsIdentity: 1 to 253 lower-case letters, digits, hyphens and dots",
    );
}

fn check_deployment_name(name: Option<&str>, problems: &mut Problems) {
    if let Some(text) = name {
        let fits = (1..=rules::MAX_DEPLOYMENT_NAME).contains(&text.chars().count());
        problems.unless(
            fits,
            "spec.deploymentName",
            "deploymentName must have 1 to 256 characters: shorten it, or remove it to get NAMESPACE/NAME",
        );
    }
}

/// Whether the identity lets AWS be asked about the key. `homeless` says why the target's account or region is not known.
fn allowed(identity: &IdentityFound, key: Option<&Key>, homeless: Option<String>) -> Result<(), Refused> {
    permitted(identity, |grant| match (homeless, key.and_then(|key| grant.refuses(key))) {
        (Some(message), _) => Err(Refused::NoIdentity(message)),
        (None, Some(message)) => Err(Refused::NotAllowed(message)),
        (None, None) => Ok(()),
    })
}

/// Whether there is an identity, and this holds of what it gives.
pub(crate) fn permitted(
    identity: &IdentityFound,
    holds: impl FnOnce(&Grant) -> Result<(), Refused>,
) -> Result<(), Refused> {
    match identity {
        IdentityFound::Missing(message) => Err(Refused::NoIdentity(message.clone())),
        IdentityFound::NotAllowed(message) => Err(Refused::NotAllowed(message.clone())),
        IdentityFound::Granted(grant) => holds(grant),
    }
}

/// A name that an object in Kubernetes can have (RFC 1123 subdomain); another one can't even be asked for.
pub(crate) fn is_object_name(name: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.starts_with(is_end) && label.ends_with(is_end) && label.chars().all(|c| is_end(c) || c == '-')
    };
    name.len() <= rules::MAX_REFERENCE && name.split('.').all(is_label)
}

pub(crate) fn is_config_map_key(key: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    (1..=rules::MAX_REFERENCE).contains(&key.len()) && key.chars().all(fits)
}

fn check_history(limit: Option<i32>, problems: &mut Problems) -> usize {
    let limit = limit.map_or(Some(HISTORY_LIMIT), |limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| *limit <= rules::MAX_HISTORY);
    problems.unless(
        limit.is_some(),
        "spec.revisionHistoryLimit",
        "revisionHistoryLimit must be 0 to 100: write how many old revisions stay in AWS",
    );
    limit.unwrap_or(HISTORY_LIMIT)
}

fn check_policies(policies: &DeploymentPolicies, problems: &mut Problems) {
    let DeploymentPolicies { failure_handling_policy: _, component_update_policy, configuration_validation_policy } =
        policies;
    let timeouts = [
        ("componentUpdatePolicy", component_update_policy.as_ref().and_then(|policy| policy.timeout_in_seconds)),
        (
            "configurationValidationPolicy",
            configuration_validation_policy.as_ref().and_then(|policy| policy.timeout_in_seconds),
        ),
    ];
    for (policy, timeout) in timeouts {
        problems.unless(
            timeout.is_none_or(|seconds| seconds >= 0),
            format!("spec.deploymentPolicies.{policy}.timeoutInSeconds"),
            "timeoutInSeconds must not be less than 0: write seconds, for example 60",
        );
    }
}

/// What is wrong with tags that are not a resource's own.
pub(crate) fn tag_problems(tags: &BTreeMap<String, String>) -> Vec<String> {
    let mut problems = Problems::default();
    check_tags(tags, &mut problems);
    problems.0.iter().map(Problem::to_string).collect()
}

fn check_tags(tags: &BTreeMap<String, String>, problems: &mut Problems) {
    problems.unless(
        tags.len() <= rules::MAX_TAGS,
        "spec.tags",
        "tags must have at most 40 entries, because AWS takes 50 on a deployment and the operator adds its own: remove some",
    );
    for (key, value) in tags {
        let field = || format!("spec.tags[{}]", shown(key));
        let length = key.chars().count();
        problems.unless((1..=rules::MAX_TAG_KEY).contains(&length) && is_tag_text(key), field(), rules::TAG_KEY);
        let reserved = key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
        problems.unless(!reserved, field(), rules::TAG_KEY_AWS);
        problems.unless(!key.starts_with("greengrass-operator.dev/"), field(), rules::TAG_KEY_OWN);
        let fits = value.chars().count() <= rules::MAX_TAG_VALUE && is_tag_text(value);
        problems.unless(fits, field(), rules::TAG_VALUE);
    }
}

/// What AWS takes in tags: letters, numbers, separators and a few signs. A little wider than AWS's `\p{L}\p{N}\p{Z}`, for
/// vowel signs of some scripts count as alphabetic; those AWS refuses itself.
fn is_tag_text(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c))
}

/// A key of the user's as a message shows it: whole, if it isn't endless.
fn shown(key: &str) -> String {
    if key.chars().count() <= 128 { key.to_owned() } else { key.chars().take(128).chain(['…']).collect() }
}
