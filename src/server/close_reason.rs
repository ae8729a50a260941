//! The reasons why connections end, counted.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// The reason why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// As agreed, after a response.
    Done,
    /// The client has ended it.
    ClientClosed,
    /// The client had its time.
    TimedOut,
    /// The server stops.
    Stopped,
    /// It was idle, and another one came.
    MadeRoom,
    /// Sending or receiving failed.
    Broken(io::ErrorKind),
}

impl CloseReason {
    /// The words for each reason, in the order of [`CloseReason::index`].
    const WORDS: [&str; 6] = ["done", "closed by the client", "timed out", "stopped", "made room", "broken"];

    /// The reason as the log says it.
    pub(super) fn word(self) -> &'static str {
        CloseReason::WORDS[self.index()]
    }

    fn index(self) -> usize {
        match self {
            CloseReason::Done => 0,
            CloseReason::ClientClosed => 1,
            CloseReason::TimedOut => 2,
            CloseReason::Stopped => 3,
            CloseReason::MadeRoom => 4,
            CloseReason::Broken(_) => 5,
        }
    }
}

/// The closed connections of one worker by reason. It alone counts, and other threads may read.
#[derive(Debug, Default)]
pub(super) struct CloseCounts([AtomicU64; CloseReason::WORDS.len()]);

impl CloseCounts {
    /// Counts a connection.
    pub(super) fn add(&self, reason: CloseReason) {
        let count = &self.0[reason.index()];
        // No other thread writes: this is cheaper than an atomic addition.
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The sums over several workers, as words: `3 done, 1 timed out`.
    pub(super) fn sums<'a>(counts: impl Iterator<Item = &'a CloseCounts>) -> String {
        let mut sums = [0; CloseReason::WORDS.len()];
        for CloseCounts(counts) in counts {
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count.load(Ordering::Relaxed));
        }
        let words = sums.iter().zip(CloseReason::WORDS).filter(|(sum, _)| **sum > 0);
        let words: Vec<String> = words.map(|(sum, word)| format!("{sum} {word}")).collect();
        if words.is_empty() { "none".into() } else { words.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_over_workers() {
        let counts = [CloseCounts::default(), CloseCounts::default()];
        assert_eq!(CloseCounts::sums(counts.iter()), "none");
        counts[0].add(CloseReason::Done);
        counts[1].add(CloseReason::Done);
        counts[1].add(CloseReason::Broken(io::ErrorKind::BrokenPipe));
        assert_eq!(CloseCounts::sums(counts.iter()), "2 done, 1 broken");
    }
}
