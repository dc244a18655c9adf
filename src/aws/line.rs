//! Who waits for a call of one account, region and family, and in which order they come. Pure.
//!
//! Classes come as [`Shares`] says. Within a class namespaces take turns, and within a namespace whoever began first goes on
//! first: what a turn has read is soon too old to act on, so a turn that has begun gets its other calls before another begins.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::scope::{ApiFamily, Class};
use super::shares::Shares;

/// Whose calls they are: one turn of a resource. All its calls have one place in the order.
#[derive(Debug)]
pub struct Caller {
    class: Class,
    namespace: Arc<str>,
    greengrass: OnceLock<Seat>,
    iot_jobs: OnceLock<Seat>,
    sts: OnceLock<Seat>,
    things_graph: OnceLock<Seat>,
}

/// A place among those of a class: the round of its namespace, then first come, first served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seat {
    round: u64,
    number: u64,
}

impl Caller {
    /// Somebody who begins now. What has no namespace of its own says so with an empty one.
    #[must_use]
    pub fn new(class: Class, namespace: &str) -> Self {
        Self {
            class,
            namespace: namespace.into(),
            greengrass: OnceLock::new(),
            iot_jobs: OnceLock::new(),
            sts: OnceLock::new(),
            things_graph: OnceLock::new(),
        }
    }

    /// How urgent its calls are.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    const fn seat(&self, family: ApiFamily) -> &OnceLock<Seat> {
        match family {
            ApiFamily::Greengrass => &self.greengrass,
            ApiFamily::IotJobs => &self.iot_jobs,
            ApiFamily::Sts => &self.sts,
            ApiFamily::ThingsGraph => &self.things_graph,
        }
    }
}

/// Names one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// One who waits.
#[derive(Debug)]
struct Waiter {
    class: Class,
    namespace: Arc<str>,
    seat: Seat,
    is_deletion: bool,
    presence: Presence,
}

/// Whether one who waits is there.
#[derive(Debug)]
enum Presence {
    /// It waits, and comes as soon as it is called.
    Here(Arc<Notify>),
    /// It was told when to come again, and keeps its place until then.
    Until(Instant),
}

/// Who can't be let through at the moment, whatever its place: nobody waits for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    /// Deletions.
    pub(super) deletions: bool,
    /// Deletions of old revisions.
    pub(super) pruning: bool,
    /// All that is done for the sake of deleting.
    pub(super) deleting: bool,
}

#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: BTreeMap<Ticket, Waiter>,
    shares: Shares,
    /// The last round of each class.
    rounds: BTreeMap<Class, u64>,
    /// Classes of which one has left with nothing, and until when that is remembered: they are owed their share all the same.
    refused: BTreeMap<Class, Instant>,
    numbers: u64,
}

impl Line {
    /// Somebody waits, until it leaves.
    pub(super) fn enter(&mut self, caller: &Caller, family: ApiFamily, is_deletion: bool, call: Arc<Notify>) -> Ticket {
        let seat = *caller.seat(family).get_or_init(|| self.seat(caller.class, &caller.namespace));
        self.insert(Waiter {
            class: caller.class,
            namespace: Arc::clone(&caller.namespace),
            seat,
            is_deletion,
            presence: Presence::Here(call),
        })
    }

    /// Somebody of this class asks without waiting: the place that was kept for the class, or a new one.
    pub(super) fn ask(&mut self, class: Class, now: Instant) -> Ticket {
        self.waiting.retain(|_, waiter| match waiter.presence {
            Presence::Here(_) => true,
            Presence::Until(end) => end > now,
        });
        let kept = self.waiting.iter().find(|(_, waiter)| {
            waiter.class == class
                && match waiter.presence {
                    Presence::Here(_) => false,
                    Presence::Until(_) => true,
                }
        });
        if let Some((ticket, _)) = kept {
            return *ticket;
        }
        let namespace = Arc::from("");
        let seat = self.seat(class, &namespace);
        self.insert(Waiter { class, namespace, seat, is_deletion: false, presence: Presence::Until(now) })
    }

    /// Its place is kept until then.
    pub(super) fn keep(&mut self, ticket: Ticket, until: Instant) {
        if let Some(waiter) = self.waiting.get_mut(&ticket) {
            waiter.presence = Presence::Until(until);
        }
    }

    /// It goes with nothing, and its class is remembered.
    pub(super) fn refuse(&mut self, class: Class, until: Instant) {
        self.refused.insert(class, until);
    }

