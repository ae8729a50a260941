//! The way out: frames of all streams in one output, sent as the socket takes them.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::answering::note_ended;
use super::content::Stop;
use super::{Exchange, Http2, Peer, Slowness};
use crate::http2::error::ErrorCode;
use crate::server::close_reason::CloseReason;
use crate::server::connection::Turn;
use crate::server::input::Input;
use crate::server::output::{Output, Sent};
use crate::server::progress::Progress;
use crate::server::transport::Transport;
use crate::site::pending::Job;

/// Bytes that one connection may send in one turn, so that a large download never starves the others.
const TURN_BUDGET: u64 = 256 * 1024;

impl Http2 {
    /// Goes on: reads what has come, answers it, and sends. `sent` grows by the bytes that the socket has taken.
    ///
    /// # Errors
    /// The connection ends for this reason.
    pub(super) fn advance(
        &mut self,
        input: &mut Input,
        peer: &mut Peer,
        transport: &mut Transport,
        sent: &mut u64,
        turn: &mut Turn,
    ) -> Result<(), CloseReason> {
        let mut output = self.take_output(turn);
        if turn.is_stopping {
            output.push_text(|out| self.session.announce_end(out));
        }
        if turn.has_drained || self.is_last {
            output.push_text(|out| self.session.end(ErrorCode::NoError, out));
        }
        let result = self.read_and_send(input, &mut output, peer, transport, sent, turn);
        if let Ok(is_all) = result {
            self.keep_output(output, is_all, turn);
            self.note_input(input, turn.now.instant);
        } else {
            self.output = Some(Box::new(output));
        }
        let is_over = self.session.is_idle() && self.output.is_none();
        match result {
            Ok(_) if is_over && self.has_ended => Err(CloseReason::ClientClosed),
            Ok(_) if is_over && self.is_last => Err(CloseReason::Done),
            Ok(_) => Ok(()),
            Err(reason) => Err(reason),
        }
    }

    /// Returns whether the socket has taken all.
    fn read_and_send(
        &mut self,
        input: &mut Input,
        output: &mut Output,
        peer: &mut Peer,
        transport: &mut Transport,
        sent: &mut u64,
        turn: &mut Turn,
    ) -> Result<bool, CloseReason> {
        let before = *sent;
        loop {
            let is_read = match self.receive(input, output, peer, turn) {
                Ok(is_read) => is_read,
                Err(error) => {
                    log::debug!("a connection of HTTP/2 is ended: {}", error.reason);
                    output.push_text(|out| self.session.end(error.code, out));
                    // What does not fit into the socket any more is lost with the connection.
                    let _ = send(output, transport, sent, turn);
                    return Err(CloseReason::Broken(io::ErrorKind::InvalidData));
                }
            };
            self.answer_waiting(output, peer, turn);
            self.fill(output, turn);
            if output.is_empty() && transport.unsent() == 0 {
                (self.has_more, self.has_unread) = (false, false);
                return Ok(true);
            }
            let is_all =
                send(output, transport, sent, turn).map_err(|error| CloseReason::Broken(error.kind()))?;
            self.has_unread = !is_read;
            self.has_more = self.has_unread || self.session.streams.next().is_some();
            let has_had_its_turn = *sent - before >= TURN_BUDGET || Instant::now() >= turn.sends_until;
            if !is_all || !self.has_more || has_had_its_turn {
                return Ok(is_all);
            }
        }
    }

