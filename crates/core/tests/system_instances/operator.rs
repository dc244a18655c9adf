//! An operator by the rules: it asks them what is next and does that, unless something befalls it.

use std::collections::BTreeMap;

use greengrass_operator_core::api::{SystemInstanceDeletionPolicy, SystemInstanceTarget};
use greengrass_operator_core::failure::{Failure, FailureKind};
use greengrass_operator_core::names::ObjectName;
use greengrass_operator_core::system_instance::Definition;
use greengrass_operator_core::system_instance::assess::assess;
use greengrass_operator_core::system_instance::content::{Content, Desired};
use greengrass_operator_core::system_instance::decide::{Change, Query, Step, decide};
use greengrass_operator_core::system_instance::knowledge::{Deployed, Knowledge, Look, OwnerFound, Reading, Reply};
use greengrass_operator_core::system_instance::memory::{Memory, Operation};
use greengrass_operator_core::system_instance::subject::{Access, Subject, Wanted};
use greengrass_operator_core::system_instance::summarise::summarise;
use jiff::{SignedDuration, Timestamp};

use super::chance::Chance;
use super::service::{Refused, Service, Write};

/// A call without an answer ends after so long.
const TIME_OUT: SignedDuration = SignedDuration::from_secs(10);

/// What may befall a run, each once in so many times; 0 for never.
#[derive(Clone, Copy, Default)]
pub struct Dangers {
    /// The process is killed, before or after an operation.
    pub crash: u64,
    /// An answer is lost.
    pub lost: u64,
    /// A request arrives late, up to half a minute, and its answer never.
    pub late: u64,
    /// A read shows what was, up to so many seconds ago.
    pub lag_seconds: u64,
    /// The status is lost.
    pub forget: u64,
}

pub struct Simulation {
    pub service: Service,
    pub now: Timestamp,
    pub wanted: Wanted,
    pub redeploy_at: Option<String>,
    pub is_deleting: bool,
    pub has_finalizer: bool,
    pub is_gone: bool,
    pub status: greengrass_operator_core::api::SystemInstanceStatus,
    knowledge: Knowledge,
    dangers: Dangers,
    chance: Chance,
}

pub fn desired(camera: &str, deployed: bool) -> Wanted {
    let text = format!(
        "query Room @deployment(id: \"urn:tdm:eu-central-1/123456789012/default:deployment:Room\") {{ camera(deviceId: \"{camera}\") }}"
    );
    Wanted::present(Desired {
        content: Content {
            definition: Definition::parse(&text).unwrap(),
            target: SystemInstanceTarget::Cloud,
            group_name: None,
            bucket_name: None,
            flow_actions_role_arn: None,
            metrics: None,
        },
        tags: BTreeMap::new(),
        deployed,
        deletion_policy: SystemInstanceDeletionPolicy::Delete,
        suspend: false,
    })
}

impl Simulation {
    pub fn new(seed: u64, dangers: Dangers) -> Self {
        let Wanted::Present(first, _) = desired("1", true) else { unreachable!() };
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        Self {
            service: Service::new(first.content.definition.id.clone()),
            now,
            wanted: desired("1", true),
            redeploy_at: None,
            is_deleting: false,
            has_finalizer: false,
            is_gone: false,
            status: greengrass_operator_core::api::SystemInstanceStatus::default(),
            knowledge: Knowledge::new(now, None),
            dangers,
            chance: Chance::of(seed),
        }
    }

    pub fn endanger(&mut self, dangers: Dangers) {
        self.dangers = dangers;
    }

    pub fn safe(&mut self) {
        self.dangers = Dangers { lag_seconds: self.dangers.lag_seconds, ..Dangers::default() };
    }

    /// Lets time pass, with a step of the rules at each moment that has something to do.
    pub fn run(&mut self, time: SignedDuration) {
        let end = self.now + time;
        let mut steps = 0;
        while self.now < end && !self.is_gone {
            self.service.at(self.now);
            let rests = self.step();
            steps = if rests.is_some() { 0 } else { steps + 1 };
            assert!(steps < 100, "the rules go round: {:?} {:?}", self.status, self.service.done);
            if let Some(until) = rests {
                // A turn comes at least every five minutes, and looks then.
                let next = until.unwrap_or(end).min(self.now + SignedDuration::from_mins(5)).min(end);
                let is_sweep = next == self.now + SignedDuration::from_mins(5);
                self.now = next.max(self.now + SignedDuration::from_millis(100));
                if is_sweep {
                    self.knowledge.look_wanted_at = Some(self.now);
                }
            }
        }
        self.service.at(self.now);
    }

    fn crashes(&mut self) -> bool {
        let crashes = self.dangers.crash > 0 && self.chance.once_in(self.dangers.crash);
        if crashes {
            self.now += SignedDuration::from_secs(i64::try_from(self.chance.below(5)).unwrap() + 1);
            self.knowledge = Knowledge::new(self.now, None);
            if self.dangers.forget > 0 && self.chance.once_in(self.dangers.forget) {
                self.status = greengrass_operator_core::api::SystemInstanceStatus::default();
            }
        }
        crashes
    }

