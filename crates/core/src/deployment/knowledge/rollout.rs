//! What this process knows of how devices take a revision. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::{Knowledge, later};
use crate::api::devices::{DeviceCounts, DeviceFailure};
use crate::deployment::memory::Memory;
use crate::deployment::rollout::{BadEnd, MAX_FAILURES};
use crate::failure::Failure;

/// What this process knows of how devices take a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutKnown {
    /// The revision's deployment.
    pub deployment_id: String,
    /// When it was last read.
    pub read_at: Option<Timestamp>,
    /// Since when what devices did has not changed, as far as this process has seen.
    pub moved_at: Timestamp,
    /// It is not read before this, because it failed or the account's quota is used up.
    pub not_before: Option<Timestamp>,
    /// Devices by what they did, where they were counted.
    pub counts: Option<DeviceCounts>,
    /// AWS is still telling devices of it.
    pub is_spreading: bool,
    /// The job as AWS shows it.
    pub job: JobState,
    /// Some of the devices that don't run it.
    pub failures: Vec<DeviceFailure>,
    /// What is still to be read of them.
    pub sample: Sample,
    /// Why failed devices could not be read.
    pub sample_failure: Option<Box<Failure>>,
    /// Why it can't be read.
    pub trouble: Option<Box<RolloutTrouble>>,
}

/// The job that rolls a revision out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It runs, or was not read yet.
    Running,
    /// It was cancelled, or has ended in another way.
    Ended,
    /// It is gone, or is going.
    Gone,
}

/// What is still to be read of devices that don't run a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Nothing, until the number of those that have ended badly is another than this.
    Taken(i64),
    /// Nothing, until devices are counted again: it could not be read.
    Failed,
    /// Who they are: one list for each way to end.
    List(Vec<BadEnd>),
    /// What these say, the next one first, and who the others are.
    Describe(Vec<(String, BadEnd)>, Vec<BadEnd>),
}

/// A reading that fails again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolloutTrouble {
    /// How it failed last.
    pub failure: Failure,
    /// How often it failed.
    pub attempts: u32,
    /// When it failed first.
    pub first_at: Timestamp,
}

/// What `DescribeJob` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Whether it runs.
    pub state: JobState,
    /// Devices by what they did.
    pub counts: DeviceCounts,
    /// Whether AWS is still telling devices of it.
    pub is_spreading: bool,
}

impl Knowledge {
    /// `DescribeJob` answered; `None` where there is no such job.
    pub fn read_job(&mut self, memory: &Memory, at: Timestamp, job: Option<&Job>) {
        let mut has_ended = false;
        self.with_rollout(memory, at, |known| {
            let was = known.job;
            match job {
                None => {
                    known.job = JobState::Gone;
                    known.sample = Sample::Taken(0);
                }
                Some(Job { state, counts, is_spreading }) => {
                    if known.counts.as_ref() != Some(counts) {
                        known.moved_at = at;
                    }
                    known.is_spreading = *is_spreading;
                    known.job = *state;
                    known.counts = Some(*counts);
                    known.note_bad(counts);
                }
            }
            known.read(at);
            has_ended = known.job != JobState::Running && was != known.job;
        });
        // What ends the job ends the deployment, and the deployment says how.
        if has_ended {
            self.look_wanted_at = Some(at);
        }
    }

    /// `ListJobExecutionsForJob` answered: the first of those that ended so.
    pub fn read_bad_devices(&mut self, memory: &Memory, at: Timestamp, end: BadEnd, things: Vec<String>) {
        self.with_rollout(memory, at, |known| {
            let (Sample::List(ends) | Sample::Describe(_, ends)) = known.sample.clone() else { return };
            // Who is not there any more does not fail any more.
            let is_complete = things.len() < MAX_FAILURES;
            known
                .failures
                .retain(|failure| failure.status != end.as_str() || !is_complete || things.contains(&failure.thing));
            let room = MAX_FAILURES.saturating_sub(known.failures.len());
            let is_new = |thing: &String| known.failures.iter().all(|failure| failure.thing != *thing);
            let devices = things.into_iter().filter(is_new).take(room).map(|thing| (thing, end)).collect();
            known.sample = Sample::Describe(devices, ends.into_iter().filter(|other| *other != end).collect());
            known.go_on();
        });
    }

    /// `DescribeJobExecution` answered; `None` where the device has none any more.
    pub fn read_bad_device(&mut self, memory: &Memory, at: Timestamp, thing: &str, said: Option<DeviceFailure>) {
        self.with_rollout(memory, at, |known| {
            if let Sample::Describe(devices, _) = &mut known.sample {
                devices.retain(|(other, _)| other != thing);
            }
            known.failures.retain(|failure| failure.thing != thing);
            known.failures.extend(said);
            known.failures.sort_by(|one, other| one.thing.cmp(&other.thing));
            known.failures.truncate(MAX_FAILURES);
            known.go_on();
        });
    }

