//! One step of a process: the real decision, and what the driver does with it. Pure.

use std::rc::Rc;
use std::time::Duration;

use greengrass_operator_core::deployment::assess::{Assessment, Rollout, assess};
use greengrass_operator_core::deployment::decide::{Change, Query, Step, Why, decide};
use greengrass_operator_core::deployment::knowledge::{Knowledge, Look, OwnerFound, Reading, Row, RowStatus, later};
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::subject::{Access, Peers, Subject, is_of_key};
use greengrass_operator_core::deployment::summarise::{request, summarise};
use greengrass_operator_core::failure::{Failure, FailureKind, Operation};
use jiff::Timestamp;

use crate::cloud::LONGEST_LAG;
use crate::events::Outcome;
use crate::model::{Model, REDEPLOYS};
use crate::rules::{self, DisabledRule};
use crate::send::peers;
use crate::world::{Object, World};

const UIDS: [&str; 5] = ["u0", "u1", "u2", "u3", "u4"];

/// How long a failed call waits: the pace has its own tests, and a time without chance makes states come again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What a decision is made from.
pub(crate) struct Facts {
    object: Rc<Object>,
    version: String,
    peers: Peers,
}

/// A decision.
pub(crate) struct Decided {
    facts: Facts,
    memory: Memory,
    assessment: Assessment,
    pub(crate) step: Step,
}

/// The object has another version than the process thinks.
struct Conflict;

pub(crate) fn created_at(created: u8) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + i64::from(created)).unwrap()
}

/// What devices do is read beside the protocol: it decides about no write, and would only multiply states.
fn without_devices(subject: &Subject<'_>, memory: &Memory, knowledge: &Knowledge, now: Timestamp) -> Assessment {
    Assessment { rollout: Rollout::none(), ..assess(subject, memory, knowledge, now) }
}

impl Facts {
    pub(crate) fn subject<'a>(&'a self, model: &'a Model, resource: usize) -> Subject<'a> {
        let object = &self.object;
        Subject {
            cluster: "test",
            object: &model.specs[resource].name,
            uid: UIDS[usize::from(object.uid)],
            resource_version: &self.version,
            generation: object.generation,
            created_at: created_at(object.created),
            has_finalizer: object.finalizer,
            reconcile_at: None,
            redeploy_at: (object.redeploy > 0).then(|| REDEPLOYS[usize::from(object.redeploy)].to_owned()),
            cancel_at: None,
            wanted: object.wanted(model, resource),
            access: Access::unrestricted(),
            peers: &self.peers,
        }
    }
}

impl World {
    pub(crate) fn knowledge(&mut self, process: usize, resource: usize) -> &mut Knowledge {
        Rc::make_mut(&mut self.processes[process].views[resource].knowledge)
    }

    fn facts(&self, model: &Model, process: usize, resource: usize) -> Facts {
        let object = Rc::clone(&self.processes[process].views[resource].object);
        let cached: Vec<&Object> = self.processes[process].views.iter().map(|view| view.object.as_ref()).collect();
        let peers = peers(model, resource, &cached);
        Facts { version: object.version.to_string(), peers, object }
    }

    /// The next step of a process; none where it has no object.
    pub(crate) fn decide(&mut self, model: &Model, process: usize, resource: usize) -> Option<Decided> {
        if self.processes[process].views[resource].object.gone {
            return None;
        }
        let facts = self.facts(model, process, resource);
        let parent = facts.peers.parent.as_ref().and_then(|parent| parent.deployment_id.clone());
        let now = self.now;
        if let Some(id) = parent {
            let knowledge = self.knowledge(process, resource);
            if knowledge.parent_since.as_ref().is_none_or(|(seen, _)| *seen != id) {
                knowledge.parent_since = Some((id, now));
            }
        }
        let (memory, knowledge, assessment) = self.assess(model, &facts, process, resource);
        let subject = facts.subject(model, resource);
        let mut step = decide(&subject, &memory, &knowledge, &assessment);
        if let Some(rule) = model.rule {
            step = rules::do_instead(rule, step, &subject, &memory, now);
        }
        Some(Decided { facts, memory, assessment, step })
    }

    fn assess(
        &self,
        model: &Model,
        facts: &Facts,
        process: usize,
        resource: usize,
    ) -> (Memory, Rc<Knowledge>, Assessment) {
        let subject = facts.subject(model, resource);
        let mut memory = facts.object.memory.clone();
        let mut knowledge = Rc::clone(&self.processes[process].views[resource].knowledge);
        if let Some(rule) = model.rule {
            rules::see_instead(rule, &subject, &mut memory, Rc::make_mut(&mut knowledge), self.now);
        }
        let mut assessment = without_devices(&subject, &memory, &knowledge, self.now);
        if let Some(rule) = model.rule {
            rules::judge_instead(rule, &memory, &knowledge, &mut assessment);
        }
        (memory, knowledge, assessment)
    }

