//! Bytes and file ranges that are promised to a client and not yet sent.
//!
//! Heads and small bodies are rendered one behind the other, so that many pipelined responses leave in one
//! call; larger ones in memory are sent from where they are, and files by `sendfile`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::access_log::Line;
use crate::http::range::ContentRange;
use crate::http::response::{self, Persistence, Preamble};
use crate::site::cold::Cold;
use crate::site::file::{Content, Representation};
use crate::site::open_file::OpenFile;
use crate::site::{Part, Response};
use crate::sys::file::send_file;
use crate::sys::page_cache::read_if_resident;
use crate::sys::socket::{MAX_SLICES, Socket};

/// Bodies up to this many bytes are copied behind their head, so that many leave in one slice. It matters
/// little: 4 KiB cost 7.66 us copied and 7.72 as a slice of their own, 10 KiB 8.84 and 9.06.
const COPIED: u64 = 4 * 1024;
/// Bytes of responses after which a pipeline is sent, and not answered further.
const BATCH: usize = 64 * 1024;
/// Bytes that one call of `sendfile` is asked for. A file of 1 MiB costs 177 us with 128 KiB, 135 with 512 KiB
/// and 129 with 2 MiB, and a client that takes tiny segments makes a call of this size last 5 ms.
const FILE_CHUNK: u64 = 512 * 1024;
/// Bytes that the disk is asked for at once: enough that a download is not slowed down by the asking.
const FETCHED: u64 = 2 * 1024 * 1024;
/// Bytes that one connection may send in one turn, so that a large download never starves the others.
const TURN_BUDGET: u64 = 2 * 1024 * 1024;
/// How long all connections together may send files in one turn. It is a time and not a number of bytes: a client
/// that takes tiny segments makes each byte a hundred times dearer.
pub const SENDING_TIME: Duration = Duration::from_millis(10);
/// Bytes of a file that a connection may send all the same when that time is over, so that each goes on in
/// every turn.
const LEAST_BUDGET: u64 = 8 * 1024;
/// Room that is kept for the next responses.
const KEPT_ROOM: usize = 64 * 1024;

/// How far sending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Everything is sent.
    All,
    /// There is more, and the socket is full or others are to have their turn.
    Part,
    /// There is more, and it is not in memory: see [`Output::cold`].
    Cold,
}

#[derive(Debug)]
enum Piece {
    /// Bytes of `Output::rendered` up to this position.
    Rendered(usize),
    /// A range of a content.
    Content(Rc<Representation>, Range<u64>),
}

/// A response in the queue: where its body begins and ends in the stream of all bytes, and what the log is
/// to say of it.
#[derive(Debug)]
struct Logged {
    body: u64,
    end: u64,
    line: Line,
}

/// What is promised and not yet sent, in order.
#[derive(Debug, Default)]
pub struct Output {
    rendered: Vec<u8>,
    rendered_sent: usize,
    pieces: VecDeque<Piece>,
    /// Bytes of all responses since there was last nothing to send, the ones of them that the socket has
    /// taken, and how far the disk has read ahead.
    promised: u64,
    sent: u64,
    fetched: u64,
    logged: VecDeque<Logged>,
    /// Bytes of contents in memory that are promised, and whether a file is; counted until all is sent.
    pinned: usize,
    has_file: bool,
}

impl Output {
    /// Whether it is time to send, before more requests of a pipeline are answered. What is promised keeps
    /// memory and files from being given back, also when the cache has long let go of them: so much of it and
    /// no more, and one file at a time.
    pub fn is_full(&self) -> bool {
        self.rendered.len() + self.pinned >= BATCH || self.has_file
    }

    /// Bytes that the socket has taken since there was last nothing to send.
    pub fn sent_bytes(&self) -> u64 {
        self.sent
    }

