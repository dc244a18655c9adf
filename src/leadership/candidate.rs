//! One of several processes that want to lead: what it does next, from what the Lease says and when that was seen to change.
//! Pure: the Lease and the times are arguments.
//!
//! Two things are stricter than in client-go. What nobody holds is taken at once only if it says what a leader writes that has
//! ended: a Lease that was deleted or edited may be that of a leader that goes on, so it is watched for a whole lease duration
//! like any other. (Absence can't be watched, because two absences look alike: so one that nobody holds is made first.) And a
//! Lease that names this process counts as its own only if this process wrote what it says.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use super::settings::{LeaseName, Timings};
use crate::aws::BootTime;

/// What a leader that has ended leaves in `leaseDurationSeconds`, as client-go does: the API server refuses 0.
const RELEASED_SECONDS: i32 = 1;

/// A process that wants to lead.
#[derive(Debug)]
pub(super) struct Candidate {
    identity: String,
    name: LeaseName,
    timings: Timings,
    seen: Option<Seen>,
    /// What this process wrote last, whether it was answered or not.
    written: Option<Written>,
    leads: Option<Leads>,
    phase: Phase,
    /// A write of this round was refused already.
    refused: bool,
}

/// What the API server has.
#[derive(Debug)]
struct Seen {
    /// None: there is no such Lease.
    lease: Option<Lease>,
    /// Right after it was first seen like this.
    since: BootTime,
}

#[derive(Debug)]
struct Written {
    spec: LeaseSpec,
    /// It replaced a version, and so was carried out before anybody else's write or never. A Lease that was to be created may
    /// appear at any time when there is none.
    is_replacement: bool,
}

#[derive(Debug)]
struct Leads {
    until: BootTime,
    predecessor: Predecessor,
}

/// What is left to do in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Look,
    Write,
    Done,
}

/// What a leader knows of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predecessor {
    /// It ended its work and said so.
    Released,
    /// Nothing is known of it: what it sent last may still be on its way.
    Unknown,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// Read the Lease.
    Look,
    /// Write this: create it if it has no resource version, replace that version if it has one.
    Write(Box<Lease>),
    /// Nothing until the next round.
    Done,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// The API server has it, as this.
    Written(Box<Lease>),
    /// The Lease is not as it was seen.
    Refused,
    /// It may have been carried out or not.
    Unknown,
}

impl Candidate {
    /// A process that has seen nothing. The identity must be that of no other process, ever.
    pub(super) const fn new(identity: String, name: LeaseName, timings: Timings) -> Self {
        Self { identity, name, timings, seen: None, written: None, leads: None, phase: Phase::Done, refused: false }
    }

    pub(super) const fn name(&self) -> &LeaseName {
        &self.name
    }

    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    pub(super) const fn timings(&self) -> Timings {
        self.timings
    }

    /// Until when this process may act; none: it does not lead.
    pub(super) fn leads_until(&self) -> Option<BootTime> {
        self.leads.as_ref().map(|leads| leads.until)
    }

    /// What this leader knows of the one before it.
    pub(super) fn predecessor(&self) -> Predecessor {
        self.leads.as_ref().map_or(Predecessor::Unknown, |leads| leads.predecessor)
    }

    /// Who holds the Lease, as far as this process has seen.
    pub(super) fn holder(&self) -> Option<&str> {
        holder(self.seen_spec()?)
    }

    /// Begins a round: a leader prolongs its Lease, others look at it.
    pub(super) fn begin_round(&mut self) {
        self.refused = false;
        self.phase = if self.leads.is_some() { Phase::Write } else { Phase::Look };
    }

