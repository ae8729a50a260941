//! epoll, level-triggered (epoll(7)).

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use super::check;

/// Events that a descriptor is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Bytes, a connection or the end of the input.
    Readable,
    /// The same, and of several workers that wait for it one is woken, not all.
    ReadableExclusive,
    /// Room to send.
    Writable,
    /// Bytes, the end of the input, or room to send.
    ReadableOrWritable,
    /// Only the end of the connection.
    Nothing,
}

impl Interest {
    fn bits(self) -> u32 {
        (match self {
            Interest::Readable => libc::EPOLLIN,
            Interest::ReadableExclusive => libc::EPOLLIN | libc::EPOLLEXCLUSIVE,
            Interest::Writable => libc::EPOLLOUT,
            Interest::ReadableOrWritable => libc::EPOLLIN | libc::EPOLLOUT,
            Interest::Nothing => 0,
        }) as u32
    }
}

/// A set of watched descriptors.
#[derive(Debug)]
pub(crate) struct Epoll(OwnedFd);

impl Epoll {
    /// An empty set.
    pub(crate) fn new() -> io::Result<Epoll> {
        // SAFETY: the call takes no pointer.
        let descriptor = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel has just made this descriptor for us, and nothing else owns it.
        Ok(Epoll(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// Watches a descriptor; `token` comes back with its events.
    pub(crate) fn add(&self, descriptor: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, descriptor, token, interest)
    }

    /// Watches a descriptor for something else.
    pub(crate) fn modify(&self, descriptor: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, descriptor, token, interest)
    }

    /// Watches a descriptor no more. One that is closed everywhere needs no call.
    pub(crate) fn delete(&self, descriptor: impl AsFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, descriptor, 0, Interest::Readable)
    }

    fn control(
        &self,
        operation: i32,
        descriptor: impl AsFd,
        token: u64,
        interest: Interest,
    ) -> io::Result<()> {
        let mut event = libc::epoll_event { events: interest.bits(), u64: token };
        let (set, descriptor) = (self.0.as_raw_fd(), descriptor.as_fd().as_raw_fd());
        // SAFETY: `event` lives through the call, and the kernel only reads it.
        check(unsafe { libc::epoll_ctl(set, operation, descriptor, &mut event) }).map(drop)
    }

    /// Waits for events, `milliseconds` at most, -1 without end. An interrupted wait returns no events.
    pub(crate) fn wait(&self, events: &mut Events, milliseconds: i32) -> io::Result<()> {
        let room = events.0.capacity().min(i32::MAX as usize) as i32;
        events.0.clear();
        let (set, pointer, no_mask) =
            (self.0.as_raw_fd(), events.0.as_mut_ptr(), ptr::null::<libc::sigset_t>());
        // SAFETY: the vector has room for `room` events, and the kernel writes no more than that. A null pointer says
        // that the mask of signals stays.
        let count =
            unsafe { libc::syscall(libc::SYS_epoll_pwait, set, pointer, room, milliseconds, no_mask, 0) };
        match check(count as libc::c_int) {
            Ok(count) => {
                // SAFETY: the kernel has filled in the first `count` events.
                unsafe { events.0.set_len(count as usize) };
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Room for the events of one wait.
pub(crate) struct Events(Vec<libc::epoll_event>);

impl Events {
    /// Room for `capacity` events, at least one.
    pub(crate) fn with_capacity(capacity: usize) -> Events {
        Events(Vec::with_capacity(capacity.max(1)))
    }

    /// Tokens of the descriptors that are ready. The next call on the descriptor yields the data, the error or the
    /// hang-up.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|event| event.u64)
    }
}
