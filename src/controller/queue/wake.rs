//! What goes into the queue and what comes out: wake-ups, turns, and how a turn ends. Pure.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use greengrass_operator_core::names::ObjectName;
use tokio::time::Instant;

use crate::aws::Class;
use crate::controller::record::ResourceVersion;

/// Why an object is looked at. What it means for a back-off is decided here, for all kinds alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is new to this process: created, or there when the operator started.
    Listed,
    /// It was there when the operator started, and done: what it does by itself goes on, and nothing calls for a look.
    Resumed,
    /// Its spec changed.
    SpecChanged,
    /// Somebody asked for a look or a redeploy by annotation.
    Requested,
    /// Somebody asked to delete it.
    Deletion,
    /// It is gone from the cluster.
    Gone,
    /// Its finalizers changed, by somebody else's hand.
    Metadata,
    /// Its status changed, by somebody else's hand.
    Status,
    /// Something that it refers to changed.
    Reference,
    /// The view of the account shows something that deserves a look.
    AccountView,
    /// The time for the next look has come.
    Timer,
    /// The back-off after a failure is over.
    Retry,
    /// The last turn broke off.
    Broken,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::Listed,
        Self::Resumed,
        Self::SpecChanged,
        Self::Requested,
        Self::Deletion,
        Self::Gone,
        Self::Metadata,
        Self::Status,
        Self::Reference,
        Self::AccountView,
        Self::Timer,
        Self::Retry,
        Self::Broken,
    ];

    /// Whether this may cut a back-off short. Only what can have removed the cause of a failure does: otherwise every
    /// event on the way would turn a back-off into a hot loop.
    #[must_use]
    pub fn overrides_back_off(self) -> bool {
        match self {
            Self::Listed | Self::SpecChanged | Self::Requested | Self::Deletion | Self::Gone | Self::Reference => true,
            Self::Resumed
            | Self::Metadata
            | Self::Status
            | Self::AccountView
            | Self::Timer
            | Self::Retry
            | Self::Broken => false,
        }
    }

    fn bit(self) -> u16 {
        match self {
            Self::Listed => 1,
            Self::SpecChanged => 1 << 1,
            Self::Requested => 1 << 2,
            Self::Deletion => 1 << 3,
            Self::Gone => 1 << 4,
            Self::Metadata => 1 << 5,
            Self::Status => 1 << 6,
            Self::Reference => 1 << 7,
            Self::AccountView => 1 << 8,
            Self::Timer => 1 << 9,
            Self::Retry => 1 << 10,
            Self::Broken => 1 << 11,
            Self::Resumed => 1 << 12,
        }
    }
}

/// A set of reasons: wake-ups that met in the queue.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Reasons(u16);

impl Reasons {
    /// Whether this is among them.
    #[must_use]
    pub fn contains(self, reason: Reason) -> bool {
        self.0 & reason.bit() != 0
    }

    /// Those of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// One by one.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.into_iter().filter(move |reason| self.contains(*reason))
    }
}

impl From<Reason> for Reasons {
    fn from(reason: Reason) -> Self {
        Self(reason.bit())
    }
}

impl fmt::Debug for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Whose turns may hold each other up: those that share an identity, an account and a region. Objects for which this is
/// not known yet share the lane of the unresolved.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    name: Option<Arc<str>>,
    is_narrow: bool,
}

impl Lane {
    /// The lane of that name; a scope's text will do.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: Some(name.into()), is_narrow: false }
    }

    /// The same with two places: for turns that wait for a small quota. While a turn waits, its object can't have another one.
    #[must_use]
    pub fn narrow(name: &str) -> Self {
        Self { name: Some(name.into()), is_narrow: true }
    }

    /// The lane of objects of which nothing is known yet.
    #[must_use]
    pub fn unresolved() -> Self {
        Self::default()
    }

    /// How many turns run in it at once, where others have so many.
    pub(super) fn places(&self, usual: usize) -> usize {
        if self.is_narrow { usual.min(2) } else { usual }
    }
}

/// A request to look at an object.
#[derive(Clone, Debug)]
#[must_use = "a wake-up that is not put into the queue is lost"]
pub struct Wake {
    /// How urgent it is.
    pub class: Class,
    /// Why.
    pub reason: Reason,
    /// Not before.
    pub due: Instant,
    /// The lane, where the caller knows it; else the object stays in the one it has.
    pub lane: Option<Lane>,
    /// The version of the object that this is about, where it is about one: a turn that has seen it needs no other.
    pub version: Option<ResourceVersion>,
}

impl Wake {
    /// At once.
    pub fn now(class: Class, reason: Reason) -> Self {
        Self { class, reason, due: Instant::now(), lane: None, version: None }
    }

    /// Not before that much time has passed.
    pub fn after(self, delay: Duration) -> Self {
        Self { due: self.due + delay, ..self }
    }

    /// In that lane, from now on.
    pub fn in_lane(self, lane: Lane) -> Self {
        Self { lane: Some(lane), ..self }
    }

    /// Because the object has that version now.
    pub fn of_version(self, version: ResourceVersion) -> Self {
        Self { version: Some(version), ..self }
    }
}

/// An object's turn.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Whose.
    pub name: ObjectName,
    /// How urgent the most urgent of its wake-ups was.
    pub class: Class,
    /// Why: all wake-ups since its last turn began.
    pub reasons: Reasons,
    /// How many turns in a row have ended in a back-off, this one not counted. A wake-up that overrides a back-off sets
    /// it to 0.
    pub failures: u32,
    /// When the first of them ended.
    pub failing_since: Option<Instant>,
}

/// How a turn ends: when the object has its next one if nothing wakes it before.
#[derive(Clone, Debug)]
#[must_use = "the queue must know when the next turn is"]
pub struct Rest {
    pub(super) next: Next,
    pub(super) lane: Option<Lane>,
    pub(super) seen: Option<ResourceVersion>,
}

/// When the next turn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    WhenWoken,
    At(Instant, Class),
    After(Duration, Class),
    BackOff(Duration, Class),
}

impl Rest {
    /// Until something wakes it.
    pub fn until_woken() -> Self {
        Self { next: Next::WhenWoken, lane: None, seen: None }
    }

    /// Until that moment, or until something wakes it.
    pub fn at(due: Instant, class: Class) -> Self {
        Self { next: Next::At(due, class), lane: None, seen: None }
    }

    /// For that long, or until something wakes it.
    pub fn after(delay: Duration, class: Class) -> Self {
        Self { next: Next::After(delay, class), lane: None, seen: None }
    }

    /// For that long, because something failed: only what may override a back-off wakes it before.
    pub fn back_off(delay: Duration, class: Class) -> Self {
        Self { next: Next::BackOff(delay, class), lane: None, seen: None }
    }

    /// In that lane from now on.
    pub fn in_lane(self, lane: Lane) -> Self {
        Self { lane: Some(lane), ..self }
    }

    /// Having seen that version: wake-ups about it or an earlier one, which came in during the turn, are answered by it.
    /// Without this the echo of each own write that overtakes the write's answer would cost a turn.
    pub fn having_seen(self, version: ResourceVersion) -> Self {
        Self { seen: Some(version), ..self }
    }

    /// Whether this is a back-off.
    #[must_use]
    pub fn is_back_off(&self) -> bool {
        match self.next {
            Next::BackOff(..) => true,
            Next::WhenWoken | Next::At(..) | Next::After(..) => false,
        }
    }
}
