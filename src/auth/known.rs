//! Pairs of credentials whose hash was computed: what came of it, kept by a digest of the pair with a random key.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sorted_map::SortedMap;

/// Right pairs that are kept; with more of them the one that was used the longest time ago is forgotten.
const MOST_RIGHT: usize = 1024;
/// The same for wrong pairs.
const MOST_WRONG: usize = 1024;
/// The time without use after which a pair is forgotten.
const AGE: Duration = Duration::from_secs(600);

/// The digest of a pair.
pub(super) type Key = [u8; 32];

/// The name of a right pair; `None` for a wrong one.
pub(super) type Proven = Option<Arc<[u8]>>;

/// The pairs. A right one is never forgotten for wrong ones, of which a client can send as many as it likes.
#[derive(Debug, Default)]
pub(super) struct Known {
    right: Table,
    wrong: Table,
}

impl Known {
    /// What came of a pair, if that is known.
    pub(super) fn find(&mut self, key: &Key, now: Instant) -> Option<Proven> {
        self.right.find(key, now).or_else(|| self.wrong.find(key, now))
    }

    /// Keeps what came of a pair.
    pub(super) fn add(&mut self, key: Key, name: Proven, now: Instant) {
        match name {
            Some(_) => self.right.add(key, name, now, MOST_RIGHT),
            None => self.wrong.add(key, name, now, MOST_WRONG),
        }
    }

    /// Forgets the pairs that were not used for long.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.right.forget_old(now);
        self.wrong.forget_old(now);
    }
}

/// Pairs, and when each was used last.
#[derive(Debug, Default)]
struct Table(SortedMap<Key, (Proven, Instant)>);

impl Table {
    fn find(&mut self, key: &Key, now: Instant) -> Option<Proven> {
        let (name, used) = self.0.get_mut(key)?;
        if *used + AGE <= now {
            return None;
        }
        *used = now;
        Some(name.clone())
    }

    fn add(&mut self, key: Key, name: Proven, now: Instant, limit: usize) {
        if self.0.len() >= limit && self.0.get(&key).is_none() {
            let oldest = self.0.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            if let Some(key) = oldest {
                self.0.remove(&key);
            }
        }
        *self.0.get_or_insert_with(key, || (None, now)) = (name, now);
    }

    fn forget_old(&mut self, now: Instant) {
        self.0.retain(|(_, used)| *used + AGE > now);
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
        known.add(key(1), Some(Arc::from(*b"anna")), begin);
        known.add(key(2), None, begin);
        let almost = begin + AGE - Duration::from_secs(1);
        assert_eq!(known.find(&key(1), almost), Some(Some(Arc::from(*b"anna"))));
        assert_eq!(known.find(&key(3), almost), None);
        let after = begin + AGE;
        assert_eq!(known.find(&key(2), after), None);
        assert_eq!(known.find(&key(1), after), Some(Some(Arc::from(*b"anna"))), "it was used meanwhile");
        known.forget_old(after);
        assert_eq!((known.right.0.len(), known.wrong.0.len()), (1, 0));
        known.forget_old(after + AGE);
        assert_eq!(known.right.0.len(), 0);
    }

    #[test]
    fn so_many_and_no_more() {
        let mut known = Known::default();
        let begin = Instant::now();
        let at = |number: usize| begin + Duration::from_millis(number as u64);
        known.add(key(0), Some(Arc::from(*b"anna")), begin);
        for number in 1..=MOST_WRONG + 1 {
            known.add(key(number), None, at(number));
        }
        let end = at(MOST_WRONG + 2);
        assert_eq!(known.wrong.0.len(), MOST_WRONG);
        assert_eq!((known.find(&key(1), end), known.find(&key(2), end)), (None, Some(None)));
        assert!(known.find(&key(0), end).is_some());
        for number in 1..=MOST_RIGHT {
            known.add(key(number), Some(Arc::from(*b"x")), end + Duration::from_secs(1));
        }
        assert_eq!(known.right.0.len(), MOST_RIGHT);
        assert!(known.find(&key(0), end).is_none());
    }
}
