//! The admin address: numbers and health for a monitoring system, and a page for people.
//!
//! The main thread answers, which has little else to do and never waits: a server whose workers are full or slow still
//! tells how it is. Its own connections are few, short and counted nowhere.

mod connection;
pub(super) mod listener;
mod metrics;
mod pages;
pub(super) mod report;
mod status_page;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use self::connection::Connection;
use self::listener::AdminListeners;
use self::report::{LastMinute, Report, SAMPLING, Sample, Sources};
use super::workers::Workers;
use crate::http::request::Request;
use crate::http::status::Status;
use crate::sys::epoll::{Epoll, Interest};
use crate::sys::listener::Listener;

/// Connections at once: another one takes the place of the oldest.
const CONNECTIONS: usize = 16;
/// The time that a connection has for everything.
const TIME: Duration = Duration::from_secs(10);
/// The time for which no connection is accepted after descriptors or memory were short.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The token of the first listener; the others follow. What else the main thread waits for has lower ones.
const LISTENERS: u64 = 16;
/// The tokens of connections are above this one.
const LAST_OF_LISTENERS: u64 = u32::MAX as u64;

struct Slot {
    token: u64,
    connection: Connection,
    interest: Interest,
    ends: Instant,
}

/// The admin address and its connections, as the main thread has them.
pub(super) struct Admin {
    listeners: Vec<Listener>,
    /// When accepting goes on, while it is paused.
    accepts_again: Option<Instant>,
    /// The oldest first.
    slots: Vec<Slot>,
    last_token: u64,
    responder: Responder,
    /// When the next sample of the last minute is taken.
    samples_at: Instant,
}

impl Admin {
    /// Watches the listeners.
    ///
    /// # Errors
    /// They cannot be watched.
    pub(super) fn new(
        listeners: AdminListeners,
        workers: Arc<Workers>,
        sources: Sources,
        epoll: &Epoll,
    ) -> io::Result<Admin> {
        let listeners = listeners.sockets;
        for (token, listener) in (LISTENERS..).zip(&listeners) {
            epoll.add(listener, token, Interest::Readable)?;
        }
        let responder = Responder { workers, sources, minute: LastMinute::default() };
        let (slots, samples_at) = (Vec::new(), Instant::now());
        Ok(Admin {
            listeners,
            accepts_again: None,
            slots,
            last_token: LAST_OF_LISTENERS,
            responder,
            samples_at,
        })
    }

    /// Goes on where something is ready.
    pub(super) fn advance(&mut self, token: u64, epoll: &Epoll) {
        if token <= LAST_OF_LISTENERS {
            return self.accept((token - LISTENERS) as usize, epoll);
        }
        let Some(index) = self.slots.iter().position(|slot| slot.token == token) else { return };
        let slot = &mut self.slots[index];
        let wanted = slot.connection.advance(|request| self.responder.answer(request));
        let is_watched = match wanted {
            Some(interest) if interest == slot.interest => true,
            Some(interest) => {
                slot.interest = interest;
                epoll.modify(slot.connection.socket(), token, interest).is_ok()
            }
            None => false,
        };
        if !is_watched {
            self.slots.remove(index);
        }
    }

    fn accept(&mut self, index: usize, epoll: &Epoll) {
        let Some(listener) = self.listeners.get(index) else { return };
        for _ in 0..CONNECTIONS {
            let socket = match listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The listener stays readable: without a pause the loop would spin.
                Err(_) => {
                    for listener in &self.listeners {
                        // It is watched, unless another one was short in the same turn: removing it cannot fail.
                        let _ = epoll.delete(listener);
                    }
                    self.accepts_again = Some(Instant::now() + ACCEPT_PAUSE);
                    return;
                }
            };
            if self.slots.len() == CONNECTIONS {
                self.slots.remove(0);
            }
            self.last_token += 1;
            let (token, interest) = (self.last_token, Interest::Readable);
            let connection = Connection::new(socket);
            if epoll.add(connection.socket(), token, interest).is_ok() {
                self.slots.push(Slot { token, connection, interest, ends: Instant::now() + TIME });
            }
        }
    }

    /// Does what is due, and returns when something is due next.
    pub(super) fn check_times(&mut self, now: Instant, epoll: &Epoll) -> Instant {
        self.slots.retain(|slot| slot.ends > now);
        if self.accepts_again.is_some_and(|time| time <= now) {
            self.accepts_again = None;
            for (token, listener) in (LISTENERS..).zip(&self.listeners) {
                let added = epoll.add(listener, token, Interest::Readable);
                // One that was added at the last attempt stays.
                if added.is_err_and(|error| error.kind() != io::ErrorKind::AlreadyExists) {
                    self.accepts_again = Some(now + ACCEPT_PAUSE);
                }
            }
        }
        if self.samples_at <= now {
            self.samples_at = now + SAMPLING;
            self.responder.sample(now);
        }
        let ends = self.slots.iter().map(|slot| slot.ends);
        ends.chain(self.accepts_again).fold(self.samples_at, Instant::min)
    }
}

/// Answers requests from the numbers at that moment.
struct Responder {
    workers: Arc<Workers>,
    sources: Sources,
    minute: LastMinute,
}

impl Responder {
    fn answer(&self, request: Result<&Request, Status>) -> Vec<u8> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        match request {
            Ok(request) => {
                let report = Report::new(&self.workers, &self.sources);
                let last = self.minute.since(Sample::of(&report.sums), Instant::now());
                pages::answer(request, &report, last, since_1970)
            }
            Err(status) => pages::refuse(status, since_1970),
        }
    }

    fn sample(&mut self, now: Instant) {
        self.minute.add(Sample::of(&self.workers.sums()), now);
    }
}
