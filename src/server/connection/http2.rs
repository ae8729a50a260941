//! HTTP/2 on a connection: requests that are answered one by one, and responses that share the way out.
//!
//! | a stream | waits for | until |
//! | --- | --- | --- |
//! | `Reading` | the rest of the request | the stall timeout, from its start; then it is answered |
//! | `Waiting` | a job, or other responses | for a job the stall timeout, from its start; then 503 |
//! | `Sending` | its turn, a job, or the client's window | for a job the stall timeout, from its start; while the window is empty the stall timeout and the minimum rate |
//!
//! The connection as a whole has the idle timeout while there is no stream, the head timeout while a frame or a field
//! block is not complete, and the stall timeout and the minimum rate while the client takes nothing of what is sent. A
//! small response in memory is sent as soon as its request is read, and never becomes a stream here.

mod answering;
mod content;
mod sending;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Weak};
use std::time::Instant;

use self::content::Content;
use super::{Connection, State, Turn};
use crate::config::Timeouts;
use crate::http2::error::ErrorCode;
use crate::http2::frame::PREFACE;
use crate::http2::head::Head;
use crate::http2::session::Session;
use crate::server::close_reason::CloseReason;
use crate::server::counters::Activity;
use crate::server::input::Input;
use crate::server::output::Output;
use crate::server::progress::{Progress, WindowWait};
use crate::server::record::Record;
use crate::server::remote::Remote;
use crate::server::tls::Version;
use crate::site::pending::{Job, Outcome, Pending};
use crate::sys::epoll::Interest;

/// One request and its response.
#[derive(Debug)]
enum Exchange {
    /// Its content is read before it is answered.
    Reading {
        head: Box<Head>,
        since: Instant,
    },
    Waiting(Box<Waiting>),
    Sending(Box<Sending>),
}

/// A request that cannot be answered yet.
#[derive(Debug)]
struct Waiting {
    head: Head,
    /// The jobs that were done for it before.
    pending: Pending,
    /// The job that it waits for; `None` if it can be tried again as soon as there is room for its response.
    job: Option<Arc<Job>>,
    since: Instant,
}

/// A response of which the head is sent, and not all of the content.
#[derive(Debug)]
struct Sending {
    content: Content,
    record: Option<Record>,
    /// The job that it waits for, and since when.
    job: Option<(Arc<Job>, Instant)>,
    window_wait: WindowWait,
}

/// The state of a connection that speaks HTTP/2.
#[derive(Debug)]
pub(super) struct Http2 {
    session: Session<Exchange>,
    /// Frames that the socket has not taken.
    output: Option<Box<Output>>,
    /// Bytes of the client that were not read, and since when they are a part of a frame or field block.
    held: Vec<u8>,
    incomplete_since: Option<Instant>,
    /// When there was something to do last.
    since: Instant,
    /// The progress of a client that does not take what is sent.
    slowness: Option<Slowness>,
    /// Whether there is more to do now, as soon as others have had their turn.
    has_more: bool,
    /// Whether frames are held that are complete.
    has_unread: bool,
    /// Whether the client sends no more.
    has_ended: bool,
    /// Whether the connection ends with the responses that are on their way: its client has too many of them.
    is_last: bool,
}

/// A client that does not take what is sent.
#[derive(Debug)]
struct Slowness {
    progress: Progress,
    /// Bytes that it had been sent when that began, and those that it has been sent since.
    before: u64,
    sent: u64,
}

/// The client of a connection, as far as answers and log lines depend on it.
struct Peer<'a> {
    remote: &'a mut Remote,
    tls: Option<Version>,
}

impl Exchange {
    /// The end of the time that it has in its state, if it has one.
    fn deadline(&self, timeouts: &Timeouts) -> Option<Instant> {
        match self {
            Exchange::Reading { since, .. } => Some(*since + timeouts.stall),
            Exchange::Waiting(waiting) => waiting.job.as_ref().map(|_| waiting.since + timeouts.stall),
            Exchange::Sending(sending) => {
                let disk = sending.job.as_ref().map(|(_, since)| *since + timeouts.stall);
                disk.or_else(|| sending.window_wait.deadline(timeouts, sending.content.position()))
            }
        }
    }
}

