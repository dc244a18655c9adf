//! Thing groups and their members. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ThingGroup, Things, check_version, invalid, list, not_found, without_nulls};
use crate::{
    error::ServiceError,
    ids::{IdKind, Ids},
    scope::{Scope, Target},
    state::{Answer, Input, operations::epoch_seconds},
};

impl Things {
    pub(in crate::state) fn create_group(
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
            return Err(invalid(format!("parent thing group {parent} does not exist")));
        }
        if let Some(group) = self.groups.get(name) {
            if group.parent.as_deref() != parent || group.properties != *properties {
                return Err(ServiceError::AlreadyExists { resource_id: group.id.clone(), resource_arn: arn });
            }
            return Ok(Answer::ok(json!({"thingGroupName": name, "thingGroupArn": arn, "thingGroupId": group.id})));
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

    pub(in crate::state) fn describe_group(&self, scope: &Scope, input: &Input) -> Result<Answer, ServiceError> {
        let name = input.required("thingGroupName");
        let group = self.groups.get(name).ok_or_else(|| not_found("thing group", name))?;
        let mut roots = Vec::new();
        let mut above = group.parent.as_deref();
        while let Some(parent) = above {
            roots.insert(0, json!({"groupName": parent, "groupArn": scope.thing_group_arn(parent)}));
            above = self.groups.get(parent).and_then(|group| group.parent.as_deref());
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
                "creationDate": epoch_seconds(group.created),
            },
        }))))
    }

    /// Succeeds for a group that doesn't exist; one with child groups can't go.
    pub(in crate::state) fn delete_group(&mut self, input: &Input) -> Result<Answer, ServiceError> {
        check_version(input)?;
        let name = input.required("thingGroupName");
        if self.groups.values().any(|group| group.parent.as_deref() == Some(name)) {
            return Err(invalid(format!("thing group {name} has child groups")));
        }
        self.groups.remove(name);
        Ok(Answer::ok(json!({})))
    }

    pub(in crate::state) fn list_groups(&self, scope: &Scope, input: &Input) -> Result<Answer, ServiceError> {
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
            .filter(|(name, group)| name.starts_with(prefix) && (parent.is_none() || group.parent.as_deref() == parent))
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
                (Some(Target::Thing(found)), "thingName") | (Some(Target::ThingGroup(found)), "thingGroupName") => {
                    Some(found)
                }
                _ => None,
            };
            input.text(name).or(by_arn).ok_or_else(|| invalid(format!("{name} or {arn} is required")))
        };
        Ok((of("thingName", "thingArn")?, of("thingGroupName", "thingGroupArn")?))
    }

    pub(in crate::state) fn change_membership(
        &mut self,
        scope: &Scope,
        input: &Input,
        member: bool,
    ) -> Result<Answer, ServiceError> {
        let (thing, group_name) = Self::membership(scope, input)?;
        if !self.things.contains_key(thing) {
            return Err(not_found("thing", thing));
        }
        let group = self.groups.get_mut(group_name).ok_or_else(|| not_found("thing group", group_name))?;
        if member {
            group.members.insert(thing.to_owned());
        } else {
            group.members.remove(thing);
        }
        Ok(Answer::ok(json!({})))
    }

    pub(in crate::state) fn list_members(&self, input: &Input) -> Result<Answer, ServiceError> {
        let name = input.required("thingGroupName");
        let group = self.groups.get(name).ok_or_else(|| not_found("thing group", name))?;
        list(&format!("members {name}"), group.members.iter(), input, "things", |name| Value::from(name))
    }

    pub(in crate::state) fn list_groups_of(&self, scope: &Scope, input: &Input) -> Result<Answer, ServiceError> {
        let thing = input.required("thingName");
        if !self.things.contains_key(thing) {
            return Err(not_found("thing", thing));
        }
        let names = self.groups.iter().filter(|(_, group)| group.members.contains(thing)).map(|(name, _)| name);
        list(
            &format!("groups of {thing}"),
            names,
            input,
            "thingGroups",
            |name| json!({"groupName": name, "groupArn": scope.thing_group_arn(name)}),
        )
    }
}
