//! How connections come in: accepted, or given by another worker; admitted, or turned away.
//!
//! When the limit is reached, a new connection waits until everything that has arrived is answered: only then is it
//! known which ones are idle. The connection that has been idle for longest makes room. A worker that has none passes
//! the new one on, and the last one to find none turns it away with a 503.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use super::{Entrance, LISTENERS, Slot, Speech, Worker};
use crate::server::client::Client;
use crate::server::close_reason::CloseReason;
use crate::server::connection::Connection;
use crate::server::limits::Refusal;
use crate::server::remote::{Place, Remote};
use crate::server::transport::Transport;
use crate::server::workers::Incoming;
use crate::sys::epoll::Interest;
use crate::throttle::Throttle;

/// Connections that one turn accepts at most; with several workers the others get their share.
pub(super) const ACCEPTED: usize = 128;
/// Connections that are accepted at most when the server stops: more than any queue of waiting ones holds.
pub(super) const ACCEPTED_AT_THE_END: usize = 65_536;
/// The time for which no connection is accepted after descriptors or memory were short.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that were turned away and may linger, so that a reset does not overtake their 503.
const REFUSED_LINGERING: usize = 64;
/// Idle connections that are looked for at once when one is to make room.
const CANDIDATES: usize = 128;

/// The warning that nothing is accepted.
static PAUSED: Throttle = Throttle::new();

/// Idle connections that may make room for others: when each became idle, and its token. The longest idle is last.
#[derive(Default)]
pub(super) struct Candidates(Vec<(Instant, usize)>);

impl Candidates {
    fn look(&mut self, slots: &Slab<Slot>) {
        let idle = |(token, slot): (usize, &Slot)| Some((slot.connection.idle_since()?, token));
        self.0.extend(slots.iter().filter_map(idle));
        if self.0.len() > CANDIDATES {
            self.0.select_nth_unstable(CANDIDATES);
            self.0.truncate(CANDIDATES);
        }
        self.0.sort_unstable_by(|one, other| other.cmp(one));
    }
}

