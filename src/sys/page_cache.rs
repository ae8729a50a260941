//! The parts of a file that are in memory, and bringing others there (cachestat(2), preadv2(2), readahead(2)).

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use super::check_size;

/// Appends bytes of a file from `offset` on to `buffer`, but only if they are in memory already: it never
/// waits for a disk. Returns whether all `count` bytes were; if not, the buffer is as it was.
pub(crate) fn read_if_resident(file: &File, offset: u64, count: usize, buffer: &mut Vec<u8>) -> bool {
    buffer.reserve(count);
    let room = buffer.spare_capacity_mut();
    let is_read = read_without_waiting(file, offset, &mut room[..count]).is_ok_and(|read| read == count);
    if is_read {
        // SAFETY: the kernel has filled in `count` bytes after the ones that were there.
        unsafe { buffer.set_len(buffer.len() + count) };
    }
    is_read
}

/// Reads the bytes that are in memory into `room`; `WouldBlock` when none are.
fn read_without_waiting(file: &File, offset: u64, room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let slice = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    // SAFETY: `slice` is `room`, and the kernel writes no more than that.
    let result =
        unsafe { libc::preadv2(file.as_raw_fd(), &slice, 1, offset as libc::off_t, libc::RWF_NOWAIT) };
    check_size(result)
}

/// Bytes of a page of memory, at least: counting smaller pages than there are only asks for a disk that
/// has nothing to do.
const PAGE: u64 = 4096;

/// Tells if a range of a file, not empty, is in memory: sending it then waits for no disk.
///
/// The kernel counts the pages that there are, those included that are still on their way from the disk: the
/// last byte tells whether they have come. Where it may not count (before 6.5, or a file of another user)
/// the first and the last byte stand for the whole. A file system that tells neither (overlayfs) is taken to
/// have nothing in memory.
pub(crate) fn is_resident(file: &File, range: Range<u64>) -> bool {
    are_pages_resident(file, &range).unwrap_or_else(|| {
        let last = range.end.saturating_sub(1);
        [range.start, last].map(|position| is_byte_resident(file, position)) == [Some(true); 2]
    })
}

/// The same for a range that is too long for its ends to stand for it: `None` where the kernel may not count.
pub(crate) fn are_pages_resident(file: &File, range: &Range<u64>) -> Option<bool> {
    let counted = count_pages(file, range)?;
    let last = range.end.saturating_sub(1);
    // Where a byte does not tell, pages that are there are enough: tmpfs has them nowhere else.
    Some(counted > last / PAGE - range.start / PAGE && is_byte_resident(file, last).unwrap_or(true))
}

/// Tells if a byte is in memory; `None` where the file system does not.
fn is_byte_resident(file: &File, position: u64) -> Option<bool> {
    match read_without_waiting(file, position, &mut [MaybeUninit::uninit()]) {
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => None,
        result => Some(result.is_ok_and(|count| count == 1)),
    }
}

/// Counts the pages of a range that are in memory, or on their way to it; `None` where the kernel cannot.
fn count_pages(file: &File, range: &Range<u64>) -> Option<u64> {
    let range = [range.start, range.end - range.start];
    let mut pages = [0u64; 5];
    let (range_pointer, pages_pointer) = (range.as_ptr(), pages.as_mut_ptr());
    // SAFETY: `struct cachestat_range` is two 64-bit numbers, offset and length, and `struct cachestat` is
    // five, the pages in memory first; both live through the call.
    let result = unsafe { libc::syscall(CACHESTAT, file.as_raw_fd(), range_pointer, pages_pointer, 0) };
    (result == 0).then_some(pages[0])
}

/// Brings a range of a file into memory, and waits until it is there. Nothing is copied: the kernel is asked
/// for all of it at once, and a byte in every so many tells when it has come.
///
/// # Errors
/// The file's: it cannot be read, or ends before the range does (`UnexpectedEof`).
pub(crate) fn read_into_memory(file: &File, range: Range<u64>) -> io::Result<()> {
    const STRIDE: usize = 64 * 1024;
    let count = (range.end - range.start) as usize;
    // A hint: the loop below is what waits.
    // SAFETY: the call takes no pointer.
    let _ = unsafe { libc::readahead(file.as_raw_fd(), range.start as libc::off64_t, count) };
    for position in range.clone().step_by(STRIDE).chain(range.end.checked_sub(1)) {
        file.read_exact_at(&mut [0], position)?;
    }
    Ok(())
}

/// The number of cachestat(2), the same on every architecture that has it.
pub(super) const CACHESTAT: libc::c_long = 451;
