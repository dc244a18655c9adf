//! The system instances of an emulator: read, made, their status and their failures told from outside. Pure.

use serde_json::{Value, json};

use super::Emulator;
use crate::{
    error::ServiceError,
    operation::Operation,
    scope::Scope,
    state_file::Change,
    system_instance::{SystemInstanceId, SystemInstanceRecord, SystemInstanceStatus},
};

impl Emulator {
    /// All system instances of an account and region, by their names.
    #[must_use]
    pub fn system_instances(&self, account: &str, region: &str) -> Vec<SystemInstanceRecord> {
        let core = self.current();
        let partition = core.state.partition(&Scope::new(account, region));
        partition.map(|partition| partition.system_instances.records()).unwrap_or_default()
    }

    /// A system instance. `None` when there is none with this id.
    #[must_use]
    pub fn system_instance(&self, id: &SystemInstanceId) -> Option<SystemInstanceRecord> {
        self.current().state.partition(id.scope())?.system_instances.record(id.name())
    }

    /// Makes a system instance, as somebody else would, and returns its id. Like [`Emulator::perform`], no call in the ledger.
    pub fn create_system_instance(&self, account: &str, region: &str, request: &Value) -> Result<String, ServiceError> {
        let answer = self.perform(&Scope::new(account, region), Operation::CreateSystemInstance, request)?;
        Ok(answer.pointer("/summary/id").and_then(Value::as_str).unwrap_or_default().to_owned())
    }

    /// Deploys a system instance, as somebody else would. Like [`Emulator::perform`], no call in the ledger.
    pub fn deploy_system_instance(&self, id: &SystemInstanceId) -> Result<(), ServiceError> {
        self.perform(id.scope(), Operation::DeploySystemInstance, &json!({"id": id.to_string()}))?;
        Ok(())
    }

    /// Sets the status of a system instance. It stays until the next call changes it: what was in progress comes to no end. False when there is no such
    /// system instance.
    #[must_use = "false means that there is no such system instance"]
    pub fn set_system_instance_status(&self, id: &SystemInstanceId, status: SystemInstanceStatus) -> bool {
        let mut core = self.core();
        let now = self.now();
        let set = core.state.force_system_instance(id, status, now);
        if set {
            core.note(now, || Change::SystemInstanceStatus { id: id.to_string(), status });
        }
        set
    }

    /// Lets the next so many deployments of a system instance end as FAILED, whether or not there is one with this id yet. The last word counts: 0 takes it
    /// back.
    pub fn fail_system_instance_deployments(&self, id: &SystemInstanceId, deployments: u32) {
        let mut core = self.core();
        let now = self.now();
        core.state.run_until(now);
        core.state.partition_mut(id.scope()).system_instances.fail(id.name(), deployments);
        core.note(now, || Change::FailingSystemInstance { id: id.to_string(), deployments });
    }
}