impl Worker {
    /// Accepts connections that wait at a listener, `most` of them.
    pub(super) fn accept(&mut self, index: usize, most: usize) {
        for _ in 0..most {
            let Some(Entrance { listener, speech }) = self.setup.entrances.get(index) else { return };
            match listener.accept() {
                Ok((socket, address)) => {
                    let peer = address.map_or(Client::Unix, |address| Client::from(address.ip()));
                    let redirects_to = match speech {
                        Speech::Redirects { https_port } => Some(*https_port),
                        Speech::Http | Speech::Https(_) => None,
                    };
                    let remote = Remote::new(peer, &self.setup.proxies, redirects_to);
                    let lacks_proxy_header = self.setup.proxies.need_header;
                    if lacks_proxy_header && !remote.is_trusted() {
                        self.note_no_proxy_header(&remote);
                        self.counters().add_closed(CloseReason::NoProxyHeader);
                        continue;
                    }
                    let transport = match speech {
                        Speech::Http | Speech::Redirects { .. } => Transport::plain(socket),
                        Speech::Https(tls) => match tls.begin() {
                            Ok(session) => Transport::tls(socket, session),
                            Err(error) => return self.pause_accepting(&error),
                        },
                    };
                    self.admit(Incoming { transport, remote, lacks_proxy_header, sent: 0, asked: 0 });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The connection broke before it was taken: there may be others after it.
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => return self.pause_accepting(&error),
            }
        }
    }

    /// A listener stays readable while nothing can be accepted: without a pause the loop would spin.
    fn pause_accepting(&mut self, error: &io::Error) {
        if PAUSED.permits(self.now.instant) {
            log::warn!("no connection is accepted for the moment: {error}");
        }
        for entrance in &self.setup.entrances {
            // It is watched, unless another one was short in the same turn: removing it cannot fail.
            let _ = self.epoll.delete(&*entrance.listener);
        }
        self.accepts_again = Some(self.now.instant + ACCEPT_PAUSE);
    }

    pub(super) fn accept_again(&mut self) {
        self.accepts_again = None;
        for (token, entrance) in (LISTENERS..).zip(&self.setup.entrances) {
            let added = self.epoll.add(&*entrance.listener, token, Interest::ReadableExclusive);
            // One that was added at the last attempt stays.
            if added.is_err_and(|error| error.kind() != io::ErrorKind::AlreadyExists) {
                self.accepts_again = Some(self.now.instant + ACCEPT_PAUSE);
            }
        }
    }

    /// Takes a connection in, if there is room for it; if not, it waits for an idle one to make room.
    pub(super) fn admit(&mut self, incoming: Incoming) {
        if let Some(incoming) = self.try_to_admit(incoming) {
            self.waiting.push(incoming);
        }
    }

    /// Takes in the connections for which room was to be made.
    pub(super) fn admit_waiting(&mut self) {
        for incoming in std::mem::take(&mut self.waiting) {
            if let Some(incoming) = self.try_to_admit(incoming) {
                self.pass_on(incoming);
            }
        }
    }

    /// Returns the connection when there is no room.
    fn try_to_admit(&mut self, mut incoming: Incoming) -> Option<Incoming> {
        let remote = &mut incoming.remote;
        if remote.place == Place::None {
            // The client of a proxy is known, and counted, later.
            let client = (!remote.is_trusted()).then(|| remote.client());
            match self.setup.limits.acquire(client) {
                Ok(()) => remote.place = if client.is_some() { Place::Named } else { Place::Unnamed },
                Err(Refusal::TotalLimit) => return Some(incoming),
                Err(refusal @ Refusal::PerClientLimit) => self.counters().add_refused(refusal),
            }
        }
        self.insert(incoming);
        None
    }

    /// No connection is idle here: the next worker may have one that is.
    fn pass_on(&mut self, incoming: Incoming) {
        let workers = Arc::clone(&self.setup.workers);
        let asked = incoming.asked + 1;
        let refused = if asked < workers.size() {
            workers.peer((self.setup.index + 1) % workers.size()).give(Incoming { asked, ..incoming })
        } else {
            Err(incoming)
        };
        if let Err(incoming) = refused {
            self.counters().add_refused(Refusal::TotalLimit);
            self.insert(incoming);
        }
    }

    /// Closes as many connections as wait for room, of those that have been idle for longest. All connections are
    /// looked at once for many candidates: one that becomes idle later is younger than all of these.
    pub(super) fn make_room(&mut self) {
        let mut missing = self.waiting.len();
        let mut has_looked = false;
        while missing > 0 {
            let Some((since, token)) = self.candidates.0.pop() else {
                if std::mem::replace(&mut has_looked, true) {
                    return;
                }
                self.candidates.look(&self.slots);
                continue;
            };
            let Some(slot) = self.slots.get(token) else { continue };
            // It may have been used since; and a request that has just arrived is answered.
            if slot.connection.idle_since() != Some(since) || slot.connection.transport().has_input() {
                continue;
            }
            self.with_connection(token, |connection, turn| {
                connection.finish(CloseReason::MadeRoom, turn.now.instant);
            });
            missing -= usize::from(!self.slots.contains(token));
        }
    }

    /// Gives a connection its slot. Its request is there already, or the kernel would not have handed it over.
    fn insert(&mut self, incoming: Incoming) {
        self.refused += usize::from(incoming.remote.place == Place::None);
        let connection = Connection::from_incoming(incoming, self.now.instant);
        let token = self.slots.insert(Slot::new(connection));
        self.count_connections();
        self.receive(token);
    }

    /// Whether one more connection that was not admitted may linger.
    pub(super) fn may_linger(&self) -> bool {
        self.refused <= REFUSED_LINGERING
    }
}

/// Whether the error is of the one connection that was to be accepted (accept(2)). Any other one lasts: descriptors or
/// memory are short.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable,
        PermissionDenied, TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | PermissionDenied
            | TimedOut
    )
}
