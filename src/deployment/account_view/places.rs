//! The accounts and regions in which there are resources, and how old the view of each is. Pure, behind a lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::controller::tally::Place;

/// When the first walk of a place is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum First {
    /// Resources are there that nobody has looked at since the operator started.
    Soon,
    /// Its resources have just looked themselves.
    AnIntervalLater,
}

/// The accounts and regions in which there are resources. Clones are the same.
#[derive(Clone, Default)]
pub(in super::super) struct Places {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    by_place: Mutex<BTreeMap<Place, Known>>,
    changed: Notify,
}

struct Known {
    first: First,
    is_attended: bool,
    /// How often a resource has said that it is there.
    noted: u64,
    /// Since when not all resources were seen, where this process walks.
    seen_at: Option<Timestamp>,
}

impl Places {
    /// A resource is there.
    pub(in super::super) fn know(&self, place: &Place, first: First) {
        let mut by_place = self.lock();
        if let Some(known) = by_place.get_mut(place) {
            known.noted += 1;
            known.first = known.first.min(first);
            return;
        }
        by_place.insert(place.clone(), Known { first, is_attended: false, noted: 1, seen_at: None });
        self.shared.changed.notify_waiters();
    }

    /// Those that nobody walks over yet; from now on somebody does.
    pub(super) fn take_new(&self) -> Vec<(Place, First)> {
        let mut by_place = self.lock();
        let new = by_place.iter_mut().filter(|(_, known)| !known.is_attended);
        new.map(|(place, known)| {
            known.is_attended = true;
            (place.clone(), known.first)
        })
        .collect()
    }

    /// How often resources have said that they are there.
    pub(super) fn noted(&self, place: &Place) -> u64 {
        self.lock().get(place).map_or(0, |known| known.noted)
    }

    /// No resource is there any more, unless one has said so since it was counted. False: one has.
    pub(super) fn forget(&self, place: &Place, noted: u64) -> bool {
        let mut by_place = self.lock();
        let is_over = by_place.get(place).is_none_or(|known| known.noted == noted);
        if is_over {
            by_place.remove(place);
        }
        is_over
    }

    /// All its resources were seen at that time; none while another replica leads.
    pub(super) fn seen(&self, place: &Place, at: Option<Timestamp>) {
        if let Some(known) = self.lock().get_mut(place) {
            known.seen_at = at;
        }
    }

    /// How many seconds ago all resources of each place were seen; 0 while another replica leads.
    pub(super) fn ages(&self, now: Timestamp) -> Vec<(Place, f64)> {
        let age = |known: &Known| known.seen_at.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
        self.lock().iter().map(|(place, known)| (place.clone(), age(known))).collect()
    }

    /// Ends when there is a new one.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.shared.changed.notified()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Known>> {
        self.shared.by_place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { account: "123456789012".into(), region: "eu-central-1".into() }
    }

    #[test]
    fn a_place_is_attended_once_and_forgotten_only_when_nobody_came_meanwhile() {
        let places = Places::default();
        places.know(&place(), First::AnIntervalLater);
        places.know(&place(), First::Soon);
        assert_eq!(places.take_new(), [(place(), First::Soon)]);
        assert_eq!(places.take_new(), []);
        let noted = places.noted(&place());
        places.know(&place(), First::AnIntervalLater);
        assert!(!places.forget(&place(), noted), "somebody came");
        assert!(places.forget(&place(), places.noted(&place())));
        places.know(&place(), First::AnIntervalLater);
        assert_eq!(places.take_new(), [(place(), First::AnIntervalLater)]);
    }

    #[test]
    fn a_view_ages_while_this_process_walks() {
        let (places, at) = (Places::default(), Timestamp::from_second(1_800_000_000).unwrap());
        places.know(&place(), First::Soon);
        assert_eq!(places.ages(at), [(place(), 0.0)]);
        places.seen(&place(), Some(at));
        let later = at + std::time::Duration::from_secs(7);
        assert_eq!(places.ages(later), [(place(), 7.0)]);
        places.seen(&place(), None);
        assert_eq!(places.ages(later), [(place(), 0.0)]);
    }
}
