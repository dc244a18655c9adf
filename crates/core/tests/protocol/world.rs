//! One resource, any number of replicas, one small AWS, and time that is moved by hand. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use greengrass_operator_core::api::{DeletionPolicy, GreengrassDeploymentSpec, GreengrassDeploymentStatus};
use greengrass_operator_core::deployment::assess::assess;
use greengrass_operator_core::deployment::decide::{Change, Query, Step, Why, decide};
use greengrass_operator_core::deployment::knowledge::{Knowledge, Look, Reading, later};
use greengrass_operator_core::deployment::memory::Memory;
use greengrass_operator_core::deployment::subject::{Peers, Subject, Wanted};
use greengrass_operator_core::deployment::summarise::{request, summarise};
use greengrass_operator_core::deployment::validate::validate;
use greengrass_operator_core::names::{Key, ObjectName, TargetArn};
use greengrass_operator_core::pace::{Streak, pace};
use jiff::Timestamp;

use crate::aws::Aws;

pub(crate) const TARGET: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses";

/// What stops a replica in the middle of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// Before the next `CreateDeployment` goes out.
    BeforeCreate,
    /// After it was answered, before anything was recorded.
    AfterCreate,
}

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) aws: Aws,
    pub(crate) status: GreengrassDeploymentStatus,
    pub(crate) uid: String,
    pub(crate) redeploy_at: Option<String>,
    pub(crate) deleted: Option<DeletionPolicy>,
    pub(crate) finalizer: bool,
    pub(crate) policy: DeletionPolicy,
    pub(crate) replicas: Vec<Knowledge>,
    pub(crate) crash: Option<Crash>,
    pub(crate) status_writes: u32,
    version: u64,
    generation: i64,
    content: &'static str,
}

