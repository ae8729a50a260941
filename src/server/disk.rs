//! Threads that wait for the disk, so that no worker does.
//!
//! A worker uses a file only when it is in memory. When it is not, a thread of this pool brings it there and
//! rings the worker's waker. The threads are started when they are first needed: a site that is in memory, on a
//! file system that tells so, never has them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use crate::site::cold::Cold;

/// Threads of the pool: enough to keep a disk's queue filled, few enough to wait on one.
const THREADS: usize = 8;

/// What is to be fetched, and whom to tell. Who asked for it keeps it: what nobody waits for any more takes no
/// descriptor and no time.
struct Job {
    cold: Weak<Cold>,
    done: Box<dyn FnOnce() + Send>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    /// Whether no thread could be started, and somebody was told so.
    is_short: bool,
}

/// The pool; a clone is another handle to the same one.
#[derive(Clone, Default)]
pub(super) struct Disk(Arc<(Mutex<Queue>, Condvar)>);

impl Disk {
    /// Brings it into memory, and calls `done` afterwards, unless `cold` is dropped before its turn comes.
    /// Where no thread can be had, `done` is called at once: the one that needs it then waits for the disk
    /// itself.
    pub(super) fn fetch(&self, cold: &Arc<Cold>, done: impl FnOnce() + Send + 'static) {
        let mut queue = self.lock();
        if queue.idle <= queue.jobs.len() && queue.threads < THREADS {
            let disk = self.clone();
            let started = thread::Builder::new().name("disk".into()).spawn(move || disk.work());
            if let Err(error) = &started
                && !queue.is_short
            {
                log::warn!("what is not in memory holds up others, for no thread can fetch it: {error}");
            }
            queue.is_short = started.is_err();
            queue.threads += usize::from(started.is_ok());
        }
        if queue.threads == 0 {
            drop(queue);
            return done();
        }
        queue.jobs.push_back(Job { cold: Arc::downgrade(cold), done: Box::new(done) });
        self.0.1.notify_one();
    }

    fn work(&self) {
        loop {
            let job = self.next();
            let Some(cold) = job.cold.upgrade() else { continue };
            cold.fetch();
            drop(cold);
            (job.done)();
        }
    }

    fn next(&self) -> Job {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return job;
            }
            queue.idle += 1;
            queue = self.0.1.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let disk = Disk::default();
        let (sender, receiver) = mpsc::channel();
        let mut asked = Vec::new();
        for number in 0..100u64 {
            let sender = sender.clone();
            let range = number * 5_000..number * 5_000 + 200_000; // from the 20th on beyond the end
            asked.push(Arc::new(Cold::Range(Arc::clone(&file), range)));
            disk.fetch(&asked[asked.len() - 1], move || sender.send(number).unwrap());
        }
        let mut done: Vec<u64> = receiver.iter().take(100).collect();
        done.sort_unstable();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
        assert!(disk.lock().threads <= THREADS);
    }
}
