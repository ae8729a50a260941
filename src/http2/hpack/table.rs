//! A dynamic table (section 2.3.2): the newest fields, as many as its size allows (section 4).

use std::collections::VecDeque;

/// Bytes that an entry counts in addition to its name and value (section 4.1).
pub(super) const OVERHEAD: usize = 32;

/// Bytes that are allocated first; each time that they do not suffice, twice as many.
const FIRST_CAPACITY: usize = 256;

/// The fields and the bytes that they are made of. An empty one holds no memory, and none holds more bytes than the
/// largest size that it was given.
#[derive(Debug)]
pub(super) struct Table {
    /// The entries one after another, the oldest first. What is before the oldest was evicted.
    bytes: Vec<u8>,
    /// The position of the first of `bytes`. Positions count all bytes that ever came, and wrap.
    base: u32,
    /// The newest entry first.
    entries: VecDeque<Entry>,
    /// The size as section 4.1 counts it.
    size: usize,
    max_size: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The position of its first byte.
    start: u32,
    name: u32,
    value: u32,
}

impl Entry {
    fn length(self) -> usize {
        (self.name + self.value) as usize
    }

    fn size(self) -> usize {
        self.length() + OVERHEAD
    }
}

impl Table {
    pub(super) fn new(max_size: usize) -> Table {
        Table { bytes: Vec::new(), base: 0, entries: VecDeque::new(), size: 0, max_size }
    }

    pub(super) fn max_size(&self) -> usize {
        self.max_size
    }

    /// Name and value of an entry; the newest has the number 0.
    pub(super) fn get(&self, number: usize) -> Option<(&[u8], &[u8])> {
        let entry = self.entries.get(number)?;
        let start = entry.start.wrapping_sub(self.base) as usize;
        Some(self.bytes[start..start + entry.length()].split_at(entry.name as usize))
    }

    /// Inserts an entry, if it fits at all, and returns the number of entries that were evicted for it (section 4.4).
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) -> usize {
        let entry = Entry { start: 0, name: name.len() as u32, value: value.len() as u32 };
        let Some(room) = self.max_size.checked_sub(name.len() + value.len() + OVERHEAD) else {
            return self.evict_to(0);
        };
        let evicted = self.evict_to(room);
        self.make_room(entry.length());
        let start = self.base.wrapping_add(self.bytes.len() as u32);
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.entries.push_front(Entry { start, ..entry });
        self.size += entry.size();
        evicted
    }

    /// Changes the largest size, and returns the number of entries that were evicted (section 4.3).
    pub(super) fn set_max_size(&mut self, max_size: usize) -> usize {
        self.max_size = max_size;
        let evicted = self.evict_to(max_size);
        if self.bytes.capacity() > max_size {
            self.drop_evicted();
            self.bytes.shrink_to(max_size);
        }
        evicted
    }

    fn evict_to(&mut self, size: usize) -> usize {
        let before = self.entries.len();
        while self.size > size
            && let Some(oldest) = self.entries.pop_back()
        {
            self.size -= oldest.size();
        }
        before - self.entries.len()
    }

    /// Makes room for bytes that fit beside those of the entries. A quarter of the capacity is left to evicted bytes if
    /// the largest size allows it, so that the others are not moved for each field.
    fn make_room(&mut self, length: usize) {
        let capacity = self.bytes.capacity();
        if self.bytes.len() + length <= capacity {
            return;
        }
        self.drop_evicted();
        let needed = self.bytes.len() + length;
        if needed > capacity - capacity / 4 {
            let capacity = (2 * capacity).max(needed).max(FIRST_CAPACITY).min(self.max_size);
            self.bytes.reserve_exact(capacity.saturating_sub(self.bytes.len()));
        }
    }

    fn drop_evicted(&mut self) {
        let end = self.base.wrapping_add(self.bytes.len() as u32);
        let oldest = self.entries.back().map_or(end, |entry| entry.start);
        self.bytes.drain(..oldest.wrapping_sub(self.base) as usize);
        self.base = oldest;
    }
}

#[cfg(test)]
impl Table {
    /// The size as section 4.1 counts it.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Bytes on the heap.
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>()
    }
}
