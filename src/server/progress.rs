//! How far a client is with what is sent to it, and when it is too slow.

use std::time::{Duration, Instant};

use crate::config::Timeouts;

/// The kernel is asked this often within one stall timeout: progress is then known to have stopped at most that much
/// later than it did.
const LOOKS: u32 = 8;

/// The progress of a client.
#[derive(Debug)]
pub(super) struct Progress {
    /// When it began to be watched.
    began: Instant,
    /// The last progress that is known.
    last: Instant,
    /// When the kernel was last asked.
    looked: Instant,
    /// Bytes that the client was known to have then.
    taken: u64,
}

impl Progress {
    /// The progress of a client that has taken nothing yet.
    pub(super) fn new(now: Instant) -> Progress {
        Progress { began: now, last: now, looked: now, taken: 0 }
    }

    /// Notes that the socket has taken more, which it does when the client has.
    pub(super) fn note_sent(&mut self, now: Instant) {
        self.last = now;
    }

    /// Notes how many bytes the client has by now. The socket's word says little: it holds megabytes, and tells of
    /// room only when a good part of them is gone.
    pub(super) fn note_taken(&mut self, taken: u64, now: Instant) {
        self.looked = now;
        if taken > self.taken {
            self.taken = taken;
            self.last = now;
        }
    }

    /// Notes that the kernel does not tell: nothing can be said against the client.
    pub(super) fn note_unknown(&mut self, now: Instant) {
        (self.looked, self.last) = (now, now);
    }

    /// The end of the client's time: the earlier of two, for a client that takes nothing, and for one that takes too
    /// little to be worth its place. The second one cannot be put off by a byte now and then.
    pub(super) fn deadline(&self, timeouts: &Timeouts) -> Instant {
        let stalled = self.last + timeouts.stall;
        if timeouts.min_rate == 0 {
            return stalled;
        }
        let earned = Duration::from_secs_f64(self.taken as f64 / f64::from(timeouts.min_rate));
        stalled.min(self.began + timeouts.stall + earned)
    }

    /// When the kernel is to be asked again.
    pub(super) fn next_look(&self, timeouts: &Timeouts) -> Instant {
        self.deadline(timeouts).min(self.looked + timeouts.stall / LOOKS)
    }
}

/// The time for which a client's window holds a response back, although it could be sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WindowWait {
    /// Since when it does.
    since: Option<Instant>,
    /// The time before that for which it did.
    before: Duration,
}

impl WindowWait {
    /// Notes whether it holds it back now.
    pub(super) fn note(&mut self, is_held_back: bool, now: Instant) {
        match (self.since, is_held_back) {
            (None, true) => self.since = Some(now),
            (Some(since), false) => {
                self.before += now.saturating_duration_since(since);
                self.since = None;
            }
            _ => {}
        }
    }

    /// The end of the client's time, if its window is what the response waits for: the earlier of two, for a window that
    /// does not grow, and for one that grows too slowly, with `sent` bytes so far.
    pub(super) fn deadline(&self, timeouts: &Timeouts, sent: u64) -> Option<Instant> {
        let since = self.since?;
        let stalled = since + timeouts.stall;
        if timeouts.min_rate == 0 {
            return Some(stalled);
        }
        let earned = Duration::from_secs_f64(sent as f64 / f64::from(timeouts.min_rate));
        Some(stalled.min(since + (timeouts.stall + earned).saturating_sub(self.before)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use clap::Parser;

    fn timeouts(min_rate: &str) -> Timeouts {
        Config::parse_from(["httpd", "--stall-timeout", "8", "--min-rate", min_rate]).timeouts
    }

    #[test]
    fn a_client_that_takes_a_first_bit_and_no_more_gets_no_credit_for_it() {
        let begin = Instant::now();
        let after = |milliseconds| begin + Duration::from_millis(milliseconds);
        let timeouts = timeouts("0");
        let mut progress = Progress::new(begin);
        for look in 1..=8 {
            assert_eq!(progress.next_look(&timeouts), after(look * 1000));
            progress.note_taken(100, after(look * 1000));
        }
        // The first bit came at some time in the first second.
        assert_eq!(progress.deadline(&timeouts), after(9_000));
        assert_eq!(progress.next_look(&timeouts), after(9_000));
    }

    #[test]
    fn a_client_below_the_rate_has_the_stall_timeout_and_the_time_that_it_earns() {
        let begin = Instant::now();
        let after = |milliseconds| begin + Duration::from_millis(milliseconds);
        let timeouts = timeouts("100");
        let mut progress = Progress::new(begin);
        progress.note_taken(50, after(7_000));
        progress.note_sent(after(7_500));
        assert_eq!(progress.deadline(&timeouts), after(8_500));
        progress.note_taken(1_000, after(8_000));
        assert_eq!(progress.deadline(&timeouts), after(16_000));
    }
}
