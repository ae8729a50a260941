//! The streams of a connection that are not over, and which of them sends next (RFC 9113 section 5; RFC 9218).

use super::error::{ConnectionError, ErrorCode};
use super::frame::{FIRST_WINDOW, MAX_WINDOW};
use super::priority::Priority;

/// Bytes of content in one DATA frame: with the frame's header they fill a record of TLS, and no peer may ask for less.
pub const CHUNK: usize = 16 * 1024 - super::frame::HEADER;

/// Frames in a row of responses that fit one, after which a larger one of the same urgency sends a frame, too.
const MAX_PASSED_OVER: u32 = 200;

/// A request that is not over.
#[derive(Debug)]
pub struct Stream<T> {
    /// Its number.
    pub id: u32,
    /// Bytes that the client lets the server send on it.
    window: i64,
    priority: Priority,
    /// Bytes of content that are still to be sent.
    left: u64,
    /// Whether the next of them can be had.
    is_ready: bool,
    /// When it began or sent last, in sendings of the connection.
    sent_at: u64,
    /// Bytes of content that the request has brought, and that it announced.
    pub(super) received: u64,
    pub(super) announced: Option<u64>,
    /// Bytes of them for which no credit was given back.
    pub(super) owed: u32,
    /// Whether the client has sent all of the request.
    pub is_complete: bool,
    /// The things of its owner.
    pub data: T,
}

impl<T> Stream<T> {
    /// Bytes of content that are still to be sent.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Sets how many bytes of content are to be sent, and that the first of them can be had.
    pub fn set_content(&mut self, length: u64) {
        (self.left, self.is_ready) = (length, true);
    }

    /// Sets whether the next bytes of content can be had.
    pub fn set_ready(&mut self, is_ready: bool) {
        self.is_ready = is_ready;
    }

    /// Whether only the client's window keeps it from being sent.
    pub fn is_held_back(&self) -> bool {
        self.left > 0 && self.is_ready && self.window <= 0
    }

    fn is_sendable(&self) -> bool {
        self.left > 0 && self.is_ready && self.window > 0
    }

    fn fits_one_frame(&self) -> bool {
        self.left <= CHUNK as u64
    }
}

/// The streams that are not over, in the order of their numbers.
#[derive(Debug)]
pub struct Streams<T> {
    list: Vec<Stream<T>>,
    /// Bytes that the client lets the server send on all of them.
    window: i64,
    /// The window that a stream begins with.
    first_window: u32,
    /// DATA frames that were sent.
    sendings: u64,
    /// How many of them in a row were of responses that fit one, while a larger one could have been sent.
    passed_over: u32,
}

