//! One connection: its state, what it waits for, how long, and what happens next.
//!
//! | state | waits for | until | leaves to |
//! | --- | --- | --- | --- |
//! | `ReadingProxyHeader` | readable | the head timeout, from its start | `Handshaking`, `Idle`, `Closed` |
//! | `Handshaking` | what the session wants | the head timeout, from its start | `Idle`, `Lingering`, `Closed` |
//! | `Http2` | readable, and writable while there is more to send | as `http2` says | `Lingering`, `Closed` |
//! | `Idle` | readable | the idle timeout | any other |
//! | `ReadingHead` | readable | the head timeout, from the first byte | any other |
//! | `ReadingChunks` | readable | the stall timeout, from its start | any other |
//! | `Fetching` | a job | the stall timeout, from its start | any other |
//! | `Sending` | writable, or a job | the stall timeout, from the last progress; the minimum rate | `Idle`, `SkippingBody`, `Lingering`, `Closed` |
//! | `SkippingBody` | readable | the stall timeout, from its start | `Idle`, `Lingering` |
//! | `Lingering` | readable, discarding | as `Sending` while the client lacks a part of the answer; then [`closing::LINGER`] | `Closed` |
//!
//! The state is the only truth: [`Connection::interest`] and [`Connection::next_look`] are functions of it.
//! An idle connection holds no buffer. A response is tried at once, and the state `Sending` is entered only
//! when the socket is full.

mod answering;
mod closing;
mod deadlines;
mod http2;
mod proxied;
mod sending;
#[cfg(test)]
mod tests;

use std::io;
use std::ops::Range;
use std::sync::{Arc, Weak};
use std::time::Instant;

use self::closing::Lingering;
use self::http2::Http2;
use self::sending::Sending;
use super::before_site::Health;
use super::close_reason::CloseReason;
use super::counters::Activity;
use super::input::Input;
use super::limits::ConnectionLimits;
use super::output::Output;
use super::record::Recorder;
use super::remote::Remote;
use super::transport::Transport;
use super::workers::Incoming;
use crate::auth::Logins;
use crate::config::{Networks, Proxies, Timeouts};
use crate::http::fields::Fields;
use crate::http1::framing::Skipper;
use crate::http1::parser::Parser;
use crate::http2::head::Head;
use crate::site::Site;
use crate::site::now::Now;
use crate::site::pending::{Job, Outcome, Pending};
use crate::sys::epoll::Interest;

/// The things of its worker that a connection needs to go on.
pub(super) struct Turn<'a> {
    /// Answers requests.
    pub(super) site: &'a mut Site,
    pub(super) now: Now,
    /// How long a client may take.
    pub(super) timeouts: &'a Timeouts,
    /// The bytes that were received in this turn.
    pub(super) arena: &'a [u8],
    /// The fields that all responses of this second share.
    pub(super) common: &'a Fields,
    /// A parser that is lent for as long as a head arrives in one piece.
    pub(super) parser: &'a mut Parser,
    /// An output that is lent for as long as the socket takes all; empty between two connections.
    pub(super) output: &'a mut Output,
    /// When enough of files is sent in this turn.
    pub(super) sends_until: Instant,
    /// Keeps records of the responses.
    pub(super) recorder: &'a mut Recorder,
    /// Jobs that the connection waits for from now on.
    pub(super) jobs: &'a mut Vec<Arc<Job>>,
    /// What is looked at before the site is asked.
    pub(super) gate: Gate<'a>,
    /// A head that is lent for a request of HTTP/2.
    pub(super) head: &'a mut Head,
    /// Whether HTTP/2 may be spoken.
    pub(super) http2: bool,
    /// Whether every response is the last one of its connection.
    pub(super) is_stopping: bool,
    /// Whether requests that come from now on are refused where the protocol has a way to do so.
    pub(super) has_drained: bool,
    /// Whether there is room to linger for a connection that was not admitted.
    pub(super) may_linger: bool,
}