    /// `GetDeployment` of a thing's deployment answered.
    pub fn read_thing(&mut self, memory: &Memory, at: Timestamp) {
        self.with_rollout(memory, at, |known| known.read(at));
    }

    /// `GetThingShadow` answered; `None` where it says nothing of this revision.
    pub fn read_shadow(&mut self, memory: &Memory, at: Timestamp, said: Option<DeviceFailure>) {
        self.with_rollout(memory, at, |known| {
            known.failures = said.into_iter().collect();
            // A thing is one device, and it has ended badly: its shadow is asked for once.
            known.sample = Sample::Taken(1);
            known.read(at);
        });
    }

    /// A reading failed: nothing is known anew, and nothing else is touched by it.
    pub fn rollout_failed(
        &mut self,
        memory: &Memory,
        at: Timestamp,
        failure: Failure,
        wait: impl FnOnce(u32, Timestamp) -> Duration,
    ) {
        self.with_rollout(memory, at, |known| {
            if known.sample.is_open() {
                known.sample = Sample::Failed;
                known.sample_failure = Some(Box::new(failure));
                return;
            }
            let (attempts, first_at) = match &known.trouble {
                Some(trouble) => (trouble.attempts.saturating_add(1), trouble.first_at),
                None => (1, at),
            };
            known.not_before = Some(later(at, wait(attempts, first_at)));
            known.trouble = Some(Box::new(RolloutTrouble { failure, attempts, first_at }));
        });
    }

    /// The quota of the account is used up by others.
    pub fn rollout_waits(&mut self, memory: &Memory, at: Timestamp, until: Timestamp) {
        self.with_rollout(memory, at, |known| known.not_before = Some(until));
    }

    /// What is known of the newest revision; where this process has read nothing of it yet, what the status says.
    fn with_rollout(&mut self, memory: &Memory, at: Timestamp, learn: impl FnOnce(&mut RolloutKnown)) {
        let Some(own) = &memory.deployment else { return };
        let known = self.rollout.take().filter(|known| known.deployment_id == own.deployment_id);
        let mut known = known.unwrap_or_else(|| {
            Box::new(RolloutKnown {
                deployment_id: own.deployment_id.clone(),
                read_at: None,
                moved_at: at,
                not_before: None,
                counts: memory.progress.counts,
                is_spreading: false,
                job: JobState::Running,
                failures: memory.progress.failures.clone(),
                sample: Sample::Taken(0),
                sample_failure: None,
                trouble: None,
            })
        });
        learn(&mut known);
        self.rollout = Some(known);
    }
}

impl RolloutKnown {
    fn read(&mut self, at: Timestamp) {
        self.read_at = Some(at);
        self.not_before = None;
        self.trouble = None;
    }

    /// Whether failed devices are to be read: only when their number has changed, and only as many as are told of.
    fn note_bad(&mut self, counts: &DeviceCounts) {
        let bad = counts.bad();
        let told = i64::try_from(self.failures.len()).unwrap_or(i64::MAX);
        let room = i64::try_from(MAX_FAILURES).unwrap_or(i64::MAX);
        if self.sample == Sample::Taken(bad) || (self.sample != Sample::Failed && told == bad.min(room)) {
            self.sample = Sample::Taken(bad);
            return;
        }
        let has_any = |end: &BadEnd| end.of(counts) > 0;
        self.failures.retain(|failure| BadEnd::ALL.iter().any(|end| has_any(end) && end.as_str() == failure.status));
        self.sample = Sample::List(BadEnd::ALL.into_iter().filter(has_any).collect());
        self.sample_failure = None;
        self.go_on();
    }

    /// What is read is read.
    fn go_on(&mut self) {
        let taken = Sample::Taken(self.counts.map_or(0, |counts| counts.bad()));
        let is_full = self.failures.len() >= MAX_FAILURES;
        self.sample = match std::mem::replace(&mut self.sample, taken.clone()) {
            Sample::Describe(devices, ends) if devices.is_empty() && !ends.is_empty() && !is_full => Sample::List(ends),
            Sample::Describe(devices, _) if devices.is_empty() => taken,
            Sample::List(ends) if ends.is_empty() => taken,
            other => other,
        };
    }
}

impl Sample {
    fn is_open(&self) -> bool {
        match self {
            Self::Taken(_) | Self::Failed => false,
            Self::List(_) | Self::Describe(..) => true,
        }
    }
}
