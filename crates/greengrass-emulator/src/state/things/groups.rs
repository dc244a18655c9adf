//! Thing groups and their members. Pure.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Thing, ThingGroup, Things, check_version, invalid, list, not_found, without_nulls};
use crate::{
    error::ServiceError,
    ids::{IdKind, Ids},
    scope::{Scope, Target},
    state::{Answer, Input, operations::epoch_seconds},
};

/// A thing and a thing group, by their names.
pub(in crate::state) type Membership = (Arc<str>, Arc<str>);

/// The groups that a thing can be in directly.
const MOST_GROUPS: usize = 10;

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
            parent: parent.map(Arc::from),
            children: BTreeSet::new(),
            properties: properties.clone(),
            created: now,
            members: BTreeSet::new(),
        };
        let name: Arc<str> = Arc::from(name);
        if let Some(parent) = parent.and_then(|parent| self.groups.get_mut(parent)) {
            parent.children.insert(Arc::clone(&name));
        }
        self.groups.insert(name, group);
        Ok(Answer::ok(answer))
    }

    pub(in crate::state) fn describe_group(&self, scope: &Scope, input: &Input) -> Result<Answer, ServiceError> {
        let name = input.required("thingGroupName");
        let group = self.groups.get(name).ok_or_else(|| not_found("thing group", name))?;
        let mut roots: Vec<Value> = self
            .above(name)
            .map(|name| json!({"groupName": &**name, "groupArn": scope.thing_group_arn(name)}))
            .collect();
        roots.reverse();
        Ok(Answer::ok(without_nulls(json!({
            "thingGroupName": name,
            "thingGroupId": group.id,
            "thingGroupArn": scope.thing_group_arn(name),
            "version": 1,
            // A group without any has an empty object, as the AWS CLI's manual shows.
            "thingGroupProperties": group.properties.as_object().cloned().unwrap_or_default(),
            "thingGroupMetadata": {
                "parentGroupName": group.parent.as_deref(),
                "rootToParentThingGroups": roots,
                "creationDate": epoch_seconds(group.created),
            },
        }))))
    }

    /// Takes a group out of the registry, and says who was in it. Succeeds for a group that doesn't exist; one with child groups can't go.
    pub(in crate::state) fn delete_group(&mut self, input: &Input) -> Result<BTreeSet<Arc<str>>, ServiceError> {
        check_version(input)?;
        let name = input.required("thingGroupName");
        if self.groups.get(name).is_some_and(|group| !group.children.is_empty()) {
            return Err(invalid(format!("thing group {name} has child groups")));
        }
        let Some(group) = self.groups.remove(name) else {
            return Ok(BTreeSet::new());
        };
        if let Some(parent) = group.parent.and_then(|parent| self.groups.get_mut(&parent)) {
            parent.children.remove(name);
        }
        for thing in &group.members {
            if let Some(thing) = self.things.get_mut(thing) {
                thing.groups.remove(name);
            }
        }
        Ok(group.members)
    }

    /// A group and those above it, the nearest first.
    pub(in crate::state) fn with_ancestors(&self, name: &str) -> Vec<Arc<str>> {
        std::iter::once(Arc::from(name)).chain(self.above(name).cloned()).collect()
    }

    /// The groups above a group, the nearest first. A parent exists before its children, so that no group is above itself.
    fn above<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Arc<str>> {
        let parent = |name: &str| self.groups.get(name)?.parent.as_ref();
        std::iter::successors(parent(name), move |name| parent(name))
    }

    /// The things in a group and in the groups below it: a job for a group goes to all of them
    /// (<https://docs.aws.amazon.com/iot/latest/developerguide/thing-groups.html>).
    pub(in crate::state) fn members(&self, name: &str) -> Vec<Arc<str>> {
        let mut members = Vec::new();
        let mut groups: Vec<&ThingGroup> = self.groups.get(name).into_iter().collect();
        while let Some(group) = groups.pop() {
            members.extend(group.members.iter().cloned());
            groups.extend(group.children.iter().filter_map(|child| self.groups.get(child)));
        }
        members
    }

    /// Whether a thing is in a group or in one below it.
    pub(in crate::state) fn is_member(&self, thing: &str, group: &str) -> bool {
        self.things.get(thing).is_some_and(|thing| {
            thing.groups.iter().any(|own| self.with_ancestors(own).iter().any(|above| **above == *group))
        })
    }

    pub(in crate::state) fn group_id(&self, name: &str) -> Option<String> {
        self.groups.get(name).map(|group| group.id.clone())
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
            (Some(parent), Some(true)) => self.above(name).any(|above| **above == *parent),
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
    pub(in crate::state) fn membership<'a>(
        scope: &Scope,
        input: &'a Input,
    ) -> Result<(&'a str, &'a str), ServiceError> {
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

    /// Puts a thing into a group or takes it out. The thing and the group when that changed something.
    pub(in crate::state) fn change_membership(
        &mut self,
        thing_name: &str,
        group_name: &str,
        member: bool,
    ) -> Result<Option<Membership>, ServiceError> {
        let Some((thing_name, thing)) = self.things.get_key_value(thing_name) else {
            return Err(not_found("thing", thing_name));
        };
        let Some((group_name, _)) = self.groups.get_key_value(group_name) else {
            return Err(not_found("thing group", group_name));
        };
        let (thing_name, group_name) = (Arc::clone(thing_name), Arc::clone(group_name));
        if thing.groups.contains(&group_name) == member {
            return Ok(None);
        }
        if member {
            self.check_room(thing, &group_name)?;
        }
        if let (Some(thing), Some(group)) = (self.things.get_mut(&thing_name), self.groups.get_mut(&group_name)) {
            if member {
                group.members.insert(Arc::clone(&thing_name));
                thing.groups.insert(Arc::clone(&group_name));
            } else {
                group.members.remove(&thing_name);
                thing.groups.remove(&group_name);
            }
        }
        Ok(Some((thing_name, group_name)))
    }

    /// "You cannot add a thing to more than 10 groups", nor "to more than one group in the same hierarchy": the developer guide on thing groups.
    fn check_room(&self, thing: &Thing, group: &str) -> Result<(), ServiceError> {
        if thing.groups.len() >= MOST_GROUPS {
            return Err(invalid(format!("a thing can be in at most {MOST_GROUPS} thing groups")));
        }
        let root = |group: &str| self.with_ancestors(group).pop();
        if let Some(other) = thing.groups.iter().find(|other| root(other) == root(group)) {
            return Err(invalid(format!("the thing is in {other} already, which is in the same hierarchy as {group}")));
        }
        Ok(())
    }

    pub(in crate::state) fn list_members(&self, input: &Input) -> Result<Answer, ServiceError> {
        let name = input.required("thingGroupName");
        let group = self.groups.get(name).ok_or_else(|| not_found("thing group", name))?;
        let recursive = input.get("recursive").as_bool().unwrap_or_default();
        let show = |name: &str| Value::from(name);
        if !recursive {
            return list(&format!("members {name}"), group.members.iter(), input, "things", show);
        }
        let members: BTreeSet<Arc<str>> = self.members(name).into_iter().collect();
        list(&format!("all members {name}"), members.iter(), input, "things", show)
    }

    pub(in crate::state) fn list_groups_of(&self, scope: &Scope, input: &Input) -> Result<Answer, ServiceError> {
        let thing = input.required("thingName");
        let groups = &self.things.get(thing).ok_or_else(|| not_found("thing", thing))?.groups;
        list(
            &format!("groups of {thing}"),
            groups.iter(),
            input,
            "thingGroups",
            |name| json!({"groupName": name, "groupArn": scope.thing_group_arn(name)}),
        )
    }
}
