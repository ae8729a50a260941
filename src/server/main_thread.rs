//! The main thread while the workers serve: it waits for signals, and for the workers to finish.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;

use super::logging::Log;
use super::tls::Requests;
use super::worker::{Setup, Worker};
use super::workers::Workers;
use super::{Context, Error};
use crate::sys::epoll::{Epoll, Events, Interest};
use crate::sys::signal::{Signal, Signals};
use crate::sys::waker::Waker;

const SIGNALS: u64 = 0;
const FINISHED: u64 = 1;

/// The worker threads, as the main thread sees them.
pub(super) struct WorkerThreads {
    workers: Arc<Workers>,
    /// Number of them that still run.
    running: usize,
    sender: mpsc::Sender<io::Result<()>>,
    /// Results of those that have finished.
    results: mpsc::Receiver<io::Result<()>>,
    /// Wakes the main thread when there is a result.
    finished: Arc<Waker>,
    /// Made before the first client can use up the descriptors.
    epoll: Epoll,
}

impl WorkerThreads {
    pub(super) fn new(workers: Arc<Workers>) -> io::Result<WorkerThreads> {
        let (sender, results) = mpsc::channel();
        let (epoll, finished) = (Epoll::new()?, Arc::new(Waker::new()?));
        epoll.add(&*finished, FINISHED, Interest::Readable)?;
        Ok(WorkerThreads { workers, running: 0, sender, results, finished, epoll })
    }

    /// Starts a worker on a thread of its own, and returns once it is ready.
    pub(super) fn start(&mut self, setup: Setup) -> Result<(), Error> {
        let (ready, is_ready) = mpsc::channel();
        let (results, finished) = (self.sender.clone(), Arc::clone(&self.finished));
        let name = format!("worker-{}", setup.index);
        let work = move || {
            let (worker, outcome) = match Worker::new(setup) {
                Ok(worker) => (Some(worker), Ok(())),
                Err(error) => (None, Err(error)),
            };
            // Sending fails only when the main thread has returned, and then the process ends.
            let _ = ready.send(outcome);
            if let Some(worker) = worker {
                let _ = results.send(worker.run());
                finished.wake();
            }
        };
        thread::Builder::new().name(name).spawn(work).context(|| "cannot start a thread".into())?;
        let outcome = is_ready.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
        outcome.context(|| "cannot make a worker".into())?;
        self.running += 1;
        Ok(())
    }

    /// Handles signals until every worker has finished. The first worker that fails ends the server.
    pub(super) fn wait(
        mut self,
        mut signals: Signals,
        log: &Log,
        renewal: Option<&Requests>,
    ) -> io::Result<()> {
        self.epoll.add(&signals, SIGNALS, Interest::Readable)?;
        let mut events = Events::with_capacity(2);
        while self.running > 0 {
            self.epoll.wait(&mut events, -1)?;
            for token in events.tokens() {
                match token {
                    SIGNALS => self.handle_signals(&mut signals, log, renewal),
                    _ => self.take_results()?,
                }
            }
        }
        log::debug!("stopped; its connections: {}", self.workers.closed());
        Ok(())
    }

    fn handle_signals(&self, signals: &mut Signals, log: &Log, renewal: Option<&Requests>) {
        while let Some(signal) = signals.take() {
            match signal {
                Signal::Reopen => {
                    log.reopen();
                    if let Some(renewal) = renewal {
                        renewal.look();
                    }
                }
                Signal::Stop if self.workers.is_stopping() => {
                    log::warn!("stopped at once by a second signal");
                    log.writer().finish();
                    std::process::exit(1);
                }
                Signal::Stop => self.workers.stop(),
            }
        }
    }

    fn take_results(&mut self) -> io::Result<()> {
        self.finished.drain();
        for result in self.results.try_iter() {
            result?;
            self.running -= 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_fails_ends_the_server_although_others_run() {
        let mut threads = WorkerThreads::new(Arc::new(Workers::new(3).unwrap())).unwrap();
        threads.running = 3;
        threads.sender.send(Ok(())).unwrap();
        threads.sender.send(Err(io::ErrorKind::OutOfMemory.into())).unwrap();
        threads.finished.wake();
        let error = threads.wait(Signals::new().unwrap(), &Log::open(None).unwrap(), None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    }
}
