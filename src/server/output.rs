//! Text and content that are promised to a client and not yet sent, in their order.
//!
//! Text and small contents are copied together, so that many pipelined responses leave in one call. Larger contents in
//! memory are sent from their place, still larger ones and files by `sendfile`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::record::Record;
use super::transport::{MAX_SLICES, Transport};
use crate::site::in_memory::{InMemory, SHORT};
use crate::site::pending::Job;
use crate::site::representation::{Content, Representation};
use crate::site::residency::OpenFile;
use crate::sys::page_cache::read_if_resident;

/// Bytes of the largest content that is copied after the text before it, so that many leave in one slice.
const COPIED: u64 = 4 * 1024;
/// Bytes of responses after which a pipeline is sent, and not answered further.
const BATCH: usize = 64 * 1024;
/// Bytes of one call that sends from memory what is longer than a batch: more do not fit into the cache of a processor,
/// and hold up the others.
const MEMORY_CHUNK: u64 = 128 * 1024;
/// Bytes of such contents that one connection may send in one turn: copying them takes longer than `sendfile`.
const MEMORY_BUDGET: u64 = 256 * 1024;
/// Bytes of one `sendfile` call: enough that the call itself costs little, and few enough that one call stays short
/// for a client that takes tiny segments.
const FILE_CHUNK: u64 = 512 * 1024;
/// Bytes that the disk is asked for at once: enough that a download is not slowed down by the asking.
const FETCHED: u64 = 2 * 1024 * 1024;
/// Bytes that one connection may send in one turn, so that a large download never starves the others.
const TURN_BUDGET: u64 = 2 * 1024 * 1024;
/// The time for which all connections together may send files in one turn. It is a time and not a number of bytes: a
/// client that takes tiny segments makes each byte a hundred times dearer.
pub(super) const SENDING_TIME: Duration = Duration::from_millis(10);
/// Bytes of a file that a connection may send all the same when that time is over, so that each goes on in
/// every turn.
const LEAST_BUDGET: u64 = 8 * 1024;
/// Room that is kept for the next responses.
const KEPT_ROOM: usize = 64 * 1024;

/// How far sending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Everything is sent.
    All,
    /// There is more, and the socket is full or others are to have their turn.
    Part,
    /// There is more, and it is to be fetched from a disk: see [`Output::fetch`].
    NeedsDisk,
}

#[derive(Debug)]
enum Piece {
    /// Bytes of `Output::text` up to this position.
    Text(usize),
    /// A range of a content.
    Content(Rc<Representation>, Range<u64>),
}

/// A response in the queue: where it ends in the stream of all bytes, and what is to be told of it.
#[derive(Debug)]
struct Recorded {
    end: u64,
    /// Bytes of its body, the last of which is the last one before its end.
    length: u64,
    record: Record,
}

/// One connection in one turn: it bounds what takes long to send.
#[derive(Clone, Copy)]
struct SendingTurn {
    /// The offset at which it began.
    begun: u64,
    /// When the time of all connections is over.
    until: Instant,
}

impl SendingTurn {
    /// Bytes that are left of a budget after all that is `sent`.
    fn left(self, sent: u64, now: Instant, budget: u64) -> u64 {
        let budget = if now < self.until { budget } else { LEAST_BUDGET };
        budget.saturating_sub(sent - self.begun)
    }
}

/// Pieces that are promised and not yet sent, in their order.
#[derive(Debug, Default)]
pub(super) struct Output {
    text: Vec<u8>,
    text_sent: usize,
    pieces: VecDeque<Piece>,
    /// Offsets into the stream since the queue was last empty: the end of all that is queued, the end of what the
    /// socket has accepted, and the end of what is known to be in the page cache.
    promised: u64,
    sent: u64,
    fetched: u64,
    recorded: VecDeque<Recorded>,
    /// Bytes of contents in memory that are queued, and whether a file is; counted until all is sent.
    pinned: usize,
    has_file: bool,
}

impl Output {
    /// Whether it is time to send, before more requests of a pipeline are answered. Queued responses pin memory and
    /// descriptors even after the cache has evicted them, so at most [`BATCH`] bytes and one file are queued.
    pub(super) fn is_full(&self) -> bool {
        self.text.len() + self.pinned >= BATCH || self.has_file
    }

