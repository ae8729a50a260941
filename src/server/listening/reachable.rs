//! The URLs that others can open, where the server listens on every address of the machine.

use std::net::{IpAddr, SocketAddr};

use crate::sys::interfaces;

/// URLs that are told at most: a machine may have hundreds of addresses, and few that matter.
const MOST: usize = 16;

/// The URLs that others can open, of places that stand for all addresses: each place, and whether it takes IPv4. None
/// where the system does not tell.
pub(in crate::server) fn urls(scheme: &str, places: &[(SocketAddr, bool)]) -> Vec<String> {
    if places.iter().all(|(place, _)| !place.ip().is_unspecified()) {
        return Vec::new();
    }
    urls_among(scheme, places, &interfaces::addresses().unwrap_or_default())
}

fn urls_among(scheme: &str, places: &[(SocketAddr, bool)], addresses: &[IpAddr]) -> Vec<String> {
    let mut urls = Vec::new();
    for (place, takes_ipv4) in places.iter().filter(|(place, _)| place.ip().is_unspecified()) {
        let is_heard = |address: &&IpAddr| match address {
            IpAddr::V4(_) => *takes_ipv4,
            IpAddr::V6(_) => place.is_ipv6(),
        };
        for &address in addresses.iter().filter(is_heard).filter(|address| is_for_others(**address)) {
            let url = format!("{scheme}://{}", SocketAddr::new(address, place.port()));
            if !urls.contains(&url) && urls.len() < MOST {
                urls.push(url);
            }
        }
    }
    urls
}

/// Whether others can use an address. One of a single link needs the name of an interface after it, which differs from
/// machine to machine, and which browsers do not take.
fn is_for_others(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_unspecified(),
        IpAddr::V6(address) => {
            !address.is_loopback() && !address.is_unspecified() && !address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_others() {
        let addresses = ["127.0.0.1", "192.0.2.7", "10.0.0.1", "::1", "fe80::1", "2001:db8::1", "192.0.2.7"];
        let addresses = addresses.map(|address| address.parse().unwrap());
        for (places, expected) in [
            (&[("127.0.0.1:80", true)][..], &[][..]),
            (&[("0.0.0.0:80", true)], &["http://192.0.2.7:80", "http://10.0.0.1:80"]),
            (&[("[::]:80", false)], &["http://[2001:db8::1]:80"]),
            (&[("[::]:80", true)], &["http://192.0.2.7:80", "http://10.0.0.1:80", "http://[2001:db8::1]:80"]),
            (
                &[("[::]:80", false), ("0.0.0.0:81", true), ("[::1]:82", false)],
                &["http://[2001:db8::1]:80", "http://192.0.2.7:81", "http://10.0.0.1:81"],
            ),
        ] {
            let places: Vec<_> = places.iter().map(|(place, both)| (place.parse().unwrap(), *both)).collect();
            assert_eq!(urls_among("http", &places, &addresses), expected, "{places:?}");
        }
        let many: Vec<IpAddr> = (0..200).map(|last| IpAddr::from([192, 0, 2, last])).collect();
        assert_eq!(urls_among("http", &[("0.0.0.0:80".parse().unwrap(), true)], &many).len(), MOST);
    }
}
