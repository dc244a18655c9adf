//! What this process has learnt about each resource. Pure, behind a lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use greengrass_operator_core::deployment::knowledge::{Kept, Knowledge, RowStatus};
use greengrass_operator_core::names::{Key, ObjectName};
use jiff::Timestamp;

use crate::controller::predecessors::Predecessors;
use crate::leadership::Predecessor;

/// What this process has learnt about one incarnation of a resource, in its turn.
pub(super) struct Session {
    /// The object's uid: a re-created object starts afresh.
    pub(super) uid: Box<str>,
    /// What is known of AWS.
    pub(super) knowledge: Knowledge,
    /// When AWS is looked at again though nothing happened; none where the account's walks look after it.
    pub(super) next_look_at: Option<Timestamp>,
    /// What its deployment is for.
    pub(super) key: Option<Key>,
    /// The name of its identity.
    pub(super) identity: String,
    /// How often its identity wants it to be compared with AWS.
    pub(super) look_interval: Option<Duration>,
    /// Who looks after it from here on, as the last turn has found.
    pub(super) keeper: Keeper,
    /// The newest deployment of the key, as the last look has shown it.
    pub(super) newest: Newest,
    /// Whether this turn has read or written deployments, or the status.
    pub(super) has_acted: bool,
    /// When the last turn ended that did.
    pub(super) known_at: Option<Timestamp>,
    /// Whether old revisions wait for another look, though nothing else does.
    pub(super) owes_look: bool,
    /// The generation and the last change that this was judged by.
    pub(super) judged_by: Option<(i64, Option<Timestamp>)>,
}

/// Who looks after a resource between its turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Keeper {
    /// Its own turns, each of which says when the next one is.
    #[default]
    Turns,
    /// It rests, and the account's walks see what changes.
    Walks,
    /// Another group of processes.
    Elsewhere,
}

/// The newest deployment of a key, as a look has shown it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Newest {
    /// The one that the status names, in the state that it names.
    #[default]
    AsRemembered,
    /// Another.
    Other(Box<(String, RowStatus)>),
    /// There was none.
    Missing,
}

/// What the account's walks may compare with what they see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// A page that was asked for before this tells nothing new.
    pub(super) as_of: Option<Timestamp>,
    /// When this process last took down a deployment of its own.
    pub(super) settled_at: Option<Timestamp>,
    /// The newest deployment.
    pub(super) newest: Newest,
}

/// Who looks after a resource.
pub(super) enum Standing {
    /// It has had no turn since the operator started.
    Untouched,
    /// Its own turns: one is under way, or has a time.
    Own,
    /// The account's walks.
    Watched(Known),
}

enum Slot {
    /// A turn has taken it out, or has broken off with it.
    UnderWay,
    Resting(Box<Resting>),
}

/// The sessions of all resources.
#[derive(Default)]
pub(super) struct Sessions {
    by_name: Mutex<BTreeMap<ObjectName, Slot>>,
    predecessors: Predecessors,
}

impl Session {
    fn new(uid: &str, now: Timestamp, predecessor_until: Option<Timestamp>) -> Self {
        Self {
            uid: uid.into(),
            knowledge: Knowledge { predecessor_until, ..Knowledge::new(now) },
            next_look_at: None,
            key: None,
            identity: String::new(),
            look_interval: None,
            keeper: Keeper::default(),
            newest: Newest::default(),
            has_acted: false,
            known_at: None,
            owes_look: false,
            judged_by: None,
        }
    }
}

/// The same between two turns: what each step finds anew is left out.
struct Resting {
    uid: Box<str>,
    knowledge: Kept,
    next_look_at: Option<Timestamp>,
    keeper: Keeper,
    newest: Newest,
    known_at: Option<Timestamp>,
    owes_look: bool,
    judged_by: Option<(i64, Option<Timestamp>)>,
}

impl From<Session> for Resting {
    fn from(session: Session) -> Self {
        let Session {
            uid,
            knowledge,
            next_look_at,
            key: _,
            identity: _,
            look_interval: _,
            keeper,
            newest,
            has_acted: _,
            known_at,
            owes_look,
            judged_by,
        } = session;
        Self { uid, knowledge: knowledge.into(), next_look_at, keeper, newest, known_at, owes_look, judged_by }
    }
}

impl From<Resting> for Session {
    fn from(resting: Resting) -> Self {
        let Resting { uid, knowledge, next_look_at, keeper, newest, known_at, owes_look, judged_by } = resting;
        Self {
            uid,
            knowledge: knowledge.into(),
            next_look_at,
            key: None,
            identity: String::new(),
            look_interval: None,
            keeper,
            newest,
            has_acted: false,
            known_at,
            owes_look,
            judged_by,
        }
    }
}

impl Sessions {
    /// None yet. `is_one_of_groups`: other groups of processes look after other resources, and a resource can change over.
    pub(super) fn new(is_one_of_groups: bool) -> Self {
        Self { predecessors: Predecessors::new(is_one_of_groups), ..Self::default() }
    }

