//! Who is let in: how many connections there may be at once, over all workers, and how many of one client.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::client::Client;

/// Why a connection is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There are as many as there may be: an idle one can make room.
    TotalLimit,
    /// Its client has as many as one client may have.
    PerClientLimit,
}

/// The limits that all workers share.
pub(super) struct ConnectionLimits {
    limit: usize,
    /// `None` when a client may have as many as it likes: nothing is counted by client then.
    client_limit: Option<usize>,
    count: AtomicUsize,
    clients: Mutex<HashMap<IpAddr, usize>>,
}

impl ConnectionLimits {
    /// A limits for so many connections, and so many of one client.
    pub(super) fn new(limit: usize, client_limit: Option<usize>) -> ConnectionLimits {
        ConnectionLimits { limit, client_limit, count: AtomicUsize::new(0), clients: Mutex::default() }
    }

    /// Lets a connection in, which is to [`release`](ConnectionLimits::release). Clients without an address are not
    /// counted one by one: a proxy may stand for any number of people.
    ///
    /// # Errors
    /// Why it may not come in.
    pub(super) fn acquire(&self, client: Client) -> Result<(), Refusal> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::TotalLimit);
        }
        if let Some((limit, address)) = self.client_limit.zip(client.address()) {
            let mut clients = self.clients();
            let count = clients.entry(network(address)).or_default();
            if *count >= limit {
                self.count.fetch_sub(1, Ordering::Relaxed);
                return Err(Refusal::PerClientLimit);
            }
            *count += 1;
        }
        Ok(())
    }

    /// A connection that was let in has ended.
    pub(super) fn release(&self, client: Client) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        if let Some((_, address)) = self.client_limit.zip(client.address()) {
            let mut clients = self.clients();
            let network = network(address);
            match clients.get_mut(&network) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(clients.remove(&network)),
            }
        }
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one client is: an IPv4 address, or an IPv6 network of 64 bits, within which anybody has as many
/// addresses as there are.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn so_many_and_no_more() {
        let limits = ConnectionLimits::new(2, None);
        let client = client("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(limits.acquire(client), Ok(()));
            assert_eq!(limits.acquire(client), Ok(()));
            assert_eq!(limits.acquire(client), Err(Refusal::TotalLimit));
            limits.release(client);
            limits.release(client);
        }
    }

    #[test]
    fn so_many_of_one_client() {
        let limits = ConnectionLimits::new(5, Some(1));
        for (own, neighbour, stranger) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::ffff:0:0:2", "2001:db8:0:1::1"),
        ] {
            let [own, neighbour, stranger] = [own, neighbour, stranger].map(client);
            assert_eq!(limits.acquire(own), Ok(()));
            assert_eq!(limits.acquire(neighbour), Err(Refusal::PerClientLimit));
            assert_eq!(limits.acquire(stranger), Ok(()));
            limits.release(own);
            assert_eq!(limits.acquire(neighbour), Ok(()));
            limits.release(neighbour);
            limits.release(stranger);
        }
        assert_eq!(limits.count.load(Ordering::Relaxed), 0);
        assert!(limits.clients().is_empty(), "nobody is remembered who has left");
    }

    #[test]
    fn clients_without_an_address_are_not_told_apart() {
        let limits = ConnectionLimits::new(2, Some(1));
        assert_eq!(limits.acquire(Client::Unix), Ok(()));
        assert_eq!(limits.acquire(Client::Unix), Ok(()));
        assert_eq!(limits.acquire(Client::Unix), Err(Refusal::TotalLimit));
        limits.release(Client::Unix);
        assert_eq!(limits.acquire(client("192.0.2.1")), Ok(()));
    }
}
