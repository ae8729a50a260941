//! Threads that may wait, so that no worker does.
//!
//! A worker that needs what only waiting can give hands over a job and goes on; the result comes back to the
//! connection that asked. The threads are started when they are first needed, and end when they have had nothing to
//! do for a while.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::job_counts::{JobCounts, Waiting};
use crate::site::pending::{Job, Outcome};
use crate::sys::priority;

/// Threads at most that wait for disks: enough to keep a disk's queue filled, few enough to wait on one.
const FOR_DISKS: usize = 8;
/// Threads at most that compute: each may take 64 MiB of memory.
const FOR_PROCESSORS: usize = 4;
/// Threads at most that compute the hashes of passwords: whoever guesses makes them work as much as they can.
const FOR_LOGINS: usize = 1;
/// Threads at most that list folders, which takes a disk and then a processor.
const FOR_FOLDERS: usize = 2;
/// The time for which a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(10);
/// Jobs that may wait for a thread that computes. With more of them waiting, one that can be skipped is.
const BUSY: usize = 64;
/// The longest time that a job waits that can be skipped: with less to do, but on slower processors.
const PATIENCE: Duration = Duration::from_secs(2);

/// The threads. Those that compute are apart from those that wait for disks, so that neither hold up the other; they
/// leave a processor to the workers, and give way to them on the others. Large folders and logins hold up none of both. A clone is
/// another handle to the same ones.
#[derive(Clone)]
pub(super) struct Blocking {
    for_disks: Pool,
    for_processors: Pool,
    for_folders: Pool,
    for_logins: Pool,
    counts: JobCounts,
}

impl Blocking {
    /// No threads yet. To be called before the lock-in: the share of the processors that a container has is told by
    /// files outside of the root.
    pub(super) fn new() -> Blocking {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let counts = JobCounts::default();
        Blocking {
            for_disks: Pool::new(FOR_DISKS, || (), counts.clone()),
            for_processors: Pool::new(
                processors.saturating_sub(1).clamp(1, FOR_PROCESSORS),
                lower_priority,
                counts.clone(),
            ),
            for_folders: Pool::new(FOR_FOLDERS, lower_priority, counts.clone()),
            for_logins: Pool::new(FOR_LOGINS, lower_priority, counts.clone()),
            counts,
        }
    }

    /// Does a job on a thread and delivers its outcome, unless the job is dropped before its turn comes. Where no
    /// thread can be had the job is done at once: the caller then waits itself, unless the job needs a thread.
    pub(super) fn run(&self, job: &Arc<Job>, deliver: impl FnOnce(Outcome) + Send + 'static) {
        let pool = match **job {
            Job::List(_) => &self.for_folders,
            Job::CheckLogin(_) => &self.for_logins,
            _ if job.computes() => &self.for_processors,
            _ => &self.for_disks,
        };
        pool.run(job, deliver);
    }

    /// The counts of all jobs.
    pub(super) fn counts(&self) -> &JobCounts {
        &self.counts
    }
}

/// A job, and what happens with its outcome. The connection that asked for it owns the job: when it is gone, the job
/// is skipped.
struct Order {
    job: Weak<Job>,
    deliver: Box<dyn FnOnce(Outcome) + Send>,
    since: Instant,
    waiting: Waiting,
}

#[derive(Default)]
struct Queue {
    orders: VecDeque<Order>,
    threads: usize,
    idle: usize,
    /// Whether no thread could be started, and a warning has said so.
    is_short: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    has_order: Condvar,
    /// Threads at most.
    threads: usize,
    /// The first thing that each of them does.
    begin: fn(),
    counts: JobCounts,
}

/// Threads that are alike.
#[derive(Clone)]
struct Pool(Arc<Shared>);

impl Pool {
    fn new(threads: usize, begin: fn(), counts: JobCounts) -> Pool {
        Pool(Arc::new(Shared { queue: Mutex::default(), has_order: Condvar::new(), threads, begin, counts }))
    }

    fn run(&self, job: &Arc<Job>, deliver: impl FnOnce(Outcome) + Send + 'static) {
        let mut queue = self.lock();
        if job.can_be_skipped() && queue.orders.len() >= BUSY {
            drop(queue);
            return deliver(Outcome::Skipped);
        }
        if queue.idle <= queue.orders.len() && queue.threads < self.0.threads {
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
            let is_skipped = job.can_be_skipped() || job.needs_thread();
            return deliver(if is_skipped { Outcome::Skipped } else { self.0.counts.run(job) });
        }
        let (job, deliver, waiting) = (Arc::downgrade(job), Box::new(deliver), self.0.counts.wait());
        queue.orders.push_back(Order { job, deliver, since: Instant::now(), waiting });
        self.0.has_order.notify_one();
    }

