//! Sockets that listen and never block (tcp(7), unix(7), socket(7)).

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

use super::check;
use super::socket::{Socket, get_option, set_option};

/// Options of a listener, which the sockets that it accepts inherit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Seconds for which the kernel may wait for the first bytes of a connection before it hands it over
    /// (TCP_DEFER_ACCEPT).
    pub defer_seconds: u32,
    /// Bytes that the kernel buffers at most before it can send them (TCP_NOTSENT_LOWAT).
    pub unsent_limit: u32,
}

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Listener(OwnedFd);

impl Listener {
    /// Takes an address; port 0 lets the system choose. `::` takes IPv4 too. Nobody can connect before
    /// [`Listener::listen`].
    pub(crate) fn bind(address: SocketAddr, reuse_port: bool, options: Options) -> io::Result<Listener> {
        let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: the call takes no pointer.
        let descriptor = check(unsafe { libc::socket(family, kind, 0) })?;
        // SAFETY: the kernel has just made this descriptor for us, and nothing else owns it.
        let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
        set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
        if address.is_ipv6() {
            set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 0)?;
        }
        set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT, reuse_port.into())?;
        set_tcp_options(socket.as_fd(), options)?;
        let (raw, length) = RawAddress::from(address);
        // SAFETY: `raw` lives through the call and its first `length` bytes are an address.
        check(unsafe { libc::bind(socket.as_raw_fd(), raw.as_ptr(), length) })?;
        Ok(Listener(socket))
    }

    /// Listens, and returns false if it does already. From this moment on clients can connect.
    pub(crate) fn listen(&self, backlog: i32) -> io::Result<bool> {
        if get_option(self.0.as_fd(), libc::SOL_SOCKET, libc::SO_ACCEPTCONN)? == 1 {
            return Ok(false);
        }
        // SAFETY: the call takes no pointer.
        check(unsafe { libc::listen(self.0.as_raw_fd(), backlog) })?;
        Ok(true)
    }

    /// Tells if other sockets may share the port.
    pub(crate) fn shares_port(&self) -> io::Result<bool> {
        Ok(get_option(self.0.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT)? == 1)
    }

    /// Makes the kernel give every new connection to one of the sockets that share the port, counted from 0 in the
    /// order in which they have begun to listen. When one of them is closed the last one gets its number. Where there
    /// is no socket with this number the kernel chooses among all.
    pub(crate) fn prefer(&self, index: u32) -> io::Result<()> {
        let code = (libc::BPF_RET | libc::BPF_K) as u16;
        let mut program = [libc::sock_filter { code, jt: 0, jf: 0, k: index }];
        let program = libc::sock_fprog { len: 1, filter: program.as_mut_ptr() };
        let size = size_of::<libc::sock_fprog>() as libc::socklen_t;
        let (level, option) = (libc::SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF);
        let pointer = (&raw const program).cast();
        // SAFETY: the structure and the one instruction that it points to live through the call, which copies them.
        check(unsafe { libc::setsockopt(self.0.as_raw_fd(), level, option, pointer, size) }).map(drop)
    }

    /// The socket that a supervisor has opened and passes on, if it has (sd_listen_fds(3)); the first call gets it.
    ///
    /// # Errors
    /// `InvalidInput` for more than one, or for a descriptor that is no listening TCP socket.
    pub(crate) fn inherited(options: Options) -> io::Result<Option<Listener>> {
        /// The first descriptor after the three standard streams.
        const FIRST: RawFd = 3;
        static IS_TAKEN: AtomicBool = AtomicBool::new(false);
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
        if number("LISTEN_PID") != Some(std::process::id()) || IS_TAKEN.swap(true, Ordering::Relaxed) {
            return Ok(None);
        }
        match number("LISTEN_FDS") {
            None | Some(0) => return Ok(None),
            Some(1) => {}
            Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "more than one socket")),
        }
        // SAFETY: the call takes no pointer.
        let flags = check(unsafe { libc::fcntl(FIRST, libc::F_GETFD) })?;
        if flags & libc::FD_CLOEXEC != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the descriptor was not passed on"));
        }
        // SAFETY: the descriptor is open. It was passed on to this process and belongs to nothing in it, for all that
        // this process opens is closed on exec. And it is taken once.
        let socket = unsafe { OwnedFd::from_raw_fd(FIRST) };
        let is_listening = get_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_ACCEPTCONN)? == 1;
        let is_tcp = get_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_PROTOCOL)? == libc::IPPROTO_TCP;
        if !is_listening || !is_tcp {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no listening TCP socket"));
        }
        // SAFETY: the calls take no pointer.
        unsafe {
            check(libc::fcntl(FIRST, libc::F_SETFL, libc::O_NONBLOCK))?;
            check(libc::fcntl(FIRST, libc::F_SETFD, libc::FD_CLOEXEC))?;
        }
        set_tcp_options(socket.as_fd(), options)?;
        Ok(Some(Listener(socket)))
    }

    /// The address that it listens on, with its real port.
    ///
    /// # Errors
    /// `AddrNotAvailable` for a unix socket; the system's.
    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        let mut raw = RawAddress::empty();
        let mut length = RawAddress::SIZE;
        // SAFETY: `raw` has room for `length` bytes.
        check(unsafe { libc::getsockname(self.0.as_raw_fd(), raw.as_mut_ptr(), &mut length) })?;
        raw.address().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// Takes the next connection that waits, with the address of its client; a client of a unix socket has none.
    ///
    /// # Errors
    /// `WouldBlock` when none waits; the system's when descriptors or memory are short; those of a
    /// connection that broke before it was taken (accept(2)).
    pub(crate) fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        let mut raw = RawAddress::empty();
        let mut length = RawAddress::SIZE;
        let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let (listener, room) = (self.0.as_raw_fd(), &raw mut length);
        // SAFETY: `raw` has room for `length` bytes.
        let result = unsafe { libc::syscall(libc::SYS_accept4, listener, raw.as_mut_ptr(), room, flags) };
        let descriptor = check(result as libc::c_int)?;
        // SAFETY: the kernel has just made this descriptor for us, and nothing else owns it.
        let socket = Socket(unsafe { OwnedFd::from_raw_fd(descriptor) });
        Ok((socket, raw.address()))
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Listener {
        Listener(listener.into())
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Sets the options that accepted sockets inherit. Sends are never delayed (TCP_NODELAY): a response is sent in as few
/// calls as it takes.
fn set_tcp_options(socket: BorrowedFd, options: Options) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    let number = |value: u32| libc::c_int::try_from(value).unwrap_or(libc::c_int::MAX);
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, number(options.unsent_limit))?;
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, number(options.defer_seconds))
}

/// An address as the kernel has it. The rest of a unix address has no place in it: the kernel leaves it out.
union RawAddress {
    family: libc::sa_family_t,
    v4: libc::sockaddr_in,
    v6: libc::sockaddr_in6,
}

impl RawAddress {
    const SIZE: libc::socklen_t = size_of::<RawAddress>() as libc::socklen_t;

    fn empty() -> RawAddress {
        // SAFETY: all zeros is a valid address of either family.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }

    fn from(address: SocketAddr) -> (RawAddress, libc::socklen_t) {
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
    fn address(self) -> Option<SocketAddr> {
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

    fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const *self).cast()
    }

    fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut *self).cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

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
    fn nothing_waits_on_a_new_listener() {
        let options = Options { defer_seconds: 1, unsent_limit: 1024 };
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), false, options).unwrap();
        listener.listen(1).unwrap();
        assert_ne!(listener.local_address().unwrap().port(), 0);
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn clients_of_a_unix_socket_have_no_address() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = Listener::from(UnixListener::bind(&path).unwrap());
        assert_eq!(listener.local_address().unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
        let _client = UnixStream::connect(&path).unwrap();
        assert_eq!(listener.accept().unwrap().1, None);
    }
}
