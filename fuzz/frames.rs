//! A server of HTTP/2 without files: it answers each request with as many bytes as its path says, and checks each frame
//! that it sends against the windows as its client must count them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use otuserver::http2::Event;
use otuserver::http2::error::ErrorCode;
use otuserver::http2::frame::{
    self, ACK, END_HEADERS, END_STREAM, FIRST_WINDOW, Frame, Kind, MAX_WINDOW, PREFACE,
};
use otuserver::http2::head::Head;
use otuserver::http2::hpack::Decoder;
use otuserver::http2::session::{Arrival, MAX_STREAMS, Session};

/// The longest content of a response.
const MOST: u64 = 1 << 18;
/// DATA frames that are sent after each frame that has come.
const FRAMES: usize = 3;

/// What the client knows of a stream.
#[derive(Debug, Default)]
struct Stream {
    window: i64,
    /// Bytes of content that were promised, and that have come.
    length: Option<u64>,
    received: u64,
    is_over: bool,
}

/// The client's view of a connection.
struct Client {
    decoder: Decoder,
    window: i64,
    first_window: i64,
    streams: BTreeMap<u32, Stream>,
    /// Whether the connection has ended.
    is_over: bool,
}

impl Client {
    /// Notes a frame that the server has taken without an error.
    fn note_sent(&mut self, bytes: &[u8]) {
        let Ok(Some(frame)) = Frame::read(bytes) else { return };
        let number = || frame.number().unwrap_or_default() & MAX_WINDOW;
        match frame.kind {
            Some(Kind::WindowUpdate) if frame.stream == 0 => self.window += i64::from(number()),
            Some(Kind::WindowUpdate) => {
                if let Some(stream) = self.streams.get_mut(&frame.stream) {
                    stream.window += i64::from(number());
                }
            }
            Some(Kind::Settings) if !frame.has(ACK) => {
                for (setting, value) in frame::settings(frame.payload).filter(|(setting, _)| *setting == 4) {
                    assert_eq!((setting, value <= MAX_WINDOW), (4, true));
                    let change = i64::from(value) - self.first_window;
                    self.first_window += change;
                    self.streams.values_mut().for_each(|stream| stream.window += change);
                }
            }
            Some(Kind::RstStream) => {
                self.streams.entry(frame.stream).or_default().is_over = true;
            }
            _ => {}
        }
    }

    /// Reads what the server says.
    fn read(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = Frame::read(bytes).expect("no frame is too long") {
            bytes = &bytes[frame.length()..];
            assert!(!self.is_over || frame.kind == Some(Kind::GoAway), "after the end: {:?}", frame.kind);
            self.read_frame(&frame);
        }
        assert!(bytes.is_empty(), "a part of a frame");
    }

    fn read_frame(&mut self, frame: &Frame) {
        let stream = self.streams.entry(frame.stream).or_default();
        let what =
            format!("{:?} of {} bytes on {}: {stream:?}", frame.kind, frame.payload.len(), frame.stream);
        match frame.kind.expect("a known kind") {
            Kind::Data => {
                let length = frame.payload.len() as i64;
                assert!(!stream.is_over && stream.length.is_some() && length > 0, "{what}");
                assert!(length <= self.window && length <= stream.window, "{what}");
                self.window -= length;
                stream.window -= length;
                stream.received += length as u64;
                stream.is_over = frame.has(END_STREAM);
                assert_eq!(stream.is_over, stream.length == Some(stream.received), "{what}");
            }
            Kind::Headers => {
                assert!(!stream.is_over && stream.length.is_none() && frame.has(END_HEADERS), "{what}");
                let mut length = 0;
                self.decoder
                    .decode(frame.payload, |name, value| {
                        if name == b"content-length" {
                            length = String::from_utf8_lossy(value).parse().expect("a length");
                        }
                    })
                    .expect("a field block");
                stream.length = Some(length);
                stream.is_over = frame.has(END_STREAM);
                assert_eq!(stream.is_over, length == 0);
            }
            Kind::RstStream => stream.is_over = true,
            Kind::GoAway => self.is_over = true,
            Kind::WindowUpdate => assert!((1..=FIRST_WINDOW).contains(&frame.number().expect("a number"))),
            Kind::Settings | Kind::Ping => assert_eq!(frame.stream, 0),
            kind => unreachable!("{kind:?} of a server"),
        }
    }
}

