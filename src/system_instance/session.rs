//! What this process has learnt about each resource. Pure, behind a lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use greengrass_operator_core::names::ObjectName;
use greengrass_operator_core::system_instance::knowledge::Knowledge;
use jiff::Timestamp;

use crate::controller::predecessors::Predecessors;
use crate::leadership::Predecessor;

/// What this process has learnt about one incarnation of a resource.
pub(super) struct Session {
    /// The object's uid: a re-created object starts afresh.
    pub(super) uid: Box<str>,
    /// What is known of AWS.
    pub(super) knowledge: Knowledge,
    /// When AWS is looked at again though nothing happened.
    pub(super) next_look_at: Option<Timestamp>,
    /// Another group of processes looks after it.
    pub(super) is_elsewhere: bool,
}

/// The sessions of all resources.
pub(super) struct Sessions {
    by_name: Mutex<BTreeMap<ObjectName, Box<Session>>>,
    predecessors: Predecessors,
}

impl Sessions {
    /// None yet. `is_one_of_groups`: a resource can change over from and to other processes.
    pub(super) fn new(is_one_of_groups: bool) -> Self {
        Self { by_name: Mutex::default(), predecessors: Predecessors::new(is_one_of_groups) }
    }

    /// Takes a session out for a turn; the queue runs one turn of a resource at a time. A turn that breaks off loses its session,
    /// and with it what it had sent: the next one begins like a process that has just started.
    pub(super) fn take(&self, name: &ObjectName, uid: &str, now: Timestamp) -> Box<Session> {
        match self.lock().remove(name) {
            Some(session) if *session.uid == *uid => session,
            Some(_) | None => Box::new(Session {
                uid: uid.into(),
                knowledge: Knowledge::new(now, self.predecessors.may_send_until(now)),
                next_look_at: None,
                is_elsewhere: false,
            }),
        }
    }

    /// Puts it back.
    pub(super) fn put(&self, name: ObjectName, session: Box<Session>) {
        self.lock().insert(name, session);
    }

    /// The resource is gone.
    pub(super) fn end(&self, name: &ObjectName) {
        self.lock().remove(name);
    }

    /// This process leads from now on. What was learnt before is void: another one may have led since.
    pub(super) fn begin(&self, predecessor: Predecessor, now: Timestamp) {
        self.clear();
        self.predecessors.begin(predecessor, now);
    }

    /// This process does not lead any more.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectName, Box<Session>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_of_one_incarnation_and_ends_with_the_term() {
        let sessions = Sessions::new(false);
        let name = ObjectName { namespace: "rooms".into(), name: "a".into() };
        let mut session = sessions.take(&name, "1", Timestamp::UNIX_EPOCH);
        session.is_elsewhere = true;
        sessions.put(name.clone(), session);
        let session = sessions.take(&name, "1", Timestamp::UNIX_EPOCH);
        assert!(session.is_elsewhere, "it is kept");
        sessions.put(name.clone(), session);
        assert!(!sessions.take(&name, "2", Timestamp::UNIX_EPOCH).is_elsewhere, "another object has the name");
        let session = sessions.take(&name, "2", Timestamp::UNIX_EPOCH);
        sessions.put(name.clone(), session);
        sessions.begin(Predecessor::Unknown, Timestamp::UNIX_EPOCH);
        assert!(sessions.take(&name, "2", Timestamp::UNIX_EPOCH).knowledge.predecessor_until.is_some());
    }
}
