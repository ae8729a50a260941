//! The numbers that each worker counts for itself. Other threads read them when somebody asks.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::close_reason::CloseReason;
use super::limits::Refusal;
use super::tls::Version;
use crate::http::request::{Method, Request};
use crate::http::status::Status;
use crate::site::CacheCounts;

/// Labels of the methods that are counted apart.
pub(super) const METHODS: [&str; 4] = ["GET", "HEAD", "OPTIONS", "other"];
/// Labels of the classes of status codes.
pub(super) const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Labels of the states of connections.
pub(super) const STATES: [&str; 5] = ["idle", "reading", "waiting", "sending", "closing"];
/// Labels of the limits that turn connections away.
pub(super) const LIMITS: [&str; 2] = ["max_connections", "max_connections_per_ip"];
/// Labels of the outcomes of TLS handshakes: the version, and what became of it.
pub(super) const HANDSHAKES: [(&str, &str); 3] =
    [("TLSv1.2", "done"), ("TLSv1.3", "done"), ("unknown", "failed")];
/// Upper ends of the classes of durations, in microseconds.
pub(super) const BOUNDS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// The state of a connection, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// It waits for a request of which nothing has come.
    Idle,
    /// A part of a request has come.
    Reading,
    /// Its request waits for a job.
    Waiting,
    /// A response is on its way.
    Sending,
    /// The last response is sent.
    Closing,
}

/// A request as it is counted: its method and the class of its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    method: usize,
    class: usize,
}

impl Counted {
    /// A request, as far as it could be read, and the status of its response.
    pub(super) fn new(request: Option<&Request>, status: Status) -> Counted {
        let method = match request.map(|request| request.method) {
            Some(Method::Get) => 0,
            Some(Method::Head) => 1,
            Some(Method::Options) => 2,
            _ => 3,
        };
        Counted { method, class: usize::from(status.code() / 100).clamp(1, CLASSES.len()) - 1 }
    }
}

/// A number that one thread changes and any thread reads.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds. No other thread writes: a load and a store are cheaper than an atomic addition.
    fn add(&self, value: u64) {
        self.set(self.get().wrapping_add(value));
    }

    fn subtract(&self, value: u64) {
        self.set(self.get().wrapping_sub(value));
    }
}

/// The numbers of one worker. They share no cache line with those of another one.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Counters {
    requests: [[Count; CLASSES.len()]; METHODS.len()],
    bytes: Count,
    /// Responses by duration, each in the first class that it fits in; the last class is that of the longest.
    durations: [Count; BOUNDS.len() + 1],
    microseconds: Count,
    connections: [Count; STATES.len()],
    closed: [Count; CloseReason::WORDS.len()],
    refused: [Count; LIMITS.len()],
    handshakes: [Count; HANDSHAKES.len()],
    streams: Count,
    cache: [Count; 5],
}

impl Counters {
    /// Counts a response, and the bytes of body that were sent of it.
    pub(super) fn add_response(&self, counted: Counted, bytes: u64) {
        self.requests[counted.method][counted.class].add(1);
        self.bytes.add(bytes);
    }

    /// Counts the time that a whole response took.
    pub(super) fn add_duration(&self, time: Duration) {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let class = BOUNDS.iter().position(|&bound| microseconds <= bound).unwrap_or(BOUNDS.len());
        self.durations[class].add(1);
        self.microseconds.add(microseconds);
    }

    /// Counts a connection in its state, and no more in the one before.
    pub(super) fn move_connection(&self, before: Option<Activity>, after: Option<Activity>) {
        if before != after {
            before.iter().for_each(|activity| self.connections[*activity as usize].subtract(1));
            after.iter().for_each(|activity| self.connections[*activity as usize].add(1));
        }
    }

    /// Counts the streams of a connection, and no more those that it had before.
    pub(super) fn move_streams(&self, before: u16, after: u16) {
        if before != after {
            self.streams.add(u64::from(after).wrapping_sub(before.into()));
        }
    }

    /// Counts a closed connection.
    pub(super) fn add_closed(&self, reason: CloseReason) {
        self.closed[reason.index()].add(1);
    }

    /// Counts a connection that was turned away.
    pub(super) fn add_refused(&self, refusal: Refusal) {
        self.refused[refusal as usize].add(1);
    }

    /// Counts a handshake that is done, with its version, or that failed.
    pub(super) fn add_handshake(&self, version: Option<Version>) {
        let index = match version {
            Some(Version::Tls12) => 0,
            Some(Version::Tls13) => 1,
            None => 2,
        };
        self.handshakes[index].add(1);
    }

    /// Sets the numbers of the cache.
    pub(super) fn set_cache(&self, counts: &CacheCounts) {
        let CacheCounts { entries, bytes, hits, misses, looks } = *counts;
        self.cache
            .iter()
            .zip([entries, bytes, hits, misses, looks])
            .for_each(|(count, value)| count.set(value));
    }
}