/// All that can be seen of a connection.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    said: Vec<u8>,
    events: Vec<String>,
    error: Option<ErrorCode>,
}

/// The server, and the client that looks at it.
struct Connection {
    session: Session<u64>,
    head: Head,
    now: Instant,
    /// Bytes that are not a whole frame.
    held: Vec<u8>,
    client: Client,
    seen: Seen,
}

impl Connection {
    fn new() -> Connection {
        let mut said = Vec::new();
        let session = Session::new(&mut said);
        let client = Client {
            decoder: Decoder::new(4096),
            window: i64::from(FIRST_WINDOW),
            first_window: i64::from(FIRST_WINDOW),
            streams: BTreeMap::new(),
            is_over: false,
        };
        let seen = Seen { said, ..Seen::default() };
        Connection { session, head: Head::default(), now: Instant::now(), held: Vec::new(), client, seen }
    }

    /// Takes bytes in, as they come.
    fn receive(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        let held = std::mem::take(&mut self.held);
        let mut rest = &held[..];
        while self.seen.error.is_none() {
            let mut out = Vec::new();
            match self.session.receive(rest, self.now, &mut self.head, &mut out) {
                Ok((0, event)) => {
                    assert!(event == Event::None && out.is_empty());
                    break;
                }
                Ok((length, event)) => {
                    let (frame, after) = rest.split_at(length);
                    rest = after;
                    self.client.note_sent(frame);
                    self.client.read(&out);
                    self.seen.said.append(&mut out);
                    self.answer(event);
                    self.send(FRAMES);
                }
                Err(error) => {
                    self.session.end(error.code, &mut out);
                    self.client.read(&out);
                    self.seen.said.append(&mut out);
                    self.seen.error = Some(error.code);
                }
            }
        }
        self.held = rest.to_vec();
        assert!(self.held.len() < frame::HEADER + frame::MAX_PAYLOAD || self.seen.error.is_some());
        assert!(self.session.streams.count() <= MAX_STREAMS);
    }

    fn answer(&mut self, event: Event<u64>) {
        let mut out = Vec::new();
        match event {
            Event::None => return,
            Event::Request(arrival) => self.begin(arrival, &mut out),
            Event::Refused(arrival, status) => {
                self.seen.events.push(format!("refused {arrival:?} {status:?}"));
                self.client.streams.insert(arrival.stream, Stream::default());
                self.session.keep(&arrival, 0);
                self.session.push_head(arrival.stream, status.code(), &[], true, &mut out);
                self.session.finish(arrival.stream, &mut out).expect("it was kept");
            }
            Event::Complete(id) => {
                self.seen.events.push(format!("complete {id}"));
                let length = self.session.streams.get(id).expect("it is kept").data;
                self.push_head(id, length, &mut out);
                self.set_content(id, length, &mut out);
            }
            Event::Ended(length) => self.seen.events.push(format!("ended {length}")),
        }
        self.client.read(&out);
        self.seen.said.append(&mut out);
    }

    fn begin(&mut self, arrival: Arrival, out: &mut Vec<u8>) {
        let id = arrival.stream;
        let request = self.head.request().expect("a request");
        let (method, path, _) = request.line();
        let digits = String::from_utf8_lossy(path.strip_prefix(b"/").unwrap_or_default());
        let length = digits.parse().unwrap_or(0).min(MOST);
        self.seen.events.push(format!("{arrival:?} {method:?} {path:?}"));
        let stream = Stream { window: self.client.first_window, ..Stream::default() };
        assert!(self.client.streams.insert(id, stream).is_none(), "{id} has begun before");
        if self.session.may_send_at_once(&arrival, length) {
            self.push_head(id, length, out);
            self.session.push_content(id, &vec![b'x'; length as usize], out);
            return;
        }
        self.session.keep(&arrival, length);
        if arrival.is_complete {
            self.push_head(id, length, out);
            self.set_content(id, length, out);
        }
    }

