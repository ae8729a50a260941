//! Frames: their common header and what is in each kind of them (RFC 9113 sections 4 and 6).

use super::error::{ConnectionError, ErrorCode};

/// The bytes that a client sends first (RFC 9113 section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of the header that begins each frame.
pub const HEADER: usize = 9;
/// Bytes of the longest payload that this server takes: the least that SETTINGS_MAX_FRAME_SIZE may be.
pub const MAX_PAYLOAD: usize = 16 * 1024;
/// The longest window (RFC 9113 section 6.9.1).
pub const MAX_WINDOW: u32 = (1 << 31) - 1;
/// The windows at the start, of a stream and of a connection (RFC 9113 section 6.9.2).
pub const FIRST_WINDOW: u32 = 65_535;

/// The flag of an acknowledgment: SETTINGS and PING.
pub const ACK: u8 = 0x1;
/// The flag of the last frame of a stream: DATA and HEADERS.
pub const END_STREAM: u8 = 0x1;
/// The flag of the last frame of a field block: HEADERS and CONTINUATION.
pub const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// Bytes of a priority in HEADERS, which have no meaning.
const PRIORITY_LENGTH: usize = 5;

/// A kind of frame (RFC 9113 section 6; RFC 9218 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A part of a content.
    Data = 0x0,
    /// The beginning of a field block.
    Headers = 0x1,
    /// A priority of RFC 7540: without a meaning.
    Priority = 0x2,
    /// The end of a stream before its time.
    RstStream = 0x3,
    /// Settings of a side, or their acknowledgment.
    Settings = 0x4,
    /// The promise of a response, which no client may make.
    PushPromise = 0x5,
    /// A question for a sign of life, or the answer.
    Ping = 0x6,
    /// The end of a connection.
    GoAway = 0x7,
    /// Credit for a window.
    WindowUpdate = 0x8,
    /// More of a field block.
    Continuation = 0x9,
    /// A new priority of a response.
    PriorityUpdate = 0x10,
}

impl Kind {
    fn of(number: u8) -> Option<Kind> {
        Some(match number {
            0x0 => Kind::Data,
            0x1 => Kind::Headers,
            0x2 => Kind::Priority,
            0x3 => Kind::RstStream,
            0x4 => Kind::Settings,
            0x5 => Kind::PushPromise,
            0x6 => Kind::Ping,
            0x7 => Kind::GoAway,
            0x8 => Kind::WindowUpdate,
            0x9 => Kind::Continuation,
            0x10 => Kind::PriorityUpdate,
            _ => return None,
        })
    }
}

/// A frame that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its kind; `None` for one that this server does not know, and ignores.
    pub kind: Option<Kind>,
    /// Its flags, of which each kind knows its own.
    pub flags: u8,
    /// The stream; 0 is the connection.
    pub stream: u32,
    /// The bytes after the header.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame at the start of `bytes`; `None` while a part of it is missing.
    ///
    /// # Errors
    /// It is longer than [`MAX_PAYLOAD`].
    pub fn read(bytes: &'a [u8]) -> Result<Option<Frame<'a>>, ConnectionError> {
        let Some((&[high, middle, low, kind, flags, ref stream @ ..], rest)) =
            bytes.split_first_chunk::<HEADER>()
        else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if length > MAX_PAYLOAD {
            return Err(ConnectionError::frame_size("a frame is too long"));
        }
        let stream = u32::from_be_bytes(*stream) & MAX_WINDOW;
        let frame = |payload| Frame { kind: Kind::of(kind), flags, stream, payload };
        Ok(rest.get(..length).map(frame))
    }

    /// Bytes of it, its header included.
    pub fn length(&self) -> usize {
        HEADER + self.payload.len()
    }

    /// Whether it has this flag.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The payload without its padding (RFC 9113 section 6.1).
    ///
    /// # Errors
    /// The padding is longer than the payload.
    pub fn content(&self) -> Result<&'a [u8], ConnectionError> {
        if !self.has(PADDED) {
            return Ok(self.payload);
        }
        let (&padding, content) =
            self.payload.split_first().ok_or(ConnectionError::frame_size("a padded frame is empty"))?;
        let length = content.len().checked_sub(usize::from(padding));
        let length = length.ok_or(ConnectionError::protocol("the padding is longer than the frame"))?;
        Ok(&content[..length])
    }

    /// The field block, or its beginning, in a HEADERS frame (RFC 9113 section 6.2).
    ///
    /// # Errors
    /// The padding is longer than the payload, or the frame too short for a priority.
    pub fn field_block(&self) -> Result<&'a [u8], ConnectionError> {
        let content = self.content()?;
        if !self.has(PRIORITY) {
            return Ok(content);
        }
        content.get(PRIORITY_LENGTH..).ok_or(if self.payload.len() > PRIORITY_LENGTH {
            ConnectionError::protocol("the padding is longer than the field block")
        } else {
            ConnectionError::frame_size("HEADERS are too short for a priority")
        })
    }

    /// The number in the payload of RST_STREAM or WINDOW_UPDATE.
    ///
    /// # Errors
    /// The payload has another length than four bytes.
    pub fn number(&self) -> Result<u32, ConnectionError> {
        let bytes =
            self.payload.try_into().map_err(|_| ConnectionError::frame_size("four bytes are expected"))?;
        Ok(u32::from_be_bytes(bytes))
    }
}

