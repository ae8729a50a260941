//! System calls that the standard library does not have: the only unsafe code of the project.
//!
//! A wrapper takes slices and borrowed descriptors, returns `io::Result` and owned descriptors, and
//! lets nothing raw out. It decides nothing: policy and numbers live in `server` and `site`.
//!
//! The calls of the loop are made by their number (syscall(2)). The C library's functions for them let a thread be
//! cancelled, and pay for that with two atomic operations a call as soon as there is more than one thread.
#![allow(unsafe_code)]

pub(crate) mod clock;
pub(crate) mod descriptor_limit;
pub(crate) mod directory;
pub(crate) mod epoll;
pub(crate) mod file;
pub(crate) mod file_opener;
pub(crate) mod file_remover;
pub(crate) mod interfaces;
pub(crate) mod listener;
pub(crate) mod memory_file;
pub(crate) mod open;
pub(crate) mod page_cache;
pub(crate) mod priority;
pub(crate) mod process;
mod raw_address;
pub(crate) mod sandbox;
mod second_process;
pub(crate) mod signal;
pub(crate) mod socket;
pub(crate) mod thread;
pub(crate) mod user;
pub(crate) mod waker;

use std::io;

/// The result of a system call that returns -1 for an error.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Makes a system call once more for as often as a signal interrupts it.
fn uninterrupted(mut call: impl FnMut() -> libc::c_int) -> io::Result<libc::c_int> {
    loop {
        match check(call()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The result of a system call that returns a count of bytes, or -1 for an error.
fn check_size(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}
