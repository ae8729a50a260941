//! Who is let in: how many connections there may be at once, over all workers, and how many of one client.

use std::collections::HashMap;
use std::net::IpAddr;
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

    /// Lets a connection in, which is to [`release`](ConnectionLimits::release). Where its client is not known yet, that
    /// is let in later.
    ///
    /// # Errors
    /// Why it may not come in.
    pub(super) fn acquire(&self, client: Option<Client>) -> Result<(), Refusal> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::TotalLimit);
        }
        let result = client.map_or(Ok(()), |client| self.acquire_client(client));
        if result.is_err() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        result
    }

    /// Whether connections are counted by client.
    pub(super) fn count_clients(&self) -> bool {
        self.client_limit.is_some()
    }

    /// Lets the client of a connection in. Clients without an address are not counted one by one: a proxy may stand for
    /// any number of people.
    ///
    /// # Errors
    /// It has as many connections as one client may have.
    pub(super) fn acquire_client(&self, client: Client) -> Result<(), Refusal> {
        if let Some((limit, network)) = self.client_limit.zip(client.network()) {
            let mut clients = self.clients();
            let count = clients.entry(network).or_default();
            if *count >= limit {
                return Err(Refusal::PerClientLimit);
            }
            *count += 1;
        }
        Ok(())
    }

    /// A connection that was let in has ended, and so has its client, if that was let in.
    pub(super) fn release(&self, client: Option<Client>) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        if let Some((_, network)) = self.client_limit.zip(client.and_then(Client::network)) {
            let mut clients = self.clients();
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
            assert_eq!(limits.acquire(Some(client)), Ok(()));
            assert_eq!(limits.acquire(Some(client)), Ok(()));
            assert_eq!(limits.acquire(Some(client)), Err(Refusal::TotalLimit));
            limits.release(Some(client));
            limits.release(Some(client));
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
            assert_eq!(limits.acquire(Some(own)), Ok(()));
            assert_eq!(limits.acquire(Some(neighbour)), Err(Refusal::PerClientLimit));
            assert_eq!(limits.acquire(Some(stranger)), Ok(()));
            limits.release(Some(own));
            assert_eq!(limits.acquire(Some(neighbour)), Ok(()));
            limits.release(Some(neighbour));
            limits.release(Some(stranger));
        }
        assert_eq!(limits.count.load(Ordering::Relaxed), 0);
        assert!(limits.clients().is_empty(), "nobody is remembered who has left");
    }

    #[test]
    fn a_client_that_is_known_later() {
        let limits = ConnectionLimits::new(3, Some(1));
        let [own, stranger] = ["192.0.2.1", "192.0.2.2"].map(client);
        for _ in 0..2 {
            assert_eq!([limits.acquire(None), limits.acquire(None)], [Ok(()), Ok(())]);
            assert_eq!(limits.acquire_client(own), Ok(()));
            assert_eq!(limits.acquire_client(own), Err(Refusal::PerClientLimit));
            assert_eq!(limits.acquire(Some(own)), Err(Refusal::PerClientLimit));
            assert_eq!(limits.acquire(Some(stranger)), Ok(()));
            assert_eq!(limits.acquire(None), Err(Refusal::TotalLimit));
            [Some(own), None, Some(stranger)].into_iter().for_each(|client| limits.release(client));
        }
        assert_eq!(limits.count.load(Ordering::Relaxed), 0);
        assert!(limits.clients().is_empty(), "nobody is remembered who has left");
    }

    #[test]
    fn clients_without_an_address_are_not_told_apart() {
        let limits = ConnectionLimits::new(2, Some(1));
        assert_eq!(limits.acquire(Some(Client::Unix)), Ok(()));
        assert_eq!(limits.acquire(Some(Client::Unix)), Ok(()));
        assert_eq!(limits.acquire(Some(Client::Unix)), Err(Refusal::TotalLimit));
        limits.release(Some(Client::Unix));
        assert_eq!(limits.acquire(Some(client("192.0.2.1"))), Ok(()));
    }
}
