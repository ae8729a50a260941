//! Reads the media types that the operator adds.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::http::media_type::Types;

/// Bytes of the largest file of media types. Those of the distributions are a tenth of it.
const LARGEST: u64 = 1024 * 1024;

/// The built-in types, and those of a file.
///
/// # Errors
/// The file cannot be read, is larger than [`LARGEST`], or has a line that is no row of types.
pub(crate) fn read(path: &Path) -> io::Result<Types> {
    let mut text = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Types::parse(&text).map_err(|malformed| io::Error::new(io::ErrorKind::InvalidData, malformed))
}
