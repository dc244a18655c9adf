//! Things, thing groups and who is in which, as `IoT` Core's registry keeps them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Answer, Input, paging::Paging};
use crate::{
    error::{IotErrorCode, ServiceError},
    ids::{IdKind, Ids},
    scope::{Scope, Target},
};

/// How many items a page of the registry has when the request doesn't say. The model has no default; this one is small enough to be noticed.
const PAGE_SIZE: usize = 25;

#[derive(Debug, Default)]
pub(crate) struct Things {
    things: BTreeMap<String, Thing>,
    groups: BTreeMap<String, ThingGroup>,
}

#[derive(Debug)]
struct Thing {
    id: String,
    type_name: Value,
    billing_group: Value,
    attributes: Value,
}

#[derive(Debug)]
struct ThingGroup {
    id: String,
    parent: Option<String>,
    properties: Value,
    created: Timestamp,
    members: BTreeSet<String>,
}

fn not_found(what: &str, name: &str) -> ServiceError {
    ServiceError::iot(
        IotErrorCode::ResourceNotFound,
        format!("{what} {name} does not exist"),
    )
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::iot(IotErrorCode::InvalidRequest, message)
}

/// Nothing here changes a version after creation.
fn check_version(input: &Input) -> Result<(), ServiceError> {
    match input.get("expectedVersion").as_i64() {
        None | Some(1) => Ok(()),
        Some(other) => Err(ServiceError::iot(
            IotErrorCode::VersionConflict,
            format!("the version is 1, not {other}"),
        )),
    }
}

/// Unset members are left out of the answers of `IoT` Core.
fn without_nulls(value: Value) -> Value {
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
    items: impl Iterator<Item = &'a String>,
    input: &Input,
    member: &str,
    show: impl Fn(&str) -> Value,
) -> Result<Answer, ServiceError> {
    let page = Paging::of(&[kind]).page(
        items,
        input.page_size(PAGE_SIZE),
        input.text("nextToken"),
        |name| (*name).clone(),
        |name, after| name.as_str() > after,
    );
    let (page, next) = page.map_err(|_| invalid("invalid nextToken"))?;
    let page: Vec<Value> = page.into_iter().map(|name| show(name)).collect();
    Ok(Answer::ok(without_nulls(
        json!({member: page, "nextToken": next}),
    )))
}

impl Things {
    pub(crate) fn exists(&self, target: Target<'_>) -> bool {
        match target {
            Target::Thing(name) => self.things.contains_key(name),
            Target::ThingGroup(name) => self.groups.contains_key(name),
        }
    }

    pub(crate) fn thing_names(&self) -> Vec<&String> {
        self.things.keys().collect()
    }

    pub(crate) fn groups_with_members(&self) -> BTreeMap<&String, &BTreeSet<String>> {
        self.groups
            .iter()
            .map(|(name, group)| (name, &group.members))
            .collect()
    }