    /// The life of a thread.
    fn work(&self) {
        (self.0.begin)();
        while let Some(Order { job, deliver, since, waiting }) = self.next() {
            drop(waiting);
            let Some(job) = job.upgrade() else { continue };
            let is_late = job.can_be_skipped() && since.elapsed() > PATIENCE;
            let outcome = if is_late { Outcome::Skipped } else { self.0.counts.run(&job) };
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

/// Lets workers go first. Where the system refuses, the work is done all the same.
fn lower_priority() {
    if let Err(error) = priority::lower() {
        log::debug!("a thread that computes keeps the priority of the others: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::sidecar::Verification;
    use std::fs::File;
    use std::sync::mpsc;

    #[test]
    fn every_job_is_done_once_whatever_becomes_of_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, vec![7; 300_000]).unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        let pool = Pool::new(FOR_DISKS, || (), JobCounts::default());
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
        assert!(pool.lock().threads <= FOR_DISKS);
    }

    #[test]
    fn a_job_that_was_dropped_is_skipped() {
        let pool = Pool::new(FOR_DISKS, || (), JobCounts::default());
        let (sender, receiver) = mpsc::channel();
        let slow: Vec<_> = (0..FOR_DISKS).map(|_| Arc::new(Job::Settle(Duration::from_millis(50)))).collect();
        for job in &slow {
            let sender = sender.clone();
            pool.run(job, move |_| sender.send("slow").unwrap());
        }
        let dropped = Arc::new(Job::Settle(Duration::ZERO));
        let sender = sender.clone();
        pool.run(&dropped, move |_| sender.send("dropped").unwrap());
        drop(dropped);
        let done: Vec<_> = receiver.iter().take(FOR_DISKS).collect();
        assert_eq!(done, ["slow"; FOR_DISKS]);
        let after = Arc::new(Job::Settle(Duration::ZERO));
        let (sender, receiver_after) = mpsc::channel();
        pool.run(&after, move |_| sender.send(()).unwrap());
        receiver_after.recv().unwrap();
        assert!(receiver.try_recv().is_err(), "the dropped one was done");
    }

    /// A job that can be skipped, and its outcome when it comes.
    fn ask(pool: &Pool) -> (Arc<Job>, mpsc::Receiver<Outcome>) {
        let job = Arc::new(Job::Verify(Box::new(Verification::of_nothing())));
        let (sender, receiver) = mpsc::channel();
        pool.run(&job, move |outcome| sender.send(outcome).unwrap());
        (job, receiver)
    }

    #[test]
    fn what_can_be_skipped_is_when_there_is_too_much_to_do() {
        let pool = Pool::new(1, || (), JobCounts::default());
        let slow = Arc::new(Job::Settle(Duration::from_millis(100)));
        pool.run(&slow, |_| ());
        // It has begun, or it waits itself.
        let asked: Vec<_> = (0..=BUSY).map(|_| ask(&pool)).collect();
        let (_job, outcome) = ask(&pool);
        assert!(matches!(outcome.try_recv(), Ok(Outcome::Skipped)), "it waits");
        let needed = Arc::new(Job::Settle(Duration::ZERO));
        let (sender, receiver) = mpsc::channel();
        pool.run(&needed, move |outcome| sender.send(outcome).unwrap());
        assert!(matches!(receiver.recv(), Ok(Outcome::Done)));
        for (_, outcome) in &asked[..BUSY - 1] {
            assert!(matches!(outcome.recv(), Ok(Outcome::Verified(Some(_)))), "it was skipped");
        }
    }

    #[test]
    fn what_can_be_skipped_is_when_it_has_waited_long() {
        let pool = Pool::new(1, || (), JobCounts::default());
        for (time, is_skipped) in [(PATIENCE / 2, false), (PATIENCE + Duration::from_millis(100), true)] {
            let slow = Arc::new(Job::Settle(time));
            pool.run(&slow, |_| ());
            let (_job, outcome) = ask(&pool);
            assert_eq!(matches!(outcome.recv(), Ok(Outcome::Skipped)), is_skipped, "after {time:?}");
        }
    }
}
