//! A second process that keeps the rights of the start, for a server that gives them up (fork(2)).

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixStream;

use super::check;
use super::signal::block_signals;

/// Starts the process, which does `work` with its end of a connection and then ends. `name` is shown in lists of
/// processes. `work` makes system calls, takes no lock and allocates no memory.
pub(crate) fn start(name: &CStr, work: impl FnOnce(UnixStream)) -> io::Result<UnixStream> {
    let (ours, mut theirs) = UnixStream::pair()?;
    // SAFETY: other threads do not exist in the child, and may hold locks in this very moment. The child takes
    // none: until it ends it only makes system calls and allocates no memory.
    if check(unsafe { libc::fork() })? > 0 {
        return Ok(ours);
    }
    drop(ours);
    // A signal to the whole group is meant for the server, and this process ends when that has.
    block_signals();
    // SAFETY: the name ends in NUL. It is for people who look at the list of processes.
    unsafe { libc::prctl(libc::PR_SET_NAME, name.as_ptr()) };
    close_all_but(&mut theirs);
    work(theirs);
    // SAFETY: the call ends the process and does not return; nothing that belongs to the parent is tidied up a
    // second time.
    unsafe { libc::_exit(0) }
}

/// Closes all that the parent had open but the three standard streams: its sockets live and die with it.
fn close_all_but(server: &mut UnixStream) {
    const FIRST: libc::c_int = 3;
    // SAFETY: the calls take no pointer. Anything that owns the descriptors that are closed here is never used
    // in this process again, which ends without tidying up; `server` is given the one that stays.
    unsafe {
        let old = server.as_raw_fd();
        if old != FIRST && libc::dup3(old, FIRST, libc::O_CLOEXEC) == FIRST {
            std::mem::forget(std::mem::replace(server, UnixStream::from_raw_fd(FIRST)));
        }
        libc::syscall(libc::SYS_close_range, FIRST + 1, libc::c_uint::MAX, 0);
    }
}