/// A setting (RFC 9113 section 6.5.2; RFC 9218 section 2.1), of those that this server sends or obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Setting {
    /// Bytes of the table of the sender's decoder.
    HeaderTableSize = 0x1,
    /// Whether the sender takes pushes.
    EnablePush = 0x2,
    /// Streams that the sender takes at a time.
    MaxConcurrentStreams = 0x3,
    /// Bytes of the window that a stream begins with.
    InitialWindowSize = 0x4,
    /// Bytes of the longest payload that the sender takes.
    MaxFrameSize = 0x5,
    /// Bytes of the longest list of fields that the sender takes.
    MaxHeaderListSize = 0x6,
    /// Whether the sender ignores the priorities of RFC 7540.
    NoRfc7540Priorities = 0x9,
}

/// The settings in the payload of a SETTINGS frame, as numbers and values; what a number means is for the reader.
pub fn settings(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    payload.chunks_exact(6).map(|setting| {
        let [a, b, c, d, e, f] = setting.try_into().unwrap_or_default();
        (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]))
    })
}

/// Appends the header of a frame.
pub fn push_header(out: &mut Vec<u8>, length: usize, kind: Kind, flags: u8, stream: u32) {
    let [_, high, middle, low] = (length as u32).to_be_bytes();
    let [a, b, c, d] = stream.to_be_bytes();
    out.extend_from_slice(&[high, middle, low, kind as u8, flags, a, b, c, d]);
}

/// Sets the length in the header at the start of a frame that was begun.
pub(super) fn set_length(frame: &mut [u8], length: usize) {
    let [_, high, middle, low] = (length as u32).to_be_bytes();
    if let Some(place) = frame.first_chunk_mut() {
        *place = [high, middle, low];
    }
}

/// Sets the flags in the header at the start of a frame that was begun.
pub(super) fn set_flags(frame: &mut [u8], flags: u8) {
    frame[4] = flags;
}

