//! Asks the operator's own rules what they would do, and reads from AWS what they want to know. I/O: reads AWS.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use greengrass_operator_core::api::{CANCEL_AT, OnParentRevision, RECONCILE_AT, REDEPLOY_AT};
use greengrass_operator_core::deployment::desired::Desired;
use greengrass_operator_core::deployment::difference::{Difference, KeyDifference};
use greengrass_operator_core::deployment::forecast::{Ending, Forecast, Next, Outcome, Question};
use greengrass_operator_core::deployment::knowledge::{Details, OwnerFound, Row, RowFilter};
use greengrass_operator_core::deployment::request::DeploymentRequest;
use greengrass_operator_core::deployment::subject::{
    Absent, Access, Claimant, ParentPeer, Peers, Subject, Wanted, is_of_key,
};
use greengrass_operator_core::deployment::tags::{Cause, OwnerTags};
use greengrass_operator_core::failure::Failure;
use greengrass_operator_core::identity::Identity;
use greengrass_operator_core::names::{Key, ObjectName, TargetArn};
use jiff::Timestamp;

use super::super::cloud::{AT_ONCE, Cloud, connection, own_scope, told};
use super::super::manifests::{Manifest, Manifests};
use super::super::output::Progress;
use super::planned::{Action, Current, Planned};
use super::resolve::{Own, Resolved, resolve};
use crate::aws::Scope;

/// Deployments that are read to find out what the cluster is called in tags.
const READ_FOR_CLUSTER: usize = 10;

/// Foresees what manifests come to.
pub(super) struct Foreseer<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) manifests: &'a Manifests,
    pub(super) own: Own,
    /// Why it is not known whose the caller's credentials are.
    pub(super) own_problem: Option<String>,
    pub(super) cluster_name: Option<String>,
    pub(super) assume_roles: bool,
    pub(super) now: Timestamp,
}

/// One manifest and its neighbours.
struct Case<'a> {
    manifest: &'a Manifest,
    resolved: &'a Resolved,
    claimants: Vec<Claimant>,
    parent: Option<&'a ParentPlan>,
}

/// What a parent comes to, for its subdeployments.
struct ParentPlan {
    object: ObjectName,
    action: Action,
    newest: Option<Row>,
}

/// What was read of a key, the newest first.
struct Read {
    rows: Vec<Row>,
    details: BTreeMap<String, Option<Details>>,
}

