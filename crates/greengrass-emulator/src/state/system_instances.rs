//! The system instances of `IoT` Things Graph: the operations on them, and how they looked earlier. Pure.

mod instance;
mod progress;
#[cfg(test)]
mod properties;
mod search;
mod tags;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::json;

use super::{Answer, Input, Partition, ReadAt, history::History, things::without_nulls};
use crate::{
    error::{ServiceError, ThingsGraphErrorCode},
    ids::{IdKind, Ids},
    switches::{Switches, SystemInstanceMissing, SystemInstanceUndeployment, SystemInstanceWithoutDeployment},
    system_instance::{
        SystemInstanceChange, SystemInstanceDeployment, SystemInstanceId, SystemInstanceRecord, SystemInstanceStatus,
        SystemInstanceTarget,
    },
};
use instance::{Made, SystemInstance};

/// The system instances of one account and region.
#[derive(Debug, Default)]
pub(crate) struct SystemInstances {
    /// By their names.
    instances: History<Arc<str>, SystemInstance>,
    /// The ids of Greengrass groups by their names. Here a group exists once something was deployed to it.
    groups: BTreeMap<String, String>,
    /// How many deployments will fail, by the names of the system instances.
    failing: BTreeMap<Arc<str>, u32>,
}

fn refused<T>(code: ThingsGraphErrorCode, message: String) -> Result<T, ServiceError> {
    Err(ServiceError::things_graph(code, message))
}

fn in_use<T>(id: &str, status: SystemInstanceStatus) -> Result<T, ServiceError> {
    let status = json!(status);
    let message = format!("The system instance {id} is {}.", status.as_str().unwrap_or_default());
    refused(ThingsGraphErrorCode::ResourceInUse, message)
}

impl SystemInstances {
    /// Everything that there is now, by their names.
    pub(crate) fn records(&self) -> Vec<SystemInstanceRecord> {
        self.instances.all(ReadAt::Now).map(|(_, instance)| instance.record()).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.instances.all(ReadAt::Now).count()
    }

    pub(crate) fn record(&self, name: &str) -> Option<SystemInstanceRecord> {
        Some(self.instances.get(name, ReadAt::Now)?.record())
    }

    /// Lets the next deployments of a system instance fail, whether or not it is there.
    pub(crate) fn fail(&mut self, name: &str, deployments: u32) {
        self.failing.insert(Arc::from(name), deployments);
    }

    /// Whether the next deployment fails; it counts.
    fn takes_failure(&mut self, name: &str) -> bool {
        self.failing.get_mut(name).is_some_and(|left| {
            let fails = *left > 0;
            *left = left.saturating_sub(1);
            fails
        })
    }

    fn group_id(&mut self, name: &str, ids: &mut Ids) -> String {
        let id = || ids.next(IdKind::GreengrassGroup).to_string();
        self.groups.entry(name.to_owned()).or_insert_with(id).clone()
    }
}

impl Partition {
    /// The name of the system instance that a request is about; `None` when its id is of something else or of somebody else.
    fn system_instance_name(&self, input: &Input) -> Option<String> {
        let id = SystemInstanceId::parse(input.required("id"))?;
        (*id.scope() == self.scope).then(|| id.name().to_owned())
    }

    /// The system instance that a request is about, as a read sees it.
    fn system_instance(&self, input: &Input, read_at: ReadAt) -> Result<(String, &SystemInstance), ServiceError> {
        let found = self.system_instance_name(input).and_then(|name| {
            let instance = self.system_instances.instances.get(name.as_str(), read_at)?;
            Some((name, instance.as_ref()))
        });
        let message = || format!("The system instance {} does not exist.", input.required("id"));
        found.ok_or_else(|| ServiceError::things_graph(ThingsGraphErrorCode::ResourceNotFound, message()))
    }

    pub(super) fn create_system_instance(&mut self, input: &Input, now: Timestamp) -> Result<Answer, ServiceError> {
        let made = Made::of(&self.scope, input, now)?;
        let tags = tags::of_list(input.get("tags"))?;
        let id = &made.definition.id;
        let name: Arc<str> = Arc::from(id.name());
        if self.system_instances.instances.get(&name, ReadAt::Now).is_some() {
            let message = format!("The system instance {id} exists already.");
            return refused(ThingsGraphErrorCode::ResourceAlreadyExists, message);
        }
        let instance = SystemInstance {
            made: Arc::new(made),
            tags,
            group_id: None,
            deployments: Vec::new(),
            history: vec![SystemInstanceChange { at: now, status: SystemInstanceStatus::NotDeployed }],
            entered: self.system_instances.instances.next_write(),
            fails: false,
        };
        let summary = instance.summary();
        self.system_instances.instances.write(&name, Some(instance), now);
        Ok(Answer::ok(json!({"summary": summary})))
    }