    /// The step is carried out.
    pub(crate) fn perform(
        &mut self,
        model: &Model,
        (process, resource): (usize, usize),
        decided: &Decided,
        outcome: Outcome,
    ) {
        let Decided { facts, step, .. } = decided;
        self.judge_step(model, (process, resource), &facts.object, step);
        match step {
            Step::Rest(until) => self.rest(model, (process, resource), decided, *until),
            Step::Ask(query) => self.ask(model, (process, resource), facts, query, outcome),
            Step::Write(Change::Remember(memory, why)) => {
                self.remember(model, (process, resource), facts, memory, *why);
            }
            Step::Write(Change::AddFinalizer) => self.set_finalizer(process, resource, true),
            Step::Write(Change::RemoveFinalizer { .. }) => self.set_finalizer(process, resource, false),
            Step::Write(Change::Create { ordinal, token, request }) => {
                let token = rules::token_instead(model.rule, token, request);
                self.send(model, (process, resource), facts, (*ordinal, &token), request, outcome);
            }
            Step::Write(Change::Cancel(id)) => {
                self.cloud.set_status(id, RowStatus::Canceled);
                let knowledge = self.knowledge(process, resource);
                knowledge.canceled.insert(id.clone());
                knowledge.details.remove(id);
            }
            Step::Write(Change::Delete(id)) => {
                self.cloud.remove(id);
                let knowledge = self.knowledge(process, resource);
                knowledge.canceled.insert(id.clone());
                knowledge.deleted.insert(id.clone());
                knowledge.details.remove(id);
            }
            Step::Write(Change::Tag | Change::Untag(_)) => unreachable!("the model's objects have no tags"),
            Step::Write(Change::Adopt { .. }) => unreachable!("no deployment of somebody else has the wanted content"),
            Step::Write(Change::Prune(_)) => unreachable!("there are fewer deployments than the limit of the history"),
        }
        self.judge(model);
    }

    fn rest(
        &mut self,
        model: &Model,
        (process, resource): (usize, usize),
        decided: &Decided,
        until: Option<Timestamp>,
    ) {
        let wrote = self.put(model, (process, resource), &decided.facts, &decided.memory, &decided.assessment);
        let now = self.now;
        let view = &mut self.processes[process].views[resource];
        // After a conflict the turn starts again.
        view.resting = wrote.is_ok() && until.is_none_or(|until| until > now);
        view.wake_at = until.filter(|_| view.resting);
        if view.resting && until.is_none() && view.object.ready == "Deployed" {
            let own = view.object.memory.deployment.as_ref().map(|own| own.deployment_id.clone());
            let is_sub = model.specs[resource].key.parent.is_some();
            Rc::make_mut(&mut view.knowledge).rest(own.as_deref().filter(|_| is_sub));
        }
    }

    fn ask(
        &mut self,
        model: &Model,
        (process, resource): (usize, usize),
        facts: &Facts,
        query: &Query,
        outcome: Outcome,
    ) {
        let now = self.now;
        let subject = facts.subject(model, resource);
        let key = facts.object.memory.key.clone().unwrap_or_else(|| model.specs[resource].key.clone());
        if outcome == Outcome::ReadFails {
            let operation = match query {
                Query::Deployment(_) => Operation::GetDeployment,
                _ => Operation::ListDeployments,
            };
            let failure = Failure::new(operation, FailureKind::Throttled, "no");
            self.failed(process, resource, failure, &subject);
            return;
        }
        // A read may come from where the newest deployments are not known yet.
        let shows = |row: &Row| outcome != Outcome::Stale || later(row.created_at, LONGEST_LAG) <= now;
        match query {
            Query::Look => {
                let mut rows = self
                    .cloud
                    .list(|row| is_of_key(&key, &row.target_arn, row.parent_target_arn.as_deref()) && shows(row));
                let before = self.processes[process].views[resource].knowledge.look.as_ref();
                rules::list_instead(model.rule, &mut rows, before.map(|look| look.rows.as_slice()));
                let look = Look { began_at: now, resource_version: facts.version.clone(), rows };
                let own = facts.object.memory.deployment.as_ref().map(|own| own.deployment_id.as_str());
                let knowledge = self.knowledge(process, resource);
                knowledge.looked(look, own);
                knowledge.verified_at = Some(now);
            }
            Query::Deployment(id) => {
                let details = self.cloud.get(id).filter(|details| shows(&details.row));
                self.knowledge(process, resource).read(id, now, details);
            }
            Query::Subdeployments => {
                let value = self.cloud.list(|row| row.parent_target_arn.as_deref() == Some(key.target.as_str()));
                self.knowledge(process, resource).subdeployments = Some(Reading { at: now, value });
            }
            Query::Parent => {
                let parent = key.parent.as_ref().unwrap().as_str();
                let rows = self.cloud.list(|row| row.target_arn == parent && row.parent_target_arn.is_none());
                let newest: Option<Row> = rows.into_iter().max_by_key(|row| row.revision_id);
                let knowledge = self.knowledge(process, resource);
                if let Some(row) = &newest {
                    knowledge.parent_since = Some((row.deployment_id.clone(), row.created_at));
                }
                knowledge.parent = Some(Reading { at: now, value: newest });
            }
            Query::Owner(owner) => {
                let exists =
                    (0..self.objects.len()).any(|other| model.specs[other].name == *owner && !self.objects[other].gone);
                let found = if exists { OwnerFound::Exists } else { OwnerFound::Gone };
                self.knowledge(process, resource).owners.insert(owner.clone(), found);
            }
            Query::Definition => {
                self.knowledge(process, resource).definition = Some(Reading { at: now, value: false });
            }
            Query::References => unreachable!("the model's specs refer to nothing"),
            Query::Rollout(_) => unreachable!("the model has no devices"),
            Query::Object => {
                self.knowledge(process, resource).live_at = Some(now);
                self.get_live(process, resource);
            }
            Query::Claimants => {
                let truth: Vec<&Object> = self.objects.iter().map(AsRef::as_ref).collect();
                let known = if model.leaves_out(DisabledRule::ClaimantsAreReadLive) {
                    facts.peers.claimants.clone()
                } else {
                    peers(model, resource, &truth).claimants
                };
                self.knowledge(process, resource).claimants = Some(Reading { at: now, value: known });
            }
        }
    }

