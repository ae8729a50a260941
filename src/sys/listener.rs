//! Sockets that listen and never block (tcp(7), unix(7), socket(7)).

use std::ffi::OsStr;
use std::io;
use std::mem::size_of;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::check;
use super::raw_address::{self, RawAddress};
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

/// The place where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// An address, with its real port.
    Tcp(SocketAddr),
    /// The path of a socket file, or `@` and a name that no file has.
    Unix(PathBuf),
}

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Listener(OwnedFd);

impl Listener {
    /// Takes an address; port 0 lets the system choose. `::` takes IPv4 too, and IPv4 alone where the kernel has no IPv6.
    /// Nobody can connect before [`Listener::listen`].
    pub(crate) fn bind(address: SocketAddr, reuse_port: bool, options: Options) -> io::Result<Listener> {
        let socket = match new_socket(if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }) {
            Err(error)
                if error.raw_os_error() == Some(libc::EAFNOSUPPORT)
                    && address.ip() == Ipv6Addr::UNSPECIFIED =>
            {
                let address = (Ipv4Addr::UNSPECIFIED, address.port()).into();
                return Listener::bind(address, reuse_port, options);
            }
            socket => socket?,
        };
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

    /// Makes a socket file. Nobody can connect before [`Listener::listen`].
    ///
    /// # Errors
    /// `AddrInUse` when something has that path; `InvalidInput` for one that is too long; those of a folder.
    pub(crate) fn bind_unix(path: &Path) -> io::Result<Listener> {
        let socket = new_socket(libc::AF_UNIX)?;
        let (address, length) = raw_address::of_path(path)?;
        let pointer = (&raw const address).cast();
        // SAFETY: `address` lives through the call and has `length` bytes.
        check(unsafe { libc::bind(socket.as_raw_fd(), pointer, length) })?;
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

    /// The sockets that a supervisor has opened and passes on, if it has (sd_listen_fds(3)); the first call gets them.
    ///
    /// # Errors
    /// `InvalidInput` for a descriptor that is no listening TCP or unix socket.
    pub(crate) fn inherited(options: Options) -> io::Result<Vec<Listener>> {
        /// The first descriptor after the three standard streams.
        const FIRST: RawFd = 3;
        static ARE_TAKEN: AtomicBool = AtomicBool::new(false);
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
        if number("LISTEN_PID") != Some(std::process::id()) || ARE_TAKEN.swap(true, Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let count = number("LISTEN_FDS").and_then(|count| RawFd::try_from(count).ok()).unwrap_or(0);
        (FIRST..FIRST.saturating_add(count)).map(|descriptor| adopt(descriptor, options)).collect()
    }

    /// The place where it listens.
    pub(crate) fn place(&self) -> io::Result<Place> {
        let mut raw = RawAddress::empty();
        let mut length = RawAddress::SIZE;
        // SAFETY: `raw` has room for `length` bytes.
        check(unsafe { libc::getsockname(self.0.as_raw_fd(), raw.as_mut_ptr(), &mut length) })?;
        if let Some(address) = raw.address() {
            return Ok(Place::Tcp(address));
        }
        let address = UnixListener::from(self.0.try_clone()?).local_addr()?;
        let name = address.as_abstract_name().map(|name| [b"@", name].concat());
        let name = name.map(|name| PathBuf::from(OsStr::from_bytes(&name)));
        Ok(Place::Unix(name.or_else(|| address.as_pathname().map(Path::to_owned)).unwrap_or_default()))
    }

    /// Whether clients with IPv4 addresses can connect, where it listens on an address of IPv6.
    pub(crate) fn takes_ipv4(&self) -> bool {
        get_option(self.0.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY).is_ok_and(|value| value == 0)
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

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn new_socket(family: libc::c_int) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: the call takes no pointer.
    let descriptor = check(unsafe { libc::socket(family, kind, 0) })?;
    // SAFETY: the kernel has just made this descriptor for us, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Takes a descriptor that a supervisor passes on.
fn adopt(descriptor: RawFd, options: Options) -> io::Result<Listener> {
    let refuse = |why: &str| {
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("descriptor {descriptor} {why}")))
    };
    // SAFETY: the call takes no pointer.
    let flags = check(unsafe { libc::fcntl(descriptor, libc::F_GETFD) })?;
    if flags & libc::FD_CLOEXEC != 0 {
        return refuse("was not passed on");
    }
    // SAFETY: the descriptor is open. It was passed on to this process and belongs to nothing in it, for all that
    // this process opens is closed on exec. And it is taken once.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let option = |option| get_option(socket.as_fd(), libc::SOL_SOCKET, option);
    let is_listening = option(libc::SO_ACCEPTCONN)? == 1 && option(libc::SO_TYPE)? == libc::SOCK_STREAM;
    let is_tcp = option(libc::SO_PROTOCOL)? == libc::IPPROTO_TCP;
    if !is_listening || !is_tcp && option(libc::SO_DOMAIN)? != libc::AF_UNIX {
        return refuse("is no listening TCP or unix socket");
    }
    // SAFETY: the calls take no pointer.
    unsafe {
        check(libc::fcntl(descriptor, libc::F_SETFL, libc::O_NONBLOCK))?;
        check(libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC))?;
    }
    if is_tcp {
        set_tcp_options(socket.as_fd(), options)?;
    }
    Ok(Listener(socket))
}

/// Whether nobody listens at a socket file any more.
///
/// # Errors
/// It cannot be told: no right to connect, a socket of another kind.
pub(crate) fn is_abandoned(path: &Path) -> io::Result<bool> {
    let socket = new_socket(libc::AF_UNIX)?;
    let (address, length) = raw_address::of_path(path)?;
    let pointer = (&raw const address).cast();
    // SAFETY: `address` lives through the call and has `length` bytes.
    match check(unsafe { libc::connect(socket.as_raw_fd(), pointer, length) }) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(true),
        // So many clients wait that there is no room for one more.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixStream};

    const OPTIONS: Options = Options { defer_seconds: 1, unsent_limit: 1024 };

    #[test]
    fn nothing_waits_on_a_new_listener() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), false, OPTIONS).unwrap();
        listener.listen(1).unwrap();
        assert!(matches!(listener.place().unwrap(), Place::Tcp(address) if address.port() != 0));
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn clients_of_a_unix_socket_have_no_address() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = Listener::bind_unix(&path).unwrap();
        assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        listener.listen(1).unwrap();
        assert_eq!(listener.place().unwrap(), Place::Unix(path.clone()));
        let _client = UnixStream::connect(&path).unwrap();
        assert_eq!(listener.accept().unwrap().1, None);
    }

    #[test]
    fn only_who_refuses_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        let listener = Listener::bind_unix(&path("socket")).unwrap();
        listener.listen(0).unwrap();
        // From the second time on there is no room.
        for _ in 0..3 {
            assert!(!is_abandoned(&path("socket")).unwrap());
        }
        drop(listener);
        assert!(is_abandoned(&path("socket")).unwrap());
        let _other = UnixDatagram::bind(path("datagrams")).unwrap();
        assert!(is_abandoned(&path("datagrams")).is_err());
        assert!(is_abandoned(&path("missing")).is_err());
    }
}
