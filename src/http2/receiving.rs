//! Frames that come in, each with its checks (RFC 9113 sections 5.1 and 6).

use std::time::Instant;

use super::closed::Closing;
use super::error::{ConnectionError, ErrorCode};
use super::frame::{self, Frame, Kind, MAX_PAYLOAD, MAX_WINDOW, PREFACE, Setting};
use super::head::{Fault, Head};
use super::priority::Priority;
use super::session::{Arrival, Block, MAX_STREAMS, Session, give_back};
use crate::http::status::Status;

/// Bytes of a field block. One that is longer ends the connection, for its table could not be followed.
pub const MAX_BLOCK: usize = 128 * 1024;
/// Frames of a field block after its first one.
pub const MAX_CONTINUATIONS: usize = 32;
/// Bytes of a request's content that are read before it is answered, and for which credit is given.
pub const MAX_BODY: u64 = 1024 * 1024;

/// Something that a frame has brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<T> {
    /// Nothing that its owner has to know.
    None,
    /// The head of a request.
    Request(Arrival),
    /// The head of a request that is answered with this status.
    Refused(Arrival, Status),
    /// A request that was kept is complete, or so long that it is answered before it is.
    Complete(u32),
    /// A stream is over before its time.
    Ended(T),
}

/// An error of one stream, or of the connection.
enum Error {
    Stream(u32, ErrorCode),
    Connection(ConnectionError),
}

impl From<ConnectionError> for Error {
    fn from(error: ConnectionError) -> Error {
        Error::Connection(error)
    }
}

