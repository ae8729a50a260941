//! A client of HTTP/2 without TLS that sends frames as they are given, and tells in words what comes back.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use otuserver::http2::frame::{self, ACK, END_HEADERS, END_STREAM, Frame, Kind, PREFACE};
use otuserver::http2::hpack::Decoder;

use crate::patience::PATIENCE;

/// Error codes by their numbers (RFC 9113 section 7).
const CODES: [&str; 12] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
];

/// What has come of a response.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reply {
    pub status: String,
    /// Without `:status`.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether all of it has come.
    pub is_whole: bool,
}

/// One connection.
pub(crate) struct Peer {
    socket: TcpStream,
    received: Vec<u8>,
    decoder: Decoder,
    pub replies: BTreeMap<u32, Reply>,
}

/// The bytes of a frame, whatever they are.
pub(crate) fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::push_header(&mut bytes, payload.len(), kind, flags, stream);
    bytes.extend_from_slice(payload);
    bytes
}

/// A field block of literals that enter no table; no text is longer than 126 bytes.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let string = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], string(name), string(value)].concat()).collect()
}

/// HEADERS of a request with some more fields.
pub(crate) fn request(stream: u32, method: &str, path: &str, flags: u8, more: &[(&str, &str)]) -> Vec<u8> {
    let first = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost")];
    frame(Kind::Headers, flags | END_HEADERS, stream, &block(&[&first, more].concat()))
}

/// GET, complete.
pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    request(stream, "GET", path, END_STREAM, &[])
}

pub(crate) fn data(flags: u8, stream: u32, length: usize) -> Vec<u8> {
    frame(Kind::Data, flags, stream, &vec![b'x'; length])
}

pub(crate) fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(Kind::WindowUpdate, 0, stream, &increment.to_be_bytes())
}

/// SETTINGS_INITIAL_WINDOW_SIZE.
pub(crate) fn first_window(size: u32) -> Vec<u8> {
    frame(Kind::Settings, 0, 0, &[&[0, 4][..], &size.to_be_bytes()].concat())
}

pub(crate) fn ping() -> Vec<u8> {
    frame(Kind::Ping, 0, 0, b"12345678")
}

impl Peer {
    /// Connects, and sends nothing.
    pub(crate) fn silent(address: SocketAddr) -> Peer {
        let socket = TcpStream::connect(address).expect("a connection");
        socket.set_nodelay(true).expect("TCP_NODELAY");
        socket.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        socket.set_write_timeout(Some(PATIENCE)).expect("a write timeout");
        Peer { socket, received: Vec::new(), decoder: Decoder::new(4096), replies: BTreeMap::new() }
    }

    /// Connects, and exchanges the first settings.
    pub(crate) fn connect(address: SocketAddr) -> Peer {
        let mut peer = Peer::silent(address);
        peer.send(&[PREFACE, &frame(Kind::Settings, 0, 0, b"")[..]].concat());
        peer.expect(&["settings", "settings ack"]);
        peer.send(&frame(Kind::Settings, ACK, 0, b""));
        peer
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the bytes are taken");
    }

    /// Sends as much as is taken: the server may have ended the connection already.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    pub(crate) fn finish_sending(&mut self) {
        self.socket.shutdown(Shutdown::Write).expect("the end is taken");
    }

    /// The next frame in words, or "closed".
    pub(crate) fn read(&mut self) -> String {
        loop {
            if let Some(frame) = Frame::read(&self.received).expect("no frame is too long") {
                let words = describe(&frame, &mut self.decoder, &mut self.replies);
                let length = frame.length();
                self.received.drain(..length);
                return words;
            }
            let mut buffer = [0; 65_536];
            match self.socket.read(&mut buffer) {
                Ok(0) => {
                    assert!(self.received.is_empty(), "the end within a frame");
                    return "closed".into();
                }
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return "closed".into(),
                Err(error) => panic!("nothing comes: {error}"),
            }
        }
    }

    /// Reads frames that are exactly these.
    pub(crate) fn expect(&mut self, words: &[&str]) {
        for expected in words {
            assert_eq!(self.read(), *expected, "of {words:?}");
        }
    }

    /// What the server has to say to what it was sent.
    pub(crate) fn said(&mut self) -> Vec<String> {
        self.send(&ping());
        self.read_until("ping ack")
    }

    /// Reads up to these words, or the end, and returns what came before.
    pub(crate) fn read_until(&mut self, end: &str) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let words = self.read();
            if words == end {
                return said;
            }
            let is_closed = words == "closed";
            said.push(words);
            if is_closed {
                return said;
            }
        }
    }

    /// Reads until the reply on a stream is whole.
    pub(crate) fn reply(&mut self, stream: u32) -> Reply {
        while !self.replies.get(&stream).is_some_and(|reply| reply.is_whole) {
            let words = self.read();
            let is_over = words == "closed" || words.starts_with(&format!("reset {stream} "));
            assert!(!is_over, "stream {stream}: {words} after {:?}", self.replies.get(&stream));
        }
        self.replies.remove(&stream).expect("it is whole")
    }

    /// Asks for a file, and gives credit for all of it.
    pub(crate) fn get(&mut self, stream: u32, path: &str) -> Reply {
        self.send(&[get(stream, path), window_update(0, 1 << 24), window_update(stream, 1 << 24)].concat());
        self.reply(stream)
    }
}

fn describe(frame: &Frame, decoder: &mut Decoder, replies: &mut BTreeMap<u32, Reply>) -> String {
    let number =
        |from: usize| u32::from_be_bytes(frame.payload[from..from + 4].try_into().expect("four bytes"));
    let code = |from| CODES[number(from) as usize];
    let (stream, is_ack, is_end) = (frame.stream, frame.has(ACK), frame.has(END_STREAM));
    let end = if is_end { " end" } else { "" };
    match frame.kind.expect("a known kind") {
        Kind::Headers => {
            assert!(frame.has(END_HEADERS), "no response of these tests is continued");
            let reply = replies.entry(stream).or_default();
            reply.is_whole = is_end;
            let fields = |name: &[u8], value: &[u8]| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                reply.fields.push((text(name), text(value)));
            };
            decoder.decode(frame.payload, fields).expect("a field block");
            let (name, status) = reply.fields.remove(0);
            assert_eq!(name, ":status");
            reply.status = status;
            format!("head {stream} {}{end}", reply.status)
        }
        Kind::Data => {
            let reply = replies.entry(stream).or_default();
            reply.body.extend_from_slice(frame.payload);
            reply.is_whole = is_end;
            format!("data {stream} {}{end}", frame.payload.len())
        }
        Kind::RstStream => format!("reset {stream} {}", code(0)),
        Kind::GoAway => format!("goaway {} {}", number(0), code(4)),
        Kind::WindowUpdate => format!("credit {stream} {}", number(0)),
        Kind::Settings => format!("settings{}", if is_ack { " ack" } else { "" }),
        Kind::Ping => format!("ping{}", if is_ack { " ack" } else { "" }),
        kind => panic!("{kind:?} of a server"),
    }
}
