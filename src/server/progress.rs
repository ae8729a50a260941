//! Responses on their way to a client that is slower than the server, and when it is too slow.

use std::time::{Duration, Instant};

use super::exchange::Next;
use super::output::Output;
use crate::config::Timeouts;
use crate::sys::socket::Socket;

/// The state of sending.
#[derive(Debug)]
pub(super) struct Sending {
    /// What is still to be sent.
    pub output: Output,
    /// What follows then.
    pub then: Next,
    /// What has come behind the requests that are being answered.
    pub held: Vec<u8>,
    /// Whether it is the disk that it waits for, and not the client.
    pub is_cold: bool,
    /// When the socket was first full.
    pub began: Instant,
    /// The last progress.
    pub since: Instant,
    /// Bytes of the output that the client was known to have, when it was last asked for.
    pub taken: u64,
}

impl Sending {
    /// The earlier of two ends: a client that takes nothing, and one that takes too little to be worth its
    /// place. The second one no dribble can put off.
    pub(super) fn deadline(&self, timeouts: &Timeouts) -> Instant {
        let stalled = self.since + timeouts.stall;
        if timeouts.min_rate == 0 {
            return stalled;
        }
        let earned = Duration::from_secs_f64(self.taken as f64 / f64::from(timeouts.min_rate));
        stalled.min(self.began + timeouts.stall + earned)
    }

    /// Asks the kernel what the client has. What was given to the socket says little: it holds megabytes, and
    /// tells of room only when a good part of them is gone.
    pub(super) fn look_at_progress(&mut self, socket: &Socket, now: Instant) {
        let taken = self.output.sent_bytes().saturating_sub(socket.unacknowledged());
        if taken > self.taken {
            self.taken = taken;
            self.since = now;
        }
    }
}