impl Http2 {
    /// When it became idle, if it is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let is_idle = self.session.is_idle() && self.output.is_none() && self.incomplete_since.is_none();
        is_idle.then_some(self.since)
    }

    /// The state, as it is counted.
    pub(super) fn activity(&self) -> Activity {
        let is_sending = |exchange: &Exchange| matches!(exchange, Exchange::Sending(_));
        let is_waiting = |exchange: &Exchange| matches!(exchange, Exchange::Waiting(_));
        if self.idle_since().is_some() {
            Activity::Idle
        } else if self.output.is_some() || self.session.streams.iter().any(|stream| is_sending(&stream.data))
        {
            Activity::Sending
        } else if self.session.streams.iter().any(|stream| is_waiting(&stream.data)) {
            Activity::Waiting
        } else {
            Activity::Reading
        }
    }

    /// Streams that are not over: a hundred or so at most.
    pub(super) fn streams(&self) -> u16 {
        u16::try_from(self.session.streams.count()).unwrap_or(u16::MAX)
    }

    /// What epoll is to wait for. No more is read from a client that does not take the answers to what was read.
    pub(super) fn interest(&self, unsent: usize) -> Interest {
        let is_full = self.output.as_ref().is_some_and(|output| output.is_full());
        let has_output = self.has_more || self.output.is_some() || unsent > 0;
        match (has_output, self.has_ended || is_full) {
            (true, true) => Interest::Writable,
            (true, false) => Interest::ReadableOrWritable,
            (false, true) => Interest::Nothing,
            (false, false) => Interest::Readable,
        }
    }

    /// The time at which [`Connection::check_http2`] has something to do at the earliest.
    pub(super) fn next_look(&self, timeouts: &Timeouts) -> Instant {
        let mut look = self.since + timeouts.idle;
        if let Some(since) = self.incomplete_since {
            look = look.min(since + timeouts.head);
        }
        if let Some(slowness) = &self.slowness {
            look = look.min(slowness.progress.next_look(timeouts));
        }
        let streams = self.session.streams.iter();
        streams.filter_map(|stream| stream.data.deadline(timeouts)).fold(look, Instant::min)
    }

    /// Takes the bytes that were not read, to be read with those that have arrived.
    pub(super) fn take_held(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// Notes that a job is done; the streams that wait for it go on in the same turn.
    pub(super) fn note_outcome(&mut self, job: &Weak<Job>, outcome: Outcome, now: Instant) {
        let is_it = |other: &Arc<Job>| std::ptr::eq(Arc::as_ptr(other), job.as_ptr());
        for stream in self.session.streams.iter_mut() {
            match &mut stream.data {
                Exchange::Waiting(waiting) if waiting.job.as_ref().is_some_and(is_it) => {
                    if let Some(job) = waiting.job.take() {
                        waiting.pending.add(job, outcome);
                    }
                    return;
                }
                Exchange::Sending(sending) if sending.job.as_ref().is_some_and(|(job, _)| is_it(job)) => {
                    sending.job = None;
                    sending.content.note_fetched(now);
                    return stream.set_ready(true);
                }
                _ => {}
            }
        }
    }
}

/// Whether bytes may be the first ones of HTTP/2 (RFC 9113 section 3.4).
pub(super) fn may_be_preface(bytes: &[u8]) -> bool {
    bytes.first() == PREFACE.first() && PREFACE.starts_with(&bytes[..bytes.len().min(PREFACE.len())])
}

impl Connection {
    /// Waits for the whole preface, and begins HTTP/2 after it. Returns whether there is more to do now.
    pub(super) fn read_preface(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        let is_whole = input.rest().len() >= PREFACE.len();
        if is_whole {
            self.begin_http2(turn);
        } else {
            self.wait_for_more(input, turn);
        }
        is_whole
    }

