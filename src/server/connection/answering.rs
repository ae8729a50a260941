//! The requests of a connection: answered, refused, or kept until the rest of them or a job is there.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::{Connection, Fetching, ReadingChunks, ReadingHead, State, Turn};
use crate::http::request::Request;
use crate::http::status::Status;
use crate::http1::framing::{Body, FramingError, Skipped, Skipper};
use crate::http1::render::{self, Persistence};
use crate::server::access_log::Entry;
use crate::server::before_site::BeforeSite;
use crate::server::client::Client;
use crate::server::exchange::{self, Exchange, Next};
use crate::server::input::Input;
use crate::server::limits::Refusal;
use crate::server::record::{Record, Recorder};
use crate::site::Site;
use crate::site::now::Now;
use crate::site::pending::{Job, Pending};
use crate::site::response::{self, Response};

/// The chunked body that takes the place of one that was read already.
const EMPTY_BODY: &[u8] = b"0\r\n\r\n";

/// The outcome of an attempt to answer one request.
enum Step {
    /// A response is in the output.
    Answered(Next),
    /// The rest of the head is missing.
    Incomplete,
    /// A job, or the rest of the body, is missing.
    Waits,
}

/// The outcome of an attempt to get one response.
enum Attempt {
    /// It is there, with its record.
    Answered(Exchange, Option<Record>),
    /// A job is to be done before; the jobs that were done already, and when the request came.
    Waits(Box<Job>, Pending, Instant),
}

impl Connection {
    /// Answers the requests that have come, into the lent output. `None` when there is nothing to send: the state
    /// then says what is missing. `is_last` says that the connection ends after the first response, whatever the client
    /// wishes.
    pub(super) fn answer_requests(
        &mut self,
        input: &mut Input,
        turn: &mut Turn,
        is_last: bool,
    ) -> Option<Next> {
        let mut next = None;
        while !input.is_empty() && !turn.output.is_full() {
            match self.answer_one(input, turn, next.is_none(), is_last) {
                Step::Answered(Next::Read) => next = Some(Next::Read),
                Step::Answered(last) => return Some(last),
                Step::Waits => return next,
                Step::Incomplete => break,
            }
        }
        if next.is_none() {
            self.wait_for_more(input, turn);
        }
        next
    }

    /// Answers the request at the front of the input. One that has to wait moves to the state if it is the first one;
    /// otherwise the responses before it are to be sent.
    fn answer_one(&mut self, input: &mut Input, turn: &mut Turn, is_first: bool, is_last: bool) -> Step {
        let request = match turn.parser.advance(input.rest()) {
            Ok(Some(request)) => request,
            Ok(None) => return Step::Incomplete,
            Err(error) => return self.refuse_last(error.status(), input, turn),
        };
        let client = self.remote.client_of(&request, turn.gate.proxies);
        if !self.remote.count_named_client(client, turn.gate.limits) {
            turn.recorder.count_refused(Refusal::PerClientLimit);
            return Step::Answered(self.push_turned_away(input, turn));
        }
        // A request that is the last one anyway does not need its body read.
        if !is_last && let Some(skipper) = exchange::chunks_to_read(&request) {
            return self.answer_chunked(skipper, input, turn, is_first);
        }
        let before_site = self.remote.before_site(&request, client, turn.gate);
        let attempt = self.attempt(&request, is_last, turn.site, &turn.now, turn.recorder, before_site);
        self.conclude(attempt, input, turn, is_first, is_last)
    }

    /// Answers the request at the front of the input after its chunked body, as far as that has come.
    fn answer_chunked(
        &mut self,
        mut skipper: Skipper,
        input: &mut Input,
        turn: &mut Turn,
        is_first: bool,
    ) -> Step {
        let length = turn.parser.length();
        let is_last = match skipper.skip(&input.rest()[length..]) {
            Ok(Skipped::End(_)) => false,
            // The answer does not depend on the body, and nothing after it is read.
            Err(FramingError::TooLong) => true,
            Err(error) => return self.refuse_last(error.status(), input, turn),
            Ok(Skipped::All) => {
                turn.parser.reset();
                if is_first {
                    let head = input.take_rest()[..length].to_vec();
                    let reading = ReadingChunks { head, skipper, since: turn.now.instant };
                    self.state = State::ReadingChunks(Box::new(reading));
                }
                return Step::Waits;
            }
        };
        let Ok(Some(request)) = turn.parser.advance(input.rest()) else { return Step::Incomplete };
        let client = self.remote.client_of(&request, turn.gate.proxies);
        let before_site = self.remote.before_site(&request, client, turn.gate);
        let attempt = self.attempt(&request, is_last, turn.site, &turn.now, turn.recorder, before_site);
        self.conclude(attempt, input, turn, is_first, is_last)
    }

