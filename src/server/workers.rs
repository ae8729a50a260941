//! The workers as they see one another: who is how busy, and what one gives to another.
//!
//! Nothing here is touched on the way of a request, but for one counter of the worker's own.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use crate::site::cold::Cold;
use crate::sys::socket::Socket;
use crate::sys::waker::Waker;

/// How many connections more than another a worker may have before it gives new ones away.
const IMBALANCE: usize = 1;

/// A connection on its way to a worker.
pub(super) struct Incoming {
    /// The socket.
    pub socket: Socket,
    /// Whose it is.
    pub client: IpAddr,
    /// Whether it has been let in.
    pub is_inside: bool,
    /// How many workers had no room for it.
    pub asked: usize,
}

/// All workers.
pub(super) struct Workers {
    peers: Vec<Peer>,
    is_stopping: AtomicBool,
}

/// One worker, as the others see it.
pub(super) struct Peer {
    waker: Waker,
    connections: AtomicUsize,
    /// Connections that others have given to it; `None` once it takes no more.
    given: Mutex<Option<Vec<Incoming>>>,
    /// Connections of its own for which something was fetched, and what.
    fetched: Mutex<Vec<(usize, Weak<Cold>)>>,
}

impl Workers {
    /// A workers of so many workers.
    ///
    /// # Errors
    /// The system's, when there are too many descriptors.
    pub(super) fn new(count: usize) -> io::Result<Workers> {
        let peer = || {
            let (given, fetched) = (Mutex::new(Some(Vec::new())), Mutex::default());
            Ok(Peer { waker: Waker::new()?, connections: AtomicUsize::new(0), given, fetched })
        };
        let peers = (0..count).map(|_| peer()).collect::<io::Result<Vec<Peer>>>()?;
        Ok(Workers { peers, is_stopping: AtomicBool::new(false) })
    }

    /// How many workers there are.
    pub(super) fn size(&self) -> usize {
        self.peers.len()
    }

    /// The worker with this number.
    pub(super) fn peer(&self, index: usize) -> &Peer {
        &self.peers[index]
    }

    /// Whether the workers are to finish.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Makes every worker finish.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        for peer in &self.peers {
            peer.waker.wake();
        }
    }

    /// Whom a new connection of worker `index` should go to instead, if anybody.
    pub(super) fn less_busy(&self, index: usize) -> Option<&Peer> {
        let load = |peer: &Peer| peer.connections.load(Ordering::Relaxed);
        let least = self.peers.iter().min_by_key(|peer| load(peer))?;
        (load(least) + IMBALANCE < load(&self.peers[index])).then_some(least)
    }
}

impl Peer {
    /// What rings when something was given or told, or the workers stops.
    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Lets the others know how many connections it has.
    pub(super) fn set_connections(&self, count: usize) {
        self.connections.store(count, Ordering::Relaxed);
    }

    /// What was given to it since it last asked.
    pub(super) fn take_given(&self) -> Vec<Incoming> {
        lock(&self.given).as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes no more, unless something is there that is to be taken first. Returns whether it is so.
    pub(super) fn stop_taking(&self) -> bool {
        let mut given = lock(&self.given);
        if given.as_ref().is_some_and(|given| !given.is_empty()) {
            return false;
        }
        *given = None;
        true
    }

    /// The connections for which something was fetched since it last asked, and what.
    pub(super) fn take_fetched(&self) -> Vec<(usize, Weak<Cold>)> {
        std::mem::take(&mut lock(&self.fetched))
    }

    /// Gives it a connection, and gets it back when it has finished already.
    ///
    /// # Errors
    /// The connection.
    pub(super) fn give(&self, incoming: Incoming) -> Result<(), Incoming> {
        match &mut *lock(&self.given) {
            Some(given) => given.push(incoming),
            None => return Err(incoming),
        }
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.waker.wake();
        Ok(())
    }

    /// Tells it that something was fetched for one of its connections.
    pub(super) fn tell_fetched(&self, token: usize, cold: Weak<Cold>) {
        lock(&self.fetched).push((token, cold));
        self.waker.wake();
    }
}

fn lock<T>(queue: &Mutex<T>) -> MutexGuard<'_, T> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
