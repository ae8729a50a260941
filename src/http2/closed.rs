//! The streams that were closed last, and how: what may still come on them depends on that (RFC 9113 section 5.1).

/// Streams that are remembered.
const REMEMBERED: usize = 32;

/// How a stream was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// Both sides have sent all.
    Done,
    /// This side has reset it: frames of it may still be on their way, and are ignored.
    Reset,
}

/// The streams that were closed last.
#[derive(Debug)]
pub(super) struct ClosedStreams {
    ids: [u32; REMEMBERED],
    /// A bit for each that was reset.
    resets: u32,
    next: usize,
}

impl ClosedStreams {
    pub(super) const fn new() -> ClosedStreams {
        ClosedStreams { ids: [0; REMEMBERED], resets: 0, next: 0 }
    }

    /// Remembers a stream; of one that is remembered, the last closing.
    pub(super) fn add(&mut self, id: u32, closing: Closing) {
        if closing == Closing::Reset
            && let Some(index) = self.ids.iter().position(|&found| found == id)
        {
            self.resets |= 1 << index;
            return;
        }
        self.ids[self.next] = id;
        let bit = 1 << self.next;
        self.resets = if closing == Closing::Reset { self.resets | bit } else { self.resets & !bit };
        self.next = (self.next + 1) % REMEMBERED;
    }

    /// How a stream was closed, as far as it is remembered.
    pub(super) fn closing(&self, id: u32) -> Option<Closing> {
        let index = self.ids.iter().position(|&found| found == id)?;
        Some(if self.resets & 1 << index == 0 { Closing::Done } else { Closing::Reset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered() {
        let mut closed = ClosedStreams::new();
        assert_eq!(closed.closing(1), None);
        for number in 0..40 {
            let closing = if number % 3 == 0 { Closing::Reset } else { Closing::Done };
            closed.add(2 * number + 1, closing);
        }
        let found: Vec<_> = [1, 15, 17, 19, 79].map(|id| closed.closing(id)).into();
        let expected = [None, None, Some(Closing::Done), Some(Closing::Reset), Some(Closing::Reset)];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_stream_is_remembered_once() {
        // The oldest one stays, for the other takes no second place.
        let mut closed = ClosedStreams::new();
        (0..32).for_each(|number| closed.add(2 * number + 1, Closing::Done));
        closed.add(63, Closing::Reset);
        assert_eq!([1, 63].map(|id| closed.closing(id)), [Some(Closing::Done), Some(Closing::Reset)]);
    }
}
