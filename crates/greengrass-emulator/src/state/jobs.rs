//! The jobs of thing-group deployments and their executions: which there are, and how they change. Pure.

mod abort;
pub(in crate::state) mod reads;
mod rollout;
mod writes;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::devices::failure::DeviceReport;
use crate::job::{ExecutionCounts, ExecutionStatus, JobStatus};
use abort::AbortCriterion;
use rollout::Rollout;

/// The namespace of Greengrass's jobs, as it stands in the topics that devices subscribe to
/// (aws-greengrass-nucleus, `IotJobsClientWrapper`).
pub(crate) const NAMESPACE: &str = "aws-gg-deployment";

/// The jobs of one account and region.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    all: BTreeMap<Arc<str>, Job>,
    /// The jobs in progress by the thing group that they are for, in the order of their deployments.
    live: BTreeMap<Arc<str>, BTreeMap<u64, Arc<str>>>,
    deleting: BTreeSet<Arc<str>>,
}

/// A continuous job for one thing group.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: Arc<str>,
    /// The number of the deployment's row.
    pub(crate) deployment: u64,
    pub(crate) group: Arc<str>,
    pub(crate) status: JobStatus,
    pub(crate) created: Timestamp,
    updated: Timestamp,
    ended: Option<Timestamp>,
    deletion_began: Option<Timestamp>,
    end: End,
    configuration: Value,
    time_out: Option<SignedDuration>,
    abort: Vec<AbortCriterion>,
    pub(crate) rollout: Rollout,
    executions: BTreeMap<Arc<str>, Execution>,
    counts: ExecutionCounts,
}

/// Why a job ended, as `DescribeJob` tells it.
#[derive(Debug, Clone, Default)]
pub(crate) struct End {
    pub(crate) reason_code: Option<String>,
    pub(crate) comment: Option<String>,
    pub(crate) forced: bool,
}

/// The newest execution of a job on a thing.
#[derive(Debug)]
pub(crate) struct Execution {
    /// 1 for the first, one more each time when the thing comes back into the group.
    pub(crate) number: u64,
    pub(crate) status: ExecutionStatus,
    /// Grows with each change.
    version: u64,
    queued: Timestamp,
    started: Option<Timestamp>,
    pub(crate) updated: Timestamp,
    /// What the device says.
    pub(crate) report: Option<Arc<DeviceReport>>,
    forced: bool,
}