    fn push_head(&mut self, id: u32, length: u64, out: &mut Vec<u8>) {
        let line = format!("Content-Length: {length}\r\n");
        self.session.push_head(id, 200, &[line.as_bytes()], length == 0, out);
    }

    fn set_content(&mut self, id: u32, length: u64, out: &mut Vec<u8>) {
        if length == 0 {
            self.session.finish(id, out).expect("it was kept");
        } else {
            self.session.streams.get(id).expect("it was kept").set_content(length);
        }
    }

    /// Sends so many DATA frames, if the windows let them through. Returns how many.
    fn send(&mut self, most: usize) -> usize {
        let mut frames = 0;
        while frames < most
            && self.seen.error.is_none()
            && let Some((id, most)) = self.session.streams.next()
        {
            let mut out = Vec::new();
            let result: Result<_, ()> = self.session.push_data(id, most, &mut out, |_, most, out| {
                out.resize(out.len() + most, b'x');
                Ok(most)
            });
            assert!(result.is_ok());
            self.client.read(&out);
            self.seen.said.append(&mut out);
            frames += 1;
        }
        frames
    }
}

fn seen<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Seen {
    let mut connection = Connection::new();
    pieces.for_each(|piece| connection.receive(piece));
    connection.seen
}

/// Whatever comes after the preface and the settings, in whatever pieces, has one answer.
pub(crate) fn check_any(bytes: &[u8], piece: usize) {
    let mut start = PREFACE.to_vec();
    frame::push_settings(&mut start, &[]);
    let all = [&start, bytes].concat();
    let whole = seen(std::iter::once(&all[..]));
    assert_eq!(seen(all.chunks(piece.max(1))), whole, "cut into pieces of {piece} bytes");
    // Without a beginning there is no end but an error.
    let _ = seen(bytes.chunks(piece.max(1)));
}

/// A client that obeys the rules, and does what the bytes say.
struct Driver {
    connection: Connection,
    /// The streams that have begun, and those of them whose content has not ended.
    begun: Vec<u32>,
    open: Vec<u32>,
}

impl Driver {
    fn frame(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
        let mut bytes = Vec::new();
        frame::push_header(&mut bytes, payload.len(), kind, flags, stream);
        bytes.extend_from_slice(payload);
        self.connection.receive(&bytes);
    }

    fn request(&mut self, length: u32, priority: u8, flags: u8) {
        let stream = self.begun.last().map_or(1, |last| last + 2 + u32::from(priority & 0x80 != 0) * 2);
        let priority = format!("u={}{}", priority & 7, if priority & 8 == 0 { "" } else { ", i" });
        let path = format!("/{length}");
        // GET, http, and literals that enter the table.
        let mut block = vec![0x82, 0x86];
        for (first, value) in [(&b"\x44"[..], &path), (b"\x40\x08priority", &priority)] {
            block.extend_from_slice(first);
            block.push(value.len() as u8);
            block.extend_from_slice(value.as_bytes());
        }
        self.begun.push(stream);
        if flags & END_STREAM == 0 {
            self.open.push(stream);
        }
        self.frame(Kind::Headers, flags | END_HEADERS, stream, &block);
    }

    /// Adds credit, as far as the window may grow.
    fn credit(&mut self, stream: u32, increment: u32) {
        let client = &self.connection.client;
        let window = if stream == 0 {
            client.window
        } else {
            client.streams.get(&stream).map_or(0, |stream| stream.window)
        };
        let increment = i64::from(increment).min(i64::from(MAX_WINDOW) - window) as u32;
        if increment > 0 {
            self.frame(Kind::WindowUpdate, 0, stream, &increment.to_be_bytes());
        }
    }

