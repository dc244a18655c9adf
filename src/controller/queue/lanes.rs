//! Who is ready, by lane, and who of them comes next. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greengrass_operator_core::names::ObjectName;
use tokio::time::Instant;

use super::wake::Lane;
use crate::aws::Class;

/// Every eighth turn goes to whoever has been ready longest, if that is longer than [`AGED_AFTER`]. So lower classes get
/// at least an eighth of the turns however many changes there are, and a change waits for at most one such turn.
const AGED_SHARE: u64 = 8;
/// Long enough that a burst of changes passes first; short against the minutes between two looks.
const AGED_AFTER: Duration = Duration::from_secs(30);

/// Orders entries: the time, then first come, first served.
pub(super) type Place = (Instant, u64);

/// Orders classes; the number decides.
type Urgency = (u8, Class);

#[derive(Debug)]
pub(super) struct Lanes {
    by_name: BTreeMap<Lane, LaneState>,
    /// How many of one lane run at once.
    limit: usize,
    turns: u64,
}

#[derive(Debug, Default)]
struct LaneState {
    /// No class is empty.
    ready: BTreeMap<Urgency, BTreeMap<Place, Arc<ObjectName>>>,
    running: usize,
    /// The number of the turn that this lane had last.
    served: u64,
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

/// Who comes first. A change and a deletion are a person who waits; what a deletion may call has a limit of its own.
fn urgency(class: Class) -> Urgency {
    let rank = match class {
        Class::Change => 0,
        Class::Deletion => 1,
        Class::Recovery => 2,
        Class::Rollout => 3,
        Class::Sweep => 4,
        Class::History => 5,
    };
    (rank, class)
}

/// The more urgent of two classes.
pub(super) fn stronger(one: Class, other: Class) -> Class {
    urgency(one).min(urgency(other)).1
}

impl Lanes {
    pub(super) fn new(limit: usize) -> Self {
        Self { by_name: BTreeMap::new(), limit: limit.max(1), turns: 0 }
    }

    /// It is ready.
    pub(super) fn put(&mut self, lane: &Lane, class: Class, place: Place, name: Arc<ObjectName>) {
        let state = self.by_name.entry(lane.clone()).or_default();
        let places = state.ready.entry(urgency(class)).or_default();
        places.insert(place, name);
    }

    /// It is not ready any more.
    pub(super) fn take(&mut self, lane: &Lane, class: Class, place: Place) {
        self.remove(lane, urgency(class), place);
        self.drop_if_empty(lane);
    }

    /// Takes out whoever comes next; it runs in that lane until [`Lanes::leave`].
    pub(super) fn begin(&mut self, now: Instant) -> Option<(Lane, Arc<ObjectName>)> {
        let aged = (self.turns + 1).is_multiple_of(AGED_SHARE).then(|| self.longest_ready(now)).flatten();
        let (lane, urgency, place) = aged.or_else(|| self.most_urgent())?;
        self.turns += 1;
        let name = self.remove(&lane, urgency, place)?;
        let state = self.by_name.get_mut(&lane)?;
        state.running += 1;
        state.served = self.turns;
        Some((lane, name))
    }

    /// A turn in that lane has ended.
    pub(super) fn leave(&mut self, lane: &Lane) {
        if let Some(state) = self.by_name.get_mut(lane) {
            state.running = state.running.saturating_sub(1);
        }
        self.drop_if_empty(lane);
    }

    /// For each class that has any: how many are ready, and since when the oldest is.
    pub(super) fn ready(&self) -> Vec<Ready> {
        let mut classes: BTreeMap<Urgency, Ready> = BTreeMap::new();
        for (urgency, places) in self.by_name.values().flat_map(|lane| &lane.ready) {
            let Some((since, _)) = places.keys().next() else {
                continue;
            };
            let ready = classes.entry(*urgency).or_insert(Ready { class: urgency.1, count: 0, oldest: *since });
            ready.count += places.len();
            ready.oldest = ready.oldest.min(*since);
        }
        classes.into_values().collect()
    }

    /// The strongest class; among equals the lane that was served longest ago; in it, first come, first served.
    fn most_urgent(&self) -> Option<(Lane, Urgency, Place)> {
        self.open()
            .filter_map(|(lane, state)| {
                let (urgency, places) = state.ready.first_key_value()?;
                Some(((*urgency, state.served, *places.keys().next()?), lane))
            })
            .min_by_key(|(order, _)| *order)
            .map(|((urgency, _, place), lane)| (lane.clone(), urgency, place))
    }

    /// Whoever has been ready longest, whatever the class.
    fn longest_ready(&self, now: Instant) -> Option<(Lane, Urgency, Place)> {
        self.open()
            .flat_map(|(lane, state)| state.ready.iter().map(move |ready| (lane, ready)))
            .filter_map(|(lane, (urgency, places))| Some((*places.keys().next()?, *urgency, lane)))
            .min_by_key(|(place, _, _)| *place)
            .filter(|((since, _), _, _)| *since + AGED_AFTER <= now)
            .map(|(place, urgency, lane)| (lane.clone(), urgency, place))
    }

    /// The lanes in which one more may run.
    fn open(&self) -> impl Iterator<Item = (&Lane, &LaneState)> {
        self.by_name.iter().filter(|(lane, state)| state.running < lane.places(self.limit))
    }

    fn remove(&mut self, lane: &Lane, urgency: Urgency, place: Place) -> Option<Arc<ObjectName>> {
        let state = self.by_name.get_mut(lane)?;
        let places = state.ready.get_mut(&urgency)?;
        let name = places.remove(&place);
        if places.is_empty() {
            state.ready.remove(&urgency);
        }
        name
    }

    fn drop_if_empty(&mut self, lane: &Lane) {
        let state = self.by_name.get(lane);
        if state.is_some_and(|state| state.running == 0 && state.ready.is_empty()) {
            self.by_name.remove(lane);
        }
    }
}
