//! The characters of a file that is not in memory, as its beginning tells them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::one_state::{self, InOneState};
use crate::http::charset::{Characters, SAMPLE};
use crate::sys::file::Metadata;

/// Looks at the beginning of a file in its present state. Waits for the disk.
///
/// # Errors
/// The file cannot be read, or is changed all the time.
pub(super) fn of_file(file: &File, opened: &Metadata) -> io::Result<InOneState<Characters>> {
    one_state::read(file, opened, |file| {
        let length = crate::sys::file::metadata(file)?.size;
        let mut beginning = vec![0; length.min(SAMPLE as u64) as usize];
        file.read_exact_at(&mut beginning, 0)?;
        Ok(Characters::of(&beginning, length))
    })
}