    /// Renders a response behind the ones that are there.
    pub fn push(
        &mut self,
        response: Response,
        preamble: &Preamble,
        persistence: Persistence,
        line: Option<Line>,
    ) {
        if self.pieces.is_empty() && self.logged.is_empty() {
            (self.promised, self.sent, self.fetched) = (0, 0, 0);
        }
        let Response { status, representation, part, with_content } = response;
        let start = self.rendered.len();
        let out = &mut self.rendered;
        response::begin_head(out, status, preamble, persistence);
        match &part {
            Part::Whole => out.extend_from_slice(representation.fields()),
            Part::Nothing => out.extend_from_slice(representation.fields_of_not_modified()),
            Part::One(range) => {
                out.extend_from_slice(representation.fields_of_a_range());
                let content_range = ContentRange { range, length: representation.content.length() };
                response::field_display(out, "Content-Range", content_range);
                response::field_display(out, "Content-Length", range.end - range.start);
            }
            Part::Several(parts) => {
                out.extend_from_slice(representation.fields_of_ranges());
                response::field_display(out, "Content-Type", parts.content_type());
                response::field_display(out, "Content-Length", parts.length());
            }
        }
        response::end_head(out);
        self.note_rendered(start);
        let body = self.promised;
        if with_content {
            match part {
                Part::Whole => {
                    let length = representation.content.length();
                    self.push_content(representation, 0..length);
                }
                Part::Nothing => {}
                Part::One(range) => self.push_content(representation, range),
                Part::Several(parts) => {
                    for (head, range) in parts.parts() {
                        self.push_rendered(head);
                        self.push_content(Rc::clone(&representation), range);
                    }
                    self.push_rendered(parts.end());
                }
            }
        }
        if let Some(line) = line {
            self.logged.push_back(Logged { body, end: self.promised, line });
        }
    }

    fn push_rendered(&mut self, bytes: &[u8]) {
        let start = self.rendered.len();
        self.rendered.extend_from_slice(bytes);
        self.note_rendered(start);
    }

    /// Renders a small range of a file, if that needs no disk.
    fn render_file(&mut self, file: &File, range: &Range<u64>) -> bool {
        let start = self.rendered.len();
        let count = (range.end - range.start) as usize;
        let is_rendered = read_if_resident(file, range.start, count, &mut self.rendered);
        if is_rendered {
            self.note_rendered(start);
        }
        is_rendered
    }

    /// Promises what was rendered from `start` on.
    fn note_rendered(&mut self, start: usize) {
        let end = self.rendered.len();
        self.promised += (end - start) as u64;
        match self.pieces.back_mut() {
            Some(Piece::Rendered(last)) => *last = end,
            _ => self.pieces.push_back(Piece::Rendered(end)),
        }
    }

    fn push_content(&mut self, representation: Rc<Representation>, range: Range<u64>) {
        let length = range.end - range.start;
        match &representation.content {
            _ if length == 0 => {}
            Content::Memory(bytes) if length <= COPIED => {
                self.push_rendered(&bytes[range.start as usize..range.end as usize]);
            }
            Content::File(open) if length <= COPIED && self.render_file(open.file(), &range) => {}
            content => {
                match content {
                    Content::Memory(bytes) => self.pinned += bytes.len(),
                    Content::File(..) => self.has_file = true,
                }
                self.promised += length;
                self.pieces.push_back(Piece::Content(representation, range));
            }
        }
    }

