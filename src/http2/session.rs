//! One connection as its server sees it: the streams, what the client was promised, and what it may still do.
//!
//! Frames come in through [`Session::receive`], which tells the owner of a request, and are written with the other
//! methods. It holds no socket, no clock and no bytes that are to be sent: they are appended to what the caller lends.

use super::allowance::Allowance;
use super::closed::{ClosedStreams, Closing};
use super::error::ErrorCode;
use super::frame::{self, FIRST_WINDOW, Kind, MAX_PAYLOAD, MAX_WINDOW, Setting};
use super::head::MAX_LIST;
use super::hpack::{Decoder, Encoder};
use super::priority::Priority;
use super::streams::Streams;

/// Streams that a client may have open at a time (SETTINGS_MAX_CONCURRENT_STREAMS).
pub const MAX_STREAMS: usize = 100;
/// Bytes of the table of the decoder: what SETTINGS_HEADER_TABLE_SIZE is without a word.
const DECODER_TABLE: usize = 4096;
/// Frames that ask for nothing, such as PING, SETTINGS and empty DATA: at once, and more with each second.
pub const MAX_CONTROL_FRAMES: u32 = 1000;
const CONTROL_FRAMES_A_SECOND: u32 = 50;
/// Streams that end with RST_STREAM, sent by the client or for a fault of it: at once, and more with each second.
pub const MAX_RESETS: u32 = 200;
const RESETS_A_SECOND: u32 = 10;
/// WINDOW_UPDATE frames: at once, and more with each second.
pub const MAX_WINDOW_UPDATES: u32 = 4000;
const WINDOW_UPDATES_A_SECOND: u32 = 100;
/// WINDOW_UPDATE frames that each response, and each DATA frame of some length, is good for.
const EARNED_UPDATES: u32 = 4;
/// Bytes of a DATA frame that is of some length.
const SOME_LENGTH: usize = 1024;
/// Priorities that are remembered of streams that have not begun (RFC 9218 section 7.1).
const REMEMBERED_PRIORITIES: usize = 16;

/// A field block of which a part is missing.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
    pub(super) bytes: Vec<u8>,
    /// Frames that have brought it.
    pub(super) frames: usize,
    /// Whether the stream ends with it.
    pub(super) is_end: bool,
}

/// One connection; its owner keeps a `T` with each stream.
#[derive(Debug)]
pub struct Session<T> {
    /// The streams that are not over.
    pub streams: Streams<T>,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    /// Whether the client's preface, and its first SETTINGS, have come.
    pub(super) has_preface: bool,
    pub(super) has_settings: bool,
    pub(super) block: Option<Box<Block>>,
    /// The highest stream that the client has begun.
    pub(super) last: u32,
    /// The last stream that is answered, once the client was told that there is one.
    pub(super) last_answered: Option<u32>,
    pub(super) closed: ClosedStreams,
    /// Bytes of DATA for which no credit was given back.
    pub(super) owed: u32,
    pub(super) control_frames: Allowance,
    pub(super) resets: Allowance,
    pub(super) window_updates: Allowance,
    /// Priorities of streams that have not begun.
    pub(super) priorities: Vec<(u32, Priority)>,
}

impl<T> Session<T> {
    /// A connection of which nothing has come. Appends what a server says first (RFC 9113 section 3.4).
    pub fn new(out: &mut Vec<u8>) -> Session<T> {
        let settings = [
            (Setting::MaxConcurrentStreams, MAX_STREAMS as u32),
            (Setting::MaxHeaderListSize, MAX_LIST as u32),
            (Setting::NoRfc7540Priorities, 1),
        ];
        frame::push_settings(out, &settings);
        Session {
            streams: Streams::new(),
            decoder: Decoder::new(DECODER_TABLE),
            encoder: Encoder::new(),
            has_preface: false,
            has_settings: false,
            block: None,
            last: 0,
            last_answered: None,
            closed: ClosedStreams::new(),
            owed: 0,
            control_frames: Allowance::new(MAX_CONTROL_FRAMES, CONTROL_FRAMES_A_SECOND),
            resets: Allowance::new(MAX_RESETS, RESETS_A_SECOND),
            window_updates: Allowance::new(MAX_WINDOW_UPDATES, WINDOW_UPDATES_A_SECOND),
            priorities: Vec::new(),
        }
    }