    /// Whether nothing is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.recorded.is_empty()
    }

    /// Bytes that the socket has accepted since the queue was last empty.
    pub(super) fn sent_bytes(&self) -> u64 {
        self.sent
    }

    /// The offset at which the next piece begins.
    pub(super) fn position(&mut self) -> u64 {
        if self.is_empty() {
            (self.promised, self.sent, self.fetched) = (0, 0, 0);
        }
        self.promised
    }

    /// Queues the text that `write` appends.
    pub(super) fn push_text<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.position();
        let start = self.text.len();
        let result = write(&mut self.text);
        self.note_text(start);
        result
    }

    /// Queues a range of a content.
    pub(super) fn push_content(&mut self, representation: Rc<Representation>, range: Range<u64>) {
        let length = range.end - range.start;
        // Many parts of one response are copied as far as a batch goes: memory is bounded by that.
        let is_copied = length <= COPIED && self.text.len() < BATCH;
        match representation.content() {
            _ if length == 0 => {}
            Content::Memory(bytes) if is_copied => {
                self.push_text(|text| {
                    text.extend_from_slice(&bytes[range.start as usize..range.end as usize]);
                });
            }
            Content::File(open) if is_copied && self.copy_file(open.file(), &range) => {}
            content => {
                self.position();
                match content {
                    Content::Memory(bytes) => self.pinned += bytes.len(),
                    Content::File(_) => self.has_file = true,
                }
                self.promised += length;
                self.pieces.push_back(Piece::Content(representation, range));
            }
        }
    }

    /// Keeps the record of a response whose body begins at this position and ends with the last piece.
    pub(super) fn push_record(&mut self, body: u64, record: Record) {
        self.push_record_of(self.promised - body, record);
    }

    /// Keeps the record of a response of so many bytes of content, the last of which is queued last.
    pub(super) fn push_record_of(&mut self, length: u64, record: Record) {
        self.recorded.push_back(Recorded { end: self.promised, length, record });
    }

    /// Copies a small range of a file, if that needs no disk.
    fn copy_file(&mut self, file: &File, range: &Range<u64>) -> bool {
        let start = self.text.len();
        let count = (range.end - range.start) as usize;
        let is_copied = read_if_resident(file, range.start, count, &mut self.text);
        if is_copied {
            self.note_text(start);
        }
        is_copied
    }

    /// Queues the text from `start` on.
    fn note_text(&mut self, start: usize) {
        let end = self.text.len();
        if end == start {
            return;
        }
        self.promised += (end - start) as u64;
        match self.pieces.back_mut() {
            Some(Piece::Text(last)) => *last = end,
            _ => self.pieces.push_back(Piece::Text(end)),
        }
    }

    /// Sends as much as the socket takes and the turn allows, files `until` its time is over. `ends` says that the
    /// caller ends the stream as soon as all is sent: the kernel keeps the last bytes back until then, and one packet
    /// carries them and the end.
    ///
    /// # Errors
    /// The connection's; `UnexpectedEof` when a file has become shorter than what was promised.
    pub(super) fn send(&mut self, transport: &mut Transport, ends: bool, until: Instant) -> io::Result<Sent> {
        let sent = self.send_pieces(transport, ends, until)?;
        let is_all = sent == Sent::All;
        if !transport.flush(ends && is_all)? && is_all {
            return Ok(Sent::Part);
        }
        if is_all {
            self.text.clear();
            self.text.shrink_to(KEPT_ROOM);
            self.text_sent = 0;
            (self.pinned, self.has_file) = (0, false);
        }
        Ok(sent)
    }

    fn send_pieces(&mut self, transport: &mut Transport, ends: bool, until: Instant) -> io::Result<Sent> {
        let turn = SendingTurn { begun: self.sent, until };
        while !self.pieces.is_empty() {
            match self.send_front(transport, ends, turn) {
                Ok(Ok(count)) => self.advance(count),
                Ok(Err(stop)) => return Ok(stop),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Sent::Part),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Sent::All)
    }

    /// Sends a part of what is at the front, and returns how many bytes; or why that has to wait.
    fn send_front(
        &self,
        transport: &mut Transport,
        ends: bool,
        turn: SendingTurn,
    ) -> io::Result<Result<usize, Sent>> {
        let Some(Piece::Content(representation, range)) = self.pieces.front() else {
            return self.send_memory(transport, ends, BATCH as u64).map(Ok);
        };
        match representation.content() {
            Content::File(open) => self.send_open_file(open, range, transport, turn),
            Content::Memory(bytes) => self.send_content(bytes, range, transport, ends, turn),
        }
    }

    fn send_open_file(
        &self,
        open: &OpenFile,
        range: &Range<u64>,
        transport: &mut Transport,
        turn: SendingTurn,
    ) -> io::Result<Result<usize, Sent>> {
        let now = Instant::now();
        let count = (range.end - range.start).min(FILE_CHUNK).min(turn.left(self.sent, now, TURN_BUDGET));
        if count == 0 {
            return Ok(Err(Sent::Part));
        }
        let piece = range.start..range.start + count;
        if self.sent + count > self.fetched && !open.is_resident(piece, now) {
            return Ok(Err(Sent::NeedsDisk));
        }
        send_file(open.file(), range.start, count, transport).map(Ok)
    }

    /// Sends a content in memory, copied or from its file. A short one is sent whatever the time.
    fn send_content(
        &self,
        bytes: &InMemory,
        range: &Range<u64>,
        transport: &mut Transport,
        ends: bool,
        turn: SendingTurn,
    ) -> io::Result<Result<usize, Sent>> {
        let length = range.end - range.start;
        let file = file_of(bytes, range, transport);
        let (chunk, budget) = match file {
            Some(_) => (FILE_CHUNK, TURN_BUDGET),
            None => (MEMORY_CHUNK, MEMORY_BUDGET),
        };
        let limit = match length <= BATCH as u64 {
            true => BATCH as u64,
            false => turn.left(self.sent, Instant::now(), budget).min(chunk),
        };
        match file {
            _ if limit == 0 => Ok(Err(Sent::Part)),
            Some(file) => send_file(file, range.start, length.min(limit), transport).map(Ok),
            None => self.send_memory(transport, ends, limit).map(Ok),
        }
    }

    /// The job that reads what sending needs to go on.
    pub(super) fn fetch(&self) -> Option<Job> {
        let (open, range) = self.front_file()?;
        Some(Job::Read(Arc::clone(open.file()), to_fetch(open, range)))
    }

    /// Notes that [`Output::fetch`] was done. What it has read is sent without asking whether it is in memory, because
    /// some file systems do not tell.
    pub(super) fn note_fetched(&mut self, now: Instant) {
        let Some((open, range)) = self.front_file() else { return };
        open.note_read(&to_fetch(open, range), now);
        self.fetched = self.sent + (range.end - range.start).min(FETCHED);
    }

    fn front_file(&self) -> Option<(&OpenFile, &Range<u64>)> {
        match self.pieces.front()? {
            Piece::Content(representation, range) => match representation.content() {
                Content::File(open) => Some((open, range)),
                Content::Memory(_) => None,
            },
            Piece::Text(_) => None,
        }
    }

    /// Sends the pieces in memory at the front, in one call; of a content at most so many bytes.
    fn send_memory(&self, transport: &mut Transport, ends: bool, limit: u64) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        let mut position = self.text_sent;
        let mut is_cut = false;
        for piece in self.pieces.iter().take(MAX_SLICES) {
            let bytes = match piece {
                Piece::Text(end) => &self.text[std::mem::replace(&mut position, *end)..*end],
                Piece::Content(representation, range) => match representation.content() {
                    Content::Memory(bytes) if file_of(bytes, range, transport).is_none() => {
                        let end = range.end.min(range.start + limit);
                        is_cut = end < range.end;
                        &bytes[range.start as usize..end as usize]
                    }
                    _ => break,
                },
            };
            slices[count] = IoSlice::new(bytes);
            count += 1;
            if is_cut {
                break;
            }
        }
        transport.send(&slices[..count], ends || is_cut || count < self.pieces.len())
    }

    /// Removes what the socket has accepted.
    fn advance(&mut self, count: usize) {
        self.sent += count as u64;
        let mut count = count as u64;
        while count > 0 {
            match self.pieces.front_mut() {
                Some(Piece::Text(end)) => {
                    let step = count.min((*end - self.text_sent) as u64);
                    self.text_sent += step as usize;
                    count -= step;
                    if self.text_sent == *end {
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

    /// The records of the responses that are sent, each with the bytes of body that were.
    pub(super) fn take_finished(&mut self) -> Option<(Record, u64)> {
        if self.recorded.front()?.end > self.sent {
            return None;
        }
        let finished = self.recorded.pop_front()?;
        Some((finished.record, finished.length))
    }

    /// The records of the responses that will never be sent whole, once the finished ones are taken.
    pub(super) fn take_broken(&mut self) -> Option<(Record, u64)> {
        let broken = self.recorded.pop_front()?;
        let lacks = broken.end.saturating_sub(self.sent);
        Some((broken.record, broken.length.saturating_sub(lacks)))
    }
}

/// Sends bytes of a file from `start` on.
///
/// # Errors
/// The connection's; `UnexpectedEof` when the file ends there.
fn send_file(file: &File, start: u64, count: u64, transport: &mut Transport) -> io::Result<usize> {
    match transport.send_file(file, start, count as usize) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        result => result,
    }
}

/// The file that a range of bytes in memory is sent from, if that spares a copy that costs more.
fn file_of<'a>(bytes: &'a InMemory, range: &Range<u64>, transport: &Transport) -> Option<&'a File> {
    bytes.file().filter(|_| range.end - range.start > SHORT as u64 && !transport.is_tls())
}

/// The range that the disk is asked for when another one is to be sent: the beginning of it, or the whole file when
/// that is not more.
pub(super) fn to_fetch(open: &OpenFile, range: &Range<u64>) -> Range<u64> {
    let is_small = open.length() <= FETCHED;
    if is_small { 0..open.length() } else { range.start..range.end.min(range.start + FETCHED) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::in_memory::MemoryFiles;
    use crate::sys::socket::Socket;
    use std::io::Read;

    #[test]
    fn contents_are_sent_in_their_order_copied_or_from_a_file_in_memory() {
        let files = MemoryFiles::new(1);
        let (first, second) = (vec![b'1'; 50_000], vec![b'2'; 50_000]);
        let contents = [&first, &second].map(|bytes| files.keep(bytes.clone()));
        assert_eq!(contents.each_ref().map(|bytes| bytes.file().is_some()), [true, false]);
        let [with_file, without] =
            contents.map(|bytes| Rc::new(Representation::new(&[], &[], "text/html", Content::Memory(bytes))));
        let mut output = Output::default();
        let mut expected = Vec::new();
        for (representation, bytes, range) in [
            (&with_file, &first, 0..50_000),
            (&without, &second, 0..50_000),
            (&with_file, &first, 10..20_000),
            (&with_file, &first, 10..6_000),
            (&without, &second, 49_990..50_000),
            (&with_file, &first, 20_000..50_000),
        ] {
            output.push_text(|text| text.extend_from_slice(b"head"));
            output.push_content(Rc::clone(representation), range.clone());
            expected.extend_from_slice(b"head");
            expected.extend_from_slice(&bytes[range.start as usize..range.end as usize]);
        }
        let (socket, mut client) = Socket::pair().unwrap();
        client.set_nonblocking(true).unwrap();
        let mut transport = Transport::plain(socket);
        let (mut received, mut part) = (Vec::new(), [0; 10_000]);
        loop {
            let sent = output.send(&mut transport, false, Instant::now() + SENDING_TIME).unwrap();
            while let Ok(count) = client.read(&mut part) {
                received.extend_from_slice(&part[..count]);
            }
            if sent == Sent::All {
                break;
            }
        }
        assert!(received == expected, "{} of {} bytes", received.len(), expected.len());
    }

    #[test]
    fn a_long_content_in_memory_leaves_time_for_others() {
        let length = 1024 * 1024;
        let content = Content::Memory(vec![b'x'; length].into());
        let representation = Rc::new(Representation::new(&[], &[], "text/html", content));
        let (socket, _client) = Socket::pair().unwrap();
        let mut transport = Transport::plain(socket);
        let now = Instant::now();
        for (until, least, most) in
            [(now, 1, BATCH as u64 + 10), (now + SENDING_TIME * 1000, 100_000, MEMORY_BUDGET)]
        {
            let mut output = Output::default();
            output.push_text(|text| text.extend_from_slice(b"the head: "));
            output.push_content(Rc::clone(&representation), 0..length as u64);
            assert_eq!(output.send(&mut transport, false, until).unwrap(), Sent::Part);
            assert!((least..=most).contains(&output.sent_bytes()), "{} bytes", output.sent_bytes());
        }
    }
}
