//! Limits of frames that cost the server something and bring the client nothing.

use std::time::Instant;

/// A number of frames that a client may send without asking for anything. It grows with time, and with what the client
/// asks for and takes, up to where it began.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    most: u32,
    per_second: u32,
    /// The time up to which the seconds are counted.
    counted: Option<Instant>,
}

impl Allowance {
    /// An allowance of `most` frames, and of `per_second` more with each second.
    pub(super) const fn new(most: u32, per_second: u32) -> Allowance {
        Allowance { left: most, most, per_second, counted: None }
    }

    /// Takes one. `false` says that there is none left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if self.left == 0 || self.counted.is_none() {
            self.count_time(now);
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }

    /// Gives some back, for what the client has asked for and taken.
    pub(super) fn earn(&mut self, count: u32) {
        self.left = self.left.saturating_add(count).min(self.most);
    }

    fn count_time(&mut self, now: Instant) {
        let seconds = self.counted.map_or(0, |counted| now.saturating_duration_since(counted).as_secs());
        if seconds > 0 || self.counted.is_none() {
            let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
            self.earn(self.per_second.saturating_mul(seconds));
            self.counted = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_ends_and_grows_again() {
        let begin = Instant::now();
        let after = |milliseconds| begin + Duration::from_millis(milliseconds);
        let mut allowance = Allowance::new(3, 2);
        let mut take =
            |count: usize, milliseconds| (0..count).filter(|_| allowance.take(after(milliseconds))).count();
        assert_eq!(take(5, 0), 3);
        assert_eq!(take(1, 999), 0);
        assert_eq!(take(5, 1_000), 2);
        assert_eq!(take(5, 60_000), 3);
        allowance.earn(1);
        assert!(allowance.take(after(60_000)));
        assert!(!allowance.take(after(60_000)));
    }
}
