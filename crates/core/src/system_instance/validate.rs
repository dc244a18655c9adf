//! From a spec as written to a [`Desired`] that holds no wrong value, and what can be read of one that as a whole can't. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::content::{Content, Desired, effective_metrics};
use super::subject::IdInSpec;
use super::{Definition, SystemInstanceId};
use crate::api::rules::{self, system_instance as words};
use crate::api::{
    ConfigMapKeySelector, DefinitionReference, SystemInstanceDefinition, SystemInstanceDeletionPolicy,
    SystemInstanceSpec, SystemInstanceTarget,
};
use crate::deployment::references::{ConfigMapFound, References};
pub use crate::deployment::validate::{Invalid, Refused};
use crate::deployment::validate::{
    Needs, Problems, all_tags, check_identity, is_config_map_key, is_object_name, lenient, permitted, text_of,
};
use crate::identity::{IdentityReference, RoleArn};
use crate::names::ObjectName;

/// Checks the spec of the object with that name and resolves it.
pub fn validate(name: &ObjectName, spec: &SystemInstanceSpec, references: &References) -> Result<Desired, Refused> {
    // Named one by one: a new field must not be forgotten here.
    let SystemInstanceSpec {
        definition,
        target,
        greengrass_group_name,
        s3_bucket_name,
        flow_actions_role_arn,
        metrics_configuration,
        tags,
        deployed,
        identity_ref,
        deletion_policy,
        suspend,
    } = spec;
    let mut problems = Problems::default();
    let mut needs = Needs::default();
    problems.unless(name.name.chars().count() <= rules::MAX_NAME, "metadata.name", rules::NAME);
    let definition = check_definition(definition, references, &mut problems, &mut needs);
    match target {
        SystemInstanceTarget::Greengrass => {
            problems.unless(greengrass_group_name.is_some(), "spec.greengrassGroupName", words::GROUP_MISSING);
            problems.unless(s3_bucket_name.is_some(), "spec.s3BucketName", words::BUCKET_MISSING);
        }
        SystemInstanceTarget::Cloud => {
            problems.unless(flow_actions_role_arn.is_some(), "spec.flowActionsRoleArn", words::ROLE_MISSING);
        }
    }
    let group_fits = |name: &String| (1..=words::MAX_GROUP_NAME).contains(&name.chars().count());
    problems.unless(
        greengrass_group_name.as_ref().is_none_or(group_fits),
        "spec.greengrassGroupName",
        words::GROUP_WORDS,
    );
    problems.unless(s3_bucket_name.as_deref().is_none_or(is_bucket), "spec.s3BucketName", words::BUCKET_WORDS);
    let metric_role = metrics_configuration.as_ref().and_then(|metrics| metrics.metric_rule_role_arn.as_deref());
    for (role, field, message) in [
        (flow_actions_role_arn.as_deref(), "spec.flowActionsRoleArn", words::FLOW_ROLE),
        (metric_role, "spec.metricsConfiguration.metricRuleRoleArn", words::METRIC_ROLE),
    ] {
        problems.unless(role.is_none_or(|arn| RoleArn::parse(arn).is_some()), field, message);
    }
    check_identity(identity_ref.as_ref(), &mut problems);
    let tags = all_tags(tags.as_ref(), &references.identity, &mut problems);
    if !problems.0.is_empty() {
        return Err(Refused::Invalid(Invalid { problems: problems.0 }));
    }
    permitted(&references.identity, |grant| {
        match definition.as_ref().and_then(|definition| {
            let id = &definition.id;
            grant.refuses_arns([id.arn().as_str()], id.account())
        }) {
            Some(message) => Err(Refused::NotAllowed(message)),
            None => Ok(()),
        }
    })?;
    let Needs { unread, missing } = needs;
    match definition {
        Some(definition) => Ok(Desired {
            content: Content {
                definition,
                target: *target,
                group_name: greengrass_group_name.clone(),
                bucket_name: s3_bucket_name.clone(),
                flow_actions_role_arn: flow_actions_role_arn.clone(),
                metrics: effective_metrics(metrics_configuration.clone()),
            },
            tags,
            deployed: deployed.unwrap_or(true),
            deletion_policy: deletion_policy.unwrap_or_default(),
            suspend: suspend.unwrap_or_default(),
        }),
        None if unread => Err(Refused::Unread),
        None => Err(Refused::Missing(Invalid { problems: missing })),
    }
}

