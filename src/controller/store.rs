//! The records of a kind by name, and who refers to what. Pure, behind a lock that is never held across an await.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greengrass_operator_core::names::ObjectName;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, watch};

use super::record::{Record, ResourceVersion};
use super::tally::Tally;

/// Something that resources refer to, so that its change wakes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// A deployment's key, in the kind's own notation: several resources can claim one.
    Key(Arc<str>),
    /// The key of a subdeployment's parent.
    Parent(Arc<str>),
    /// An identity, by its name.
    Identity(Arc<str>),
    /// The identity that is the default, whichever that is.
    DefaultIdentity,
    /// A `ConfigMap`.
    ConfigMap(ObjectName),
    /// Another resource of the kind, by its name.
    Named(ObjectName),
}

/// What a watch event did to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The object was not known.
    New(Arc<Record>),
    /// A newer version of a known object, or another object with its name.
    Changed {
        /// The version that was known.
        before: Arc<Record>,
        /// The version that is known now.
        after: Arc<Record>,
    },
    /// The version is known: the echo of an own write, or the object again in a new list.
    Known,
    /// Older than what is known: the watch lags behind an own write.
    Stale,
}

/// The records of a kind. No older version of an object is ever handed out than one that was handed out before or that an
/// own write returned: a decision from before the write would undo or repeat it.
#[derive(Debug)]
pub struct Store {
    state: Mutex<State>,
    synced: watch::Sender<bool>,
    references: Notify,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<ObjectName, Arc<Record>>,
    tally: Tally,
    /// In order. A set of two would take the room of eleven.
    references: BTreeMap<ObjectName, Box<[Reference]>>,
    referrers: BTreeMap<Reference, Referrers>,
}

/// Who refers to something: most often one, whom a set would give the room of eleven.
#[derive(Debug)]
enum Referrers {
    One(ObjectName),
    Many(BTreeSet<ObjectName>),
}

impl Referrers {
    fn names(&self) -> Vec<ObjectName> {
        match self {
            Self::One(name) => vec![name.clone()],
            Self::Many(names) => names.iter().cloned().collect(),
        }
    }

    fn with(self, name: ObjectName) -> Self {
        match self {
            Self::One(only) if only == name => Self::One(only),
            Self::One(only) => Self::Many(BTreeSet::from([only, name])),
            Self::Many(mut names) => {
                names.insert(name);
                Self::Many(names)
            }
        }
    }

    /// None: nobody is left.
    fn without(self, name: &ObjectName) -> Option<Self> {
        match self {
            Self::One(only) => (only != *name).then_some(Self::One(only)),
            Self::Many(mut names) => {
                names.remove(name);
                (!names.is_empty()).then_some(Self::Many(names))
            }
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self { state: Mutex::default(), synced: watch::Sender::new(false), references: Notify::new() }
    }
}

impl Store {
    /// A store without records, not synced.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// The newest known version of an object.
    #[must_use]
    pub fn get(&self, name: &ObjectName) -> Option<Arc<Record>> {
        self.lock().records.get(name).map(Arc::clone)
    }

    /// The names of all objects, in order.
    #[must_use]
    pub fn names(&self) -> Vec<ObjectName> {
        self.lock().records.keys().cloned().collect()
    }

    /// The newest known versions of all objects, by name.
    #[must_use]
    pub fn records(&self) -> Vec<Arc<Record>> {
        self.lock().records.values().map(Arc::clone).collect()
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().records.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the statuses of all objects add up to.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.lock().tally.clone()
    }

    /// Takes what the watch says of an object.
    pub fn apply(&self, record: Record) -> Applied {
        let mut state = self.lock();
        let before = state.records.get(&record.name).map(Arc::clone);
        match before {
            // A re-created object has another uid and a higher version, so one comparison serves both.
            Some(before) if record.resource_version < before.resource_version => Applied::Stale,
            Some(before) if record.resource_version == before.resource_version => Applied::Known,
            Some(before) => Applied::Changed { before, after: state.put(record) },
            None => Applied::New(state.put(record)),
        }
    }

    /// Takes the version that an own write returned. Returns the newest known version: the written one, or a newer one
    /// that the watch has brought in the meantime. `None`: the object is gone, or is another one with the same name.
    pub fn observe_own_write(&self, written: Record) -> Option<Arc<Record>> {
        let mut state = self.lock();
        // A run works on a known object. If it is unknown now, the watch has said that it is gone, and what the write
        // returned is from before that.
        let known = state.records.get(&written.name).map(Arc::clone)?;
        if known.uid != written.uid {
            return None;
        }
        if written.resource_version <= known.resource_version {
            return Some(known);
        }
        Some(state.put(written))
    }

