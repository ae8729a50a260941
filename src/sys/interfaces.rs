//! The addresses of this machine (getifaddrs(3)).

use std::io;
use std::net::IpAddr;
use std::ptr;

use super::check;
use super::raw_address;

/// The addresses of all interfaces that are up and running, loopback and scoped ones too, in the order of the system.
///
/// # Errors
/// The system does not tell.
pub(crate) fn addresses() -> io::Result<Vec<IpAddr>> {
    let mut first: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: `first` is where the call puts the head of a list.
    check(unsafe { libc::getifaddrs(&mut first) })?;
    let mut addresses = Vec::new();
    let mut next = first;
    // SAFETY: each element of the list is valid until it is freed, and so is the address in it; the last one is
    // followed by a null pointer.
    while let Some(interface) = unsafe { next.as_ref() } {
        let needed = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_uint;
        if interface.ifa_flags & needed == needed && !interface.ifa_addr.is_null() {
            // SAFETY: as above; the address is as long as its family says.
            addresses.extend(unsafe { raw_address::read(interface.ifa_addr) }.map(|address| address.ip()));
        }
        next = interface.ifa_next;
    }
    // SAFETY: the list is the one that the call made, and nothing points into it any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_one_of_them() {
        assert!(addresses().unwrap().contains(&IpAddr::from([127, 0, 0, 1])));
    }
}
