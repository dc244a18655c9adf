//! CreateDeployment: what is checked beyond the model's constraints, and the answer. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Answer, Body, Input, Partition,
    deployments::{Content, Key, NewDeployment},
    document::{self, Document, Root},
    tags,
};
use crate::{
    error::ServiceError,
    ids::{IdKind, Ids},
    operation::Operation,
    scope::Target,
    switches::{Acceptance, BoundToOtherParent, MissingTarget, Switches, VersionRanges},
};

impl Partition {
    pub(super) fn create_deployment(
        &mut self,
        input: &Input,
        ids: &mut Ids,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let operation = Operation::CreateDeployment;
        let answer =
            self.once(operation, input, switches, now, |partition| partition.create_now(input, ids, switches, now))?;
        Ok(Answer { status: 201, body: Body::Json(answer) })
    }

    /// What a client token says, or what is made now.
    pub(super) fn once(
        &mut self,
        operation: Operation,
        input: &Input,
        switches: &Switches,
        now: Timestamp,
        make: impl FnOnce(&mut Self) -> Result<Value, ServiceError>,
    ) -> Result<Value, ServiceError> {
        let Some(token) = input.text("clientToken") else {
            return make(self);
        };
        let mut parameters = input.0.clone();
        parameters.remove("clientToken");
        let parameters = Value::Object(parameters);
        if let Some(answer) = self.tokens_of(operation).lookup(token, &parameters, switches, now)? {
            return Ok(answer);
        }
        let answer = make(self)?;
        self.tokens_of(operation).remember(token, &parameters, answer.clone(), now);
        Ok(answer)
    }