/// The settings of its worker that decide whether a request comes as far as the site.
#[derive(Clone, Copy)]
pub(super) struct Gate<'a> {
    /// The proxies that are believed.
    pub(super) proxies: &'a Proxies,
    /// The networks whose clients are served, unless all are.
    pub(super) allowed: Option<&'a Networks>,
    /// The limits on connections.
    pub(super) limits: &'a ConnectionLimits,
    /// The path for balancers, and whether they are to send requests.
    pub(super) health: Option<Health<'a>>,
    /// The logins, if not everybody may see the site.
    pub(super) logins: Option<&'a Arc<Logins>>,
}

#[derive(Debug)]
enum State {
    ReadingProxyHeader(Box<ReadingProxyHeader>),
    Handshaking { since: Instant },
    Http2(Box<Http2>),
    Idle { since: Instant },
    ReadingHead(Box<ReadingHead>),
    ReadingChunks(Box<ReadingChunks>),
    Fetching(Box<Fetching>),
    Sending(Box<Sending>),
    SkippingBody(Box<SkippingBody>),
    Lingering(Box<Lingering>),
    Closed(CloseReason),
}

#[derive(Debug)]
struct ReadingProxyHeader {
    /// The bytes of it that have come.
    held: Vec<u8>,
    since: Instant,
}

#[derive(Debug)]
struct ReadingHead {
    /// The bytes of it that have come.
    held: Vec<u8>,
    parser: Parser,
    /// When its first byte came.
    since: Instant,
}

/// A request whose chunked body is read before it is answered.
#[derive(Debug)]
struct ReadingChunks {
    head: Vec<u8>,
    skipper: Skipper,
    since: Instant,
}

/// A body that is skipped after its request was answered.
#[derive(Debug)]
struct SkippingBody {
    skipper: Skipper,
    since: Instant,
}

/// A request that cannot be answered before a job is done.
#[derive(Debug)]
struct Fetching {
    /// The request, and the bytes that have come after it.
    held: Vec<u8>,
    job: Arc<Job>,
    /// The jobs that were done for it before.
    pending: Pending,
    /// When it came.
    since: Instant,
    /// Whether the connection ends after the response.
    is_last: bool,
}

/// Something that has happened to a connection.
#[derive(Debug)]
pub(super) enum Event {
    /// Bytes have come: a range of the arena.
    Received(Range<usize>),
    /// There is room to send; or a new connection is to be looked at.
    Ready,
    /// The job that it waits for is done.
    JobDone(Weak<Job>, Box<Outcome>),
    /// The client sends no more.
    End,
    /// The connection is broken.
    Broken(io::ErrorKind),
}

/// A connection and its state.
#[derive(Debug)]
pub(super) struct Connection {
    transport: Transport,
    remote: Remote,
    /// Bytes that the socket has accepted.
    sent: u64,
    state: State,
}

impl State {
    /// The state of a connection whose first bytes are of a session, if there is one, or of a request.
    fn first(transport: &Transport, now: Instant) -> State {
        match transport.is_handshaking() {
            true => State::Handshaking { since: now },
            false => State::Idle { since: now },
        }
    }
}

impl Connection {
    /// A connection that has said nothing yet. One that was not admitted is told so when it first acts.
    pub(super) fn from_incoming(incoming: Incoming, now: Instant) -> Connection {
        let Incoming { transport, remote, lacks_proxy_header, sent, asked: _ } = incoming;
        let state = match lacks_proxy_header {
            true => State::ReadingProxyHeader(Box::new(ReadingProxyHeader { held: Vec::new(), since: now })),
            false => State::first(&transport, now),
        };
        Connection { transport, remote, sent, state }
    }

    /// The transport.
    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Appends what has arrived to the arena, in the reading half of a turn: see [`Transport::receive`].
    pub(super) fn receive(&mut self, arena: &mut Vec<u8>) -> io::Result<usize> {
        if !self.remote.is_served() && self.transport.is_handshaking() {
            return Err(io::ErrorKind::WouldBlock.into()); // it is turned away unheard
        }
        self.transport.receive(arena)
    }

