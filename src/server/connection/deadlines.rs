//! How long each state may last, and what happens when its time is over.

use std::time::Instant;

use super::{Connection, State, Turn};
use crate::config::Timeouts;
use crate::http::status::Status;
use crate::server::close_reason::CloseReason;

impl Connection {
    /// The time at which [`Connection::check_time`] has something to do at the earliest; `None` once it is closed.
    pub(in crate::server) fn next_look(&self, timeouts: &Timeouts) -> Option<Instant> {
        Some(match &self.state {
            State::ReadingProxyHeader(reading) => reading.since + timeouts.head,
            State::Handshaking { since } => *since + timeouts.head,
            State::Idle { since } => *since + timeouts.idle,
            State::ReadingHead(reading) => reading.since + timeouts.head,
            State::ReadingChunks(reading) => reading.since + timeouts.stall,
            State::Http2(http2) => http2.next_look(timeouts),
            State::Fetching(fetching) => fetching.since + timeouts.stall,
            State::Sending(sending) => sending.progress.next_look(timeouts),
            State::SkippingBody(skipping) => skipping.since + timeouts.stall,
            State::Lingering(lingering) => lingering.next_look(timeouts),
            State::Closed(_) => return None,
        })
    }

    /// Called when [`Connection::next_look`] has come. A head that does not end gets 408, and a request that waits
    /// for the disk 503. A slow reader is spared if the kernel shows that it has taken more since the last look.
    pub(in crate::server) fn check_time(&mut self, turn: &mut Turn) {
        if self.next_look(turn.timeouts).is_none_or(|look| look > turn.now.instant) {
            return;
        }
        match &mut self.state {
            State::ReadingProxyHeader(_) | State::Handshaking { .. } => {
                self.abort(CloseReason::TimedOut, turn);
            }
            State::ReadingHead(_) => self.give_up(Status::RequestTimeout, turn),
            State::ReadingChunks(_) => self.answer_without_body(turn),
            State::Fetching(_) => self.give_up(Status::ServiceUnavailable, turn),
            State::Http2(_) => self.check_http2(turn),
            State::Sending(sending) => {
                let sent = sending.output.sent_bytes();
                match self.transport.unacknowledged() {
                    Some(left) => sending.progress.note_taken(sent.saturating_sub(left), turn.now.instant),
                    None => sending.progress.note_unknown(turn.now.instant),
                }
                if sending.progress.deadline(turn.timeouts) <= turn.now.instant {
                    self.transport.abort_when_dropped();
                    self.abort(CloseReason::TimedOut, turn);
                }
            }
            State::Lingering(lingering) => {
                lingering.look(&self.transport, turn.now.instant);
                if lingering.deadline(turn.timeouts) <= turn.now.instant {
                    let reason = lingering.reason;
                    if lingering.left > 0 {
                        self.transport.abort_when_dropped();
                    }
                    self.state = State::Closed(reason);
                }
            }
            State::SkippingBody(_) => self.linger(CloseReason::TimedOut, turn.now.instant),
            State::Idle { .. } => self.finish(CloseReason::TimedOut, turn.now.instant),
            State::Closed(_) => {}
        }
    }
}
