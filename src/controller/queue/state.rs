//! The queue's state: who waits, who is ready in which lane, who is running. Pure: time is an argument.
//!
//! An object has at most one entry, which is in exactly one phase: waiting until due, ready, or running. So it can
//! neither be lost nor run twice at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use greengrass_operator_core::names::ObjectName;
use tokio::time::Instant;

use super::wake::{Lane, Next, Reason, Reasons, Rest, Turn, Wake};
use crate::aws::Class;
use crate::controller::record::ResourceVersion;

/// Every eighth turn goes to whoever has been ready longest, if that is longer than [`AGED_AFTER`]. So lower classes get
/// at least an eighth of the turns however many changes there are, and a change waits for at most one such turn.
const AGED_SHARE: u64 = 8;
/// Long enough that a burst of changes passes first; short against the minutes between two looks.
const AGED_AFTER: Duration = Duration::from_secs(30);

/// Orders entries of one phase: the time, then first come, first served.
type Place = (Instant, u64);

/// See the module.
#[derive(Debug)]
pub(super) struct State {
    entries: HashMap<Arc<ObjectName>, Entry>,
    waiting: BTreeMap<Place, Arc<ObjectName>>,
    lanes: BTreeMap<Lane, LaneState>,
    lane_limit: usize,
    places: u64,
    turns: u64,
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
        next: Option<Pending>,
    },
}

/// Wake-ups that met while the object was running.
#[derive(Debug)]
struct Pending {
    class: Class,
    reasons: Reasons,
    due: Instant,
    overrides_back_off: bool,
    /// The newest version that they are about; none if one of them is about something else.
    version: Option<ResourceVersion>,
}

#[derive(Debug, Default)]
struct LaneState {
    /// By rank of class; no rank is empty.
    ready: BTreeMap<u8, BTreeMap<Place, Arc<ObjectName>>>,
    running: usize,
    /// The number of the turn that this lane had last.
    served: u64,
}

/// What there is to do.
#[derive(Debug)]
pub(super) enum Picked {
    /// This object's turn has begun.
    Turn(Turn),
    /// Nothing before that moment, or before something changes.
    Idle(Option<Instant>),
}

/// What is ready of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The class.
    pub class: Class,
    /// How many objects.
    pub count: usize,
    /// Since when the oldest of them is ready.
    pub oldest: Instant,
}

/// Who comes first. A change and a deletion are a person who waits.
fn rank(class: Class) -> u8 {
    match class {
        Class::Change => 0,
        Class::Deletion => 1,
        Class::Recovery => 2,
        Class::Rollout => 3,
        Class::Sweep => 4,
        Class::History => 5,
    }
}

fn stronger(one: Class, other: Class) -> Class {
    if rank(other) < rank(one) { other } else { one }
}

impl State {
    pub(super) fn new(lane_limit: usize) -> Self {
        Self {
            entries: HashMap::new(),
            waiting: BTreeMap::new(),
            lanes: BTreeMap::new(),
            lane_limit: lane_limit.max(1),
            places: 0,
            turns: 0,
        }
    }

