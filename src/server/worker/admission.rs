//! How connections come in: accepted, or given by another worker; let in, or turned away.
//!
//! When the limits is full, a newcomer waits until all that has arrived is answered: only then it is known who
//! is idle. The connection that has been idle for longest makes room. A worker that has none passes the
//! newcomer on, and the last one to find none turns it away with a 503.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{DRAIN_TIME, LISTENER, Slot, Worker};
use crate::server::connection::{Connection, Reason};
use crate::server::limits::Refusal;
use crate::server::workers::Incoming;
use crate::sys::epoll::Interest;
use crate::sys::socket::Listener;

/// Connections that one turn accepts at most; with several workers the others get their share.
pub(super) const ACCEPTED: usize = 128;
/// How long no connection is accepted after descriptors or memory were short.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Worker {
    /// Accepts connections that wait, `most` of them.
    pub(super) fn accept(&mut self, most: usize) {
        let Some(listener) = self.setup.listener.clone() else { return };
        for _ in 0..most {
            match listener.accept() {
                Ok((socket, address)) => {
                    self.admit(Incoming { socket, client: address.ip(), is_inside: false, asked: 0 });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_shortage(&error) => return self.pause_accepting(&listener, &error),
                // The connection broke before it was taken: there may be others behind it.
                Err(_) => {}
            }
        }
    }

    /// The listener stays readable while nothing can be accepted: without a pause the loop would spin.
    fn pause_accepting(&mut self, listener: &Listener, error: &io::Error) {
        log::warn!("no connection is accepted for {} ms: {error}", ACCEPT_PAUSE.as_millis());
        // It is watched: removing it cannot fail.
        let _ = self.epoll.delete(listener);
        self.accepts_again = Some(self.now + ACCEPT_PAUSE);
    }

    pub(super) fn accept_again(&mut self) {
        self.accepts_again = None;
        if let Some(listener) = &self.setup.listener
            && self.epoll.add(&**listener, LISTENER, Interest::ReadableExclusive).is_err()
        {
            self.accepts_again = Some(self.now + ACCEPT_PAUSE);
        }
    }

    /// Takes a connection in, if there is room for it; if not, it waits for an idle one to make room.
    pub(super) fn admit(&mut self, incoming: Incoming) {
        if let Some(incoming) = self.try_to_admit(incoming) {
            self.waiting.push(incoming);
        }
    }

    /// Takes in those for whom room was to be made.
    pub(super) fn admit_waiting(&mut self) {
        for incoming in std::mem::take(&mut self.waiting) {
            if let Some(incoming) = self.try_to_admit(incoming) {
                self.pass_on(incoming);
            }
        }
    }

    /// Gives a connection back when there is no room.
    fn try_to_admit(&mut self, mut incoming: Incoming) -> Option<Incoming> {
        if !incoming.is_inside {
            match self.setup.limits.acquire(incoming.client) {
                Ok(()) => incoming.is_inside = true,
                Err(Refusal::TotalLimit) => return Some(incoming),
                Err(Refusal::PerClientLimit) => {}
            }
        }
        self.insert(incoming);
        None
    }

    /// Nobody is idle here: the next worker may have somebody.
    fn pass_on(&mut self, incoming: Incoming) {
        let workers = Arc::clone(&self.setup.workers);
        let asked = incoming.asked + 1;
        let refused = if asked < workers.size() {
            workers.peer((self.setup.index + 1) % workers.size()).give(Incoming { asked, ..incoming })
        } else {
            Err(incoming)
        };
        if let Err(incoming) = refused {
            self.insert(incoming);
        }
    }

    /// Closes as many connections as there are waiting, of those that have been idle for longest.
    pub(super) fn make_room(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let idle = self
            .slots
            .iter()
            .filter_map(|(token, slot)| slot.connection.idle_since().map(|since| Reverse((since, token))));
        let mut idle: BinaryHeap<Reverse<(Instant, usize)>> = idle.collect();
        let mut missing = self.waiting.len();
        while let Some(Reverse((_, token))) = idle.pop()
            && missing > 0
        {
            // A request that has arrived in the meantime is answered.
            if !self.slots[token].connection.socket().has_input() {
                self.with_connection(token, |connection, turn, _| connection.close(Reason::MadeRoom, turn));
                missing -= 1;
            }
        }
    }

    /// Gives a connection its slot. Its request is there already, or the kernel would not have handed it over.
    fn insert(&mut self, incoming: Incoming) {
        let token = self.slots.insert(Slot::new(Connection::from_incoming(incoming, self.now)));
        self.count_connections();
        self.receive(token);
    }

    /// Takes the connections that wait already. Once every worker has let go of the listener, clients that
    /// come later are refused instead of waiting in vain.
    pub(super) fn begin_to_stop(&mut self) {
        self.ends = Some(self.now + self.setup.timeouts.grace);
        self.drain_until = Some(self.now + DRAIN_TIME.min(self.setup.timeouts.grace));
        self.accept(usize::MAX);
        if !self.setup.keeps_listening {
            self.stop_listening();
        }
    }

    /// Accepts no more.
    pub(super) fn stop_listening(&mut self) {
        if let Some(listener) = self.setup.listener.take()
            && self.accepts_again.take().is_none()
        {
            // It is watched: removing it cannot fail.
            let _ = self.epoll.delete(&*listener);
        }
    }
}

/// Descriptors or memory are short: waiting may help.
fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}
