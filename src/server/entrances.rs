//! The sockets on which requests come: those of the flags or of a supervisor, and those that redirect to https.

use std::io;
use std::num::NonZeroU16;
use std::sync::Arc;

use super::listening::{self, Binder, reachable};
use super::worker::{Entrance, Speech};
use super::{Context, Error};
use crate::config::{Address, Config};
use crate::sys::listener::{Listener, Place};

/// The port of https that is meant where no port is named.
const HTTPS: NonZeroU16 = NonZeroU16::new(443).unwrap();

/// Sockets that were taken, and to which nobody can connect yet.
pub(super) struct Taken {
    /// One list for each address of the flags, or one for all that a supervisor passed on.
    main: Vec<Vec<Listener>>,
    /// Those that redirect, each with the number of the list to which it leads.
    redirecting: Vec<(usize, Listener)>,
}

impl Taken {
    /// Takes all addresses.
    pub(super) fn bind(
        config: &Config,
        inherited: Vec<Listener>,
        binder: &mut Binder,
    ) -> Result<Taken, Error> {
        let addresses = config.listen.addresses();
        let main = if inherited.is_empty() {
            addresses.iter().map(|address| binder.bind(address)).collect::<Result<Vec<_>, Error>>()?
        } else {
            if !config.listen.lists.is_empty() {
                log::warn!("--listen is passed over: the sockets of LISTEN_FDS are used instead");
            }
            vec![inherited]
        };
        let mut taken = Taken { main, redirecting: Vec::new() };
        if let Some(port) = config.tls.http_redirect {
            taken.bind_redirects(&addresses, port, binder)?;
        }
        Ok(taken)
    }

    /// Takes the port once on each host.
    fn bind_redirects(&mut self, addresses: &[Address], port: u16, binder: &mut Binder) -> Result<(), Error> {
        let mut hosts = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let Address::Tcp { host, .. } = address else { continue };
            if hosts.contains(&host) {
                continue;
            }
            hosts.push(host);
            let index = index.min(self.main.len() - 1);
            let listeners = binder.bind(&Address::Tcp { host: host.clone(), port })?;
            self.redirecting.extend(listeners.into_iter().map(|listener| (index, listener)));
        }
        if hosts.is_empty() {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "there is no address with a port");
            return Err(error).context(|| format!("cannot redirect on port {port}"));
        }
        Ok(())
    }

    /// Lets clients connect. From now on requests may come, and `speech` says how the main ones are spoken to.
    pub(super) fn open(self, backlog: u16, scheme: &str, speech: &Speech) -> Result<Entrances, Error> {
        let mut opened =
            Entrances { reachable: Vec::new(), all: Vec::new(), main: Vec::new(), redirecting: Vec::new() };
        let mut everywhere = Vec::new();
        let mut ports = Vec::new();
        for listeners in self.main {
            let mut port = None;
            for listener in listeners {
                let place = listening::open(&listener, backlog)?;
                port = port.or(listening::port_of(&place));
                if let Place::Tcp(address) = place {
                    everywhere.push((address, address.is_ipv4() || listener.takes_ipv4()));
                }
                opened.main.push(listening::name(&place, scheme));
                opened.all.push(Entrance { listener: Arc::new(listener), speech: speech.clone() });
            }
            ports.push(port.and_then(NonZeroU16::new));
        }
        for (index, listener) in self.redirecting {
            let place = listening::open(&listener, backlog)?;
            opened.redirecting.push(listening::name(&place, "http"));
            let speech =
                Speech::Redirects { https_port: ports.get(index).copied().flatten().unwrap_or(HTTPS) };
            opened.all.push(Entrance { listener: Arc::new(listener), speech });
        }
        opened.reachable = reachable::urls(scheme, &everywhere);
        Ok(opened)
    }
}

/// Sockets to which clients connect.
pub(super) struct Entrances {
    pub(super) all: Vec<Entrance>,
    /// The places of the main ones, and of those that redirect, for people.
    main: Vec<String>,
    redirecting: Vec<String>,
    /// The URLs that others can open, where it listens on every address of the machine.
    pub(super) reachable: Vec<String>,
}

impl Entrances {
    /// The one line that says where the server is.
    pub(super) fn ready_line(&self, root: &std::path::Path, workers: u16) -> String {
        let noun = if workers == 1 { "worker" } else { "workers" };
        let version = env!("CARGO_PKG_VERSION");
        let (main, root) = (self.main.join(", "), root.display());
        let mut line = format!("httpd {version} listening on {main}, serving {root} with {workers} {noun}");
        if !self.redirecting.is_empty() {
            line += &format!(", redirecting {}", self.redirecting.join(", "));
        }
        line
    }
}
