//! What the workers share of a site: media types, rules, bodies with the same bytes, coded forms, and what is known of
//! files.
//!
//! It is asked when a file is read, never when it is served.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock_cache::ClockCache;
use super::entity_tag::Digest;
use super::forms::Forms;
use super::in_memory::{InMemory, MemoryFiles, WeakInMemory};
use super::one_state::InOneState;
use super::rules::SharedRules;
use super::sidecar::Verdicts;
use crate::http::charset::Characters;
use crate::http::media_type::Types;
use crate::sys::file::Metadata;

/// Large files of which something is known: some hundred bytes each.
const FILES: usize = 16 * 1024;
/// Bodies from which on the list of them is cleared of those that no worker has any more.
const FIRST_CLEARING: usize = 64;

/// What the workers share.
#[derive(Default)]
pub(crate) struct Shared {
    /// The media types.
    pub(super) types: Types,
    bodies: Mutex<Bodies>,
    memory_files: MemoryFiles,
    /// The digests of large files.
    pub(super) digests: OfFiles<Digest>,
    /// The characters of large texts.
    pub(super) characters: OfFiles<Characters>,
    rules: Option<Arc<SharedRules>>,
    /// The coded forms that were made.
    pub(super) forms: Arc<Forms>,
    /// The verdicts on precompressed files.
    pub(super) verdicts: Verdicts,
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// What was made of files, each in one state.
pub(super) struct OfFiles<T>(Mutex<ClockCache<(Metadata, T)>>);

impl<T> Default for OfFiles<T> {
    fn default() -> OfFiles<T> {
        OfFiles(Mutex::new(ClockCache::new(FILES)))
    }
}

impl<T: Copy> OfFiles<T> {
    /// What was made of a file in exactly this state, if it is known.
    pub(super) fn get(&self, metadata: &Metadata) -> Option<T> {
        let mut files = lock(&self.0);
        let (of, value) = files.get_mut(&key(metadata))?;
        (of == metadata).then_some(*value)
    }

    /// Keeps what was made of a file, if no other state can be taken for the one that it is of.
    pub(super) fn keep(&self, made: &InOneState<T>) {
        if made.is_settled {
            lock(&self.0).insert(&key(&made.metadata), (made.metadata, made.value), 1);
        }
    }
}

/// The bodies that workers have in memory, by digest and length.
#[derive(Default)]
struct Bodies {
    by_digest: HashMap<(Digest, usize), WeakInMemory>,
    clearing: usize,
}

impl Shared {
    /// Media types and rules, room for so many bytes of coded forms, and nothing of files yet.
    pub(crate) fn new(
        types: Types,
        rules: Option<SharedRules>,
        forms: usize,
        memory_files: MemoryFiles,
    ) -> Shared {
        let (rules, forms) = (rules.map(Arc::new), Arc::new(Forms::new(forms, memory_files.clone())));
        Shared { types, rules, forms, memory_files, ..Shared::default() }
    }

    /// The rules, unless they are off.
    pub(super) fn rules(&self) -> Option<Arc<SharedRules>> {
        self.rules.clone()
    }

    /// The body with these bytes, of which this is the digest: another worker's, if one has it.
    pub(super) fn body(&self, bytes: Vec<u8>, digest: Digest) -> InMemory {
        let key = (digest, bytes.len());
        let known = lock(&self.bodies).by_digest.get(&key).and_then(WeakInMemory::upgrade);
        // Compared as well: the digest is fast, and one who wants two bodies of one digest can make them. Nobody waits
        // for it, nor for the copy: a body may be long.
        if let Some(body) = known
            && *body == *bytes
        {
            return body;
        }
        let body = self.memory_files.keep(bytes);
        let mut bodies = lock(&self.bodies);
        bodies.by_digest.insert(key, body.downgrade());
        if bodies.by_digest.len() > bodies.clearing.max(FIRST_CLEARING) {
            bodies.by_digest.retain(|_, body| body.upgrade().is_some());
            bodies.clearing = bodies.by_digest.len() * 2;
        }
        body
    }
}

/// The file, whatever its state: a new version takes the place of the old one.
fn key(metadata: &Metadata) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&metadata.device.to_ne_bytes());
    key[8..].copy_from_slice(&metadata.inode.to_ne_bytes());
    key
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::entity_tag::digest_of_bytes;

    #[test]
    fn a_body_is_in_memory_once_and_as_long_as_it_is_used() {
        let shared = Shared::default();
        let body = |text: &str| shared.body(text.into(), digest_of_bytes(text.as_bytes()));
        let (first, second, other) = (body("a"), body("a"), body("b"));
        assert!(first.as_ptr() == second.as_ptr() && first.as_ptr() != other.as_ptr());
        drop((first, second));
        for number in 0..1000 {
            body(&number.to_string());
        }
        let bodies = lock(&shared.bodies);
        assert!(bodies.by_digest.len() <= 2 * FIRST_CLEARING, "{} are remembered", bodies.by_digest.len());
        assert_eq!(bodies.by_digest.values().filter(|body| body.upgrade().is_some()).count(), 1);
    }

    #[test]
    fn a_digest_is_of_one_state_of_a_file() {
        let shared = Shared::default();
        let file = tempfile::tempfile().unwrap();
        let metadata = crate::sys::file::metadata(&file).unwrap();
        let changed = Metadata { size: metadata.size + 1, ..metadata };
        let of = |metadata, value, is_settled| InOneState { metadata, value, is_settled };
        assert_eq!(shared.digests.get(&metadata), None);
        shared.digests.keep(&of(metadata, 7, true));
        assert_eq!((shared.digests.get(&metadata), shared.digests.get(&changed)), (Some(7), None));
        shared.digests.keep(&of(changed, 8, false));
        assert_eq!((shared.digests.get(&metadata), shared.digests.get(&changed)), (Some(7), None));
        shared.digests.keep(&of(changed, 8, true));
        assert_eq!((shared.digests.get(&metadata), shared.digests.get(&changed)), (None, Some(8)));
    }
}
