//! One step of a replica: what the driver does with one decision. Pure.

use greengrass_operator_core::api::GreengrassDeploymentStatus;
use greengrass_operator_core::deployment::assess::assess;
use greengrass_operator_core::deployment::decide::{Change, Query, Step, Why, decide};
use greengrass_operator_core::deployment::knowledge::{Knowledge, Look, OwnerFound, Reading, Row, RowStatus, later};
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::revision::digest_of_tags;
use greengrass_operator_core::deployment::subject::{Access, Subject, is_of_key};
use greengrass_operator_core::deployment::summarise::{request, summarise};
use greengrass_operator_core::failure::Failure;
use greengrass_operator_core::pace::{Streak, pace};
use jiff::Timestamp;

use crate::world::{Crash, LOOK_INTERVAL, Object, World, name};

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stepped {
    /// The turn goes on.
    Again,
    /// The turn is over.
    Rest(Option<Timestamp>),
    /// The process is gone.
    Crashed,
}

/// The object has another version than the replica thinks.
struct Conflict;

impl World {
    /// One turn of a replica; when the next one is, where it is not left to chance.
    pub(crate) fn turn(&mut self, replica: usize) -> Option<Timestamp> {
        self.watch(replica);
        for _ in 0..100 {
            match self.step(replica) {
                Stepped::Again => {}
                Stepped::Rest(until) => return until,
                Stepped::Crashed => {
                    self.restart(replica);
                    return Some(self.now);
                }
            }
        }
        panic!("a turn without end: {:#?}", self.object.status);
    }

    pub(crate) fn step(&mut self, replica: usize) -> Stepped {
        if self.replicas[replica].object.gone {
            return Stepped::Rest(None);
        }
        // Every call takes time: what begins after another one has ended is later.
        self.now = later(self.now, std::time::Duration::from_millis(10));
        self.begin(replica);
        let object = self.replicas[replica].object.clone();
        let (wanted, version, peers) = (object.wanted(), object.version.to_string(), self.peers.clone());
        let name = name();
        let subject = Subject {
            cluster: "test",
            object: &name,
            uid: &object.uid,
            resource_version: &version,
            generation: object.generation,
            created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            has_finalizer: object.finalizer,
            reconcile_at: object.reconcile_at.clone(),
            redeploy_at: object.redeploy_at.clone(),
            cancel_at: None,
            wanted: &wanted,
            access: Access::unrestricted(),
            peers: &peers,
        };
        let memory = Memory::recall(&object.status);
        self.note(replica, &subject, &memory);
        let knowledge = &self.replicas[replica].knowledge;
        let assessment = assess(&subject, &memory, knowledge, self.now);
        let step = decide(&subject, &memory, knowledge, &assessment);
        self.oracle.decided(&step, &object, &self.object, &self.aws, self.now);
        match &step {
            Step::Rest(until) => {
                let status = summarise(&subject, &memory, &assessment, &object.status.conditions);
                self.replicas[replica].resting = true;
                match self.put(replica, status) {
                    Ok(()) => return self.rest(replica, *until),
                    Err(Conflict) => return Stepped::Rest(Some(self.now)),
                }
            }
            Step::Ask(query) => self.ask(replica, query, &subject, &memory),
            Step::Write(Change::Remember(memory, why)) => self.remember(replica, memory, *why, &subject),
            Step::Write(Change::AddFinalizer) => self.set_finalizer(replica, true),
            Step::Write(Change::RemoveFinalizer { .. }) => self.set_finalizer(replica, false),
            Step::Write(change) => {
                if self.crash == Some(Crash::BeforeCreate) && matches!(change, Change::Create { .. }) {
                    self.crash = None;
                    return Stepped::Crashed;
                }
                if let Change::Create { .. } = change {
                    let seen = self.replicas[replica].knowledge.live_at;
                    let age = seen.map(|at| self.now.duration_since(at).as_secs());
                    assert!(age.is_some_and(|age| age <= 10), "sent {age:?} s after the object itself was seen");
                }
                self.call(replica, change, &subject, &memory);
                let crash = match change {
                    Change::Create { .. } => Crash::AfterCreate,
                    _ => Crash::AfterTag,
                };
                if self.crash == Some(crash) {
                    self.crash = None;
                    return Stepped::Crashed;
                }
            }
        }
        self.oracle.committed(&self.aws);
        Stepped::Again
    }

    /// A turn that comes by time looks at AWS.
    fn begin(&mut self, replica: usize) {
        let now = self.now;
        let replica = &mut self.replicas[replica];
        if std::mem::take(&mut replica.resting) && replica.next_look_at.is_some_and(|at| at <= now) {
            replica.knowledge.look_wanted_at = Some(now);
        }
    }

