//! Whether a precompressed file is true: it decodes to the file beside it.
//!
//! Times say little: a rollback, `rsync -t`, `tar` and reproducible builds set them as they like. A thread decodes each
//! pair once for each state of the two files; the verdict is kept for all workers.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock_cache::ClockCache;
use super::one_state::{self, InOneState};
use super::shared::Shared;
use crate::codec;
use crate::http::encoding::Coding;
use crate::sys::file::Metadata;

/// Verdicts that are kept: some hundred bytes each.
const VERDICTS: usize = 16 * 1024;

/// Bytes of the largest file whose coded forms are decoded. Of a larger one a form is used that is not older.
pub(crate) const VERIFIED: u64 = 64 * 1024 * 1024;

/// A file, and a coded file beside it, each in one state.
pub(crate) type States = [Metadata; 2];

/// Whether a coded file is true, in these states of both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(super) states: States,
    pub(super) is_true: bool,
    /// Whether no further change could bear the same time when they were read.
    pub(super) is_settled: bool,
}

/// The work of decoding a coded file and comparing it.
pub(crate) struct Verification {
    pub(super) original: Arc<File>,
    pub(super) coded: Arc<File>,
    pub(super) states: States,
    pub(super) coding: Coding,
    /// The name of the coded file, for the operator.
    pub(super) name: CString,
    pub(super) shared: Arc<Shared>,
}

impl Verification {
    /// Compares the two files, and keeps the verdict. One that is false is told to the operator.
    ///
    /// # Errors
    /// A file cannot be read, or is changed all the time.
    pub(super) fn run(&self) -> io::Result<Verdict> {
        let [original, coded] = &self.states;
        let compared = one_state::read(&self.original, original, |original| {
            one_state::read(&self.coded, coded, |coded| {
                codec::decodes_to(self.coding, Positioned::new(coded), Positioned::new(original))
            })
        })?;
        let InOneState { metadata, value: of_coded, is_settled } = compared;
        let verdict = Verdict {
            states: [metadata, of_coded.metadata],
            is_true: of_coded.value,
            is_settled: is_settled && of_coded.is_settled,
        };
        if self.shared.verdicts.keep(&verdict) && !verdict.is_true {
            let (name, coding) = (self.name.to_string_lossy(), self.coding.token());
            log::warn!("{} is not used: as {coding} it does not decode to its file", name.escape_debug());
        }
        Ok(verdict)
    }
}

#[cfg(test)]
impl Verification {
    /// The work of comparing two empty files, for tests of those that do it.
    pub(crate) fn of_nothing() -> Verification {
        let [original, coded] = [(); 2].map(|()| tempfile::tempfile().unwrap());
        let states = [&original, &coded].map(|file| crate::sys::file::metadata(file).unwrap());
        let (original, coded) = (Arc::new(original), Arc::new(coded));
        let (coding, name, shared) = (Coding::Identity, c"nothing".into(), Arc::default());
        Verification { original, coded, states, coding, name, shared }
    }
}

impl std::fmt::Debug for Verification {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.debug_struct("Verification").field("of", &self.name).finish_non_exhaustive()
    }
}

/// The verdicts that are kept, for all workers.
pub(super) struct Verdicts(Mutex<ClockCache<Verdict>>);

impl Default for Verdicts {
    fn default() -> Verdicts {
        Verdicts(Mutex::new(ClockCache::new(VERDICTS)))
    }
}

impl Verdicts {
    /// Whether a coded file is true, if it is known of exactly these states, for which no other can be taken.
    pub(super) fn get(&self, states: &States) -> Option<bool> {
        let mut verdicts = self.lock();
        let verdict = verdicts.get_mut(&key(states))?;
        (verdict.states == *states && verdict.is_settled).then_some(verdict.is_true)
    }

    /// Keeps a verdict. Returns whether there was none on these states before.
    fn keep(&self, verdict: &Verdict) -> bool {
        let (mut verdicts, key) = (self.lock(), key(&verdict.states));
        let is_news = verdicts.get_mut(&key).is_none_or(|known| known.states != verdict.states);
        verdicts.insert(&key, *verdict, 1);
        is_news
    }

    fn lock(&self) -> MutexGuard<'_, ClockCache<Verdict>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The coded file, whatever its state: a new verdict takes the place of the old one.
fn key([_, coded]: &States) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&coded.device.to_ne_bytes());
    key[8..].copy_from_slice(&coded.inode.to_ne_bytes());
    key
}

/// A reader of a file that others read at the same time.
struct Positioned<'a> {
    file: &'a File,
    position: u64,
}

impl Positioned<'_> {
    fn new(file: &File) -> Positioned<'_> {
        Positioned { file, position: 0 }
    }
}

impl Read for Positioned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file;

    #[test]
    fn a_verdict_is_on_two_files_in_one_state_each() {
        let verdicts = Verdicts::default();
        let [original, coded] = [(); 2].map(|()| file::metadata(tempfile::tempfile().unwrap()).unwrap());
        let changed = Metadata { size: original.size + 1, ..original };
        let verdict =
            |original, is_true, is_settled| Verdict { states: [original, coded], is_true, is_settled };
        assert!(verdicts.keep(&verdict(original, false, false)));
        assert_eq!(verdicts.get(&[original, coded]), None, "another change could bear the same time");
        assert!(!verdicts.keep(&verdict(original, false, true)), "it is said once");
        assert_eq!(verdicts.get(&[original, coded]), Some(false));
        assert_eq!(verdicts.get(&[changed, coded]), None);
        assert!(verdicts.keep(&verdict(changed, true, true)));
        assert_eq!(verdicts.get(&[changed, coded]), Some(true));
        assert_eq!(verdicts.get(&[original, coded]), None);
    }
}