    /// Sends as much as the socket takes and the turn allows, files `until` its time is over. `ends` says
    /// that the caller ends the stream as soon as all is sent: the kernel keeps the last bytes back until
    /// then, and one packet carries them and the end. With ab that is 13.3 us instead of 18.8.
    ///
    /// # Errors
    /// The connection's; `UnexpectedEof` when a file has become shorter than what was promised.
    pub fn send(&mut self, socket: &Socket, ends: bool, until: Instant) -> io::Result<Sent> {
        let begun = self.sent;
        while let Some(front) = self.pieces.front() {
            let result = match front {
                Piece::Content(representation, range) => match &representation.content {
                    Content::File(open) => {
                        let now = Instant::now();
                        let budget = if now < until { TURN_BUDGET } else { LEAST_BUDGET };
                        let left = budget.saturating_sub(self.sent - begun);
                        if left == 0 {
                            return Ok(Sent::Part);
                        }
                        let count = (range.end - range.start).min(FILE_CHUNK).min(left);
                        let piece = range.start..range.start + count;
                        if self.sent + count > self.fetched && !open.is_resident(piece, now) {
                            return Ok(Sent::Cold);
                        }
                        match send_file(socket, open.file(), range.start, count as usize) {
                            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                            result => result,
                        }
                    }
                    Content::Memory(_) => self.send_memory(socket, ends),
                },
                Piece::Rendered(_) => self.send_memory(socket, ends),
            };
            match result {
                Ok(count) => self.advance(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Sent::Part),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.rendered.clear();
        self.rendered.shrink_to(KEPT_ROOM);
        self.rendered_sent = 0;
        (self.pinned, self.has_file) = (0, false);
        Ok(Sent::All)
    }

    /// What has to be read before sending goes on.
    pub fn cold(&self) -> Option<Cold> {
        let (open, range) = self.front_file()?;
        Some(Cold::Range(Arc::clone(open.file()), to_fetch(open, range)))
    }

    /// The disk has read [`Output::cold`]. It is then sent without asking whether it is in memory, for some
    /// file systems do not tell.
    pub fn note_fetched(&mut self, now: Instant) {
        let Some((open, range)) = self.front_file() else { return };
        open.note_read(&to_fetch(open, range), now);
        self.fetched = self.sent + (range.end - range.start).min(FETCHED);
    }

    fn front_file(&self) -> Option<(&OpenFile, &Range<u64>)> {
        match self.pieces.front()? {
            Piece::Content(representation, range) => match &representation.content {
                Content::File(open) => Some((open, range)),
                Content::Memory(_) => None,
            },
            Piece::Rendered(_) => None,
        }
    }

    /// Sends the pieces in memory at the front, in one call.
    fn send_memory(&self, socket: &Socket, ends: bool) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        let mut position = self.rendered_sent;
        for piece in self.pieces.iter().take(MAX_SLICES) {
            let bytes = match piece {
                Piece::Rendered(end) => &self.rendered[std::mem::replace(&mut position, *end)..*end],
                Piece::Content(representation, range) => match &representation.content {
                    Content::Memory(bytes) => &bytes[range.start as usize..range.end as usize],
                    Content::File(..) => break,
                },
            };
            slices[count] = IoSlice::new(bytes);
            count += 1;
        }
        socket.send(&slices[..count], ends || count < self.pieces.len())
    }

    /// Takes out what the socket has taken.
    fn advance(&mut self, count: usize) {
        self.sent += count as u64;
        let mut count = count as u64;
        while count > 0 {
            match self.pieces.front_mut() {
                Some(Piece::Rendered(end)) => {
                    let step = count.min((*end - self.rendered_sent) as u64);
                    self.rendered_sent += step as usize;
                    count -= step;
                    if self.rendered_sent == *end {
                        self.pieces.pop_front();
                    }
                }
                Some(Piece::Content(_, range)) => {
                    let step = count.min(range.end - range.start);
                    range.start += step;
                    count -= step;
                    if range.is_empty() {
                        self.pieces.pop_front();
                    }
                }
                None => return,
            }
        }
    }

    /// The log lines of the responses that are sent, each with the bytes of body that were.
    pub fn take_finished(&mut self) -> Option<(Line, u64)> {
        if self.logged.front()?.end > self.sent {
            return None;
        }
        let logged = self.logged.pop_front()?;
        Some((logged.line, logged.end - logged.body))
    }

    /// The log lines of the responses that will never be sent whole, once the finished ones are taken.
    pub fn take_broken(&mut self) -> Option<(Line, u64)> {
        let logged = self.logged.pop_front()?;
        Some((logged.line, self.sent.saturating_sub(logged.body)))
    }
}

/// What the disk is asked for when a range is to be sent: the beginning of it, or the whole file when that is
/// not more.
fn to_fetch(open: &OpenFile, range: &Range<u64>) -> Range<u64> {
    let is_small = open.length() <= FETCHED;
    if is_small { 0..open.length() } else { range.start..range.end.min(range.start + FETCHED) }
}
