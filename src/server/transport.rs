//! The bytes of one connection, in and out: the only file that names a socket.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};

use crate::sys::socket::Socket;

/// Slices that [`Transport::send`] takes at most in one call.
pub(super) use crate::sys::socket::MAX_SLICES;

/// A way to carry bytes. Nothing here waits: a call that would have to fails with `WouldBlock`.
#[derive(Debug)]
pub(super) enum Transport {
    /// The bytes as they are, over a socket.
    Plain(Socket),
}

impl Transport {
    /// Appends what has arrived to `buffer`, up to `limit` bytes within its spare capacity. 0 is the end of the input.
    pub(super) fn receive(&self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        let Transport::Plain(socket) = self;
        socket.receive(buffer, limit)
    }

    /// Whether something has arrived that was not received yet, the end of the input included.
    pub(super) fn has_input(&self) -> bool {
        let Transport::Plain(socket) = self;
        socket.has_input()
    }

    /// Sends slices as one. `more` says that the rest of a packet, or the end, follows at once.
    pub(super) fn send(&self, slices: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
        let Transport::Plain(socket) = self;
        socket.send(slices, more)
    }

    /// Sends bytes of a file from `offset` on. 0 says that the file has become shorter.
    pub(super) fn send_file(&self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        let Transport::Plain(socket) = self;
        socket.send_file(file, offset, count)
    }

    /// Bytes that were sent and that the client's system has not acknowledged yet. After [`Transport::shutdown`] the
    /// end itself counts as one. `None` where the kernel does not tell.
    pub(super) fn unacknowledged(&self) -> Option<u64> {
        let Transport::Plain(socket) = self;
        socket.unacknowledged()
    }

    /// Lets the kernel keep as much of what could not be sent yet as it likes.
    pub(super) fn lengthen_queue(&self) {
        let Transport::Plain(socket) = self;
        socket.lengthen_queue();
    }

    /// Says that nothing more is sent; the other direction stays open.
    ///
    /// # Errors
    /// The client is gone already.
    pub(super) fn shutdown(&self) -> io::Result<()> {
        let Transport::Plain(socket) = self;
        socket.shutdown_write()
    }

    /// Makes dropping it throw away what was not acknowledged, and reset the connection.
    pub(super) fn abort_when_dropped(&self) {
        let Transport::Plain(socket) = self;
        socket.forget_when_closed();
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let Transport::Plain(socket) = self;
        socket.as_fd()
    }
}