    pub(super) fn get_system_instance(&self, input: &Input, read_at: ReadAt) -> Result<Answer, ServiceError> {
        let (_, instance) = self.system_instance(input, read_at)?;
        Ok(Answer::ok(json!({"description": instance.description()})))
    }

    pub(super) fn deploy_system_instance(
        &mut self,
        input: &Input,
        ids: &mut Ids,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let (name, instance) = self.system_instance(input, ReadAt::Now)?;
        match instance.status() {
            SystemInstanceStatus::NotDeployed
            | SystemInstanceStatus::DeployedInTarget
            | SystemInstanceStatus::Failed
            | SystemInstanceStatus::DeletedInTarget => {}
            status @ (SystemInstanceStatus::Bootstrap
            | SystemInstanceStatus::DeployInProgress
            | SystemInstanceStatus::UndeployInProgress
            | SystemInstanceStatus::PendingDelete) => return in_use(input.required("id"), status),
        }
        let made = Arc::clone(&instance.made);
        let (group_id, deployment) = match made.target {
            SystemInstanceTarget::Cloud => (
                None,
                SystemInstanceDeployment {
                    greengrass_deployment_id: None,
                    greengrass_group_version_id: None,
                    started_at: now,
                },
            ),
            SystemInstanceTarget::Greengrass => {
                let group = made.group_name.as_deref().unwrap_or_default();
                let mut id = |kind| Some(ids.next(kind).to_string());
                let deployment = SystemInstanceDeployment {
                    greengrass_deployment_id: id(IdKind::GreengrassDeployment),
                    greengrass_group_version_id: id(IdKind::GreengrassGroupVersion),
                    started_at: now,
                };
                (Some(self.system_instances.group_id(group, ids)), deployment)
            }
        };
        let deployment_id = deployment.greengrass_deployment_id.clone();
        let fails = self.system_instances.takes_failure(&name);
        self.set_out(&name, progress::first_of_deployment(made.target), switches, now, |instance| {
            instance.group_id = group_id;
            instance.deployments.push(deployment);
            instance.fails = fails;
        });
        let (_, instance) = self.system_instance(input, ReadAt::Now)?;
        Ok(Answer::ok(without_nulls(json!({
            "summary": instance.summary(),
            "greengrassDeploymentId": deployment_id,
        }))))
    }

    pub(super) fn undeploy_system_instance(
        &mut self,
        input: &Input,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let (name, instance) = self.system_instance(input, ReadAt::Now)?;
        match instance.status() {
            SystemInstanceStatus::DeployedInTarget | SystemInstanceStatus::Failed => {
                let status = match switches.system_instance_undeployment {
                    SystemInstanceUndeployment::UndeployInProgress => SystemInstanceStatus::UndeployInProgress,
                    SystemInstanceUndeployment::PendingDelete => SystemInstanceStatus::PendingDelete,
                };
                self.set_out(&name, status, switches, now, |_| {});
            }
            SystemInstanceStatus::NotDeployed | SystemInstanceStatus::DeletedInTarget => {
                match switches.system_instance_without_deployment {
                    SystemInstanceWithoutDeployment::Accepted => {}
                    SystemInstanceWithoutDeployment::Rejected => {
                        let message = format!("The system instance {} is not deployed.", input.required("id"));
                        return refused(ThingsGraphErrorCode::InvalidRequest, message);
                    }
                }
            }
            status @ (SystemInstanceStatus::Bootstrap
            | SystemInstanceStatus::DeployInProgress
            | SystemInstanceStatus::UndeployInProgress
            | SystemInstanceStatus::PendingDelete) => return in_use(input.required("id"), status),
        }
        let (_, instance) = self.system_instance(input, ReadAt::Now)?;
        Ok(Answer::ok(json!({"summary": instance.summary()})))
    }

    pub(super) fn delete_system_instance(
        &mut self,
        input: &Input,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Answer, ServiceError> {
        let deleted = || Ok(Answer::ok(json!({})));
        let Ok((name, instance)) = self.system_instance(input, ReadAt::Now) else {
            return match switches.system_instance_missing {
                SystemInstanceMissing::Accepted => deleted(),
                SystemInstanceMissing::Rejected => {
                    let message = format!("The system instance {} does not exist.", input.required("id"));
                    refused(ThingsGraphErrorCode::InvalidRequest, message)
                }
            };
        };
        match instance.status() {
            SystemInstanceStatus::NotDeployed | SystemInstanceStatus::DeletedInTarget => {
                self.system_instances.instances.write(&Arc::from(name), None, now);
                deleted()
            }
            status @ (SystemInstanceStatus::Bootstrap
            | SystemInstanceStatus::DeployInProgress
            | SystemInstanceStatus::DeployedInTarget
            | SystemInstanceStatus::UndeployInProgress
            | SystemInstanceStatus::Failed
            | SystemInstanceStatus::PendingDelete) => in_use(input.required("id"), status),
        }
    }
}