    /// How many objects have an entry.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Puts a wake-up in. Several of one object become one: the strongest class, the earliest time, all reasons.
    pub(super) fn wake(&mut self, name: ObjectName, wake: Wake) {
        let Wake {
            class,
            reason,
            due,
            lane,
            version,
        } = wake;
        let overrides_back_off = reason.overrides_back_off();
        let pending = Pending {
            class,
            reasons: reason.into(),
            due,
            overrides_back_off,
            version,
        };
        let name = Arc::new(name);
        let Some(mut entry) = self.entries.remove(&name) else {
            let place = self.place(due);
            self.waiting.insert(place, Arc::clone(&name));
            self.entries.insert(
                name,
                Entry {
                    lane: lane.unwrap_or_default(),
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
        self.merge(&name, &mut entry, pending, lane);
        self.entries.insert(name, entry);
    }

    fn merge(
        &mut self,
        name: &Arc<ObjectName>,
        entry: &mut Entry,
        pending: Pending,
        lane: Option<Lane>,
    ) {
        // Out of its place …
        let (place, was_ready) = match &mut entry.phase {
            Phase::Running { lane: _, next } => {
                *next = Some(match next.take() {
                    Some(before) => before.with(&pending),
                    None => pending,
                });
                entry.lane = lane.unwrap_or_else(|| entry.lane.clone());
                return;
            }
            Phase::Waiting(place) => (*place, false),
            Phase::Ready(place) => (*place, true),
        };
        if was_ready {
            self.take_ready(&entry.lane, rank(entry.class), place);
        } else {
            self.waiting.remove(&place);
        }
        if pending.overrides_back_off && entry.held_until.take().is_some() {
            entry.failures = 0;
            entry.failing_since = None;
        }
        entry.lane = lane.unwrap_or_else(|| entry.lane.clone());
        entry.class = stronger(entry.class, pending.class);
        entry.reasons = entry.reasons.union(pending.reasons);
        // … and into the new one. What is ready keeps its age.
        if was_ready {
            self.put_ready(name, entry, place);
        } else {
            let due = place.0.min(pending.due);
            self.put_waiting(
                name,
                entry,
                entry.held_until.map_or(due, |end| due.max(end)),
            );
        }
    }

    /// Begins the turn of whoever comes next.
    pub(super) fn pick(&mut self, now: Instant) -> Picked {
        self.ripen(now);
        let aged = if (self.turns + 1).is_multiple_of(AGED_SHARE) {
            self.longest_ready(now)
        } else {
            None
        };
        aged.or_else(|| self.best_ready())
            .and_then(|(lane, rank, place)| self.begin(lane, rank, place))
            .map_or_else(
                || Picked::Idle(self.waiting.keys().next().map(|(due, _)| *due)),
                Picked::Turn,
            )
    }

    fn begin(&mut self, lane: Lane, rank: u8, place: Place) -> Option<Turn> {
        self.turns += 1;
        let state = self.lanes.get_mut(&lane)?;
        // Before the entry is taken out, so that the lane isn't dropped as empty.
        state.running += 1;
        state.served = self.turns;
        let name = self.take_ready(&lane, rank, place)?;
        let entry = self.entries.get_mut(&name)?;
        entry.phase = Phase::Running { lane, next: None };
        entry.held_until = None;
        let timed = if entry.failures == 0 {
            Reason::Timer
        } else {
            Reason::Retry
        };
        let reasons = std::mem::take(&mut entry.reasons);
        Some(Turn {
            name: ObjectName::clone(&name),
            class: entry.class,
            // Nothing woke it: its own time has come.
            reasons: if reasons == Reasons::default() {
                timed.into()
            } else {
                reasons
            },
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
            Phase::Running { lane, next } => (lane.clone(), next.take()),
            Phase::Waiting(_) | Phase::Ready(_) => {
                self.entries.insert(name, entry);
                return;
            }
        };
        self.leave_lane(&lane);
        let rest_is_back_off = rest.is_back_off();
        let Rest { next, lane, seen } = rest;
        // `None < Some(_)`, so both must be there.
        let pending = pending.filter(|woken| woken.version.is_none() || woken.version > seen);
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
        let Some((due, class)) =
            scheduled.or_else(|| pending.as_ref().map(|woken| (woken.due, woken.class)))
        else {
            return;
        };
        entry.class = class;
        // What was due long ago has not been ready since.
        self.put_waiting(&name, &mut entry, due.max(now));
        if let Some(woken) = pending {
            self.merge(
                &name,
                &mut entry,
                Pending {
                    due: woken.due.max(now),
                    ..woken
                },
                None,
            );
        }
        self.entries.insert(name, entry);
    }

    /// Ends a turn that broke off: what it was for is still to be done.
    pub(super) fn broken(&mut self, turn: &Turn, delay: Duration, now: Instant) {
        self.done(&turn.name, Rest::back_off(delay, turn.class), now);
        if let Some(entry) = self.entries.get_mut(&turn.name) {
            entry.reasons = entry
                .reasons
                .union(turn.reasons)
                .union(Reason::Broken.into());
        }
    }

    /// For each class that has any: how many are ready, and since when the oldest is.
    pub(super) fn ready(&mut self, now: Instant) -> Vec<Ready> {
        self.ripen(now);
        let mut by_rank: BTreeMap<u8, Ready> = BTreeMap::new();
        for (rank, places) in self.lanes.values().flat_map(|lane| &lane.ready) {
            let Some(((since, _), name)) = places.first_key_value() else {
                continue;
            };
            let Some(entry) = self.entries.get(name) else {
                continue;
            };
            let ready = by_rank.entry(*rank).or_insert(Ready {
                class: entry.class,
                count: 0,
                oldest: *since,
            });
            ready.count += places.len();
            ready.oldest = ready.oldest.min(*since);
        }
        by_rank.into_values().collect()
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

    /// The strongest class; among equals the lane that was served longest ago; in it, first come, first served.
    fn best_ready(&self) -> Option<(Lane, u8, Place)> {
        self.open_lanes()
            .filter_map(|(lane, state)| {
                let (rank, places) = state.ready.first_key_value()?;
                Some(((*rank, state.served, *places.keys().next()?), lane))
            })
            .min_by_key(|(order, _)| *order)
            .map(|((rank, _, place), lane)| (lane.clone(), rank, place))
    }

    /// Whoever has been ready longest, whatever the class.
    fn longest_ready(&self, now: Instant) -> Option<(Lane, u8, Place)> {
        self.open_lanes()
            .flat_map(|(lane, state)| {
                state
                    .ready
                    .iter()
                    .map(move |(rank, places)| (lane, *rank, places))
            })
            .filter_map(|(lane, rank, places)| Some((*places.keys().next()?, rank, lane)))
            .min_by_key(|(place, _, _)| *place)
            .filter(|((since, _), _, _)| *since + AGED_AFTER <= now)
            .map(|(place, rank, lane)| (lane.clone(), rank, place))
    }

    fn open_lanes(&self) -> impl Iterator<Item = (&Lane, &LaneState)> {
        self.lanes
            .iter()
            .filter(|(_, state)| state.running < self.lane_limit)
    }

    fn place(&mut self, at: Instant) -> Place {
        self.places += 1;
        (at, self.places)
    }

    fn put_waiting(&mut self, name: &Arc<ObjectName>, entry: &mut Entry, due: Instant) {
        let place = self.place(due);
        self.waiting.insert(place, Arc::clone(name));
        entry.phase = Phase::Waiting(place);
    }

    fn put_ready(&mut self, name: &Arc<ObjectName>, entry: &mut Entry, place: Place) {
        let lane = self.lanes.entry(entry.lane.clone()).or_default();
        lane.ready
            .entry(rank(entry.class))
            .or_default()
            .insert(place, Arc::clone(name));
        entry.phase = Phase::Ready(place);
    }

    fn take_ready(&mut self, lane: &Lane, rank: u8, place: Place) -> Option<Arc<ObjectName>> {
        let state = self.lanes.get_mut(lane)?;
        let places = state.ready.get_mut(&rank)?;
        let name = places.remove(&place);
        if places.is_empty() {
            state.ready.remove(&rank);
        }
        self.drop_if_empty(lane);
        name
    }

    fn leave_lane(&mut self, lane: &Lane) {
        if let Some(state) = self.lanes.get_mut(lane) {
            state.running = state.running.saturating_sub(1);
        }
        self.drop_if_empty(lane);
    }

    fn drop_if_empty(&mut self, lane: &Lane) {
        if self
            .lanes
            .get(lane)
            .is_some_and(|state| state.running == 0 && state.ready.is_empty())
        {
            self.lanes.remove(lane);
        }
    }
}

impl Pending {
    fn with(self, other: &Self) -> Self {
        Self {
            class: stronger(self.class, other.class),
            reasons: self.reasons.union(other.reasons),
            due: self.due.min(other.due),
            overrides_back_off: self.overrides_back_off || other.overrides_back_off,
            version: self
                .version
                .zip(other.version)
                .map(|(one, other)| one.max(other)),
        }
    }
}