    /// The same call again succeeds, one with another configuration doesn't: the documentation of `CreateThing`.
    pub(super) fn create_thing(
        &mut self,
        scope: &Scope,
        input: &Input,
        ids: &mut Ids,
    ) -> Result<Answer, ServiceError> {
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
                return Err(ServiceError::AlreadyExists {
                    resource_id: thing.id.clone(),
                    resource_arn: arn,
                });
            }
            return Ok(Answer::ok(
                json!({"thingName": name, "thingArn": arn, "thingId": thing.id}),
            ));
        }
        let id = ids.next(IdKind::Thing).to_string();
        let answer = json!({"thingName": name, "thingArn": arn, "thingId": id});
        let thing = Thing {
            id,
            type_name: input.get("thingTypeName").clone(),
            billing_group: input.get("billingGroupName").clone(),
            attributes,
        };
        self.things.insert(name.to_owned(), thing);
        Ok(Answer::ok(answer))
    }

    pub(super) fn describe_thing(
        &self,
        scope: &Scope,
        input: &Input,
    ) -> Result<Answer, ServiceError> {
        let name = input.required("thingName");
        let thing = self
            .things
            .get(name)
            .ok_or_else(|| not_found("thing", name))?;
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

    /// Succeeds for a thing that doesn't exist, as the documentation of `DeleteThing` says.
    pub(super) fn delete_thing(&mut self, input: &Input) -> Result<Answer, ServiceError> {
        check_version(input)?;
        let name = input.required("thingName");
        self.things.remove(name);
        for group in self.groups.values_mut() {
            group.members.remove(name);
        }
        Ok(Answer::ok(json!({})))
    }

    pub(super) fn list_things(&self, scope: &Scope, input: &Input) -> Result<Answer, ServiceError> {
        let attribute = input.text("attributeName");
        let value = input.text("attributeValue");
        let type_name = input.text("thingTypeName");
        let passes = |thing: &Thing| {
            let found = attribute.and_then(|name| thing.attributes.get(name)?.as_str());
            (attribute.is_none() || found.is_some())
                && (attribute.is_none() || value.is_none() || found == value)
                && (type_name.is_none() || thing.type_name.as_str() == type_name)
        };
        let names = self
            .things
            .iter()
            .filter(|(_, thing)| passes(thing))
            .map(|(name, _)| name);
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

    pub(super) fn create_group(
        &mut self,
        scope: &Scope,
        input: &Input,
        ids: &mut Ids,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let name = input.required("thingGroupName");
        let arn = scope.thing_group_arn(name);
        let parent = input.text("parentGroupName");
        let properties = input.get("thingGroupProperties");
        if let Some(parent) = parent
            && !self.groups.contains_key(parent)
        {
            return Err(invalid(format!(
                "parent thing group {parent} does not exist"
            )));
        }
        if let Some(group) = self.groups.get(name) {
            if group.parent.as_deref() != parent || group.properties != *properties {
                return Err(ServiceError::AlreadyExists {
                    resource_id: group.id.clone(),
                    resource_arn: arn,
                });
            }
            return Ok(Answer::ok(
                json!({"thingGroupName": name, "thingGroupArn": arn, "thingGroupId": group.id}),
            ));
        }
        let id = ids.next(IdKind::ThingGroup).to_string();
        let answer = json!({"thingGroupName": name, "thingGroupArn": arn, "thingGroupId": id});
        let group = ThingGroup {
            id,
            parent: parent.map(ToOwned::to_owned),
            properties: properties.clone(),
            created: now,
            members: BTreeSet::new(),
        };
        self.groups.insert(name.to_owned(), group);
        Ok(Answer::ok(answer))
    }

    pub(super) fn describe_group(
        &self,
        scope: &Scope,
        input: &Input,
    ) -> Result<Answer, ServiceError> {
        let name = input.required("thingGroupName");
        let group = self
            .groups
            .get(name)
            .ok_or_else(|| not_found("thing group", name))?;
        let mut roots = Vec::new();
        let mut above = group.parent.as_deref();
        while let Some(parent) = above {
            roots.insert(
                0,
                json!({"groupName": parent, "groupArn": scope.thing_group_arn(parent)}),
            );
            above = self
                .groups
                .get(parent)
                .and_then(|group| group.parent.as_deref());
        }
        Ok(Answer::ok(without_nulls(json!({
            "thingGroupName": name,
            "thingGroupId": group.id,
            "thingGroupArn": scope.thing_group_arn(name),
            "version": 1,
            "thingGroupProperties": group.properties,
            "thingGroupMetadata": {
                "parentGroupName": group.parent,
                "rootToParentThingGroups": roots,
                "creationDate": super::operations::epoch_seconds(group.created),
            },
        }))))
    }

    /// Succeeds for a group that doesn't exist; one with child groups can't go.
    pub(super) fn delete_group(&mut self, input: &Input) -> Result<Answer, ServiceError> {
        check_version(input)?;
        let name = input.required("thingGroupName");
        if self
            .groups
            .values()
            .any(|group| group.parent.as_deref() == Some(name))
        {
            return Err(invalid(format!("thing group {name} has child groups")));
        }
        self.groups.remove(name);
        Ok(Answer::ok(json!({})))
    }

    pub(super) fn list_groups(&self, scope: &Scope, input: &Input) -> Result<Answer, ServiceError> {
        let parent = input.text("parentGroup");
        let prefix = input.text("namePrefixFilter").unwrap_or_default();
        if let Some(parent) = parent
            && !self.groups.contains_key(parent)
        {
            return Err(not_found("thing group", parent));
        }
        let names = self
            .groups
            .iter()
            .filter(|(name, group)| {
                name.starts_with(prefix) && (parent.is_none() || group.parent.as_deref() == parent)
            })
            .map(|(name, _)| name);
        list(
            "groups",
            names,
            input,
            "thingGroups",
            |name| json!({"groupName": name, "groupArn": scope.thing_group_arn(name)}),
        )
    }

    /// The thing and the group of a membership request, each named or given by ARN.
    fn membership<'a>(scope: &Scope, input: &'a Input) -> Result<(&'a str, &'a str), ServiceError> {
        let of = |name: &str, arn: &str| {
            let by_arn = input.text(arn).and_then(|arn| Target::within(scope, arn));
            let by_arn = match (by_arn, name) {
                (Some(Target::Thing(found)), "thingName")
                | (Some(Target::ThingGroup(found)), "thingGroupName") => Some(found),
                _ => None,
            };
            input
                .text(name)
                .or(by_arn)
                .ok_or_else(|| invalid(format!("{name} or {arn} is required")))
        };
        Ok((
            of("thingName", "thingArn")?,
            of("thingGroupName", "thingGroupArn")?,
        ))
    }

    pub(super) fn change_membership(
        &mut self,
        scope: &Scope,
        input: &Input,
        member: bool,
    ) -> Result<Answer, ServiceError> {
        let (thing, group_name) = Self::membership(scope, input)?;
        if !self.things.contains_key(thing) {
            return Err(not_found("thing", thing));
        }
        let group = self
            .groups
            .get_mut(group_name)
            .ok_or_else(|| not_found("thing group", group_name))?;
        if member {
            group.members.insert(thing.to_owned());
        } else {
            group.members.remove(thing);
        }
        Ok(Answer::ok(json!({})))
    }

    pub(super) fn list_members(&self, input: &Input) -> Result<Answer, ServiceError> {
        let name = input.required("thingGroupName");
        let group = self
            .groups
            .get(name)
            .ok_or_else(|| not_found("thing group", name))?;
        list(
            &format!("members {name}"),
            group.members.iter(),
            input,
            "things",
            |name| Value::from(name),
        )
    }

    pub(super) fn list_groups_of(
        &self,
        scope: &Scope,
        input: &Input,
    ) -> Result<Answer, ServiceError> {
        let thing = input.required("thingName");
        if !self.things.contains_key(thing) {
            return Err(not_found("thing", thing));
        }
        let names = self
            .groups
            .iter()
            .filter(|(_, group)| group.members.contains(thing))
            .map(|(name, _)| name);
        list(
            &format!("groups of {thing}"),
            names,
            input,
            "thingGroups",
            |name| json!({"groupName": name, "groupArn": scope.thing_group_arn(name)}),
        )
    }
}