impl Foreseer<'_> {
    /// What each manifest comes to, in the order in which they stand.
    pub(super) async fn all(&self) -> Vec<Planned> {
        let all: Vec<(&Manifest, Resolved)> = self
            .manifests
            .deployments
            .iter()
            .map(|manifest| (manifest, resolve(manifest, self.manifests, &self.own)))
            .collect();
        let progress = Progress::of("reading AWS", all.len());
        let mut parents: BTreeMap<TargetArn, ParentPlan> = BTreeMap::new();
        let mut planned = BTreeMap::new();
        // Parents first: what becomes of a subdeployment hangs on them.
        for is_sub in [false, true] {
            let cases = all.iter().enumerate().filter_map(|(at, (manifest, resolved))| {
                let own = key(resolved);
                let parent = own.and_then(|key| parents.get(key.parent.as_ref()?));
                let claimants = self.claimants(manifest, own, &all);
                let is_of_turn = own.is_some_and(|key| key.parent.is_some()) == is_sub;
                is_of_turn.then_some((at, Case { manifest, resolved, claimants, parent }))
            });
            let ended: Vec<(usize, Planned, Option<Row>)> = stream::iter(cases)
                .map(async |(at, case)| {
                    let (plan, newest) = Box::pin(self.one(&case)).await;
                    progress.step();
                    (at, plan, newest)
                })
                .buffered(AT_ONCE)
                .collect()
                .await;
            for (at, plan, newest) in ended {
                if let Some((manifest, resolved)) = all.get(at)
                    && let Some(key) = key(resolved).filter(|key| key.parent.is_none())
                {
                    let parent = ParentPlan { object: manifest.object.clone(), action: plan.action, newest };
                    // Of two that claim a target the one that has it counts.
                    if parents.get(&key.target).is_none_or(|known| known.action == Action::Blocked) {
                        parents.insert(key.target.clone(), parent);
                    }
                }
                planned.insert(at, plan);
            }
        }
        planned.into_values().collect()
    }

    /// Others among the manifests with the same key. Which of them was there first is not known: the name decides.
    fn claimants(&self, manifest: &Manifest, own: Option<&Key>, all: &[(&Manifest, Resolved)]) -> Vec<Claimant> {
        let has_key = |(other, resolved): &&(&Manifest, Resolved)| {
            own.is_some() && key(resolved) == own && other.object != manifest.object
        };
        let claimant = |(other, _): &(&Manifest, Resolved)| Claimant {
            object: other.object.clone(),
            created_at: self.now,
            has_deployment: false,
            deleting: false,
        };
        all.iter().filter(has_key).map(claimant).collect()
    }

    async fn one(&self, case: &Case<'_>) -> (Planned, Option<Row>) {
        let Case { manifest, resolved, .. } = case;
        let mut plan = Planned {
            namespace: manifest.object.namespace.to_string(),
            name: manifest.object.name.to_string(),
            source: manifest.source.clone(),
            action: Action::Invalid,
            target_arn: None,
            parent_target_arn: None,
            cause: None,
            reason: None,
            message: None,
            current: None,
            difference: None,
            resets: BTreeMap::new(),
            tags: Vec::new(),
            notes: resolved.notes.clone(),
        };
        let (action, reason, message) = match &resolved.wanted {
            Wanted::Present(desired, _) => return Box::pin(self.of_valid(case, desired, plan)).await,
            Wanted::Invalid(message) => (Action::Invalid, "InvalidSpec", message.clone()),
            Wanted::NotAllowed(message) => (Action::Blocked, "IdentityNotAllowed", message.clone()),
            Wanted::Missing(Absent::Identity, message) => (Action::Blocked, "IdentityNotFound", message.clone()),
            Wanted::Missing(Absent::Reference, message) => (Action::Blocked, "ReferenceNotFound", message.clone()),
            Wanted::Unread | Wanted::Absent { .. } => (Action::Unknown, "Unknown", String::new()),
        };
        (plan.action, plan.reason, plan.message) = (action, Some(reason.to_owned()), Some(message));
        (plan, None)
    }

    async fn of_valid(&self, case: &Case<'_>, desired: &Desired, mut plan: Planned) -> (Planned, Option<Row>) {
        plan.target_arn = Some(desired.key.target.to_string());
        plan.parent_target_arn = desired.key.parent.as_ref().map(ToString::to_string);
        let scope = match self.scope(&desired.key, case.resolved.identity.as_ref()) {
            Ok(scope) => scope,
            Err(message) => {
                (plan.action, plan.message) = (Action::Unknown, Some(message));
                return (plan, None);
            }
        };
        match Box::pin(self.foresee(case, desired, &scope, &mut plan)).await {
            Ok(newest) => (plan, newest),
            Err(failure) => {
                (plan.action, plan.message) = (Action::Unknown, Some(told(&failure)));
                (plan, None)
            }
        }
    }

    /// Where a key is read, and through what.
    fn scope(&self, key: &Key, identity: Option<&Identity>) -> Result<Scope, String> {
        let through = identity
            .filter(|identity| self.assume_roles && (identity.role.is_some() || identity.endpoint_url.is_some()));
        if let Some(identity) = through {
            let cluster = self.cluster_name.clone().unwrap_or_default();
            return Ok(Scope::of(connection(identity, &cluster), &key.target));
        }
        let wanted = key.target.account();
        match (&self.own.account, &self.own_problem) {
            (Some(account), _) if account == wanted => Ok(own_scope(account, key.target.region())),
            (Some(account), _) => Err(format!(
                "your credentials are for account {account}, and the target is in account {wanted}: use credentials for that account, or --assume-roles with the AwsIdentity among the manifests"
            )),
            (None, Some(problem)) => Err(problem.clone()),
            (None, None) => Err("whose your credentials are is not known".to_owned()),
        }
    }

    async fn foresee(
        &self,
        case: &Case<'_>,
        desired: &Desired,
        scope: &Scope,
        plan: &mut Planned,
    ) -> Result<Option<Row>, Failure> {
        let Case { manifest, resolved, claimants, parent } = case;
        let mut read = self.read(scope, &desired.key).await?;
        let cluster = match &self.cluster_name {
            Some(name) => name.clone(),
            None => self.cluster_of(&manifest.object, scope, &mut read).await?,
        };
        let peers = Peers { parent: parent.map(ParentPlan::peer), claimants: claimants.clone(), ..Peers::default() };
        let annotation = |name: &str| manifest.annotations.get(name).cloned();
        let subject = Subject {
            cluster: &cluster,
            object: &manifest.object,
            uid: "",
            resource_version: "",
            generation: 1,
            created_at: self.now,
            has_finalizer: false,
            reconcile_at: annotation(RECONCILE_AT),
            redeploy_at: annotation(REDEPLOY_AT),
            cancel_at: annotation(CANCEL_AT),
            access: Access::unrestricted(),
            wanted: &resolved.wanted,
            peers: &peers,
        };
        let known_notes = plan.notes.len();
        let mut forecast = Forecast::new(self.now);
        forecast.saw_parent(parent.and_then(|parent| parent.newest.as_ref()));
        let ending = loop {
            match forecast.advance(&subject) {
                Next::Ended(ending) => break ending,
                Next::Read(Question::Look) => forecast.looked(&subject, read.rows.clone()),
                Next::Read(Question::Deployment(id)) => {
                    let details = self.details(scope, &mut read, &id).await?;
                    if details.is_none() {
                        // Deleted since it was listed: what is left is looked at from the beginning.
                        read.rows.retain(|row| row.deployment_id != id);
                        plan.notes.truncate(known_notes);
                        forecast = Forecast::new(self.now);
                        forecast.saw_parent(parent.and_then(|parent| parent.newest.as_ref()));
                    } else {
                        forecast.read(&subject, &id, details);
                    }
                }
                Next::Read(Question::Subdeployments) => {
                    let target = desired.key.target.to_string();
                    let filter = RowFilter { target_arn: None, parent_target_arn: Some(target), latest_only: true };
                    forecast.read_subdeployments(self.cloud.rows(scope, &filter).await?);
                }
                Next::Read(Question::Parent) => forecast.read_parent(self.parent(scope, &desired.key).await?),
                Next::Read(Question::Owner(owner)) => {
                    let is_here = self.manifests.deployments.iter().any(|manifest| manifest.object == owner);
                    if !is_here {
                        let hint = if owner.name == manifest.object.name {
                            "; is it this one? then say --namespace"
                        } else {
                            ""
                        };
                        plan.notes.push(format!(
                            "the newest deployment names {owner} as its resource, which is taken to be in the cluster still{hint}"
                        ));
                    }
                    forecast.read_owner(owner, OwnerFound::Exists);
                }
            }
        };
        describe(plan, &ending, desired, *parent);
        Ok(read.rows.into_iter().next())
    }

    async fn read(&self, scope: &Scope, key: &Key) -> Result<Read, Failure> {
        let filter = RowFilter {
            target_arn: Some(key.target.to_string()),
            parent_target_arn: key.parent.as_ref().map(ToString::to_string),
            latest_only: false,
        };
        let mut rows = self.cloud.rows(scope, &filter).await?;
        rows.retain(|row| is_of_key(key, &row.target_arn, row.parent_target_arn.as_deref()));
        rows.sort_by(|a, b| {
            (b.revision_id, b.created_at, &b.deployment_id).cmp(&(a.revision_id, a.created_at, &a.deployment_id))
        });
        Ok(Read { rows, details: BTreeMap::new() })
    }

    async fn details(&self, scope: &Scope, read: &mut Read, id: &str) -> Result<Option<Details>, Failure> {
        if let Some(details) = read.details.get(id) {
            return Ok(details.clone());
        }
        let details = self.cloud.deployment(scope, id).await?;
        read.details.insert(id.to_owned(), details.clone());
        Ok(details)
    }

    /// What the cluster is called in the tags of the resource's own deployments, else in those of the newest one; nothing where no
    /// operator has made any.
    async fn cluster_of(&self, object: &ObjectName, scope: &Scope, read: &mut Read) -> Result<String, Failure> {
        let ids: Vec<String> = read.rows.iter().take(READ_FOR_CLUSTER).map(|row| row.deployment_id.clone()).collect();
        let mut newest = None;
        for id in ids {
            let details = self.details(scope, read, &id).await?;
            let Some(owner) = details.as_ref().and_then(|details| OwnerTags::read(&details.tags)) else { continue };
            if owner.resource == *object {
                return Ok(owner.cluster);
            }
            newest = newest.or(Some(owner.cluster));
        }
        Ok(newest.unwrap_or_default())
    }

    /// The newest deployment of a parent that is not among the manifests.
    async fn parent(&self, scope: &Scope, key: &Key) -> Result<Option<Row>, Failure> {
        let Some(parent) = &key.parent else { return Ok(None) };
        let filter = RowFilter { target_arn: Some(parent.to_string()), parent_target_arn: None, latest_only: true };
        let rows = self.cloud.rows(scope, &filter).await?;
        let own = rows.into_iter().filter(|row| row.target_arn == parent.as_str() && row.parent_target_arn.is_none());
        Ok(own.max_by_key(|row| (row.revision_id, row.created_at)))
    }
}

impl ParentPlan {
    fn peer(&self) -> ParentPeer {
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

fn key(resolved: &Resolved) -> Option<&Key> {
    match &resolved.wanted {
        Wanted::Present(desired, _) => Some(&desired.key),
        Wanted::Invalid(_) | Wanted::Unread | Wanted::Missing(..) | Wanted::NotAllowed(_) | Wanted::Absent { .. } => {
            None
        }
    }
}

/// Puts the ending into the plan's words.
fn describe(plan: &mut Planned, ending: &Ending, desired: &Desired, parent: Option<&ParentPlan>) {
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
    let of_component =
        |(name, component): (&String, &greengrass_operator_core::deployment::request::ComponentRequest)| {
            let named = &desired.content.components.get(name)?.reset;
            let added: Vec<String> =
                component.reset.iter().filter(|pointer| !named.contains(pointer)).cloned().collect();
            (!added.is_empty()).then(|| (name.clone(), added))
        };
    request.components.iter().filter_map(of_component).collect()
}