    /// Takes the answer of a live read, which began when `before` was the known version. Returns the newest known version.
    ///
    /// If nothing has come in since, the answer stands even if it is older than what was known: then etcd was restored
    /// from a backup, and holding on to the higher version would mean conflicts for ever.
    pub fn observe_live(
        &self,
        name: &ObjectName,
        before: Option<ResourceVersion>,
        live: Option<Record>,
    ) -> Option<Arc<Record>> {
        let mut state = self.lock();
        let known = state.records.get(name).map(Arc::clone);
        let untouched = known.as_ref().map(|known| known.resource_version) == before;
        match (live, known) {
            (Some(live), None) => untouched.then(|| state.put(live)),
            (Some(live), Some(known)) => {
                if live.resource_version == known.resource_version
                    || (live.resource_version < known.resource_version && !untouched)
                {
                    Some(known)
                } else {
                    Some(state.put(live))
                }
            }
            (None, Some(_)) if untouched => {
                state.drop_record(name);
                None
            }
            (None, known) => known,
        }
    }

    /// Takes the watch's word that an object is gone. False if the store knows another object of that name.
    pub fn remove(&self, gone: &Record) -> bool {
        let mut state = self.lock();
        let ours = state.records.get(&gone.name).is_some_and(|known| known.uid == gone.uid);
        if ours {
            state.drop_record(&gone.name);
            self.references.notify_waiters();
        }
        ours
    }

    /// Ends a list of one namespace, or of all: what is known there but was not listed is gone, and returned.
    pub fn retain_listed(&self, namespace: Option<&str>, listed: &BTreeSet<ObjectName>) -> Vec<Arc<Record>> {
        let mut state = self.lock();
        let gone: Vec<Arc<Record>> = state
            .records
            .iter()
            .filter(|(name, _)| namespace.is_none_or(|namespace| *name.namespace == *namespace))
            .filter(|(name, _)| !listed.contains(*name))
            .map(|(_, record)| Arc::clone(record))
            .collect();
        for record in &gone {
            state.drop_record(&record.name);
        }
        self.references.notify_waiters();
        gone
    }

    /// Says what a resource refers to; replaces what was said before.
    pub fn set_references(&self, name: &ObjectName, references: BTreeSet<Reference>) {
        let mut state = self.lock();
        let known = state.references.get(name).map(|known| &**known).unwrap_or_default();
        if known.iter().eq(&references) {
            return;
        }
        self.references.notify_waiters();
        state.forget_references(name);
        // A run that ends after its object has gone must not leave references behind.
        if references.is_empty() || !state.records.contains_key(name) {
            return;
        }
        for reference in &references {
            let referrers = match state.referrers.remove(reference) {
                Some(others) => others.with(name.clone()),
                None => Referrers::One(name.clone()),
            };
            state.referrers.insert(reference.clone(), referrers);
        }
        state.references.insert(name.clone(), references.into_iter().collect());
    }

    /// Ends when somebody refers to something else than when this was called.
    pub fn references_changed(&self) -> Notified<'_> {
        self.references.notified()
    }

    /// The resources that refer to something, in order.
    #[must_use]
    pub fn referrers(&self, reference: &Reference) -> Vec<ObjectName> {
        self.lock().referrers.get(reference).map(Referrers::names).unwrap_or_default()
    }

    /// The namespaces of the `ConfigMaps` that resources refer to.
    #[must_use]
    pub fn config_map_namespaces(&self) -> BTreeSet<String> {
        let namespace = |reference: &Reference| match reference {
            Reference::ConfigMap(name) => Some(name.namespace.to_string()),
            Reference::Key(_)
            | Reference::Parent(_)
            | Reference::Identity(_)
            | Reference::DefaultIdentity
            | Reference::Named(_) => None,
        };
        self.lock().referrers.keys().filter_map(namespace).collect()
    }

