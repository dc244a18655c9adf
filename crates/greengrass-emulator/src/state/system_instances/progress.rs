//! What becomes of a deployment or an undeployment as time passes. Pure.

use jiff::{SignedDuration, Timestamp};

use super::{super::agenda::Due, Partition, ReadAt, SystemInstance};
use crate::{
    switches::Switches,
    system_instance::{SystemInstanceStatus, SystemInstanceTarget},
};

/// The status with which a deployment begins.
pub(super) const fn first_of_deployment(target: SystemInstanceTarget) -> SystemInstanceStatus {
    match target {
        SystemInstanceTarget::Greengrass => SystemInstanceStatus::Bootstrap,
        SystemInstanceTarget::Cloud => SystemInstanceStatus::DeployInProgress,
    }
}

impl SystemInstance {
    /// For how many milliseconds a status lasts, and which one comes then; `None` for one that lasts until somebody does something.
    fn next(&self, status: SystemInstanceStatus, switches: &Switches) -> Option<(u64, SystemInstanceStatus)> {
        let takes = |in_group| match self.made.target {
            SystemInstanceTarget::Greengrass => in_group,
            SystemInstanceTarget::Cloud => switches.system_instance_cloud_ms,
        };
        match status {
            SystemInstanceStatus::Bootstrap => {
                Some((switches.system_instance_bootstrap_ms, SystemInstanceStatus::DeployInProgress))
            }
            SystemInstanceStatus::DeployInProgress => {
                let end =
                    if self.fails { SystemInstanceStatus::Failed } else { SystemInstanceStatus::DeployedInTarget };
                Some((takes(switches.system_instance_deployment_ms), end))
            }
            SystemInstanceStatus::UndeployInProgress | SystemInstanceStatus::PendingDelete => {
                Some((takes(switches.system_instance_undeployment_ms), SystemInstanceStatus::DeletedInTarget))
            }
            SystemInstanceStatus::NotDeployed
            | SystemInstanceStatus::DeployedInTarget
            | SystemInstanceStatus::Failed
            | SystemInstanceStatus::DeletedInTarget => None,
        }
    }
}

impl Partition {
    /// Gives a system instance a status, which others follow by themselves; one that lasts no time is left out.
    pub(super) fn set_out(
        &mut self,
        name: &str,
        status: SystemInstanceStatus,
        switches: &Switches,
        at: Timestamp,
        change: impl FnOnce(&mut SystemInstance),
    ) {
        let mut lasts = None;
        let write = self.system_instances.instances.next_write();
        let changed = self.system_instances.instances.change(name, at, |instance| {
            change(instance);
            let mut status = status;
            while let Some((milliseconds, next)) = instance.next(status, switches) {
                if milliseconds > 0 {
                    lasts = Some(SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX)));
                    break;
                }
                status = next;
            }
            instance.enter(status, at, write);
        });
        if let (Some(()), Some(lasts)) = (changed, lasts) {
            let until = at.checked_add(lasts).unwrap_or(Timestamp::MAX);
            self.agenda.note(until, Due::SystemInstance { name: name.into(), write });
        }
    }

    /// A status has lasted as long as it does, if it is still the one of that write.
    pub(in crate::state) fn system_instance_goes_on(
        &mut self,
        name: &str,
        write: u64,
        at: Timestamp,
        switches: &Switches,
    ) {
        let instance = self.system_instances.instances.get(name, ReadAt::Now);
        let Some(instance) = instance.filter(|instance| instance.entered == write) else {
            return;
        };
        if let Some((_, next)) = instance.next(instance.status(), switches) {
            self.set_out(name, next, switches, at, |_| {});
        }
    }

    /// Sets the status by hand: it stays until somebody does something. False when there is no such system instance.
    pub(in crate::state) fn force_system_instance(
        &mut self,
        name: &str,
        status: SystemInstanceStatus,
        at: Timestamp,
    ) -> bool {
        let write = self.system_instances.instances.next_write();
        self.system_instances.instances.change(name, at, |instance| instance.enter(status, at, write)).is_some()
    }
}
