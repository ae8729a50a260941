//! Metadata of files (stat(2)).

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

use super::{check, check_size, uninterrupted};

/// Kind of thing that a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symlink that was not followed.
    Symlink,
    /// A device, a FIFO, a socket.
    Other,
}

/// A point in time as the file system keeps it: seconds since 1970, and nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp {
    /// Seconds since 1970, negative before.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

/// The properties that tell one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// Regular, directory or something else.
    pub kind: Kind,
    /// The file system.
    pub device: u64,
    /// The file within it.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Time of the last change of the content; the file's owner may set it.
    pub modified: Timestamp,
    /// Time of the last change of the content or the inode; only the kernel sets it.
    pub changed: Timestamp,
}

impl From<libc::stat> for Metadata {
    // The fields have other widths on other architectures.
    #[allow(clippy::unnecessary_cast)]
    fn from(stat: libc::stat) -> Metadata {
        let kind = match stat.st_mode & libc::S_IFMT {
            libc::S_IFREG => Kind::Regular,
            libc::S_IFDIR => Kind::Directory,
            libc::S_IFLNK => Kind::Symlink,
            _ => Kind::Other,
        };
        Metadata {
            kind,
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: Timestamp { seconds: stat.st_mtime as i64, nanoseconds: stat.st_mtime_nsec as u32 },
            changed: Timestamp { seconds: stat.st_ctime as i64, nanoseconds: stat.st_ctime_nsec as u32 },
        }
    }
}

/// Metadata of the file that a path leads to, symlinks followed.
pub(crate) fn stat(path: &CStr) -> io::Result<Metadata> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `path` ends in NUL, and `stat` has room for the answer.
    uninterrupted(|| unsafe { libc::stat(path.as_ptr(), stat.as_mut_ptr()) })?;
    // SAFETY: the kernel has filled it in.
    Ok(unsafe { stat.assume_init() }.into())
}

/// The metadata of an open file.
pub(crate) fn metadata(file: impl AsFd) -> io::Result<Metadata> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `stat` has room for the answer.
    check(unsafe { libc::fstat(file.as_fd().as_raw_fd(), stat.as_mut_ptr()) })?;
    // SAFETY: the kernel has filled it in.
    Ok(unsafe { stat.assume_init() }.into())
}

/// Metadata of a path; of a symlink itself, not of its target.
pub(crate) fn metadata_path(path: &CStr) -> io::Result<Metadata> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `path` ends in NUL, and `stat` has room for the answer.
    uninterrupted(|| unsafe { libc::lstat(path.as_ptr(), stat.as_mut_ptr()) })?;
    // SAFETY: the kernel has filled it in.
    Ok(unsafe { stat.assume_init() }.into())
}

/// Appends bytes of a file from `offset` on to `buffer`, `count` of them or fewer where the file ends. Returns how many.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn append(file: impl AsFd, offset: u64, count: usize, buffer: &mut Vec<u8>) -> io::Result<usize> {
    buffer.reserve(count);
    let room = buffer.spare_capacity_mut()[..count].as_mut_ptr().cast();
    // SAFETY: `room` has space for `count` bytes, and the kernel writes no more than that.
    let read = unsafe { libc::pread(file.as_fd().as_raw_fd(), room, count, offset as libc::off_t) };
    let read = check_size(read)?;
    // SAFETY: the kernel has filled in `read` bytes after the ones that were there.
    unsafe { buffer.set_len(buffer.len() + read) };
    Ok(read)
}

/// Metadata of a name in a directory; of a symlink itself, not of its target.
pub(crate) fn metadata_at(directory: impl AsFd, name: &CStr) -> io::Result<Metadata> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    let (directory, flags) = (directory.as_fd().as_raw_fd(), libc::AT_SYMLINK_NOFOLLOW);
    // SAFETY: `name` ends in NUL, and `stat` has room for the answer.
    uninterrupted(|| unsafe { libc::fstatat(directory, name.as_ptr(), stat.as_mut_ptr(), flags) })?;
    // SAFETY: the kernel has filled it in.
    Ok(unsafe { stat.assume_init() }.into())
}