    fn note(&mut self, replica: usize, subject: &Subject<'_>, memory: &Memory) {
        let now = self.now;
        let knowledge = &mut self.replicas[replica].knowledge;
        let is_new = subject.reconcile_at.is_some() && subject.reconcile_at != memory.reconcile_at;
        if is_new && knowledge.request_noticed != subject.reconcile_at {
            knowledge.request_noticed.clone_from(&subject.reconcile_at);
            knowledge.look_wanted_at = Some(now);
        }
        let parent = subject.peers.parent.as_ref().and_then(|parent| parent.deployment_id.as_ref());
        if let Some(id) = parent.filter(|id| knowledge.parent_since.as_ref().is_none_or(|(seen, _)| seen != *id)) {
            knowledge.parent_since = Some((id.clone(), now));
        }
    }

    fn rest(&mut self, replica: usize, until: Option<Timestamp>) -> Stepped {
        let now = self.now;
        let replica = &mut self.replicas[replica];
        if replica.next_look_at.is_none_or(|at| at <= now) {
            replica.next_look_at = Some(later(now, LOOK_INTERVAL));
        }
        let done = replica.object.status.conditions.iter().any(|c| c.type_ == "Ready" && c.reason == "Deployed");
        if done && until.is_none() {
            let own = replica.object.status.deployment_id.clone();
            replica.knowledge.rest(own.as_deref().filter(|_| replica.object.parent.is_some()));
        }
        Stepped::Rest(until)
    }

    fn ask(&mut self, replica: usize, query: &Query, subject: &Subject<'_>, memory: &Memory) {
        let now = self.now;
        let key = memory.key.clone().unwrap_or_else(|| self.replicas[replica].object.key());
        let mut knowledge = self.replicas[replica].knowledge.clone();
        let outcome = match query {
            Query::Look => self.aws.rows(now).map(|mut rows| {
                rows.retain(|row| is_of_key(&key, &row.target_arn, row.parent_target_arn.as_deref()));
                let look = Look { began_at: now, resource_version: subject.resource_version.to_owned(), rows };
                knowledge.looked(look, memory.deployment.as_ref().map(|own| own.deployment_id.as_str()));
                knowledge.verified_at = Some(now);
            }),
            Query::Deployment(id) => self.aws.get(id, now).map(|details| knowledge.read_by(subject, id, now, details)),
            Query::Subdeployments => self.aws.rows(now).map(|mut rows| {
                rows.retain(|row| row.parent_target_arn.as_deref() == Some(key.target.as_str()));
                knowledge.subdeployments = Some(Reading { at: now, value: rows });
            }),
            Query::Parent => self.aws.rows(now).map(|mut rows| {
                let parent = key.parent.as_ref().unwrap().as_str();
                rows.retain(|row| row.target_arn == parent && row.parent_target_arn.is_none());
                let newest: Option<Row> = rows.into_iter().max_by_key(|row| row.revision_id);
                if let Some(row) = &newest {
                    knowledge.parent_since = Some((row.deployment_id.clone(), row.created_at));
                }
                knowledge.parent = Some(Reading { at: now, value: newest });
            }),
            Query::Object => {
                self.replicas[replica].knowledge.live_at = Some(now);
                self.get_live(replica);
                return;
            }
            Query::Owner(owner) => {
                let value = if self.living.contains(owner) { OwnerFound::Exists } else { OwnerFound::Gone };
                knowledge.owners.insert(owner.clone(), value);
                Ok(())
            }
            Query::Definition => {
                knowledge.definition = Some(Reading { at: now, value: self.definition_goes });
                Ok(())
            }
            // This world's specs refer to nothing, and its deployments have no jobs.
            Query::References | Query::Rollout(_) => Ok(()),
            Query::Claimants => {
                knowledge.claimants = Some(Reading { at: now, value: self.claimants.clone() });
                Ok(())
            }
        };
        if let Err(failure) = outcome {
            failed(&mut knowledge, failure, now, subject);
        }
        self.replicas[replica].knowledge = knowledge;
    }

    /// As the driver does it: a re-created object starts afresh with the next turn.
    fn get_live(&mut self, replica: usize) {
        if self.replicas[replica].object.uid == self.object.uid {
            self.replicas[replica].object = self.object.clone();
        } else {
            self.watch(replica);
        }
    }

    fn remember(&mut self, replica: usize, memory: &Memory, why: Why, subject: &Subject<'_>) {
        let now = self.now;
        let mut knowledge = self.replicas[replica].knowledge.clone();
        knowledge.remembered(memory, why, now);
        let assessment = assess(subject, memory, &knowledge, now);
        let status = summarise(subject, memory, &assessment, &self.replicas[replica].object.status.conditions);
        let before = std::mem::replace(&mut self.replicas[replica].knowledge, knowledge);
        if self.put(replica, status).is_err() {
            let live_at = self.replicas[replica].knowledge.live_at;
            self.replicas[replica].knowledge = Knowledge { live_at, ..before };
        }
    }

