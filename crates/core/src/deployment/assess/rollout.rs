//! How devices take the newest revision, and what is to be read of it next. Pure.

use jiff::{SignedDuration, Timestamp};

use super::super::hash::short_hash;
use super::super::knowledge::{JobState, Knowledge, RolloutKnown, RowStatus, Sample, later};
use super::super::memory::{Memory, OwnDeployment};
use super::super::rollout::{BadEnd, Criteria, Judged, Progress, Verdict, judge};
use super::super::subject::Subject;
use super::ownership::Ownership;
use super::parent::Parent;
use super::sync::Sync;
use crate::api::ReadyWhen;
use crate::api::devices::{DeviceCounts, DeviceFailure};
use crate::failure::Failure;
use crate::names::{Key, TargetArn, TargetKind};
use crate::pace::{ROLLOUT_FIRST_READ, ROLLOUT_LONGEST, rollout_wait};

/// A group whose deployment has reached no device by then has none. AWS's counts are all zero for a while after the create, some
/// seconds as users saw it (awslabs certificate rotator, `deploy_component_version.py`).
pub const NO_DEVICES_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// So long after it was made a rollout is read before older ones, where there are more than the quota allows: somebody is
/// watching it.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(2);

/// AWS names the targets that a job is still being told to. Whether it ever ceases to for a continuous job is not documented; the
/// slowest rate that it takes is one device a minute, so that what has not moved for so long is not being told to anybody.
const SPREADING_MOVES_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// How devices take the newest revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// How far it is.
    pub state: RolloutState,
    /// Devices by what they did.
    pub counts: Option<DeviceCounts>,
    /// Some of those that don't run it.
    pub failures: Vec<DeviceFailure>,
    /// By when it should be complete, where something waits for that.
    pub deadline: Option<Timestamp>,
    /// Why it can't be read now.
    pub failure: Option<Failure>,
    /// Why failed devices can't be read.
    pub sample_failure: Option<Failure>,
    /// The job is gone in AWS, so that nobody counts any more.
    pub is_uncounted: bool,
    /// Whether it was made lately.
    pub is_fresh: bool,
    /// What is to be read next.
    pub next: NextReading,
}

/// How far a rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolloutState {
    /// There is no revision of the wanted content.
    None,
    /// Nothing was read of it.
    Unread,
    /// No device has shown up yet.
    NotStarted,
    /// Devices are at it.
    InProgress,
    /// Enough have it.
    Completed,
    /// Too many failed.
    Failed,
    /// It was cancelled.
    Canceled,
    /// There are none.
    NoDevices,
}

/// What is to be read next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextReading {
    /// Nothing before this; nothing at all where there is no time.
    Rest(Option<Timestamp>),
    /// This, now.
    Due(RolloutQuery),
}

/// What there is to be read of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RolloutQuery {
    /// How many devices a job has reached, and how they ended.
    Job(String),
    /// The deployment of a thing, for what became of it there.
    ThingDeployment(String),
    /// What a thing says of its deployment.
    Shadow(TargetArn),
    /// Some of a job's devices that ended so.
    BadDevices {
        /// The job.
        job: String,
        /// How they ended.
        end: BadEnd,
    },
    /// What a device says of a job.
    BadDevice {
        /// The job.
        job: String,
        /// The device.
        thing: String,
        /// How it ended.
        end: BadEnd,
    },
}

impl Rollout {
    /// There is no revision of the wanted content.
    #[must_use]
    pub fn none() -> Self {
        Self {
            state: RolloutState::None,
            counts: None,
            failures: Vec::new(),
            deadline: None,
            failure: None,
            sample_failure: None,
            is_uncounted: false,
            is_fresh: false,
            next: NextReading::Rest(None),
        }
    }

    /// What is settled by it.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        match self.state {
            RolloutState::Completed => Some(Verdict::Completed),
            RolloutState::Failed => Some(Verdict::Failed),
            RolloutState::Canceled => Some(Verdict::Canceled),
            RolloutState::NoDevices => Some(Verdict::NoDevices),
            RolloutState::None | RolloutState::Unread | RolloutState::NotStarted | RolloutState::InProgress => None,
        }
    }

    /// As it is remembered.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { verdict: self.verdict(), counts: self.counts, failures: self.failures.clone() }
    }

    /// Whether it has taken longer than it should.
    #[must_use]
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now) && self.verdict().is_none()
    }
}

/// What tells whether there is a revision whose devices are to be followed.
pub(super) struct Found<'a> {
    pub(super) key: &'a Key,
    pub(super) ownership: &'a Ownership,
    pub(super) parent: &'a Parent,
    pub(super) sync: &'a Sync,
}

