//! Addresses of sockets as the kernel has them (ip(7), ipv6(7), unix(7)).

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// An address as the kernel has it. The rest of a unix address has no place in it: the kernel leaves it out.
pub(super) union RawAddress {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl RawAddress {
    pub(super) const SIZE: libc::socklen_t = size_of::<RawAddress>() as libc::socklen_t;

    /// Room for an address.
    pub(super) fn empty() -> RawAddress {
        // SAFETY: all zeros is a valid address of either family.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }

    /// An address, and its length.
    pub(super) fn from(address: SocketAddr) -> (RawAddress, libc::socklen_t) {
        let mut raw = RawAddress::empty();
        match address {
            SocketAddr::V4(address) => {
                raw.v4 = libc::sockaddr_in {
                    sin_family: libc::AF_INET as libc::sa_family_t,
                    sin_port: address.port().to_be(),
                    sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                    sin_zero: [0; 8],
                };
                (raw, size_of::<libc::sockaddr_in>() as libc::socklen_t)
            }
            SocketAddr::V6(address) => {
                raw.v6 = libc::sockaddr_in6 {
                    sin6_family: libc::AF_INET6 as libc::sa_family_t,
                    sin6_port: address.port().to_be(),
                    sin6_flowinfo: address.flowinfo(),
                    sin6_addr: libc::in6_addr { s6_addr: address.ip().octets() },
                    sin6_scope_id: address.scope_id(),
                };
                (raw, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
            }
        }
    }

    /// An IPv4 address that came through an IPv6 socket is an IPv4 address again; `None` for a unix socket.
    pub(super) fn address(self) -> Option<SocketAddr> {
        // SAFETY: every field starts with the family, and all bytes are initialised.
        match i32::from(unsafe { self.family }) {
            libc::AF_INET => {
                // SAFETY: the kernel has written an address of this family; any bytes are valid for it.
                let address = unsafe { self.v4 };
                let ip = Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes());
                Some(SocketAddr::new(ip.into(), u16::from_be(address.sin_port)))
            }
            libc::AF_INET6 => {
                // SAFETY: as above.
                let address = unsafe { self.v6 };
                let ip = Ipv6Addr::from(address.sin6_addr.s6_addr).to_canonical();
                Some(SocketAddr::new(ip, u16::from_be(address.sin6_port)))
            }
            _ => None,
        }
    }

    /// A pointer to its first byte, for the kernel to read.
    pub(super) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const *self).cast()
    }

    /// A pointer to its first byte, for the kernel to write [`RawAddress::SIZE`] bytes.
    pub(super) fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut *self).cast()
    }
}

/// Copies an address that lies elsewhere; `None` if it is of another family than IPv4 and IPv6.
///
/// # Safety
/// `address` points to an address that is as long as its family says.
pub(super) unsafe fn read(address: *const libc::sockaddr) -> Option<SocketAddr> {
    let mut raw = RawAddress::empty();
    // SAFETY: the caller answers for the family and for the bytes that follow it.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => raw.v4 = address.cast::<libc::sockaddr_in>().read_unaligned(),
            libc::AF_INET6 => raw.v6 = address.cast::<libc::sockaddr_in6>().read_unaligned(),
            _ => return None,
        }
    }
    raw.address()
}

/// The address of a socket file, and its length.
///
/// # Errors
/// `InvalidInput` for a path that is too long (107 bytes at most) or has a NUL in it.
pub(super) fn of_path(path: &Path) -> io::Result<(libc::sockaddr_un, libc::socklen_t)> {
    let bytes = path.as_os_str().as_bytes();
    let mut address =
        libc::sockaddr_un { sun_family: libc::AF_UNIX as libc::sa_family_t, sun_path: [0; 108] };
    // One byte is the NUL at the end.
    if bytes.len() >= address.sun_path.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is longer than 107 bytes"));
    }
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no path of a file"));
    }
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = *from as libc::c_char;
    }
    Ok((address, size_of::<libc::sockaddr_un>() as libc::socklen_t))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_were() {
        for text in ["127.0.0.1:8000", "0.0.0.0:0", "[::1]:8000", "[2001:db8::1]:65535"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(RawAddress::from(address).0.address(), Some(address));
        }
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:80".parse().unwrap();
        assert_eq!(RawAddress::from(mapped).0.address(), Some("192.0.2.1:80".parse().unwrap()));
    }

    #[test]
    fn paths() {
        for (length, expected) in [(0, false), (1, true), (107, true), (108, false)] {
            assert_eq!(of_path(Path::new(&"a".repeat(length))).is_ok(), expected, "{length}");
        }
        assert!(of_path(Path::new("a\0b")).is_err());
    }
}
