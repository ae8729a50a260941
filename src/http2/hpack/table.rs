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
    /// What each entry counts in addition to its bytes here.
    overhead: usize,
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
}

impl Table {
    /// A table whose entries count `overhead` bytes in addition to those that are inserted.
    pub(super) fn new(max_size: usize, overhead: usize) -> Table {
        Table { bytes: Vec::new(), base: 0, entries: VecDeque::new(), size: 0, max_size, overhead }
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
        let Some(room) = self.max_size.checked_sub(entry.length() + self.overhead) else {
            return self.evict_to(0);
        };
        let evicted = self.evict_to(room);
        self.make_room(entry.length());
        let start = self.base.wrapping_add(self.bytes.len() as u32);
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.entries.push_front(Entry { start, ..entry });
        self.size += entry.length() + self.overhead;
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
            self.size -= oldest.length() + self.overhead;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The entries, the newest first, as `name=value`.
    fn entries(table: &Table) -> String {
        let texts = (0..).map_while(|number| table.get(number)).map(|(name, value)| {
            format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        });
        texts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_oldest_entries_are_evicted() {
        // Room for three entries of two bytes.
        let mut table = Table::new(3 * (2 + OVERHEAD), OVERHEAD);
        let rows: [(&[u8], &[u8], usize, &str); 6] = [
            (b"a", b"1", 0, "a=1"),
            (b"b", b"2", 0, "b=2 a=1"),
            (b"c", b"3", 0, "c=3 b=2 a=1"),
            (b"d", b"4", 1, "d=4 c=3 b=2"),
            // One byte more costs two entries of the others, and what does not fit costs all.
            (b"ee", b"5", 2, "ee=5 d=4"),
            (b"f", &[b'6'; 70], 2, ""),
        ];
        for (name, value, evicted, expected) in rows {
            assert_eq!(table.insert(name, value), evicted, "{expected}");
            assert_eq!(entries(&table), expected);
        }
        assert_eq!(table.size(), 0);
    }

    #[test]
    fn a_smaller_size_evicts_at_once() {
        let mut table = Table::new(200, OVERHEAD);
        for name in [b"a", b"b", b"c"] {
            table.insert(name, b"1");
        }
        for (size, evicted, expected) in
            [(102, 0, "c=1 b=1 a=1"), (101, 1, "c=1 b=1"), (34, 1, "c=1"), (33, 1, ""), (0, 0, "")]
        {
            assert_eq!(table.set_max_size(size), evicted);
            assert_eq!(entries(&table), expected, "{size}");
            assert!(table.memory() <= size + 4 * size_of::<Entry>());
        }
    }

    #[test]
    fn positions_wrap() {
        let mut table = Table::new(100, OVERHEAD);
        table.base = u32::MAX - 100;
        for number in 0..200 {
            table.insert(b"number", number.to_string().as_bytes());
            let before = if number == 0 { String::new() } else { format!(" number={}", number - 1) };
            assert_eq!(entries(&table), format!("number={number}{before}"));
        }
    }

    #[test]
    fn bytes_stay_beneath_the_largest_size() {
        for length in 0..300 {
            let mut table = Table::new(1000, OVERHEAD);
            for number in 0..100 {
                table.insert(&vec![b'n'; number % 7], &vec![b'v'; length]);
                assert!(table.bytes.capacity() <= 1000, "{length}");
            }
        }
    }
}
