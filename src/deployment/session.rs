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
}

impl Sessions {
    /// Takes a session out for a turn; the queue runs one turn of a resource at a time.
    ///
    /// A turn that breaks off loses its session, and with it what it had sent: the next one begins like a process that has
    /// just started, now, and not like one that has sent nothing since the operator did.
    pub(super) fn take(&self, name: &ObjectName, uid: &str, now: Timestamp) -> Session {
        let known = self.lock().remove(name).filter(|session| &*session.uid == uid);
        known.unwrap_or_else(|| Session {
            uid: uid.into(),
            knowledge: Knowledge::new(now),
            next_look_at: None,
            key: None,
            identity: String::new(),
            look_interval: None,
        })
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
