//! TCP sockets that never block (tcp(7), socket(7), sendfile(2)).

use std::fs::File;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{check, check_size};

/// Slices that [`Socket::send`] takes at most in one call.
pub(crate) const MAX_SLICES: usize = 16;

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

/// No address: the peer of a connected socket is known.
const NO_ADDRESS: *const libc::c_void = ptr::null();

/// A connected socket; dropping it closes it.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// A socket, and the other end of its connection, as clients of a test have it.
    #[cfg(test)]
    pub(crate) fn pair() -> io::Result<(Socket, std::os::unix::net::UnixStream)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        Ok((Socket(ours.into()), theirs))
    }

    /// Appends the bytes that have arrived to `buffer`, within its spare capacity. 0 is the end of the input.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived; the connection's.
    pub(crate) fn receive(&self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        self.receive_with(0, buffer, limit)
    }

    /// The same, and leaves the bytes to be received once more.
    pub(crate) fn peek(&self, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        self.receive_with(libc::MSG_PEEK, buffer, limit)
    }

    fn receive_with(&self, flags: libc::c_int, buffer: &mut Vec<u8>, limit: usize) -> io::Result<usize> {
        let spare = buffer.spare_capacity_mut();
        let room = spare.len().min(limit);
        let (socket, pointer) = (self.0.as_raw_fd(), spare.as_mut_ptr());
        // SAFETY: the spare capacity has at least `room` bytes, and the kernel writes no more than that.
        let received = unsafe {
            libc::syscall(libc::SYS_recvfrom, socket, pointer, room, flags, NO_ADDRESS, NO_ADDRESS)
        };
        let received = check_size(received as libc::ssize_t)?;
        // SAFETY: the kernel has filled in `received` bytes after the ones that were there.
        unsafe { buffer.set_len(buffer.len() + received) };
        Ok(received)
    }

    /// Tells if there is something to receive, the end of the input included.
    pub(crate) fn has_input(&self) -> bool {
        let mut byte = 0u8;
        let pointer = (&raw mut byte).cast();
        // SAFETY: `byte` lives through the call and has room for the one byte that is asked for.
        check_size(unsafe { libc::recv(self.0.as_raw_fd(), pointer, 1, libc::MSG_PEEK) }).is_ok()
    }

    /// Sends slices as one, [`MAX_SLICES`] at most. `more` tells the kernel that the rest of a packet, or
    /// the end, follows at once.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; the connection's.
    pub(crate) fn send(&self, slices: &[io::IoSlice<'_>], more: bool) -> io::Result<usize> {
        let flags = libc::MSG_NOSIGNAL | if more { libc::MSG_MORE } else { 0 };
        if let [slice] = slices {
            let (socket, pointer) = (self.0.as_raw_fd(), slice.as_ptr());
            // SAFETY: the slice is readable for its whole length.
            return check_size(unsafe {
                libc::syscall(libc::SYS_sendto, socket, pointer, slice.len(), flags, NO_ADDRESS, 0)
                    as libc::ssize_t
            });
        }
        // SAFETY: all zeros is a valid message header: no address, no slices, no control data.
        let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
        message.msg_iov = slices.as_ptr().cast_mut().cast();
        message.msg_iovlen = slices.len().min(MAX_SLICES) as _;
        // SAFETY: std guarantees that IoSlice has the layout of iovec; the kernel only reads through it.
        check_size(unsafe { libc::sendmsg(self.0.as_raw_fd(), &message, flags) })
    }

    /// Sends bytes of a file from `offset` on without copying them through this process; returns how many.
    /// 0 means that the file has become shorter.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; the connection's; the file's.
    pub(crate) fn send_file(&self, file: &File, offset: u64, count: usize) -> io::Result<usize> {
        let mut offset = offset as libc::off64_t;
        // SAFETY: `offset` lives through the call.
        check_size(unsafe { libc::sendfile64(self.0.as_raw_fd(), file.as_raw_fd(), &mut offset, count) })
    }

    /// Bytes that were sent and that the client's system has not acknowledged yet (SIOCOUTQ, tcp(7)); `None` where the
    /// kernel does not tell.
    pub(crate) fn unacknowledged(&self) -> Option<u64> {
        let mut count: libc::c_int = 0;
        // SAFETY: `count` lives through the call and is the integer that the kernel writes.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TIOCOUTQ, &mut count) };
        if result < 0 { None } else { u64::try_from(count).ok() }
    }

    /// Lets the kernel buffer as much as it likes before it can send it: fewer and larger steps.
    pub(crate) fn lengthen_queue(&self) {
        // Cannot fail for a TCP socket.
        let _ = set_option(self.0.as_fd(), libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, -1);
    }

    /// Makes closing throw away all bytes that were not acknowledged, and reset the connection. Otherwise the kernel
    /// would keep it, for a client that has been given up, for a long time.
    pub(crate) fn forget_when_closed(&self) {
        let value = libc::linger { l_onoff: 1, l_linger: 0 };
        let size = size_of::<libc::linger>() as libc::socklen_t;
        let pointer = (&raw const value).cast();
        // SAFETY: `value` lives through the call and has `size` bytes. Cannot fail for a TCP socket.
        let _ =
            unsafe { libc::setsockopt(self.0.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, pointer, size) };
    }

    /// Says that nothing more is sent; the other direction stays open.
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        // SAFETY: the call takes no pointer.
        check(unsafe { libc::shutdown(self.0.as_raw_fd(), libc::SHUT_WR) }).map(drop)
    }
}

impl AsFd for Socket {
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

fn get_option(socket: BorrowedFd, level: i32, option: i32) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut size = size_of::<libc::c_int>() as libc::socklen_t;
    let pointer = (&raw mut value).cast();
    // SAFETY: `value` lives through the call and has `size` bytes.
    check(unsafe { libc::getsockopt(socket.as_raw_fd(), level, option, pointer, &mut size) })?;
    Ok(value)
}

fn set_option(socket: BorrowedFd, level: i32, option: i32, value: libc::c_int) -> io::Result<()> {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    let pointer = (&raw const value).cast();
    // SAFETY: `value` lives through the call and has `size` bytes.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, pointer, size) }).map(drop)
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
