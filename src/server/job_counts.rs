//! The jobs of the helper threads, counted by kind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::site::pending::{Job, Outcome};

/// The counts; a clone is another handle to the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct JobCounts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicU64,
    running: AtomicU64,
    done: Mutex<BTreeMap<&'static str, Done>>,
}

/// The jobs of a kind that were done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    pub(super) count: u64,
    /// The time that they took together.
    pub(super) time: Duration,
}

/// A job that waits for a thread; it is counted for as long as this lives.
pub(super) struct Waiting(JobCounts);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl JobCounts {
    /// Counts a job that waits for a thread.
    pub(super) fn wait(&self) -> Waiting {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self.clone())
    }

    /// Does a job, and counts it and its time.
    pub(super) fn run(&self, job: &Job) -> Outcome {
        self.0.running.fetch_add(1, Ordering::Relaxed);
        let begin = Instant::now();
        let outcome = job.run();
        let time = begin.elapsed();
        self.0.running.fetch_sub(1, Ordering::Relaxed);
        let mut done = self.0.done.lock().unwrap_or_else(PoisonError::into_inner);
        let Done { count, time: sum } = done.entry(job.kind()).or_default();
        *count += 1;
        *sum += time;
        outcome
    }

    /// Jobs that wait, and jobs that are being done.
    pub(super) fn unfinished(&self) -> [u64; 2] {
        [&self.0.waiting, &self.0.running].map(|count| count.load(Ordering::Relaxed))
    }

    /// The jobs that were done, by kind.
    pub(super) fn done(&self) -> BTreeMap<&'static str, Done> {
        self.0.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_wait_and_are_done() {
        let counts = JobCounts::default();
        let waiting = counts.wait();
        assert_eq!(counts.unfinished(), [1, 0]);
        drop(waiting);
        counts.run(&Job::Settle(Duration::from_millis(2)));
        counts.run(&Job::LookUp(Vec::new()));
        counts.run(&Job::LookUp(Vec::new()));
        assert_eq!(counts.unfinished(), [0, 0]);
        let done = counts.done();
        assert_eq!(
            done.iter().map(|(kind, done)| (*kind, done.count)).collect::<Vec<_>>(),
            [("look_up", 2), ("settle", 1)]
        );
        assert!(done["settle"].time >= Duration::from_millis(2));
    }
}
