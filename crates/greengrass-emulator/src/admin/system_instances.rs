//! The part of the admin interface about the system instances of Things Graph. No I/O of its own.

use serde::Deserialize;
use serde_json::Value;

use super::{Shown, bad_request, filters, nowhere, read, shown};
use crate::{
    emulator::Emulator,
    system_instance::{SystemInstanceId, SystemInstanceStatus},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Change {
    status: Option<SystemInstanceStatus>,
    failing_deployments: Option<u32>,
}

impl Emulator {
    pub(super) fn administer_system_instances(&self, method: &str, path: &[&str], query: &str, body: &[u8]) -> Shown {
        match method {
            "GET" => {
                let [account, region] = filters(query, ["account", "region"])?;
                let passes = |record: &crate::SystemInstanceRecord| {
                    SystemInstanceId::parse(&record.id).is_some_and(|id| {
                        account.as_ref().is_none_or(|account| *account == id.scope().account)
                            && region.as_ref().is_none_or(|region| *region == id.scope().region)
                    })
                };
                let mut records = self.current().state.system_instances();
                records.retain(passes);
                shown(&records)
            }
            "POST" => {
                let [id] = filters(query, ["id"])?;
                let id = id.ok_or_else(|| bad_request("id is missing: that of a system instance"))?;
                let parsed = SystemInstanceId::parse(&id);
                let id = parsed.ok_or_else(|| bad_request(format!("id: {id:?} is no id of a system instance")))?;
                let Change { status, failing_deployments } = read(body)?;
                if let Some(status) = status
                    && !self.set_system_instance_status(&id, status)
                {
                    return Err((404, format!("there is no system instance {id}")));
                }
                if let Some(deployments) = failing_deployments {
                    self.fail_system_instance_deployments(&id, deployments);
                }
                self.system_instance(&id).map_or(Ok(Value::Null), |record| shown(&record))
            }
            _ => Err(nowhere(method, path)),
        }
    }
}
