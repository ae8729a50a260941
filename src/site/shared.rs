//! What the workers share of a site: bodies with the same bytes, digests of large files, coded forms, and verdicts on
//! precompressed files.
//!
//! It is asked when a file is read, never when it is served.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::clock_cache::ClockCache;
use super::entity_tag::Digest;
use super::forms::Forms;
use super::sidecar::{States, Verdict};
use crate::sys::file::Metadata;

/// Digests that are kept: some hundred bytes each.
const DIGESTS: usize = 16 * 1024;
/// Verdicts that are kept: some hundred bytes each.
const VERDICTS: usize = 16 * 1024;
/// Bodies from which on the list of them is cleared of those that no worker has any more.
const FIRST_CLEARING: usize = 64;

/// What the workers share.
pub(crate) struct Shared {
    bodies: Mutex<Bodies>,
    digests: Mutex<ClockCache<(Metadata, Digest)>>,
    verdicts: Mutex<ClockCache<Verdict>>,
    forms: Arc<Forms>,
}

/// The bodies that workers have in memory, by digest and length.
#[derive(Default)]
struct Bodies {
    by_digest: HashMap<(Digest, usize), Weak<[u8]>>,
    clearing: usize,
}

impl Shared {
    /// Nothing yet, and room for so many bytes of coded forms.
    pub(crate) fn new(forms: usize) -> Shared {
        Shared {
            bodies: Mutex::default(),
            digests: Mutex::new(ClockCache::new(DIGESTS)),
            verdicts: Mutex::new(ClockCache::new(VERDICTS)),
            forms: Arc::new(Forms::new(forms)),
        }
    }

    /// The coded forms.
    pub(super) fn forms(&self) -> &Arc<Forms> {
        &self.forms
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
        let (of, digest) = digests.get_mut(&key(metadata))?;
        (of == metadata).then_some(*digest)
    }

    /// Keeps the digest of a large file in a state that no other can be taken for.
    pub(super) fn keep_digest(&self, metadata: &Metadata, digest: Digest) {
        lock(&self.digests).insert(&key(metadata), (*metadata, digest), 1);
    }

    /// Whether a coded file is true, if it is known of exactly these states of it and of the file beside it.
    pub(super) fn verdict(&self, states: &States) -> Option<bool> {
        let mut verdicts = lock(&self.verdicts);
        let verdict = verdicts.get_mut(&key(&states[1]))?;
        (verdict.states == *states && verdict.is_settled).then_some(verdict.is_true)
    }

    /// Keeps a verdict. Returns whether there was none on these states before.
    pub(super) fn keep_verdict(&self, verdict: &Verdict) -> bool {
        let mut verdicts = lock(&self.verdicts);
        let key = key(&verdict.states[1]);
        let is_news = verdicts.get_mut(&key).is_none_or(|known| known.states != verdict.states);
        verdicts.insert(&key, *verdict, 1);
        is_news
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
        let shared = Shared::new(0);
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
        let shared = Shared::new(0);
        let file = tempfile::tempfile().unwrap();
        let metadata = crate::sys::file::metadata(&file).unwrap();
        let changed = Metadata { size: metadata.size + 1, ..metadata };
        assert_eq!(shared.digest(&metadata), None);
        shared.keep_digest(&metadata, 7);
        assert_eq!((shared.digest(&metadata), shared.digest(&changed)), (Some(7), None));
        shared.keep_digest(&changed, 8);
        assert_eq!((shared.digest(&metadata), shared.digest(&changed)), (None, Some(8)));
    }

    #[test]
    fn a_verdict_is_on_two_files_in_one_state_each() {
        let shared = Shared::new(0);
        let [file, coded] = [(); 2].map(|()| {
            let file = tempfile::tempfile().unwrap();
            crate::sys::file::metadata(&file).unwrap()
        });
        let changed = Metadata { size: file.size + 1, ..file };
        let verdict =
            |original, is_true, is_settled| Verdict { states: [original, coded], is_true, is_settled };
        assert!(shared.keep_verdict(&verdict(file, false, false)));
        assert_eq!(shared.verdict(&[file, coded]), None, "another change could bear the same time");
        assert!(!shared.keep_verdict(&verdict(file, false, true)), "it is said once");
        assert_eq!(shared.verdict(&[file, coded]), Some(false));
        assert_eq!(shared.verdict(&[changed, coded]), None);
        assert!(shared.keep_verdict(&verdict(changed, true, true)));
        assert_eq!((shared.verdict(&[changed, coded]), shared.verdict(&[file, coded])), (Some(true), None));
    }
}
