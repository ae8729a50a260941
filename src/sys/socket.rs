//! Connected sockets that never block (tcp(7), unix(7), socket(7), sendfile(2)).

use std::fs::File;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use super::{check, check_size};

/// Slices that [`Socket::send`] takes at most in one call.
pub(crate) const MAX_SLICES: usize = 16;

/// No address: the peer of a connected socket is known.
const NO_ADDRESS: *const libc::c_void = ptr::null();

/// A connected socket; dropping it closes it.
#[derive(Debug)]
pub(crate) struct Socket(pub(super) OwnedFd);

impl Socket {
    /// A socket, and the other end of its connection, as clients of a test have it.
    #[cfg(test)]
    pub(crate) fn pair() -> io::Result<(Socket, std::os::unix::net::UnixStream)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        Ok((Socket(ours.into()), theirs))
    }

    /// Appends the bytes that have arrived to `buffer`, within its spare capacity. 0 is the end of the input.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived; the connection's.
    pub(crate) fn receive(&self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        self.receive_with(0, buffer, limit)
    }

    /// The same, and leaves the bytes to be received once more.
    pub(crate) fn peek(&self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        self.receive_with(libc::MSG_PEEK, buffer, limit)
    }

    fn receive_with(&self, flags: libc::c_int, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        let spare = buffer.spare_capacity_mut();
        let room = spare.len().min(limit);
        let (socket, pointer) = (self.0.as_raw_fd(), spare.as_mut_ptr());
        // SAFETY: the spare capacity has at least `room` bytes, and the kernel writes no more than that.
        let received = unsafe {
            libc::syscall(libc::SYS_recvfrom, socket, pointer, room, flags, NO_ADDRESS, NO_ADDRESS)
        };
        let received = check_size(received as libc::ssize_t)?;
        // SAFETY: the kernel has filled in `received` bytes after the ones that were there.
        unsafe { buffer.set_len(buffer.len() + received) };
        Ok(received)
    }

    /// Tells if there is something to receive, the end of the input included.
    pub(crate) fn has_input(&self) -> bool {
        let mut byte = 0u8;
        let pointer = (&raw mut byte).cast();
        // SAFETY: `byte` lives through the call and has room for the one byte that is asked for.
        check_size(unsafe { libc::recv(self.0.as_raw_fd(), pointer, 1, libc::MSG_PEEK) }).is_ok()
    }

    /// Sends slices as one, [`MAX_SLICES`] at most. `more` tells the kernel that the rest of a packet, or
    /// the end, follows at once.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; the connection's.
    pub(crate) fn send(&self, slices: &[io::IoSlice<'_>], more: bool) -> io::Result<usize> {
        let flags = libc::MSG_NOSIGNAL | if more { libc::MSG_MORE } else { 0 };
        if let [slice] = slices {
            let (socket, pointer) = (self.0.as_raw_fd(), slice.as_ptr());
            // SAFETY: the slice is readable for its whole length.
            return check_size(unsafe {
                libc::syscall(libc::SYS_sendto, socket, pointer, slice.len(), flags, NO_ADDRESS, 0)
                    as libc::ssize_t
            });
        }
        // SAFETY: all zeros is a valid message header: no address, no slices, no control data.
        let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
        message.msg_iov = slices.as_ptr().cast_mut().cast();
        message.msg_iovlen = slices.len().min(MAX_SLICES) as _;
        // SAFETY: std guarantees that IoSlice has the layout of iovec; the kernel only reads through it.
        check_size(unsafe { libc::sendmsg(self.0.as_raw_fd(), &message, flags) })
    }

    /// Sends bytes of a file from `offset` on without copying them through this process; returns how many.
    /// 0 means that the file has become shorter.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; the connection's; the file's.
    pub(crate) fn send_file(&self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        let mut offset = offset as libc::off64_t;
        // SAFETY: `offset` lives through the call.
        check_size(unsafe { libc::sendfile64(self.0.as_raw_fd(), file.as_raw_fd(), &mut offset, count) })
    }

    /// Bytes that were sent and that the client's system has not acknowledged yet (SIOCOUTQ, tcp(7)); `None` where the
    /// kernel does not tell.
    pub(crate) fn unacknowledged(&self) -> Option<u64> {
        let mut count: libc::c_int = 0;
        // SAFETY: `count` lives through the call and is the integer that the kernel writes.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TIOCOUTQ, &mut count) };
        if result < 0 { None } else { u64::try_from(count).ok() }
    }

    /// Lets the kernel buffer as much as it likes before it can send it: fewer and larger steps.
    pub(crate) fn lengthen_queue(&self) {
        // Cannot fail for a TCP socket.
        let _ = set_option(self.0.as_fd(), libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, -1);
    }

    /// Lets the kernel buffer so many bytes at most before it can send them.
    pub(crate) fn limit_queue(&self, bytes: u32) {
        // Cannot fail for a TCP socket.
        let _ = set_option(self.0.as_fd(), libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, bytes as libc::c_int);
    }

    /// Makes closing throw away all bytes that were not acknowledged, and reset the connection. Otherwise the kernel
    /// would keep it, for a client that has been given up, for a long time.
    pub(crate) fn forget_when_closed(&self) {
        let value = libc::linger { l_onoff: 1, l_linger: 0 };
        let size = size_of::<libc::linger>() as libc::socklen_t;
        let pointer = (&raw const value).cast();
        // SAFETY: `value` lives through the call and has `size` bytes. Cannot fail for a TCP socket.
        let _ =
            unsafe { libc::setsockopt(self.0.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, pointer, size) };
    }

    /// Says that nothing more is sent; the other direction stays open.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        // SAFETY: the call takes no pointer.
        check(unsafe { libc::shutdown(self.0.as_raw_fd(), libc::SHUT_WR) }).map(drop)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

pub(super) fn get_option(socket: BorrowedFd, level: i32, option: i32) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut size = size_of::<libc::c_int>() as libc::socklen_t;
    let pointer = (&raw mut value).cast();
    // SAFETY: `value` lives through the call and has `size` bytes.
    check(unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, pointer, &mut size) })?;
    Ok(value)
}

pub(super) fn set_option(socket: BorrowedFd, level: i32, option: i32, value: libc::c_int) -> io::Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    let pointer = (&raw const value).cast();
    // SAFETY: `value` lives through the call and has `size` bytes.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, pointer, size) }).map(drop)
}
