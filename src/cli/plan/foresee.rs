//! Asks the operator's own rules what they would do, and reads from AWS what they want to know. I/O: reads AWS.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use greengrass_operator_core::api::{CANCEL_AT, RECONCILE_AT, REDEPLOY_AT};
use greengrass_operator_core::deployment::desired::Desired;
use greengrass_operator_core::deployment::forecast::{Forecast, Next, Question};
use greengrass_operator_core::deployment::knowledge::{Details, OwnerFound, Row, RowFilter};
use greengrass_operator_core::deployment::subject::{Absent, Access, Claimant, Peers, Subject, Wanted, is_of_key};
use greengrass_operator_core::deployment::tags::OwnerTags;
use greengrass_operator_core::failure::Failure;
use greengrass_operator_core::identity::Identity;
use greengrass_operator_core::names::{Key, ObjectName, TargetArn};
use jiff::Timestamp;

use super::super::cloud::{AT_ONCE, Cloud, connection, own_scope, told};
use super::super::manifests::{Manifest, Manifests};
use super::super::output::Progress;
use super::describe::{ParentPlan, describe};
use super::planned::{Action, Planned};
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
    /// All who claim its key, itself among them.
    claimants: &'a [Claimant],
    parent: Option<&'a ParentPlan>,
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
        let mut claimants: BTreeMap<&Key, Vec<Claimant>> = BTreeMap::new();
        for (manifest, resolved) in &all {
            if let Some(key) = key(resolved) {
                claimants.entry(key).or_default().push(self.claimant(manifest));
            }
        }
        let progress = Progress::of("reading AWS", all.len());
        let mut parents: BTreeMap<TargetArn, ParentPlan> = BTreeMap::new();
        let mut planned = BTreeMap::new();
        // Parents first: what becomes of a subdeployment hangs on them.
        for is_sub in [false, true] {
            let cases = all.iter().enumerate().filter_map(|(at, (manifest, resolved))| {
                let own = key(resolved);
                let parent = own.and_then(|key| parents.get(key.parent.as_ref()?));
                let claimants = own.and_then(|key| claimants.get(key)).map(Vec::as_slice).unwrap_or_default();
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

    /// One of those who claim a key. Which of them was there first is not known: the name decides.
    fn claimant(&self, manifest: &Manifest) -> Claimant {
        Claimant { object: manifest.object.clone(), created_at: self.now, has_deployment: false, deleting: false }
    }

    async fn one(&self, case: &Case<'_>) -> (Planned, Option<Row>) {
        let Case { manifest, resolved, .. } = case;
        let plan = Planned::of("GreengrassDeployment", manifest, &resolved.notes);
        let (action, reason, message) = match &resolved.wanted {
            Wanted::Present(desired, _) => return Box::pin(self.of_valid(case, desired, plan)).await,
            Wanted::Invalid(message) => (Action::Invalid, "InvalidSpec", message.clone()),
            Wanted::NotAllowed(message) => (Action::Blocked, "IdentityNotAllowed", message.clone()),
            Wanted::Missing(Absent::Identity, message) => (Action::Blocked, "IdentityNotFound", message.clone()),
            Wanted::Missing(Absent::Reference, message) => (Action::Blocked, "ReferenceNotFound", message.clone()),
            Wanted::Unread | Wanted::Absent { .. } => (Action::Unknown, "Unknown", String::new()),
        };
        (plan.stopped(action, reason, message), None)
    }

    async fn of_valid(&self, case: &Case<'_>, desired: &Desired, mut plan: Planned) -> (Planned, Option<Row>) {
        plan.target_arn = Some(desired.key.target.to_string());
        plan.parent_target_arn = desired.key.parent.as_ref().map(ToString::to_string);
        let scope = match self
            .scope((desired.key.target.account(), desired.key.target.region()), case.resolved.identity.as_ref())
        {
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

    /// Where something is read, and through what.
    pub(super) fn scope(&self, (account, region): (&str, &str), identity: Option<&Identity>) -> Result<Scope, String> {
        let through = identity
            .filter(|identity| self.assume_roles && (identity.role.is_some() || identity.endpoint_url.is_some()));
        if let Some(identity) = through {
            let cluster = self.cluster_name.clone().unwrap_or_default();
            let connection = connection(identity, &cluster);
            return Ok(Scope { connection, account: account.to_owned(), region: region.to_owned() });
        }
        match (&self.own.account, &self.own_problem) {
            (Some(own), _) if own == account => Ok(own_scope(account, region)),
            (Some(own), _) => Err(format!(
                "your credentials are for account {own}, and the target is in account {account}: use credentials for that account, or --assume-roles with the AwsIdentity among the manifests"
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
        let others = claimants.iter().filter(|claimant| claimant.object != manifest.object);
        let peers =
            Peers { parent: parent.map(ParentPlan::peer), claimants: others.cloned().collect(), ..Peers::default() };
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
                    let filter = RowFilter::newest_beneath(&desired.key.target);
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
        let mut rows = self.cloud.rows(scope, &RowFilter::all_of(key)).await?;
        rows.retain(|row| is_of_key(key, &row.target_arn, row.parent_target_arn.as_deref()));
        Row::sort_newest_first(&mut rows);
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
        Ok(Row::newest_of(parent, self.cloud.rows(scope, &RowFilter::newest_of(parent)).await?))
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