    /// Whether every watch has listed what there is at least once.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        *self.synced.borrow()
    }

    /// Waits until every watch has listed what there is.
    pub async fn synced(&self) {
        // It fails only when the sender is gone, which lives as long as `self`.
        let _ = self.synced.subscribe().wait_for(|synced| *synced).await;
    }

    /// Says that every watch has listed what there is.
    pub fn set_synced(&self) {
        self.synced.send_replace(true);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock can leave the maps half changed in a way that matters more than going on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, mut record: Record) -> Arc<Record> {
        if let Some(before) = self.records.get(&record.name) {
            record.share_with(before);
        }
        let record = Arc::new(record);
        self.tally.add(&record);
        if let Some(before) = self.records.insert(record.name.clone(), Arc::clone(&record)) {
            self.tally.subtract(&before);
        }
        record
    }

    fn drop_record(&mut self, name: &ObjectName) {
        if let Some(before) = self.records.remove(name) {
            self.tally.subtract(&before);
        }
        self.forget_references(name);
    }

    fn forget_references(&mut self, name: &ObjectName) {
        for reference in self.references.remove(name).unwrap_or_default() {
            if let Some(left) = self.referrers.remove(&reference).and_then(|names| names.without(name)) {
                self.referrers.insert(reference, left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::record;
    use super::*;

    #[test]
    fn an_event_older_than_an_own_write_is_not_handed_out() {
        let store = Store::new();
        store.apply(record("a", 5));
        store.observe_own_write(record("a", 9)).unwrap();
        assert_eq!(store.apply(record("a", 7)), Applied::Stale);
        assert_eq!(store.apply(record("a", 9)), Applied::Known);
        assert_eq!(store.get(&record("a", 0).name).unwrap().resource_version, ResourceVersion(9));
        assert!(matches!(store.apply(record("a", 12)), Applied::Changed { .. }));
    }

    #[test]
    fn an_own_write_older_than_the_watch_is_not_handed_out() {
        let store = Store::new();
        store.apply(record("a", 12));
        let newest = store.observe_own_write(record("a", 9)).unwrap();
        assert_eq!(newest.resource_version, ResourceVersion(12));
    }

    #[test]
    fn an_own_write_does_not_bring_back_what_is_gone() {
        let store = Store::new();
        store.apply(record("a", 5));
        assert!(store.remove(&record("a", 8)));
        assert_eq!(store.observe_own_write(record("a", 7)), None);
        assert!(store.is_empty());
    }

    #[test]
    fn the_end_of_an_older_object_leaves_its_successor_alone() {
        let store = Store::new();
        let mut successor = record("a", 20);
        successor.uid = "another".into();
        store.apply(successor);
        assert!(!store.remove(&record("a", 8)));
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn a_live_read_stands_unless_something_came_in_meanwhile() {
        let store = Store::new();
        let name = record("a", 0).name;
        store.apply(record("a", 50));
        // Restored from a backup: the live version is lower, and nothing else came in.
        let live = store.observe_live(&name, Some(ResourceVersion(50)), Some(record("a", 30)));
        assert_eq!(live.unwrap().resource_version, ResourceVersion(30));
        // The watch brought 60 while the read was under way.
        store.apply(record("a", 60));
        let live = store.observe_live(&name, Some(ResourceVersion(30)), Some(record("a", 40)));
        assert_eq!(live.unwrap().resource_version, ResourceVersion(60));
        assert_eq!(store.observe_live(&name, Some(ResourceVersion(60)), None), None);
        assert!(store.is_empty());
        // The watch said "gone" while the read was under way.
        assert_eq!(store.observe_live(&name, Some(ResourceVersion(60)), Some(record("a", 60))), None);
        assert!(store.is_empty());
    }

    #[test]
    fn what_a_new_list_lacks_is_gone_in_its_namespace_only() {
        let store = Store::new();
        store.apply(record("a", 1));
        store.apply(record("b", 2));
        let mut elsewhere = record("c", 3);
        elsewhere.name.namespace = "elsewhere".into();
        store.apply(elsewhere);
        let gone = store.retain_listed(Some("press"), &BTreeSet::from([record("b", 0).name]));
        assert_eq!(gone, [Arc::new(record("a", 1))]);
        assert_eq!(store.len(), 2);
    }

    #[test]
    fn references_are_replaced_and_end_with_their_object() {
        let store = Store::new();
        store.apply(record("a", 1));
        store.apply(record("b", 2));
        let (a, b) = (record("a", 0).name, record("b", 0).name);
        let key = Reference::Key("k".into());
        let parent = Reference::Parent("p".into());
        store.set_references(&a, BTreeSet::from([key.clone(), parent.clone()]));
        store.set_references(&b, BTreeSet::from([key.clone()]));
        assert_eq!(store.referrers(&key), [a.clone(), b.clone()]);
        store.set_references(&a, BTreeSet::from([key.clone()]));
        assert_eq!(store.referrers(&parent), []);
        store.remove(&record("a", 3));
        assert_eq!(store.referrers(&key), [b]);
        store.set_references(&a, BTreeSet::from([parent.clone()]));
        assert_eq!(store.referrers(&parent), []);
    }
}
