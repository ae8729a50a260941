//! One connection: what state it is in, what it waits for, how long, and what happens next.
//!
//! | state | waits for | until | leaves to |
//! | --- | --- | --- | --- |
//! | `Idle` | readable | the idle timeout | any other |
//! | `ReadingHead` | readable | the head timeout, from the first byte | any other |
//! | `Fetching` | a thread | the stall timeout, from its start | any other |
//! | `Sending` | writable, or the disk | the stall timeout, from the last progress; the minimum rate | `Idle`, `SkippingBody`, `Lingering`, `Closed` |
//! | `SkippingBody` | readable | the stall timeout, from its start | `Idle`, `Lingering` |
//! | `Lingering` | readable, discarding | [`LINGER`] | `Closed` |
//!
//! The state is the only truth: [`Connection::interest`] and [`Connection::deadline`] are functions of it.
//! An idle connection holds no buffer. A response is tried at once, and the state `Sending` is entered only
//! when the socket is full.

mod answering;

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::access_log::AccessLog;
use super::exchange::Next;
use super::input::Input;
use super::output::{Output, Sent};
use super::progress::Sending;
use super::workers::Incoming;
use crate::config::Timeouts;
use crate::http::framing::{Skipped, Skipper};
use crate::http::parser::Parser;
use crate::http::response::Preamble;
use crate::http::status::Status;
use crate::site::cold::{Cold, Fetched};
use crate::site::{Now, Site};
use crate::sys::epoll::Interest;
use crate::sys::socket::Socket;

/// How long what a client still sends is discarded after the last response. Closing at once would make the
/// kernel reset the connection, and the reset can overtake the response (RFC 9112 section 9.6).
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// Bytes that a client takes before the kernel may keep more than a little for it.
const EARNS_QUEUE: u64 = 1024 * 1024;

/// What a connection needs of its worker to go on.
pub(super) struct Turn<'a> {
    /// Answers requests.
    pub site: &'a mut Site,
    /// Which turn this is.
    pub moment: Now,
    /// When it began.
    pub now: Instant,
    /// The lines that all responses of this second share.
    pub preamble: &'a Preamble,
    /// A parser that is lent out for as long as a head arrives in one piece.
    pub parser: &'a mut Parser,
    /// An output that is lent out for as long as the socket takes all; empty in between.
    pub output: &'a mut Output,
    /// When enough of files is sent in this turn.
    pub sends_until: Instant,
    /// Where lines go, if anybody wants them.
    pub log: Option<&'a mut AccessLog>,
    /// Whether every response is the last one of its connection.
    pub is_stopping: bool,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// As agreed, after a response.
    Done,
    /// The client has ended it.
    ClientClosed,
    /// The client had its time.
    TimedOut,
    /// The server stops.
    Stopped,
    /// It was idle, and another one came.
    MadeRoom,
    /// Sending or receiving failed.
    Broken(io::ErrorKind),
}

#[derive(Debug)]
enum State {
    Idle { since: Instant },
    ReadingHead(Box<ReadingHead>),
    Fetching(Box<Fetching>),
    Sending(Box<Sending>),
    SkippingBody { skipper: Skipper, since: Instant },
    Lingering { since: Instant },
    Closed(Reason),
}

#[derive(Debug)]
struct ReadingHead {
    /// What has come of it.
    held: Vec<u8>,
    parser: Parser,
    /// When its first byte came.
    since: Instant,
}

/// A request that cannot be answered before something is fetched from a disk.
#[derive(Debug)]
struct Fetching {
    /// The request, and what has come behind it.
    held: Vec<u8>,
    cold: Cold,
    /// What was fetched for it before.
    fetched: Fetched,
    /// When it came.
    since: Instant,
}

/// What has happened on the socket.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrival<'a> {
    /// Bytes have come.
    Bytes(&'a [u8]),
    /// There is room to send, or the disk has read.
    Room,
    /// The client sends no more.
    End,
    /// The connection is broken.
    Broken(io::ErrorKind),
}

/// A connection and its state.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    client: IpAddr,
    /// Whether there is room for it; if not, it is told so and closed.
    is_admitted: bool,
    /// Bytes that the socket has taken; enough of them earn it a longer queue.
    sent: u64,
    state: State,
}

impl Connection {
    /// A connection that has said nothing yet. One that was not let in is told so when it first acts.
    pub(super) fn from_incoming(incoming: Incoming, now: Instant) -> Connection {
        let Incoming { socket, client, is_inside, asked: _ } = incoming;
        Connection { socket, client, is_admitted: is_inside, sent: 0, state: State::Idle { since: now } }
    }