    /// Whether no request is being read or answered.
    pub fn is_idle(&self) -> bool {
        self.streams.count() == 0 && self.block.is_none()
    }

    /// Whether a part of a field block is missing.
    pub fn is_in_block(&self) -> bool {
        self.block.is_some()
    }

    /// Keeps a request until it is answered as a whole.
    pub fn keep(&mut self, arrival: &Arrival, data: T) {
        self.streams.add(arrival.stream, arrival.priority, arrival.announced, arrival.is_complete, data);
    }

    /// Whether the whole content of a new request's response can be sent at once: see
    /// [`Streams::next`](super::streams::Streams::next) for the order otherwise.
    pub fn may_send_at_once(&self, arrival: &Arrival, length: u64) -> bool {
        arrival.is_complete && self.streams.may_send_at_once(arrival.priority, length)
    }

    /// Appends HEADERS: status and fields of a response. `is_end` says that it has no content.
    pub fn push_head(&mut self, stream: u32, status: u16, lines: &[&[u8]], is_end: bool, out: &mut Vec<u8>) {
        let start = out.len();
        let flags = frame::END_HEADERS | if is_end { frame::END_STREAM } else { 0 };
        frame::push_header(out, 0, Kind::Headers, flags, stream);
        self.encoder.encode(status, lines, out);
        let length = out.len() - start - frame::HEADER;
        if length <= MAX_PAYLOAD {
            frame::set_length(&mut out[start..], length);
        } else {
            let block = out.split_off(start + frame::HEADER);
            out.truncate(start);
            frame::push_field_block(out, stream, &block, is_end, MAX_PAYLOAD);
        }
    }

    /// Appends a DATA frame of a kept stream. `append` appends `most` bytes of content or fewer, and returns how many; with
    /// the last ones the stream is finished, and what its owner kept is returned.
    ///
    /// # Errors
    /// Those of `append`: no frame is appended then.
    pub fn push_data<E>(
        &mut self,
        id: u32,
        most: usize,
        out: &mut Vec<u8>,
        append: impl FnOnce(&mut T, usize, &mut Vec<u8>) -> Result<usize, E>,
    ) -> Result<Option<T>, E> {
        let Some(stream) = self.streams.get(id) else { return Ok(None) };
        let start = out.len();
        frame::push_header(out, 0, Kind::Data, 0, id);
        let length = append(&mut stream.data, most, out).inspect_err(|_| out.truncate(start))?;
        frame::set_length(&mut out[start..], length);
        if length >= SOME_LENGTH {
            self.window_updates.earn(EARNED_UPDATES);
        }
        if self.streams.note_sent(id, length) > 0 {
            return Ok(None);
        }
        frame::set_flags(&mut out[start..], frame::END_STREAM);
        Ok(self.finish(id, out))
    }

    /// Appends the whole content of a response as one DATA frame, to a request that was not kept; nothing if it is empty.
    pub fn push_content(&mut self, stream: u32, content: &[u8], out: &mut Vec<u8>) {
        if !content.is_empty() {
            frame::push_header(out, content.len(), Kind::Data, frame::END_STREAM, stream);
            out.extend_from_slice(content);
        }
        self.streams.note_sent_at_once(content.len() as u64);
        self.closed.add(stream, Closing::Done);
        self.note_answered();
    }

    fn note_answered(&mut self) {
        self.resets.earn(1);
        self.window_updates.earn(EARNED_UPDATES);
        self.control_frames.earn(1);
    }

