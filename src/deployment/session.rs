//! What this process has learnt about each resource. Pure, behind a lock.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use greengrass_operator_core::deployment::knowledge::Knowledge;
use greengrass_operator_core::names::{Key, ObjectName};
use jiff::Timestamp;

/// What this process has learnt about one incarnation of a resource.
pub(super) struct Session {
    /// The object's uid: a re-created object starts afresh.
    pub(super) uid: Box<str>,
    /// What is known of AWS.
    pub(super) knowledge: Knowledge,
    /// When AWS is looked at again though nothing happened.
    pub(super) next_look_at: Option<Timestamp>,
    /// What its deployment is for.
    pub(super) key: Option<Key>,
    /// The name of its identity.
    pub(super) identity: String,
    /// How often its identity wants it to be compared with AWS.
    pub(super) look_interval: Option<Duration>,
}

/// The sessions of all resources.
#[derive(Default)]
pub(super) struct Sessions {
    by_name: Mutex<BTreeMap<ObjectName, Session>>,
    /// Until when what another process sent before may still arrive.
    predecessor_until: Mutex<Option<Timestamp>>,
}

impl Sessions {
    /// Takes a session out for a turn; the queue runs one turn of a resource at a time.
    ///
    /// A turn that breaks off loses its session, and with it what it had sent: the next one begins like a process that has
    /// just started, now, and not like one that has sent nothing since the operator did.
    pub(super) fn take(&self, name: &ObjectName, uid: &str, now: Timestamp) -> Session {
        let known = self.lock().remove(name).filter(|session| &*session.uid == uid);
        let predecessor_until = *self.predecessor_until.lock().unwrap_or_else(PoisonError::into_inner);
        known.unwrap_or_else(|| Session {
            uid: uid.into(),
            knowledge: Knowledge { predecessor_until, ..Knowledge::new(now) },
            next_look_at: None,
            key: None,
            identity: String::new(),
            look_interval: None,
        })
    }

    /// This process leads from now on. What was learnt before is void: another one may have led since.
    pub(super) fn begin(&self, predecessor_until: Option<Timestamp>) {
        self.lock().clear();
        *self.predecessor_until.lock().unwrap_or_else(PoisonError::into_inner) = predecessor_until;
    }

    /// Puts it back.
    pub(super) fn put(&self, name: ObjectName, session: Session) {
        self.lock().insert(name, session);
    }

    /// The resource is gone.
    pub(super) fn end(&self, name: &ObjectName) {
        self.lock().remove(name);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ObjectName, Session>> {
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
}
