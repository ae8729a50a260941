//! A bounded map that forgets what was not asked for lately: CLOCK, or second chance.
//!
//! Entries stand in a circle. A hand goes round when room is needed: who was used since it last came by
//! is spared once, who was not makes room. A hit costs a bit, and a scan passes without harm.

use std::collections::HashMap;
use std::sync::Arc;

struct Slot<V> {
    key: Arc<[u8]>,
    value: V,
    weight: usize,
    was_used: bool,
}

/// The map. Weights are bytes, or whatever else the capacity is counted in.
pub(super) struct ClockCache<V> {
    slots: Vec<Slot<V>>,
    by_key: HashMap<Arc<[u8]>, usize>,
    hand: usize,
    weight: usize,
    capacity: usize,
}

impl<V> ClockCache<V> {
    /// An empty map whose weights never exceed `capacity` together.
    pub(super) fn new(capacity: usize) -> ClockCache<V> {
        ClockCache { slots: Vec::new(), by_key: HashMap::new(), hand: 0, weight: 0, capacity }
    }

    /// The value of a key, marked as used.
    pub(super) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        let slot = self.slots.get_mut(*self.by_key.get(key)?)?;
        slot.was_used = true;
        Some(&mut slot.value)
    }

    /// Puts a value in, and others out to make room. One that is heavier than the capacity stays out.
    pub(super) fn insert(&mut self, key: &[u8], value: V, weight: usize) {
        self.remove(key);
        if weight > self.capacity {
            return;
        }
        while self.weight + weight > self.capacity {
            self.evict();
        }
        let key: Arc<[u8]> = key.into();
        self.by_key.insert(Arc::clone(&key), self.slots.len());
        self.slots.push(Slot { key, value, weight, was_used: false });
        self.weight += weight;
    }

    /// Weighs a value again, and puts others out to make room, or itself where it has become too heavy.
    pub(super) fn weigh(&mut self, key: &[u8], weight: impl FnOnce(&V) -> usize) {
        let Some(&index) = self.by_key.get(key) else { return };
        let value = self.remove_slot(index);
        let weight = weight(&value);
        self.insert(key, value, weight);
    }

    /// Puts a key out.
    pub(super) fn remove(&mut self, key: &[u8]) {
        if let Some(&index) = self.by_key.get(key) {
            self.remove_slot(index);
        }
    }

    fn evict(&mut self) {
        loop {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            match self.slots.get_mut(self.hand) {
                Some(slot) if slot.was_used => slot.was_used = false,
                Some(_) => {
                    self.remove_slot(self.hand);
                    return;
                }
                None => return,
            }
            self.hand += 1;
        }
    }

    fn remove_slot(&mut self, index: usize) -> V {
        let slot = self.slots.swap_remove(index);
        self.by_key.remove(&slot.key);
        self.weight -= slot.weight;
        if let Some(moved) = self.slots.get(index) {
            self.by_key.insert(Arc::clone(&moved.key), index);
        }
        slot.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_outlives_a_scan() {
        let mut clock = ClockCache::new(10);
        for name in [b"a", b"b", b"c"] {
            clock.insert(name, name[0], 1);
        }
        for round in 0..100u8 {
            for name in [b"a", b"b", b"c"] {
                assert_eq!(clock.get_mut(name).copied(), Some(name[0]), "round {round}");
            }
            clock.insert(&[0, round], round, 1);
        }
        assert_eq!(clock.slots.len(), 10);
        assert_eq!(clock.by_key.len(), 10);
    }

    #[test]
    fn weights_never_exceed_the_capacity() {
        let mut clock = ClockCache::new(100);
        for number in 0..1000u32 {
            let weight = (number as usize * 37) % 120;
            clock.insert(&number.to_ne_bytes(), number, weight);
            assert!(clock.weight <= 100);
            assert_eq!(clock.weight, clock.slots.iter().map(|slot| slot.weight).sum::<usize>());
            assert_eq!(clock.get_mut(&number.to_ne_bytes()).is_some(), weight <= 100);
            for (index, slot) in clock.slots.iter().enumerate() {
                assert_eq!(clock.by_key.get(&slot.key), Some(&index));
            }
        }
    }

    #[test]
    fn a_key_has_one_value() {
        let mut clock = ClockCache::new(10);
        clock.insert(b"a", 1, 3);
        clock.insert(b"a", 2, 4);
        assert_eq!((clock.weight, clock.get_mut(b"a").copied()), (4, Some(2)));
        clock.insert(b"a", 3, 11);
        assert_eq!((clock.weight, clock.get_mut(b"a").copied()), (0, None));
    }

    #[test]
    fn what_has_grown_is_weighed_again() {
        let mut clock = ClockCache::new(10);
        clock.insert(b"a", 1, 3);
        clock.insert(b"b", 2, 3);
        clock.weigh(b"a", |_| 6);
        assert_eq!((clock.weight, clock.get_mut(b"a").copied()), (9, Some(1)));
        clock.weigh(b"b", |_| 7);
        assert_eq!((clock.weight, clock.get_mut(b"b").copied()), (7, Some(2)));
        assert_eq!(clock.get_mut(b"a"), None);
        clock.weigh(b"b", |_| 11);
        clock.weigh(b"c", |_| 1);
        assert_eq!((clock.weight, clock.slots.len()), (0, 0));
    }
}
