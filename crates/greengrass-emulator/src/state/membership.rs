//! Things join groups, leave them, and are no more: what that means for the jobs of those groups. Pure.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use serde_json::json;

use super::{Answer, Input, Partition, things::invalid};
use crate::{error::ServiceError, job::ExecutionStatus};

impl Partition {
    /// A thing is put into a group.
    pub(super) fn join(&mut self, thing: &str, group: &str, now: Timestamp) -> Result<(), ServiceError> {
        if let Some((thing, group)) = self.things.change_membership(thing, group, true)? {
            self.joined(&thing, &group, now);
        }
        Ok(())
    }

    /// A thing is taken out of a group.
    pub(super) fn leave(&mut self, thing: &str, group: &str, now: Timestamp) -> Result<(), ServiceError> {
        if let Some((thing, group)) = self.things.change_membership(thing, group, false)? {
            let groups = self.things.with_ancestors(&group);
            self.left(&thing, &groups, now);
        }
        Ok(())
    }

    /// UpdateThingGroupsForThing: out of some groups, then into others, so that a full thing can change.
    pub(super) fn update_groups(&mut self, input: &Input, now: Timestamp) -> Result<Answer, ServiceError> {
        let thing = input.text("thingName").ok_or_else(|| invalid("thingName is required"))?;
        let names = |member: &str| {
            let names = input.get(member).as_array().into_iter().flatten();
            names.filter_map(|name| name.as_str().map(ToOwned::to_owned)).collect::<Vec<_>>()
        };
        for group in names("thingGroupsToRemove") {
            self.leave(thing, &group, now)?;
        }
        for group in names("thingGroupsToAdd") {
            self.join(thing, &group, now)?;
        }
        Ok(Answer::ok(json!({})))
    }

    /// A thing joined a group: at once, whatever the rollout's rate, it gets the newest deployment of the group and of those above it.
    fn joined(&mut self, thing: &Arc<str>, group: &str, now: Timestamp) {
        let groups = self.things.with_ancestors(group);
        let mut jobs: Vec<Arc<str>> = groups.iter().flat_map(|group| self.jobs.live(group)).collect();
        // The oldest first, whichever of the groups it is for.
        jobs.sort_by_key(|id| self.jobs.get(id).map(|job| job.deployment));
        for job in jobs {
            let awaited = self.jobs.get(&job).is_some_and(|job| job.rollout.awaits(thing));
            if !awaited && self.jobs.open(&job, thing).is_none() {
                self.hand_out(&job, thing, now);
            }
        }
    }

    /// A thing left these groups: one, and those above it. Executions that have ended stay.
    pub(super) fn left(&mut self, thing: &str, groups: &[Arc<str>], now: Timestamp) {
        for id in groups.iter().flat_map(|group| self.jobs.live(group)).collect::<Vec<_>>() {
            if let Some(job) = self.jobs.get_mut(&id) {
                job.rollout.leave_out(thing);
                job.close(thing, ExecutionStatus::Removed, now);
            }
        }
    }

    /// A thing is no more. Its core device stays known, as in the service until DeleteCoreDevice, but nothing reaches it.
    pub(super) fn forget_thing(&mut self, thing: &str, groups: &BTreeSet<Arc<str>>, now: Timestamp) {
        for group in groups {
            let groups = self.things.with_ancestors(group);
            self.left(thing, &groups, now);
        }
        self.shadows.remove(thing);
        let asked = self.deployments.active_of(&self.scope.thing_arn(thing));
        if let Some(document) = asked.and_then(|number| self.deployments.document(number))
            && let Some(device) = self.devices.get_mut(thing)
        {
            device.dismiss(&document, ExecutionStatus::Removed, now);
        }
    }
}
