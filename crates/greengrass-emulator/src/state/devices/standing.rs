//! Where core devices stand: the states that they can be in, and which of their deployments failed. Pure.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Device, Effective, failure::DeviceReport};
use crate::{job::ExecutionStatus, state::jobs::Jobs};

/// Something that may be true of a device; several may be at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DeviceState {
    /// It has a connection.
    Online,
    /// It has none.
    Offline,
    /// It works on a deployment, or has done so and can't report.
    Working,
    /// It was told of a deployment that it hasn't begun.
    Waiting,
    /// The newest deployment of one of its targets failed on it, was rejected, or timed out.
    Failed,
    /// It reports that a component is broken.
    Unhealthy,
}

impl DeviceState {
    pub(crate) const ALL: [Self; 6] =
        [Self::Online, Self::Offline, Self::Working, Self::Waiting, Self::Failed, Self::Unhealthy];
}

/// How a deployment went on a device, as far as it is known.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    pub(super) status: ExecutionStatus,
    pub(super) report: Option<&'a Arc<DeviceReport>>,
    pub(super) modified: Timestamp,
}

/// A deployment that a device didn't make.
#[derive(Debug)]
pub(in crate::state) struct Failure<'a> {
    pub(in crate::state) deployment_id: &'a str,
    pub(in crate::state) target_arn: &'a str,
    pub(in crate::state) status: ExecutionStatus,
    pub(in crate::state) report: Option<&'a DeviceReport>,
}

impl Effective {
    /// While the job is there, it knows better than the device: the execution may have ended without it.
    pub(super) fn standing<'a>(&'a self, thing: &str, jobs: &'a Jobs) -> Standing<'a> {
        let of_job = self.document.job_id.as_ref().and_then(|id| jobs.get(id)?.execution(thing));
        match of_job {
            Some(execution) => {
                Standing { status: execution.status, report: execution.report.as_ref(), modified: execution.updated }
            }
            None => Standing { status: self.status, report: self.report.as_ref(), modified: self.modified },
        }
    }
}

impl Device {
    pub(in crate::state) fn is_online(&self, now: Timestamp) -> bool {
        self.online_from(now) == Some(now)
    }

    pub(in crate::state) fn is(&self, state: DeviceState, jobs: &Jobs, now: Timestamp) -> bool {
        match state {
            DeviceState::Online => self.is_online(now),
            DeviceState::Offline => !self.is_online(now),
            DeviceState::Working => self.running.is_some(),
            DeviceState::Waiting => !self.waiting.is_empty(),
            DeviceState::Failed => self.failures(jobs).next().is_some(),
            DeviceState::Unhealthy => self.unhealthy,
        }
    }

    /// The deployments that it didn't make, of the newest one of each target.
    pub(in crate::state) fn failures<'a>(&'a self, jobs: &'a Jobs) -> impl Iterator<Item = Failure<'a>> {
        self.effective.values().filter_map(|effective| {
            let Standing { status, report, .. } = effective.standing(&self.name, jobs);
            status.is_failure().then(|| Failure {
                deployment_id: &effective.document.deployment_id,
                target_arn: &effective.document.target_arn,
                status,
                report: report.map(AsRef::as_ref),
            })
        })
    }
}
