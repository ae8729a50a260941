//! The requests of a connection: answered, refused, or kept until the rest of them or a job is there.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::{Connection, Fetching, ReadingChunks, ReadingHead, State, Turn};
use crate::http::request::Request;
use crate::http::status::Status;
use crate::http1::framing::{Body, FramingError, Skipped, Skipper};
use crate::http1::render::{self, Persistence};
use crate::server::access_log::{AccessLog, Line};
use crate::server::exchange::{self, Exchange, Next};
use crate::server::input::Input;
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
    /// It is there, with its line for the log.
    Answered(Exchange, Option<Line>),
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
        // A request that is the last one anyway does not need its body read.
        if !is_last && let Some(skipper) = exchange::chunks_to_read(&request) {
            return self.answer_chunked(skipper, input, turn, is_first);
        }
        let https_port = self.is_redirected.then_some(turn.https_port);
        let attempt = self.attempt(&request, https_port, is_last, turn.site, &turn.now, turn.log.as_deref());
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
        let https_port = self.is_redirected.then_some(turn.https_port);
        let attempt = self.attempt(&request, https_port, is_last, turn.site, &turn.now, turn.log.as_deref());
        self.conclude(attempt, input, turn, is_first, is_last)
    }

    /// Asks for the response to a request, and makes its line for the log.
    fn attempt(
        &mut self,
        request: &Request,
        https_port: Option<u16>,
        is_last: bool,
        site: &mut Site,
        now: &Now,
        log: Option<&AccessLog>,
    ) -> Attempt {
        let (pending, since) = self.take_pending(now.instant);
        match exchange::answer(request, site, now, &pending, https_port, is_last) {
            Ok(exchange) => {
                let status = exchange.response.status;
                let line = log.map(|log| Line::new(self.client, log.time(), Some(request), status, since));
                Attempt::Answered(exchange, line)
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
            Attempt::Answered(Exchange { response, persistence, next }, line) => {
                push(response, persistence, line, turn);
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
    fn wait_for_more(&mut self, input: &mut Input, turn: &mut Turn) {
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
        let is_whole = turn
            .parser
            .advance(input.rest())
            .is_ok_and(|request| request.is_some_and(|request| Body::of(&request) == Ok(Body::None)))
            && turn.parser.length() == input.rest().len();
        self.refuse(Status::ServiceUnavailable, input, turn);
        input.consume(input.rest().len());
        // A client that is still sending would get a reset instead of the response.
        let next = if is_whole || !turn.may_linger { Next::Close } else { Next::Linger };
        self.send(next, input, turn)
    }

    /// Tells a client that it speaks HTTP without TLS where TLS is spoken. Returns whether there is more to do now.
    pub(super) fn refuse_plain_text(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        let _ = turn.parser.advance(input.rest());
        let is_head = turn.parser.is_head_method(input.rest());
        let line = turn.log.as_ref().map(|log| {
            let request = turn.parser.partial(input.rest());
            Line::new(self.client, log.time(), request.as_ref(), Status::BadRequest, turn.now.instant)
        });
        let response = turn.site.refuse_plain_text();
        push(if is_head { response.without_content() } else { response }, Persistence::Close, line, turn);
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
        let line = turn.log.as_ref().map(|log| {
            let request = turn.parser.partial(input.rest());
            Line::new(self.client, log.time(), request.as_ref(), status, turn.now.instant)
        });
        let response = turn.site.refuse(status);
        let is_head = turn.parser.is_head_method(input.rest());
        push(if is_head { response.without_content() } else { response }, Persistence::Close, line, turn);
    }
}

/// Puts a response into the lent output.
fn push(response: Response, persistence: Persistence, line: Option<Line>, turn: &mut Turn) {
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
    if let Some(line) = line {
        output.push_line(body, line);
    }
}