impl Jobs {
    /// The job of a new deployment. Its executions come with its rollout.
    pub(crate) fn create(
        &mut self,
        id: &str,
        deployment: u64,
        group: &str,
        configuration: &Value,
        things: impl IntoIterator<Item = Arc<str>>,
        now: Timestamp,
    ) -> Arc<str> {
        let id: Arc<str> = Arc::from(id);
        let group: Arc<str> = Arc::from(group);
        let minutes = configuration.pointer("/timeoutConfig/inProgressTimeoutInMinutes").and_then(Value::as_i64);
        let part = |name: &str| configuration.get(name).unwrap_or(&Value::Null);
        let job = Job {
            id: Arc::clone(&id),
            deployment,
            group: Arc::clone(&group),
            status: JobStatus::InProgress,
            created: now,
            updated: now,
            ended: None,
            deletion_began: None,
            end: End::default(),
            time_out: minutes.map(SignedDuration::from_mins),
            abort: AbortCriterion::list(part("abortConfig")),
            rollout: Rollout::new(part("jobExecutionsRolloutConfig"), things),
            configuration: configuration.clone(),
            executions: BTreeMap::new(),
            counts: ExecutionCounts::default(),
        };
        self.all.insert(Arc::clone(&id), job);
        self.live.entry(group).or_default().insert(deployment, Arc::clone(&id));
        id
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Job> {
        self.all.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Job> {
        self.all.get_mut(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Job> {
        self.all.values()
    }

    /// The jobs in progress of a thing group, the oldest first.
    pub(crate) fn live(&self, group: &str) -> Vec<Arc<str>> {
        self.live.get(group).map(|jobs| jobs.values().cloned().collect()).unwrap_or_default()
    }

    /// Whether a job has an execution on a thing that the device can still change.
    pub(crate) fn open(&self, job: &str, thing: &str) -> Option<&Execution> {
        self.get(job)?.executions.get(thing).filter(|execution| execution.status.is_open())
    }

    /// The jobs whose execution waits on a thing, with the numbers of their deployments.
    pub(crate) fn queued_on(&self, thing: &str) -> Vec<(u64, Arc<str>)> {
        let waits =
            |job: &&Job| job.executions.get(thing).is_some_and(|execution| execution.status == ExecutionStatus::Queued);
        self.all().filter(waits).map(|job| (job.deployment, Arc::clone(&job.id))).collect()
    }

    /// Ends a job: executions that wait are cancelled, and with force those in progress too. Nothing when it has ended already.
    pub(crate) fn cancel(&mut self, id: &str, end: End, at: Timestamp) {
        let Some(job) = self.all.get_mut(id).filter(|job| job.status == JobStatus::InProgress) else {
            return;
        };
        if let Some(live) = self.live.get_mut(&job.group) {
            live.remove(&job.deployment);
        }
        job.cancel(end, at);
    }

    /// Begins the deletion of a job.
    pub(crate) fn begin_deletion(&mut self, id: &str, at: Timestamp) {
        self.cancel(id, End { forced: true, ..End::default() }, at);
        if let Some(job) = self.all.get_mut(id) {
            job.status = JobStatus::DeletionInProgress;
            job.deletion_began = Some(at);
            job.updated = at;
            self.deleting.insert(Arc::clone(&job.id));
        }
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Job> {
        self.deleting.remove(id);
        self.all.remove(id)
    }

    pub(crate) fn being_deleted(&self) -> usize {
        self.deleting.len()
    }
}

impl Job {
    /// A new execution on a thing.
    pub(crate) fn queue(&mut self, thing: &Arc<str>, at: Timestamp) {
        let before = self.executions.get(thing);
        let number = before.map_or(1, |before| before.number + 1);
        if let Some(before) = before.map(|before| before.status) {
            *self.counts.of(before) -= 1;
        }
        *self.counts.of(ExecutionStatus::Queued) += 1;
        let execution = Execution {
            number,
            status: ExecutionStatus::Queued,
            version: 1,
            queued: at,
            started: None,
            updated: at,
            report: None,
            forced: false,
        };
        self.executions.insert(Arc::clone(thing), execution);
        self.updated = at;
    }

    pub(crate) fn execution(&self, thing: &str) -> Option<&Execution> {
        self.executions.get(thing)
    }

    /// The newest execution on each thing.
    pub(crate) fn executions(&self) -> impl Iterator<Item = (&Arc<str>, &Execution)> {
        self.executions.iter()
    }

    pub(crate) const fn counts(&self) -> &ExecutionCounts {
        &self.counts
    }

    /// The device has begun. When its time is up, if there is an end to it.
    pub(crate) fn start(&mut self, thing: &str, at: Timestamp) -> Option<(Timestamp, u64)> {
        self.set(thing, ExecutionStatus::InProgress, at);
        let execution = self.executions.get_mut(thing)?;
        execution.started = Some(at);
        let number = execution.number;
        self.time_out.and_then(|time_out| Some((at.checked_add(time_out).ok()?, number)))
    }

    /// The device reports. Refused once the execution has ended otherwise: "later device updates are rejected". A device names the job and not the
    /// execution, so that the report of a thing that left and came back meanwhile ends its new execution.
    pub(crate) fn report(&mut self, thing: &str, report: &Arc<DeviceReport>, at: Timestamp) {
        if let Some(execution) = self.executions.get_mut(thing).filter(|execution| execution.status.is_open()) {
            execution.report = Some(Arc::clone(report));
            self.set(thing, report.status, at);
        }
    }

    /// The execution is over without the device; nothing when it had ended.
    pub(crate) fn close(&mut self, thing: &str, status: ExecutionStatus, at: Timestamp) {
        if self.executions.get(thing).is_some_and(|execution| execution.status.is_open()) {
            self.set(thing, status, at);
        }
    }

    /// The criterion that stops the job, if one is met.
    pub(crate) fn must_abort(&self) -> bool {
        self.status == JobStatus::InProgress && self.abort.iter().any(|criterion| criterion.is_met(&self.counts))
    }

    fn set(&mut self, thing: &str, status: ExecutionStatus, at: Timestamp) {
        if let Some(execution) = self.executions.get_mut(thing) {
            *self.counts.of(execution.status) -= 1;
            *self.counts.of(status) += 1;
            execution.status = status;
            execution.version += 1;
            execution.updated = at;
            self.updated = at;
        }
    }

    fn cancel(&mut self, end: End, at: Timestamp) {
        self.rollout.stop();
        let ends = |status: ExecutionStatus| {
            status == ExecutionStatus::Queued || (end.forced && status == ExecutionStatus::InProgress)
        };
        let ended: Vec<Arc<str>> = self
            .executions
            .iter()
            .filter(|(_, execution)| ends(execution.status))
            .map(|(thing, _)| Arc::clone(thing))
            .collect();
        for thing in ended {
            self.set(&thing, ExecutionStatus::Canceled, at);
            if let Some(execution) = self.executions.get_mut(&thing) {
                execution.forced = end.forced;
            }
        }
        self.status = JobStatus::Canceled;
        self.updated = at;
        self.ended = Some(at);
        self.end = end;
    }
}