    /// Puts DATA frames into the output, in the order of their priorities.
    fn fill(&mut self, output: &mut Output, turn: &mut Turn) {
        let now = turn.now.instant;
        while !output.is_full() {
            let Some((id, most)) = self.session.streams.next() else { break };
            let session = &mut self.session;
            let result = output.push_text(|out| {
                session.push_data(id, most, out, |exchange, most, out| match exchange {
                    Exchange::Sending(sending) => sending.content.append(most, out, now),
                    _ => Err(Stop::Broken),
                })
            });
            match result {
                Ok(None) => {}
                Ok(Some(Exchange::Sending(sending))) => {
                    let length = sending.content.position();
                    sending.record.into_iter().for_each(|record| output.push_record_of(length, record));
                }
                Ok(Some(_)) => {}
                Err(Stop::NeedsDisk(job)) => self.wait_for_disk(id, job, turn),
                Err(Stop::Broken) => {
                    let ended = output.push_text(|out| self.session.reset(id, ErrorCode::InternalError, out));
                    let reason = CloseReason::Broken(io::ErrorKind::UnexpectedEof);
                    ended.into_iter().for_each(|exchange| note_ended(exchange, reason, turn.recorder, now));
                }
            }
        }
        self.note_windows(now);
    }

    fn wait_for_disk(&mut self, id: u32, job: Job, turn: &mut Turn) {
        let Some(stream) = self.session.streams.get(id) else { return };
        stream.set_ready(false);
        if let Exchange::Sending(sending) = &mut stream.data {
            let job: Arc<Job> = job.into();
            turn.jobs.push(Arc::clone(&job));
            sending.job = Some((job, turn.now.instant));
        }
    }

    /// Notes which streams the client's windows hold back.
    fn note_windows(&mut self, now: Instant) {
        for stream in self.session.streams.iter_mut() {
            let is_held_back = stream.is_held_back();
            if let Exchange::Sending(sending) = &mut stream.data {
                sending.window_wait.note(is_held_back, now);
            }
        }
    }

    /// The output: its own, or the lent one.
    pub(super) fn take_output(&mut self, turn: &mut Turn) -> Output {
        match self.output.take() {
            Some(output) => *output,
            None => std::mem::take(turn.output),
        }
    }

    /// Gives the output back where all of it is sent, or keeps it.
    fn keep_output(&mut self, output: Output, is_all: bool, turn: &mut Turn) {
        if is_all {
            *turn.output = output;
        } else {
            self.output = Some(Box::new(output));
        }
    }

    /// Keeps what was not read, and notes since when it is a part of a frame.
    fn note_input(&mut self, input: &mut Input, now: Instant) {
        self.since = now;
        self.held = input.take_rest();
        let is_complete = (self.held.is_empty() || self.has_unread) && !self.session.is_in_block();
        self.incomplete_since = match self.incomplete_since {
            _ if is_complete => None,
            Some(since) => Some(since),
            None => Some(now),
        };
        if self.session.is_idle() {
            self.session.shrink();
        }
    }

    /// Watches the client's progress while it does not take what it is sent, `sent` bytes in all so far.
    pub(super) fn note_sent(&mut self, sent: u64, now: Instant) {
        let waits = self.output.is_some() || self.session.streams.is_held_back();
        match &mut self.slowness {
            _ if !waits => self.slowness = None,
            Some(slowness) if sent > slowness.sent => {
                slowness.progress.note_sent(now);
                slowness.sent = sent;
            }
            Some(_) => {}
            None => self.slowness = Some(Slowness { progress: Progress::new(now), before: sent, sent }),
        }
    }

    /// Ends the records of responses that will not be sent whole.
    pub(super) fn note_broken(&mut self, reason: CloseReason, turn: &mut Turn) {
        let now = turn.now.instant;
        if let Some(output) = &mut self.output {
            turn.recorder.note_broken(output, reason, now);
        }
        let ids: Vec<u32> = self.session.streams.iter().map(|stream| stream.id).collect();
        for id in ids {
            let ended = self.session.reset(id, ErrorCode::Cancel, &mut Vec::new());
            ended.into_iter().for_each(|exchange| note_ended(exchange, reason, turn.recorder, now));
        }
    }
}

/// Sends the output. Returns whether the socket has taken all of it.
fn send(output: &mut Output, transport: &mut Transport, sent: &mut u64, turn: &mut Turn) -> io::Result<bool> {
    let before = output.sent_bytes();
    let result = output.send(transport, false, turn.sends_until);
    *sent += output.sent_bytes() - before;
    turn.recorder.note_sent(output);
    Ok(result? == Sent::All)
}
