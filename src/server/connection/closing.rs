//! The end of a connection, by which no client loses a part of its answer.

use std::time::{Duration, Instant};

use super::{Connection, State, Turn};
use crate::config::Timeouts;
use crate::server::close_reason::CloseReason;
use crate::server::progress::Progress;
use crate::server::transport::Transport;

/// The time for which bytes that a client still sends are discarded after it has the last response. Closing at once
/// would make the kernel reset the connection, and the reset can overtake the response (RFC 9112 section 9.6).
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// The time after which a client that lacks a part of the answer is looked at first.
const FIRST_LOOK: Duration = Duration::from_millis(50);

/// Bytes of all answers of a connection that leave at once, in the first packets: ten of the smallest that Ethernet
/// and the usual tunnels carry (RFC 6928). A client that was sent no more has them before it can say anything else.
const FIRST_PACKETS: u64 = 10 * 1_200;

/// The end of a connection, while the client may still be sending, or lack a part of the answer.
#[derive(Debug)]
pub(super) struct Lingering {
    pub(super) reason: CloseReason,
    /// Bytes that the client lacked when no more was to be sent, and those that it lacked at the last look.
    queued: u64,
    pub(super) left: u64,
    /// Whether the client may still be sending.
    may_send: bool,
    progress: Progress,
    began: Instant,
    /// The last look, which has found that it lacks nothing, if it is so.
    since: Instant,
}

impl Lingering {
    /// The end, while the client lacks `queued` bytes. `may_send` says that it may still be sending.
    fn new(reason: CloseReason, queued: u64, may_send: bool, now: Instant) -> Lingering {
        Lingering {
            reason,
            queued,
            left: queued,
            may_send,
            progress: Progress::new(now),
            began: now,
            since: now,
        }
    }

    pub(super) fn deadline(&self, timeouts: &Timeouts) -> Instant {
        match (self.left, self.may_send) {
            (0, true) => self.since + LINGER,
            (0, false) => self.since,
            _ => self.progress.deadline(timeouts),
        }
    }

    /// The kernel does not tell when the client has all: it is asked soon, and then less and less often.
    pub(super) fn next_look(&self, timeouts: &Timeouts) -> Instant {
        if self.left == 0 {
            return self.deadline(timeouts);
        }
        let pause = (self.since - self.began) / 2;
        self.progress.next_look(timeouts).min(self.since + pause.max(FIRST_LOOK))
    }

    pub(super) fn look(&mut self, transport: &Transport, now: Instant) {
        if self.left > 0 {
            // One more than the bytes: the end itself.
            self.left = transport.unacknowledged().unwrap_or(0).saturating_sub(1).min(self.left);
            self.progress.note_taken(self.queued - self.left, now);
            self.since = now;
        }
    }
}

impl Connection {
    /// Ends it at once. A response that was promised and not sent is logged as far as it was sent.
    pub(in crate::server) fn abort(&mut self, reason: CloseReason, turn: &mut Turn) {
        self.note_broken_http2(reason, turn);
        if let State::Sending(sending) = &mut self.state {
            turn.recorder.note_broken(&mut sending.output, reason, turn.now.instant);
        }
        self.state = State::Closed(reason);
    }

    /// Ends it in order after the last response: at once where the client has every byte.
    pub(in crate::server) fn finish(&mut self, reason: CloseReason, now: Instant) {
        self.send_goaway();
        let lacks = if self.sent > FIRST_PACKETS { self.lacks() } else { 0 };
        // Shut down before `close` as well: if an unread byte has just arrived, `close` resets the connection and
        // drops what the kernel still holds back.
        self.state = match self.transport.shutdown() {
            Ok(()) if lacks > 0 => State::Lingering(Box::new(Lingering::new(reason, lacks, false, now))),
            Ok(()) => State::Closed(reason),
            Err(error) => State::Closed(CloseReason::Broken(error.kind())),
        };
    }

    /// Ends it in order while the client may still be sending: what comes is discarded for a while, because an unread
    /// byte would make the kernel reset the connection, and the reset can overtake the response.
    pub(super) fn linger(&mut self, reason: CloseReason, now: Instant) {
        let lacks = self.lacks();
        self.state = match self.transport.shutdown() {
            Ok(()) => State::Lingering(Box::new(Lingering::new(reason, lacks, true, now))),
            Err(error) => State::Closed(CloseReason::Broken(error.kind())),
        };
    }

    /// Bytes of the answers that the client does not have yet, as far as is known.
    fn lacks(&self) -> u64 {
        self.transport.unacknowledged().unwrap_or(0)
    }
}
