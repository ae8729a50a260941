//! Responses on their way: sent at once, or on and on as the client takes them; and what follows the last byte.

use std::sync::Arc;

use super::{Connection, SkippingBody, State, Turn};
use crate::http1::framing::Skipped;
use crate::server::close_reason::CloseReason;
use crate::server::exchange::Next;
use crate::server::input::Input;
use crate::server::output::{Output, Sent};
use crate::server::progress::Progress;
use crate::site::pending::Job;

/// Bytes that a client takes before the kernel may keep more than a little for it.
const EARNS_QUEUE: u64 = 1024 * 1024;

/// Responses on their way to a client that is slower than the server.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) output: Output,
    /// What follows when all is sent.
    next: Next,
    /// The bytes that have come after the requests that are being answered.
    pub(super) held: Vec<u8>,
    /// The job that it waits for, if it is not the client.
    pub(super) job: Option<Arc<Job>>,
    pub(super) progress: Progress,
}

impl Sending {
    fn wait_for_disk(&mut self, turn: &mut Turn) {
        self.job = self.output.fetch().map(Arc::new);
        turn.jobs.extend(self.job.clone());
    }
}

impl Connection {
    /// Sends the lent output. Returns whether there is more to do now.
    pub(super) fn send(&mut self, next: Next, input: &mut Input, turn: &mut Turn) -> bool {
        let result = turn.output.send(&mut self.transport, next.is_end(), turn.sends_until);
        self.count_sent(turn.output.sent_bytes());
        turn.recorder.note_sent(turn.output);
        match result {
            Ok(Sent::All) => self.follow(next, input, turn),
            Ok(sent @ (Sent::Part | Sent::NeedsDisk)) => {
                let (output, held) = (std::mem::take(turn.output), input.take_rest());
                let progress = Progress::new(turn.now.instant);
                let mut sending = Sending { output, next, held, job: None, progress };
                if sent == Sent::NeedsDisk {
                    sending.wait_for_disk(turn);
                }
                self.state = State::Sending(Box::new(sending));
                false
            }
            Err(error) => {
                let (mut output, reason) = (std::mem::take(turn.output), CloseReason::Broken(error.kind()));
                turn.recorder.note_broken(&mut output, reason, turn.now.instant);
                self.abort(reason, turn);
                false
            }
        }
    }

    /// Sends on what the socket did not take before. Returns whether there is more to do now.
    pub(super) fn send_on(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        let State::Sending(sending) = &mut self.state else { return false };
        let before = sending.output.sent_bytes();
        let result = sending.output.send(&mut self.transport, sending.next.is_end(), turn.sends_until);
        turn.recorder.note_sent(&mut sending.output);
        let count = sending.output.sent_bytes() - before;
        if count > 0 {
            sending.progress.note_sent(turn.now.instant);
        }
        match result {
            Ok(Sent::All) => {}
            Ok(Sent::Part) => sending.held = input.take_rest(),
            Ok(Sent::NeedsDisk) => {
                sending.held = input.take_rest();
                sending.wait_for_disk(turn);
            }
            Err(ref error) => {
                let reason = CloseReason::Broken(error.kind());
                self.abort(reason, turn);
                return false;
            }
        }
        let next = sending.next;
        self.count_sent(count);
        matches!(result, Ok(Sent::All)) && self.follow(next, input, turn)
    }

    /// A client that has taken so much is no slow reader.
    fn count_sent(&mut self, count: u64) {
        let is_earned = self.sent < EARNS_QUEUE && self.sent + count >= EARNS_QUEUE;
        self.sent += count;
        if is_earned {
            self.transport.lengthen_queue();
        }
    }

    /// Goes on after all was sent. Returns whether there is more to do now.
    fn follow(&mut self, next: Next, input: &mut Input, turn: &mut Turn) -> bool {
        match next {
            Next::Read => {
                self.state = State::Idle { since: turn.now.instant };
                !input.is_empty()
            }
            Next::Skip(skipper) => {
                let skipping = SkippingBody { skipper, since: turn.now.instant };
                self.state = State::SkippingBody(Box::new(skipping));
                true
            }
            // Bytes that have come after the last request: closing at once would reset the connection.
            Next::Close if input.is_empty() => {
                self.finish(CloseReason::Done, turn.now.instant);
                false
            }
            Next::Close | Next::Linger => {
                self.linger(CloseReason::Done, turn.now.instant);
                false
            }
        }
    }

    /// Skips the bytes of a body that have come. Returns whether there is more to do now.
    pub(super) fn skip_body(&mut self, input: &mut Input, turn: &mut Turn) -> bool {
        let State::SkippingBody(skipping) = &mut self.state else { return false };
        match skipping.skipper.skip(input.rest()) {
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