    /// Begins HTTP/2.
    pub(super) fn begin_http2(&mut self, turn: &mut Turn) {
        let session = turn.output.push_text(Session::new);
        self.transport.shorten_queue();
        self.state = State::Http2(Box::new(Http2 {
            session,
            output: Some(Box::new(std::mem::take(turn.output))),
            held: Vec::new(),
            incomplete_since: None,
            since: turn.now.instant,
            slowness: None,
            has_more: false,
            has_unread: false,
            has_ended: false,
            is_last: false,
        }));
    }

    /// Goes on after an event. Returns whether there is more to do now.
    pub(super) fn advance_http2(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        let State::Http2(http2) = &mut self.state else { return false };
        let mut peer = Peer { remote: &mut self.remote, tls: self.transport.version() };
        let mut sent = 0;
        let result = http2.advance(input, &mut peer, &mut self.transport, &mut sent, turn);
        self.sent += sent;
        match result {
            Ok(()) => http2.note_sent(self.sent, turn.now.instant),
            Err(reason) => {
                http2.note_broken(reason, turn);
                self.state = State::Idle { since: turn.now.instant };
                match reason {
                    CloseReason::Broken(std::io::ErrorKind::InvalidData) => {
                        self.linger(reason, turn.now.instant)
                    }
                    CloseReason::ClientClosed | CloseReason::Done => self.finish(reason, turn.now.instant),
                    _ => self.abort(reason, turn),
                }
            }
        }
        false
    }

    /// The client sends no more. What it has asked for is still sent.
    pub(super) fn end_http2_input(&mut self, turn: &mut Turn) {
        if let State::Http2(http2) = &mut self.state {
            http2.has_ended = true;
        }
        self.advance_http2(&mut Input::new(Vec::new(), &[]), turn);
    }

    /// Ends what has taken too long: the connection, or a stream.
    pub(super) fn check_http2(&mut self, turn: &mut Turn) {
        let now = turn.now.instant;
        let State::Http2(http2) = &mut self.state else { return };
        if http2.idle_since().is_some_and(|since| since + turn.timeouts.idle <= now) {
            return self.finish(CloseReason::TimedOut, now);
        }
        if http2.incomplete_since.is_some_and(|since| since + turn.timeouts.head <= now) {
            http2.note_broken(CloseReason::TimedOut, turn);
            return self.finish(CloseReason::TimedOut, now);
        }
        if let Some(Slowness { progress, before, .. }) = &mut http2.slowness {
            match self.transport.unacknowledged() {
                Some(left) => progress.note_taken((self.sent - *before).saturating_sub(left), now),
                None => progress.note_unknown(now),
            }
            if progress.deadline(turn.timeouts) <= now {
                self.transport.abort_when_dropped();
                return self.abort(CloseReason::TimedOut, turn);
            }
        }
        let mut input = Input::new(http2.take_held(), &[]);
        let mut peer = Peer { remote: &mut self.remote, tls: self.transport.version() };
        http2.check_streams(&mut peer, turn);
        self.advance_http2(&mut input, turn);
    }

    /// Tells the client that the connection ends, as far as the socket takes it at once.
    pub(super) fn send_goaway(&mut self) {
        let State::Http2(http2) = &mut self.state else { return };
        if http2.output.is_none() {
            let mut frame = Vec::new();
            http2.session.end(ErrorCode::NoError, &mut frame);
            // A client that does not get it sees the end all the same.
            let _ = self.transport.send(&[std::io::IoSlice::new(&frame)], true);
        }
    }

    /// Ends the records of responses that are not sent whole.
    pub(super) fn note_broken_http2(&mut self, reason: CloseReason, turn: &mut Turn) {
        if let State::Http2(http2) = &mut self.state {
            http2.note_broken(reason, turn);
        }
    }
}
