//! Lists of networks, by which the operator says who is trusted and who is served.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// Bits of an IPv6 address before the IPv4 one that it stands for (RFC 4291 section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// Networks, and perhaps the unix sockets of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    networks: Vec<IpNet>,
    has_unix: bool,
}

impl Networks {
    /// Whether an address belongs to one of them. An IPv4 address is not in the form of an IPv6 one.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether clients without an address belong to them, which come through unix sockets.
    pub(crate) fn has_unix(&self) -> bool {
        self.has_unix
    }
}

impl FromStr for Networks {
    type Err = String;

    /// Networks (`10.0.0.0/8`), addresses and the word `unix`, with commas between them.
    fn from_str(text: &str) -> Result<Networks, String> {
        let mut networks = Networks::default();
        for element in text.split(',').map(str::trim) {
            match network(element) {
                Some(network) => networks.networks.push(network),
                None if element == "unix" => networks.has_unix = true,
                None => {
                    return Err(format!(
                        "{element:?} is no network, such as 10.0.0.0/8, no address, and not unix"
                    ));
                }
            }
        }
        Ok(networks)
    }
}

/// A network, or the one that an address is by itself. One of IPv4 in the form of IPv6 is the former.
fn network(text: &str) -> Option<IpNet> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?;
    let mapped = |network: IpNet| {
        let IpNet::V6(network) = network else { return None };
        let length = network.prefix_len().checked_sub(MAPPED_BITS)?;
        Ipv4Net::new(network.addr().to_ipv4_mapped()?, length).ok()
    };
    Some(mapped(network).map_or(network, IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members() {
        for (text, address, expected) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1/32", "192.0.2.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("::1", "::1", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("::ffff:0:0/96", "192.0.2.1", true),
            ("192.0.2.0/24, 2001:db8::/32 ,unix", "192.0.2.9", true),
            ("192.0.2.0/24,2001:db8::/32,unix", "2001:db8::9", true),
            ("unix", "127.0.0.1", false),
        ] {
            let networks: Networks = text.parse().unwrap();
            assert_eq!(networks.contains(address.parse().unwrap()), expected, "{address} in {text}");
            assert_eq!(networks.has_unix(), text.contains("unix"), "{text}");
        }
    }

    #[test]
    fn faults() {
        for (text, named) in [
            ("", "\"\""),
            ("10.0.0.0/8,", "\"\""),
            ("10.0.0.0/33", "10.0.0.0/33"),
            ("2001:db8::/129", "2001:db8::/129"),
            ("10.0.0.0/", "10.0.0.0/"),
            ("10.0.0/8", "10.0.0/8"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/255.0.0.0"),
            ("[::1]", "[::1]"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("127.0.0.1,localhost", "localhost"),
            ("Unix", "Unix"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
        ] {
            let error = text.parse::<Networks>().unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
