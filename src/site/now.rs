//! The time of a turn of the loop.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A turn of the loop, and its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Counts the turns: all requests of one turn had arrived before it looked at any file.
    pub(crate) turn: u64,
    /// The time of day, which an operator may set back.
    pub(crate) time: SystemTime,
    /// The time that only goes on.
    pub(crate) instant: Instant,
}

impl Now {
    /// The time of the first turn.
    pub(crate) fn first() -> Now {
        Now { turn: 0, time: SystemTime::now(), instant: Instant::now() }
    }

    /// The time of the turn after this one.
    pub(crate) fn next(self) -> Now {
        Now { turn: self.turn + 1, ..Now::first() }
    }

    /// The turn after this one at a time that a test chooses.
    #[cfg(test)]
    pub(crate) fn next_at(self, instant: Instant) -> Now {
        Now { turn: self.turn + 1, time: self.time + (instant - self.instant), instant }
    }

    /// Seconds since 1970.
    pub(crate) fn seconds(&self) -> u64 {
        self.since_1970().as_secs()
    }

    /// Nanoseconds since 1970.
    pub(crate) fn nanoseconds(&self) -> u128 {
        self.since_1970().as_nanos()
    }

    fn since_1970(&self) -> Duration {
        self.time.duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}