    /// It goes. Nothing, where it has gone already.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    /// It goes with what it waited for.
    pub(super) fn serve(&mut self, ticket: Ticket, now: Instant) {
        let Some(waiter) = self.waiting.remove(&ticket) else { return };
        self.refused.retain(|_, until| *until > now);
        let waiting = self.waiting.values().map(|waiter| waiter.class);
        let wanting: BTreeSet<Class> = waiting.chain(self.refused.keys().copied()).collect();
        self.shares.serve(waiter.class, wanting);
        self.rounds.insert(waiter.class, waiter.seat.round);
    }

    /// What it asks for, and whether it deletes a deployment.
    pub(super) fn wish(&self, ticket: Ticket) -> Option<(Class, bool)> {
        self.waiting.get(&ticket).map(|waiter| (waiter.class, waiter.is_deletion))
    }

    /// How many come before it, and whether it comes out of turn because its class is owed something.
    pub(super) fn before(&self, ticket: Ticket, closed: Closed, now: Instant) -> (usize, bool) {
        let heads = self.owed(closed, now);
        if let Some(place) = heads.iter().position(|head| *head == ticket) {
            return (place, true);
        }
        let Some(own) = self.waiting.get(&ticket) else { return (0, false) };
        let order = |ticket: &Ticket, waiter: &Waiter| (waiter.class.urgency(), waiter.seat, *ticket);
        let place = order(&ticket, own);
        let comes_before = |(other, waiter): &(&Ticket, &Waiter)| {
            **other != ticket && waiter.is_there(closed, now) && (heads.contains(other) || order(other, waiter) < place)
        };
        (self.waiting.iter().filter(comes_before).count(), false)
    }

    /// Calls the one who comes next, where it waits to be called.
    pub(super) fn call_next(&self, closed: Closed, now: Instant) {
        let owed = self.owed(closed, now).into_iter().next();
        let next = owed.and_then(|ticket| self.waiting.get(&ticket)).or_else(|| {
            let there = self.waiting.iter().filter(|(_, waiter)| waiter.is_there(closed, now));
            there.min_by_key(|(ticket, waiter)| (waiter.class.urgency(), waiter.seat, **ticket)).map(|(_, next)| next)
        });
        match next.map(|waiter| &waiter.presence) {
            Some(Presence::Here(call)) => call.notify_one(),
            Some(Presence::Until(_)) | None => {}
        }
    }

    /// The first of each class that is owed something, in their order.
    fn owed(&self, closed: Closed, now: Instant) -> Vec<Ticket> {
        let mut heads: BTreeMap<Class, (Seat, Ticket)> = BTreeMap::new();
        let owed = |waiter: &Waiter| self.shares.is_owed(waiter.class) && waiter.is_there(closed, now);
        for (ticket, waiter) in self.waiting.iter().filter(|(_, waiter)| owed(waiter)) {
            let place = (waiter.seat, *ticket);
            let head = heads.entry(waiter.class).or_insert(place);
            *head = (*head).min(place);
        }
        let mut heads: Vec<_> = heads.into_iter().collect();
        heads.sort_by_key(|(class, _)| self.shares.order(*class));
        heads.into_iter().map(|(_, (_, ticket))| ticket).collect()
    }

    fn insert(&mut self, waiter: Waiter) -> Ticket {
        let ticket = Ticket(self.number());
        self.waiting.insert(ticket, waiter);
        ticket
    }

    /// A place behind the others of its namespace; one whose namespace has nobody here comes in the round after the one that
    /// goes on.
    fn seat(&mut self, class: Class, namespace: &Arc<str>) -> Seat {
        let of_class = self.waiting.values().filter(|waiter| waiter.class == class);
        let (mut going_on, mut own) = (None, None);
        for waiter in of_class {
            let round = waiter.seat.round;
            going_on = going_on.max(Some(Reverse(round)));
            if waiter.namespace == *namespace {
                own = own.max(Some(round));
            }
        }
        let last = self.rounds.get(&class).copied().unwrap_or_default();
        let round = own.or_else(|| going_on.map(|Reverse(round)| round)).unwrap_or(last) + 1;
        Seat { round, number: self.number() }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

impl Waiter {
    fn is_there(&self, closed: Closed, now: Instant) -> bool {
        let is_closed = match self.class {
            Class::History => closed.deleting || self.is_deletion && closed.pruning,
            Class::Deletion => closed.deleting || self.is_deletion && closed.deletions,
            Class::Change | Class::Recovery | Class::Rollout | Class::Sweep => self.is_deletion && closed.deletions,
        };
        let is_here = match self.presence {
            Presence::Here(_) => true,
            Presence::Until(end) => end > now,
        };
        is_here && !is_closed
    }
}