    /// The other end.
    pub(super) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Gives it to another worker.
    pub(super) fn into_incoming(self) -> Incoming {
        let lacks_proxy_header = self.lacks_proxy_header();
        let Connection { transport, remote, sent, state: _ } = self;
        Incoming { transport, remote, lacks_proxy_header, sent, asked: 0 }
    }

    /// True while nothing of a request has come: another worker can take it as well as this one.
    pub(super) fn is_fresh(&self) -> bool {
        match &self.state {
            State::ReadingProxyHeader(reading) => reading.held.is_empty(),
            State::Handshaking { .. } | State::Idle { .. } => true,
            _ => false,
        }
    }

    /// True if it ends, or ended, without the handshake that it began.
    pub(super) fn lacks_handshake(&self) -> bool {
        self.remote.is_served() && self.transport.is_tls() && self.transport.version().is_none()
    }

    /// True while the next bytes of the client belong to a handshake.
    pub(super) fn is_handshaking(&self) -> bool {
        self.remote.is_served() && self.transport.is_handshaking()
    }

    /// Whether it waits for a request of which nothing has come.
    pub(super) fn is_idle(&self) -> bool {
        self.idle_since().is_some()
    }

    /// When it began to wait for a request of which nothing has come.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        match self.state {
            State::Idle { since } => Some(since),
            State::Http2(ref http2) => http2.idle_since(),
            _ => None,
        }
    }

    /// Streams of HTTP/2 that are not over.
    pub(super) fn streams(&self) -> u16 {
        match &self.state {
            State::Http2(http2) => http2.streams(),
            _ => 0,
        }
    }

    /// True if it speaks HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self.state, State::Http2(_))
    }

    /// The state, as it is counted; `None` once it is closed.
    pub(super) fn activity(&self) -> Option<Activity> {
        Some(match &self.state {
            State::Idle { .. } => Activity::Idle,
            State::Http2(http2) => http2.activity(),
            State::ReadingProxyHeader(_)
            | State::Handshaking { .. }
            | State::ReadingHead(_)
            | State::ReadingChunks(_)
            | State::SkippingBody(_) => Activity::Reading,
            State::Fetching(_) => Activity::Waiting,
            State::Sending(_) => Activity::Sending,
            State::Lingering(_) => Activity::Closing,
            State::Closed(_) => return None,
        })
    }

    /// The reason why it ended, if it did. The socket is still open: dropping the connection closes it.
    pub(super) fn closed(&self) -> Option<CloseReason> {
        match self.state {
            State::Closed(reason) => Some(reason),
            _ => None,
        }
    }

    /// What epoll is to wait for.
    pub(super) fn interest(&self) -> Interest {
        match &self.state {
            State::Http2(http2) => http2.interest(self.transport.unsent()),
            State::Fetching(_) => Interest::Nothing,
            State::Sending(sending) if sending.job.is_some() => Interest::Nothing,
            State::Sending(_) => Interest::Writable,
            // The session has something to say that the socket has not taken: a part of a handshake, or its end.
            _ if self.transport.unsent() > 0 => Interest::ReadableOrWritable,
            _ => Interest::Readable,
        }
    }

    /// Goes on after an event: the whole life of a connection is this loop.
    pub(super) fn advance(&mut self, event: Event, turn: &mut Turn) {
        let arrived = match event {
            Event::Received(range) => &turn.arena[range],
            Event::Ready => &[],
            Event::JobDone(job, outcome) => {
                self.note_outcome(&job, *outcome, turn.now.instant);
                &[]
            }
            Event::End => return self.note_end(turn),
            // The session cannot go on; the client may still be sending, and is to hear why.
            Event::Broken(kind @ io::ErrorKind::InvalidData) => {
                self.note_broken_http2(CloseReason::Broken(kind), turn);
                return self.linger(CloseReason::Broken(kind), turn.now.instant);
            }
            Event::Broken(kind) => return self.abort(CloseReason::Broken(kind), turn),
        };
        let mut input = Input::new(self.take_held(turn), arrived);
        loop {
            let goes_on = match &mut self.state {
                // The header is read before anything is answered.
                State::ReadingProxyHeader(_) if self.remote.is_served() => false,
                State::ReadingProxyHeader(_) if self.transport.is_tls() => {
                    self.finish(CloseReason::Done, turn.now.instant);
                    false
                }
                State::ReadingProxyHeader(_) => self.turn_away(&mut input, turn),
                State::Handshaking { .. } => self.advance_handshake(&mut input, turn),
                // A session may have read something that is no part of a request.
                State::Idle { .. } if self.remote.is_served() && input.is_empty() => false,
                State::Idle { .. } if !self.remote.is_served() => self.turn_away(&mut input, turn),
                State::Http2(_) => self.advance_http2(&mut input, turn),
                State::Idle { .. } | State::ReadingHead(_)
                    if self.sent == 0
                        && turn.http2
                        && !self.transport.is_tls()
                        && http2::may_be_preface(input.rest()) =>
                {
                    self.read_preface(&mut input, turn)
                }
                State::Idle { .. } | State::ReadingHead(_) | State::Fetching(_) => {
                    let is_last = turn.is_stopping || self.is_last();
                    match self.answer_requests(&mut input, turn, is_last) {
                        Some(next) => self.send(next, &mut input, turn),
                        None => false,
                    }
                }
                State::ReadingChunks(_) => self.read_chunks(&mut input, turn),
                State::Sending(_) => self.send_on(&mut input, turn),
                State::SkippingBody(_) => self.skip_body(&mut input, turn),
                State::Lingering(_) | State::Closed(_) => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Goes on with a handshake. Returns whether there is more to do now. A client that there is no room for gets no
    /// handshake: it would cost more than the answer is worth.
    fn advance_handshake(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        if !self.transport.is_tls() {
            return self.refuse_plain_text(input, turn);
        }
        if !self.remote.is_served() {
            self.finish(CloseReason::Done, turn.now.instant);
            return false;
        }
        if self.transport.is_handshaking() {
            return false;
        }
        turn.recorder.count_handshake(self.transport.version());
        if self.transport.speaks_http2() {
            self.begin_http2(turn);
        } else {
            self.state = State::Idle { since: turn.now.instant };
        }
        true
    }

    fn is_last(&self) -> bool {
        matches!(&self.state, State::Fetching(fetching) if fetching.is_last)
    }

    /// The client sends no more, and nothing that it has sent is left to be answered.
    fn note_end(&mut self, turn: &mut Turn) {
        match &self.state {
            State::Lingering(lingering) => self.state = State::Closed(lingering.reason),
            State::ReadingChunks(_) => self.answer_without_body(turn),
            State::Http2(_) => self.end_http2_input(turn),
            _ if self.transport.is_tls() => self.finish(CloseReason::ClientClosed, turn.now.instant),
            _ => self.abort(CloseReason::ClientClosed, turn),
        }
    }

    fn note_outcome(&mut self, job: &Weak<Job>, outcome: Outcome, now: Instant) {
        match &mut self.state {
            State::Http2(http2) => http2.note_outcome(job, outcome, now),
            State::Fetching(fetching) => fetching.pending.add(Arc::clone(&fetching.job), outcome),
            State::Sending(sending) => {
                sending.job = None;
                sending.output.note_fetched(now);
            }
            _ => {}
        }
    }

    /// Takes the bytes that were held back, to be read with those that have arrived. A head's own parser is put in the
    /// place of the lent one, which otherwise begins anew.
    fn take_held(&mut self, turn: &mut Turn) -> Vec<u8> {
        turn.parser.reset();
        match &mut self.state {
            State::ReadingHead(reading) => {
                std::mem::swap(turn.parser, &mut reading.parser);
                std::mem::take(&mut reading.held)
            }
            State::Fetching(fetching) => std::mem::take(&mut fetching.held),
            State::Sending(sending) => std::mem::take(&mut sending.held),
            State::Http2(http2) => http2.take_held(),
            _ => Vec::new(),
        }
    }
}