    /// What to do now. `time` is the time of day, which others may read and nobody decides by.
    pub(super) fn step(&mut self, now: BootTime, time: Timestamp) -> Step {
        if self.leads_until().is_some_and(|until| until <= now) {
            self.resign();
        }
        match self.phase {
            Phase::Look => Step::Look,
            Phase::Write => {
                let lease = if self.leads.is_none() && self.is_absent() { self.vacant(time) } else { self.claim(time) };
                let is_replacement = lease.metadata.resource_version.is_some();
                self.written = lease.spec.clone().map(|spec| Written { spec, is_replacement });
                Step::Write(Box::new(lease))
            }
            Phase::Done => Step::Done,
        }
    }

    /// The Lease was read. `now` is after the answer: what it shows was true before.
    pub(super) fn looked(&mut self, lease: Option<Lease>, now: BootTime) {
        let is_known = self.seen.as_ref().is_some_and(|seen| version(seen.lease.as_ref()) == version(lease.as_ref()));
        if !is_known {
            self.seen = Some(Seen { lease, since: now });
            // Somebody else wrote, so what this process wrote is over: it must not count again if it is put back.
            if self.leads.is_none() && !self.is_own() {
                self.written = None;
            }
        }
        self.phase = if self.leads.is_some() {
            if self.holder().is_some_and(|holder| holder != self.identity) {
                self.resign();
                Phase::Done
            } else {
                // Its own, with something beside it changed; or nobody's, and then no other leads before it would have waited.
                Phase::Write
            }
        } else if self.is_absent() || self.free_at().is_some_and(|free| free <= now) {
            Phase::Write
        } else {
            Phase::Done
        };
    }

    /// A write that was asked for at `asked` has ended.
    pub(super) fn wrote(&mut self, asked: BootTime, answer: Answer, now: BootTime) {
        self.phase = Phase::Done;
        match answer {
            Answer::Written(lease) => {
                let predecessor = match &self.leads {
                    Some(leads) => leads.predecessor,
                    None if self.is_released() => Predecessor::Released,
                    None => Predecessor::Unknown,
                };
                let is_claim = lease.spec.as_ref().and_then(holder) == Some(&self.identity);
                self.seen = Some(Seen { lease: Some(*lease), since: now });
                if !is_claim {
                    return;
                }
                // What took too long, perhaps because the machine slept, prolongs nothing.
                let until = asked.plus(self.timings.renew_deadline());
                self.leads = (now < until).then_some(Leads { until, predecessor });
            }
            // Perhaps its own write, which was carried out and whose answer was lost.
            Answer::Refused if self.leads.is_some() && !self.refused => {
                self.refused = true;
                self.phase = Phase::Look;
            }
            Answer::Refused | Answer::Unknown => {}
        }
    }

    /// Ends leading for good. Returns what says so to the others, if there is something to say: their time begins at once.
    /// Nothing may be done as a leader from before this on.
    pub(super) fn release(&mut self, now: BootTime, time: Timestamp) -> Option<Lease> {
        let leads = self.leads.take()?;
        self.phase = Phase::Done;
        if leads.until <= now { None } else { self.released(time) }
    }

    /// What says that this process has ended; none where the Lease as last seen is not its own.
    pub(super) fn released(&self, time: Timestamp) -> Option<Lease> {
        let seen = self.seen.as_ref()?.lease.as_ref()?;
        let spec = seen.spec.as_ref().filter(|spec| holder(spec) == Some(&self.identity))?;
        let time = in_microseconds(time);
        Some(Lease {
            metadata: metadata_of(seen),
            spec: Some(LeaseSpec {
                holder_identity: None,
                lease_duration_seconds: Some(RELEASED_SECONDS),
                acquire_time: time.clone(),
                renew_time: time,
                ..spec.clone()
            }),
        })
    }

    /// When to begin the next round at the latest: a leader before its right ends, another one when the Lease is free.
    pub(super) fn due(&self) -> Option<BootTime> {
        self.leads_until().or_else(|| self.free_at())
    }

    fn resign(&mut self) {
        self.leads = None;
        self.phase = Phase::Done;
    }