pub(super) fn assess(
    subject: &Subject<'_>,
    memory: &Memory,
    knowledge: &Knowledge,
    found: &Found<'_>,
    now: Timestamp,
) -> Rollout {
    let Found { key, ownership, parent, sync } = *found;
    let Some(own) = &memory.deployment else { return Rollout::none() };
    let status = match ownership.own() {
        Some(found) if found.remembered => found.status,
        Some(_) | None => return Rollout::none(),
    };
    if *sync != Sync::UpToDate || memory.intent.is_some() {
        return Rollout::none();
    }
    // Whether somebody has cancelled it or the parent's new revision has ended it, only the parent's deployment tells.
    let is_over = matches!(status, Some(RowStatus::Canceled | RowStatus::Inactive));
    if is_over && matches!(parent, Parent::Waiting | Parent::Unread) {
        return Rollout::none();
    }
    let known = knowledge.rollout.as_deref().filter(|known| known.deployment_id == own.deployment_id);
    let criteria = subject.deployable().map(|(desired, _)| desired.rollout.clone()).unwrap_or_default();
    let created_at = memory.created_at().unwrap_or(knowledge.since);
    let counts = match key.target.kind() {
        TargetKind::ThingGroup => known.map_or(memory.progress.counts, |known| known.counts),
        TargetKind::Thing => Some(of_thing(status)),
    };
    let case = Case { memory, own, known, counts, criteria: &criteria, created_at, status, now };
    let state = match key.target.kind() {
        TargetKind::ThingGroup => case.state_of_group(),
        TargetKind::Thing => state_of_thing(status),
    };
    let deadline = (criteria.ready_when == ReadyWhen::RolledOut).then_some(criteria.deadline).flatten();
    let mut rollout = Rollout {
        state,
        counts,
        failures: known.map_or(&memory.progress.failures, |known| &known.failures).clone(),
        deadline: deadline.and_then(|deadline| created_at.checked_add(deadline).ok()),
        failure: known.and_then(|known| known.trouble.as_ref()).map(|trouble| trouble.failure.clone()),
        sample_failure: known.and_then(|known| known.sample_failure.as_deref()).cloned(),
        is_uncounted: known.is_some_and(|known| known.job == JobState::Gone),
        is_fresh: now.duration_since(created_at) < FRESH_FOR,
        next: NextReading::Rest(None),
    };
    rollout.next = match key.target.kind() {
        TargetKind::ThingGroup => case.next_of_group(knowledge, &rollout),
        TargetKind::Thing => case.next_of_thing(&key.target, knowledge, &rollout),
    };
    rollout
}

struct Case<'a> {
    memory: &'a Memory,
    own: &'a OwnDeployment,
    known: Option<&'a RolloutKnown>,
    counts: Option<DeviceCounts>,
    criteria: &'a Criteria,
    created_at: Timestamp,
    status: Option<RowStatus>,
    now: Timestamp,
}

