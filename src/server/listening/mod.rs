//! The addresses on which the server listens: taken first, with the rights of the start, and opened to clients once all
//! that can fail is done.

pub(super) mod reachable;
pub(super) mod socket_file;
mod takeover;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use self::socket_file::SocketFiles;
use super::{Context, Error};
use crate::config::Address;
use crate::sys::listener::{Listener, Options, Place};
use crate::sys::user::Identity;

/// Options that all accepted sockets inherit.
const OPTIONS: Options = Options {
    // The request is there when a connection is handed over, and can be read at once. A client that says nothing is
    // handed over a little later.
    defer_seconds: 1,
    // Limit for a client that has proved nothing yet. With the kernel's default of megabytes, a thousand clients that
    // never read cost gigabytes, and seconds to fill and to free them.
    unsent_limit: 256 * 1024,
};

/// Attempts to find one port that is free on all addresses of a host.
const ATTEMPTS: usize = 8;

/// The sockets that a supervisor passes on. To be called before anything is opened.
pub(super) fn inherited() -> Result<Vec<Listener>, Error> {
    Listener::inherited(OPTIONS).context(|| "cannot use LISTEN_FDS".into())
}

/// The way in which addresses are taken.
pub(super) struct Binder<'a> {
    /// Whether ports are shared with another server.
    pub(super) reuse_port: bool,
    /// The user to whom socket files are given.
    pub(super) owner: Option<Identity>,
    /// The socket files that were made.
    pub(super) files: &'a mut SocketFiles,
}

impl Binder<'_> {
    /// Takes an address, which may be several where it is a name. Nobody can connect before [`open`].
    pub(super) fn bind(&mut self, address: &Address) -> Result<Vec<Listener>, Error> {
        match address {
            Address::Tcp { host, port } => {
                let addresses = resolve(host, *port).context(|| format!("cannot resolve {host}"))?;
                self.bind_each(&addresses).context(|| format!("cannot listen on {address}"))
            }
            Address::Unix { path, mode } => {
                let listener = self.files.bind(path, *mode, self.owner);
                Ok(vec![listener.context(|| format!("cannot listen on {address}"))?])
            }
        }
    }

    /// Takes the addresses of one host, with one port for all if the system is to choose it. One that cannot be had
    /// costs a warning, unless there is no other.
    fn bind_each(&self, addresses: &[SocketAddr]) -> io::Result<Vec<Listener>> {
        let mut taken = Taken::default();
        for _ in 0..ATTEMPTS {
            taken = self.try_to_bind(addresses);
            let is_in_use =
                |(address, error): &Failure| address.port() == 0 && error.kind() == io::ErrorKind::AddrInUse;
            if !taken.failures.iter().any(is_in_use) {
                break;
            }
        }
        if taken.listeners.is_empty() {
            let last = taken.failures.pop().map(|(_, error)| error);
            return Err(last.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()));
        }
        for (address, error) in taken.failures {
            log::warn!("cannot listen on {address}: {error}; another address of the same host is there");
        }
        Ok(taken.listeners)
    }

    fn try_to_bind(&self, addresses: &[SocketAddr]) -> Taken {
        let mut taken = Taken::default();
        let mut chosen = None;
        for &address in addresses {
            let port = if address.port() == 0 { chosen.unwrap_or(0) } else { address.port() };
            let bound = Listener::bind(SocketAddr::new(address.ip(), port), self.reuse_port, OPTIONS);
            match bound.and_then(|listener| Ok((listener.place()?, listener))) {
                Ok((place, listener)) => {
                    chosen = port_of(&place);
                    taken.listeners.push(listener);
                }
                Err(error) => taken.failures.push((address, error)),
            }
        }
        taken
    }
}

/// The addresses that a host stands for, each once. `localhost` is the loopback of both versions, whatever the files of
/// the machine say (RFC 6761 section 6.3): clients try both.
fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
    }
    let mut addresses = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

/// An address that could not be had.
type Failure = (SocketAddr, io::Error);

/// The addresses of one host.
#[derive(Default)]
struct Taken {
    listeners: Vec<Listener>,
    failures: Vec<Failure>,
}

/// Lets clients connect, and returns the place. On a port that is shared, this server gets all new connections from
/// now on, and the others can finish and close without losing any.
pub(super) fn open(listener: &Listener, backlog: u16) -> Result<Place, Error> {
    let place = listener.place().context(|| "cannot listen".into())?;
    let begin = || {
        let is_new = listener.listen(i32::from(backlog))?;
        match place {
            Place::Tcp(address) if is_new && listener.shares_port()? => {
                listener.prefer(takeover::index_of_last(address))
            }
            _ => Ok(()),
        }
    };
    begin().context(|| format!("cannot listen on {}", name(&place, "http")))?;
    Ok(place)
}

/// The port of a place that has one.
pub(super) fn port_of(place: &Place) -> Option<u16> {
    match place {
        Place::Tcp(address) => Some(address.port()),
        Place::Unix(_) => None,
    }
}

/// A place as people read it.
pub(super) fn name(place: &Place, scheme: &str) -> String {
    match place {
        Place::Tcp(address) => format!("{scheme}://{address}"),
        Place::Unix(path) => format!("unix:{}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(addresses: &[SocketAddr]) -> io::Result<Vec<Listener>> {
        let mut files = SocketFiles::default();
        let binder = Binder { reuse_port: false, owner: None, files: &mut files };
        binder.bind_each(addresses)
    }

    fn ports(listeners: &[Listener]) -> Vec<u16> {
        listeners.iter().map(|listener| port_of(&listener.place().unwrap()).unwrap()).collect()
    }

    #[test]
    fn all_addresses_of_a_host_have_one_port() {
        let host = [1, 2, 3].map(|last| SocketAddr::from(([127, 0, 0, last], 0)));
        let ports = ports(&bind(&host).unwrap());
        assert!(ports.len() == 3 && ports.iter().all(|&port| port == ports[0] && port != 0), "{ports:?}");
    }

    #[test]
    fn names() {
        for (host, expected) in [
            ("127.0.0.1", &["127.0.0.1:80"][..]),
            ("::", &["[::]:80"]),
            ("localhost", &["127.0.0.1:80", "[::1]:80"]),
            ("LOCALHOST", &["127.0.0.1:80", "[::1]:80"]),
        ] {
            let addresses: Vec<String> =
                resolve(host, 80).unwrap().iter().map(SocketAddr::to_string).collect();
            assert_eq!(addresses, expected, "{host}");
        }
    }

    #[test]
    fn one_address_that_can_be_had_is_enough() {
        // An address of another machine (RFC 5737).
        let (own, other) = (([127, 0, 0, 1], 0).into(), ([192, 0, 2, 1], 0).into());
        assert_eq!(bind(&[other, own]).unwrap().len(), 1);
        assert_eq!(bind(&[own, other]).unwrap().len(), 1);
        assert_eq!(bind(&[other]).unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
        assert!(bind(&[]).is_err());
    }
}
