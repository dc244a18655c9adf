//! What calls show of components, and which versions a device would get. Pure.

use std::{collections::BTreeMap, sync::Arc};

use data_encoding::BASE64;
use jiff::Timestamp;
use semver::Version;
use serde_json::{Value, json};

use super::{
    super::{Answer, Input, Partition, ReadAt, operations::PAGE_SIZE, operations::epoch_seconds, paging::Paging},
    ComponentKey, ComponentVersion, all_allow,
};
use crate::{
    component::{ComponentState, Platform, RecipeFormat, Requirement},
    error::ServiceError,
    switches::Switches,
};

fn not_found<T>(resource_id: &str) -> Result<T, ServiceError> {
    Err(ServiceError::ResourceNotFound { resource_id: resource_id.to_owned(), resource_type: "component" })
}

/// The name is left out when the recipe has none, as in the AWS CLI's examples.
fn shown_platforms(version: &ComponentVersion) -> Value {
    let shown = |Platform { name, attributes }: &Platform| match name {
        Some(name) => json!({"name": name, "attributes": attributes}),
        None => json!({"attributes": attributes}),
    };
    version.recipe.platforms.iter().map(shown).collect()
}

/// The model wants at least one tag, or none at all.
fn shown_tags(version: &ComponentVersion) -> Value {
    if version.tags.is_empty() { Value::Null } else { json!(version.tags) }
}

/// The model's `VendorGuidance`: what its publisher says of a version that can be had.
const fn guidance(state: ComponentState) -> Option<&'static str> {
    match state {
        ComponentState::Deployable => Some("ACTIVE"),
        ComponentState::Deprecated => Some("DISCONTINUED"),
        ComponentState::Requested | ComponentState::Initiated | ComponentState::Failed => None,
    }
}

impl ComponentVersion {
    /// The model's `CloudComponentStatus`.
    fn status(&self, now: Timestamp, switches: &Switches) -> Value {
        let state = self.state(now, switches);
        let errors = self.errors();
        let message = if errors.is_empty() { "NONE".to_owned() } else { format!("{} artifacts failed", errors.len()) };
        json!({"componentState": state, "message": message, "errors": errors, "vendorGuidance": guidance(state)})
    }
}

impl Partition {
    /// The component version that a request names, as a read sees it.
    pub(super) fn component_version(
        &self,
        input: &Input,
        read_at: ReadAt,
    ) -> Result<(ComponentKey, &Arc<ComponentVersion>), ServiceError> {
        let arn = input.required("arn");
        let found = ComponentKey::within(&self.scope, arn).and_then(|key| {
            let version = self.components.versions.get(&key, read_at)?;
            Some((key, version))
        });
        found.map_or_else(|| not_found(arn), Ok)
    }

    pub(in crate::state) fn describe_component(
        &self,
        input: &Input,
        read_at: ReadAt,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let (key, version) = self.component_version(input, read_at)?;
        Ok(Answer::ok(json!({
            "arn": key.arn(&self.scope),
            "componentName": &*key.name,
            "componentVersion": key.version.to_string(),
            "creationTimestamp": epoch_seconds(version.created),
            "publisher": version.recipe.publisher,
            "description": version.recipe.description,
            "status": version.status(now, switches),
            "platforms": shown_platforms(version),
            "tags": shown_tags(version),
        })))
    }

    pub(in crate::state) fn get_component(&self, input: &Input, read_at: ReadAt) -> Result<Answer, ServiceError> {
        let (_, version) = self.component_version(input, read_at)?;
        let recipe = &version.recipe;
        let format = match input.text("recipeOutputFormat") {
            Some("JSON") => RecipeFormat::Json,
            Some(_) => RecipeFormat::Yaml,
            None => recipe.format(),
        };
        let name = match format {
            RecipeFormat::Json => "JSON",
            RecipeFormat::Yaml => "YAML",
        };
        Ok(Answer::ok(json!({
            "recipeOutputFormat": name,
            "recipe": BASE64.encode(recipe.in_format(format).as_bytes()),
            "tags": shown_tags(version),
        })))
    }

