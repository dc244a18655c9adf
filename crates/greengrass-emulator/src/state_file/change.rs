//! What a state file keeps of a change, and the change done again. Pure.

use std::{collections::BTreeMap, time::Duration};

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Replayed;
use crate::{
    component::ComponentState,
    deployment::DeploymentStatus,
    emulator::Core,
    error::ServiceError,
    fault_rules::ActiveFault,
    fleet::Fleet,
    operation::Operation,
    principal::Principal,
    quotas::Quotas,
    role::Role,
    scope::Scope,
    state::{Answer, Body, Call, DeviceChange, Input, ReadAt, State},
    switches::Switches,
    system_instance::{SystemInstanceId, SystemInstanceStatus},
};

/// A change of what an emulator keeps.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Change {
    /// An operation of a service, refused or not: what is refused may have done a part.
    Call {
        scope: Scope,
        caller: Principal,
        operation: Operation,
        input: Map<String, Value>,
        /// A digest of the answer.
        answer: String,
    },
    Fleet(Fleet),
    Device {
        scope: Scope,
        name: String,
        change: DeviceChange,
    },
    DeploymentStatus {
        id: String,
        status: DeploymentStatus,
    },
    ComponentState {
        arn: String,
        state: ComponentState,
        errors: BTreeMap<String, String>,
    },
    SystemInstanceStatus {
        id: String,
        status: SystemInstanceStatus,
    },
    FailingSystemInstance {
        id: String,
        deployments: u32,
    },
    Role(Box<Role>),
    RemovedRole(String),
    RevokedSessions(String),
    InstanceRole(Option<String>),
    InstanceCredentials(String),
    PodCredentials {
        token: String,
    },
    Faults {
        rules: Vec<ActiveFault>,
        last_id: u64,
    },
    Switches(Switches),
    Quotas(Quotas),
    /// The settings of a builder, when they were others than before.
    Options {
        switches: Switches,
        quotas: Quotas,
    },
    Clock {
        moved: Duration,
    },
    Reset,
}

impl Change {
    pub(crate) fn of_call(call: &Call, result: &Result<Answer, ServiceError>) -> Self {
        let Call { scope, principal, operation, input } = call;
        let mut input = input.0.clone();
        if let Some(Value::String(token)) = input.get_mut("WebIdentityToken") {
            *token = unsigned(token);
        }
        Self::Call {
            scope: scope.clone(),
            caller: principal.clone(),
            operation: *operation,
            input,
            answer: digest(result),
        }
    }

    pub(crate) fn of_pod(token: &str) -> Self {
        Self::PodCredentials { token: unsigned(token) }
    }
}

/// A token with another signature, which nobody checks here and without which it is of no use elsewhere.
fn unsigned(token: &str) -> String {
    match token.rsplit_once('.') {
        Some((claims, signature)) if !signature.is_empty() => format!("{claims}.AA"),
        Some(_) | None => token.to_owned(),
    }
}

fn digest(result: &Result<Answer, ServiceError>) -> String {
    let text = match result {
        Ok(Answer { status, body: Body::Empty }) => status.to_string(),
        Ok(Answer { status, body: Body::Json(body) }) => format!("{status} {body}"),
        Ok(Answer { status, body: Body::Xml(root) }) => format!("{status} {root}"),
        Err(error) => format!("{} {}", error.status(), error.code()),
    };
    HEXLOWER.encode(&Sha256::digest(text)).chars().take(8).collect()
}

/// What tells a fleet from another one.
pub(crate) fn digest_of_fleet(fleet: &Fleet) -> String {
    HEXLOWER.encode(&Sha256::digest(serde_json::to_vec(fleet).unwrap_or_default()))
}

impl Replayed {
    /// Does a change of a state file again. False when it comes out otherwise than it did.
    pub(super) fn replay(&mut self, core: &mut Core, at: Timestamp, change: Change, seed: u64) -> bool {
        self.last = self.last.max(Some(at));
        match change {
            Change::Call { scope, caller, operation, input, answer } => {
                let call = Call { scope, principal: caller, operation, input: Input(input) };
                return digest(&core.state.execute(&call, at, ReadAt::Now)) == answer;
            }
            Change::Fleet(fleet) => {
                if core.state.add_fleet(&fleet, seed, at).is_ok() {
                    core.fleets.insert(digest_of_fleet(&fleet));
                }
            }
            Change::Device { scope, name, change } => return core.state.change_device(&scope, &name, change, at),
            Change::DeploymentStatus { id, status } => return core.state.force_status(&id, status, at),
            Change::ComponentState { arn, state, errors } => {
                return core.state.tell_component(&arn, state, &errors, at);
            }
            Change::SystemInstanceStatus { id, status } => {
                let id = SystemInstanceId::parse(&id);
                return id.is_some_and(|id| core.state.force_system_instance(&id, status, at));
            }
            Change::FailingSystemInstance { id, deployments } => {
                core.state.run_until(at);
                let Some(id) = SystemInstanceId::parse(&id) else {
                    return false;
                };
                core.state.partition_mut(id.scope()).system_instances.fail(id.name(), deployments);
            }
            Change::Role(role) => core.state.identities.add_role(*role),
            Change::RemovedRole(arn) => return core.state.identities.remove_role(&arn),
            Change::RevokedSessions(arn) => return core.state.identities.revoke_sessions(&arn),
            Change::InstanceRole(arn) => core.instance_role = arn,
            Change::InstanceCredentials(arn) => {
                let State { identities, ids, .. } = &mut core.state;
                return identities.instance_credentials(&arn, ids, at).is_some();
            }
            Change::PodCredentials { token } => {
                let State { identities, ids, .. } = &mut core.state;
                return identities.pod_credentials(&token, ids, at).is_ok();
            }
            Change::Faults { rules, last_id } => core.faults.restore(rules, last_id),
            Change::Switches(switches) => {
                core.state.run_until(at);
                core.state.switches = switches;
            }
            Change::Quotas(quotas) => core.meter.quotas = quotas,
            Change::Options { switches, quotas } => {
                let before = self.options.replace((switches.clone(), quotas));
                core.set_options(before, (switches, quotas), at);
            }
            Change::Clock { moved } => {
                self.moved = self.moved.saturating_add(moved.try_into().unwrap_or_default());
            }
            Change::Reset => core.clear(),
        }
        true
    }
}
