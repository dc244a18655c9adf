//! Those of one class who are ready: namespaces take turns, so that a thousand of one don't hold up the single one of another.
//! Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use greengrass_operator_core::names::ObjectName;
use tokio::time::Instant;

use super::lanes::Place;

#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// None is empty.
    namespaces: BTreeMap<Arc<str>, Namespace>,
    /// Whose turn it is: the first is next; who had a turn, and who is new, comes last.
    round: BTreeMap<u64, Arc<str>>,
    seats: u64,
    len: usize,
}

#[derive(Debug)]
struct Namespace {
    seat: u64,
    places: BTreeMap<Place, Arc<ObjectName>>,
}

impl Crowd {
    pub(super) fn put(&mut self, place: Place, name: Arc<ObjectName>) {
        self.len += 1;
        if let Some(namespace) = self.namespaces.get_mut(&name.namespace) {
            namespace.places.insert(place, name);
            return;
        }
        let seat = self.sit_down(Arc::clone(&name.namespace));
        self.namespaces
            .insert(Arc::clone(&name.namespace), Namespace { seat, places: BTreeMap::from([(place, name)]) });
    }

    /// Takes out one that is there.
    pub(super) fn take(&mut self, place: Place, namespace: &str) -> Option<Arc<ObjectName>> {
        let of = self.namespaces.get_mut(namespace)?;
        let name = of.places.remove(&place)?;
        self.len -= 1;
        if of.places.is_empty() {
            self.round.remove(&of.seat);
            self.namespaces.remove(namespace);
        }
        Some(name)
    }

    /// The namespace whose turn it is among those that may.
    pub(super) fn next(&self, may: impl Fn(&str) -> bool) -> Option<&Arc<str>> {
        self.round.values().find(|namespace| may(namespace))
    }

    /// Takes out the first of a namespace, which has had its turn by that.
    pub(super) fn take_first_of(&mut self, namespace: &str) -> Option<Arc<ObjectName>> {
        let place = *self.namespaces.get(namespace)?.places.keys().next()?;
        let name = self.take(place, namespace)?;
        let seat = self.namespaces.get(namespace).map(|of| of.seat);
        if let Some(namespace) = seat.and_then(|seat| self.round.remove(&seat)) {
            let seat = self.sit_down(Arc::clone(&namespace));
            if let Some(of) = self.namespaces.get_mut(&namespace) {
                of.seat = seat;
            }
        }
        Some(name)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Since when the oldest is ready.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.namespaces.values().filter_map(|of| of.places.keys().next()).min().map(|(since, _)| *since)
    }

    fn sit_down(&mut self, namespace: Arc<str>) -> u64 {
        self.seats += 1;
        self.round.insert(self.seats, namespace);
        self.seats
    }
}
