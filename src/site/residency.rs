//! A file that is kept open, and whether it is resident in memory: sending it then waits for no disk.
//!
//! Asking the kernel for every piece of a download costs a tenth of the sending, and some file systems do not answer
//! (overlayfs, on which the files of an image lie). A file that was found in memory as a whole, or was just read by
//! a thread, is therefore trusted for a while. A piece that is evicted in that time holds up the worker once, for as
//! long as the disk takes to read it.

use std::cell::Cell;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sys::page_cache;

/// How long it holds that a file, or a part of it, is in memory.
const HOLDS: Duration = Duration::from_secs(1);
/// Bytes of the largest file that is looked at as a whole: 34 us when all of it is there, and up to 2 ms for
/// 100 MiB when little is. A larger one is asked for piece by piece.
const WHOLE: u64 = 128 * 1024 * 1024;

/// Bytes that are looked at together where not all of the file is in memory.
const AHEAD: u64 = 2 * 1024 * 1024;

/// How many looks in a row that find all of it are enough. The kernel counts pages that are still on their
/// way from the disk; they have come when the next look finds them again.
const ENOUGH: u32 = 2;
/// When that next look is.
const AGAIN: Duration = Duration::from_millis(100);

/// An open file.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: Arc<File>,
    length: u64,
    last_look: Cell<Option<Look>>,
    last_read: Cell<Option<Read>>,
}

/// A look at the whole file.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    /// How many in a row have found all of it, up to this one.
    found: u32,
}

impl Look {
    fn is_enough(self) -> bool {
        self.found >= ENOUGH
    }

    fn ends(self) -> Instant {
        self.at + if self.found == 0 || self.is_enough() { HOLDS } else { AGAIN }
    }
}

/// What a thread has read.
#[derive(Clone, Copy, Debug)]
struct Read {
    at: Instant,
    start: u64,
    end: u64,
}

impl OpenFile {
    /// An open file of which `length` bytes are served.
    pub(crate) fn new(file: Arc<File>, length: u64) -> OpenFile {
        OpenFile { file, length, last_look: Cell::new(None), last_read: Cell::new(None) }
    }

    /// The file, which a thread that reads it may keep open beyond this.
    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Bytes of it.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Whether a range, not empty, can be sent without waiting for a disk.
    pub(crate) fn is_resident(&self, range: Range<u64>, now: Instant) -> bool {
        let look = || page_cache::are_pages_resident(&self.file, &(0..self.length)).unwrap_or(false);
        self.was_read(&range, now)
            || self.length <= WHOLE && self.is_trusted(now, look)
            || self.is_resident_ahead(range.start, now)
            || page_cache::is_resident(&self.file, range)
    }

    /// Whether a range from `start` on is in memory that is long enough for several calls: they need not ask again.
    fn is_resident_ahead(&self, start: u64, now: Instant) -> bool {
        let ahead = start..self.length.min(start + AHEAD);
        let is_resident = page_cache::are_pages_resident(&self.file, &ahead).unwrap_or(false);
        if is_resident {
            self.note_read(&ahead, now);
        }
        is_resident
    }

    /// Notes that a range is in memory: a thread has just read it, or it was found there.
    pub(crate) fn note_read(&self, range: &Range<u64>, now: Instant) {
        self.last_read.set(Some(Read { at: now, start: range.start, end: range.end }));
    }

    /// Whether the last range that was noted holds this one.
    fn was_read(&self, range: &Range<u64>, now: Instant) -> bool {
        self.last_read
            .get()
            .is_some_and(|read| now < read.at + HOLDS && read.start <= range.start && range.end <= read.end)
    }

    /// Whether the whole file is taken to be in memory; looks again when the last look is too old.
    fn is_trusted(&self, now: Instant, look: impl FnOnce() -> bool) -> bool {
        let last = match self.last_look.get() {
            Some(last) if now < last.ends() => last,
            last => {
                let before = last.map_or(0, |last| last.found);
                let look = Look { at: now, found: if look() { before.saturating_add(1) } else { 0 } };
                self.last_look.set(Some(look));
                look
            }
        };
        last.is_enough()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_trusted_after_two_looks_and_until_one_fails() {
        let file = OpenFile::new(Arc::new(tempfile::tempfile().unwrap()), 1);
        let begin = Instant::now();
        for (milliseconds, looks, is_there, expected) in [
            (0, true, true, false),
            (99, false, true, false),
            (100, true, true, true),
            (1_099, false, false, true),
            (1_100, true, false, false),
            (2_099, false, true, false),
            (2_100, true, true, false),
            (2_200, true, true, true),
        ] {
            let mut has_looked = false;
            let is_trusted = file.is_trusted(begin + Duration::from_millis(milliseconds), || {
                has_looked = true;
                is_there
            });
            assert_eq!((is_trusted, has_looked), (expected, looks), "after {milliseconds} ms");
        }
    }

    #[test]
    fn what_was_read_is_trusted_for_a_while() {
        let file = OpenFile::new(Arc::new(tempfile::tempfile().unwrap()), 1000);
        let begin = Instant::now();
        assert!(!file.was_read(&(100..200), begin));
        file.note_read(&(100..200), begin);
        for (range, milliseconds, expected) in [
            (100..200, 0, true),
            (120..130, 999, true),
            (120..130, 1_000, false),
            (99..130, 0, false),
            (120..201, 0, false),
        ] {
            let now = begin + Duration::from_millis(milliseconds);
            assert_eq!(file.was_read(&range, now), expected, "{range:?} after {milliseconds} ms");
        }
    }
}
