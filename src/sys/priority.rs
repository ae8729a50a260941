//! The share of the processors that a thread gets (setpriority(2)).

use std::io;

use super::check;

/// The niceness of a thread that computes: a tenth of the share of a worker on the same processor, and all of it while
/// no worker wants it.
const NICE: libc::c_int = 10;

/// Lets other threads go before the calling one, for good.
///
/// # Errors
/// The system's: a filter of system calls refuses it.
pub(crate) fn lower() -> io::Result<()> {
    // On Linux the priority is one of a thread, and 0 stands for the calling one.
    // SAFETY: the call takes no pointer.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) }).map(drop)
}