    /// Asks for the response to a request, and begins its record; a balancer's request has none.
    fn attempt(
        &mut self,
        request: &Request,
        is_last: bool,
        site: &mut Site,
        now: &Now,
        recorder: &Recorder,
        before_site: BeforeSite,
    ) -> Attempt {
        let (pending, since) = self.take_pending(now.instant);
        match exchange::answer(request, site, now, &pending, before_site, is_last) {
            Ok(exchange) => {
                let entry = self.entry(before_site.client, Some(request), &exchange.response);
                let record = (!before_site.is_health(request)).then(|| recorder.begin(&entry, since));
                Attempt::Answered(exchange, record)
            }
            Err(job) => Attempt::Waits(job, pending, since),
        }
    }

    /// Puts the response to the request at the front of the input into the output; or keeps the request, if it is the
    /// first one, until its job is done.
    fn conclude(
        &mut self,
        attempt: Attempt,
        input: &mut Input,
        turn: &mut Turn,
        is_first: bool,
        is_last: bool,
    ) -> Step {
        let length = turn.parser.length();
        turn.parser.reset();
        match attempt {
            Attempt::Answered(Exchange { response, persistence, next }, record) => {
                push(response, persistence, record, turn);
                input.consume(length);
                Step::Answered(next)
            }
            Attempt::Waits(job, pending, since) => {
                if is_first {
                    let job: Arc<Job> = job.into();
                    turn.jobs.push(Arc::clone(&job));
                    let held = input.take_rest();
                    self.state = State::Fetching(Box::new(Fetching { held, job, pending, since, is_last }));
                }
                Step::Waits
            }
        }
    }

    /// The jobs that were done for the first request, and when it came.
    fn take_pending(&mut self, now: Instant) -> (Pending, Instant) {
        match std::mem::replace(&mut self.state, State::Idle { since: now }) {
            State::Fetching(fetching) => (fetching.pending, fetching.since),
            _ => (Pending::default(), now),
        }
    }

    /// Holds the rest of the input, with which nothing more can be done.
    pub(super) fn wait_for_more(&mut self, input: &mut Input, turn: &mut Turn) {
        let since = match &self.state {
            State::ReadingHead(reading) => reading.since,
            _ => turn.now.instant,
        };
        self.state = if input.is_empty() {
            State::Idle { since: turn.now.instant }
        } else {
            let parser = std::mem::take(turn.parser);
            State::ReadingHead(Box::new(ReadingHead { held: input.take_rest(), parser, since }))
        };
    }

    /// Reads on in a chunked body. Returns whether there is more to do now.
    pub(super) fn read_chunks(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        let State::ReadingChunks(reading) = &mut self.state else { return false };
        match reading.skipper.skip(input.rest()) {
            Ok(Skipped::All) => {
                input.consume(input.rest().len());
                false
            }
            Ok(Skipped::End(length)) => {
                let mut request = std::mem::take(&mut reading.head);
                request.extend_from_slice(EMPTY_BODY);
                request.extend_from_slice(&input.rest()[length..]);
                *input = Input::new(request, &[]);
                self.state = State::Idle { since: turn.now.instant };
                true
            }
            Err(FramingError::TooLong) => {
                self.answer_without_body(turn);
                false
            }
            Err(error) => {
                *input = Input::new(std::mem::take(&mut reading.head), &[]);
                self.refuse_unseen(error.status(), input, turn);
                self.send(Next::Linger, input, turn)
            }
        }
    }

    /// Answers a request whose chunked body does not end, as the last one of its connection: the answer does not depend
    /// on the body.
    pub(super) fn answer_without_body(&mut self, turn: &mut Turn) {
        let State::ReadingChunks(reading) = &mut self.state else { return };
        let mut input = Input::new(std::mem::take(&mut reading.head), &[]);
        self.state = State::Idle { since: turn.now.instant };
        if let Some(next) = self.answer_requests(&mut input, turn, true) {
            self.send(next, &mut input, turn);
        }
    }

