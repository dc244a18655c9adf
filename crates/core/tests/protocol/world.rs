//! One resource, two replicas, one small AWS, and time that is moved by hand. Pure.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use greengrass_operator_core::api::{DeletionPolicy, GreengrassDeploymentSpec, GreengrassDeploymentStatus};
use greengrass_operator_core::deployment::desired::Desired;
use greengrass_operator_core::deployment::knowledge::{Knowledge, RowStatus, later};
use greengrass_operator_core::deployment::references::References;
use greengrass_operator_core::deployment::subject::{Claimant, Peers, Wanted};
use greengrass_operator_core::deployment::validate::validate;
use greengrass_operator_core::names::{Key, ObjectName, TargetArn};
use jiff::Timestamp;

use crate::aws::Aws;
use crate::oracle::Oracle;

pub(crate) const TARGET: &str = "arn:aws:iot:eu-central-1:123456789012:thinggroup/Presses";

/// Every resource is looked at this often, though nothing happens.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_mins(5);

/// A replica that has lost leadership without noticing may go on so long.
const ZOMBIE_FOR: Duration = Duration::from_secs(40);

thread_local! {
    static WANTED: RefCell<BTreeMap<String, Wanted>> = const { RefCell::new(BTreeMap::new()) };
}

/// What stops a replica in the middle of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// Before the next `CreateDeployment` goes out.
    BeforeCreate,
    /// After it was answered, before anything was recorded.
    AfterCreate,
    /// After `TagResource`.
    AfterTag,
}

/// The object, as the API server or a replica's cache holds it.
#[derive(Clone)]
#[allow(clippy::struct_excessive_bools, reason = "an object has as many yes-or-no fields")]
pub(crate) struct Object {
    pub(crate) version: u64,
    pub(crate) generation: i64,
    pub(crate) uid: String,
    pub(crate) content: &'static str,
    pub(crate) target: &'static str,
    pub(crate) parent: Option<&'static str>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) suspend: bool,
    pub(crate) invalid: bool,
    pub(crate) policy: DeletionPolicy,
    pub(crate) reconcile_at: Option<String>,
    pub(crate) redeploy_at: Option<String>,
    pub(crate) deleting: bool,
    pub(crate) finalizer: bool,
    /// Deleted, and nothing holds it any more.
    pub(crate) gone: bool,
    pub(crate) status: GreengrassDeploymentStatus,
    /// How often the status was changed by somebody else.
    pub(crate) status_edits: u32,
}

impl Object {
    pub(crate) fn key(&self) -> Key {
        Key {
            target: TargetArn::parse(self.target).unwrap(),
            parent: self.parent.map(|parent| TargetArn::parse(parent).unwrap()),
        }
    }

    pub(crate) fn wanted(&self) -> Wanted {
        if self.deleting {
            return Wanted::Absent {
                policy: self.policy,
                key: Some(self.key()),
                suspended: self.suspend,
                removal: None,
            };
        }
        if self.invalid {
            return Wanted::Invalid("spec.components: nonsense".into());
        }
        // Reading a spec and hashing it takes longer than all the rest of a step.
        let same = format!("{:?}", (self.content, self.target, self.parent, &self.tags, self.suspend, self.policy));
        WANTED.with_borrow_mut(|known| known.entry(same).or_insert_with(|| Wanted::present(self.desired())).clone())
    }

    fn desired(&self) -> Desired {
        let spec: GreengrassDeploymentSpec = serde_json::from_value(serde_json::json!({
            "targetArn": self.target,
            "components": {"com.example.Press": {"componentVersion": "1.0.0",
                "configurationUpdate": {"merge": {"content": self.content}}}},
        }))
        .unwrap();
        let mut desired = validate(&name(), &spec, &References::unrestricted()).unwrap();
        desired.key = self.key();
        desired.tags.clone_from(&self.tags);
        desired.deletion_policy = self.policy;
        desired.suspend = self.suspend;
        desired
    }
}