    /// One step; none: there is more to do, else until when it rests.
    #[allow(clippy::option_option, reason = "it rests until a time, or until something changes")]
    fn step(&mut self) -> Option<Option<Timestamp>> {
        let memory = Memory::recall(&self.status);
        let object = ObjectName { namespace: "rooms".into(), name: "room".into() };
        let absent = Wanted::Absent {
            policy: SystemInstanceDeletionPolicy::Delete,
            id: Some(self.service.id.clone()),
            suspended: false,
        };
        let (wanted, redeploy_at) = (self.wanted.clone(), self.redeploy_at.clone());
        let subject = Subject {
            cluster: "test",
            object: &object,
            uid: "u",
            generation: 1,
            created_at: self.now,
            has_finalizer: self.has_finalizer,
            reconcile_at: None,
            redeploy_at,
            access: Access::unrestricted(),
            wanted: if self.is_deleting { &absent } else { &wanted },
            rivals: &[],
        };
        let assessment = assess(&subject, &memory, &self.knowledge, self.now);
        let next = decide(&subject, &memory, &self.knowledge, &assessment);
        match next {
            // Nothing holds it.
            Step::Rest(_) if self.is_deleting && !self.has_finalizer => self.is_gone = true,
            Step::Rest(until) => {
                self.status =
                    summarise(&subject, &memory, &self.knowledge, &assessment, &self.status.conditions.clone());
                return Some(until);
            }
            Step::Ask(Query::Look(id)) => {
                let lag =
                    if self.dangers.lag_seconds > 0 { self.chance.below(self.dangers.lag_seconds + 1) } else { 0 };
                let seen = self.service.shown(self.now - SignedDuration::from_secs(i64::try_from(lag).unwrap()));
                self.knowledge.looked(&id, Look { began_at: self.now, found: seen.map(Box::new) });
                self.knowledge.verified_at = Some(self.now);
            }
            Step::Ask(Query::Tags(instance)) => {
                let tags = self.service.held().map(|held| held.tags.clone()).unwrap_or_default();
                self.knowledge.read_tags(&instance, tags);
            }
            Step::Ask(Query::Object) => self.knowledge.live_at = Some(self.now),
            Step::Ask(Query::Definition) => self.knowledge.definition = Some(Reading { at: self.now, value: false }),
            Step::Ask(Query::Owner(owner)) => {
                self.knowledge.owners.insert(owner, OwnerFound::Exists);
            }
            Step::Ask(Query::References) => panic!("there are none"),
            Step::Write(Change::AddFinalizer) => self.has_finalizer = true,
            Step::Write(Change::RemoveFinalizer { .. }) => {
                self.has_finalizer = false;
                self.is_gone = self.is_deleting;
            }
            Step::Write(Change::Remember(remembered)) => {
                if self.crashes() {
                    return None;
                }
                self.knowledge.remembered(&memory, &remembered, self.now);
                self.knowledge.live_at = Some(self.now);
                let after = assess(&subject, &remembered, &self.knowledge, self.now);
                self.status =
                    summarise(&subject, &remembered, &self.knowledge, &after, &self.status.conditions.clone());
                self.crashes();
            }
            Step::Write(Change::TagOwn(tags) | Change::Tag(_, tags)) => {
                let digest = greengrass_operator_core::deployment::revision::digest_of_tags(tags.iter());
                self.knowledge.tagged = Some(digest);
            }
            Step::Write(Change::UntagOwn(_)) => self.knowledge.untagged.clone_from(&self.knowledge.tagged),
            Step::Write(Change::Create(tags)) => self.send(Operation::Create, tags, &subject_digest(&self.wanted)),
            Step::Write(Change::Deploy(_)) => self.send(Operation::Deploy, BTreeMap::new(), ""),
            Step::Write(Change::Undeploy(_)) => self.send(Operation::Undeploy, BTreeMap::new(), ""),
            Step::Write(Change::Delete(_)) => self.send(Operation::Delete, BTreeMap::new(), ""),
        }
        None
    }

    fn send(&mut self, operation: Operation, tags: BTreeMap<String, String>, digest: &str) {
        if self.crashes() {
            return;
        }
        let write = Write { operation, digest: digest.to_owned(), tags };
        let id = self.service.id.clone();
        let failure = |kind| Failure::new(operation.call(), kind, "told by a test");
        let outcome = if self.dangers.late > 0 && self.chance.once_in(self.dangers.late) {
            let late = SignedDuration::from_secs(i64::try_from(self.chance.below(30)).unwrap() + 1);
            self.service.arrives(self.now + late, write);
            self.now += TIME_OUT;
            Err(failure(FailureKind::TimedOut))
        } else {
            match self.service.perform(self.now, &write) {
                Err(Refused) => Err(failure(FailureKind::Conflict)),
                Ok(_) if self.dangers.lost > 0 && self.chance.once_in(self.dangers.lost) => {
                    Err(failure(FailureKind::Unreachable))
                }
                Ok(None) => Ok(Reply::Gone),
                Ok(Some(instance)) => Ok(Reply::Now(Box::new(Deployed { instance, greengrass_deployment_id: None }))),
            }
        };
        if self.crashes() {
            return;
        }
        self.knowledge.sent(operation, &id, self.now, &outcome);
        if let Err(failure) = outcome {
            let request = greengrass_operator_core::trouble::Request { generation: 1, ..Default::default() };
            self.knowledge.failed(failure, self.now, |_, _| std::time::Duration::from_secs(1), request);
        }
    }
}

fn subject_digest(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Present(_, digest) => digest.to_string(),
        _ => String::new(),
    }
}
