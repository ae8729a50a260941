//! The reasons why connections end.

use std::io;

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
    /// A PROXY header was to come first, and none has, or not from a trusted proxy.
    NoProxyHeader,
    /// Sending or receiving failed.
    Broken(io::ErrorKind),
}

impl CloseReason {
    /// The words for each reason, in the order of [`CloseReason::index`].
    pub(super) const WORDS: [&str; 7] =
        ["done", "closed by the client", "timed out", "stopped", "made room", "no proxy header", "broken"];

    /// The reason as the log says it.
    pub(super) fn word(self) -> &'static str {
        CloseReason::WORDS[self.index()]
    }

    /// Its place among [`CloseReason::WORDS`].
    pub(super) fn index(self) -> usize {
        match self {
            CloseReason::Done => 0,
            CloseReason::ClientClosed => 1,
            CloseReason::TimedOut => 2,
            CloseReason::Stopped => 3,
            CloseReason::MadeRoom => 4,
            CloseReason::NoProxyHeader => 5,
            CloseReason::Broken(_) => 6,
        }
    }
}