impl<T> Session<T> {
    /// Takes the next frame from `bytes`, which begin where the one before ended. Returns its length, 0 while it is not
    /// complete, and what it has brought. The head of a request goes into `head`; what is to be said at once is appended
    /// to `out`.
    ///
    /// # Errors
    /// The client has broken the protocol, or makes more work than its requests are worth: the connection ends with
    /// this error.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        now: Instant,
        head: &mut Head,
        out: &mut Vec<u8>,
    ) -> Result<(usize, Event<T>), ConnectionError> {
        if !self.has_preface {
            return self.receive_preface(bytes).map(|length| (length, Event::None));
        }
        let Some(frame) = Frame::read(bytes)? else { return Ok((0, Event::None)) };
        let event = match self.receive_frame(&frame, now, head, out) {
            Ok(event) => event,
            Err(Error::Connection(error)) => return Err(error),
            Err(Error::Stream(stream, code)) => {
                self.count_reset(now)?;
                self.reset(stream, code, out).map_or(Event::None, Event::Ended)
            }
        };
        Ok((frame.length(), event))
    }

    fn receive_preface(&mut self, bytes: &[u8]) -> Result<usize, ConnectionError> {
        let length = bytes.len().min(PREFACE.len());
        if bytes[..length] != PREFACE[..length] {
            return Err(ConnectionError::protocol("no preface"));
        }
        self.has_preface = length == PREFACE.len();
        Ok(if self.has_preface { length } else { 0 })
    }

    fn receive_frame(
        &mut self,
        frame: &Frame,
        now: Instant,
        head: &mut Head,
        out: &mut Vec<u8>,
    ) -> Result<Event<T>, Error> {
        if !self.has_settings && (frame.kind != Some(Kind::Settings) || frame.has(frame::ACK)) {
            return Err(ConnectionError::protocol("the first frame is not SETTINGS").into());
        }
        if self.block.is_some() && frame.kind != Some(Kind::Continuation) {
            return Err(ConnectionError::protocol("a field block is interrupted").into());
        }
        match frame.kind {
            Some(Kind::Headers) => return self.receive_headers(frame, now, head, out),
            Some(Kind::Continuation) => return self.receive_continuation(frame, now, head, out),
            Some(Kind::Data) => return self.receive_data(frame, now, out),
            Some(Kind::RstStream) => return self.receive_reset(frame, now),
            Some(Kind::WindowUpdate) => self.receive_window_update(frame, now)?,
            Some(Kind::Settings) => self.receive_settings(frame, now, out)?,
            Some(Kind::Ping) => self.receive_ping(frame, now, out)?,
            Some(Kind::PriorityUpdate) => self.receive_priority_update(frame, now)?,
            Some(Kind::Priority) => self.receive_priority(frame, now)?,
            Some(Kind::GoAway) => self.receive_goaway(frame, now)?,
            Some(Kind::PushPromise) => {
                return Err(ConnectionError::protocol("a client has promised a response").into());
            }
            None => self.count_control_frame(now)?,
        }
        Ok(Event::None)
    }

    fn count_control_frame(&mut self, now: Instant) -> Result<(), ConnectionError> {
        if self.control_frames.take(now) {
            Ok(())
        } else {
            Err(ConnectionError::calm("frames that ask for nothing"))
        }
    }

    /// Refuses a request that its owner cannot keep.
    ///
    /// # Errors
    /// The client has had too many streams reset.
    pub fn refuse(&mut self, stream: u32, now: Instant, out: &mut Vec<u8>) -> Result<(), ConnectionError> {
        self.count_reset(now)?;
        self.reset(stream, ErrorCode::RefusedStream, out);
        Ok(())
    }

    fn count_reset(&mut self, now: Instant) -> Result<(), ConnectionError> {
        if self.resets.take(now) { Ok(()) } else { Err(ConnectionError::calm("streams that are reset")) }
    }

    /// A frame on a stream that has never begun is an error of the connection (RFC 9113 section 5.1).
    fn check_begun(&self, stream: u32) -> Result<(), ConnectionError> {
        if stream == 0 {
            Err(ConnectionError::protocol("a frame of a stream on the connection"))
        } else if stream > self.last || stream.is_multiple_of(2) {
            Err(ConnectionError::protocol("a frame on a stream that has not begun"))
        } else {
            Ok(())
        }
    }

    fn receive_headers(
        &mut self,
        frame: &Frame,
        now: Instant,
        head: &mut Head,
        out: &mut Vec<u8>,
    ) -> Result<Event<T>, Error> {
        if frame.stream.is_multiple_of(2) {
            return Err(ConnectionError::protocol("a request on a stream of the server").into());
        }
        let (bytes, is_end) = (frame.field_block()?, frame.has(frame::END_STREAM));
        if frame.has(frame::END_HEADERS) {
            return self.read_block(frame.stream, bytes, is_end, now, head, out);
        }
        let block = Block { stream: frame.stream, bytes: bytes.to_vec(), frames: 1, is_end };
        self.block = Some(Box::new(block));
        Ok(Event::None)
    }

    fn receive_continuation(
        &mut self,
        frame: &Frame,
        now: Instant,
        head: &mut Head,
        out: &mut Vec<u8>,
    ) -> Result<Event<T>, Error> {
        let Some(mut block) = self.block.take().filter(|block| block.stream == frame.stream) else {
            return Err(ConnectionError::protocol("CONTINUATION of no field block").into());
        };
        if block.frames > MAX_CONTINUATIONS || block.bytes.len() + frame.payload.len() > MAX_BLOCK {
            return Err(ConnectionError::calm("a field block is too long").into());
        }
        block.bytes.extend_from_slice(frame.payload);
        block.frames += 1;
        if frame.has(frame::END_HEADERS) {
            return self.read_block(block.stream, &block.bytes, block.is_end, now, head, out);
        }
        self.block = Some(block);
        Ok(Event::None)
    }

    /// Reads a complete field block: it is decoded whatever becomes of its stream, for the table depends on it.
    fn read_block(
        &mut self,
        id: u32,
        block: &[u8],
        is_end: bool,
        now: Instant,
        head: &mut Head,
        out: &mut Vec<u8>,
    ) -> Result<Event<T>, Error> {
        head.clear();
        if self.decoder.decode(block, |name, value| head.push(name, value)).is_err() {
            let (code, reason) = (ErrorCode::CompressionError, "a field block cannot be decoded");
            return Err(ConnectionError { code, reason }.into());
        }
        if id > self.last {
            return self.begin_stream(id, is_end, now, head, out);
        }
        let Some(stream) = self.streams.get(id) else {
            return match self.closed.closing(id) {
                // It may have been on its way; not without end.
                Some(Closing::Reset) => Ok(self.count_control_frame(now).map(|()| Event::None)?),
                Some(Closing::Done) => {
                    let (code, reason) = (ErrorCode::StreamClosed, "HEADERS on a closed stream");
                    Err(ConnectionError { code, reason }.into())
                }
                None => Err(ConnectionError::protocol("the number of a stream is too low").into()),
            };
        };
        if stream.is_complete {
            return Err(Error::Stream(id, ErrorCode::StreamClosed));
        }
        if !is_end || head.finish_trailers().is_err() {
            return Err(Error::Stream(id, ErrorCode::ProtocolError));
        }
        let before = stream.received;
        self.complete(id, before)
    }

    fn begin_stream(
        &mut self,
        id: u32,
        is_end: bool,
        now: Instant,
        head: &mut Head,
        out: &mut Vec<u8>,
    ) -> Result<Event<T>, Error> {
        self.last = id;
        let priority = self.take_priority(id);
        if self.has_ended() || self.streams.count() >= MAX_STREAMS {
            self.refuse(id, now, out)?;
            return Ok(Event::None);
        }
        let status = match head.finish() {
            Err(Fault::Malformed(_)) => return Err(Error::Stream(id, ErrorCode::ProtocolError)),
            Err(Fault::Refused(status)) => Some(status),
            Ok(()) => None,
        };
        let announced = head.content_length();
        if is_end && announced.is_some_and(|length| length > 0) {
            return Err(Error::Stream(id, ErrorCode::ProtocolError));
        }
        let priority = priority.unwrap_or(head.priority());
        let arrival = Arrival { stream: id, is_complete: is_end, priority, announced };
        Ok(status.map_or(Event::Request(arrival), |status| Event::Refused(arrival, status)))
    }

    fn receive_data(&mut self, frame: &Frame, now: Instant, out: &mut Vec<u8>) -> Result<Event<T>, Error> {
        let (id, length) = (frame.stream, frame.payload.len());
        self.check_begun(id)?;
        if !self.take_credit(length, out) {
            return Err(ConnectionError::flow_control("more DATA than the window allows").into());
        }
        let (content, is_end) = (frame.content()?, frame.has(frame::END_STREAM));
        if content.is_empty() && !is_end {
            self.count_control_frame(now)?;
        }
        let Some(stream) = self.streams.get(id) else {
            return match self.closed.closing(id) {
                Some(Closing::Reset) => Ok(self.count_control_frame(now).map(|()| Event::None)?),
                _ => Err(Error::Stream(id, ErrorCode::StreamClosed)),
            };
        };
        if stream.is_complete {
            return Err(Error::Stream(id, ErrorCode::StreamClosed));
        }
        let before = stream.received;
        stream.received += content.len() as u64;
        if stream.announced.is_some_and(|length| stream.received > length) {
            return Err(Error::Stream(id, ErrorCode::ProtocolError));
        }
        if is_end {
            return self.complete(id, before);
        }
        // No credit is given for what is not read.
        let is_within = if stream.received <= MAX_BODY {
            give_back(&mut stream.owed, length, id, out)
        } else {
            stream.owed = stream.owed.saturating_add(length as u32);
            stream.owed <= frame::FIRST_WINDOW
        };
        if !is_within {
            return Err(Error::Stream(id, ErrorCode::FlowControlError));
        }
        Ok(if before <= MAX_BODY && stream.received > MAX_BODY { Event::Complete(id) } else { Event::None })
    }

    /// The client has sent all of a request that was kept, of whose content `before` bytes came earlier. One that was too
    /// long to wait for is not announced again.
    fn complete(&mut self, id: u32, before: u64) -> Result<Event<T>, Error> {
        let Some(stream) = self.streams.get(id) else { return Ok(Event::None) };
        if stream.announced.is_some_and(|length| stream.received != length) {
            return Err(Error::Stream(id, ErrorCode::ProtocolError));
        }
        stream.is_complete = true;
        Ok(if before > MAX_BODY { Event::None } else { Event::Complete(id) })
    }

    fn receive_reset(&mut self, frame: &Frame, now: Instant) -> Result<Event<T>, Error> {
        self.check_begun(frame.stream)?;
        frame.number()?;
        self.count_reset(now)?;
        let Some(stream) = self.streams.remove(frame.stream) else { return Ok(Event::None) };
        self.closed.add(frame.stream, Closing::Done);
        Ok(Event::Ended(stream.data))
    }

    fn receive_window_update(&mut self, frame: &Frame, now: Instant) -> Result<(), Error> {
        let increment = frame.number()? & MAX_WINDOW;
        if !self.window_updates.take(now) {
            return Err(ConnectionError::calm("windows that grow bit by bit").into());
        }
        if frame.stream == 0 {
            if increment == 0 {
                return Err(ConnectionError::protocol("a window that grows by nothing").into());
            }
            return Ok(self.streams.add_credit(increment)?);
        }
        self.check_begun(frame.stream)?;
        if self.streams.get(frame.stream).is_none() {
            return Ok(());
        }
        if increment == 0 {
            return Err(Error::Stream(frame.stream, ErrorCode::ProtocolError));
        }
        let added = self.streams.add_stream_credit(frame.stream, increment);
        added.map_err(|code| Error::Stream(frame.stream, code))
    }

    fn receive_settings(&mut self, frame: &Frame, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        if frame.stream != 0 {
            return Err(ConnectionError::protocol("SETTINGS on a stream").into());
        }
        self.count_control_frame(now)?;
        if frame.has(frame::ACK) {
            return match frame.payload {
                [] => Ok(()),
                _ => Err(ConnectionError::frame_size("an acknowledgment with settings").into()),
            };
        }
        if !frame.payload.len().is_multiple_of(6) {
            return Err(ConnectionError::frame_size("a part of a setting").into());
        }
        for (setting, value) in frame::settings(frame.payload) {
            self.set(setting, value)?;
        }
        self.has_settings = true;
        frame::push_settings_ack(out);
        Ok(())
    }

    /// RFC 9113 section 6.5.2
    fn set(&mut self, setting: u16, value: u32) -> Result<(), ConnectionError> {
        const TABLE: u16 = Setting::HeaderTableSize as u16;
        const PUSH: u16 = Setting::EnablePush as u16;
        const WINDOW: u16 = Setting::InitialWindowSize as u16;
        const FRAME: u16 = Setting::MaxFrameSize as u16;
        const PRIORITIES: u16 = Setting::NoRfc7540Priorities as u16;
        const LARGEST_FRAME: u32 = (1 << 24) - 1;
        match setting {
            TABLE => self.encoder.set_max_size(value),
            PUSH if value > 1 => return Err(ConnectionError::protocol("SETTINGS_ENABLE_PUSH")),
            // RFC 9218 section 2.1
            PRIORITIES if value > 1 => {
                return Err(ConnectionError::protocol("SETTINGS_NO_RFC7540_PRIORITIES"));
            }
            WINDOW => self.streams.set_first_window(value)?,
            FRAME if !(MAX_PAYLOAD as u32..=LARGEST_FRAME).contains(&value) => {
                return Err(ConnectionError::protocol("SETTINGS_MAX_FRAME_SIZE"));
            }
            _ => {}
        }
        Ok(())
    }

    fn receive_ping(&mut self, frame: &Frame, now: Instant, out: &mut Vec<u8>) -> Result<(), Error> {
        if frame.stream != 0 {
            return Err(ConnectionError::protocol("PING on a stream").into());
        }
        if frame.payload.len() != 8 {
            return Err(ConnectionError::frame_size("PING has another length than eight").into());
        }
        self.count_control_frame(now)?;
        if !frame.has(frame::ACK) {
            frame::push_ping_ack(out, frame.payload);
        }
        Ok(())
    }

    fn receive_priority(&mut self, frame: &Frame, now: Instant) -> Result<(), Error> {
        if frame.stream == 0 {
            return Err(ConnectionError::protocol("PRIORITY on the connection").into());
        }
        self.count_control_frame(now)?;
        if frame.payload.len() == 5 {
            Ok(())
        } else if self.streams.get(frame.stream).is_some() {
            Err(Error::Stream(frame.stream, ErrorCode::FrameSizeError))
        } else {
            // A stream that has not begun cannot be reset (RFC 9113 section 6.4).
            Err(ConnectionError::frame_size("PRIORITY has another length than five").into())
        }
    }

    /// RFC 9218 section 7.1
    fn receive_priority_update(&mut self, frame: &Frame, now: Instant) -> Result<(), Error> {
        self.count_control_frame(now)?;
        let Some((stream, value)) = frame.payload.split_first_chunk() else {
            return Err(ConnectionError::frame_size("PRIORITY_UPDATE is too short").into());
        };
        let stream = u32::from_be_bytes(*stream) & MAX_WINDOW;
        if frame.stream != 0 || stream.is_multiple_of(2) {
            return Err(ConnectionError::protocol("PRIORITY_UPDATE of no request").into());
        }
        self.set_priority(stream, Priority::parse(value));
        Ok(())
    }

    fn receive_goaway(&mut self, frame: &Frame, now: Instant) -> Result<(), Error> {
        if frame.stream != 0 {
            return Err(ConnectionError::protocol("GOAWAY on a stream").into());
        }
        if frame.payload.len() < 8 {
            return Err(ConnectionError::frame_size("GOAWAY is too short").into());
        }
        Ok(self.count_control_frame(now)?)
    }
}