/// One process of the operator.
#[derive(Clone)]
pub(crate) struct Replica {
    pub(crate) knowledge: Knowledge,
    /// Its cache.
    pub(crate) object: Object,
    /// Since when it leads.
    pub(crate) since: Timestamp,
    /// Between two turns.
    pub(crate) resting: bool,
    pub(crate) next_look_at: Option<Timestamp>,
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) aws: Aws,
    /// What the API server has.
    pub(crate) object: Object,
    pub(crate) replicas: [Replica; 2],
    pub(crate) leader: usize,
    pub(crate) zombie_until: Timestamp,
    pub(crate) peers: Peers,
    /// Other resources with the key that the API server has, whether the cache has them or not.
    pub(crate) claimants: Vec<Claimant>,
    /// Resources that exist beside the one.
    pub(crate) living: BTreeSet<ObjectName>,
    /// The definition is being deleted.
    pub(crate) definition_goes: bool,
    pub(crate) crash: Option<Crash>,
    pub(crate) status_writes: u32,
    pub(crate) oracle: Oracle,
    past: Vec<GreengrassDeploymentStatus>,
}

impl World {
    pub(crate) fn new(content: &'static str) -> Self {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let object = Object {
            version: 1,
            generation: 1,
            uid: "uid-1".into(),
            content,
            target: TARGET,
            parent: None,
            tags: BTreeMap::new(),
            suspend: false,
            invalid: false,
            policy: DeletionPolicy::Retain,
            reconcile_at: None,
            redeploy_at: None,
            deleting: false,
            finalizer: false,
            gone: false,
            status: GreengrassDeploymentStatus::default(),
            status_edits: 0,
        };
        let replica = Replica {
            knowledge: Knowledge::new(now),
            object: object.clone(),
            since: now,
            resting: true,
            next_look_at: None,
        };
        let mut world = Self {
            now,
            aws: Aws::new(),
            oracle: Oracle::default(),
            object,
            replicas: [replica.clone(), replica],
            leader: 0,
            zombie_until: now,
            peers: Peers::default(),
            claimants: Vec::new(),
            living: BTreeSet::new(),
            definition_goes: false,
            crash: None,
            status_writes: 0,
            past: Vec::new(),
        };
        world.oracle.requested(&world.object);
        world
    }

    /// The object is changed by its owner.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Object)) {
        change(&mut self.object);
        self.object.generation += 1;
        self.object.version += 1;
        self.oracle.requested(&self.object);
    }

    pub(crate) fn edit(&mut self, content: &'static str) {
        self.change(|object| object.content = content);
    }

    pub(crate) fn redeploy(&mut self, at: &str) {
        self.object.redeploy_at = Some(at.to_owned());
        self.object.version += 1;
        self.oracle.redeploys += 1;
        self.oracle.requested(&self.object);
    }

    pub(crate) fn delete(&mut self) {
        self.object.version += 1;
        self.object.deleting = true;
        self.object.gone = !self.object.finalizer;
    }

    pub(crate) fn lose_status(&mut self) {
        self.restore_status(GreengrassDeploymentStatus::default());
    }

    /// The status becomes what it was `back` writes ago, as after the restoration of a backup.
    pub(crate) fn restore_older_status(&mut self, back: usize) {
        let older = self.past.iter().rev().nth(back).cloned().unwrap_or_default();
        self.restore_status(older);
    }

    fn restore_status(&mut self, status: GreengrassDeploymentStatus) {
        let recorded = self.object.status.deployment_id.clone();
        self.oracle.forgotten(recorded.as_deref(), &self.aws, self.now);
        self.object.status = status;
        self.object.status_edits += 1;
        self.object.version += 1;
    }

    /// The object is created again, with nothing but its spec.
    pub(crate) fn recreate(&mut self) {
        self.lose_status();
        self.object.uid = format!("{}+", self.object.uid);
        self.object.generation = 1;
        self.object.deleting = false;
        self.object.finalizer = false;
        self.past.clear();
        if self.object.gone {
            self.object.gone = false;
            self.oracle.requested(&self.object);
        }
    }

    /// The process starts anew: what it knew is gone.
    pub(crate) fn restart(&mut self, replica: usize) {
        self.replicas[replica] = Replica {
            knowledge: Knowledge::new(self.now),
            object: self.object.clone(),
            since: self.now,
            resting: true,
            next_look_at: None,
        };
    }

    /// The other replica leads; this one may not have noticed.
    pub(crate) fn fail_over(&mut self) {
        self.leader = 1 - self.leader;
        self.restart(self.leader);
        self.zombie_until = later(self.now, ZOMBIE_FOR);
        self.replicas[self.leader].knowledge.predecessor_until = Some(self.zombie_until);
    }

    /// Whether a replica may do anything.
    pub(crate) fn acts(&self, replica: usize) -> bool {
        replica == self.leader || self.now < self.zombie_until
    }

    /// The cache of a replica gets what the API server has.
    pub(crate) fn watch(&mut self, replica: usize) {
        let replica = &mut self.replicas[replica];
        if replica.object.version == self.object.version {
            return;
        }
        let before = std::mem::replace(&mut replica.object, self.object.clone());
        let after = &replica.object;
        if before.uid != after.uid {
            let predecessor_until = replica.knowledge.predecessor_until;
            replica.knowledge = Knowledge { predecessor_until, ..Knowledge::new(replica.since) };
            replica.next_look_at = None;
        }
        let looks = before.uid != after.uid
            || before.deleting != after.deleting
            || before.finalizer != after.finalizer
            || before.status_edits != after.status_edits;
        if looks {
            replica.knowledge.look_wanted_at = Some(self.now);
        }
    }

    pub(crate) fn somebody_deploys(&mut self) -> String {
        let id = self.aws.add(TARGET, None, BTreeMap::from([("team".into(), "other".into())]), self.now);
        self.oracle.foreign(&id);
        id
    }

    /// Somebody deletes a deployment in AWS.
    pub(crate) fn somebody_deletes(&mut self, id: &str) {
        self.oracle.deleted(id, &self.aws);
        self.aws.remove(id);
    }

    /// The requests that were on their way arrive.
    pub(crate) fn late_arrive(&mut self) {
        self.aws.late_arrive(self.now);
        self.oracle.committed(&self.aws);
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.wait_until(later(self.now, Duration::from_secs(seconds)));
    }

    /// Time passes; what is on its way arrives in it.
    pub(crate) fn wait_until(&mut self, until: Timestamp) {
        while let Some(at) = self.aws.late_by().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.aws.due_arrive(self.now);
            self.oracle.committed(&self.aws);
        }
        self.now = until.max(self.now);
    }

    /// Turns of the leader, with the waiting that they ask for, until nothing is left to wait for.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200 {
            match self.turn(self.leader) {
                Some(until) => self.wait_until(until.max(later(self.now, Duration::from_secs(1)))),
                None => return,
            }
        }
        panic!("it never settles: {:#?}", self.object.status);
    }

    /// A look is asked for, as a timer does.
    pub(crate) fn look_now(&mut self) {
        let now = self.now;
        self.replicas[self.leader].knowledge.look_wanted_at = Some(now);
    }

    pub(crate) fn knowledge(&self) -> &Knowledge {
        &self.replicas[self.leader].knowledge
    }

    pub(crate) fn set_status(&mut self, id: &str, status: RowStatus) {
        self.aws.set_status(id, status);
    }

    /// What was before can be restored.
    pub(crate) fn archive(&mut self) {
        self.past.push(self.object.status.clone());
    }

    pub(crate) fn condition(&self, name: &str) -> Option<(String, String, String)> {
        let found = self.object.status.conditions.iter().find(|condition| condition.type_ == name)?;
        Some((found.status.clone(), found.reason.clone(), found.message.clone()))
    }

    pub(crate) fn ready(&self) -> (String, String) {
        let (status, reason, _) = self.condition("Ready").unwrap();
        (status, reason)
    }

    pub(crate) fn reason(&self) -> String {
        self.ready().1
    }

    /// The live deployment is ours and holds this content.
    pub(crate) fn assert_live(&self, content: &str) {
        let Object { target, parent, status, .. } = &self.object;
        let live =
            self.aws.live_of(target, *parent).unwrap_or_else(|| panic!("nothing is live: {:#?}", self.aws.details));
        assert_eq!(Some(&live.row.deployment_id), status.deployment_id.as_ref(), "{status:#?}");
        assert_eq!(self.object.content, content);
        assert_eq!(self.ready(), ("True".to_owned(), "Deployed".to_owned()), "{status:#?}");
        assert_eq!(live.tags.get("greengrass-operator.dev/digest"), status.applied_digest.as_ref());
        assert_eq!(status.applied_generation, Some(self.object.generation));
        assert_eq!(status.last_handled_redeploy_at, self.object.redeploy_at);
        assert!(status.intent.is_none());
    }

    /// How many deployments of ours there are.
    pub(crate) fn made(&self) -> usize {
        self.aws.details.iter().filter(|d| d.tags.contains_key("greengrass-operator.dev/resource")).count()
    }
}

pub(crate) fn name() -> ObjectName {
    ObjectName { namespace: "plant".into(), name: "presses".into() }
}
