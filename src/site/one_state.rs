//! Reads a file in one state: whatever is made of its bytes is of exactly the file that its metadata tells of.

use std::fs::File;
use std::io;
use std::thread;
use std::time::SystemTime;

use super::freshness::{self, LONGEST_SETTLING};
use crate::sys::file::{self, Metadata};

/// Times that a file is read again because it was changed while it was read.
pub(super) const READINGS: usize = 3;

/// What was made of a file in one state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InOneState<T> {
    pub(super) metadata: Metadata,
    pub(super) value: T,
    /// Whether no further change could bear the same time when it was read.
    pub(super) is_settled: bool,
}

/// Makes something of a file in its present state. A file that was changed just now is read once no further change
/// can bear the same time, if that is soon. Waits for the disk.
///
/// # Errors
/// The file cannot be read, or is changed all the time.
pub(super) fn read<T>(
    file: &File,
    opened: &Metadata,
    make: impl Fn(&File) -> io::Result<T>,
) -> io::Result<InOneState<T>> {
    let mut before = *opened;
    for _ in 0..READINGS {
        let settling = freshness::settling_time(&before, SystemTime::now());
        if settling <= LONGEST_SETTLING {
            thread::sleep(settling);
            before = file::metadata(file)?;
        }
        let is_settled = freshness::settling_time(&before, SystemTime::now()).is_zero();
        let value = make(file)?;
        let after = file::metadata(file)?;
        if after == before {
            return Ok(InOneState { metadata: after, value, is_settled });
        }
        before = after;
    }
    Err(io::ErrorKind::ResourceBusy.into())
}
