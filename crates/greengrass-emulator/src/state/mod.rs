//! The emulated services' state, by account and region, and what each operation does to it. Pure: time, ids and switches are passed in.

mod agenda;
pub(crate) mod components;
mod create;
pub(crate) mod deployments;
mod devices;
mod document;
mod fleet;
mod history;
mod identity;
mod jobs;
mod membership;
mod operations;
pub(crate) mod overview;
mod paging;
mod progress;
#[cfg(test)]
mod properties;
mod shadows;
mod system_instances;
mod tags;
pub(crate) mod things;
pub(crate) mod tokens;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    component::{ComponentState, ComponentVersionRecord},
    deployment::{DeploymentRecord, DeploymentStatus},
    error::ServiceError,
    ids::Ids,
    job::ExecutionCounts,
    operation::Operation,
    principal::Principal,
    scope::Scope,
    switches::Switches,
    system_instance::{SystemInstanceId, SystemInstanceRecord, SystemInstanceStatus},
    xml::Element,
};
use agenda::Agenda;
use components::{ComponentKey, Components};
use deployments::{Deployments, View};
use devices::Devices;
pub(crate) use fleet::{DeviceChange, Plug};
use identity::Identities;
pub(crate) use identity::SessionCredentials;
use jobs::Jobs;
use shadows::Shadows;
use system_instances::SystemInstances;
use things::Things;
use tokens::Tokens;

/// Everything.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) switches: Switches,
    pub(crate) ids: Ids,
    pub(crate) identities: Identities,
    partitions: BTreeMap<Scope, Partition>,
}

/// What an operation may need.
struct Parts<'a> {
    partition: &'a mut Partition,
    identities: &'a mut Identities,
    ids: &'a mut Ids,
    switches: &'a Switches,
}

/// What one account has in one region.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) scope: Scope,
    pub(crate) things: Things,
    pub(crate) deployments: Deployments,
    pub(crate) tokens: Tokens,
    jobs: Jobs,
    devices: Devices,
    shadows: Shadows,
    pub(crate) system_instances: SystemInstances,
    pub(crate) components: Components,
    agenda: Agenda,
}

/// A request whose input satisfies the constraints of the model.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) scope: Scope,
    pub(crate) principal: Principal,
    pub(crate) operation: Operation,
    pub(crate) input: Input,
}

/// The input of an operation as [`crate::shape::Shape::read`] leaves it.
#[derive(Debug, Clone)]
pub(crate) struct Input(pub(crate) Map<String, Value>);

impl Input {
    pub(crate) fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Null)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).as_str()
    }

    /// A member that the model requires: checked when the input was read.
    pub(crate) fn required(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    /// The size of a page: within the bounds of the model, so it always fits.
    pub(crate) fn page_size(&self, default: usize) -> usize {
        self.get("maxResults").as_u64().and_then(|size| usize::try_from(size).ok()).unwrap_or(default)
    }
}

/// A successful answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Body,
}

/// What an answer holds, in the format of its service.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    Xml(Element),
}

impl Body {
    /// Null when there is none; the text of an answer in XML.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Empty => Value::Null,
            Self::Json(body) => body,
            Self::Xml(root) => Value::from(root.to_string()),
        }
    }
}

impl Answer {
    pub(crate) const fn ok(body: Value) -> Self {
        Self { status: 200, body: Body::Json(body) }
    }
}

/// Which state a read sees: that of now, unless a fault rule says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ReadAt {
    #[default]
    Now,
    /// The state as it was at a time.
    Time(Timestamp),
    /// The state as it was before the last so many writes.
    WritesAgo(u64),
}

impl State {
    pub(crate) fn new(seed: u64, switches: Switches) -> Self {
        Self { switches, ids: Ids::new(seed), identities: Identities::default(), partitions: BTreeMap::new() }
    }

    /// Forgets everything but the switches and the identities; ids go on.
    pub(crate) fn clear(&mut self) {
        self.partitions.clear();
    }

    pub(crate) fn partition(&self, scope: &Scope) -> Option<&Partition> {
        self.partitions.get(scope)
    }

    pub(crate) fn partition_mut(&mut self, scope: &Scope) -> &mut Partition {
        self.partitions.entry(scope.clone()).or_insert_with(|| Partition::new(scope))
    }

