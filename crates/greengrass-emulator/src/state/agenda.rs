//! What is going to happen by itself, and when. Pure.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

/// Something that happens when its time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// The next things of a job's rollout get their executions.
    RollOut { job: Arc<str> },
    /// A device looks whether there is something to do.
    Wake { device: Arc<str> },
    /// A device has finished what it works on, if it is still the same piece of work.
    Report { device: Arc<str>, run: u64 },
    /// An execution has been in progress for too long, if it is still the same one.
    TimeOut { job: Arc<str>, thing: Arc<str>, number: u64 },
    /// The deletion of a job is complete.
    Deleted { job: Arc<str> },
    /// The status of a system instance has lasted long enough, if it is still the one of the write with this number.
    SystemInstance { name: Arc<str>, write: u64 },
}

/// What is due, by time; what is due at the same time in the order in which it was noted.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    due: BTreeMap<(Timestamp, u64), Due>,
    last: u64,
}

impl Agenda {
    pub(crate) fn note(&mut self, at: Timestamp, due: Due) {
        self.last += 1;
        self.due.insert((at, self.last), due);
    }

    /// The next thing that is due at a time or was before.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now)?;
        let (at, _) = *entry.key();
        Some((at, entry.remove()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_in_order_and_what_is_not_stays() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let wake = |name: &str| Due::Wake { device: Arc::from(name) };
        let mut agenda = Agenda::default();
        for (second, name) in [(2, "c"), (1, "a"), (1, "b"), (3, "d")] {
            agenda.note(at(second), wake(name));
        }
        let due: Vec<_> = std::iter::from_fn(|| agenda.next(at(2))).collect();
        assert_eq!(due, [(at(1), wake("a")), (at(1), wake("b")), (at(2), wake("c"))]);
        assert_eq!(agenda.next(at(3)), Some((at(3), wake("d"))));
    }
}
