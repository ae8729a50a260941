//! The workers as they see one another: how busy each is, and what one hands over to another.
//!
//! On the way of a request nothing here is touched but counters of the worker's own.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use super::counters::{Counters, Sums};
use super::remote::Remote;
use super::transport::Transport;
use crate::site::pending::{Job, Outcome};
use crate::sys::waker::Waker;

/// A worker hands new connections over to another one that has more than so many fewer.
const IMBALANCE: usize = 1;

/// A connection on its way to a worker.
pub(super) struct Incoming {
    pub(super) transport: Transport,
    /// The other end.
    pub(super) remote: Remote,
    /// True if a PROXY header is to come first.
    pub(super) lacks_proxy_header: bool,
    /// Bytes that its socket has accepted.
    pub(super) sent: u64,
    /// Workers that had no room for it.
    pub(super) asked: usize,
}

/// A job that was done for a connection of a worker.
pub(super) struct Finished {
    /// The connection, by its number.
    pub(super) token: usize,
    /// The job, which the connection owns: when it is gone, the number may be another connection's.
    pub(super) job: Weak<Job>,
    pub(super) outcome: Outcome,
}

/// All workers.
pub(super) struct Workers {
    peers: Vec<Peer>,
    /// Whether the server was told to stop and still serves.
    is_draining: AtomicBool,
    is_stopping: AtomicBool,
}

/// One worker, as the others see it.
pub(super) struct Peer {
    waker: Waker,
    connections: AtomicUsize,
    /// Connections that others have given to it; `None` once it takes no more.
    given: Mutex<Option<Vec<Incoming>>>,
    finished: Mutex<Vec<Finished>>,
    counters: Counters,
    /// Whether it was asked for a turn of its loop, and has not made one since.
    is_asked: AtomicBool,
}

impl Workers {
    /// So many workers.
    ///
    /// # Errors
    /// Descriptors are short.
    pub(super) fn new(count: usize) -> io::Result<Workers> {
        let peer = |_| {
            Ok(Peer {
                waker: Waker::new()?,
                connections: AtomicUsize::new(0),
                given: Mutex::new(Some(Vec::new())),
                finished: Mutex::default(),
                counters: Counters::default(),
                is_asked: AtomicBool::new(false),
            })
        };
        let peers = (0..count).map(peer).collect::<io::Result<Vec<Peer>>>()?;
        Ok(Workers { peers, is_draining: AtomicBool::new(false), is_stopping: AtomicBool::new(false) })
    }

    /// The number of workers.
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

    /// Whether the server is to have new work, as balancers understand it.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_draining.load(Ordering::Relaxed) && !self.is_stopping()
    }

    /// Lets balancers know that the server stops soon. It serves as before.
    pub(super) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Asks every worker for a turn of its loop.
    pub(super) fn ask(&self) {
        for peer in &self.peers {
            peer.is_asked.store(true, Ordering::Relaxed);
            peer.waker.wake();
        }
    }

    /// Whether every worker has made a turn since it was asked, or has finished.
    pub(super) fn have_answered(&self) -> bool {
        let has_answered =
            |peer: &Peer| !peer.is_asked.load(Ordering::Relaxed) || lock(&peer.given).is_none();
        self.peers.iter().all(has_answered)
    }

    /// Makes every worker finish.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        for peer in &self.peers {
            peer.waker.wake();
        }
    }

    /// The worker that a new connection of worker `index` should go to instead, if any.
    pub(super) fn less_busy(&self, index: usize) -> Option<&Peer> {
        // Relaxed: the counts are hints.
        let load = |peer: &Peer| peer.connections.load(Ordering::Relaxed);
        let least = self.peers.iter().min_by_key(|peer| load(peer))?;
        (load(least) + IMBALANCE < load(&self.peers[index])).then_some(least)
    }

    /// The numbers of all workers together.
    pub(super) fn sums(&self) -> Sums {
        Sums::of(self.peers.iter().map(|peer| &peer.counters))
    }
}

impl Peer {
    /// Wakes it when something was given to it or finished for it, or the workers stop.
    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Its numbers, which it alone changes.
    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Notes that it makes a turn, as it was asked to.
    pub(super) fn note_turn(&self) {
        self.is_asked.store(false, Ordering::Relaxed);
    }

    /// Lets the others know how many connections it has.
    pub(super) fn set_connections(&self, count: usize) {
        self.connections.store(count, Ordering::Relaxed);
    }

    /// Takes the connections that were given to it.
    pub(super) fn take_given(&self) -> Vec<Incoming> {
        lock(&self.given).as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Refuses further connections and returns true; returns false, and refuses nothing, while one is still waiting
    /// to be taken.
    pub(super) fn stop_taking(&self) -> bool {
        let mut given = lock(&self.given);
        if given.as_ref().is_some_and(|given| !given.is_empty()) {
            return false;
        }
        *given = None;
        true
    }

    /// Takes the jobs that were finished for it.
    pub(super) fn take_finished(&self) -> Vec<Finished> {
        std::mem::take(&mut lock(&self.finished))
    }

    /// Gives it a connection, and returns it when this worker takes no more.
    pub(super) fn give(&self, incoming: Incoming) -> Result<(), Incoming> {
        match &mut *lock(&self.given) {
            Some(given) => given.push(incoming),
            None => return Err(incoming),
        }
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.waker.wake();
        Ok(())
    }

    /// Gives it the outcome of a job.
    pub(super) fn finish(&self, finished: Finished) {
        lock(&self.finished).push(finished);
        self.waker.wake();
    }
}

fn lock<T>(queue: &Mutex<T>) -> MutexGuard<'_, T> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::remote::Place;
    use crate::sys::socket::Socket;

    fn incoming() -> Incoming {
        let (socket, _) = Socket::pair().unwrap();
        let remote = Remote::local(Place::Named);
        Incoming { transport: Transport::plain(socket), remote, lacks_proxy_header: false, sent: 0, asked: 0 }
    }

    #[test]
    fn a_connection_goes_to_the_worker_that_has_the_fewest() {
        let workers = Workers::new(2).unwrap();
        for (own, other, expected) in
            [(0, 0, false), (1, 0, false), (2, 0, true), (3, 2, false), (4, 2, true)]
        {
            workers.peer(0).set_connections(own);
            workers.peer(1).set_connections(other);
            assert_eq!(workers.less_busy(0).is_some(), expected, "{own} and {other}");
        }
    }

    #[test]
    fn a_worker_that_has_stopped_takes_nothing_and_loses_nothing() {
        let workers = Workers::new(1).unwrap();
        let peer = workers.peer(0);
        assert!(peer.give(incoming()).is_ok());
        assert!(!peer.stop_taking(), "one is waiting");
        assert_eq!(peer.take_given().len(), 1);
        assert!(peer.stop_taking());
        assert!(peer.give(incoming()).is_err());
    }
}
