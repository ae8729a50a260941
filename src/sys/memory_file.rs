//! Files in memory that nobody can change (memfd_create(2)): read as bytes, and sent without a copy.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Deref;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::{self, NonNull};
use std::slice;

use super::check;

/// Nobody can write to it, change its length, or lift the seals.
const SEALS: libc::c_int = libc::F_SEAL_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;

/// A file in memory with a descriptor of its own. It is mapped: reading it as bytes costs no call.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    file: File,
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the bytes never change, and any thread may read and unmap them.
unsafe impl Send for MemoryFile {}
// SAFETY: as above.
unsafe impl Sync for MemoryFile {}

impl MemoryFile {
    /// A file of these bytes, at least one.
    ///
    /// # Errors
    /// Descriptors or memory are short, or the system forbids it.
    pub(crate) fn new(bytes: &[u8]) -> io::Result<MemoryFile> {
        let mut file = create()?;
        file.write_all(bytes)?;
        // SAFETY: the call takes no pointer.
        check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALS) })?;
        let (length, descriptor) = (bytes.len(), file.as_raw_fd());
        // A shared mapping of a file that is sealed is refused before Linux 6.7; this one shares all pages, too,
        // because nobody writes to it.
        let flags = libc::MAP_PRIVATE | libc::MAP_POPULATE;
        // SAFETY: the kernel chooses a place where nothing is mapped.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, flags, descriptor, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(MemoryFile { file, start, length })
    }

    /// The file, for sending.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

impl Deref for MemoryFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `length` bytes are mapped from `start` on until the drop. The seals keep the file as long as that,
        // and the bytes as they are.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own, and no slice of it outlives the borrow that it came from.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// An empty file that can be sealed. It is never run as a program, which kernels before 6.3 cannot be told.
fn create() -> io::Result<File> {
    let create = |flags: libc::c_uint| {
        // SAFETY: the name is a string that ends with a zero.
        check(unsafe { libc::syscall(libc::SYS_memfd_create, c"content".as_ptr(), flags) } as libc::c_int)
    };
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    let descriptor = match create(flags | libc::MFD_NOEXEC_SEAL) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => create(flags)?,
        result => result?,
    };
    // SAFETY: the kernel has just made the descriptor for this call alone.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn it_is_read_as_bytes_and_as_a_file_and_never_changes() {
        let bytes: Vec<u8> = (0..50_000u32).map(|number| number as u8).collect();
        let memory = MemoryFile::new(&bytes).unwrap();
        assert_eq!(*memory, *bytes);
        let mut read = vec![0; bytes.len()];
        memory.file().read_exact_at(&mut read, 0).unwrap();
        assert_eq!(read, bytes);
        for result in [memory.file().write_at(b"x", 0), memory.file().write_at(b"x", 50_000)] {
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        }
        for length in [0, 50_001] {
            let error = memory.file().set_len(length).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{length}");
        }
    }
}