    /// Ends a stream whose response is sent. A client that has not sent all of its request need not go on (RFC 9113
    /// section 8.1).
    pub fn finish(&mut self, stream: u32, out: &mut Vec<u8>) -> Option<T> {
        let finished = self.streams.remove(stream)?;
        if finished.is_complete {
            self.closed.add(stream, Closing::Done);
        } else {
            frame::push_reset(out, stream, ErrorCode::NoError);
            self.closed.add(stream, Closing::Reset);
        }
        self.note_answered();
        Some(finished.data)
    }

    /// Ends a stream before its response is sent.
    pub fn reset(&mut self, stream: u32, code: ErrorCode, out: &mut Vec<u8>) -> Option<T> {
        frame::push_reset(out, stream, code);
        self.closed.add(stream, Closing::Reset);
        self.streams.remove(stream).map(|stream| stream.data)
    }

    /// Appends GOAWAY as a warning: requests that are on their way are still answered (RFC 9113 section 6.8).
    pub fn announce_end(&mut self, out: &mut Vec<u8>) {
        if self.last_answered.is_none() {
            frame::push_goaway(out, MAX_WINDOW, ErrorCode::NoError);
            self.last_answered = Some(MAX_WINDOW);
        }
    }

    /// Appends GOAWAY: requests that come from now on are refused. After it, an error is still told.
    pub fn end(&mut self, code: ErrorCode, out: &mut Vec<u8>) {
        if !self.has_ended() || code != ErrorCode::NoError {
            // The number never grows (RFC 9113 section 6.8).
            let last = self.last_answered.map_or(self.last, |answered| answered.min(self.last));
            frame::push_goaway(out, last, code);
            self.last_answered = Some(last);
        }
    }

    /// Whether requests that come are refused.
    pub fn has_ended(&self) -> bool {
        self.last_answered.is_some_and(|last| last < MAX_WINDOW)
    }

    /// The priority that the client has sent for a stream before it began.
    pub(super) fn take_priority(&mut self, stream: u32) -> Option<Priority> {
        let index = self.priorities.iter().position(|(id, _)| *id == stream)?;
        Some(self.priorities.swap_remove(index).1)
    }

    /// Sets the priority of a stream, which may not have begun.
    pub(super) fn set_priority(&mut self, stream: u32, priority: Priority) {
        if self.streams.set_priority(stream, priority) || stream <= self.last {
            return;
        }
        let _ = self.take_priority(stream);
        if self.priorities.len() == REMEMBERED_PRIORITIES {
            self.priorities.remove(0);
        }
        self.priorities.push((stream, priority));
    }

    /// Counts bytes of DATA, and gives credit back once it is worth a frame.
    ///
    /// Returns false if they are more than the window allowed.
    pub(super) fn take_credit(&mut self, length: usize, out: &mut Vec<u8>) -> bool {
        give_back(&mut self.owed, length, 0, out)
    }

    /// Gives memory back that an idle connection does not need.
    pub fn shrink(&mut self) {
        self.streams.shrink();
    }
}

/// Counts bytes that have come on a stream or, as stream 0, on the connection, and gives credit back once it is worth a
/// frame. Returns false if they are more than the window allowed.
pub(super) fn give_back(owed: &mut u32, length: usize, stream: u32, out: &mut Vec<u8>) -> bool {
    *owed += length as u32;
    if *owed > FIRST_WINDOW {
        return false;
    }
    if *owed >= FIRST_WINDOW / 2 {
        frame::push_window_update(out, stream, std::mem::take(owed));
    }
    true
}

/// A request that has come: its head is in the lent [`Head`](super::head::Head).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The stream.
    pub stream: u32,
    /// Whether all of it has come; if not, its content follows.
    pub is_complete: bool,
    pub(super) priority: Priority,
    /// Bytes of content that it announces.
    pub(super) announced: Option<u64>,
}
