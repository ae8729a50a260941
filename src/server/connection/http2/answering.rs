//! Requests on streams: read, answered, refused, or kept until the rest of them, a job, or room for a response is there.

use std::time::Instant;

use super::content::Content;
use super::{Exchange, Http2, Peer, Sending, Waiting};
use crate::http::field::Name;
use crate::http::request::{Method, Request};
use crate::http::status::Status;
use crate::http::target;
use crate::http2::Event;
use crate::http2::error::{ConnectionError, ErrorCode};
use crate::http2::head::Head;
use crate::http2::session::Arrival;
use crate::http2::streams::CHUNK;
use crate::server::access_log::Entry;
use crate::server::before_site::BeforeSite;
use crate::server::close_reason::CloseReason;
use crate::server::connection::{Gate, Turn};
use crate::server::input::Input;
use crate::server::limits::Refusal;
use crate::server::output::Output;
use crate::server::progress::WindowWait;
use crate::server::record::{Record, Recorder};
use crate::site::now::Now;
use crate::site::pending::{Job, Pending};
use crate::site::response::Response;
use crate::site::{Answer, Site};

/// Files that one connection keeps open for responses at a time. A request for another one waits.
pub(super) const MAX_PINNED_FILES: usize = 8;
/// Bytes of contents in memory that one connection keeps for responses at a time, before other requests wait.
pub(super) const MAX_PINNED: usize = 2 * 1024 * 1024;
/// Bytes of request heads that one connection keeps. A request beyond them is refused, and can be sent again.
pub(super) const MAX_HELD_HEADS: usize = 256 * 1024;

impl Peer<'_> {
    /// What is answered to a request before the site is asked.
    fn before_site<'a>(&self, request: &Request, gate: Gate<'a>) -> BeforeSite<'a> {
        let client = self.remote.client_of(request, gate.proxies);
        self.remote.before_site(request, client, gate)
    }

    /// The response to a request, for which the `pending` jobs were done.
    fn answer(&self, request: &Request, gate: Gate, site: &mut Site, now: &Now, pending: &Pending) -> Answer {
        if target::has_valid_host(request) {
            return self.before_site(request, gate).answer(request, site, now, pending);
        }
        Answer::Ready(refuse(Some(request), site, Status::BadRequest))
    }

    /// Begins the record of the response to a head; a balancer's request has none.
    fn record(
        &self,
        head: &Head,
        gate: Gate,
        response: &Response,
        since: Instant,
        recorder: &Recorder,
    ) -> Option<Record> {
        let request = head.request();
        // What a proxy has added to a head that is not whole may be missing.
        let whole = request.as_ref().filter(|_| head.is_whole());
        let before_site = whole.map(|request| self.before_site(request, gate));
        let client = before_site.map_or(self.remote.client(), |before_site| before_site.client);
        let is_health =
            before_site.zip(whole).is_some_and(|(before_site, request)| before_site.is_health(request));
        let entry = Entry { client, tls: self.tls, request: request.as_ref(), response };
        (!is_health).then(|| recorder.begin(&entry, since))
    }
}

fn refuse(request: Option<&Request>, site: &Site, status: Status) -> Response {
    let response = site.refuse(status);
    let is_head = request.is_some_and(|request| request.method == Method::Head);
    if is_head { response.without_content() } else { response }
}

impl Http2 {
    /// Reads frames until the output is full, or a frame is not complete. Returns whether it has read all that there is.
    pub(super) fn receive(
        &mut self,
        input: &mut Input,
        output: &mut Output,
        peer: &mut Peer,
        turn: &mut Turn,
    ) -> Result<bool, ConnectionError> {
        while !output.is_full() {
            let (session, head, now) = (&mut self.session, &mut *turn.head, turn.now.instant);
            let (length, event) = output.push_text(|out| session.receive(input.rest(), now, head, out))?;
            if length == 0 {
                return Ok(true);
            }
            input.consume(length);
            self.on_event(event, output, peer, turn)?;
        }
        Ok(false)
    }

    fn on_event(
        &mut self,
        event: Event<Exchange>,
        output: &mut Output,
        peer: &mut Peer,
        turn: &mut Turn,
    ) -> Result<(), ConnectionError> {
        match event {
            Event::None => {}
            Event::Request(arrival) => self.on_request(&arrival, output, peer, turn)?,
            Event::Refused(arrival, status) => {
                let request = turn.head.request();
                let response = refuse(request.as_ref(), turn.site, status);
                let record = peer.record(turn.head, turn.gate, &response, turn.now.instant, turn.recorder);
                self.begin_response(&arrival, response, record, output, turn);
            }
            Event::Complete(stream) => self.end_reading(stream, turn.now.instant),
            Event::Ended(exchange) => {
                note_ended(exchange, CloseReason::ClientClosed, turn.recorder, turn.now.instant);
            }
        }
        Ok(())
    }

