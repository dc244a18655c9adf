//! Things, thing groups and who is in which, as `IoT` Core's registry keeps them. Pure.

mod groups;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Answer, Input, paging::Paging};
use crate::{
    error::{IotErrorCode, ServiceError},
    ids::{IdKind, Ids},
    scope::{Scope, Target},
};

/// How many items a page of the registry has when the request doesn't say. The model has no default; this one is small enough to be noticed.
pub(super) const PAGE_SIZE: usize = 25;

#[derive(Debug, Default)]
pub(crate) struct Things {
    things: BTreeMap<Arc<str>, Thing>,
    groups: BTreeMap<Arc<str>, ThingGroup>,
}

#[derive(Debug)]
struct Thing {
    id: String,
    type_name: Value,
    billing_group: Value,
    attributes: Value,
    /// The groups that it is in, those above them not counted.
    groups: BTreeSet<Arc<str>>,
}

#[derive(Debug)]
struct ThingGroup {
    id: String,
    parent: Option<Arc<str>>,
    children: BTreeSet<Arc<str>>,
    properties: Value,
    created: Timestamp,
    members: BTreeSet<Arc<str>>,
}

pub(super) fn not_found(what: &str, name: &str) -> ServiceError {
    ServiceError::iot(IotErrorCode::ResourceNotFound, format!("{what} {name} does not exist"))
}

pub(super) fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::iot(IotErrorCode::InvalidRequest, message)
}

/// Nothing here changes a version after creation.
fn check_version(input: &Input) -> Result<(), ServiceError> {
    match input.get("expectedVersion").as_i64() {
        None | Some(1) => Ok(()),
        Some(other) => Err(ServiceError::iot(IotErrorCode::VersionConflict, format!("the version is 1, not {other}"))),
    }
}

/// Unset members are left out of the answers of `IoT` Core.
pub(super) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

fn list<'a>(
    kind: &str,
    items: impl Iterator<Item = &'a Arc<str>>,
    input: &Input,
    member: &str,
    show: impl Fn(&str) -> Value,
) -> Result<Answer, ServiceError> {
    let page = Paging::of(&[kind]).page(
        items,
        input.page_size(PAGE_SIZE),
        input.text("nextToken"),
        ToString::to_string,
        |name, after| ***name > *after,
    );
    let (page, next) = page.map_err(|_| invalid("invalid nextToken"))?;
    let page: Vec<Value> = page.into_iter().map(|name| show(name)).collect();
    Ok(Answer::ok(without_nulls(json!({member: page, "nextToken": next}))))
}

impl Things {
    pub(crate) fn exists(&self, target: Target<'_>) -> bool {
        match target {
            Target::Thing(name) => self.things.contains_key(name),
            Target::ThingGroup(name) => self.groups.contains_key(name),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.things.len()
    }

    pub(crate) fn count_groups(&self) -> usize {
        self.groups.len()
    }

    /// Names of all things.
    pub(crate) fn thing_names(&self) -> Vec<&str> {
        self.things.keys().map(AsRef::as_ref).collect()
    }

    pub(crate) fn groups_with_members(&self) -> BTreeMap<&str, Vec<&str>> {
        let members = self.groups.iter().map(|(name, group)| (name.as_ref(), group.members.iter().map(AsRef::as_ref)));
        members.map(|(name, members)| (name, members.collect())).collect()
    }

    /// The same call again succeeds, one with another configuration doesn't: the documentation of `CreateThing`.
    pub(super) fn create_thing(&mut self, scope: &Scope, input: &Input, ids: &mut Ids) -> Result<Answer, ServiceError> {
        let name = input.required("thingName");
        let arn = scope.thing_arn(name);
        let attributes = match input.get("attributePayload").get("attributes") {
            None | Some(Value::Null) => json!({}),
            Some(attributes) => attributes.clone(),
        };
        if let Some(thing) = self.things.get(name) {
            let same = thing.type_name == *input.get("thingTypeName")
                && thing.billing_group == *input.get("billingGroupName")
                && thing.attributes == attributes;
            if !same {
                return Err(ServiceError::AlreadyExists { resource_id: thing.id.clone(), resource_arn: arn });
            }
            return Ok(Answer::ok(json!({"thingName": name, "thingArn": arn, "thingId": thing.id})));
        }
        let id = ids.next(IdKind::Thing).to_string();
        let answer = json!({"thingName": name, "thingArn": arn, "thingId": id});
        let thing = Thing {
            id,
            type_name: input.get("thingTypeName").clone(),
            billing_group: input.get("billingGroupName").clone(),
            attributes,
            groups: BTreeSet::new(),
        };
        self.things.insert(Arc::from(name), thing);
        Ok(Answer::ok(answer))
    }

    pub(super) fn describe_thing(&self, scope: &Scope, input: &Input) -> Result<Answer, ServiceError> {
        let name = input.required("thingName");
        let thing = self.things.get(name).ok_or_else(|| not_found("thing", name))?;
        Ok(Answer::ok(without_nulls(json!({
            "defaultClientId": name,
            "thingName": name,
            "thingId": thing.id,
            "thingArn": scope.thing_arn(name),
            "thingTypeName": thing.type_name,
            "billingGroupName": thing.billing_group,
            "attributes": thing.attributes,
            "version": 1,
        }))))
    }

    /// Takes a thing out of the registry, and says which groups it was in. Nothing when there is no such thing: `DeleteThing` succeeds then too.
    pub(super) fn delete_thing(&mut self, input: &Input) -> Result<BTreeSet<Arc<str>>, ServiceError> {
        check_version(input)?;
        let name = input.required("thingName");
        let groups = self.things.remove(name).map(|thing| thing.groups).unwrap_or_default();
        for group in &groups {
            if let Some(group) = self.groups.get_mut(group) {
                group.members.remove(name);
            }
        }
        Ok(groups)
    }

    pub(super) fn list_things(&self, scope: &Scope, input: &Input) -> Result<Answer, ServiceError> {
        let attribute = input.text("attributeName");
        let value = input.text("attributeValue");
        let type_name = input.text("thingTypeName");
        let is_prefix = input.get("usePrefixAttributeValue").as_bool() == Some(true);
        let fits = |found: &str| value.is_none_or(|value| found == value || (is_prefix && found.starts_with(value)));
        let passes = |thing: &Thing| {
            attribute.is_none_or(|name| thing.attributes.get(name).and_then(Value::as_str).is_some_and(fits))
                && (type_name.is_none() || thing.type_name.as_str() == type_name)
        };
        let names = self.things.iter().filter(|(_, thing)| passes(thing)).map(|(name, _)| name);
        list("things", names, input, "things", |name| {
            let thing = self.things.get(name);
            json!({
                "thingName": name,
                "thingArn": scope.thing_arn(name),
                "thingTypeName": thing.map(|thing| &thing.type_name),
                "attributes": thing.map(|thing| &thing.attributes),
                "version": 1,
            })
        })
    }
}
