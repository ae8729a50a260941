//! A client that speaks with a session, byte by byte, and what the session makes of it.

mod abuse;
mod content;
mod h2spec;
mod order;
mod states;
mod windows;

use std::time::{Duration, Instant};

use super::error::ErrorCode;
use super::frame::{self, ACK, END_HEADERS, END_STREAM, Frame, PREFACE};
use super::head::Head;
use super::receiving::Event;
use super::session::Session;

pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const PRIORITY: u8 = 0x2;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
pub(super) const PUSH_PROMISE: u8 = 0x5;
pub(super) const PING: u8 = 0x6;
pub(super) const GOAWAY: u8 = 0x7;
pub(super) const WINDOW_UPDATE: u8 = 0x8;
pub(super) const CONTINUATION: u8 = 0x9;
pub(super) const PRIORITY_UPDATE: u8 = 0x10;
pub(super) const UNKNOWN: u8 = 0xbe;

const PADDED: u8 = 0x8;
const WITH_PRIORITY: u8 = 0x20;
/// A request that is complete, in one frame.
const WHOLE: u8 = END_HEADERS | END_STREAM;

const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")];

/// The bytes of a frame, whatever they are.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A field block of literals that enter no table.
pub(super) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            let mut length = text.len();
            if length < 0x7f {
                block.push(length as u8);
            } else {
                block.push(0x7f);
                length -= 0x7f;
                while length >= 0x80 {
                    block.push(length as u8 | 0x80);
                    length >>= 7;
                }
                block.push(length as u8);
            }
            block.extend(text.as_bytes());
        }
    }
    block
}

/// HEADERS with these fields.
fn headers(flags: u8, stream: u32, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, flags, stream, &block(fields))
}

/// A request that is complete.
fn get(stream: u32) -> Vec<u8> {
    headers(WHOLE, stream, &GET)
}

/// A request of which the content follows.
fn post(stream: u32) -> Vec<u8> {
    headers(END_HEADERS, stream, &GET)
}

fn data(flags: u8, stream: u32, length: usize) -> Vec<u8> {
    frame(DATA, flags, stream, &vec![b'x'; length])
}

fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (number, value) in settings {
        payload.extend(number.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

fn rst_stream(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &(ErrorCode::Cancel as u32).to_be_bytes())
}

fn priority_update(stream: u32, value: &str) -> Vec<u8> {
    frame(PRIORITY_UPDATE, 0, 0, &[&stream.to_be_bytes(), value.as_bytes()].concat())
}

/// A client, and the session that it speaks with. The server keeps each request, and its number with it.
struct Client {
    session: Session<u32>,
    head: Head,
    now: Instant,
    out: Vec<u8>,
}

impl Client {
    /// A client that has sent nothing.
    fn silent() -> Client {
        let mut out = Vec::new();
        let session = Session::new(&mut out);
        Client { session, head: Head::default(), now: Instant::now(), out }
    }

    /// A client after both sides have sent their settings.
    fn new() -> Client {
        let mut client = Client::silent();
        assert_eq!(client.send(PREFACE), "settings");
        assert_eq!(client.send(&settings(&[])), "settings ack");
        assert_eq!(client.send(&frame(SETTINGS, ACK, 0, b"")), "");
        client
    }

    /// Sends bytes. Returns in words, one after the other, what the session says at once and what it tells its owner.
    fn send(&mut self, bytes: &[u8]) -> String {
        let (mut rest, mut words) = (bytes, Vec::new());
        while !rest.is_empty() {
            let result = self.session.receive(rest, self.now, &mut self.head, &mut self.out);
            words.extend(self.said());
            match result {
                Ok((0, _)) => {
                    words.push(format!("{} more", rest.len()));
                    break;
                }
                Ok((length, event)) => {
                    rest = &rest[length..];
                    words.extend(self.keep(event));
                }
                Err(error) => {
                    words.push(format!("error {:?}", error.code));
                    break;
                }
            }
        }
        words.join(", ")
    }

    fn send_all(&mut self, frames: &[Vec<u8>]) -> String {
        self.send(&frames.concat())
    }

    fn keep(&mut self, event: Event<u32>) -> Option<String> {
        let (arrival, status) = match event {
            Event::None => return None,
            Event::Complete(stream) => return Some(format!("complete {stream}")),
            Event::Ended(stream) => return Some(format!("ended {stream}")),
            Event::Request(arrival) => (arrival, None),
            Event::Refused(arrival, status) => (arrival, Some(status)),
        };
        self.session.keep(&arrival, arrival.stream);
        let kind = if arrival.is_complete { "request" } else { "beginning" };
        let status = status.map_or(String::new(), |status| format!(" {}", status.code()));
        Some(format!("{kind} {}{status}", arrival.stream))
    }

    /// What the session has said, a frame each.
    fn said(&mut self) -> Vec<String> {
        let out = std::mem::take(&mut self.out);
        let (mut rest, mut words) = (&out[..], Vec::new());
        while let Some(frame) = Frame::read(rest).expect("no frame is too long") {
            rest = &rest[frame.length()..];
            words.push(describe(&frame));
        }
        assert!(rest.is_empty(), "a part of a frame");
        words
    }

    /// Ends a stream as after its response.
    fn finish(&mut self, stream: u32) -> String {
        self.session.finish(stream, &mut self.out).expect("a stream that was kept");
        self.said().join(", ")
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Sends the same until the connection ends. Returns how often that went well, and the error.
    fn send_again_and_again(&mut self, mut bytes: impl FnMut(u32) -> Vec<u8>) -> (u32, String) {
        for count in 0..100_000 {
            let words = self.send(&bytes(count));
            if let Some((_, error)) = words.split_once("error ") {
                return (count, error.to_owned());
            }
        }
        panic!("without end");
    }
}

fn describe(frame: &Frame) -> String {
    let number =
        |from: usize| frame.payload[from..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    let (stream, is_ack) = (frame.stream, frame.has(frame::ACK));
    let code = |number: u32| {
        use ErrorCode::*;
        let known = [NoError, ProtocolError, FlowControlError, StreamClosed, FrameSizeError, RefusedStream];
        let known = known.iter().chain(&[Cancel, CompressionError, EnhanceYourCalm]);
        let mut found = known.filter(|code| **code as u32 == number);
        format!("{:?}", found.next().expect("a code that is sent"))
    };
    match frame.kind.expect("a kind that is sent") {
        frame::Kind::RstStream => format!("reset {stream} {}", code(number(0))),
        frame::Kind::GoAway => format!("goaway {} {}", number(0), code(number(4))),
        frame::Kind::WindowUpdate => format!("credit {stream} {}", number(0)),
        frame::Kind::Settings => format!("settings{}", if is_ack { " ack" } else { "" }),
        frame::Kind::Ping => format!("ping{}", if is_ack { " ack" } else { "" }),
        kind => format!("{kind:?} {stream}"),
    }
}

#[test]
fn what_is_said_first() {
    // RFC 9113 section 3.4
    let mut client = Client::silent();
    let expected = settings(&[(3, 100), (6, 65_536), (9, 1)]);
    assert_eq!(client.out, expected);
    client.out.clear();
    for length in 1..PREFACE.len() {
        assert_eq!(client.send(&PREFACE[..length]), format!("{length} more"));
    }
    assert_eq!(client.send(PREFACE), "");
    assert!(client.session.is_idle());
}

#[test]
fn the_first_bytes() {
    let http_1 = b"GET / HTTP/1.1\r\n\r\n";
    for (bytes, expected) in [
        (http_1.to_vec(), "error ProtocolError"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r".to_vec(), "error ProtocolError"),
        (b"PRI * HTTP/1".to_vec(), "error ProtocolError"),
        ([&PREFACE[..], &settings(&[])].concat(), "settings ack"),
        ([&PREFACE[..], &get(1)].concat(), "error ProtocolError"),
        ([&PREFACE[..], &frame(SETTINGS, ACK, 0, b"")].concat(), "error ProtocolError"),
        ([&PREFACE[..], &frame(PING, 0, 0, b"12345678")].concat(), "error ProtocolError"),
        ([&PREFACE[..], &frame(UNKNOWN, 0, 0, b"")].concat(), "error ProtocolError"),
        ([&PREFACE[..], &settings(&[]), &get(1)].concat(), "settings ack, request 1"),
    ] {
        let mut client = Client::silent();
        client.out.clear();
        assert_eq!(client.send(&bytes), expected, "{}", String::from_utf8_lossy(&bytes));
    }
}
