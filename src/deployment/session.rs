//! What this process has learnt about each resource. Pure, behind a lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use greengrass_operator_core::deployment::knowledge::{Knowledge, RowStatus};
use greengrass_operator_core::names::{Key, ObjectName};
use jiff::Timestamp;

/// What this process has learnt about one incarnation of a resource.
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
    /// Whether it rests, so that the account's walks look after it.
    pub(super) is_watched: bool,
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
    Resting(Box<Session>),
}

/// The sessions of all resources.
#[derive(Default)]
pub(super) struct Sessions {
    by_name: Mutex<BTreeMap<ObjectName, Slot>>,
    /// Until when what another process sent before may still arrive.
    predecessor_until: Mutex<Option<Timestamp>>,
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
            is_watched: false,
            newest: Newest::default(),
            has_acted: false,
            known_at: None,
            owes_look: false,
            judged_by: None,
        }
    }
}

impl Sessions {
    /// Takes a session out for a turn; the queue runs one turn of a resource at a time.
    ///
    /// A turn that breaks off loses its session, and with it what it had sent: the next one begins like a process that has
    /// just started, now, and not like one that has sent nothing since the operator did.
    pub(super) fn take(&self, name: &ObjectName, uid: &str, now: Timestamp) -> Box<Session> {
        let predecessor_until = *self.predecessor_until.lock().unwrap_or_else(PoisonError::into_inner);
        match self.lock().insert(name.clone(), Slot::UnderWay) {
            Some(Slot::Resting(session)) if &*session.uid == uid => session,
            Some(Slot::Resting(_) | Slot::UnderWay) | None => Box::new(Session::new(uid, now, predecessor_until)),
        }
    }

    /// This process leads from now on. What was learnt before is void: another one may have led since.
    pub(super) fn begin(&self, predecessor_until: Option<Timestamp>) {
        self.lock().clear();
        *self.predecessor_until.lock().unwrap_or_else(PoisonError::into_inner) = predecessor_until;
    }

    /// Puts it back.
    pub(super) fn put(&self, name: ObjectName, session: Box<Session>) {
        self.lock().insert(name, Slot::Resting(session));
    }

    /// The resource is gone.
    pub(super) fn end(&self, name: &ObjectName) {
        self.lock().remove(name);
    }

    /// Who looks after this incarnation of a resource.
    pub(super) fn standing(&self, name: &ObjectName, uid: &str) -> Standing {
        match self.lock().get(name) {
            None => Standing::Untouched,
            Some(Slot::Resting(session)) if &*session.uid == uid && session.is_watched => Standing::Watched(Known {
                as_of: session.known_at,
                settled_at: session.knowledge.settled_at,
                newest: session.newest.clone(),
            }),
            Some(Slot::Resting(_) | Slot::UnderWay) => Standing::Own,
        }
    }

    /// A page that was asked for at that time has shown a resource that rests as it is known.
    pub(super) fn verified(&self, name: &ObjectName, uid: &str, at: Timestamp) {
        if let Some(Slot::Resting(session)) = self.lock().get_mut(name)
            && &*session.uid == uid
            && session.is_watched
        {
            session.knowledge.verified_at = session.knowledge.verified_at.max(Some(at));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ObjectName, Slot>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_leads_anew_knows_nothing_but_how_long_another_ones_requests_may_arrive() {
        let sessions = Sessions::default();
        let name = ObjectName { namespace: "press".into(), name: "a".into() };
        let now = Timestamp::UNIX_EPOCH;
        let mut session = sessions.take(&name, "1", now);
        assert_eq!(session.knowledge.predecessor_until, None);
        session.knowledge.intent_recorded(7);
        sessions.put(name.clone(), session);
        sessions.begin(Some(Timestamp::MAX));
        let session = sessions.take(&name, "1", now);
        assert!(session.knowledge.sends.is_none());
        assert_eq!(session.knowledge.predecessor_until, Some(Timestamp::MAX));
        sessions.begin(None);
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
        session.is_watched = true;
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