    /// The socket.
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whose it is.
    pub(super) fn client(&self) -> IpAddr {
        self.client
    }

    /// Whether there is room for it.
    pub(super) fn is_admitted(&self) -> bool {
        self.is_admitted
    }

    /// Gives it away.
    pub(super) fn into_incoming(self) -> Incoming {
        Incoming { socket: self.socket, client: self.client, is_inside: self.is_admitted, asked: 0 }
    }

    /// Whether it waits for a request of which nothing has come.
    pub(super) fn is_idle(&self) -> bool {
        self.idle_since().is_some()
    }

    /// Since when it has waited for a request of which nothing has come.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        match self.state {
            State::Idle { since } => Some(since),
            _ => None,
        }
    }

    /// Why it ended, if it did. The socket is still open: dropping the connection closes it.
    pub(super) fn closed(&self) -> Option<Reason> {
        match self.state {
            State::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// What it waits for.
    pub(super) fn interest(&self) -> Interest {
        match &self.state {
            State::Fetching(_) => Interest::Nothing,
            State::Sending(sending) if sending.is_cold => Interest::Nothing,
            State::Sending(_) => Interest::Writable,
            _ => Interest::Readable,
        }
    }

    /// When it has waited too long; `None` once it is closed.
    pub(super) fn deadline(&self, timeouts: &Timeouts) -> Option<Instant> {
        Some(match &self.state {
            State::Idle { since } => *since + timeouts.idle,
            State::ReadingHead(reading) => reading.since + timeouts.head,
            State::Fetching(fetching) => fetching.since + timeouts.stall,
            State::Sending(sending) => sending.deadline(timeouts),
            State::SkippingBody { since, .. } => *since + timeouts.stall,
            State::Lingering { since } => *since + LINGER,
            State::Closed(_) => return None,
        })
    }

    /// What it waits for the disk to read.
    pub(super) fn cold(&self) -> Option<Cold> {
        match &self.state {
            State::Fetching(fetching) => Some(fetching.cold.clone()),
            State::Sending(sending) if sending.is_cold => sending.output.cold(),
            _ => None,
        }
    }

    /// Ends it. What was promised and not sent is logged as far as it was sent.
    pub(super) fn close(&mut self, reason: Reason, turn: &mut Turn) {
        if let State::Sending(sending) = &mut self.state {
            log_broken(&mut sending.output, turn);
        }
        self.state = State::Closed(reason);
    }

    /// Its deadline has passed. A client that has begun a request is told so; one that has taken more of a
    /// response than was known goes on.
    pub(super) fn expire(&mut self, timeouts: &Timeouts, turn: &mut Turn) {
        match &mut self.state {
            State::ReadingHead(_) => self.give_up(Status::RequestTimeout, turn),
            State::Fetching(_) => self.give_up(Status::ServiceUnavailable, turn),
            State::Sending(sending) => {
                sending.look_at_progress(&self.socket, turn.now);
                if sending.deadline(timeouts) <= turn.now {
                    self.socket.forget_when_closed();
                    self.close(Reason::TimedOut, turn);
                }
            }
            _ => self.close(Reason::TimedOut, turn),
        }
    }

    /// Lives on after something has happened: the whole life of a connection is this loop.
    pub(super) fn advance(&mut self, arrival: Arrival, turn: &mut Turn) {
        let arrived = match arrival {
            Arrival::Bytes(bytes) => bytes,
            Arrival::Room => &[],
            Arrival::End => return self.close(Reason::ClientClosed, turn),
            Arrival::Broken(kind) => return self.close(Reason::Broken(kind), turn),
        };
        let mut input = Input::new(self.take_held(turn), arrived);
        loop {
            let goes_on = match &mut self.state {
                State::Idle { .. } if !self.is_admitted => self.turn_away(&mut input, turn),
                State::Idle { .. } | State::ReadingHead(_) | State::Fetching(_) => {
                    match self.answer_requests(&mut input, turn) {
                        Some(then) => self.send(then, &mut input, turn),
                        None => false,
                    }
                }
                State::Sending(_) => self.send_on(&mut input, turn),
                State::SkippingBody { .. } => self.skip_body(&mut input, turn),
                State::Lingering { .. } | State::Closed(_) => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// What was held back, to be read with what has arrived. A head's own parser is put in place of the lent
    /// one.
    fn take_held(&mut self, turn: &mut Turn) -> Vec<u8> {
        match &mut self.state {
            State::ReadingHead(reading) => {
                std::mem::swap(turn.parser, &mut reading.parser);
                std::mem::take(&mut reading.held)
            }
            State::Fetching(fetching) => {
                turn.parser.reset();
                std::mem::take(&mut fetching.held)
            }
            State::Sending(sending) => {
                turn.parser.reset();
                std::mem::take(&mut sending.held)
            }
            _ => {
                turn.parser.reset();
                Vec::new()
            }
        }
    }

    /// Sends the lent output. Returns whether there is more to do now.
    fn send(&mut self, then: Next, input: &mut Input, turn: &mut Turn) -> bool {
        let result = turn.output.send(&self.socket, then.is_end(), turn.sends_until);
        self.count_sent(turn.output.sent_bytes());
        log_finished(turn.output, turn.log.as_deref_mut());
        match result {
            Ok(Sent::All) => self.follow(then, input, turn),
            Ok(sent @ (Sent::Part | Sent::Cold)) => {
                let (output, held) = (std::mem::take(turn.output), input.take_rest());
                let is_cold = sent == Sent::Cold;
                let (began, since, taken) = (turn.now, turn.now, 0);
                self.state =
                    State::Sending(Box::new(Sending { output, then, held, is_cold, began, since, taken }));
                false
            }
            Err(error) => {
                let mut output = std::mem::take(turn.output);
                log_broken(&mut output, turn);
                self.close(Reason::Broken(error.kind()), turn);
                false
            }
        }
    }

    /// Sends on what the socket did not take before. Returns whether there is more to do now.
    fn send_on(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        let State::Sending(sending) = &mut self.state else { return false };
        let before = sending.output.sent_bytes();
        if sending.is_cold {
            sending.output.note_fetched(turn.now);
        }
        let result = sending.output.send(&self.socket, sending.then.is_end(), turn.sends_until);
        log_finished(&mut sending.output, turn.log.as_deref_mut());
        let progress = sending.output.sent_bytes() - before;
        if progress > 0 {
            sending.since = turn.now;
        }
        if let Ok(sent @ (Sent::Part | Sent::Cold)) = result {
            sending.is_cold = sent == Sent::Cold;
            sending.held = input.take_rest();
        }
        let then = sending.then;
        self.count_sent(progress);
        match result {
            Ok(Sent::All) => self.follow(then, input, turn),
            Ok(Sent::Part | Sent::Cold) => false,
            Err(error) => {
                self.close(Reason::Broken(error.kind()), turn);
                false
            }
        }
    }

    /// A client that has taken so much is no slow reader.
    fn count_sent(&mut self, count: u64) {
        let is_earned = self.sent < EARNS_QUEUE && self.sent + count >= EARNS_QUEUE;
        self.sent += count;
        if is_earned {
            self.socket.lengthen_queue();
        }
    }

    /// All is sent: what follows. Returns whether there is more to do now.
    fn follow(&mut self, then: Next, input: &mut Input, turn: &mut Turn) -> bool {
        match then {
            Next::Read => {
                self.state = State::Idle { since: turn.now };
                !input.is_empty()
            }
            Next::Skip(skipper) => {
                self.state = State::SkippingBody { skipper, since: turn.now };
                true
            }
            Next::Linger | Next::Close => {
                // Before closing, too: that would throw away what the kernel has kept back, if just now another
                // byte has come.
                self.state = match self.socket.shutdown_write() {
                    Ok(()) if matches!(then, Next::Close) => State::Closed(Reason::Done),
                    Ok(()) => State::Lingering { since: turn.now },
                    Err(error) => State::Closed(Reason::Broken(error.kind())),
                };
                false
            }
        }
    }

    /// Skips what has come of a body. Returns whether there is more to do now.
    fn skip_body(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        let State::SkippingBody { skipper, .. } = &mut self.state else { return false };
        match skipper.skip(input.rest()) {
            Ok(Skipped::All) => {
                input.consume(input.rest().len());
                false
            }
            Ok(Skipped::End(length)) => {
                input.consume(length);
                self.follow(Next::Read, input, turn)
            }
            // The response is sent already, and nothing that follows can be trusted.
            Err(_) => self.follow(Next::Linger, input, turn),
        }
    }
}

fn log_finished(output: &mut Output, log: Option<&mut AccessLog>) {
    if let Some(log) = log {
        let now = Instant::now();
        while let Some((line, bytes)) = output.take_finished() {
            log.add(&line, bytes, now);
        }
    }
}

fn log_broken(output: &mut Output, turn: &mut Turn) {
    if let Some(log) = turn.log.as_deref_mut() {
        while let Some((line, bytes)) = output.take_broken() {
            log.add(&line, bytes, turn.now);
        }
    }
}
