//! Fewer rights before the first request: another user, no other files, no other system calls.

pub(super) mod identity;
pub(super) mod lockdown;
