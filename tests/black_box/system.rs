//! The few system calls that the standard library does not have. This is the only file of these tests
//! with unsafe code, a line or two each. Everything takes and returns ordinary Rust values, and what fails
//! fails the test at once.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Sends `signal` to the process `id`, which the caller started and has not waited for yet.
pub fn send_signal(id: u32, signal: libc::c_int) {
    let id = libc::pid_t::try_from(id).expect("a process id fits into pid_t");
    // SAFETY: kill takes two numbers and touches no memory of ours.
    let result = unsafe { libc::kill(id, signal) };
    assert_eq!(result, 0, "kill: {}", io::Error::last_os_error());
}

/// Makes a FIFO: a name whose opening blocks until somebody opens the other end.
pub fn make_fifo(path: &Path) {
    let name = CString::new(path.as_os_str().as_bytes()).expect("a path has no NUL");
    // SAFETY: the CString lives until the call has returned and ends with a NUL.
    let result = unsafe { libc::mkfifo(name.as_ptr(), 0o666) };
    assert_eq!(result, 0, "mkfifo: {}", io::Error::last_os_error());
}

/// Whether these tests run as root, for whom file permissions forbid nothing.
pub fn is_root() -> bool {
    // SAFETY: geteuid has no arguments and always succeeds.
    unsafe { libc::geteuid() == 0 }
}