/// Appends SETTINGS.
pub fn push_settings(out: &mut Vec<u8>, settings: &[(Setting, u32)]) {
    push_header(out, settings.len() * 6, Kind::Settings, 0, 0);
    for &(setting, value) in settings {
        out.extend_from_slice(&(setting as u16).to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Appends the acknowledgment of SETTINGS.
pub fn push_settings_ack(out: &mut Vec<u8>) {
    push_header(out, 0, Kind::Settings, ACK, 0);
}

/// Appends the answer to a PING.
pub fn push_ping_ack(out: &mut Vec<u8>, payload: &[u8]) {
    push_header(out, payload.len(), Kind::Ping, ACK, 0);
    out.extend_from_slice(payload);
}

/// Appends RST_STREAM.
pub fn push_reset(out: &mut Vec<u8>, stream: u32, code: ErrorCode) {
    push_header(out, 4, Kind::RstStream, 0, stream);
    out.extend_from_slice(&(code as u32).to_be_bytes());
}

/// Appends GOAWAY, with the last stream that was or will be answered.
pub fn push_goaway(out: &mut Vec<u8>, last: u32, code: ErrorCode) {
    push_header(out, 8, Kind::GoAway, 0, 0);
    out.extend_from_slice(&last.to_be_bytes());
    out.extend_from_slice(&(code as u32).to_be_bytes());
}

/// Appends WINDOW_UPDATE.
pub fn push_window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    push_header(out, 4, Kind::WindowUpdate, 0, stream);
    out.extend_from_slice(&increment.to_be_bytes());
}

/// Appends a field block as HEADERS and, where it is longer than `most`, CONTINUATION frames.
pub fn push_field_block(out: &mut Vec<u8>, stream: u32, block: &[u8], is_end: bool, most: usize) {
    let (first, mut rest) = block.split_at(block.len().min(most));
    let end = if is_end { END_STREAM } else { 0 };
    let complete = |rest: &[u8]| if rest.is_empty() { END_HEADERS } else { 0 };
    push_header(out, first.len(), Kind::Headers, end | complete(rest), stream);
    out.extend_from_slice(first);
    while !rest.is_empty() {
        let (next, after) = rest.split_at(rest.len().min(most));
        rest = after;
        push_header(out, next.len(), Kind::Continuation, complete(rest), stream);
        out.extend_from_slice(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, payload.len() as u8, kind, flags, 0x80, 0, 0, 5];
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn a_frame_is_read_once_it_is_whole() {
        // RFC 9113 section 4.1: the reserved bit is ignored.
        let bytes = frame(6, 1, b"12345678");
        for end in 0..bytes.len() {
            assert_eq!(Frame::read(&bytes[..end]), Ok(None));
        }
        let expected = Frame { kind: Some(Kind::Ping), flags: 1, stream: 5, payload: b"12345678" };
        let more = [&bytes[..], b"x"].concat();
        for bytes in [&bytes, &more] {
            let found = Frame::read(bytes).unwrap().unwrap();
            assert_eq!((found, found.length()), (expected, 17));
        }
        assert_eq!(Frame::read(&frame(0xb, 0, b"")).unwrap().unwrap().kind, None);
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_header() {
        // RFC 9113 section 4.2
        assert_eq!(Frame::read(&[0, 0x40, 0, 0, 0, 0, 0, 0, 1]), Ok(None));
        let error = Frame::read(&[0, 0x40, 1, 0, 0, 0, 0, 0, 1]).unwrap_err();
        assert_eq!(error.code, ErrorCode::FrameSizeError);
    }

    #[test]
    fn padding_and_priority_are_taken_off() {
        // RFC 9113 sections 6.1 and 6.2
        use ErrorCode::{FrameSizeError, ProtocolError};
        for (flags, payload, content, block) in [
            (0, &b"abc"[..], Ok(&b"abc"[..]), Ok(&b"abc"[..])),
            (PADDED, b"\x02abc", Ok(b"a"), Ok(b"a")),
            (PADDED, b"\x03abc", Ok(b""), Ok(b"")),
            (PADDED, b"\x04abc", Err(ProtocolError), Err(ProtocolError)),
            (PADDED, b"", Err(FrameSizeError), Err(FrameSizeError)),
            (PADDED, b"\x00", Ok(b""), Ok(b"")),
            (PRIORITY, b"12345abc", Ok(b"12345abc"), Ok(b"abc")),
            (PRIORITY, b"1234", Ok(b"1234"), Err(FrameSizeError)),
            (PRIORITY | PADDED, b"\x0112345ab", Ok(b"12345a"), Ok(b"a")),
            (PRIORITY | PADDED, b"\x0112345a", Ok(b"12345"), Ok(b"")),
            (PRIORITY | PADDED, b"\x0112345", Ok(b"1234"), Err(ProtocolError)),
            (PRIORITY | PADDED, b"\x001234", Ok(b"1234"), Err(FrameSizeError)),
        ] {
            let bytes = frame(1, flags, payload);
            let frame = Frame::read(&bytes).unwrap().unwrap();
            assert_eq!(frame.content().map_err(|error| error.code), content, "{flags} {payload:?}");
            assert_eq!(frame.field_block().map_err(|error| error.code), block, "{flags} {payload:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        push_settings(&mut out, &[(Setting::MaxConcurrentStreams, 100), (Setting::InitialWindowSize, 7)]);
        push_settings_ack(&mut out);
        push_ping_ack(&mut out, b"12345678");
        push_reset(&mut out, 3, ErrorCode::RefusedStream);
        push_goaway(&mut out, 5, ErrorCode::EnhanceYourCalm);
        push_window_update(&mut out, 0, 0x01_02_03);
        let mut frames = Vec::new();
        let mut rest = &out[..];
        while let Some(frame) = Frame::read(rest).unwrap() {
            frames.push((frame.kind.unwrap(), frame.flags, frame.stream, frame.payload));
            rest = &rest[frame.length()..];
        }
        assert!(rest.is_empty());
        let expected: [(_, _, _, &[u8]); 6] = [
            (Kind::Settings, 0, 0, b"\0\x03\0\0\0\x64\0\x04\0\0\0\x07"),
            (Kind::Settings, ACK, 0, b""),
            (Kind::Ping, ACK, 0, b"12345678"),
            (Kind::RstStream, 0, 3, b"\0\0\0\x07"),
            (Kind::GoAway, 0, 0, b"\0\0\0\x05\0\0\0\x0b"),
            (Kind::WindowUpdate, 0, 0, b"\0\x01\x02\x03"),
        ];
        assert_eq!(frames, expected);
        let found: Vec<_> = settings(expected[0].3).collect();
        assert_eq!(found, [(3, 100), (4, 7)]);
    }

    #[test]
    fn a_long_field_block_is_continued() {
        // RFC 9113 section 6.10
        for (length, expected) in [
            (0, vec![(Kind::Headers, END_STREAM | END_HEADERS, 0)]),
            (10, vec![(Kind::Headers, END_STREAM | END_HEADERS, 10)]),
            (11, vec![(Kind::Headers, END_STREAM, 10), (Kind::Continuation, END_HEADERS, 1)]),
            (
                25,
                vec![
                    (Kind::Headers, END_STREAM, 10),
                    (Kind::Continuation, 0, 10),
                    (Kind::Continuation, END_HEADERS, 5),
                ],
            ),
        ] {
            let mut out = Vec::new();
            push_field_block(&mut out, 1, &vec![b'x'; length], true, 10);
            let (mut found, mut rest) = (Vec::new(), &out[..]);
            while let Some(frame) = Frame::read(rest).unwrap() {
                found.push((frame.kind.unwrap(), frame.flags, frame.payload.len()));
                rest = &rest[frame.length()..];
            }
            assert_eq!(found, expected);
        }
    }
}
