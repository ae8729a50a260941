//! Clients that guess: how often each was wrong in the last minute, and how many of its guesses are being looked at.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::sorted_map::SortedMap;

/// Wrong credentials from one client within [`WINDOW`], after which it is slowed for as long.
pub(super) const MOST_FAILURES: usize = 10;
/// The time for which a wrong guess counts, and for which a client is slowed.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// Clients that are remembered; with more of them the one that was wrong the longest time ago is forgotten.
const MOST_CLIENTS: usize = 4096;

/// A client: an IPv4 address, or the upper half of an IPv6 one; `None` for all that have no address.
pub(crate) type Network = Option<IpAddr>;

/// The clients that were wrong lately.
#[derive(Debug, Default)]
pub(super) struct Failures(SortedMap<Network, Guesses>);

#[derive(Debug, Default)]
struct Guesses {
    /// The times of the wrong ones that count.
    wrong: Vec<Instant>,
    slowed_until: Option<Instant>,
    /// Those that are being looked at.
    open: usize,
}

impl Guesses {
    fn is_over(&self, now: Instant) -> bool {
        self.open == 0
            && self.slowed_until.is_none_or(|end| end <= now)
            && self.wrong.last().is_none_or(|last| *last + WINDOW <= now)
    }
}

impl Failures {
    /// The time for which a client is slowed from now on.
    pub(super) fn slowed(&self, client: Network, now: Instant) -> Option<Duration> {
        let end = self.0.get(&client)?.slowed_until?;
        Some(end.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Begins to look at a guess of a client, which is to [`close`](Failures::close). False if as many are looked at
    /// already as may be wrong.
    pub(super) fn open(&mut self, client: Network, now: Instant) -> bool {
        let guesses = self.0.get_or_insert_with(client, Guesses::default);
        drop_old(&mut guesses.wrong, now);
        let has_room = guesses.wrong.len() + guesses.open < MOST_FAILURES;
        guesses.open += usize::from(has_room);
        has_room
    }

    /// A guess was looked at.
    pub(super) fn close(&mut self, client: Network, now: Instant) {
        if let Some(guesses) = self.0.get_mut(&client) {
            guesses.open = guesses.open.saturating_sub(1);
            if guesses.is_over(now) {
                self.0.remove(&client);
            }
        }
    }

    /// A client was wrong.
    pub(super) fn note(&mut self, client: Network, now: Instant) {
        if self.0.get(&client).is_none() && self.0.len() >= MOST_CLIENTS {
            self.make_room(now);
        }
        let guesses = self.0.get_or_insert_with(client, Guesses::default);
        drop_old(&mut guesses.wrong, now);
        guesses.wrong.push(now);
        if guesses.wrong.len() >= MOST_FAILURES {
            guesses.slowed_until = Some(now + WINDOW);
            guesses.wrong.clear();
        }
    }

    /// Forgets the clients of which nothing counts any more.
    pub(super) fn forget_old(&mut self, now: Instant) {
        self.0.retain(|guesses| !guesses.is_over(now));
    }

    fn make_room(&mut self, now: Instant) {
        self.forget_old(now);
        let age = |guesses: &Guesses| guesses.slowed_until.max(guesses.wrong.last().copied());
        let idle = self.0.iter().filter(|(_, guesses)| guesses.open == 0);
        let oldest = idle.min_by_key(|(_, guesses)| age(guesses)).map(|(client, _)| *client);
        if let Some(client) = oldest.filter(|_| self.0.len() >= MOST_CLIENTS) {
            self.0.remove(&client);
        }
    }
}

fn drop_old(wrong: &mut Vec<Instant>, now: Instant) {
    wrong.retain(|time| *time + WINDOW > now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn client(number: u32) -> Network {
        Some(Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn ten_in_a_minute_slow_a_client_for_a_minute() {
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        // The seconds of wrong guesses, and for each second the seconds for which the client is slowed then.
        for (wrong, expected) in [
            (vec![0; 9], vec![(0, 0), (1, 0)]),
            (vec![0; 10], vec![(0, 60), (1, 59), (59, 1), (60, 0)]),
            ((0..10).map(|number| number * 6).collect(), vec![(54, 60), (113, 1), (114, 0)]),
            ((0..20).map(|number| number * 7).collect(), vec![(133, 0)]),
            ([vec![0; 9], vec![60; 9]].concat(), vec![(60, 0)]),
            ([vec![0; 9], vec![59]].concat(), vec![(59, 60), (118, 1)]),
            ([vec![0; 10], vec![61; 9]].concat(), vec![(61, 0)]),
            ([vec![0; 10], vec![61; 10]].concat(), vec![(61, 60)]),
        ] {
            let mut failures = Failures::default();
            for second in &wrong {
                failures.note(client(1), at(*second));
            }
            for (second, left) in expected {
                let found = failures.slowed(client(1), at(second)).map_or(0, |left| left.as_secs());
                assert_eq!(found, left, "{wrong:?} after {second} s");
                assert_eq!(failures.slowed(client(2), at(second)), None);
                assert_eq!(failures.slowed(None, at(second)), None);
            }
        }
    }

    #[test]
    fn no_more_are_looked_at_than_may_be_wrong() {
        let mut failures = Failures::default();
        let now = Instant::now();
        for _ in 0..7 {
            failures.note(client(1), now);
        }
        let opened = |failures: &mut Failures| (0..20).filter(|_| failures.open(client(1), now)).count();
        assert_eq!(opened(&mut failures), 3);
        assert!(failures.open(client(2), now));
        failures.note(client(1), now);
        failures.close(client(1), now);
        assert_eq!(opened(&mut failures), 0, "one was wrong");
        failures.close(client(1), now);
        assert_eq!(opened(&mut failures), 1, "one was right");
    }

    #[test]
    fn clients_are_forgotten() {
        let mut failures = Failures::default();
        let begin = Instant::now();
        for number in 0..MOST_CLIENTS as u32 {
            failures.note(client(number), begin + Duration::from_millis(number.into()));
        }
        let later = begin + Duration::from_secs(5);
        assert!(failures.open(client(0), later));
        failures.note(client(u32::MAX), later);
        assert_eq!(failures.0.len(), MOST_CLIENTS);
        assert!(failures.0.get(&client(0)).is_some(), "one of its guesses is looked at");
        assert!(failures.0.get(&client(1)).is_none() && failures.0.get(&client(u32::MAX)).is_some());
        failures.close(client(0), later);
        failures.forget_old(later + WINDOW - Duration::from_millis(1));
        assert_eq!(failures.0.len(), 1);
        failures.forget_old(later + WINDOW);
        assert_eq!(failures.0.len(), 0);
    }

    #[test]
    fn who_was_right_leaves_nothing() {
        let mut failures = Failures::default();
        let now = Instant::now();
        assert!(failures.open(client(1), now));
        failures.close(client(1), now);
        assert_eq!(failures.0.len(), 0);
    }
}
