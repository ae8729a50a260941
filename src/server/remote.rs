//! The other end of a connection: whose it is, whether it is a proxy that is believed, and its place within the limits.

use std::net::IpAddr;
use std::num::NonZeroU16;

use super::before_site::BeforeSite;
use super::client::Client;
use super::connection::Gate;
use super::limits::ConnectionLimits;
use crate::config::Proxies;
use crate::http::forwarded;
use crate::http::request::Request;

/// The place of a connection within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// None: it is told so and closed.
    None,
    /// One, whose client is not counted: no proxy has named it yet.
    Unnamed,
    /// One, whose client is counted.
    Named,
    /// One, but its client has as many as it may have: it is told so and closed.
    Refused,
}

/// The other end of a connection.
#[derive(Debug)]
pub(super) struct Remote {
    /// The client: the peer of the socket, or the one that a PROXY header has named.
    client: Client,
    /// The client that is counted, if it is another one.
    named: Option<Box<Client>>,
    pub(super) place: Place,
    /// True for a proxy whose fields are believed.
    is_trusted: bool,
    /// The port that speaks TLS, if its requests are redirected to it.
    pub(super) redirects_to: Option<NonZeroU16>,
}

impl Remote {
    /// A peer that has connected. It has no place yet.
    pub(super) fn new(peer: Client, proxies: &Proxies, redirects_to: Option<NonZeroU16>) -> Remote {
        let is_trusted = proxies.trust(peer);
        Remote { client: peer, named: None, place: Place::None, is_trusted, redirects_to }
    }

    /// This machine, believed by nobody.
    #[cfg(test)]
    pub(super) fn local(place: Place) -> Remote {
        let client = Client::Address(std::net::Ipv4Addr::LOCALHOST.into());
        Remote { client, named: None, place, is_trusted: false, redirects_to: None }
    }

    /// Takes the client from a PROXY header, if that names one.
    pub(super) fn note_header(&mut self, client: Option<IpAddr>, proxies: &Proxies) {
        if let Some(client) = client {
            self.client = client.into();
            self.is_trusted = proxies.trust(self.client);
        }
    }

    /// The client, as far as the connection itself tells.
    pub(super) fn client(&self) -> Client {
        self.client
    }

    /// The client of a request: the one that trusted proxies name, or else that of the connection.
    pub(super) fn client_of(&self, request: &Request, proxies: &Proxies) -> Client {
        if !self.is_trusted {
            return self.client;
        }
        let client = forwarded::client(request, |address| proxies.trust(Client::Address(address)));
        client.map_or(self.client, Client::from)
    }

    /// True if a trusted proxy says that the client of a request speaks https.
    pub(super) fn is_https(&self, request: &Request) -> bool {
        self.is_trusted && forwarded::is_https(request)
    }

    /// What is answered to a request of this client before the site is asked.
    pub(super) fn before_site<'a>(
        &self,
        request: &Request,
        client: Client,
        gate: Gate<'a>,
    ) -> BeforeSite<'a> {
        let https_port = self.redirects_to.filter(|_| !self.is_https(request));
        BeforeSite {
            client,
            allowed: gate.allowed,
            health: gate.health,
            logins: gate.logins,
            https_port: https_port.map(NonZeroU16::get),
        }
    }

    /// True for a proxy whose fields are believed.
    pub(super) fn is_trusted(&self) -> bool {
        self.is_trusted
    }

    /// Whether it is within the limits.
    pub(super) fn is_served(&self) -> bool {
        matches!(self.place, Place::Unnamed | Place::Named)
    }

    /// The client that is counted within the limits.
    pub(super) fn counted(&self) -> Option<Client> {
        (self.place == Place::Named).then(|| self.named.as_deref().copied().unwrap_or(self.client))
    }

    /// Counts the client of the first request, unless it is the proxy itself. Returns whether the client may have one more.
    pub(super) fn count_named_client(&mut self, client: Client, limits: &ConnectionLimits) -> bool {
        client == self.client || self.count(client, limits)
    }

    /// Counts a client that the connection turns out to be of, unless one is counted. Returns whether it may have one more;
    /// if not, it is to be told so.
    pub(super) fn count(&mut self, client: Client, limits: &ConnectionLimits) -> bool {
        if self.place != Place::Unnamed || !limits.count_clients() {
            return true;
        }
        let is_let_in = limits.acquire_client(client).is_ok();
        self.place = if is_let_in { Place::Named } else { Place::Refused };
        self.named = (is_let_in && client != self.client).then(|| client.into());
        is_let_in
    }
}

impl Proxies {
    /// Whether what a peer says of its clients is believed.
    pub(super) fn trust(&self, peer: Client) -> bool {
        self.trusted.as_ref().is_some_and(|trusted| peer.is_in(trusted))
    }
}