    /// The partition with what its operations need besides.
    fn parts(&mut self, scope: &Scope) -> Parts<'_> {
        let Self { switches, ids, identities, partitions } = self;
        let partition = partitions.entry(scope.clone()).or_insert_with(|| Partition::new(scope));
        Parts { partition, identities, ids, switches }
    }

    /// Lets everything happen that was due by now, in every account and region.
    pub(crate) fn run_until(&mut self, now: Timestamp) {
        for partition in self.partitions.values_mut() {
            partition.run_until(now, &self.switches);
        }
    }

    /// Does what a call asks for.
    pub(crate) fn execute(&mut self, call: &Call, now: Timestamp, read_at: ReadAt) -> Result<Answer, ServiceError> {
        operations::execute(self, call, now, read_at)
    }

    /// A deployment wherever it is, with its scope.
    pub(crate) fn find_deployment(&self, id: &str) -> Option<(&Scope, DeploymentRecord)> {
        self.partitions.iter().find_map(|(scope, partition)| {
            let record = partition.deployments.record(scope, id, View::now())?;
            Some((scope, record))
        })
    }

    /// Sets the status of a deployment, as devices or an abort would. False when there is no such deployment.
    pub(crate) fn force_status(&mut self, id: &str, status: DeploymentStatus, now: Timestamp) -> bool {
        let Self { switches, partitions, ids: _, identities: _ } = self;
        partitions.values_mut().any(|partition| {
            partition.run_until(now, switches);
            partition.force_status(id, status, now).is_some()
        })
    }

    /// The component versions of every account and region.
    pub(crate) fn components(&self, now: Timestamp) -> Vec<(Scope, ComponentVersionRecord)> {
        let of = |(scope, partition): (&Scope, &Partition)| {
            let records = partition.components.records(scope, now, &self.switches);
            records.into_iter().map(|record| (scope.clone(), record)).collect::<Vec<_>>()
        };
        self.partitions.iter().flat_map(of).collect()
    }

    /// Says in what state a component version is. False when there is no such version.
    pub(crate) fn tell_component(
        &mut self,
        arn: &str,
        state: ComponentState,
        errors: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> bool {
        // What was due before found it as it was.
        self.run_until(now);
        self.partitions.iter_mut().any(|(scope, partition)| {
            let key = ComponentKey::within(scope, arn);
            key.is_some_and(|key| partition.components.tell(&key, state, errors.clone(), now))
        })
    }

    /// The system instances of every account and region.
    pub(crate) fn system_instances(&self) -> Vec<SystemInstanceRecord> {
        self.partitions.values().flat_map(|partition| partition.system_instances.records()).collect()
    }

    /// Sets the status of a system instance by hand. False when there is no such system instance.
    pub(crate) fn force_system_instance(
        &mut self,
        id: &SystemInstanceId,
        status: SystemInstanceStatus,
        now: Timestamp,
    ) -> bool {
        let Self { switches, partitions, ids: _, identities: _ } = self;
        partitions.get_mut(id.scope()).is_some_and(|partition| {
            partition.run_until(now, switches);
            partition.force_system_instance(id.name(), status, now)
        })
    }

    pub(crate) fn execution_counts(&self, job_id: &str) -> Option<ExecutionCounts> {
        self.partitions.values().find_map(|partition| partition.jobs.get(job_id)).map(|job| *job.counts())
    }

    /// Accounts, regions, targets and deployments, for people and tests.
    pub(crate) fn report(&self) -> Value {
        let mut accounts: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
        for (scope, partition) in &self.partitions {
            accounts.entry(&scope.account).or_default().insert(&scope.region, partition.report());
        }
        json!({"accounts": accounts})
    }
}

impl Partition {
    fn new(scope: &Scope) -> Self {
        Self {
            scope: scope.clone(),
            things: Things::default(),
            deployments: Deployments::default(),
            tokens: Tokens::default(),
            jobs: Jobs::default(),
            devices: Devices::default(),
            shadows: Shadows::default(),
            system_instances: SystemInstances::default(),
            components: Components::default(),
            agenda: Agenda::default(),
        }
    }

    /// The client tokens of an operation: each has its own.
    pub(crate) const fn tokens_of(&mut self, operation: Operation) -> &mut Tokens {
        let creates_component = matches!(operation, Operation::CreateComponentVersion);
        if creates_component { &mut self.components.tokens } else { &mut self.tokens }
    }

    /// The target of a deployment, whether or not a view shows it.
    pub(crate) fn target_of_deployment(&self, id: &str) -> Option<String> {
        self.deployments.get(id, View::now()).map(|(row, _)| row.key.target.to_string())
    }

    /// The target of a deployment's job.
    pub(crate) fn target_of_job(&self, job_id: &str) -> Option<String> {
        self.jobs.get(job_id).map(|job| self.scope.thing_group_arn(&job.group))
    }

    /// All deployments, oldest first.
    pub(crate) fn records(&self) -> Vec<DeploymentRecord> {
        self.deployments.records(&self.scope, View::now())
    }

    fn report(&self) -> Value {
        let mut targets: BTreeMap<String, Vec<DeploymentRecord>> = BTreeMap::new();
        for record in self.records() {
            targets.entry(record.target_arn.clone()).or_default().push(record);
        }
        json!({
            "things": self.things.thing_names(),
            "thingGroups": self.things.groups_with_members(),
            "targets": targets,
            "jobs": self.jobs.report(),
        })
    }
}