/// The numbers of all workers together, each in the order of its labels.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) requests: [[u64; CLASSES.len()]; METHODS.len()],
    pub(super) bytes: u64,
    pub(super) durations: [u64; BOUNDS.len() + 1],
    pub(super) microseconds: u64,
    pub(super) connections: [u64; STATES.len()],
    pub(super) closed: [u64; CloseReason::WORDS.len()],
    pub(super) refused: [u64; LIMITS.len()],
    pub(super) handshakes: [u64; HANDSHAKES.len()],
    pub(super) streams: u64,
    pub(super) cache: CacheCounts,
}

impl Sums {
    /// Sums over workers.
    pub(super) fn of<'a>(workers: impl Iterator<Item = &'a Counters> + Clone) -> Sums {
        let sum = |count: &dyn Fn(&Counters) -> &Count| {
            workers.clone().fold(0_u64, |sum, counters| sum.wrapping_add(count(counters).get()))
        };
        Sums {
            requests: array::from_fn(|method| {
                array::from_fn(|class| sum(&|counters| &counters.requests[method][class]))
            }),
            bytes: sum(&|counters| &counters.bytes),
            durations: array::from_fn(|class| sum(&|counters| &counters.durations[class])),
            microseconds: sum(&|counters| &counters.microseconds),
            connections: array::from_fn(|state| sum(&|counters| &counters.connections[state])),
            closed: array::from_fn(|reason| sum(&|counters| &counters.closed[reason])),
            refused: array::from_fn(|limit| sum(&|counters| &counters.refused[limit])),
            handshakes: array::from_fn(|outcome| sum(&|counters| &counters.handshakes[outcome])),
            streams: sum(&|counters| &counters.streams),
            cache: {
                let [entries, bytes, hits, misses, looks] =
                    array::from_fn(|index| sum(&|counters| &counters.cache[index]));
                CacheCounts { entries, bytes, hits, misses, looks }
            },
        }
    }

    /// All responses.
    pub(super) fn responses(&self) -> u64 {
        self.requests.iter().flatten().sum()
    }

    /// Responses of a class, 1 to 5.
    pub(super) fn of_class(&self, class: usize) -> u64 {
        self.requests.iter().map(|classes| classes[class - 1]).sum()
    }

    /// Closed connections by reason, as words: `3 done, 1 timed out`.
    pub(super) fn closed_in_words(&self) -> String {
        let words = self.closed.iter().zip(CloseReason::WORDS).filter(|(sum, _)| **sum > 0);
        let words: Vec<String> = words.map(|(sum, word)| format!("{sum} {word}")).collect();
        if words.is_empty() { "none".into() } else { words.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::parser::Parser;
    use std::io::ErrorKind;

    fn counted(method: &str, status: Status) -> Counted {
        let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        Counted::new(Parser::new().advance(head.as_bytes()).unwrap().as_ref(), status)
    }

    #[test]
    fn methods_and_classes() {
        for (method, status, expected) in [
            ("GET", Status::Ok, ("GET", "2xx")),
            ("HEAD", Status::NotModified, ("HEAD", "3xx")),
            ("OPTIONS", Status::NoContent, ("OPTIONS", "2xx")),
            ("POST", Status::MethodNotAllowed, ("other", "4xx")),
            ("BREW", Status::NotImplemented, ("other", "5xx")),
        ] {
            let Counted { method: index, class } = counted(method, status);
            assert_eq!((METHODS[index], CLASSES[class]), expected);
        }
        assert_eq!(METHODS[Counted::new(None, Status::BadRequest).method], "other");
    }

    #[test]
    fn sums_over_workers() {
        let counters = [Counters::default(), Counters::default()];
        let sums = || Sums::of(counters.iter());
        assert_eq!(sums().closed_in_words(), "none");
        for (worker, reason) in
            [(0, CloseReason::Done), (1, CloseReason::Done), (1, CloseReason::Broken(ErrorKind::BrokenPipe))]
        {
            counters[worker].add_closed(reason);
            counters[worker].add_response(counted("GET", Status::Ok), 5);
            counters[worker].move_connection(None, Some(Activity::Idle));
        }
        counters[0].add_response(counted("GET", Status::NotFound), 1);
        counters[0].move_connection(Some(Activity::Idle), Some(Activity::Sending));
        counters[1].move_connection(Some(Activity::Idle), None);
        assert_eq!(sums().closed_in_words(), "2 done, 1 broken");
        assert_eq!((sums().responses(), sums().of_class(2), sums().of_class(4), sums().bytes), (4, 3, 1, 16));
        assert_eq!(sums().connections, [1, 0, 0, 1, 0]);
    }

    #[test]
    fn durations() {
        let counters = Counters::default();
        for (microseconds, class) in [(0, 0), (100, 0), (101, 1), (10_000_000, 15), (10_000_001, 16)] {
            let before = Sums::of([&counters].into_iter()).durations[class];
            counters.add_duration(Duration::from_micros(microseconds));
            assert_eq!(Sums::of([&counters].into_iter()).durations[class], before + 1, "{microseconds}");
        }
        assert_eq!(Sums::of([&counters].into_iter()).microseconds, 20_000_202);
    }
}
