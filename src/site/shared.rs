//! What the workers share of a site: bodies with the same bytes, digests of large files, and rules.
//!
//! It is asked when a file is read, never when it is served.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::clock_cache::ClockCache;
use super::entity_tag::Digest;
use super::rules::SharedRules;
use crate::sys::file::Metadata;

/// Digests that are kept: some hundred bytes each.
const DIGESTS: usize = 16 * 1024;
/// Bodies from which on the list of them is cleared of those that no worker has any more.
const FIRST_CLEARING: usize = 64;

/// What the workers share.
#[derive(Default)]
pub(crate) struct Shared {
    bodies: Mutex<Bodies>,
    digests: Mutex<Digests>,
    rules: Option<Arc<SharedRules>>,
}

struct Digests(ClockCache<(Metadata, Digest)>);

impl Default for Digests {
    fn default() -> Digests {
        Digests(ClockCache::new(DIGESTS))
    }
}

/// The bodies that workers have in memory, by digest and length.
#[derive(Default)]
struct Bodies {
    by_digest: HashMap<(Digest, usize), Weak<[u8]>>,
    clearing: usize,
}

impl Shared {
    /// What the workers of a site share that has these rules.
    pub(crate) fn new(rules: Option<SharedRules>) -> Shared {
        Shared { rules: rules.map(Arc::new), ..Shared::default() }
    }

    /// The rules; `None` where they are off.
    pub(super) fn rules(&self) -> Option<Arc<SharedRules>> {
        self.rules.clone()
    }

    /// The body with these bytes, of which this is the digest: another worker's, if one has it.
    pub(super) fn body(&self, bytes: Vec<u8>, digest: Digest) -> Arc<[u8]> {
        let mut bodies = lock(&self.bodies);
        let key = (digest, bytes.len());
        // Compared as well: the digest is fast, and one who wants two bodies of one digest can make them.
        if let Some(body) = bodies.by_digest.get(&key).and_then(Weak::upgrade)
            && *body == *bytes
        {
            return body;
        }
        let body: Arc<[u8]> = bytes.into();
        bodies.by_digest.insert(key, Arc::downgrade(&body));
        if bodies.by_digest.len() > bodies.clearing.max(FIRST_CLEARING) {
            bodies.by_digest.retain(|_, body| body.strong_count() > 0);
            bodies.clearing = bodies.by_digest.len() * 2;
        }
        body
    }

    /// The digest of a large file in exactly this state, if it is known.
    pub(super) fn digest(&self, metadata: &Metadata) -> Option<Digest> {
        let mut digests = lock(&self.digests);
        let (of, digest) = digests.0.get_mut(&key(metadata))?;
        (of == metadata).then_some(*digest)
    }

    /// Keeps the digest of a large file in a state that no other can be taken for.
    pub(super) fn keep_digest(&self, metadata: &Metadata, digest: Digest) {
        lock(&self.digests).0.insert(&key(metadata), (*metadata, digest), 1);
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
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &other));
        drop((first, second));
        for number in 0..1000 {
            body(&number.to_string());
        }
        let bodies = lock(&shared.bodies);
        assert!(bodies.by_digest.len() <= 2 * FIRST_CLEARING, "{} are remembered", bodies.by_digest.len());
        assert_eq!(bodies.by_digest.values().filter(|body| body.strong_count() > 0).count(), 1);
    }

    #[test]
    fn a_digest_is_of_one_state_of_a_file() {
        let shared = Shared::default();
        let file = tempfile::tempfile().unwrap();
        let metadata = crate::sys::file::metadata(&file).unwrap();
        let changed = Metadata { size: metadata.size + 1, ..metadata };
        assert_eq!(shared.digest(&metadata), None);
        shared.keep_digest(&metadata, 7);
        assert_eq!((shared.digest(&metadata), shared.digest(&changed)), (Some(7), None));
        shared.keep_digest(&changed, 8);
        assert_eq!((shared.digest(&metadata), shared.digest(&changed)), (None, Some(8)));
    }
}