    /// Takes a session out for a turn; the queue runs one turn of a resource at a time.
    ///
    /// A turn that breaks off loses its session, and with it what it had sent: the next one begins like a process that has
    /// just started, now, and not like one that has sent nothing since the operator did.
    pub(super) fn take(&self, name: &ObjectName, uid: &str, now: Timestamp) -> Box<Session> {
        let predecessor_until = self.predecessors.may_send_until(now);
        match self.lock().insert(name.clone(), Slot::UnderWay) {
            Some(Slot::Resting(session)) if &*session.uid == uid => Box::new((*session).into()),
            Some(Slot::Resting(_) | Slot::UnderWay) | None => Box::new(Session::new(uid, now, predecessor_until)),
        }
    }

    /// This process leads from now on. What was learnt before is void: another one may have led since.
    pub(super) fn begin(&self, predecessor: Predecessor, now: Timestamp) {
        self.clear();
        self.predecessors.begin(predecessor, now);
    }

    /// This process does not lead any more, and needs the memory for nothing.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// Puts it back.
    pub(super) fn put(&self, name: ObjectName, session: Box<Session>) {
        let resting = Box::new(Resting::from(*session));
        self.lock().insert(name, Slot::Resting(resting));
    }

    /// The resource is gone.
    pub(super) fn end(&self, name: &ObjectName) {
        self.lock().remove(name);
    }

    /// Who looks after this incarnation of a resource.
    pub(super) fn standing(&self, name: &ObjectName, uid: &str) -> Standing {
        match self.lock().get(name) {
            None => Standing::Untouched,
            Some(Slot::Resting(session)) if &*session.uid == uid && session.keeper == Keeper::Walks => {
                Standing::Watched(Known {
                    as_of: session.known_at,
                    settled_at: session.knowledge.settled_at(),
                    newest: session.newest.clone(),
                })
            }
            Some(Slot::Resting(_) | Slot::UnderWay) => Standing::Own,
        }
    }

    /// A page that was asked for at that time has shown a resource that rests as it is known.
    pub(super) fn verified(&self, name: &ObjectName, uid: &str, at: Timestamp) {
        if let Some(Slot::Resting(session)) = self.lock().get_mut(name)
            && &*session.uid == uid
            && session.keeper == Keeper::Walks
        {
            session.knowledge.verified(at);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ObjectName, Slot>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use greengrass_operator_core::deployment::assess::intent::PREDECESSOR_MAY_SEND_FOR;
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn where_resources_change_over_between_groups_each_may_have_been_sent_for_by_another_one() {
        let sessions = Sessions::new(true);
        let name = ObjectName { namespace: "press".into(), name: "a".into() };
        let now = Timestamp::UNIX_EPOCH;
        let until = now + PREDECESSOR_MAY_SEND_FOR;
        let session = sessions.take(&name, "1", now);
        assert_eq!(session.knowledge.predecessor_until, Some(until));
        sessions.put(name.clone(), session);
        let later = now + SignedDuration::from_hours(1);
        assert_eq!(sessions.take(&name, "1", later).knowledge.predecessor_until, Some(until), "it has not been away");
        sessions.end(&name);
        let back = sessions.take(&name, "1", later);
        assert_eq!(back.knowledge.predecessor_until, Some(later + PREDECESSOR_MAY_SEND_FOR));
    }

    #[test]
    fn a_process_that_leads_anew_knows_nothing_but_how_long_another_ones_requests_may_arrive() {
        let sessions = Sessions::default();
        let name = ObjectName { namespace: "press".into(), name: "a".into() };
        let now = Timestamp::UNIX_EPOCH;
        let mut session = sessions.take(&name, "1", now);
        assert_eq!(session.knowledge.predecessor_until, None);
        session.knowledge.intent_recorded(7);
        sessions.put(name.clone(), session);
        sessions.begin(Predecessor::Unknown, now);
        let session = sessions.take(&name, "1", now);
        assert!(session.knowledge.sends.is_none());
        assert_eq!(session.knowledge.predecessor_until, Some(now + PREDECESSOR_MAY_SEND_FOR));
        sessions.begin(Predecessor::Released, now);
        assert_eq!(sessions.take(&name, "1", now).knowledge.predecessor_until, None);
    }

    fn name() -> ObjectName {
        ObjectName { namespace: "press".into(), name: "a".into() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn walks_look_after_what_rests_and_after_nothing_else() {
        let sessions = Sessions::default();
        assert!(matches!(sessions.standing(&name(), "u"), Standing::Untouched));
        let mut session = sessions.take(&name(), "u", at(1));
        assert!(matches!(sessions.standing(&name(), "u"), Standing::Own), "a turn is under way");
        session.keeper = Keeper::Walks;
        sessions.put(name(), session);
        assert!(matches!(sessions.standing(&name(), "u"), Standing::Watched(_)));
        assert!(matches!(sessions.standing(&name(), "another"), Standing::Own), "another object has the name");
        sessions.verified(&name(), "another", at(7));
        sessions.verified(&name(), "u", at(6));
        sessions.verified(&name(), "u", at(5));
        assert_eq!(sessions.take(&name(), "u", at(9)).knowledge.verified_at, Some(at(6)));
    }

    #[test]
    fn a_turn_that_breaks_off_loses_its_session() {
        let sessions = Sessions::default();
        let mut session = sessions.take(&name(), "u", at(1));
        session.owes_look = true;
        drop(session);
        let next = sessions.take(&name(), "u", at(2));
        assert!(!next.owes_look && next.knowledge.since == at(2));
    }
}