    fn seen_spec(&self) -> Option<&LeaseSpec> {
        self.seen.as_ref()?.lease.as_ref()?.spec.as_ref()
    }

    fn is_absent(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.lease.is_none())
    }

    /// What this process wrote, nobody has followed: its answer was lost, or this process slept.
    fn is_own(&self) -> bool {
        let own = self.written.as_ref().filter(|written| written.is_replacement).map(|written| &written.spec);
        own.is_some() && own == self.seen_spec()
    }

    /// A leader has ended, and nobody has followed yet.
    fn is_released(&self) -> bool {
        self.seen_spec()
            .is_some_and(|spec| holder(spec).is_none() && spec.lease_duration_seconds == Some(RELEASED_SECONDS))
    }

    /// From when on the Lease may be taken, if it stays as it is.
    fn free_at(&self) -> Option<BootTime> {
        let seen = self.seen.as_ref()?;
        if self.is_released() || self.is_own() {
            return Some(seen.since);
        }
        let spec = self.seen_spec();
        let promised =
            spec.and_then(|spec| spec.lease_duration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
        let promised = promised.map_or(Duration::ZERO, Duration::from_secs);
        Some(seen.since.plus(promised.max(self.timings.lease_duration())))
    }

    fn claim(&self, time: Timestamp) -> Lease {
        let seen = self.seen.as_ref().and_then(|seen| seen.lease.as_ref());
        let before = self.seen_spec();
        let time = in_microseconds(time);
        // A leader whose Lease somebody deleted or emptied goes on as what it was.
        let own = before
            .filter(|spec| holder(spec) == Some(&self.identity))
            .or_else(|| self.written.as_ref().filter(|_| self.leads.is_some()).map(|written| &written.spec));
        let next = before.map_or(0, |spec| spec.lease_transitions.unwrap_or_default().saturating_add(1));
        let (acquire_time, transitions) = own.map_or_else(
            || (time.clone(), next),
            |own| (own.acquire_time.clone(), own.lease_transitions.unwrap_or_default()),
        );
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(self.seconds()),
            acquire_time,
            renew_time: time,
            lease_transitions: Some(transitions),
            preferred_holder: before.and_then(|spec| spec.preferred_holder.clone()),
            strategy: before.and_then(|spec| spec.strategy.clone()),
        };
        Lease { metadata: seen.map_or_else(|| self.new_metadata(), metadata_of), spec: Some(spec) }
    }

    /// A Lease that nobody holds and no leader left.
    fn vacant(&self, time: Timestamp) -> Lease {
        let spec = LeaseSpec {
            lease_duration_seconds: Some(self.seconds()),
            renew_time: in_microseconds(time),
            lease_transitions: Some(0),
            ..LeaseSpec::default()
        };
        Lease { metadata: self.new_metadata(), spec: Some(spec) }
    }

    fn new_metadata(&self) -> ObjectMeta {
        ObjectMeta { name: Some(self.name.to_string()), ..ObjectMeta::default() }
    }

    fn seconds(&self) -> i32 {
        i32::try_from(self.timings.lease_duration().as_secs()).unwrap_or(i32::MAX)
    }
}

fn holder(spec: &LeaseSpec) -> Option<&str> {
    spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

fn version(lease: Option<&Lease>) -> Option<(Option<&str>, Option<&str>)> {
    lease.map(|lease| (lease.metadata.uid.as_deref(), lease.metadata.resource_version.as_deref()))
}

/// What others put there stays. With uid and resource version a write can't bring back a Lease that was deleted.
fn metadata_of(lease: &Lease) -> ObjectMeta {
    ObjectMeta { managed_fields: None, ..lease.metadata.clone() }
}

/// As the API server keeps it, so that what it has can be compared with what was written.
fn in_microseconds(time: Timestamp) -> Option<MicroTime> {
    Timestamp::from_microsecond(time.as_microsecond()).ok().map(MicroTime)
}
