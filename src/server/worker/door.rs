//! How connections come in: accepted, or given by another worker; let in, or turned away.
//!
//! When the gate is full, a newcomer waits until all that has arrived is answered: only then it is known who
//! is idle. The connection that has been idle for longest makes room. A worker that has none passes the
//! newcomer on, and the last one to find none turns it away with a 503.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{LATE, LISTENER, Seat, Worker};
use crate::server::connection::{Connection, Reason};
use crate::server::crew::Guest;
use crate::server::gate::Refusal;
use crate::sys::epoll::Interest;
use crate::sys::socket::Listener;

/// Connections that one turn accepts at most; with several workers the others get their share.
pub(super) const ACCEPTED: usize = 128;
/// How long no connection is accepted after descriptors or memory were short.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Worker {
    /// Accepts connections that wait, `most` of them.
    pub(super) fn accept(&mut self, most: usize) {
        let Some(listener) = self.equipment.listener.clone() else { return };
        for _ in 0..most {
            match listener.accept() {
                Ok((socket, address)) => {
                    self.admit(Guest { socket, client: address.ip(), is_inside: false, asked: 0 });
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
        if let Some(listener) = &self.equipment.listener
            && self.epoll.add(&**listener, LISTENER, Interest::ReadableExclusive).is_err()
        {
            self.accepts_again = Some(self.now + ACCEPT_PAUSE);
        }
    }

    /// Takes a connection in, if there is room for it; if not, it waits for an idle one to make room.
    pub(super) fn admit(&mut self, guest: Guest) {
        if let Some(guest) = self.try_to_admit(guest) {
            self.newcomers.push(guest);
        }
    }

    /// Takes in those for whom room was to be made.
    pub(super) fn admit_newcomers(&mut self) {
        for guest in std::mem::take(&mut self.newcomers) {
            if let Some(guest) = self.try_to_admit(guest) {
                self.pass_on(guest);
            }
        }
    }

    /// Gives a connection back when there is no room.
    fn try_to_admit(&mut self, mut guest: Guest) -> Option<Guest> {
        if !guest.is_inside {
            match self.equipment.gate.enter(guest.client) {
                Ok(()) => guest.is_inside = true,
                Err(Refusal::Full) => return Some(guest),
                Err(Refusal::Crowded) => {}
            }
        }
        self.seat(guest);
        None
    }

    /// Nobody is idle here: the next worker may have somebody.
    fn pass_on(&mut self, guest: Guest) {
        let crew = Arc::clone(&self.equipment.crew);
        let asked = guest.asked + 1;
        let refused = if asked < crew.size() {
            crew.member((self.equipment.index + 1) % crew.size()).give(Guest { asked, ..guest })
        } else {
            Err(guest)
        };
        if let Err(guest) = refused {
            self.seat(guest);
        }
    }

    /// Closes as many connections as there are newcomers, of those that have been idle for longest.
    pub(super) fn make_room(&mut self) {
        if self.newcomers.is_empty() {
            return;
        }
        let idle = self
            .seats
            .iter()
            .filter_map(|(token, seat)| seat.connection.idle_since().map(|since| Reverse((since, token))));
        let mut idle: BinaryHeap<Reverse<(Instant, usize)>> = idle.collect();
        let mut missing = self.newcomers.len();
        while let Some(Reverse((_, token))) = idle.pop()
            && missing > 0
        {
            // A request that has arrived in the meantime is answered.
            if !self.seats[token].connection.socket().has_input() {
                self.live(token, |connection, turn, _| connection.close(Reason::MadeRoom, turn));
                missing -= 1;
            }
        }
    }

    /// Gives a connection its seat. Its request is there already, or the kernel would not have handed it over.
    fn seat(&mut self, guest: Guest) {
        let token = self.seats.insert(Seat::new(Connection::from_guest(guest, self.now)));
        self.count_seats();
        self.receive(token);
    }

    /// Takes the connections that wait already. Once every worker has let go of the listener, clients that
    /// come later are refused instead of waiting in vain.
    pub(super) fn begin_to_stop(&mut self) {
        self.ends = Some(self.now + self.equipment.grace);
        self.late_until = Some(self.now + LATE.min(self.equipment.grace));
        self.accept(usize::MAX);
        if !self.equipment.keeps_listening {
            self.let_go();
        }
    }

    /// Accepts no more.
    pub(super) fn let_go(&mut self) {
        if let Some(listener) = self.equipment.listener.take()
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