    /// Tells a client that there is no room for it, whatever it asks for. Returns whether there is more to do now.
    pub(super) fn turn_away(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        let next = self.push_turned_away(input, turn);
        self.send(next, input, turn)
    }

    /// Puts the response that there is no room into the lent output. Returns what follows.
    fn push_turned_away(&mut self, input: &mut Input, turn: &mut Turn) -> Next {
        let is_whole = turn
            .parser
            .advance(input.rest())
            .is_ok_and(|request| request.is_some_and(|request| Body::of(&request) == Ok(Body::None)))
            && turn.parser.length() == input.rest().len();
        self.refuse(Status::ServiceUnavailable, input, turn);
        input.consume(input.rest().len());
        // A client that is still sending would get a reset instead of the response.
        if is_whole || !turn.may_linger { Next::Close } else { Next::Linger }
    }

    /// Tells a client that it speaks HTTP without TLS where TLS is spoken. Returns whether there is more to do now.
    pub(super) fn refuse_plain_text(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        turn.recorder.count_handshake(None);
        let _ = turn.parser.advance(input.rest());
        let response = turn.site.refuse_plain_text();
        self.push_refusal(response, input, turn);
        input.consume(input.rest().len());
        self.send(Next::Linger, input, turn)
    }

    /// Tells a client that its request takes too long, and no more.
    pub(super) fn give_up(&mut self, status: Status, turn: &mut Turn) {
        let mut input = Input::new(self.take_held(turn), &[]);
        self.refuse_unseen(status, &input, turn);
        self.send(Next::Linger, &mut input, turn);
    }

    /// Refuses a request that is read for the log alone.
    fn refuse_unseen(&mut self, status: Status, input: &Input, turn: &mut Turn) {
        let _ = turn.parser.advance(input.rest());
        self.refuse(status, input, turn);
    }

    fn refuse_last(&mut self, status: Status, input: &Input, turn: &mut Turn) -> Step {
        self.refuse(status, input, turn);
        Step::Answered(Next::Linger)
    }

    /// Puts a refusal into the lent output, as the last response.
    fn refuse(&mut self, status: Status, input: &Input, turn: &mut Turn) {
        let response = turn.site.refuse(status);
        self.push_refusal(response, input, turn);
    }

    /// The things that the log says of a response on this connection.
    fn entry<'a>(&self, client: Client, request: Option<&'a Request>, response: &'a Response) -> Entry<'a> {
        Entry { client, tls: self.transport.version(), request, response }
    }

    /// Puts a response that says why a request is not answered into the lent output, as the last one.
    fn push_refusal(&self, response: Response, input: &Input, turn: &mut Turn) {
        let request = turn.parser.partial(input.rest());
        // What a proxy has added to a head that is not complete may be missing.
        let whole = request.as_ref().filter(|_| turn.parser.is_complete());
        let client = whole.map(|request| self.remote.client_of(request, turn.gate.proxies));
        let client = client.unwrap_or(self.remote.client());
        let entry = self.entry(client, request.as_ref(), &response);
        let record = turn.recorder.begin(&entry, turn.now.instant);
        let is_head = turn.parser.is_head_method(input.rest());
        push(
            if is_head { response.without_content() } else { response },
            Persistence::Close,
            Some(record),
            turn,
        );
    }
}

/// Puts a response into the lent output.
fn push(response: Response, persistence: Persistence, record: Option<Record>, turn: &mut Turn) {
    let (output, common) = (&mut *turn.output, turn.common);
    output.push_text(|text| render::head(text, response.status, common, persistence, response.lines()));
    let body = output.position();
    let Response { representation, body: content, .. } = response;
    match content {
        response::Body::Empty => {}
        response::Body::Range(range) => output.push_content(representation, range),
        response::Body::Multipart(parts) => {
            for (head, range) in parts.parts() {
                output.push_text(|text| text.extend_from_slice(head));
                output.push_content(Rc::clone(&representation), range);
            }
            output.push_text(|text| text.extend_from_slice(parts.end()));
        }
    }
    if let Some(record) = record {
        output.push_record(body, record);
    }
}
