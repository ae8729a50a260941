//! Threads that may wait, so that no worker does.
//!
//! A worker that needs what only waiting can give hands over a job and goes on; the result comes back to the
//! connection that asked. The threads are started when they are first needed, and end when they have had nothing to
//! do for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::job_counts::{JobCounts, Waiting};
use crate::site::pending::{Job, Outcome};

/// Threads at most: enough to keep a disk's queue filled, few enough to wait on one.
const THREADS: usize = 8;
/// The time for which a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// A job, and what happens with its outcome. The connection that asked for it owns the job: when it is gone, the job
/// is skipped.
struct Order {
    job: Weak<Job>,
    deliver: Box<dyn FnOnce(Outcome) + Send>,
    _waiting: Waiting,
}

#[derive(Default)]
struct Queue {
    orders: VecDeque<Order>,
    threads: usize,
    idle: usize,
    /// Whether no thread could be started, and a warning has said so.
    is_short: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    has_order: Condvar,
    counts: JobCounts,
}

/// The pool of threads; a clone is another handle to the same one.
#[derive(Clone, Default)]
pub(super) struct Blocking(Arc<Shared>);

impl Blocking {
    /// Does a job on a thread and delivers its outcome, unless the job is dropped before its turn comes. Where no
    /// thread can be had the job is done at once: the caller then waits itself.
    pub(super) fn run(&self, job: &Arc<Job>, deliver: impl FnOnce(Outcome) + Send + 'static) {
        let mut queue = self.lock();
        if queue.idle <= queue.orders.len() && queue.threads < THREADS {
            let pool = self.clone();
            let started = thread::Builder::new().name("blocking".into()).spawn(move || pool.work());
            if let Err(error) = &started
                && !queue.is_short
            {
                log::warn!("a slow disk holds up every client, because no thread can wait for it: {error}");
            }
            queue.is_short = started.is_err();
            queue.threads += usize::from(started.is_ok());
        }
        if queue.threads == 0 {
            drop(queue);
            return deliver(self.0.counts.run(job));
        }
        let (job, deliver) = (Arc::downgrade(job), Box::new(deliver));
        queue.orders.push_back(Order { job, deliver, _waiting: self.0.counts.wait() });
        self.0.has_order.notify_one();
    }

    /// The counts of its jobs.
    pub(super) fn counts(&self) -> &JobCounts {
        &self.0.counts
    }

    /// The life of a thread.
    fn work(&self) {
        while let Some(Order { job, deliver, _waiting: waiting }) = self.next() {
            drop(waiting);
            let Some(job) = job.upgrade() else { continue };
            let outcome = self.0.counts.run(&job);
            // Dropped first: a job that only this thread still knew is not delivered.
            drop(job);
            deliver(outcome);
        }
    }

    /// The next order; `None` when the thread is to end.
    fn next(&self) -> Option<Order> {
        let mut queue = self.lock();
        loop {
            if let Some(order) = queue.orders.pop_front() {
                return Some(order);
            }
            queue.idle += 1;
            let (woken, timeout) =
                self.0.has_order.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
            queue = woken;
            queue.idle -= 1;
            if timeout.timed_out() && queue.orders.is_empty() {
                queue.threads -= 1;
                return None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::sync::mpsc;

    #[test]
    fn every_job_is_done_once_whatever_becomes_of_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, vec![7; 300_000]).unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        let pool = Blocking::default();
        let (sender, receiver) = mpsc::channel();
        let mut asked = Vec::new();
        for number in 0..100u64 {
            let sender = sender.clone();
            let range = number * 5_000..number * 5_000 + 200_000; // from the 20th on beyond the end
            asked.push(Arc::new(Job::Read(Arc::clone(&file), range)));
            pool.run(&asked[asked.len() - 1], move |_| sender.send(number).unwrap());
        }
        let mut done: Vec<u64> = receiver.iter().take(100).collect();
        done.sort_unstable();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
        assert!(pool.lock().threads <= THREADS);
    }

    #[test]
    fn a_job_that_was_dropped_is_skipped() {
        let pool = Blocking::default();
        let (sender, receiver) = mpsc::channel();
        let slow: Vec<_> = (0..THREADS).map(|_| Arc::new(Job::Settle(Duration::from_millis(50)))).collect();
        for job in &slow {
            let sender = sender.clone();
            pool.run(job, move |_| sender.send("slow").unwrap());
        }
        let dropped = Arc::new(Job::Settle(Duration::ZERO));
        let sender = sender.clone();
        pool.run(&dropped, move |_| sender.send("dropped").unwrap());
        drop(dropped);
        let done: Vec<_> = receiver.iter().take(THREADS).collect();
        assert_eq!(done, ["slow"; THREADS]);
        let after = Arc::new(Job::Settle(Duration::ZERO));
        let (sender, receiver_after) = mpsc::channel();
        pool.run(&after, move |_| sender.send(()).unwrap());
        receiver_after.recv().unwrap();
        assert!(receiver.try_recv().is_err(), "the dropped one was done");
    }
}