impl<T> Streams<T> {
    pub(super) fn new() -> Streams<T> {
        let first_window = FIRST_WINDOW;
        let window = i64::from(first_window);
        Streams { list: Vec::new(), window, first_window, sendings: 0, passed_over: 0 }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Stream<T>> {
        self.list.iter()
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream<T>> {
        self.list.iter_mut()
    }

    /// The stream of this number.
    pub fn get(&mut self, id: u32) -> Option<&mut Stream<T>> {
        let index = self.index(id)?;
        self.list.get_mut(index)
    }

    fn index(&self, id: u32) -> Option<usize> {
        self.list.binary_search_by_key(&id, |stream| stream.id).ok()
    }

    /// Adds a stream, whose number is the highest so far.
    pub(super) fn add(
        &mut self,
        id: u32,
        priority: Priority,
        announced: Option<u64>,
        is_complete: bool,
        data: T,
    ) {
        self.list.push(Stream {
            id,
            window: i64::from(self.first_window),
            priority,
            left: 0,
            is_ready: false,
            sent_at: self.sendings,
            received: 0,
            announced,
            owed: 0,
            is_complete,
            data,
        });
    }

    /// Takes a stream out.
    pub(super) fn remove(&mut self, id: u32) -> Option<Stream<T>> {
        let index = self.index(id)?;
        Some(self.list.remove(index))
    }

    /// Releases memory that was for many of them.
    pub(super) fn shrink(&mut self) {
        if self.list.is_empty() {
            self.list = Vec::new();
        }
    }

    /// Whether content of this length that is ready now may be sent on a new stream at once: the windows let all of it
    /// through, it fits one frame, and nothing more urgent waits.
    pub(super) fn may_send_at_once(&self, priority: Priority, length: u64) -> bool {
        length <= CHUNK as u64
            && length as i64 <= self.window.min(i64::from(self.first_window))
            && self.passed_over < MAX_PASSED_OVER
            && !self
                .list
                .iter()
                .any(|stream| stream.priority.urgency < priority.urgency && stream.is_sendable())
    }

    /// Counts a frame of a response that fits one.
    fn note_small(&mut self) {
        let is_passed_over = |stream: &Stream<T>| stream.is_sendable() && !stream.fits_one_frame();
        self.passed_over =
            if self.list.iter().any(is_passed_over) { self.passed_over.saturating_add(1) } else { 0 };
    }

    /// The place of a stream in the order of sending, the smallest first: urgency, and then what fits one frame.
    fn rank(&self, stream: &Stream<T>) -> (u8, bool) {
        (stream.priority.urgency, stream.fits_one_frame() == (self.passed_over >= MAX_PASSED_OVER))
    }

    /// Takes content that is sent at once out of the connection's window.
    pub(super) fn note_sent_at_once(&mut self, length: u64) {
        self.window -= length as i64;
        self.note_small();
    }

    /// The stream that sends next, and the bytes of content that it may send in one frame; `None` where there is nothing
    /// to send, or the client takes nothing. Of two streams of one urgency, one that is wanted as a whole and one that is
    /// wanted bit by bit, each sends in its turn (RFC 9218 section 10).
    pub fn next(&self) -> Option<(u32, usize)> {
        if self.window <= 0 {
            return None;
        }
        let sendable = || self.list.iter().filter(|stream| stream.is_sendable());
        let whole =
            sendable().filter(|stream| !stream.priority.incremental).min_by_key(|stream| self.rank(stream));
        let in_turns = sendable()
            .filter(|stream| stream.priority.incremental)
            .min_by_key(|stream| (self.rank(stream), stream.sent_at));
        let first = [whole, in_turns]
            .into_iter()
            .flatten()
            .min_by_key(|stream| (self.rank(stream), stream.sent_at))?;
        let most = self.window.min(first.window).min(CHUNK as i64) as u64;
        Some((first.id, most.min(first.left) as usize))
    }

    /// Notes that a stream has sent so many bytes of content in a frame. Returns how many are left.
    pub fn note_sent(&mut self, id: u32, length: usize) -> u64 {
        self.window -= length as i64;
        self.sendings += 1;
        let sendings = self.sendings;
        let Some(stream) = self.get(id) else { return 0 };
        let is_small = stream.fits_one_frame();
        stream.window -= length as i64;
        stream.left -= length as u64;
        stream.sent_at = sendings;
        let left = stream.left;
        if is_small {
            self.note_small();
        } else {
            self.passed_over = 0;
        }
        left
    }

    /// Whether content waits for the connection's window alone.
    pub fn is_held_back(&self) -> bool {
        self.window <= 0 && self.list.iter().any(|stream| stream.left > 0 && stream.is_ready)
    }

    /// Gives a stream another priority; `false` where there is no such stream.
    pub(super) fn set_priority(&mut self, id: u32, priority: Priority) -> bool {
        let stream = self.get(id);
        stream.map(|stream| stream.priority = priority).is_some()
    }

    /// Sets the window that streams begin with, and changes those that have begun (RFC 9113 section 6.9.2).
    ///
    /// # Errors
    /// A window becomes too large.
    pub(super) fn set_first_window(&mut self, size: u32) -> Result<(), ConnectionError> {
        if size > MAX_WINDOW {
            return Err(ConnectionError::flow_control("the first window is too large"));
        }
        let change = i64::from(size) - i64::from(self.first_window);
        self.first_window = size;
        for stream in &mut self.list {
            stream.window += change;
            if stream.window > i64::from(MAX_WINDOW) {
                return Err(ConnectionError::flow_control("a window is too large"));
            }
        }
        Ok(())
    }

    /// Adds credit to the connection's window.
    ///
    /// # Errors
    /// It becomes too large.
    pub(super) fn add_credit(&mut self, increment: u32) -> Result<(), ConnectionError> {
        self.window += i64::from(increment);
        if self.window > i64::from(MAX_WINDOW) {
            return Err(ConnectionError::flow_control("the window is too large"));
        }
        Ok(())
    }

    /// Adds credit to a stream's window.
    ///
    /// # Errors
    /// It becomes too large, which ends the stream.
    pub(super) fn add_stream_credit(&mut self, id: u32, increment: u32) -> Result<(), ErrorCode> {
        let Some(stream) = self.get(id) else { return Ok(()) };
        stream.window += i64::from(increment);
        if stream.window > i64::from(MAX_WINDOW) { Err(ErrorCode::FlowControlError) } else { Ok(()) }
    }
}
