//! What has to come from a disk before a request can be answered. A thread fetches it; the loop does not wait.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sys::file::{self, Metadata};
use crate::sys::{open, page_cache};

/// How long looking up a name may take in the loop before others are left to threads. To leave every name to
/// them that the kernel does not have in memory would more than double the price of a scan: 39 us a name
/// instead of 17.
const SLOW: Duration = Duration::from_millis(1);
/// How long they are left to threads then, at least.
const RESPITE: Duration = Duration::from_secs(1);
/// How many times as long as the slow one took, so that slow ones take a tenth of the loop's time at most.
const RESPITE_TIMES: u32 = 10;

/// What is not in memory and has to be.
#[derive(Clone, Debug)]
pub(crate) enum Cold {
    /// What names stand for, or that they stand for nothing.
    Names(Vec<CString>),
    /// A range of a file.
    Range(Arc<File>, Range<u64>),
}

impl Cold {
    /// Waits until it is in memory, if it can be. What cannot be had is for the next attempt to find out.
    pub(crate) fn fetch(&self) {
        match self {
            Cold::Names(names) => names.iter().for_each(|name| drop(file::stat(name))),
            Cold::Range(file, range) => drop(page_cache::read_into_memory(file, range.clone())),
        }
    }
}

/// What has just been fetched for a request, and is not asked for again: some file systems never tell that
/// something is in memory, and what was thrown out meanwhile would be fetched without end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fetched {
    /// Whether names were.
    pub names: bool,
    /// How many files were, of those that are read at once.
    pub files: usize,
}

impl Fetched {
    /// This, and one thing more.
    pub(crate) fn and(self, cold: &Cold) -> Fetched {
        match cold {
            Cold::Names(_) => Fetched { names: true, ..self },
            Cold::Range(..) => Fetched { files: self.files + 1, ..self },
        }
    }
}

/// Looks names up, and leaves that to threads where it is slow.
#[derive(Debug, Default)]
pub(crate) struct Names {
    slow_until: Cell<Option<Instant>>,
}

impl Names {
    /// What a name stands for.
    ///
    /// # Errors
    /// One that [`is_cold`] when it has to be fetched; otherwise as [`file::stat`].
    pub(crate) fn look_up(&self, name: &CStr, fetched: Fetched) -> io::Result<Metadata> {
        let begun = Instant::now();
        if !fetched.names && self.slow_until.get().is_some_and(|end| begun < end) {
            return open::stat_if_cached(name);
        }
        let found = file::stat(name);
        let took = begun.elapsed();
        if took > SLOW {
            self.slow_until.set(Some(begun + took + RESPITE.max(took * RESPITE_TIMES)));
        }
        // A file system of somebody's own making may say so, too, for whatever reason.
        found.map_err(|error| if is_cold(&error) { io::ErrorKind::Other.into() } else { error })
    }
}

/// Whether a look-up needs a disk.
pub(crate) fn is_cold(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}
