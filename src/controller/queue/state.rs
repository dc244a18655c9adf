//! The queue's state: who waits, who is ready in which lane, who is running. Pure: time is an argument.
//!
//! An object has at most one entry, which is in exactly one phase: waiting until due, ready, or running. So it can
//! neither be lost nor run twice at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use greengrass_operator_core::names::ObjectName;
use tokio::time::Instant;

use super::lanes::{Lanes, Place, Ready, stronger};
use super::wake::{Lane, Next, Reason, Reasons, Rest, Turn, Wake};
use crate::aws::Class;
use crate::controller::record::ResourceVersion;

/// See the module.
#[derive(Debug)]
pub(super) struct State {
    entries: HashMap<Arc<ObjectName>, Entry>,
    waiting: BTreeMap<Place, Arc<ObjectName>>,
    lanes: Lanes,
    places: u64,
}

#[derive(Debug)]
struct Entry {
    lane: Lane,
    class: Class,
    reasons: Reasons,
    /// The end of the back-off, while there is one.
    held_until: Option<Instant>,
    failures: u32,
    failing_since: Option<Instant>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Waiting(Place),
    Ready(Place),
    /// In the lane it started in, with what woke it meanwhile.
    Running {
        lane: Lane,
        /// Elsewhere: few run, and thousands wait.
        next: Box<Meanwhile>,
    },
}

/// What woke an object during its turn. What its own writes wake it with must not hide behind another reason, or a turn that
/// has nothing to do would look at AWS.
#[derive(Debug, Default)]
struct Meanwhile {
    /// About versions of the object.
    of_versions: Option<Pending>,
    of_others: Option<Pending>,
}

/// Wake-ups that met.
#[derive(Debug)]
struct Pending {
    class: Class,
    reasons: Reasons,
    due: Instant,
    overrides_back_off: bool,
    /// The newest version that they are about; none if one of them is about something else.
    version: Option<ResourceVersion>,
    /// Where the last of them that named a lane wants the object.
    lane: Option<Lane>,
}

/// What there is to do.
#[derive(Debug)]
pub(super) enum Picked {
    /// This object's turn has begun.
    Turn(Turn),
    /// Nothing before that moment, or before something changes.
    Idle(Option<Instant>),
}

impl State {
    pub(super) fn new(lane_limit: usize) -> Self {
        Self { entries: HashMap::new(), waiting: BTreeMap::new(), lanes: Lanes::new(lane_limit), places: 0 }
    }

    /// How many objects have an entry.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Puts a wake-up in. Several of one object become one: the strongest class, the earliest time, all reasons.
    pub(super) fn wake(&mut self, name: ObjectName, wake: Wake) {
        let Wake { class, reason, due, lane, version } = wake;
        let overrides_back_off = reason.overrides_back_off();
        let pending = Pending { class, reasons: reason.into(), due, overrides_back_off, version, lane };
        let name = Arc::new(name);
        let Some(mut entry) = self.entries.remove(&name) else {
            let place = self.place(due);
            self.waiting.insert(place, Arc::clone(&name));
            self.entries.insert(
                name,
                Entry {
                    lane: pending.lane.unwrap_or_default(),
                    class,
                    reasons: pending.reasons,
                    held_until: None,
                    failures: 0,
                    failing_since: None,
                    phase: Phase::Waiting(place),
                },
            );
            return;
        };
        self.merge(&name, &mut entry, pending);
        self.entries.insert(name, entry);
    }

    fn merge(&mut self, name: &Arc<ObjectName>, entry: &mut Entry, pending: Pending) {
        let (place, was_ready) = match &mut entry.phase {
            Phase::Running { lane: _, next } => {
                next.add(pending);
                return;
            }
            Phase::Waiting(place) => (*place, false),
            Phase::Ready(place) => (*place, true),
        };
        let lane = pending.lane.unwrap_or_else(|| entry.lane.clone());
        let class = stronger(entry.class, pending.class);
        entry.reasons = entry.reasons.union(pending.reasons);
        if pending.overrides_back_off && entry.held_until.take().is_some() {
            entry.failures = 0;
            entry.failing_since = None;
        }
        if was_ready {
            // Where nothing changes it must not lose its namespace's turn: what is woken often would never come.
            if lane != entry.lane || class != entry.class {
                self.lanes.take(&entry.lane, entry.class, place, name);
                (entry.lane, entry.class) = (lane, class);
                // What is ready keeps its age.
                self.put_ready(name, entry, place);
            }
        } else {
            self.waiting.remove(&place);
            (entry.lane, entry.class) = (lane, class);
            let due = place.0.min(pending.due);
            self.put_waiting(name, entry, entry.held_until.map_or(due, |end| due.max(end)));
        }
    }

    /// Begins the turn of whoever comes next.
    pub(super) fn pick(&mut self, now: Instant) -> Picked {
        self.ripen(now);
        match self.begin() {
            Some(turn) => Picked::Turn(turn),
            None => Picked::Idle(self.waiting.keys().next().map(|(due, _)| *due)),
        }
    }

