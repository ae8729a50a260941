//! A map of some thousand entries in one sorted list: looked up often, changed seldom, and a fraction of the code of a
//! hash table.

/// The entries, sorted by key.
#[derive(Debug)]
pub(super) struct SortedMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> SortedMap<K, V> {
        SortedMap(Vec::new())
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The place of a key, or the one that it belongs to.
    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.cmp(key))
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        Some(&self.0[self.place(key).ok()?].1)
    }

    /// The same, to change it.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        Some(&mut self.0[place].1)
    }

    /// The value of a key, which is put in if it is not there.
    pub(super) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let place = self.place(&key).unwrap_or_else(|place| {
            self.0.insert(place, (key, make()));
            place
        });
        &mut self.0[place].1
    }

    /// Takes a key out.
    pub(super) fn remove(&mut self, key: &K) {
        if let Ok(place) = self.place(key) {
            self.0.remove(place);
        }
    }

    /// Takes out what the condition does not hold for.
    pub(super) fn retain(&mut self, condition: impl Fn(&V) -> bool) {
        self.0.retain(|(_, value)| condition(value));
    }

    /// All values, with their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map() {
        let mut map = SortedMap::default();
        for key in [5, 1, 9, 3, 5, 0, 9] {
            *map.get_or_insert_with(key, || 0) += key;
        }
        assert_eq!(map.iter().copied().collect::<Vec<_>>(), [(0, 0), (1, 1), (3, 3), (5, 10), (9, 18)]);
        assert_eq!((map.get(&5), map.get(&4)), (Some(&10), None));
        assert_eq!(map.get_mut(&9), Some(&mut 18));
        map.remove(&3);
        map.remove(&3);
        map.retain(|value| *value > 0);
        assert_eq!(map.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [1, 5, 9]);
        assert_eq!(map.len(), 3);
    }
}
