//! What there was at every time, so that a read can be answered from an earlier state. Pure.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::ReadAt;

/// Items by their keys, with everything that they were before. Nothing is ever taken out.
#[derive(Debug)]
pub(crate) struct History<K, T> {
    versions: BTreeMap<K, Vec<Version<T>>>,
    /// When each write happened; a write's number is its position, from 1.
    writes: Vec<Timestamp>,
}

/// How an item stands since one write; `None` after its deletion.
#[derive(Debug)]
struct Version<T> {
    write: u64,
    item: Option<Arc<T>>,
}

impl<K, T> Default for History<K, T> {
    fn default() -> Self {
        Self { versions: BTreeMap::new(), writes: Vec::new() }
    }
}

fn seen<T>(versions: &[Version<T>], write: u64) -> Option<&Arc<T>> {
    versions.iter().rev().find(|version| version.write <= write)?.item.as_ref()
}

impl<K: Ord + Clone, T: Clone> History<K, T> {
    /// The last write that a read sees.
    fn write_seen(&self, read_at: ReadAt) -> u64 {
        let number = |writes: usize| u64::try_from(writes).unwrap_or(u64::MAX);
        match read_at {
            ReadAt::Now => u64::MAX,
            ReadAt::Time(time) => number(self.writes.partition_point(|write| *write <= time)),
            ReadAt::WritesAgo(writes) => number(self.writes.len()).saturating_sub(writes),
        }
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q, read_at: ReadAt) -> Option<&Arc<T>>
    where
        K: std::borrow::Borrow<Q>,
    {
        seen(self.versions.get(key)?, self.write_seen(read_at))
    }

    /// All that a read sees, by their keys.
    pub(crate) fn all(&self, read_at: ReadAt) -> impl DoubleEndedIterator<Item = (&K, &Arc<T>)> {
        let write = self.write_seen(read_at);
        self.versions.iter().filter_map(move |(key, versions)| Some((key, seen(versions, write)?)))
    }

    /// The number that the next write has.
    pub(crate) fn next_write(&self) -> u64 {
        u64::try_from(self.writes.len()).unwrap_or(u64::MAX).saturating_add(1)
    }

    pub(crate) fn write(&mut self, key: &K, item: Option<T>, at: Timestamp) {
        let write = self.next_write();
        self.writes.push(at);
        self.versions.entry(key.clone()).or_default().push(Version { write, item: item.map(Arc::new) });
    }

    /// A change of one that exists; `None` when it doesn't.
    pub(crate) fn change<Q: Ord + ?Sized>(&mut self, key: &Q, at: Timestamp, change: impl FnOnce(&mut T)) -> Option<()>
    where
        K: std::borrow::Borrow<Q>,
    {
        let (key, versions) = self.versions.get_key_value(key)?;
        let (key, mut item) = (key.clone(), T::clone(seen(versions, u64::MAX)?));
        change(&mut item);
        self.write(&key, Some(item), at);
        Some(())
    }
}
