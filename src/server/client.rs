//! The client of a connection, as the log names it and as the limits count it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::config::Networks;

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// One that has an address. An IPv4 address is never in the form of an IPv6 one.
    Address(IpAddr),
    /// A process of this machine, which has come through a unix socket and has no address.
    Unix,
}

impl Client {
    /// Its address, if it has one.
    pub(super) fn address(self) -> Option<IpAddr> {
        match self {
            Client::Address(address) => Some(address),
            Client::Unix => None,
        }
    }

    /// Whether it belongs to one of the networks.
    pub(super) fn is_in(self, networks: &Networks) -> bool {
        match self {
            Client::Address(address) => networks.contains(address),
            Client::Unix => networks.has_unix(),
        }
    }

    /// What one client is for limits: an IPv4 address, or an IPv6 network of 64 bits, within which anybody has as many
    /// addresses as there are. `None` where it has no address.
    pub(super) fn network(self) -> Option<IpAddr> {
        Some(match self.address()? {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address => address,
        })
    }
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Client {
        Client::Address(address.to_canonical())
    }
}

impl fmt::Display for Client {
    /// The address, or `unix`.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Client::Address(address) => address.fmt(formatter),
            Client::Unix => formatter.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (address, expected) in
            [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1")]
        {
            let client = Client::from(address.parse::<IpAddr>().unwrap());
            assert_eq!(client.to_string(), expected);
            assert_eq!(client.address().unwrap().to_string(), expected);
        }
        assert_eq!((Client::Unix.to_string().as_str(), Client::Unix.address()), ("unix", None));
        assert_eq!(size_of::<Client>(), size_of::<IpAddr>());
    }

    #[test]
    fn networks() {
        let client = |address: &str| Client::from(address.parse::<IpAddr>().unwrap());
        let networks = "10.0.0.0/8,::1".parse().unwrap();
        for (address, expected) in [
            ("10.0.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("::1", true),
            ("::2", false),
            ("192.0.2.1", false),
        ] {
            assert_eq!(client(address).is_in(&networks), expected, "{address}");
        }
        assert!(!Client::Unix.is_in(&networks));
        assert!(Client::Unix.is_in(&"10.0.0.0/8,unix".parse().unwrap()));
    }
}
