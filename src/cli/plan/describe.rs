//! What a forecast has come to, in a plan's words. Pure.

use std::collections::BTreeMap;

use greengrass_operator_core::api::OnParentRevision;
use greengrass_operator_core::deployment::desired::Desired;
use greengrass_operator_core::deployment::difference::{Difference, KeyDifference};
use greengrass_operator_core::deployment::forecast::{Ending, Outcome};
use greengrass_operator_core::deployment::knowledge::Row;
use greengrass_operator_core::deployment::request::{ComponentRequest, DeploymentRequest};
use greengrass_operator_core::deployment::subject::ParentPeer;
use greengrass_operator_core::deployment::tags::Cause;
use greengrass_operator_core::names::ObjectName;

use super::planned::{Action, Current, Planned};

/// What a parent comes to, for its subdeployments.
pub(super) struct ParentPlan {
    pub(super) object: ObjectName,
    pub(super) action: Action,
    pub(super) newest: Option<Row>,
}

impl ParentPlan {
    /// As the rules of a subdeployment see it.
    pub(super) fn peer(&self) -> ParentPeer {
        let synced = match self.action {
            Action::Create | Action::Revise | Action::Adopt | Action::Retag | Action::None => true,
            Action::Wait | Action::Hold | Action::Blocked | Action::Invalid | Action::Unknown => false,
        };
        let deployment_id = self.newest.as_ref().map(|row| row.deployment_id.clone());
        ParentPeer { object: self.object.clone(), synced, deployment_id }
    }

    /// Whether it gets a revision, which ends its subdeployments.
    fn is_revised(&self) -> bool {
        matches!(self.action, Action::Create | Action::Revise)
    }
}

/// Puts the ending into the plan's words.
pub(super) fn describe(plan: &mut Planned, ending: &Ending, desired: &Desired, parent: Option<&ParentPlan>) {
    let Ending { outcome, status, newest } = ending;
    plan.current = newest.as_ref().map(|details| Current {
        deployment_id: details.row.deployment_id.clone(),
        revision_id: details.row.revision_id,
        deployment_status: details.row.status.as_str(),
    });
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
    let is_stopped = ready.is_some_and(|ready| ready.reason == "RolloutCanceled" || ready.reason == "RolloutFailed");
    plan.action = match outcome {
        Outcome::Revision { cause, request } => {
            plan.cause = Some(cause.as_str());
            plan.resets = resets(request, desired);
            if *cause == Cause::Create { Action::Create } else { Action::Revise }
        }
        Outcome::Adoption => Action::Adopt,
        Outcome::Tags => Action::Retag,
        Outcome::Nothing => Action::None,
        Outcome::Held => Action::Hold,
        Outcome::Waiting => Action::Wait,
        Outcome::Blocked => Action::Blocked,
    };
    if let Some(parent) = parent.filter(|parent| parent.is_revised()) {
        after_parent(plan, parent, desired);
    }
    if plan.action == Action::Wait && parent.is_some_and(|parent| parent.action == Action::Hold) {
        plan.action = Action::Hold;
    }
    if let (Action::Retag, Some(details)) = (plan.action, newest) {
        plan.tags = changed_tags(&details.tags, &desired.tags);
    }
    let is_explained = match plan.action {
        Action::Hold | Action::Blocked => true,
        Action::Wait => plan.notes.is_empty(),
        Action::None => is_stopped,
        Action::Create | Action::Revise | Action::Adopt | Action::Retag | Action::Invalid | Action::Unknown => false,
    };
    if let Some(ready) = ready.filter(|_| is_explained) {
        (plan.reason, plan.message) = (Some(ready.reason.clone()), Some(ready.message.clone()));
    }
    let differs = match plan.action {
        Action::Create | Action::Revise | Action::Wait | Action::Hold | Action::Blocked => true,
        Action::Adopt | Action::Retag | Action::None | Action::Invalid | Action::Unknown => false,
    };
    if !differs {
        return;
    }
    match newest.as_ref().map(|details| details.content.as_deref()) {
        Some(None) => plan.notes.push("the newest deployment has settings that this version can't read".to_owned()),
        content => {
            plan.difference =
                Some(Difference::between(content.flatten(), desired)).filter(|difference| !difference.is_empty());
        }
    }
}

/// A new revision of the parent ends the subdeployment that there is.
fn after_parent(plan: &mut Planned, parent: &ParentPlan, desired: &Desired) {
    let object = &parent.object;
    match (plan.action, desired.on_parent_revision) {
        (Action::Create | Action::Revise | Action::Adopt, _) => {
            plan.action = Action::Wait;
            plan.notes.push(format!("it waits until {object} has its new revision"));
        }
        (Action::None | Action::Retag, OnParentRevision::Redeploy) => {
            plan.action = Action::Wait;
            plan.cause = Some(Cause::Parent.as_str());
            plan.notes.push(format!("the new revision of {object} ends it, and a new one follows two minutes later"));
        }
        (Action::None | Action::Retag, OnParentRevision::Yield) => {
            plan.notes.push(format!("the new revision of {object} ends it, and it stays so (onParentRevision: Yield)"));
        }
        (Action::Wait | Action::Hold | Action::Blocked | Action::Invalid | Action::Unknown, _) => {}
    }
}

/// The user's tags that are put on or changed. Which of the others came from an earlier spec, and go, only the resource's status knows.
fn changed_tags(there: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Vec<KeyDifference> {
    let changed = wanted.iter().filter(|(key, value)| there.get(*key) != Some(*value));
    let difference = |(key, value): (&String, &String)| KeyDifference {
        field: format!("tags.{key}"),
        pointer: None,
        before: there.get(key).map(|value| value.clone().into()),
        after: Some(value.clone().into()),
    };
    changed.map(difference).collect()
}

/// What a request resets beside what the user names.
fn resets(request: &DeploymentRequest, desired: &Desired) -> BTreeMap<String, Vec<String>> {
    let of_component = |(name, component): (&String, &ComponentRequest)| {
        let named = &desired.content.components.get(name)?.reset;
        let added: Vec<String> = component.reset.iter().filter(|pointer| !named.contains(pointer)).cloned().collect();
        (!added.is_empty()).then(|| (name.clone(), added))
    };
    request.components.iter().filter_map(of_component).collect()
}