impl World {
    pub(crate) fn new(content: &'static str) -> Self {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        Self {
            now,
            aws: Aws::new(),
            status: GreengrassDeploymentStatus::default(),
            uid: "uid-1".into(),
            redeploy_at: None,
            deleted: None,
            finalizer: false,
            policy: DeletionPolicy::Retain,
            replicas: vec![Knowledge::new(now)],
            crash: None,
            status_writes: 0,
            version: 1,
            generation: 1,
            content,
        }
    }

    /// The spec is edited: contents are told apart by a component's version.
    pub(crate) fn edit(&mut self, content: &'static str) {
        self.content = content;
        self.generation += 1;
        self.version += 1;
    }

    pub(crate) fn lose_status(&mut self) {
        self.status = GreengrassDeploymentStatus::default();
        self.version += 1;
    }

    /// The object is deleted and created again, with nothing but its spec.
    pub(crate) fn recreate(&mut self) {
        self.lose_status();
        self.uid = format!("{}+", self.uid);
        self.generation = 1;
        self.restart();
    }

    /// The process starts anew: what it knew is gone.
    pub(crate) fn restart(&mut self) {
        self.replicas = vec![Knowledge::new(self.now)];
    }

    pub(crate) fn somebody_deploys(&mut self) -> String {
        self.aws.add(TARGET, BTreeMap::from([("team".into(), "other".into())]), self.now)
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now = later(self.now, Duration::from_secs(seconds));
    }

    /// Turns of the first replica, with the waiting that they ask for, until nothing is left to wait for.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200 {
            match self.turn(0) {
                Some(until) => self.now = until.max(later(self.now, Duration::from_secs(1))),
                None => return,
            }
        }
        panic!("it never settles: {:#?}", self.status);
    }

    /// One turn of a replica; when the next one is, where it is not left to chance.
    pub(crate) fn turn(&mut self, replica: usize) -> Option<Timestamp> {
        for _ in 0..100 {
            match self.step(replica) {
                Stepped::Again => {}
                Stepped::Rest(until) => return until,
                Stepped::Crashed => {
                    self.replicas[replica] = Knowledge::new(self.now);
                    return Some(self.now);
                }
            }
        }
        panic!("a turn without end: {:#?}", self.status);
    }

    /// A look is asked for, as a timer does.
    pub(crate) fn look_now(&mut self) {
        let now = self.now;
        self.replicas[0].look_wanted_at = Some(now);
    }

    fn desired(&self) -> greengrass_operator_core::deployment::desired::Desired {
        let spec: GreengrassDeploymentSpec = serde_json::from_value(serde_json::json!({
            "targetArn": TARGET,
            "components": {"com.example.Press": {"componentVersion": format!("1.0.{}", self.content.len()),
                "configurationUpdate": {"merge": {"content": self.content}}}},
        }))
        .unwrap();
        let mut desired = validate(&object(), &spec).unwrap();
        desired.deletion_policy = self.policy;
        desired
    }

    fn step(&mut self, replica: usize) -> Stepped {
        let object = object();
        let wanted = match self.deleted {
            Some(policy) => Wanted::Absent {
                policy,
                key: Some(Key { target: TargetArn::parse(TARGET).unwrap(), parent: None }),
                suspended: false,
            },
            None => Wanted::present(self.desired()),
        };
        let peers = Peers::default();
        let version = self.version.to_string();
        let uid = self.uid.clone();
        let subject = Subject {
            cluster: "test",
            object: &object,
            uid: &uid,
            resource_version: &version,
            generation: self.generation,
            created_at: Timestamp::UNIX_EPOCH,
            has_finalizer: self.finalizer,
            reconcile_at: None,
            redeploy_at: self.redeploy_at.clone(),
            wanted: &wanted,
            peers: &peers,
        };
        let memory = Memory::recall(&self.status);
        let mut knowledge = self.replicas[replica].clone();
        let assessment = assess(&subject, &memory, &knowledge, self.now);
        let step = decide(&subject, &memory, &knowledge, &assessment);
        let mut stepped = Stepped::Again;
        match &step {
            Step::Rest(until) => {
                let status = summarise(&subject, &memory, &assessment, &self.status.conditions);
                self.put(status);
                stepped = Stepped::Rest(*until);
            }
            Step::Ask(Query::Look) => {
                let rows = self.aws.rows(self.now);
                let look = Look { began_at: self.now, resource_version: version, rows };
                knowledge.looked(look, memory.deployment.as_ref().map(|own| own.deployment_id.as_str()));
                knowledge.verified_at = Some(self.now);
            }
            Step::Ask(Query::Deployment(id)) => {
                let details = self.aws.get(id, self.now);
                knowledge.read(id, self.now, details);
            }
            Step::Ask(Query::Subdeployments) => {
                knowledge.subdeployments = Some(Reading { at: self.now, value: Vec::new() });
            }
            Step::Ask(Query::Parent) => unreachable!("no parent in this world"),
            Step::Ask(Query::Object) => knowledge.live_at = Some(self.now),
            Step::Ask(Query::Claimants) => {
                knowledge.claimants = Some(Reading { at: self.now, value: Vec::new() });
            }
            Step::Write(Change::AddFinalizer) => self.set_finalizer(true, &mut knowledge),
            Step::Write(Change::RemoveFinalizer { .. }) => self.set_finalizer(false, &mut knowledge),
            Step::Write(Change::Remember(memory, why)) => {
                let own = memory.deployment.as_ref().map(|own| own.deployment_id.as_str());
                match why {
                    Why::Settled | Why::TakenUp => knowledge.settled(own, self.now),
                    Why::Spent => {
                        knowledge.sends = None;
                        knowledge.look = None;
                    }
                    Why::Closed => knowledge.sends = None,
                    Why::Intent => knowledge.intent_recorded(memory.intent.as_ref().unwrap().ordinal),
                    Why::Rebound | Why::Foreign | Why::Tagged => {}
                }
                let assessment = assess(&subject, memory, &knowledge, self.now);
                let status = summarise(&subject, memory, &assessment, &self.status.conditions);
                self.put(status);
                knowledge.wrote(&version, &self.version.to_string(), self.now);
            }
            Step::Write(Change::Create { ordinal, token, request: body }) => {
                if self.crash == Some(Crash::BeforeCreate) {
                    self.crash = None;
                    return Stepped::Crashed;
                }
                let outcome = self.aws.create(token, body, self.now);
                if self.crash == Some(Crash::AfterCreate) {
                    self.crash = None;
                    return Stepped::Crashed;
                }
                knowledge.sent(*ordinal, self.now, &outcome);
                if let Err(failure) = outcome {
                    let now = self.now;
                    let of_pace = failure.clone();
                    let wait = |attempts, first_failed_at| pace(&of_pace, Streak { attempts, first_failed_at }, now, 0.5);
                    knowledge.failed(failure, now, wait, request(&subject));
                }
            }
            Step::Write(Change::Cancel(id)) => {
                self.set_status(id, greengrass_operator_core::deployment::knowledge::RowStatus::Canceled);
                knowledge.canceled.insert(id.clone());
                knowledge.details.remove(id);
            }
            Step::Write(Change::Delete(id)) => {
                self.aws.details.retain(|details| details.row.deployment_id != *id);
                knowledge.deleted.insert(id.clone());
            }
            Step::Write(Change::Tag | Change::Untag(_)) => unreachable!("no tags in this world"),
        }
        self.replicas[replica] = knowledge;
        stepped
    }

    pub(crate) fn set_status(&mut self, id: &str, status: greengrass_operator_core::deployment::knowledge::RowStatus) {
        for details in self.aws.details.iter_mut().filter(|details| details.row.deployment_id == id) {
            details.row.status = status;
        }
    }

    fn set_finalizer(&mut self, present: bool, knowledge: &mut Knowledge) {
        let before = self.version.to_string();
        self.finalizer = present;
        self.version += 1;
        knowledge.wrote(&before, &self.version.to_string(), self.now);
    }

    fn put(&mut self, status: GreengrassDeploymentStatus) {
        assert_rules(&status, self.generation);
        if status != self.status {
            self.status = status;
            self.version += 1;
            self.status_writes += 1;
        }
    }

    pub(crate) fn ready(&self) -> (String, String) {
        let ready = self.status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
        (ready.status.clone(), ready.reason.clone())
    }

    /// The live deployment is ours and holds this content.
    pub(crate) fn assert_live(&self, content: &str) {
        let live = self.aws.live().unwrap_or_else(|| panic!("nothing is live: {:#?}", self.aws.details));
        assert_eq!(Some(&live.row.deployment_id), self.status.deployment_id.as_ref(), "{:#?}", self.status);
        assert_eq!(self.content, content);
        assert_eq!(self.ready(), ("True".to_owned(), "Deployed".to_owned()));
        assert_eq!(live.tags.get("greengrass-operator.dev/digest"), self.status.applied_digest.as_ref());
        assert_eq!(self.status.applied_generation, Some(self.generation));
        assert!(self.status.intent.is_none());
    }

    /// How many deployments the operator made.
    pub(crate) fn made(&self) -> usize {
        self.aws.details.iter().filter(|d| d.tags.contains_key("greengrass-operator.dev/resource")).count()
    }
}

enum Stepped {
    Again,
    Rest(Option<Timestamp>),
    Crashed,
}

fn object() -> ObjectName {
    ObjectName { namespace: "plant".into(), name: "presses".into() }
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
