//! Pairs of credentials whose hash was computed: what came of it, kept by a digest of the pair with a random key.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Right pairs that are kept; with more of them the one that was used the longest time ago is forgotten.
const MOST_RIGHT: usize = 1024;
/// The same for wrong pairs.
const MOST_WRONG: usize = 1024;
/// The time without use after which a pair is forgotten.
const AGE: Duration = Duration::from_secs(600);

/// The digest of a pair.
pub(super) type Key = [u8; 32];

/// The pairs. A right one is never forgotten for wrong ones, of which a client can send as many as it likes.
#[derive(Debug)]
pub(super) struct Known {
    right: Table<Arc<[u8]>>,
    wrong: Table<()>,
}

impl Default for Known {
    fn default() -> Known {
        Known { right: Table::new(MOST_RIGHT), wrong: Table::new(MOST_WRONG) }
    }
}

impl Known {
    /// The name of a right pair, or that it is a wrong one; `None` where neither is known.
    pub(super) fn find(&mut self, key: &Key, now: Instant) -> Option<Option<Arc<[u8]>>> {
        match self.right.find(key, now) {
            Some(name) => Some(Some(name)),
            None => self.wrong.find(key, now).map(|()| None),
        }
    }

    /// Keeps a right pair, by its name.
    pub(super) fn add_right(&mut self, key: Key, name: Arc<[u8]>, now: Instant) {
        self.right.add(key, name, now);
    }

    /// Keeps a wrong pair.
    pub(super) fn add_wrong(&mut self, key: Key, now: Instant) {
        self.wrong.add(key, (), now);
    }

    /// Forgets the pairs that were not used for long.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.right.forget_old(now);
        self.wrong.forget_old(now);
    }
}

/// Values, and when each was used last.
#[derive(Debug)]
struct Table<T> {
    limit: usize,
    values: HashMap<Key, (T, Instant)>,
}

impl<T: Clone> Table<T> {
    fn new(limit: usize) -> Table<T> {
        Table { limit, values: HashMap::new() }
    }

    fn find(&mut self, key: &Key, now: Instant) -> Option<T> {
        let (value, used) = self.values.get_mut(key)?;
        if *used + AGE <= now {
            return None;
        }
        *used = now;
        Some(value.clone())
    }

    fn add(&mut self, key: Key, value: T, now: Instant) {
        if self.values.len() >= self.limit && !self.values.contains_key(&key) {
            let oldest = self.values.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            oldest.and_then(|key| self.values.remove(&key));
        }
        self.values.insert(key, (value, now));
    }

    fn forget_old(&mut self, now: Instant) {
        self.values.retain(|_, (_, used)| *used + AGE > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        let mut key = Key::default();
        key[..8].copy_from_slice(&number.to_ne_bytes());
        key
    }

    #[test]
    fn a_pair_is_known_until_it_is_not_used_for_long() {
        let mut known = Known::default();
        let begin = Instant::now();
        known.add_right(key(1), Arc::from(*b"anna"), begin);
        known.add_wrong(key(2), begin);
        let almost = begin + AGE - Duration::from_secs(1);
        assert_eq!(known.find(&key(1), almost), Some(Some(Arc::from(*b"anna"))));
        assert_eq!(known.find(&key(3), almost), None);
        let after = begin + AGE;
        assert_eq!(known.find(&key(2), after), None);
        assert_eq!(known.find(&key(1), after), Some(Some(Arc::from(*b"anna"))), "it was used meanwhile");
        known.forget_old(after);
        assert_eq!((known.right.values.len(), known.wrong.values.len()), (1, 0));
        known.forget_old(after + AGE);
        assert!(known.right.values.is_empty());
    }

    #[test]
    fn so_many_and_no_more() {
        let mut known = Known::default();
        let begin = Instant::now();
        let at = |number: usize| begin + Duration::from_millis(number as u64);
        known.add_right(key(0), Arc::from(*b"anna"), begin);
        for number in 1..=MOST_WRONG + 1 {
            known.add_wrong(key(number), at(number));
        }
        let end = at(MOST_WRONG + 2);
        assert_eq!(known.wrong.values.len(), MOST_WRONG);
        assert_eq!((known.find(&key(1), end), known.find(&key(2), end)), (None, Some(None)));
        assert!(known.find(&key(0), end).is_some());
        for number in 1..=MOST_RIGHT {
            known.add_right(key(number), Arc::from(*b"x"), end + Duration::from_secs(1));
        }
        assert_eq!(known.right.values.len(), MOST_RIGHT);
        assert!(known.find(&key(0), end).is_none());
    }
}
