//! The names in a directory (getdents64(2)).

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::check_size;

/// Bytes of names that are read at once.
const BLOCK: usize = 32 * 1024;

/// An open directory that is being read.
#[derive(Debug)]
pub(crate) struct Directory {
    file: File,
    block: Vec<u8>,
    /// The bytes of the block that were not taken yet.
    start: usize,
    end: usize,
}

impl Directory {
    /// Reads a directory that is open for reading.
    pub(crate) fn new(file: File) -> Directory {
        Directory { file, block: vec![0; BLOCK], start: 0, end: 0 }
    }

    /// The next name, in no order, `.` and `..` left out; `None` at the end.
    pub(crate) fn next_name(&mut self) -> io::Result<Option<CString>> {
        loop {
            if self.start == self.end {
                self.end = self.read_block()?;
                self.start = 0;
            }
            let Some((name, length)) = first_entry(&self.block[self.start..self.end]) else {
                return Ok(None);
            };
            self.start += length;
            if name != c"." && name != c".." {
                return Ok(Some(name.to_owned()));
            }
        }
    }

    fn read_block(&mut self) -> io::Result<usize> {
        let (file, room, block) = (self.file.as_raw_fd(), self.block.len(), self.block.as_mut_ptr());
        // SAFETY: `block` has `room` bytes.
        check_size(unsafe { libc::syscall(libc::SYS_getdents64, file, block, room) } as libc::ssize_t)
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The name in the first `linux_dirent64` of a block, and the length of that; `None` at the end.
fn first_entry(block: &[u8]) -> Option<(&CStr, usize)> {
    // An inode and an offset of eight bytes each, the length in two, the kind in one, and the name.
    let length = u16::from_ne_bytes([*block.get(16)?, *block.get(17)?]);
    let name = block.get(19..usize::from(length))?;
    Some((CStr::from_bytes_until_nul(name).ok()?, usize::from(length)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;

    #[test]
    fn every_name_comes_once() {
        let folder = tempfile::tempdir().unwrap();
        let names: BTreeSet<String> =
            (0..1000).map(|number| format!("{number:0>width$}", width = number % 200 + 3)).collect();
        for name in &names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let mut directory = Directory::new(File::open(folder.path()).unwrap());
        let mut found = BTreeSet::new();
        while let Some(name) = directory.next_name().unwrap() {
            assert!(found.insert(name.into_string().unwrap()), "a name came twice");
        }
        assert_eq!(found, names);
        assert_eq!(directory.next_name().unwrap(), None, "after the end");
    }

    #[test]
    fn a_file_has_no_names() {
        let mut file = Directory::new(tempfile::tempfile().unwrap());
        assert_eq!(file.next_name().unwrap_err().raw_os_error(), Some(libc::ENOTDIR));
    }
}
