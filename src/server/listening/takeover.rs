//! The port that several servers share: the one that is started last takes it over.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};

/// The number of the socket that has begun to listen last, among those that share an address. It stays right when that
/// one is closed, and when only one is left. In between, where one of three or more is closed, the kernel may choose
/// among those that are left: a program of the classic kind cannot know how many there are.
pub(super) fn index_of_last(address: SocketAddr) -> u32 {
    let path = if address.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let count = File::open(path).and_then(|file| count_listeners(BufReader::new(file), address));
    match count {
        Ok(count @ 1..) => count - 1,
        // Without that table there are two most likely: an old server and this one.
        _ => 1,
    }
}

/// Counts the sockets that listen on an address, in a table of the kernel's (proc_net(5)). They come first in it.
fn count_listeners(table: impl BufRead, address: SocketAddr) -> io::Result<u32> {
    const LISTENING: &str = "0A";
    let wanted = in_table(address);
    let mut count = 0;
    for line in table.lines().skip(1) {
        let line = line?;
        let mut fields = line.split_whitespace().skip(1);
        let (local, _, state) = (fields.next(), fields.next(), fields.next());
        if state != Some(LISTENING) {
            break;
        }
        count += u32::from(local == Some(&wanted));
    }
    Ok(count)
}

/// An address as it stands in that table: words of four bytes as numbers of this machine.
fn in_table(address: SocketAddr) -> String {
    let words = |bytes: &[u8]| {
        let words = bytes.chunks_exact(4);
        words
            .map(|word| format!("{:08X}", u32::from_ne_bytes([word[0], word[1], word[2], word[3]])))
            .collect()
    };
    let ip: String = match address.ip() {
        IpAddr::V4(ip) => words(&ip.octets()),
        IpAddr::V6(ip) => words(&ip.octets()),
    };
    format!("{ip}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::listener::{Listener, Options, Place};

    const OPTIONS: Options = Options { defer_seconds: 1, unsent_limit: 256 * 1024 };

    #[test]
    fn the_last_of_several() {
        for host in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            let first = match Listener::bind(host.parse().unwrap(), true, OPTIONS) {
                Err(_) if host.starts_with('[') => continue, // no IPv6 here
                first => first.unwrap(),
            };
            first.listen(1).unwrap();
            let address = SocketAddr::new(host.parse::<SocketAddr>().unwrap().ip(), port_of(&first));
            let mut listeners = vec![first];
            for index in 0..4 {
                assert_eq!(index_of_last(address), index, "{host}");
                listeners.push(Listener::bind(address, true, OPTIONS).unwrap());
                listeners[listeners.len() - 1].listen(1).unwrap();
            }
        }
    }

    fn port_of(listener: &Listener) -> u16 {
        match listener.place().unwrap() {
            Place::Tcp(address) => address.port(),
            place => panic!("{place:?}"),
        }
    }

    #[test]
    fn only_listeners_on_the_very_address_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue ...
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000
   1: 00000000:1F40 00000000:0000 0A 00000000:00000000
   2: 0100007F:1F41 00000000:0000 0A 00000000:00000000
   3: 0100007F:1F40 00000000:0000 0A 00000000:00000000
   4: 0100007F:1F40 0100007F:A0F2 01 00000000:00000000
   5: 0100007F:1F40 00000000:0000 0A 00000000:00000000
";
        if cfg!(target_endian = "little") {
            let address = "127.0.0.1:8000".parse().unwrap();
            assert_eq!(count_listeners(table.as_bytes(), address).unwrap(), 2);
        }
    }
}