    /// Answers a request whose head is in the lent one.
    fn on_request(
        &mut self,
        arrival: &Arrival,
        output: &mut Output,
        peer: &mut Peer,
        turn: &mut Turn,
    ) -> Result<(), ConnectionError> {
        let now = turn.now.instant;
        let Some(request) = turn.head.request() else { return Ok(()) };
        let client = peer.remote.client_of(&request, turn.gate.proxies);
        if !peer.remote.count_named_client(client, turn.gate.limits) {
            turn.recorder.count_refused(Refusal::PerClientLimit);
            self.is_last = true;
        }
        if self.is_last {
            let response = refuse(Some(&request), turn.site, Status::ServiceUnavailable);
            let record = peer.record(turn.head, turn.gate, &response, now, turn.recorder);
            self.begin_response(arrival, response, record, output, turn);
            return Ok(());
        }
        // Whoever asks before it sends the content gets the answer at once.
        if !arrival.is_complete && !request.has(Name::Expect) {
            let head = Box::new(turn.head.clone());
            return self.keep(arrival, Exchange::Reading { head, since: now }, output, now);
        }
        let wait = |head: &Head, job: Option<Box<Job>>| {
            let job = job.map(Into::into);
            Waiting { head: head.clone(), pending: Pending::default(), job, since: now }
        };
        let waiting = match peer.answer(&request, turn.gate, turn.site, &turn.now, &Pending::default()) {
            Answer::Ready(response) if self.has_room_for(&response) => {
                let record = peer.record(turn.head, turn.gate, &response, now, turn.recorder);
                self.begin_response(arrival, response, record, output, turn);
                return Ok(());
            }
            Answer::Wait(job) if self.has_room_beside(None) => wait(turn.head, Some(job)),
            Answer::Ready(_) | Answer::Wait(_) => wait(turn.head, None),
        };
        turn.jobs.extend(waiting.job.clone());
        self.keep(arrival, Exchange::Waiting(Box::new(waiting)), output, now)
    }

    /// Keeps a request, unless there are too many already.
    fn keep(
        &mut self,
        arrival: &Arrival,
        exchange: Exchange,
        output: &mut Output,
        now: Instant,
    ) -> Result<(), ConnectionError> {
        let held: usize = self.session.streams.iter().map(|stream| stream.data.held()).sum();
        if held + exchange.held() > MAX_HELD_HEADS {
            return output.push_text(|out| self.session.refuse(arrival.stream, now, out));
        }
        self.session.keep(arrival, exchange);
        Ok(())
    }

    /// Whether a response may be kept until it is sent, beside the others.
    fn has_room_for(&self, response: &Response) -> bool {
        let is_small = Content::in_memory(response).is_some_and(|bytes| bytes.len() <= CHUNK);
        is_small || self.has_room_beside(None)
    }

    /// Whether the streams, but for one of them, leave room for another one that keeps a file or a content. A job, and what
    /// it has brought, may keep a file as well.
    fn has_room_beside(&self, one: Option<u32>) -> bool {
        let (mut files, mut bytes) = (0, 0);
        for stream in self.session.streams.iter().filter(|stream| Some(stream.id) != one) {
            match &stream.data {
                Exchange::Sending(sending) => match sending.content.pinned() {
                    Some(length) => bytes += length,
                    None => files += 1,
                },
                Exchange::Waiting(waiting) if waiting.job.is_some() || !waiting.pending.is_empty() => {
                    files += 1
                }
                _ => {}
            }
        }
        files < MAX_PINNED_FILES && bytes < MAX_PINNED
    }

    /// Sends the head of a response to a new request, and all of a small content with it.
    fn begin_response(
        &mut self,
        arrival: &Arrival,
        response: Response,
        record: Option<Record>,
        output: &mut Output,
        turn: &Turn,
    ) {
        let length = Content::length_of(&response);
        let status = response.status.code();
        let lines = response.lines();
        let lines = [turn.common.lines(), lines[0], lines[1]];
        let (session, stream) = (&mut self.session, arrival.stream);
        if let Some(content) = Content::in_memory(&response)
            && session.may_send_at_once(arrival, length)
        {
            output.push_text(|out| {
                session.push_head(stream, status, &lines, content.is_empty(), out);
                session.push_content(stream, content, out);
            });
            if let Some(record) = record {
                output.push_record_of(length, record);
            }
            return;
        }
        self.session.keep(arrival, Exchange::sending(Content::of(&response), record));
        self.push_head(stream, status, &lines, length, output);
    }

    /// Sends the head of a response on a stream that is kept; its content follows as the windows let it through.
    fn push_head(&mut self, id: u32, status: u16, lines: &[&[u8]], length: u64, output: &mut Output) {
        output.push_text(|out| self.session.push_head(id, status, lines, length == 0, out));
        if length > 0 {
            if let Some(stream) = self.session.streams.get(id) {
                stream.set_content(length);
            }
        } else if let Some(Exchange::Sending(sending)) = output.push_text(|out| self.session.finish(id, out))
        {
            sending.record.into_iter().for_each(|record| output.push_record_of(0, record));
        }
    }