impl Case<'_> {
    fn state_of_group(&self) -> RolloutState {
        let was_canceled = self.memory.progress.verdict == Some(Verdict::Canceled);
        match self.status {
            Some(RowStatus::Canceled | RowStatus::Failed) => return RolloutState::Canceled,
            Some(RowStatus::Inactive) if was_canceled => return RolloutState::Canceled,
            Some(RowStatus::Active | RowStatus::Completed | RowStatus::Inactive | RowStatus::Unknown) | None => {}
        }
        // Devices that join later move counts, not conditions.
        if self.memory.progress.verdict == Some(Verdict::Completed) {
            return RolloutState::Completed;
        }
        let Some(counts) = self.counts else { return RolloutState::Unread };
        match judge(&counts, self.is_spreading(), self.criteria) {
            Judged::NotStarted if self.now < self.no_devices_at() => RolloutState::NotStarted,
            Judged::NotStarted | Judged::NoneLeft => RolloutState::NoDevices,
            Judged::InProgress => RolloutState::InProgress,
            Judged::Completed => RolloutState::Completed,
            Judged::Failed => RolloutState::Failed,
        }
    }

    fn no_devices_at(&self) -> Timestamp {
        self.created_at.checked_add(NO_DEVICES_AFTER).unwrap_or(self.created_at)
    }

    fn is_spreading(&self) -> bool {
        let moved_lately = |known: &RolloutKnown| self.now.duration_since(known.moved_at) < SPREADING_MOVES_WITHIN;
        self.known.is_some_and(|known| known.is_spreading && moved_lately(known))
    }

    fn next_of_group(&self, knowledge: &Knowledge, rollout: &Rollout) -> NextReading {
        let Some(job) = &self.own.iot_job_id else { return NextReading::Rest(None) };
        let due = self.due_at(knowledge, rollout);
        if let Some(next) = self.next_of_sample(job) {
            return next;
        }
        if due <= self.now {
            return NextReading::Due(RolloutQuery::Job(job.clone()));
        }
        NextReading::Rest(Some(self.wakes_at(due, rollout)))
    }

    /// Of devices that ended badly some are still to be read.
    fn next_of_sample(&self, job: &str) -> Option<NextReading> {
        let known = self.known?;
        let next = match &known.sample {
            Sample::Taken(_) | Sample::Failed => return None,
            Sample::List(ends) => RolloutQuery::BadDevices { job: job.to_owned(), end: *ends.first()? },
            Sample::Describe(devices, _) => {
                let (thing, end) = devices.first()?;
                RolloutQuery::BadDevice { job: job.to_owned(), thing: thing.clone(), end: *end }
            }
        };
        // Waiting for a quota holds for all readings.
        Some(
            known
                .not_before
                .filter(|at| *at > self.now)
                .map_or(NextReading::Due(next), |at| NextReading::Rest(Some(at))),
        )
    }

    fn next_of_thing(&self, target: &TargetArn, knowledge: &Knowledge, rollout: &Rollout) -> NextReading {
        let may_ask = self.known.and_then(|known| known.not_before).is_none_or(|at| at <= self.now);
        if rollout.state == RolloutState::Failed {
            let is_read = self.known.is_some_and(|known| known.sample == Sample::Taken(1));
            let is_told = is_read || !rollout.failures.is_empty();
            if !is_told && may_ask {
                return NextReading::Due(RolloutQuery::Shadow(target.clone()));
            }
            // What a thing's deployment has become it stays, and the looks show whether it is still there.
            return NextReading::Rest(self.known.and_then(|known| known.not_before).filter(|_| !is_told));
        }
        if rollout.verdict().is_some() {
            return NextReading::Rest(None);
        }
        let due = self.due_at(knowledge, rollout);
        if due <= self.now {
            NextReading::Due(RolloutQuery::ThingDeployment(self.own.deployment_id.clone()))
        } else {
            NextReading::Rest(Some(self.wakes_at(due, rollout)))
        }
    }

    /// When it is read next.
    fn due_at(&self, knowledge: &Knowledge, rollout: &Rollout) -> Timestamp {
        let read_at = self.known.and_then(|known| known.read_at);
        if let Some(asked) = knowledge.rollout_wanted_at.filter(|asked| read_at.is_none_or(|at| at < *asked)) {
            return self.known.and_then(|known| known.not_before).map_or(asked, |at| asked.max(at));
        }
        // Nor is anything moved by a job that has ended, or is gone.
        let is_running = self.known.is_none_or(|known| known.job == JobState::Running);
        let is_settled = rollout.verdict().is_some() || !is_running;
        let due = match self.known.and_then(|known| Some((known.read_at?, known.moved_at))) {
            Some((read_at, moved_at)) => {
                // A clock that was set back must not stop it until that time comes again.
                later(read_at.min(self.now), rollout_wait(read_at.duration_since(moved_at), is_settled))
            }
            // All at once after a start they would take the account's quota from those that move.
            None if is_settled => later(knowledge.since, ROLLOUT_LONGEST.mul_f64(spread(&self.own.deployment_id))),
            None => later(self.created_at, ROLLOUT_FIRST_READ).max(knowledge.since),
        };
        self.known.and_then(|known| known.not_before).map_or(due, |at| due.max(at))
    }

    /// Time alone can change what is said.
    fn wakes_at(&self, due: Timestamp, rollout: &Rollout) -> Timestamp {
        let no_devices_at = Some(self.no_devices_at()).filter(|_| rollout.state == RolloutState::NotStarted);
        let deadline = rollout.deadline.filter(|_| rollout.verdict().is_none());
        [no_devices_at, deadline].into_iter().flatten().filter(|at| *at > self.now).fold(due, Timestamp::min)
    }
}

fn state_of_thing(status: Option<RowStatus>) -> RolloutState {
    match status {
        Some(RowStatus::Completed) => RolloutState::Completed,
        Some(RowStatus::Failed) => RolloutState::Failed,
        Some(RowStatus::Canceled) => RolloutState::Canceled,
        Some(RowStatus::Active | RowStatus::Unknown | RowStatus::Inactive) => RolloutState::InProgress,
        None => RolloutState::Unread,
    }
}

fn of_thing(status: Option<RowStatus>) -> DeviceCounts {
    let one = DeviceCounts { total: 1, ..DeviceCounts::default() };
    match status {
        Some(RowStatus::Completed) => DeviceCounts { succeeded: 1, ..one },
        Some(RowStatus::Failed) => DeviceCounts { failed: 1, ..one },
        Some(RowStatus::Canceled) => DeviceCounts { canceled: 1, ..one },
        Some(RowStatus::Active | RowStatus::Unknown | RowStatus::Inactive) | None => DeviceCounts { queued: 1, ..one },
    }
}

/// A number from 0 to 1 that differs between deployments.
fn spread(deployment_id: &str) -> f64 {
    let digits = short_hash(deployment_id);
    let number = digits.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or_default();
    f64::from(number) / f64::from(u32::MAX)
}
