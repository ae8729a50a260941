//! Signals as something to read (signalfd(2)).

use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

/// A command of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP or SIGUSR1.
    Reopen,
}

/// Blocks SIGTERM, SIGINT, SIGHUP and SIGUSR1 for this thread and the ones it starts from now on.
pub(super) fn block_signals() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set that the other calls then change and read; a null pointer says
    // that the old mask is not wanted.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for number in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1] {
            libc::sigaddset(set.as_mut_ptr(), number);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
        set.assume_init()
    }
}

/// Ignores SIGXFSZ, which would end the process where a file may grow no further (`ulimit -f`). The write then fails.
pub(crate) fn ignore_file_size_limit() {
    // SAFETY: the call takes no pointer, and ignoring runs no code of ours.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// The signals that are read instead of handled.
#[derive(Debug)]
pub(crate) struct Signals(File);

impl Signals {
    /// Blocks SIGTERM, SIGINT, SIGHUP and SIGUSR1 for this thread and the ones it starts from now on, and
    /// opens the descriptor that they are read from. Blocked signals reach process 1 of a container too.
    pub(crate) fn new() -> io::Result<Signals> {
        let set = block_signals();
        // SAFETY: `set` lives through the call.
        let descriptor = check(unsafe { libc::signalfd(-1, &set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) })?;
        // SAFETY: the kernel has just made this descriptor for us, and nothing else owns it.
        Ok(Signals(File::from(unsafe { OwnedFd::from_raw_fd(descriptor) })))
    }

    /// The next signal that has come, if any.
    pub(crate) fn take(&mut self) -> Option<Signal> {
        let mut record = [0u8; size_of::<libc::signalfd_siginfo>()];
        self.0.read_exact(&mut record).ok()?;
        // The number is the first field of the record (signalfd(2)).
        match i32::from_ne_bytes([record[0], record[1], record[2], record[3]]) {
            libc::SIGHUP | libc::SIGUSR1 => Some(Signal::Reopen),
            _ => Some(Signal::Stop),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
