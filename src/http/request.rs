//! A request head that was read: method, target, version, fields, and the wish to stay connected.
//!
//! It borrows the bytes that it was parsed from and copies nothing.

use std::fmt::{self, Display, Formatter};

use super::field::{self, Name};

/// A part of a head, as offsets into the bytes that were parsed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The bytes from `start` up to `end`, which a head is short enough for.
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    /// The bytes of this part of the head.
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// The version of the protocol that a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1 with the minor version as it was sent, 0 to 9; any above 1 is treated as 1.
    Http1(u8),
    /// HTTP/2.
    Http2,
}

impl Version {
    /// True for HTTP/1.0, which knows neither `Host` nor expectations nor chunks.
    pub(crate) fn is_1_0(self) -> bool {
        self == Version::Http1(0)
    }
}

impl Display for Version {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        match self {
            Version::Http1(minor) => write!(formatter, "HTTP/1.{minor}"),
            Version::Http2 => formatter.write_str("HTTP/2.0"),
        }
    }
}

/// A request line that was read, or the fields that stand for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLine {
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) version: Version,
}

/// The methods that this server allows on every path, as `Allow` lists them.
pub const ALLOWED: &str = "GET, HEAD, OPTIONS";

/// A request method (RFC 9110 section 9, and PATCH of RFC 5789).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The representation of a target.
    Get,
    /// The answer to a GET, without its content.
    Head,
    /// A method of RFC 9110 or 5789 that a static server does not allow.
    NotAllowed,
    /// CONNECT: its target has a form of its own.
    Connect,
    /// OPTIONS: its target may be `*`.
    Options,
    /// A method of neither.
    Unknown,
}

impl Method {
    fn of(text: &[u8]) -> Method {
        match text {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"OPTIONS" => Method::Options,
            b"CONNECT" => Method::Connect,
            b"POST" | b"PUT" | b"DELETE" | b"TRACE" | b"PATCH" => Method::NotAllowed,
            _ => Method::Unknown,
        }
    }
}

/// A complete request head.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The request target as it was sent (RFC 9112 section 3.2).
    pub target: &'a [u8],
    /// The version of the protocol.
    pub version: Version,
    method_text: &'a [u8],
    /// The names that there are, a bit each: most of those that are asked for are missing.
    names: u32,
    fields: &'a [(Name, Span)],
    bytes: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn new(line: RequestLine, fields: &'a [(Name, Span)], bytes: &'a [u8]) -> Self {
        let method_text = line.method.of(bytes);
        Request {
            method: Method::of(method_text),
            target: line.target.of(bytes),
            version: line.version,
            method_text,
            names: fields.iter().fold(0, |names, (name, _)| names | name.bit()),
            fields,
            bytes,
        }
    }

    /// The values of all lines of a field, trimmed, in their order.
    pub fn values(&self, name: Name) -> impl DoubleEndedIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        let fields = if self.has(name) { self.fields } else { &[] };
        let lines = fields.iter().filter(move |(found, _)| *found == name);
        lines.map(move |(_, span)| field::trim(span.of(bytes)))
    }

    /// The value of a field's first line.
    pub fn value(&self, name: Name) -> Option<&'a [u8]> {
        self.values(name).next()
    }

    /// True if the request has the field.
    pub fn has(&self, name: Name) -> bool {
        self.names & name.bit() != 0
    }

    /// The request line as it was sent, in its three parts: for the access log.
    pub fn line(&self) -> (&'a [u8], &'a [u8], Version) {
        (self.method_text, self.target, self.version)
    }

    /// True if the connection is to be kept after the reply (RFC 9112 section 9.3).
    pub fn is_persistent(&self) -> bool {
        let mut keep = !self.version.is_1_0();
        for value in self.values(Name::Connection) {
            // What nearly all of those say that have the field.
            if field::is_same(value, b"keep-alive") {
                keep = true;
                continue;
            }
            for option in field::members(value) {
                if field::is_same(option, b"close") {
                    return false;
                }
                keep |= field::is_same(option, b"keep-alive");
            }
        }
        keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::parser::Parser;

    #[test]
    fn persistence() {
        // RFC 9112 section 9.3
        for (head, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, CLOSE\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: a\r\nconnection: close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
            ("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false),
            ("GET / HTTP/1.3\r\nHost: a\r\n\r\n", true),
        ] {
            let mut parser = Parser::new();
            let request = parser.advance(head.as_bytes()).unwrap().unwrap();
            assert_eq!(request.is_persistent(), expected, "{head:?}");
        }
    }

    #[test]
    fn methods() {
        for (text, expected) in [
            ("GET", Method::Get),
            ("HEAD", Method::Head),
            ("get", Method::Unknown), // RFC 9110 section 9.1: case-sensitive
            ("POST", Method::NotAllowed),
            ("PATCH", Method::NotAllowed),
            ("OPTIONS", Method::Options),
            ("BREW", Method::Unknown),
        ] {
            assert_eq!(Method::of(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn values_are_trimmed_and_in_order() {
        let head = b"GET / HTTP/1.1\r\nIf-Match: \"a\" \r\nX: y\r\nif-match:\t\"b\"\r\n\r\n";
        let mut parser = Parser::new();
        let request = parser.advance(head).unwrap().unwrap();
        let values: Vec<_> = request.values(Name::IfMatch).collect();
        assert_eq!(values, [&b"\"a\""[..], b"\"b\""]);
        assert_eq!(request.value(Name::Range), None);
        assert!(!request.has(Name::Range));
    }
}