    /// A request that was kept for the rest of it can be answered.
    fn end_reading(&mut self, id: u32, now: Instant) {
        let Some(stream) = self.session.streams.get(id) else { return };
        if let Exchange::Reading { head, .. } = &mut stream.data {
            let head = std::mem::take(&mut **head);
            let waiting = Waiting { head, pending: Pending::default(), job: None, since: now };
            stream.data = Exchange::Waiting(Box::new(waiting));
        }
    }

    /// Tries the requests again that wait for nothing, as far as there is room for their responses.
    pub(super) fn answer_waiting(&mut self, output: &mut Output, peer: &mut Peer, turn: &mut Turn) {
        let mut after = 0;
        while !output.is_full() {
            // One whose job is done has its room already.
            let has_room = self.has_room_beside(None);
            let next = self.session.streams.iter().find(|stream| match &stream.data {
                Exchange::Waiting(waiting) => {
                    waiting.job.is_none() && stream.id > after && (has_room || !waiting.pending.is_empty())
                }
                _ => false,
            });
            let Some(id) = next.map(|stream| stream.id) else { return };
            after = id;
            if !self.has_room_beside(Some(id)) {
                continue;
            }
            let Some(Exchange::Waiting(waiting)) =
                self.session.streams.get(id).map(|stream| &mut stream.data)
            else {
                continue;
            };
            let Some(request) = waiting.head.request() else { continue };
            match peer.answer(&request, turn.gate, turn.site, &turn.now, &waiting.pending) {
                Answer::Ready(response) => {
                    let record =
                        peer.record(&waiting.head, turn.gate, &response, waiting.since, turn.recorder);
                    self.answer_kept(id, response, record, output, turn);
                }
                Answer::Wait(job) => {
                    waiting.job = Some(job.into());
                    turn.jobs.extend(waiting.job.clone());
                }
            }
        }
    }

    /// Sends the head of a response to a request that was kept.
    fn answer_kept(
        &mut self,
        id: u32,
        response: Response,
        record: Option<Record>,
        output: &mut Output,
        turn: &Turn,
    ) {
        let (length, status) = (Content::length_of(&response), response.status.code());
        let Some(stream) = self.session.streams.get(id) else { return };
        stream.data = Exchange::sending(Content::of(&response), record);
        let lines = response.lines();
        self.push_head(id, status, &[turn.common.lines(), lines[0], lines[1]], length, output);
    }

    /// Ends the waiting of streams that have had their time.
    pub(super) fn check_streams(&mut self, peer: &mut Peer, turn: &mut Turn) {
        let (now, timeouts) = (turn.now.instant, turn.timeouts);
        let is_overdue =
            |exchange: &Exchange| exchange.deadline(timeouts).is_some_and(|deadline| deadline <= now);
        let streams = self.session.streams.iter().filter(|stream| is_overdue(&stream.data));
        let ids: Vec<u32> = streams.map(|stream| stream.id).collect();
        let mut output = self.take_output(turn);
        for id in ids {
            match self.session.streams.get(id).map(|stream| &stream.data) {
                Some(Exchange::Reading { .. }) => self.end_reading(id, now),
                Some(Exchange::Waiting(waiting)) => {
                    let request = waiting.head.request();
                    let response = refuse(request.as_ref(), turn.site, Status::ServiceUnavailable);
                    let record =
                        peer.record(&waiting.head, turn.gate, &response, waiting.since, turn.recorder);
                    self.answer_kept(id, response, record, &mut output, turn);
                }
                Some(Exchange::Sending(_)) => {
                    let ended = output.push_text(|out| self.session.reset(id, ErrorCode::Cancel, out));
                    ended.into_iter().for_each(|exchange| {
                        note_ended(exchange, CloseReason::TimedOut, turn.recorder, now);
                    });
                }
                None => {}
            }
        }
        self.output = Some(Box::new(output));
    }
}

/// Ends the record of a response that will not be sent whole.
pub(super) fn note_ended(exchange: Exchange, reason: CloseReason, recorder: &mut Recorder, now: Instant) {
    if let Exchange::Sending(sending) = exchange
        && let Some(record) = &sending.record
    {
        recorder.note_unfinished(record, sending.content.position(), reason, now);
    }
}

impl Exchange {
    fn sending(content: Content, record: Option<Record>) -> Exchange {
        let window_wait = WindowWait::default();
        Exchange::Sending(Box::new(Sending { content, record, job: None, window_wait }))
    }

    /// Bytes of the request that are kept.
    fn held(&self) -> usize {
        match self {
            Exchange::Reading { head, .. } => head.held(),
            Exchange::Waiting(waiting) => waiting.head.held(),
            Exchange::Sending(_) => 0,
        }
    }
}
