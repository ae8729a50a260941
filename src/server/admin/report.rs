//! The numbers of the server at one moment.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use crate::server::blocking::Blocking;
use crate::server::counters::Sums;
use crate::server::job_counts::Done;
use crate::server::log_writer::LogWriter;
use crate::server::workers::Workers;
use crate::sys::process::{self, Process};

/// How far two samples for the numbers of the last minute are apart.
pub(super) const SAMPLING: Duration = Duration::from_secs(5);
/// Samples of the last minute.
const SAMPLES: usize = 13;

/// The places where numbers come from.
pub(in crate::server) struct Sources {
    pub(in crate::server) blocking: Blocking,
    pub(in crate::server) log: LogWriter,
    pub(in crate::server) process: Process,
    /// Descriptors that the process may have.
    pub(in crate::server) most_descriptors: u64,
    /// When the process began, since 1970.
    pub(in crate::server) started: Duration,
    /// The folder that is served, as the operator has named it.
    pub(in crate::server) root: String,
}

/// The numbers of the server at one moment.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) sums: Sums,
    /// Jobs that wait, and jobs that are being done.
    pub(super) unfinished_jobs: [u64; 2],
    pub(super) jobs: BTreeMap<&'static str, Done>,
    pub(super) lines_lost: u64,
    pub(super) version: &'static str,
    pub(super) workers: usize,
    /// Whether the server takes new work for good.
    pub(super) is_ready: bool,
    pub(super) root: String,
    /// When the process began, since 1970.
    pub(super) started: Duration,
    /// For how long it has been there.
    pub(super) age: Duration,
    pub(super) open_descriptors: Option<u64>,
    pub(super) most_descriptors: u64,
    pub(super) resident_bytes: Option<u64>,
    pub(super) processor_time: Duration,
}

impl Report {
    /// The numbers at this moment.
    pub(super) fn new(workers: &Workers, sources: &Sources) -> Report {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let jobs = sources.blocking.counts();
        Report {
            sums: workers.sums(),
            unfinished_jobs: jobs.unfinished(),
            jobs: jobs.done(),
            lines_lost: sources.log.lost_in_all(),
            version: env!("CARGO_PKG_VERSION"),
            workers: workers.size(),
            is_ready: workers.is_ready(),
            root: sources.root.clone(),
            started: sources.started,
            age: now.saturating_sub(sources.started),
            open_descriptors: sources.process.open_descriptors(),
            most_descriptors: sources.most_descriptors,
            resident_bytes: sources.process.resident_bytes(),
            processor_time: process::processor_time(),
        }
    }
}

/// The numbers that the last minute is reckoned from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sample {
    pub(super) responses: u64,
    /// Those with a status of 500 or above.
    pub(super) failures: u64,
    pub(super) bytes: u64,
}

impl Sample {
    pub(super) fn of(sums: &Sums) -> Sample {
        Sample { responses: sums.responses(), failures: sums.of_class(5), bytes: sums.bytes }
    }
}

/// The samples of the last minute.
#[derive(Debug, Default)]
pub(super) struct LastMinute(VecDeque<(Instant, Sample)>);

impl LastMinute {
    /// Takes a sample.
    pub(super) fn add(&mut self, sample: Sample, now: Instant) {
        if self.0.len() == SAMPLES {
            self.0.pop_front();
        }
        self.0.push_back((now, sample));
    }

    /// The time since the oldest sample, and what has come since.
    pub(super) fn since(&self, sample: Sample, now: Instant) -> (Duration, Sample) {
        let (begin, old) = self.0.front().copied().unwrap_or((now, sample));
        let new = Sample {
            responses: sample.responses - old.responses,
            failures: sample.failures - old.failures,
            bytes: sample.bytes - old.bytes,
        };
        (now.saturating_duration_since(begin), new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_minute() {
        let (mut minute, start) = (LastMinute::default(), Instant::now());
        let sample = |responses| Sample { responses, failures: 0, bytes: responses * 10 };
        assert_eq!(minute.since(sample(7), start), (Duration::ZERO, sample(0)));
        for step in 0..100 {
            minute.add(sample(u64::from(step)), start + SAMPLING * step);
        }
        assert_eq!(minute.since(sample(100), start + SAMPLING * 100), (SAMPLING * 13, sample(13)));
    }
}
