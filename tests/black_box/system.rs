//! The few system calls that the standard library does not have. This is the only file of these tests
//! with unsafe code, a line or two each. Everything takes and returns ordinary Rust values, and what fails
//! fails the test at once.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Sends `signal` to the process `id`, which the caller started and has not waited for yet.
pub(crate) fn send_signal(id: u32, signal: libc::c_int) {
    let id = libc::pid_t::try_from(id).expect("a process id fits into pid_t");
    // SAFETY: kill takes two numbers and touches no memory of ours.
    let result = unsafe { libc::kill(id, signal) };
    assert_eq!(result, 0, "kill: {}", io::Error::last_os_error());
}

/// Sets how many descriptors the process `id` may have.
pub(crate) fn limit_descriptors(id: u32, limit: u64) {
    let id = libc::pid_t::try_from(id).expect("a process id fits into pid_t");
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limits` lives through both calls; a null pointer says that nothing is set, or nothing wanted.
    let result = unsafe {
        libc::prlimit(id, libc::RLIMIT_NOFILE, std::ptr::null(), &mut limits);
        limits.rlim_cur = limit;
        libc::prlimit(id, libc::RLIMIT_NOFILE, &limits, std::ptr::null_mut())
    };
    assert_eq!(result, 0, "prlimit: {}", io::Error::last_os_error());
}

/// Makes a FIFO: a name whose opening blocks until somebody opens the other end.
pub(crate) fn make_fifo(path: &Path) {
    let name = CString::new(path.as_os_str().as_bytes()).expect("a path has no NUL");
    // SAFETY: the CString lives until the call has returned and ends with a NUL.
    let result = unsafe { libc::mkfifo(name.as_ptr(), 0o666) };
    assert_eq!(result, 0, "mkfifo: {}", io::Error::last_os_error());
}

/// A new terminal: the end that shows what is written to it, and the end that programs write to.
pub(crate) fn open_terminal() -> (File, OwnedFd) {
    let mut name = [0; 64];
    // SAFETY: the descriptor is checked before it is used, and is new and ours; `name` has room for its length.
    let controller = unsafe {
        let controller = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(controller >= 0, "posix_openpt: {}", io::Error::last_os_error());
        assert_eq!(libc::unlockpt(controller), 0, "unlockpt");
        assert_eq!(libc::ptsname_r(controller, name.as_mut_ptr(), name.len()), 0, "ptsname_r");
        File::from_raw_fd(controller)
    };
    // SAFETY: ptsname_r has written a name that ends with a NUL.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) }.to_str().expect("ASCII");
    let terminal = File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(name);
    (controller, terminal.expect("a terminal").into())
}

/// Whether these tests run as root, for whom file permissions forbid nothing.
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid has no arguments and always succeeds.
    unsafe { libc::geteuid() == 0 }
}

/// Lets the kernel forget the content of a file, so that it has to come from the disk; a file system that
/// lives in memory keeps it all the same.
pub(crate) fn drop_from_memory(path: &Path) {
    let file = File::open(path).expect("open");
    file.sync_all().expect("sync");
    // SAFETY: posix_fadvise takes numbers and touches no memory of ours.
    let result = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    assert_eq!(result, 0, "posix_fadvise");
}

/// Makes the kernel refuse openat2 to `command` with an error number, by a seccomp filter of four lines.
pub(crate) fn refuse_openat2(command: &mut Command, error: libc::c_int) {
    const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const SKIP_UNLESS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const ANSWER: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let line = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    let mut filter = [
        line(LOAD_NUMBER, 0, 0), // the number of the system call is the first field of what is judged
        line(SKIP_UNLESS, 1, libc::SYS_openat2 as u32),
        line(ANSWER, 0, libc::SECCOMP_RET_ERRNO | error as u32),
        line(ANSWER, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let install = move || {
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        // SAFETY: the program and its lines live through the calls, and the kernel copies them.
        let result = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: between fork and exec it makes two system calls and allocates nothing.
    unsafe { command.pre_exec(install) };
}