    fn begin(&mut self) -> Option<Turn> {
        let (lane, name) = self.lanes.begin()?;
        let entry = self.entries.get_mut(&name)?;
        entry.phase = Phase::Running { lane, next: Box::default() };
        entry.held_until = None;
        let mut reasons = std::mem::take(&mut entry.reasons);
        if reasons == Reasons::default() {
            // Nothing woke it: its own time has come.
            reasons = if entry.failures == 0 { Reason::Timer.into() } else { Reason::Retry.into() };
        }
        Some(Turn {
            name: ObjectName::clone(&name),
            class: entry.class,
            reasons,
            failures: entry.failures,
            failing_since: entry.failing_since,
        })
    }

    /// Ends a turn.
    pub(super) fn done(&mut self, name: &ObjectName, rest: Rest, now: Instant) {
        let Some((name, mut entry)) = self.entries.remove_entry(name) else {
            return;
        };
        let (lane, pending) = match &mut entry.phase {
            Phase::Running { lane, next } => (lane.clone(), std::mem::take(next)),
            Phase::Waiting(_) | Phase::Ready(_) => {
                self.entries.insert(name, entry);
                return;
            }
        };
        self.lanes.leave(&lane, &name);
        let rest_is_back_off = rest.is_back_off();
        let Rest { next, lane, seen } = rest;
        let pending = pending.unanswered(seen);
        entry.lane = lane.unwrap_or(entry.lane);
        let scheduled = match next {
            Next::WhenWoken => None,
            Next::At(due, class) => Some((due, class)),
            Next::After(delay, class) | Next::BackOff(delay, class) => Some((now + delay, class)),
        };
        if rest_is_back_off {
            entry.failures = entry.failures.saturating_add(1);
            entry.failing_since.get_or_insert(now);
            entry.held_until = scheduled.map(|(due, _)| due);
        } else {
            entry.failures = 0;
            entry.failing_since = None;
        }
        let Some((due, class)) = scheduled.or_else(|| pending.as_ref().map(|woken| (woken.due, woken.class))) else {
            return;
        };
        entry.class = class;
        // What woke it meanwhile knows better where it belongs than the turn that it interrupted.
        if let Some(lane) = pending.as_ref().and_then(|woken| woken.lane.clone()) {
            entry.lane = lane;
        }
        // What was due long ago has not been ready since.
        self.put_waiting(&name, &mut entry, due.max(now));
        if let Some(woken) = pending {
            self.merge(&name, &mut entry, Pending { due: woken.due.max(now), ..woken });
        }
        self.entries.insert(name, entry);
    }

    /// Ends a turn that broke off: what it was for is still to be done.
    pub(super) fn broken(&mut self, turn: &Turn, delay: Duration, now: Instant) {
        self.done(&turn.name, Rest::back_off(delay, turn.class), now);
        if let Some(entry) = self.entries.get_mut(&turn.name) {
            entry.reasons = entry.reasons.union(turn.reasons).union(Reason::Broken.into());
        }
    }

    /// For each class that has any: how many are ready, and since when the oldest is.
    pub(super) fn ready(&mut self, now: Instant) -> Vec<Ready> {
        self.ripen(now);
        self.lanes.ready()
    }

    /// What has come due is ready.
    fn ripen(&mut self, now: Instant) {
        while let Some(first) = self.waiting.first_entry()
            && first.key().0 <= now
        {
            let (place, name) = first.remove_entry();
            if let Some(mut entry) = self.entries.remove(&name) {
                self.put_ready(&name, &mut entry, place);
                self.entries.insert(name, entry);
            }
        }
    }

    fn place(&mut self, at: Instant) -> Place {
        self.places += 1;
        (at, self.places)
    }

    fn put_ready(&mut self, name: &Arc<ObjectName>, entry: &mut Entry, place: Place) {
        self.lanes.put(&entry.lane, entry.class, place, Arc::clone(name));
        entry.phase = Phase::Ready(place);
    }

    fn put_waiting(&mut self, name: &Arc<ObjectName>, entry: &mut Entry, due: Instant) {
        let place = self.place(due);
        self.waiting.insert(place, Arc::clone(name));
        entry.phase = Phase::Waiting(place);
    }
}

impl Meanwhile {
    fn add(&mut self, pending: Pending) {
        let half = if pending.version.is_some() { &mut self.of_versions } else { &mut self.of_others };
        *half = Some(match half.take() {
            Some(before) => before.with(pending),
            None => pending,
        });
    }

    /// What a turn that has seen that version leaves to do.
    fn unanswered(self, seen: Option<ResourceVersion>) -> Option<Pending> {
        let of_versions = self.of_versions.filter(|woken| woken.version > seen);
        match (of_versions, self.of_others) {
            (Some(one), Some(other)) => Some(one.with(other)),
            (one, other) => one.or(other),
        }
    }
}

impl Pending {
    fn with(self, other: Self) -> Self {
        Self {
            lane: other.lane.or(self.lane),
            class: stronger(self.class, other.class),
            reasons: self.reasons.union(other.reasons),
            due: self.due.min(other.due),
            overrides_back_off: self.overrides_back_off || other.overrides_back_off,
            version: self.version.zip(other.version).map(|(one, other)| one.max(other)),
        }
    }
}