    fn call(&mut self, replica: usize, change: &Change, subject: &Subject<'_>, memory: &Memory) {
        let now = self.now;
        let mut knowledge = self.replicas[replica].knowledge.clone();
        let own = memory.deployment.as_ref().map(|own| own.deployment_id.clone());
        let of_own = |details: &&mut greengrass_operator_core::deployment::knowledge::Details| {
            Some(&details.row.deployment_id) == own.as_ref()
        };
        let wanted_tags = &self.replicas[replica].object.tags;
        match change {
            Change::Create { ordinal, token, request: body } => {
                let outcome = self.aws.create(token, body, now);
                knowledge.sent(*ordinal, now, &outcome);
                if let Err(failure) = outcome {
                    failed(&mut knowledge, failure, now, subject);
                }
            }
            Change::Cancel(id) => {
                self.aws.set_status(id, RowStatus::Canceled);
                knowledge.canceled.insert(id.clone());
                knowledge.details.remove(id);
            }
            Change::Delete(id) => {
                self.aws.remove(id);
                knowledge.canceled.insert(id.clone());
                knowledge.deleted.insert(id.clone());
                knowledge.details.remove(id);
            }
            Change::Prune(id) => {
                self.aws.remove(id);
                knowledge.pruned(id, Ok(()));
            }
            Change::Adopt { deployment_id, tags } => {
                self.aws.tag(deployment_id, tags);
                knowledge.adopted = Some((deployment_id.clone(), now));
                knowledge.details.remove(deployment_id);
            }
            Change::Tag => {
                if let Some(details) = self.aws.details.iter_mut().find(of_own) {
                    details.tags.extend(wanted_tags.clone());
                }
                knowledge.tagged = Some(digest_of_tags(wanted_tags.iter()));
            }
            Change::Untag(keys) => {
                if let Some(details) = self.aws.details.iter_mut().find(of_own) {
                    details.tags.retain(|key, _| !keys.contains(key));
                }
                knowledge.untagged = Some(digest_of_tags(wanted_tags.iter()));
            }
            Change::AddFinalizer | Change::RemoveFinalizer { .. } | Change::Remember(..) => unreachable!("no calls"),
        }
        self.replicas[replica].knowledge = knowledge;
    }

    fn set_finalizer(&mut self, replica: usize, present: bool) {
        let _ = self.write(replica, |object| {
            object.finalizer = present;
            object.gone = object.deleting && !present;
        });
    }

    fn put(&mut self, replica: usize, status: GreengrassDeploymentStatus) -> Result<(), Conflict> {
        assert_rules(&status, self.replicas[replica].object.generation);
        if status == self.replicas[replica].object.status {
            return Ok(());
        }
        self.archive();
        self.write(replica, |object| object.status = status)?;
        self.status_writes += 1;
        Ok(())
    }

    /// A conditional write, with the driver's way out of a conflict.
    fn write(&mut self, replica: usize, change: impl FnOnce(&mut Object)) -> Result<(), Conflict> {
        let before = self.replicas[replica].object.version;
        if before != self.object.version {
            self.replicas[replica].knowledge.live_at = Some(self.now);
            self.get_live(replica);
            return Err(Conflict);
        }
        change(&mut self.object);
        self.object.version += 1;
        self.replicas[replica].object = self.object.clone();
        self.replicas[replica].knowledge.wrote(&before.to_string(), &self.object.version.to_string(), self.now);
        Ok(())
    }
}

fn failed(knowledge: &mut Knowledge, failure: Failure, now: Timestamp, subject: &Subject<'_>) {
    let of_pace = failure.clone();
    let wait = |attempts, first_failed_at| pace(&of_pace, Streak { attempts, first_failed_at }, now, 0.5);
    knowledge.failed(failure, now, wait, request(subject));
}

/// The rules that every status keeps.
fn assert_rules(status: &GreengrassDeploymentStatus, generation: i64) {
    let find = |name: &str| status.conditions.iter().find(|condition| condition.type_ == name);
    let ready = find("Ready").expect("Ready is always present");
    let companions = [find("Reconciling"), find("Stalled")];
    assert!(companions.iter().flatten().count() <= 1, "never both: {status:#?}");
    if ready.status == "True" {
        assert!(companions.iter().all(Option::is_none), "Ready beside a trouble: {status:#?}");
    }
    assert_eq!(status.observed_generation, Some(generation));
    assert!(status.conditions.iter().all(|condition| condition.observed_generation == Some(generation)));
    assert!(find("Synced").is_some());
}
