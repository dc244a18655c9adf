//! The emulator as a library: reading its state and ledger, changing what it is told from outside. No I/O but the clock.

mod builder;
mod components;
mod core;
mod faults;
mod roles;
mod system_instances;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    access_keys::AccessKey,
    clock::Clock,
    deployment::{DeploymentRecord, DeploymentStatus},
    error::ServiceError,
    fleet::{Fleet, FleetError},
    http_client::EmulatorHttpClient,
    job::ExecutionCounts,
    ledger::CallRecord,
    limits::Limits,
    operation::Operation,
    page::events::Readers,
    principal::Principal,
    quotas::Quotas,
    scope::Scope,
    state::{Call, DeviceChange, Input, Plug, ReadAt},
    state_file::{Change, digest_of_fleet},
    switches::{SwitchError, Switches},
};

pub(crate) use self::core::Core;
pub use builder::EmulatorBuilder;
pub use faults::Faults;

/// The account of callers whose access key id is `test`: the number that AWS's own documentation uses.
pub const DEFAULT_ACCOUNT: &str = "123456789012";

/// AWS `IoT` Greengrass V2, and the part of `IoT` Core that its deployments need. Clones share everything.
#[derive(Clone)]
pub struct Emulator {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) default_account: String,
    pub(crate) limits: Limits,
    pub(crate) seed: u64,
    core: Mutex<Core>,
    /// Told whenever the ledger has changed.
    pub(crate) ledger_changed: Notify,
    pub(crate) readers: Readers,
}

impl Default for Emulator {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Emulator")
            .field("clock", &self.inner.clock)
            .field("default_account", &self.inner.default_account)
            .finish_non_exhaustive()
    }
}

