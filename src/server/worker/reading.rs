//! The reading half of a turn: events are collected, and nothing is answered yet.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::admission::ACCEPTED;
use super::{LISTENERS, WAKER, Worker};
use crate::server::connection::Event;
use crate::server::transport::RECEIVED;
use crate::server::workers::Finished;
use crate::sys::epoll::{Events, Interest};

/// The time after which a turn begins no further step of a handshake. One signature takes milliseconds with a long RSA
/// key, and clients whose handshake is done would have to wait for all of them.
const HANDSHAKE_TIME: Duration = Duration::from_millis(2);

impl Worker {
    /// Reads what is ready everywhere and answers nothing yet.
    pub(super) fn read_all(&mut self, ready: &Events) {
        self.admit_waiting();
        for token in ready.tokens() {
            match token {
                WAKER => self.on_wake(),
                LISTENERS.. => self.accept((token - LISTENERS) as usize, ACCEPTED),
                token => self.read(token as usize),
            }
        }
        if self.accepts_again.is_some_and(|time| time <= self.now.instant) {
            self.accept_again();
        }
    }

    fn on_wake(&mut self) {
        let workers = Arc::clone(&self.setup.workers);
        let peer = workers.peer(self.setup.index);
        // Drained first: what is given from now on wakes again.
        peer.waker().drain();
        peer.note_turn();
        for incoming in peer.take_given() {
            self.admit(incoming);
        }
        for Finished { token, job, outcome } in peer.take_finished() {
            // The connection that asked for it may have left, and another one have the same token.
            if job.strong_count() > 0 && self.slots.contains(token) {
                self.events.push((token, Event::JobDone(job, Box::new(outcome))));
            }
        }
        if workers.is_stopping() && !self.is_stopping() {
            self.begin_to_stop();
        }
    }

    fn read(&mut self, token: usize) {
        match self.slots.get(token).map(|slot| slot.connection.interest()) {
            Some(Interest::Writable) => self.events.push((token, Event::Ready)),
            // It waits for the disk: all that epoll has to say then is that the client is gone.
            Some(Interest::Nothing) => {
                self.events.push((token, Event::Broken(io::ErrorKind::ConnectionReset)));
            }
            Some(_) => self.receive(token),
            None => {}
        }
    }

    /// Receives into the arena. When that is full, or the time for handshakes is over, the rest waits for the next turn:
    /// epoll will say so again.
    pub(super) fn receive(&mut self, token: usize) {
        let start = self.arena.len();
        let is_new = self.slots[token].watched.is_none();
        let is_late = self.slots[token].connection.is_handshaking()
            && Instant::now() >= self.now.instant + HANDSHAKE_TIME;
        let event = if is_late || self.arena.capacity() - start < RECEIVED {
            if !is_new {
                return;
            }
            Event::Ready
        } else {
            if self.slots[token].connection.lacks_proxy_header()
                && let Some(event) = self.read_proxy_header(token)
            {
                return self.events.push((token, event));
            }
            match self.slots[token].connection.receive(&mut self.arena) {
                Ok(0) => Event::End,
                Ok(count) => Event::Received(start..start + count),
                // A new connection is to be looked at even if it has said nothing, and a session may have read what is
                // no part of a request.
                Err(error) if is_transient(&error) => Event::Ready,
                Err(error) => Event::Broken(error.kind()),
            }
        };
        self.events.push((token, event));
    }
}

pub(super) fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
