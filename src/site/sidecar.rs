//! Whether a precompressed file is true: it decodes to the file beside it.
//!
//! Times say little: a rollback, `rsync -t`, `tar` and reproducible builds set them as they like. A thread decodes each
//! pair once for each state of the two files; the verdict is kept for all workers.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use super::entity_tag::READINGS;
use super::freshness::{self, LONGEST_SETTLING};
use super::shared::Shared;
use crate::codec;
use crate::http::encoding::Coding;
use crate::sys::file::{self, Metadata};

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
    /// Compares the two files. What was changed just now is read once no further change can bear the same time, if
    /// that is soon. A verdict of settled files is kept; a false one is told to the operator.
    ///
    /// # Errors
    /// A file cannot be read, or is changed all the time.
    pub(super) fn run(&self) -> io::Result<Verdict> {
        let verdict = self.compare()?;
        let is_news = self.shared.keep_verdict(&verdict);
        if is_news && !verdict.is_true {
            let (name, coding) = (self.name.to_string_lossy(), self.coding.token());
            log::warn!("{} is not used: as {coding} it does not decode to its file", name.escape_debug());
        }
        Ok(verdict)
    }

    fn compare(&self) -> io::Result<Verdict> {
        let files = [&*self.original, &*self.coded];
        let look = || -> io::Result<States> { Ok([file::metadata(files[0])?, file::metadata(files[1])?]) };
        let settling = |states: &States| {
            states.map(|state| freshness::settling_time(&state, SystemTime::now())).into_iter().max()
        };
        let mut before = self.states;
        for _ in 0..READINGS {
            if let Some(time) = settling(&before).filter(|&time| time <= LONGEST_SETTLING) {
                thread::sleep(time);
                before = look()?;
            }
            let is_settled = settling(&before).is_some_and(|time| time.is_zero());
            let [original, coded] = files.map(|file| Positioned { file, position: 0 });
            let is_true = codec::decodes_to(self.coding, coded, original)?;
            let after = look()?;
            if after == before {
                return Ok(Verdict { states: after, is_true, is_settled });
            }
            before = after;
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }
}

impl std::fmt::Debug for Verification {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.debug_struct("Verification").field("of", &self.name).finish_non_exhaustive()
    }
}

/// A reader of a file that others read at the same time.
struct Positioned<'a> {
    file: &'a File,
    position: u64,
}

impl Read for Positioned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}