impl Emulator {
    /// Settings to build one from.
    #[must_use]
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// The state machine. A panic under the lock, which would be a defect, leaves it usable.
    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        self.inner.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state machine, after everything that was due by now.
    pub(crate) fn current(&self) -> MutexGuard<'_, Core> {
        let mut core = self.core();
        // Read under the lock: what happens later has a later time.
        let now = self.now();
        core.state.run_until(now);
        core
    }

    /// The emulator's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Moves the clock on; `None` when it is one that can't be moved. What is due meanwhile happens, each at its own time.
    #[must_use]
    pub fn advance(&self, by: Duration) -> Option<Timestamp> {
        let mut core = self.core();
        let now = self.inner.clock.advance(by)?;
        core.note(now, || Change::Clock { moved: by });
        Some(now)
    }

    /// An HTTP client for the AWS SDKs that reaches this emulator without a socket, whatever the endpoint's address is.
    #[must_use]
    pub fn http_client(&self) -> EmulatorHttpClient {
        EmulatorHttpClient::new(self.clone())
    }

    /// How many calls the ledger has forgotten because there were more than its [limits](Limits) let it keep.
    #[must_use]
    pub fn forgotten_calls(&self) -> u64 {
        self.core().ledger.forgotten()
    }

    /// All calls, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallRecord> {
        self.core().ledger.calls().iter().cloned().collect()
    }

    /// The calls about a target, a role or a system instance, oldest first.
    #[must_use]
    pub fn calls_about(&self, arn: &str) -> Vec<CallRecord> {
        self.core().ledger.calls().iter().filter(|call| call.target_arn.as_deref() == Some(arn)).cloned().collect()
    }

    /// The calls of one operation, oldest first.
    #[must_use]
    pub fn calls_of(&self, operation: &str) -> Vec<CallRecord> {
        self.core().ledger.calls().iter().filter(|call| call.operation == operation).cloned().collect()
    }

    /// Empties the ledger. Sequence numbers go on.
    pub fn clear_calls(&self) {
        self.forget_calls(|_| true);
    }

    /// Takes calls out of the ledger.
    pub(crate) fn forget_calls(&self, forgotten: impl Fn(&CallRecord) -> bool) {
        self.core().ledger.retain(|call| !forgotten(call));
        self.inner.ledger_changed.notify_waiters();
    }

    /// Waits until the ledger satisfies a condition: until a call has arrived, for instance, or has been answered.
    pub async fn wait_for_calls(&self, satisfied: impl Fn(&[CallRecord]) -> bool) {
        loop {
            let changed = self.inner.ledger_changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that a change in between isn't missed.
            changed.as_mut().enable();
            if satisfied(self.core().ledger.as_slice()) {
                return;
            }
            changed.await;
        }
    }

    /// The fault rules.
    #[must_use]
    pub fn faults(&self) -> Faults<'_> {
        Faults(self)
    }

    /// The switches as they are.
    #[must_use]
    pub fn switches(&self) -> Switches {
        self.core().state.switches.clone()
    }

    /// Sets all switches. What was due before happened under the old ones.
    pub fn set_switches(&self, switches: Switches) {
        let mut core = self.core();
        let now = self.now();
        core.change_switches(switches, now);
    }

    /// Changes switches by their names.
    pub(crate) fn change_switches(&self, change: &Value) -> Result<Switches, SwitchError> {
        let mut core = self.core();
        let now = self.now();
        let switches = core.state.switches.with(change)?;
        core.change_switches(switches.clone(), now);
        Ok(switches)
    }

    /// The quotas as they are.
    #[must_use]
    pub fn quotas(&self) -> Quotas {
        self.core().meter.quotas
    }

    /// Sets all quotas.
    pub fn set_quotas(&self, quotas: Quotas) {
        let mut core = self.core();
        core.meter.quotas = quotas;
        core.note(self.now(), || Change::Quotas(quotas));
    }

    /// Makes an access key known, in place of one with the same id.
    pub fn add_access_key(&self, key: AccessKey) {
        self.core().state.identities.add_access_key(key);
    }

    /// Forgets an access key that was added. False when there is none with this id.
    #[must_use = "false means that there is no such key"]
    pub fn remove_access_key(&self, id: &str) -> bool {
        self.core().state.identities.remove_access_key(id)
    }

    /// Forgets all state, the ledger and the fault rules. Switches, quotas, access keys, roles with their sessions, clock and the sequence of ids stay.
    pub fn reset(&self) {
        let mut core = self.core();
        core.clear();
        core.note(self.now(), || Change::Reset);
        drop(core);
        self.inner.ledger_changed.notify_waiters();
    }

    /// All deployments of an account and region, oldest first.
    #[must_use]
    pub fn deployments(&self, account: &str, region: &str) -> Vec<DeploymentRecord> {
        self.current()
            .state
            .partition(&Scope::new(account, region))
            .map(crate::state::Partition::records)
            .unwrap_or_default()
    }

    /// A deployment, wherever it is.
    #[must_use]
    pub fn deployment(&self, id: &str) -> Option<DeploymentRecord> {
        self.current().state.find_deployment(id).map(|(_, record)| record)
    }

    /// Sets the status of a deployment, as a device's report or an abort would. False when there is no such deployment.
    #[must_use = "false means that there is no such deployment"]
    pub fn set_deployment_status(&self, id: &str, status: DeploymentStatus) -> bool {
        let mut core = self.core();
        let now = self.now();
        let set = core.state.force_status(id, status, now);
        if set {
            core.note(now, || Change::DeploymentStatus { id: id.to_owned(), status });
        }
        set
    }

    /// State as JSON: accounts, regions, targets, deployments, jobs, things, groups.
    #[must_use]
    pub fn report(&self) -> Value {
        self.current().state.report()
    }

    /// Makes what a fleet names, and says how many devices that are.
    pub fn add_fleet(&self, fleet: &Fleet) -> Result<u64, FleetError> {
        let mut core = self.core();
        let now = self.now();
        core.add_fleet(fleet, self.inner.seed, now)
    }

    /// The same unless a [state file](EmulatorBuilder::open) has this very fleet: then its devices go on as they are. `None` when it has.
    pub fn begin_with_fleet(&self, fleet: &Fleet) -> Result<Option<u64>, FleetError> {
        let mut core = self.core();
        if core.fleets.contains(&digest_of_fleet(fleet)) {
            return Ok(None);
        }
        let now = self.now();
        core.add_fleet(fleet, self.inner.seed, now).map(Some)
    }

    /// The core devices in a few words each: all of them, or those in a thing group and below it.
    #[must_use]
    pub fn devices(&self, thing_group: Option<&str>) -> Vec<Value> {
        let mut core = self.core();
        let now = self.now();
        core.state.run_until(now);
        core.state.devices(thing_group, now)
    }

    /// A core device with its components, their configuration, and its deployments. `None` when there is no such device.
    #[must_use]
    pub fn device(&self, account: &str, region: &str, name: &str) -> Option<Value> {
        let mut core = self.core();
        let now = self.now();
        core.state.run_until(now);
        core.state.device(&Scope::new(account, region), name, now)
    }

    /// The accounts and regions that have a device of a name.
    pub(crate) fn scopes_of_device(&self, name: &str) -> Vec<Scope> {
        self.core().state.scopes_of_device(name)
    }

    /// Connects or disconnects a device; `None` leaves that to its behaviour again. False when there is no such device.
    #[must_use = "false means that there is no such device"]
    pub fn connect_device(&self, account: &str, region: &str, name: &str, online: Option<bool>) -> bool {
        let change = DeviceChange { online: Some(Plug(online)), restart: false };
        self.change_device(&Scope::new(account, region), name, change)
    }

    /// Restarts a device: it takes up anew what it works on. False when there is no such device.
    #[must_use = "false means that there is no such device"]
    pub fn restart_device(&self, account: &str, region: &str, name: &str) -> bool {
        self.change_device(&Scope::new(account, region), name, DeviceChange { online: None, restart: true })
    }

    pub(crate) fn change_device(&self, scope: &Scope, name: &str, change: DeviceChange) -> bool {
        let mut core = self.core();
        let now = self.now();
        let changed = core.state.change_device(scope, name, change, now);
        if changed {
            core.note(now, || Change::Device { scope: scope.clone(), name: name.to_owned(), change });
        }
        changed
    }

    /// How the executions of a job stand, without the delay that `DescribeJob` has. `None` when there is no such job.
    #[must_use]
    pub fn execution_counts(&self, job_id: &str) -> Option<ExecutionCounts> {
        self.current().state.execution_counts(job_id)
    }

    /// Makes a thing group and returns its ARN. Like [`Emulator::perform`], no call in the ledger.
    pub fn create_thing_group(&self, account: &str, region: &str, name: &str) -> Result<String, ServiceError> {
        let scope = Scope::new(account, region);
        self.perform(&scope, Operation::CreateThingGroup, &json!({"thingGroupName": name}))?;
        Ok(scope.thing_group_arn(name))
    }

    /// Makes a thing and returns its ARN. Like [`Emulator::perform`], no call in the ledger.
    pub fn create_thing(&self, account: &str, region: &str, name: &str) -> Result<String, ServiceError> {
        let scope = Scope::new(account, region);
        self.perform(&scope, Operation::CreateThing, &json!({"thingName": name}))?;
        Ok(scope.thing_arn(name))
    }

    /// Makes a deployment, as somebody else would, and returns its id. Like [`Emulator::perform`], no call in the ledger.
    pub fn create_deployment(&self, account: &str, region: &str, request: &Value) -> Result<String, ServiceError> {
        let answer = self.perform(&Scope::new(account, region), Operation::CreateDeployment, request)?;
        Ok(answer.get("deploymentId").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Does an operation directly: validated as a call is, but without signature, faults and ledger. The parameters of path, query and body are in one
    /// JSON object; an answer in XML is its text.
    pub fn perform(&self, scope: &Scope, operation: Operation, request: &Value) -> Result<Value, ServiceError> {
        let of_service = |error: ServiceError| error.of_service(operation.service());
        let Value::Object(input) = operation.input().read(request).map_err(of_service)? else {
            return Err(of_service(ServiceError::validation("the request is no JSON object")));
        };
        let call = Call { scope: scope.clone(), principal: Principal::User, operation, input: Input(input) };
        let mut core = self.core();
        let now = self.now();
        let answer = core.execute(&call, now, ReadAt::Now).map_err(of_service)?;
        Ok(answer.body.into_value())
    }
}
