//! Records of responses, from the moment that each is queued until all of it is sent, or never will be: then it is
//! counted and logged.

use std::sync::Arc;
use std::time::Instant;

use super::access_log::{AccessLog, Entry, Line};
use super::close_reason::CloseReason;
use super::counters::Counted;
use super::limits::Refusal;
use super::output::Output;
use super::tls::Version;
use super::workers::Workers;
use crate::site::now::Now;

/// A response that is not sent yet.
#[derive(Debug)]
pub(super) struct Record {
    /// When its request was there.
    arrived: Instant,
    counted: Counted,
    /// Its line, if there is an access log.
    line: Option<Line>,
}

/// The records of one worker.
pub(super) struct Recorder {
    workers: Arc<Workers>,
    /// The number of the worker.
    index: usize,
    log: Option<AccessLog>,
}

impl Recorder {
    /// A recorder that counts for a worker, and logs, unless the access log is off.
    pub(super) fn new(workers: Arc<Workers>, index: usize, log: Option<AccessLog>) -> Recorder {
        Recorder { workers, index, log }
    }

    /// Sets the time of the records from now on.
    pub(super) fn set_time(&mut self, now: &Now, is_new_second: bool) {
        match &mut self.log {
            Some(log) if is_new_second => log.set_second(now.time),
            Some(log) => log.set_fraction(now.time),
            None => {}
        }
    }

    /// The record of a response whose request was there at `arrived`.
    pub(super) fn begin(&self, entry: &Entry, arrived: Instant) -> Record {
        let counted = Counted::new(entry.request, entry.response.status);
        Record { arrived, counted, line: self.log.as_ref().map(|log| log.begin(entry)) }
    }

    /// Counts a handshake that is done, with its version, or that failed.
    pub(super) fn count_handshake(&self, version: Option<Version>) {
        self.workers.peer(self.index).counters().add_handshake(version);
    }

    /// Counts a connection that is turned away once its client is known.
    pub(super) fn count_refused(&self, refusal: Refusal) {
        self.workers.peer(self.index).counters().add_refused(refusal);
    }

    /// Ends the records of the responses that are sent.
    pub(super) fn note_sent(&mut self, output: &mut Output) {
        let mut now = None;
        while let Some((record, bytes)) = output.take_finished() {
            let now = *now.get_or_insert_with(Instant::now);
            self.end(&record, bytes, now, None);
        }
    }

    /// Ends the records of the responses that will never be sent whole.
    pub(super) fn note_broken(&mut self, output: &mut Output, reason: CloseReason, now: Instant) {
        while let Some((record, bytes)) = output.take_broken() {
            self.end(&record, bytes, now, Some(reason));
        }
    }

    /// Ends the record of a response of which no more than these bytes are sent.
    pub(super) fn note_unfinished(&mut self, record: &Record, bytes: u64, reason: CloseReason, now: Instant) {
        self.end(record, bytes, now, Some(reason));
    }

    fn end(&mut self, record: &Record, bytes: u64, now: Instant, broken: Option<CloseReason>) {
        let time = now.saturating_duration_since(record.arrived);
        let counters = self.workers.peer(self.index).counters();
        counters.add_response(record.counted, bytes);
        if broken.is_none() {
            counters.add_duration(time);
        }
        if let (Some(log), Some(line)) = (&mut self.log, &record.line) {
            log.add(line, bytes, time, broken);
        }
    }

    /// Hands over what is to be written.
    pub(super) fn flush(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }
}
