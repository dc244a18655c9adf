//! Who is ready, by lane, and who of them comes next. Pure.
//!
//! Lanes take turns. In a lane classes come as [`Shares`] says; in a class namespaces take turns; in a namespace it is first
//! come, first served. What is done is logarithmic in what is ready, and linear only in lanes, of which an account and region has
//! three.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use greengrass_operator_core::names::ObjectName;
use tokio::time::Instant;

use super::crowd::Crowd;
use super::wake::Lane;
use crate::aws::{Class, Shares};

/// Orders entries: the time, then first come, first served.
pub(super) type Place = (Instant, u64);

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
    ready: BTreeMap<Class, Crowd>,
    shares: Shares,
    running: usize,
    /// The same by namespace; none is zero.
    running_of: BTreeMap<Arc<str>, usize>,
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

/// The more urgent of two classes.
pub(super) fn stronger(one: Class, other: Class) -> Class {
    if other.urgency() < one.urgency() { other } else { one }
}

/// How many of a lane's places one namespace may take: a quarter is left to others, so that who comes alone need not wait for the
/// turn of somebody who has thousands to end. A lane of few places is for turns that are short.
const fn places_of_one(places: usize) -> usize {
    places - places / 4
}

impl Lanes {
    pub(super) fn new(limit: usize) -> Self {
        Self { by_name: BTreeMap::new(), limit: limit.max(1), turns: 0 }
    }

    /// It is ready.
    pub(super) fn put(&mut self, lane: &Lane, class: Class, place: Place, name: Arc<ObjectName>) {
        let state = self.by_name.entry(lane.clone()).or_default();
        state.ready.entry(class).or_default().put(place, name);
    }

    /// It is not ready any more.
    pub(super) fn take(&mut self, lane: &Lane, class: Class, place: Place, name: &ObjectName) {
        if let Some(state) = self.by_name.get_mut(lane)
            && let Some(crowd) = state.ready.get_mut(&class)
        {
            crowd.take(place, &name.namespace);
            state.ready.retain(|_, crowd| !crowd.is_empty());
        }
        self.drop_if_empty(lane);
    }

    /// Takes out whoever comes next; it runs in that lane until [`Lanes::leave`].
    pub(super) fn begin(&mut self) -> Option<(Lane, Arc<ObjectName>)> {
        let limit = self.limit;
        let next = |(lane, state): (&Lane, &LaneState)| {
            let class = state.next(lane.places(limit))?;
            // Among lanes only what is owed and what is urgent counts, not how much is owed.
            let order = (Reverse(state.shares.is_owed(class)), class.urgency(), state.served);
            Some((order, lane.clone(), class))
        };
        let next = self.by_name.iter().filter_map(next).min_by_key(|(order, _, _)| *order);
        let (_, lane, class) = next?;
        self.turns += 1;
        let state = self.by_name.get_mut(&lane)?;
        let name = state.begin(class, lane.places(limit))?;
        state.served = self.turns;
        Some((lane, name))
    }

    /// A turn in that lane has ended.
    pub(super) fn leave(&mut self, lane: &Lane, name: &ObjectName) {
        if let Some(state) = self.by_name.get_mut(lane) {
            state.running = state.running.saturating_sub(1);
            if let Some(running) = state.running_of.get_mut(&name.namespace) {
                *running -= 1;
                if *running == 0 {
                    state.running_of.remove(&name.namespace);
                }
            }
        }
        self.drop_if_empty(lane);
    }

    /// For each class that has any: how many are ready, and since when the oldest is.
    pub(super) fn ready(&self) -> Vec<Ready> {
        let mut classes: BTreeMap<u8, Ready> = BTreeMap::new();
        for (class, crowd) in self.by_name.values().flat_map(|lane| &lane.ready) {
            let Some(oldest) = crowd.oldest() else { continue };
            let ready = classes.entry(class.urgency()).or_insert(Ready { class: *class, count: 0, oldest });
            ready.count += crowd.len();
            ready.oldest = ready.oldest.min(oldest);
        }
        classes.into_values().collect()
    }

    fn drop_if_empty(&mut self, lane: &Lane) {
        let state = self.by_name.get(lane);
        if state.is_some_and(|state| state.running == 0 && state.ready.is_empty()) {
            self.by_name.remove(lane);
        }
    }
}

impl LaneState {
    /// The class that comes next, where one more may run.
    fn next(&self, places: usize) -> Option<Class> {
        if self.running >= places {
            return None;
        }
        let can_run = self.ready.iter().filter(|(_, crowd)| crowd.next(|name| self.has_place(name, places)).is_some());
        can_run.map(|(class, _)| *class).min_by_key(|class| self.shares.order(*class))
    }

    fn begin(&mut self, class: Class, places: usize) -> Option<Arc<ObjectName>> {
        let crowd = self.ready.get(&class)?;
        let namespace = Arc::clone(crowd.next(|name| self.has_place(name, places))?);
        let name = self.ready.get_mut(&class)?.take_first_of(&namespace)?;
        self.shares.serve(class, self.ready.keys().copied());
        self.ready.retain(|_, crowd| !crowd.is_empty());
        self.running += 1;
        *self.running_of.entry(namespace).or_default() += 1;
        Some(name)
    }

    fn has_place(&self, namespace: &str, places: usize) -> bool {
        self.running_of.get(namespace).is_none_or(|running| *running < places_of_one(places))
    }
}
