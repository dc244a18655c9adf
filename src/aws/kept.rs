//! Things that are made when they are needed, of which those that were used last are kept. In-memory; no I/O.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// At most so many things by key.
pub(super) struct Kept<K, V> {
    limit: usize,
    state: Mutex<State<K, V>>,
}

struct State<K, V> {
    by_key: BTreeMap<K, (V, u64)>,
    uses: u64,
}

impl<K: Ord + Clone, V: Clone> Kept<K, V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::new(State { by_key: BTreeMap::new(), uses: 0 }) }
    }

    pub(super) fn get(&self, key: &K) -> Option<V> {
        let mut state = self.lock();
        state.uses += 1;
        let now = state.uses;
        state.by_key.get_mut(key).map(|(value, used)| {
            *used = now;
            value.clone()
        })
    }

    /// Puts it where there is none yet; returns the one that is there.
    pub(super) fn put(&self, key: K, value: V) -> V {
        if let Some(there) = self.get(&key) {
            return there;
        }
        let mut state = self.lock();
        if state.by_key.len() >= self.limit {
            let oldest = state.by_key.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| state.by_key.remove(&oldest));
        }
        let now = state.uses;
        state.by_key.entry(key).or_insert((value, now)).0.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let kept = Kept::new(2);
        kept.put("a", 1);
        kept.put("b", 2);
        assert_eq!(kept.get(&"a"), Some(1));
        kept.put("c", 3);
        assert_eq!((kept.get(&"a"), kept.get(&"b"), kept.get(&"c")), (Some(1), None, Some(3)));
    }

    #[test]
    fn what_is_there_stays() {
        let kept = Kept::new(2);
        assert_eq!((kept.put("a", 1), kept.put("a", 2)), (1, 1));
    }
}
