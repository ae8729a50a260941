//! Messages that could come a thousand times a second, said once a second at most.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time between two messages of one kind.
const PAUSE: Duration = Duration::from_secs(1);

/// One kind of message, for all threads.
pub(crate) struct Throttle(Mutex<Option<Instant>>);

impl Throttle {
    /// A kind that was not said yet.
    pub(crate) const fn new() -> Throttle {
        Throttle(Mutex::new(None))
    }

    /// Whether it may be said now; it is then taken to be said.
    pub(crate) fn permits(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_permitted = last.is_none_or(|last| now >= last + PAUSE);
        if is_permitted {
            *last = Some(now);
        }
        is_permitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_second() {
        let throttle = Throttle::new();
        let begin = Instant::now();
        for (milliseconds, expected) in [(0, true), (0, false), (999, false), (1_000, true), (1_999, false)] {
            let now = begin + Duration::from_millis(milliseconds);
            assert_eq!(throttle.permits(now), expected, "after {milliseconds} ms");
        }
    }
}
