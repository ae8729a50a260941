//! Fewer rights before the first request: another user, no other files, no other system calls.

pub mod identity;
pub mod lockdown;
