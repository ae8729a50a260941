//! Which connections to look at, when: a wheel of slots, one tick apart.
//!
//! An entry is a hint and nothing more. It says when to look; the connection's own deadline says whether
//! it is late. So nothing is ever cancelled or moved, and a hint for a connection that is gone is harmless.

use std::time::{Duration, Instant};

/// How far two slots are apart: a timeout is at most this much late.
const TICK: Duration = Duration::from_millis(100);
/// Slots of the wheel. A deadline beyond them is looked at early, and put in again.
const SLOTS: u64 = 1024;

/// A time at which something is looked at: a number of ticks since the wheel began. It is kept for each connection, and
/// takes a quarter of the room of an `Instant`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tick(u32);

/// The wheel.
pub(super) struct Timers {
    began: Instant,
    /// The tick that is handed out next, and its time.
    next: u64,
    next_time: Instant,
    slots: Vec<Vec<u32>>,
    /// The tick of the first slot that is not empty, and its time.
    first: Option<(u64, Instant)>,
}

impl Timers {
    /// An empty wheel that turns from `now` on.
    pub(super) fn new(now: Instant) -> Timers {
        let slots = (0..SLOTS).map(|_| Vec::new()).collect();
        Timers { began: now, next: 0, next_time: now, slots, first: None }
    }

    /// Asks for `token` to be looked at once `deadline` has passed, or a little later. Returns when that
    /// will be.
    pub(super) fn add(&mut self, token: u32, deadline: Instant) -> Tick {
        let tick = (self.tick_at(deadline) + 1).clamp(self.next, self.next + SLOTS - 1);
        self.slots[(tick % SLOTS) as usize].push(token);
        if self.first.is_none_or(|(first, _)| tick < first) {
            self.first = Some((tick, self.time_of(tick)));
        }
        Tick(in_32_bits(tick))
    }

    /// Whether a look comes after a time.
    pub(super) fn is_after(&self, look: Tick, time: Instant) -> bool {
        self.time_of(look.0.into()) > time
    }

    /// Whether [`Timers::take_due`] has come to a look.
    pub(super) fn is_due(&self, look: Tick) -> bool {
        u64::from(look.0) < self.next
    }

    /// Takes out what is to be looked at by now, into `due`.
    pub(super) fn take_due(&mut self, now: Instant, due: &mut Vec<u32>) {
        if now < self.next_time {
            return;
        }
        if self.first.is_none() {
            self.next = self.next.max(self.tick_at(now));
        }
        while self.time_of(self.next) <= now {
            // Taken whole: a slot that kept its room would remember the largest burst there was.
            due.append(&mut std::mem::take(&mut self.slots[(self.next % SLOTS) as usize]));
            self.next += 1;
        }
        self.next_time = self.time_of(self.next);
        if self.first.is_some_and(|(first, _)| first < self.next) {
            let mut ticks = self.next..self.next + SLOTS;
            let first = ticks.find(|tick| !self.slots[(tick % SLOTS) as usize].is_empty());
            self.first = first.map(|tick| (tick, self.time_of(tick)));
        }
    }

    /// How long nothing is to be looked at; `None` when the wheel is empty.
    pub(super) fn next_after(&self, now: Instant) -> Option<Duration> {
        Some(self.first?.1.saturating_duration_since(now))
    }

    /// The last tick that is not later than `time`.
    fn tick_at(&self, time: Instant) -> u64 {
        let ticks = time.saturating_duration_since(self.began).as_nanos() / TICK.as_nanos();
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    fn time_of(&self, tick: u64) -> Instant {
        self.began + TICK * in_32_bits(tick)
    }
}

/// A number of ticks, which reaches 32 bits after 13 years.
fn in_32_bits(tick: u64) -> u32 {
    u32::try_from(tick).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_comes_after_its_deadline_and_soon() {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        assert_eq!(timers.next_after(start), None);
        let deadlines: Vec<u64> = vec![0, 1, 99, 100, 101, 5_000, 60_000, 500_000];
        for (token, milliseconds) in deadlines.iter().enumerate() {
            timers.add(token as u32, start + Duration::from_millis(*milliseconds));
        }
        let mut seen = Vec::new();
        let mut due = Vec::new();
        for step in 0..6_000u64 {
            let now = start + Duration::from_millis(step * 100);
            timers.take_due(now, &mut due);
            for token in due.drain(..) {
                let deadline = start + Duration::from_millis(deadlines[token as usize]);
                if deadline > now {
                    timers.add(token, deadline); // beyond the wheel: looked at early
                    continue;
                }
                assert!(now - deadline <= TICK * 2, "{token} is late");
                seen.push(token);
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..deadlines.len() as u32).collect::<Vec<_>>());
        assert_eq!(timers.next_after(start), None);
    }

    #[test]
    fn the_wait_ends_when_the_next_look_is_due() {
        let start = Instant::now();
        let mut timers = Timers::new(start);
        let look = timers.add(7, start + Duration::from_millis(250));
        let mut due = Vec::new();
        timers.take_due(start + Duration::from_millis(250), &mut due);
        assert!(due.is_empty());
        let now = start + timers.next_after(start).unwrap();
        assert!(!timers.is_due(look) && !timers.is_after(look, now));
        assert!(timers.is_after(look, now - Duration::from_nanos(1)));
        timers.take_due(now, &mut due);
        assert!(timers.is_due(look));
        assert_eq!(due, [7]);
    }
}
