//! Wakes a thread that waits for events (eventfd(2)).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

/// Lets one thread end the wait of another one's epoll.
#[derive(Debug)]
pub(crate) struct Waker(File);

impl Waker {
    /// A waker that is not readable yet.
    pub(crate) fn new() -> io::Result<Waker> {
        // SAFETY: the call takes no pointer.
        let descriptor = check(unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) })?;
        // SAFETY: the kernel has just made this descriptor for us, and nothing else owns it.
        Ok(Waker(File::from(unsafe { OwnedFd::from_raw_fd(descriptor) })))
    }

    /// Makes it readable until it is drained.
    pub(crate) fn wake(&self) {
        // It fails only when the counter is full, and then it is readable already.
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }

    /// Makes it unreadable.
    pub(crate) fn drain(&self) {
        // It fails only when it was not readable.
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
