//! Entity tags (RFC 9110 section 8.8.3). Every tag is strong: it changes when the bytes do.
//!
//! - A file up to [`DIGESTED`] bytes has the 128-bit digest of its bytes, whatever its times say. All replicas that
//!   hold the same bytes give the same tag, after a restart too.
//! - A larger one has its size, the time of its last modification, which anybody may set, and the time of the last
//!   change of its inode, which nobody can set; both in nanoseconds, as the file system keeps them. Its tag also
//!   changes when its name, owner or mode does, and replicas do not share it. On a file system that keeps whole
//!   seconds, or whose clock is ahead of ours, two changes within one tick of that clock can bear the same tag.
//!
//! The tag of a coded form ends in the coding, so that no two codings share one (section 8.8.3.3).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::one_state::{self, InOneState};
use crate::http::encoding::{Coding, SIDECARS};
use crate::sys::file::{Metadata, Timestamp};

/// Bytes of the largest file whose digest is its tag. A thread reads it once for each version.
pub(super) const DIGESTED: u64 = 16 * 1024 * 1024;

/// Bytes that are read at once.
const BLOCK: usize = 64 * 1024;

/// The digest of bytes.
pub(crate) type Digest = u128;

/// The digest of bytes in memory.
pub(super) fn digest_of_bytes(bytes: &[u8]) -> Digest {
    xxh3_128(bytes)
}

/// The digest of a file in its present state. Waits for the disk.
///
/// # Errors
/// The file cannot be read, or is changed all the time.
pub(super) fn digest_of_file(file: &File, opened: &Metadata) -> io::Result<InOneState<Digest>> {
    one_state::read(file, opened, read)
}

fn read(file: &File) -> io::Result<Digest> {
    let mut digest = Xxh3::new();
    let mut buffer = vec![0; BLOCK];
    let mut position = 0;
    loop {
        match file.read_at(&mut buffer, position)? {
            0 => return Ok(digest.digest128()),
            count => {
                digest.update(&buffer[..count]);
                position += count as u64;
            }
        }
    }
}

/// The tag of a coded form of a file with this digest, without its quotes.
pub(super) fn of_digest(digest: Digest, coding: Coding) -> String {
    with_coding(format!("{digest:032x}"), coding)
}

/// The tag of a coded form of a file that is too large for a digest, without its quotes.
pub(super) fn of_times(metadata: &Metadata, coding: Coding) -> String {
    let of = |Timestamp { seconds, nanoseconds }| format!("{seconds:x}.{nanoseconds:x}");
    let (modified, changed) = (of(metadata.modified), of(metadata.changed));
    with_coding(format!("{:x}-{modified}-{changed}", metadata.size), coding)
}

fn with_coding(tag: String, coding: Coding) -> String {
    match coding {
        Coding::Identity => tag,
        _ => format!("{tag}-{}", coding.token()),
    }
}

/// The coding that a tag of ours is of, if it is the tag of a coded form. A tag of somebody else may look like one.
pub(super) fn coding_of(tag: &[u8]) -> Option<Coding> {
    let end = memchr::memrchr(b'-', tag)?;
    SIDECARS.into_iter().find(|coding| coding.token().as_bytes() == &tag[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file;
    use std::io::Write;

    #[test]
    fn a_digest_is_of_the_bytes_however_they_are_read() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..200_000u32).map(|number| (number % 251) as u8).collect();
        file.write_all(&bytes).unwrap();
        let opened = file::metadata(&file).unwrap();
        let found = digest_of_file(&file, &opened).unwrap();
        assert_eq!((found.metadata.size, found.value), (200_000, digest_of_bytes(&bytes)));
        assert!(found.is_settled, "read too soon");
    }

    #[test]
    fn tags_differ_by_coding_and_by_each_time() {
        let file = tempfile::tempfile().unwrap();
        let metadata = file::metadata(&file).unwrap();
        let mut touched = metadata;
        touched.modified.nanoseconds ^= 1;
        let mut changed = metadata;
        changed.changed.nanoseconds ^= 1;
        let tags = [
            of_times(&metadata, Coding::Identity),
            of_times(&metadata, Coding::Gzip),
            of_times(&touched, Coding::Identity),
            of_times(&changed, Coding::Identity),
            of_digest(1, Coding::Identity),
            of_digest(1, Coding::Brotli),
        ];
        let codings = tags.each_ref().map(|tag| coding_of(tag.as_bytes()));
        let (gzip, brotli) = (Some(Coding::Gzip), Some(Coding::Brotli));
        assert_eq!(codings, [None, gzip, None, None, None, brotli]);
        for (index, tag) in tags.iter().enumerate() {
            assert!(!tags[..index].contains(tag), "{tag}");
        }
    }
}
