//! The main thread while the workers serve: it waits for signals, answers at the admin address, tells the supervisor
//! that all is well, and waits for the workers to finish.

use std::io;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::admin::Admin;
use super::logging::Log;
use super::supervisor::Supervisor;
use super::tls::Requests;
use super::worker::{Setup, Worker};
use super::workers::Workers;
use super::{Context, Error};
use crate::sys::epoll::{Epoll, Events, Interest};
use crate::sys::signal::{Signal, Signals};
use crate::sys::waker::Waker;

const SIGNALS: u64 = 0;
const FINISHED: u64 = 1;
/// Events that one wait returns at most.
const EVENTS: usize = 32;

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

    /// All workers.
    pub(super) fn workers(&self) -> &Arc<Workers> {
        &self.workers
    }

    /// The descriptors that the main thread waits for.
    pub(super) fn epoll(&self) -> &Epoll {
        &self.epoll
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

    /// Does the work of the main thread until every worker has finished. The first worker that fails ends the server.
    pub(super) fn wait(mut self, mut duties: Duties) -> io::Result<()> {
        self.epoll.add(&duties.signals, SIGNALS, Interest::Readable)?;
        let mut events = Events::with_capacity(EVENTS);
        while self.running > 0 {
            let timeout = duties.check_times(&self.workers, &self.epoll);
            self.epoll.wait(&mut events, timeout)?;
            for token in events.tokens() {
                match token {
                    SIGNALS => duties.handle_signals(&self.workers),
                    FINISHED => self.take_results()?,
                    token => duties.advance_admin(token, &self.epoll),
                }
            }
        }
        log::debug!("stopped; its connections: {}", self.workers.sums().closed_in_words());
        Ok(())
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

/// The things that the main thread looks after while the workers serve.
pub(super) struct Duties<'a> {
    pub(super) signals: Signals,
    pub(super) log: &'a Log,
    pub(super) admin: Option<Admin>,
    /// Asks for a look at the certificate, if there is TLS.
    pub(super) renewal: Option<Requests>,
    pub(super) supervisor: Supervisor,
    /// The time between the signal to stop and the stop.
    pub(super) drain: Duration,
    /// When the workers are made to stop.
    pub(super) stops_at: Option<Instant>,
}

impl Duties<'_> {
    fn handle_signals(&mut self, workers: &Workers) {
        while let Some(signal) = self.signals.take() {
            match signal {
                Signal::Reopen => {
                    self.log.reopen();
                    if let Some(renewal) = &self.renewal {
                        renewal.look();
                    }
                    self.supervisor.note_reload();
                }
                Signal::Stop if !workers.is_ready() => {
                    log::warn!("stopped at once by a second signal");
                    self.log.writer().finish();
                    std::process::exit(1);
                }
                Signal::Stop => self.begin_to_stop(workers),
            }
        }
    }

    /// Lets balancers look away before the workers stop.
    fn begin_to_stop(&mut self, workers: &Workers) {
        if self.drain.is_zero() {
            self.supervisor.note_stopping("finishing responses");
            return workers.stop();
        }
        let seconds = self.drain.as_secs_f64();
        log::info!("not ready from now on; stopping in {seconds} s");
        self.supervisor.note_stopping("not ready, and still serving");
        workers.drain();
        self.stops_at = Some(Instant::now() + self.drain);
    }

    fn advance_admin(&mut self, token: u64, epoll: &Epoll) {
        if let Some(admin) = &mut self.admin {
            admin.advance(token, epoll);
        }
    }

    /// Does what is due. Returns the milliseconds until something is due next; -1 for never.
    fn check_times(&mut self, workers: &Workers, epoll: &Epoll) -> i32 {
        let now = Instant::now();
        if self.stops_at.is_some_and(|time| time <= now) {
            self.stops_at = None;
            workers.stop();
        }
        let admin = self.admin.as_mut().map(|admin| admin.check_times(now, epoll));
        let watchdog = self.supervisor.check_watchdog(now, workers);
        let next = [self.stops_at, admin, watchdog].into_iter().flatten().min();
        let milliseconds = |next: Instant| next.saturating_duration_since(now).as_millis() + 1;
        next.map_or(-1, |next| i32::try_from(milliseconds(next)).unwrap_or(i32::MAX))
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
        let duties = Duties {
            signals: Signals::new().unwrap(),
            log: &Log::open(None).unwrap(),
            admin: None,
            renewal: None,
            supervisor: Supervisor::default(),
            drain: Duration::ZERO,
            stops_at: None,
        };
        let error = threads.wait(duties).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
    }
}