    pub(in crate::state) fn list_components(&self, input: &Input, read_at: ReadAt) -> Result<Answer, ServiceError> {
        let scope = input.text("scope").unwrap_or("PRIVATE");
        let names = self.components.names.keys().filter(|_| scope == "PRIVATE");
        let newest = names.filter_map(|name| {
            let (version, found) = self.components.versions_of(name, read_at).next()?;
            Some((name, version, found))
        });
        let page = Paging::of(&["components", scope]).page(
            newest,
            input.page_size(PAGE_SIZE),
            input.text("nextToken"),
            |(name, ..)| name.to_string(),
            |(name, ..), after| &***name > after,
        );
        let (page, next) = page.map_err(|_| ServiceError::field("nextToken", "is not a token of this list"))?;
        let shown = |(name, version, found): (&Arc<str>, &Version, &Arc<ComponentVersion>)| {
            let version = version.to_string();
            json!({
                "arn": self.scope.component_arn(name),
                "componentName": &**name,
                "latestVersion": {
                    "arn": self.scope.component_version_arn(name, &version),
                    "componentVersion": version,
                    "creationTimestamp": epoch_seconds(found.created),
                    "description": found.recipe.description.as_ref().filter(|text| !text.is_empty()),
                    "publisher": found.recipe.publisher.as_ref().filter(|text| !text.is_empty()),
                    "platforms": shown_platforms(found),
                },
            })
        };
        let page: Vec<Value> = page.into_iter().map(shown).collect();
        Ok(Answer::ok(json!({"components": page, "nextToken": next})))
    }

    pub(in crate::state) fn list_component_versions(
        &self,
        input: &Input,
        read_at: ReadAt,
    ) -> Result<Answer, ServiceError> {
        let arn = input.required("arn");
        let name = arn.strip_prefix(&self.scope.component_arn("")).unwrap_or_default();
        let mut versions = self.components.versions_of(name, read_at).peekable();
        if versions.peek().is_none() {
            return not_found(arn);
        }
        let page = Paging::of(&["component versions", name]).page(
            versions,
            input.page_size(PAGE_SIZE),
            input.text("nextToken"),
            |(version, _)| version.to_string(),
            |(version, _), after| Version::parse(after).is_ok_and(|after| **version < after),
        );
        let (page, next) = page.map_err(|_| ServiceError::field("nextToken", "is not a token of this list"))?;
        let shown = |(version, _): (&Version, &Arc<ComponentVersion>)| {
            let version = version.to_string();
            let arn = self.scope.component_version_arn(name, &version);
            json!({"componentName": name, "componentVersion": version, "arn": arn})
        };
        let page: Vec<Value> = page.into_iter().map(shown).collect();
        Ok(Answer::ok(json!({"componentVersions": page, "nextToken": next})))
    }

    /// Each candidate for itself, as the nucleus asks: it goes through the dependencies one by one (aws-greengrass-nucleus, `DependencyResolver`).
    pub(in crate::state) fn resolve_component_candidates(
        &self,
        input: &Input,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let strings = |value: &Value| -> BTreeMap<String, String> {
            let members = value.as_object().into_iter().flatten();
            members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
        };
        let device = input.get("platform").get("attributes").filter(|attributes| attributes.is_object()).map(strings);
        let candidates = input.get("componentCandidates").as_array().map(Vec::as_slice).unwrap_or_default();
        let mut resolved = Vec::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let field = |name: &str| format!("componentCandidates.{index}.{name}");
            let text = |name: &str| candidate.get(name).and_then(Value::as_str);
            let local = text("componentVersion").map(Version::parse).transpose();
            let local = local.map_err(|error| ServiceError::field(&field("componentVersion"), error.to_string()))?;
            // The model doesn't require a name, and nothing has none.
            let name = text("componentName").filter(|name| self.components.knows(name));
            let Some(name) = name else {
                return not_found(text("componentName").unwrap_or_default());
            };
            let requirements = strings(candidate.get("versionRequirements").unwrap_or(&Value::Null));
            let requirements: Result<Vec<Requirement>, _> =
                requirements.values().map(|text| Requirement::parse(text)).collect();
            let requirements =
                requirements.map_err(|error| ServiceError::field(&field("versionRequirements"), error.to_string()))?;
            let allows = |version: &Version| all_allow(&requirements, version);
            let Ok(found) = self.components.best(name, local.as_ref(), device.as_ref(), allows, now, switches) else {
                return not_found(name);
            };
            let version = found.recipe.version.to_string();
            resolved.push(json!({
                "arn": self.scope.component_version_arn(name, &version),
                "componentName": name,
                "componentVersion": version,
                "recipe": BASE64.encode(found.recipe.text().as_bytes()),
                "vendorGuidance": guidance(found.state(now, switches)),
            }));
        }
        Ok(Answer::ok(json!({"resolvedComponentVersions": resolved})))
    }
}