    fn create_now(
        &mut self,
        input: &Input,
        ids: &mut Ids,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Value, ServiceError> {
        check_components(input.get("components"), switches)?;
        let tags = tags::from_input(input.get("tags"));
        tags::check(&tags)?;
        let (key, is_thing_group) = self.key(input, switches)?;

        let id = ids.next(IdKind::Deployment).to_string();
        // A thing has no job: its deployment is a document in a named shadow.
        let job_id = is_thing_group.then(|| ids.next(IdKind::Job).to_string());
        let answer = json!({
            "deploymentId": id,
            "iotJobId": job_id,
            "iotJobArn": job_id.as_ref().map(|id| self.scope.job_arn(id)),
        });
        let name = input.text("deploymentName").map(ToOwned::to_owned);
        let document = self.document(&key, &id, name.clone(), job_id.as_deref(), input, now);
        let new = NewDeployment {
            id,
            job_id,
            key,
            name,
            content: Content {
                components: input.get("components").clone(),
                policies: input.get("deploymentPolicies").clone(),
                job_configuration: input.get("iotJobConfiguration").clone(),
            },
            tags,
        };
        let created = self.deployments.create(new, document, switches, now);
        for ended in created.ended {
            self.supersede(ended, now);
        }
        self.announce(created.number, switches, now);
        Ok(answer)
    }

    /// What devices are told, once the row has its number and revision.
    fn document(
        &self,
        key: &Key,
        id: &str,
        name: Option<String>,
        job_id: Option<&str>,
        input: &Input,
        now: Timestamp,
    ) -> impl FnOnce(u64, u64) -> Document + use<> {
        let root = match Target::of(&self.deployments.root_of(key)) {
            Some(Target::ThingGroup(group)) => Root::Group(Arc::from(group)),
            Some(Target::Thing(_)) | None => Root::Thing,
        };
        let components = document::components(input.get("components"));
        let rolls_back = document::rolls_back(input.get("deploymentPolicies"));
        let (scope, key, id) = (self.scope.clone(), key.clone(), id.to_owned());
        let job_id = job_id.map(Arc::from);
        move |number, revision| Document {
            number,
            configuration_arn: scope.configuration_arn(&key.target, revision),
            deployment_id: id,
            name,
            job_id,
            target_arn: key.target,
            root,
            is_subdeployment: key.parent.is_some(),
            created: now,
            components,
            rolls_back,
        }
    }

    /// The target and parent of a request, when the service would accept them.
    fn key(&self, input: &Input, switches: &Switches) -> Result<(Key, bool), ServiceError> {
        let target_arn = input.required("targetArn");
        let target = self.existing("targetArn", target_arn, switches)?;
        let parent_arn = input.text("parentTargetArn");
        let has_job_configuration = has_any_value(input.get("iotJobConfiguration"));
        if !target.is_thing_group() && has_job_configuration && switches.thing_job_configuration == Acceptance::Rejected
        {
            return Err(ServiceError::field(
                "iotJobConfiguration",
                "is for thing groups: the deployment of a thing is no job",
            ));
        }
        let key = Key { target: Arc::from(target_arn), parent: parent_arn.map(Arc::from) };
        let Some(parent_arn) = parent_arn else {
            return Ok((key, target.is_thing_group()));
        };
        if !target.is_thing_group() {
            return Err(ServiceError::field("targetArn", "must be a thing group in a subdeployment"));
        }
        if parent_arn == target_arn {
            return Err(ServiceError::field("parentTargetArn", "must not be the target itself"));
        }
        self.existing("parentTargetArn", parent_arn, switches)?;
        if switches.parent_without_deployment == Acceptance::Rejected && !self.deployments.has_deployment(parent_arn) {
            return Err(ServiceError::field("parentTargetArn", "has no deployment"));
        }
        if let Some(bound) = self.deployments.bound_elsewhere(&key) {
            let message =
                format!("{target_arn} is used for subdeployments of {bound} and can't be used with {parent_arn}.");
            return Err(match switches.bound_to_other_parent {
                BoundToOtherParent::Conflict => {
                    ServiceError::Conflict { message, resource_id: target_arn.to_owned(), resource_type: "thinggroup" }
                }
                BoundToOtherParent::Validation => ServiceError::field("parentTargetArn", message),
            });
        }
        Ok((key, true))
    }

    /// The thing or group of an ARN, which must exist in this account and region.
    fn existing<'a>(&self, field: &str, arn: &'a str, switches: &Switches) -> Result<Target<'a>, ServiceError> {
        let named = Target::of(arn).ok_or_else(|| ServiceError::field(field, "is no ARN of a thing or thing group"))?;
        let resource_type = match named {
            Target::Thing(_) => "thing",
            Target::ThingGroup(_) => "thinggroup",
        };
        Target::within(&self.scope, arn).filter(|target| self.things.exists(*target)).ok_or_else(|| {
            match switches.missing_target {
                MissingTarget::ResourceNotFound => {
                    ServiceError::ResourceNotFound { resource_id: arn.to_owned(), resource_type }
                }
                MissingTarget::Validation => {
                    ServiceError::field(field, format!("names a {resource_type} that does not exist"))
                }
            }
        })
    }
}

/// Whether anything is set: the nulls of unset members and empty structures are nothing.
fn has_any_value(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Object(members) => members.values().any(has_any_value),
        _ => true,
    }
}

fn check_components(components: &Value, switches: &Switches) -> Result<(), ServiceError> {
    let mut errors = Vec::new();
    let mut wrong = |name: String, message: String| errors.push(crate::error::FieldError { name, message });
    for (name, component) in components.as_object().into_iter().flatten() {
        let version = component.get("componentVersion").and_then(Value::as_str).unwrap_or_default();
        // Devices read it as an exact version (aws-greengrass-component-common, ComponentUpdate).
        if switches.version_ranges == VersionRanges::Rejected && semver::Version::parse(version).is_err() {
            wrong(format!("components.{name}.componentVersion"), format!("{version:?} is no exact version"));
        }
        let merge = component.pointer("/configurationUpdate/merge").and_then(Value::as_str);
        if let Some(merge) = merge
            && let Err(problem) = object_in(merge)
        {
            wrong(format!("components.{name}.configurationUpdate.merge"), problem);
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ServiceError::fields(errors)) }
}

/// "A serialized JSON string that contains the configuration object to merge": the model's text on `merge`.
fn object_in(merge: &str) -> Result<(), String> {
    match serde_json::from_str(merge) {
        Ok(Value::Object(_)) => Ok(()),
        Ok(_) => Err("must be a JSON object".to_owned()),
        Err(error) => Err(format!("must be a JSON object: {error}")),
    }
}