    /// As the driver does it: a re-created object starts afresh with the next turn.
    fn get_live(&mut self, process: usize, resource: usize) {
        let view = &mut self.processes[process].views[resource];
        if view.object.uid == self.objects[resource].uid {
            view.object = Rc::clone(&self.objects[resource]);
        } else {
            self.watch(process, resource);
        }
    }

    pub(crate) fn failed(&mut self, process: usize, resource: usize, failure: Failure, subject: &Subject<'_>) {
        let now = self.now;
        self.knowledge(process, resource).failed(failure, now, |_, _| RETRY_AFTER, request(subject));
    }

    fn remember(
        &mut self,
        model: &Model,
        (process, resource): (usize, usize),
        facts: &Facts,
        memory: &Memory,
        why: Why,
    ) {
        let now = self.now;
        let before = Rc::clone(&self.processes[process].views[resource].knowledge);
        self.knowledge(process, resource).remembered(memory, why, now);
        if why == Why::Intent && model.leaves_out(DisabledRule::IntentComesFirst) {
            Rc::make_mut(&mut self.processes[process].views[resource].object).memory = memory.clone();
            return;
        }
        let subject = facts.subject(model, resource);
        let knowledge = Rc::clone(&self.processes[process].views[resource].knowledge);
        let assessment = without_devices(&subject, memory, &knowledge, now);
        if self.put(model, (process, resource), facts, memory, &assessment).is_err() {
            let live_at = self.processes[process].views[resource].knowledge.live_at;
            let knowledge = Knowledge { live_at, ..(*before).clone() };
            self.processes[process].views[resource].knowledge = Rc::new(knowledge);
        }
    }

    fn put(
        &mut self,
        model: &Model,
        (process, resource): (usize, usize),
        facts: &Facts,
        memory: &Memory,
        assessment: &Assessment,
    ) -> Result<(), Conflict> {
        let subject = facts.subject(model, resource);
        let status = summarise(&subject, memory, assessment, &[]);
        let condition = |name: &str| status.conditions.iter().find(|condition| condition.type_ == name);
        let ready = condition("Ready").map(|ready| ready.reason.clone()).unwrap_or_default();
        let synced = condition("Synced").is_some_and(|synced| synced.status == "True");
        let memory = Memory::recall(&status);
        let believed = &self.processes[process].views[resource].object;
        if believed.memory == memory && believed.ready == ready && believed.synced == synced {
            return Ok(());
        }
        let past = Rc::new(self.objects[resource].memory.clone());
        self.write((process, resource), |object| {
            object.memory = memory;
            object.ready = ready;
            object.synced = synced;
        })?;
        self.past[resource] = past;
        Ok(())
    }

    fn set_finalizer(&mut self, process: usize, resource: usize, present: bool) {
        let _ = self.write((process, resource), |object| {
            object.finalizer = present;
            object.gone = object.deleting && !present;
        });
    }

    /// A conditional write, with the driver's way out of a conflict.
    fn write(&mut self, (process, resource): (usize, usize), change: impl FnOnce(&mut Object)) -> Result<(), Conflict> {
        let now = self.now;
        let before = self.processes[process].views[resource].object.version;
        if before != self.objects[resource].version {
            self.knowledge(process, resource).live_at = Some(now);
            self.get_live(process, resource);
            return Err(Conflict);
        }
        self.change(resource, change);
        let after = self.objects[resource].version;
        self.processes[process].views[resource].object = Rc::clone(&self.objects[resource]);
        self.knowledge(process, resource).wrote(&before.to_string(), &after.to_string(), now);
        Ok(())
    }
}