    fn set_first_window(&mut self, size: u32) {
        let client = &self.connection.client;
        let widest = client.streams.values().map(|stream| stream.window).max().unwrap_or(0);
        let most = i64::from(MAX_WINDOW) - widest.max(0) + client.first_window;
        let size = i64::from(size).min(most.max(0)) as u32;
        let setting = [&[0, 4][..], &size.to_be_bytes()].concat();
        self.frame(Kind::Settings, 0, 0, &setting);
    }

    fn step(&mut self, [step, which, high, low]: [u8; 4]) {
        let number = u32::from(u16::from_be_bytes([high, low]));
        let of = |list: &[u32]| list.get(usize::from(which) % list.len().max(1)).copied();
        let (begun, open) = (of(&self.begun), of(&self.open));
        match (step % 16, begun, open) {
            (0..=3, ..) => self.request(number * 4, which, END_STREAM),
            (4, ..) => self.request(number, which, 0),
            (5, _, Some(stream)) => {
                let flags = low & END_STREAM;
                if flags != 0 {
                    self.open.retain(|other| *other != stream);
                }
                self.frame(Kind::Data, flags, stream, &vec![b'x'; usize::from(high) * 4 + 1]);
            }
            (6, _, Some(stream)) => {
                self.open.retain(|other| *other != stream);
                self.frame(Kind::Headers, END_HEADERS | END_STREAM, stream, b"\x40\x01a\x01b");
            }
            (7 | 8, Some(stream), _) => self.credit(stream, number << (which % 8)),
            (9, ..) => self.credit(0, number << (which % 8)),
            (10, ..) => self.set_first_window(number << (which % 16)),
            (11, Some(stream), _) => {
                self.open.retain(|other| *other != stream);
                self.frame(Kind::RstStream, 0, stream, &8u32.to_be_bytes());
            }
            (12, Some(stream), _) => {
                let value = format!("u={}{}", high & 7, if low & 1 == 0 { "" } else { ", i" });
                let payload = [&stream.to_be_bytes(), value.as_bytes()].concat();
                self.frame(Kind::PriorityUpdate, 0, 0, &payload);
            }
            (13, ..) => self.frame(Kind::Ping, 0, 0, &[which; 8]),
            (14, ..) => self.connection.now += Duration::from_millis(u64::from(number)),
            _ => {
                self.connection.send(usize::from(which));
            }
        }
    }

    /// Gives credit until there is nothing left to be sent, and sees that nothing is.
    fn finish(&mut self) {
        for stream in std::mem::take(&mut self.open) {
            self.connection.now += Duration::from_secs(1);
            self.frame(Kind::Data, END_STREAM, stream, b"x");
        }
        for _ in 0..2 * MAX_STREAMS * (MOST as usize / 65_536 + 1) {
            self.connection.send(usize::MAX);
            let Some(stream) = self.connection.session.streams.iter().next().map(|stream| stream.id) else {
                break;
            };
            self.connection.now += Duration::from_secs(1);
            self.credit(0, 1 << 20);
            self.credit(stream, 1 << 20);
        }
        if self.connection.seen.error.is_none() {
            assert_eq!(self.connection.session.streams.count(), 0, "not all was sent");
            assert!(
                self.connection
                    .client
                    .streams
                    .values()
                    .all(|stream| stream.length.is_none() || stream.is_over)
            );
        }
    }
}

/// A client that obeys the rules gets all that it asked for, and no more than its windows let through; only one that
/// asks for too much work is sent away.
pub(crate) fn check_obedient(bytes: &[u8]) {
    let mut driver = Driver { connection: Connection::new(), begun: Vec::new(), open: Vec::new() };
    driver.connection.receive(PREFACE);
    driver.frame(Kind::Settings, 0, 0, b"");
    for step in bytes.chunks_exact(4).take(2000) {
        driver.step(step.try_into().expect("four bytes"));
    }
    driver.finish();
    let error = driver.connection.seen.error;
    assert!(matches!(error, None | Some(ErrorCode::EnhanceYourCalm)), "{error:?}");
}
