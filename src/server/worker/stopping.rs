//! The end of a worker: connections that are idle are drained, the others have a time of grace.

use std::time::{Duration, Instant};

use super::Worker;
use super::admission::ACCEPTED_AT_THE_END;
use crate::server::close_reason::CloseReason;
use crate::server::connection::{Connection, Event, Turn};

/// The time for which idle connections stay open after a stop signal. A request may already be on its way; closing at
/// once would lose it, and the client could not tell.
pub(super) const DRAIN_TIME: Duration = Duration::from_millis(250);

/// Whether the server is to stop.
#[derive(Clone, Copy)]
pub(super) enum Phase {
    Serving,
    /// It stops: when idle connections are no longer waited for, and when the grace of the others ends.
    Stopping {
        drain_until: Instant,
        ends: Instant,
    },
}

impl Worker {
    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. })
    }

    /// Whether the server stops and nothing more is waited for on connections that are idle.
    pub(super) fn has_drained(&self) -> bool {
        matches!(self.phase, Phase::Stopping { drain_until, .. } if drain_until <= self.now.instant)
    }

    /// Takes the connections that wait already. Once every worker has stopped listening, clients that come later are
    /// refused instead of waiting in vain.
    pub(super) fn begin_to_stop(&mut self) {
        let (now, grace) = (self.now.instant, self.setup.timeouts.grace);
        self.phase = Phase::Stopping { drain_until: now + DRAIN_TIME.min(grace), ends: now + grace };
        for index in 0..self.setup.entrances.len() {
            self.accept(index, ACCEPTED_AT_THE_END);
        }
        // Clients of HTTP/2 can be told to send no more.
        self.close_where(Connection::is_http2, |connection, turn| connection.advance(Event::Ready, turn));
        if !self.setup.keeps_listening {
            self.stop_listening();
        }
    }

    /// Accepts no more.
    pub(super) fn stop_listening(&mut self) {
        let is_paused = self.accepts_again.take().is_some();
        for entrance in self.setup.entrances.drain(..).filter(|_| !is_paused) {
            // It is watched: removing it cannot fail.
            let _ = self.epoll.delete(&*entrance.listener);
        }
    }

    pub(super) fn close_where(
        &mut self,
        condition: impl Fn(&Connection) -> bool,
        close: impl Fn(&mut Connection, &mut Turn),
    ) {
        let chosen = self.slots.iter().filter(|(_, slot)| condition(&slot.connection));
        let tokens: Vec<usize> = chosen.map(|(token, _)| token).collect();
        for token in tokens {
            self.with_connection(token, &close);
        }
    }

    /// Whether the server stops and nothing is left to do; at the end of the grace it is made so.
    pub(super) fn has_finished(&mut self) -> bool {
        let Phase::Stopping { ends, .. } = self.phase else { return false };
        if ends <= self.now.instant {
            self.close_where(|_| true, |connection, turn| connection.abort(CloseReason::Stopped, turn));
            self.recorder.flush();
        }
        self.slots.is_empty()
            && self.waiting.is_empty()
            && self.setup.entrances.is_empty()
            && self.setup.workers.peer(self.setup.index).stop_taking()
    }
}