/// None: it is wrong, missing or unread, and said so.
fn check_definition(
    definition: &SystemInstanceDefinition,
    references: &References,
    problems: &mut Problems,
    needs: &mut Needs,
) -> Option<Definition> {
    let SystemInstanceDefinition { language: _, text, config_map_key_ref } = definition;
    let (field, text) = match (text, config_map_key_ref) {
        (Some(text), None) => ("spec.definition.text", text.as_str()),
        (None, Some(DefinitionReference { name, key })) => {
            let field = "spec.definition.configMapKeyRef";
            if !(is_object_name(name) && is_config_map_key(key)) {
                problems.add(field, REFERENCE);
                return None;
            }
            let selector = ConfigMapKeySelector { name: name.clone(), key: key.clone(), optional: None };
            (field, text_of(field, &selector, references, needs)?)
        }
        (Some(_), Some(_)) | (None, None) => {
            problems.add("spec.definition", words::DEFINITION);
            return None;
        }
    };
    if text.chars().count() > words::MAX_DEFINITION {
        problems.add(field, "definition must have at most 1048576 characters: shorten it");
        return None;
    }
    Definition::parse(text).map_err(|error| problems.add(field, error.to_string())).ok()
}

const REFERENCE: &str = "name must be that of a ConfigMap (lower-case letters, digits, hyphens and dots), and key one of its data (letters, digits, hyphens, dots and underscores), each of at most 253 characters";

fn is_bucket(name: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=words::MAX_BUCKET).contains(&name.len())
        && name.starts_with(is_end)
        && name.ends_with(is_end)
        && name.chars().all(|c| is_end(c) || c == '.' || c == '-')
}

/// The little of a spec that is needed even where the rest makes no sense: to let go of a deleted object, and to keep from writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lenient {
    /// The deletion policy, where it is one that this version knows.
    pub deletion_policy: Option<SystemInstanceDeletionPolicy>,
    /// The id, where the definition stands in the spec and can be read.
    pub id: Option<SystemInstanceId>,
    /// The `ConfigMap` that holds the definition.
    pub config_map: Option<String>,
    /// The key in it.
    pub key: Option<String>,
    /// The identity.
    pub identity: IdentityReference,
    /// The user's tags that are texts.
    pub tags: BTreeMap<String, String>,
    /// Whether nothing may be written: anything but an absent, null or false `suspend` counts as true.
    pub suspend: bool,
}

impl Lenient {
    /// The id, from the `ConfigMaps` as well.
    #[must_use]
    pub fn id_with(&self, config_maps: &BTreeMap<String, ConfigMapFound>) -> IdInSpec {
        if let Some(id) = &self.id {
            return IdInSpec::Known(id.clone());
        }
        let Some(name) = &self.config_map else { return IdInSpec::Unknown };
        match config_maps.get(name) {
            None => IdInSpec::Unread,
            Some(ConfigMapFound::Missing | ConfigMapFound::Denied(_)) => IdInSpec::Unknown,
            Some(ConfigMapFound::Data(data)) => self
                .key
                .as_ref()
                .and_then(|key| Definition::parse(data.get(key)?).ok())
                .map_or(IdInSpec::Unknown, |definition| IdInSpec::Known(definition.id)),
        }
    }
}

/// Reads what it can of a spec, given as the value of the object's `spec`.
#[must_use]
pub fn read_leniently(spec: &Value) -> Lenient {
    // What both kinds have under the same names.
    let shared = lenient(spec);
    let definition = spec.get("definition");
    let text = definition.and_then(|definition| definition.get("text")).and_then(Value::as_str);
    let reference = |field| definition?.pointer("/configMapKeyRef")?.get(field)?.as_str().map(str::to_owned);
    Lenient {
        deletion_policy: spec
            .get("deletionPolicy")
            .filter(|value| value.is_string())
            .and_then(|value| SystemInstanceDeletionPolicy::deserialize(value).ok()),
        id: text.and_then(|text| Definition::parse(text).ok()).map(|definition| definition.id),
        config_map: reference("name"),
        key: reference("key"),
        identity: shared.identity,
        tags: shared.tags,
        suspend: shared.suspend,
    }
}
