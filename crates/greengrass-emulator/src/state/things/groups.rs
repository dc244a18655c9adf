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
        let mut roots: Vec<Value> =
            self.above(name).map(|name| json!({"groupName": name, "groupArn": scope.thing_group_arn(name)})).collect();
        roots.reverse();
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

    /// The groups above a group, the nearest first. A parent exists before its children, so that no group is above itself.
    fn above<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let parent = |name: &str| self.groups.get(name)?.parent.as_deref();
        std::iter::successors(parent(name), move |name| parent(name))
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

    /// Only the direct children of a parent, or all below it when `recursive` says so:
    /// <https://docs.aws.amazon.com/iot/latest/developerguide/thing-groups.html>. Without a parent all groups, or those at the top when it is false.
    pub(in crate::state) fn list_groups(&self, scope: &Scope, input: &Input) -> Result<Answer, ServiceError> {
        let parent = input.text("parentGroup");
        let prefix = input.text("namePrefixFilter").unwrap_or_default();
        if let Some(parent) = parent
            && !self.groups.contains_key(parent)
        {
            return Err(not_found("thing group", parent));
        }
        let recursive = input.get("recursive").as_bool();
        let passes = |name: &str, group: &ThingGroup| match (parent, recursive) {
            (Some(parent), Some(true)) => self.above(name).any(|above| above == parent),
            (Some(_), _) => group.parent.as_deref() == parent,
            (None, Some(false)) => group.parent.is_none(),
            (None, _) => true,
        };
        let names = self
            .groups
            .iter()
            .filter(|(name, group)| name.starts_with(prefix) && passes(name, group))
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
        if !self.groups.contains_key(name) {
            return Err(not_found("thing group", name));
        }
        let recursive = input.get("recursive").as_bool() == Some(true);
        let passes = |group: &str| group == name || (recursive && self.above(group).any(|above| above == name));
        let groups = self.groups.iter().filter(|(group, _)| passes(group));
        let members: BTreeSet<&String> = groups.flat_map(|(_, group)| &group.members).collect();
        list(&format!("members {name}"), members.into_iter(), input, "things", |name| Value::from(name))
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
