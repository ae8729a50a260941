//! The last blocks of a connection: the same response again is one comparison and one copy.

/// Blocks that are kept.
const MAX_BLOCKS: usize = 4;

/// Bytes that are kept for one block, its lines included. A longer one is not kept.
const MAX_BYTES: usize = 1024;

/// Blocks that changed no table, by the responses that they encode.
#[derive(Debug, Default)]
pub(super) struct BlockCache {
    blocks: Vec<Block>,
    /// The block that is replaced next.
    oldest: usize,
}

#[derive(Debug)]
struct Block {
    status: u16,
    /// Bytes of the lines, after which come those of the block.
    lines: usize,
    bytes: Vec<u8>,
}

impl Block {
    fn is_of(&self, status: u16, lines: &[&[u8]], length: usize) -> bool {
        let mut start = 0;
        self.status == status
            && self.lines == length
            && lines.iter().all(|lines| {
                let kept = &self.bytes[start..start + lines.len()];
                start += lines.len();
                kept == *lines
            })
    }
}

impl BlockCache {
    /// The block of a response.
    pub(super) fn get(&self, status: u16, lines: &[&[u8]]) -> Option<&[u8]> {
        let length = length_of(lines);
        let block = self.blocks.iter().find(|block| block.is_of(status, lines, length))?;
        Some(&block.bytes[length..])
    }

    /// Keeps the block of a response that is not kept yet, in the place of the oldest one.
    pub(super) fn insert(&mut self, status: u16, lines: &[&[u8]], block: &[u8]) {
        let length = length_of(lines);
        let total = length + block.len();
        if total > MAX_BYTES {
            return;
        }
        if self.blocks.len() < MAX_BLOCKS {
            self.oldest = self.blocks.len();
            self.blocks.reserve_exact(MAX_BLOCKS);
            self.blocks.push(Block { status, lines: 0, bytes: Vec::new() });
        }
        let place = &mut self.blocks[self.oldest];
        self.oldest = (self.oldest + 1) % MAX_BLOCKS;
        (place.status, place.lines) = (status, length);
        place.bytes.clear();
        place.bytes.reserve_exact(total);
        for part in lines.iter().chain([&block]) {
            place.bytes.extend_from_slice(part);
        }
    }

    /// Forgets all blocks: the table is another one.
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
    }
}

fn length_of(lines: &[&[u8]]) -> usize {
    lines.iter().map(|lines| lines.len()).sum()
}

#[cfg(test)]
pub(super) const MAX_MEMORY: usize = MAX_BLOCKS * (MAX_BYTES + size_of::<Block>());

#[cfg(test)]
impl BlockCache {
    /// Bytes on the heap.
    pub(super) fn memory(&self) -> usize {
        let blocks = self.blocks.capacity() * size_of::<Block>();
        blocks + self.blocks.iter().map(|block| block.bytes.capacity()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_that_of_its_response_only() {
        let mut cache = BlockCache::default();
        cache.insert(200, &[b"ab", b"c"], b"first");
        let rows: [(u16, &[&[u8]], _); 6] = [
            (200, &[b"ab", b"c"], Some(&b"first"[..])),
            (200, &[b"abc"], Some(b"first")),
            (404, &[b"ab", b"c"], None),
            (200, &[b"ab", b"d"], None),
            (200, &[b"ab"], None),
            (200, &[b"ab", b"c", b"d"], None),
        ];
        for (status, lines, expected) in rows {
            assert_eq!(cache.get(status, lines), expected, "{status} {lines:?}");
        }
        cache.clear();
        assert_eq!(cache.get(200, &[b"ab", b"c"]), None);
    }

    #[test]
    fn the_oldest_block_gives_way() {
        let mut cache = BlockCache::default();
        let names: Vec<_> = (0..10).map(|number| [number]).collect();
        for (number, name) in names.iter().enumerate() {
            cache.insert(200, &[name], name);
            for (other, name) in names.iter().enumerate() {
                let is_kept = other <= number && other + MAX_BLOCKS > number;
                assert_eq!(cache.get(200, &[name]).is_some(), is_kept, "{other} after {number}");
            }
        }
    }

    #[test]
    fn a_long_block_is_not_kept() {
        for (length, is_kept) in [(MAX_BYTES - 1, true), (MAX_BYTES, false)] {
            let mut cache = BlockCache::default();
            let lines = vec![b'a'; length];
            cache.insert(200, &[&lines], b"b");
            assert_eq!(cache.get(200, &[&lines]).is_some(), is_kept);
            assert!(cache.memory() <= MAX_MEMORY);
        }
    }
}
