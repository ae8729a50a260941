//! The coded forms that were made of files, for all workers.
//!
//! A quarter of the cache is theirs; workers divide the rest. A form belongs to the bytes that it was made of: its
//! key holds their digest, so that a file that changes never gets an old form, and one that was only touched keeps its
//! own. The key holds the file, too: the digest is fast, and one who may put a file beside others could make it of
//! the same digest as theirs.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock_cache::ClockCache;
use super::entity_tag::{self, Digest};
use super::in_memory::{InMemory, MemoryFiles};
use crate::http::encoding::Coding;
use crate::sys::file::Metadata;

/// The part of the cache that coded forms have.
const SHARE: usize = 4;
/// Bytes that it costs to remember a form, or that there is none.
const OVERHEAD: usize = 256;

/// Bytes of the cache that coded forms may take.
pub(crate) fn share_of(cache_bytes: usize) -> usize {
    cache_bytes / SHARE
}

/// A coded form: its bytes, and their digest.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) body: InMemory,
    pub(super) digest: Digest,
}

/// The bytes of a file, by which its forms are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Original {
    device: u64,
    inode: u64,
    size: u64,
    digest: Digest,
}

impl Original {
    /// The bytes with this digest that a file has in this state.
    pub(super) fn new(metadata: &Metadata, digest: Digest) -> Original {
        let &Metadata { device, inode, size, .. } = metadata;
        Original { device, inode, size, digest }
    }

    /// How many bytes there are.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether these are the bytes.
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.size && entity_tag::digest_of_bytes(bytes) == self.digest
    }

    fn key(&self, coding: Coding) -> Vec<u8> {
        let numbers = [self.device, self.inode, self.size].map(u64::to_ne_bytes);
        [numbers.as_flattened(), &self.digest.to_ne_bytes(), &[coding as u8]].concat()
    }
}

/// The forms that there are, and those that are being made.
pub(super) struct Forms {
    /// `None` where a form is not worth it.
    made: Mutex<ClockCache<Option<Form>>>,
    capacity: usize,
    memory_files: MemoryFiles,
    claimed: Mutex<HashSet<Vec<u8>>>,
}

impl Default for Forms {
    /// No room.
    fn default() -> Forms {
        Forms::new(0, MemoryFiles::default())
    }
}

impl Forms {
    /// No forms yet, and room for so many bytes.
    pub(super) fn new(capacity: usize, memory_files: MemoryFiles) -> Forms {
        let made = Mutex::new(ClockCache::new(capacity));
        Forms { made, capacity, memory_files, claimed: Mutex::default() }
    }

    /// Whether none can be kept: making one would then be work for a single request.
    pub(super) fn are_off(&self) -> bool {
        self.capacity == 0
    }

    /// The form, or `Some(None)` where it is not worth it, if that is known.
    pub(super) fn find(&self, original: &Original, coding: Coding) -> Option<Option<Form>> {
        lock(&self.made).get_mut(&original.key(coding)).cloned()
    }

    /// Keeps a form, or that it is not worth it. One that is larger than all the room is not worth it either.
    pub(super) fn keep(&self, original: &Original, coding: Coding, bytes: Option<Vec<u8>>) {
        let form = bytes.filter(|bytes| bytes.len() + OVERHEAD <= self.capacity);
        let form = form.map(|bytes| Form {
            digest: entity_tag::digest_of_bytes(&bytes),
            body: self.memory_files.keep(bytes),
        });
        let weight = OVERHEAD + form.as_ref().map_or(0, |form| form.body.len());
        lock(&self.made).insert(&original.key(coding), form, weight);
    }

    /// Takes the work of making a form, unless somebody has it. Whoever has it gives it back by dropping the claim:
    /// after [`Forms::keep`], or because the work is not wanted any more.
    pub(super) fn claim(self: &Arc<Forms>, original: &Original, coding: Coding) -> Option<Claim> {
        let key = original.key(coding);
        let is_free = lock(&self.claimed).insert(key.clone());
        is_free.then(|| Claim { forms: Arc::clone(self), key })
    }
}

/// The work of making one form, which nobody else does meanwhile.
pub(super) struct Claim {
    forms: Arc<Forms>,
    key: Vec<u8>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.forms.claimed).remove(&self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original(inode: u64, digest: Digest) -> Original {
        Original { device: 1, inode, size: 9, digest }
    }

    #[test]
    fn a_form_is_of_one_file_with_these_bytes_and_of_one_coding() {
        let forms = Forms::new(10_000, MemoryFiles::default());
        forms.keep(&original(1, 7), Coding::Gzip, Some(b"coded".to_vec()));
        forms.keep(&original(2, 8), Coding::Gzip, None);
        for (of, coding, expected) in [
            (original(1, 7), Coding::Gzip, Some(Some(&b"coded"[..]))),
            (original(1, 7), Coding::Brotli, None),
            (original(1, 8), Coding::Gzip, None),
            (original(2, 7), Coding::Gzip, None),
            (Original { size: 8, ..original(1, 7) }, Coding::Gzip, None),
            (original(2, 8), Coding::Gzip, Some(None)),
        ] {
            let found = forms.find(&of, coding);
            let found = found.as_ref().map(|form| form.as_ref().map(|form| &*form.body));
            assert_eq!(found, expected, "{of:?} {coding:?}");
        }
    }

    #[test]
    fn forms_stay_within_their_room() {
        let forms = Forms::new(10_000, MemoryFiles::default());
        let kept = |number| forms.find(&original(number, 7), Coding::Gzip);
        for number in 0..100 {
            forms.keep(&original(number, 7), Coding::Gzip, Some(vec![0; 1000]));
            assert!(kept(number).is_some_and(|form| form.is_some()));
        }
        let count = (0..100).filter(|&number| kept(number).is_some()).count();
        assert_eq!(count, 10_000 / (1000 + OVERHEAD));
        forms.keep(&original(200, 7), Coding::Gzip, Some(vec![0; 10_000]));
        assert!(
            kept(200).is_some_and(|form| form.is_none()),
            "one that is too large is not made again and again"
        );
    }

    #[test]
    fn one_at_a_time_makes_a_form() {
        let forms = Arc::new(Forms::new(10_000, MemoryFiles::default()));
        let first = forms.claim(&original(1, 7), Coding::Gzip);
        assert!(first.is_some());
        assert!(forms.claim(&original(1, 7), Coding::Gzip).is_none());
        assert!(forms.claim(&original(1, 7), Coding::Brotli).is_some());
        drop(first);
        assert!(forms.claim(&original(1, 7), Coding::Gzip).is_some());
    }
}
