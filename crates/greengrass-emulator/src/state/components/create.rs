//! `CreateComponentVersion` and `DeleteComponent`. Pure.

use std::sync::Arc;

use data_encoding::BASE64;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{Answer, Body, Input, Partition, ReadAt, operations::epoch_seconds, tags},
    ComponentKey, ComponentVersion,
};
use crate::{component::Recipe, error::ServiceError, operation::Operation, scope::Scope, switches::Switches};

/// The ARN of the component version that a request would create.
pub(crate) fn arn_of_request(scope: &Scope, parameters: &Value) -> Option<String> {
    let recipe = parameters.get("inlineRecipe")?.as_str()?;
    let Recipe { name, version, .. } = Recipe::parse(&BASE64.decode(recipe.as_bytes()).ok()?).ok()?;
    Some(ComponentKey { name, version }.arn(scope))
}

fn recipe_of(input: &Input) -> Result<Recipe, ServiceError> {
    // "You must specify either inlineRecipe or lambdaFunction": the model's text.
    let has_function = !input.get("lambdaFunction").is_null();
    match input.text("inlineRecipe") {
        Some(_) if has_function => {
            Err(ServiceError::field("lambdaFunction", "must not be given together with inlineRecipe"))
        }
        Some(recipe) => {
            let recipe = Recipe::parse(&BASE64.decode(recipe.as_bytes()).unwrap_or_default());
            recipe.map_err(|error| ServiceError::field("inlineRecipe", error.to_string()))
        }
        None if has_function => Err(ServiceError::field(
            "lambdaFunction",
            "is not emulated: greengrass-emulator makes components from an inlineRecipe only",
        )),
        None => Err(ServiceError::field("inlineRecipe", "is required without lambdaFunction")),
    }
}

impl Partition {
    pub(in crate::state) fn create_component_version(
        &mut self,
        input: &Input,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let operation = Operation::CreateComponentVersion;
        let make = |partition: &mut Self| partition.create_component_version_now(input, now);
        let answer = self.once(operation, input, switches, now, make)?;
        Ok(Answer { status: 201, body: Body::Json(answer) })
    }

    fn create_component_version_now(&mut self, input: &Input, now: Timestamp) -> Result<Value, ServiceError> {
        let recipe = recipe_of(input)?;
        let tags = tags::from_input(input.get("tags"));
        tags::check(&tags)?;
        let key = ComponentKey { name: Arc::clone(&recipe.name), version: recipe.version.clone() };
        let arn = key.arn(&self.scope);
        if self.components.versions.get(&key, ReadAt::Now).is_some() {
            // The service's words for a request with tags: https://github.com/aws-greengrass/aws-greengrass-testing/issues/207
            let with_tags = if tags.is_empty() { "" } else { " and can't be created again with tags" };
            return Err(ServiceError::Conflict {
                message: format!(
                    "Component [{} : {}] for account [{}] already exists{with_tags}.",
                    key.name, key.version, self.scope.account
                ),
                resource_id: arn,
                resource_type: "component",
            });
        }
        let answer = json!({
            "arn": arn,
            "componentName": &*key.name,
            "componentVersion": key.version.to_string(),
            "creationTimestamp": epoch_seconds(now),
            // As in the AWS CLI's example.
            "status": {"componentState": "REQUESTED", "message": "NONE", "errors": {}},
        });
        self.components.names.entry(Arc::clone(&key.name)).or_default().insert(key.version.clone());
        let version = ComponentVersion { recipe: Arc::new(recipe), tags, created: now, told: None };
        self.components.versions.write(&key, Some(version), now);
        Ok(answer)
    }

    /// Devices that have it keep it.
    pub(in crate::state) fn delete_component(&mut self, input: &Input, now: Timestamp) -> Result<Answer, ServiceError> {
        let (key, _) = self.component_version(input, ReadAt::Now)?;
        self.components.versions.write(&key, None, now);
        Ok(Answer { status: 204, body: Body::Empty })
    }
}
