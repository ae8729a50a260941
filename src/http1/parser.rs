//! A request head out of bytes that arrive in pieces (RFC 9112 sections 2 to 5).
//!
//! The state machine has two states, the request line and the fields, and takes one line a step. It searches
//! no byte twice for a line end, and gives the same answer however the bytes are cut. It refuses some heads
//! that a lenient reader takes: with a bare LF or CR, with folded lines, with whitespace before a colon. Each
//! of them is a way to smuggle a request past a proxy that reads it otherwise.
//!
//! The meaning of the fields is left to `request`, the target to `target`, the body to `framing`.

use crate::http::field::{self, Name};
use crate::http::request::{Request, RequestLine, Span, Version};
use crate::http::status::Status;

/// Bytes of a whole head, the empty line at its end included (single sign-on cookies are long).
pub const MAX_HEAD: usize = 64 * 1024;
/// Fields of a head.
pub const MAX_FIELDS: usize = 100;
/// Bytes of a request target (RFC 9112 section 3 asks for a request line of 8,000 at least).
pub const MAX_TARGET: usize = 16 * 1024;
/// Bytes of a method; the longest registered one, UPDATEREDIRECTREF, has 17.
pub const MAX_METHOD: usize = 32;

/// The reason why a head is refused. The connection cannot be used for another request afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// It is not HTTP/1; the text says where.
    Malformed(&'static str),
    /// The method is longer than [`MAX_METHOD`], and so an unknown one.
    MethodTooLong,
    /// The target is longer than [`MAX_TARGET`].
    TargetTooLong,
    /// The head is longer than [`MAX_HEAD`].
    HeadTooLong,
    /// There are more fields than [`MAX_FIELDS`].
    TooManyFields,
    /// The major version is not 1.
    UnknownVersion,
}

impl ParseError {
    /// The status of the answer.
    pub fn status(self) -> Status {
        match self {
            ParseError::Malformed(_) => Status::BadRequest,
            ParseError::MethodTooLong => Status::NotImplemented,
            ParseError::TargetTooLong => Status::UriTooLong,
            ParseError::HeadTooLong | ParseError::TooManyFields => Status::RequestHeaderFieldsTooLarge,
            ParseError::UnknownVersion => Status::HttpVersionNotSupported,
        }
    }
}

use ParseError::Malformed;

const NO_METHOD: ParseError = Malformed("the method is not a token and a space");

/// The state machine. Feed it the head from its first byte on, longer each time, until it is complete.
#[derive(Debug)]
pub struct Parser {
    /// The request line, once it is read: fields follow it, up to an empty line.
    request_line: Option<RequestLine>,
    is_complete: bool,
    /// The offset of the line that is being read.
    line: usize,
    /// An offset up to which there is no end of that line, so that no byte is searched twice.
    searched: usize,
    /// Field lines that were read, the ones that are not kept included.
    count: usize,
    fields: Vec<(Name, Span)>,
}

impl Default for Parser {
    fn default() -> Self {
        Parser::new()
    }
}

impl Parser {
    /// A parser at the first byte of a head.
    pub fn new() -> Parser {
        Parser { request_line: None, is_complete: false, line: 0, searched: 0, count: 0, fields: Vec::new() }
    }

    /// Goes back to the first byte of a head, and keeps the memory that is allocated.
    pub fn reset(&mut self) {
        let Parser { request_line, is_complete, line, searched, count, fields } = self;
        (*request_line, *is_complete) = (None, false);
        (*line, *searched, *count) = (0, 0, 0);
        fields.clear();
    }

    /// Reads on. `bytes` begins at the first byte of the head and holds all of it that has arrived, perhaps
    /// with bytes that follow it. Returns the request once the head is complete, `None` before.
    ///
    /// # Errors
    /// A [`ParseError`] as soon as the bytes cannot become a request any more.
    pub fn advance<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Option<Request<'a>>, ParseError> {
        while !self.is_complete {
            let Some(end) = self.line_end(bytes)? else { return Ok(None) };
            let line = &bytes[self.line..end];
            match self.request_line {
                None if line.is_empty() => {} // RFC 9112 section 2.2: ignored
                None => self.request_line = Some(parse_request_line(line, self.line)?),
                Some(_) if line.is_empty() => self.is_complete = true,
                Some(_) => self.add_field_line(line)?,
            }
            self.line = end + 2;
            self.searched = self.line;
        }
        Ok(self.partial(bytes))
    }

    /// The part of the head that was read, for the log if the head is refused: its request line, and the
    /// fields before the fault. `None` if the fault is in the request line, or that line has not arrived.
    pub fn partial<'a>(&'a self, bytes: &'a [u8]) -> Option<Request<'a>> {
        self.request_line.map(|line| Request::new(line, &self.fields, bytes))
    }

    /// Whether the head is complete: nothing more is read then.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Bytes of the head that was completed.
    pub fn length(&self) -> usize {
        self.line
    }

    /// True if the method is known to be HEAD. The answer to a refused head has no content then (RFC 9110
    /// section 9.3.2).
    pub fn is_head_method(&self, bytes: &[u8]) -> bool {
        match self.request_line {
            None => bytes.get(self.line..).is_some_and(|line| line.starts_with(b"HEAD ")),
            Some(line) => line.method.of(bytes) == b"HEAD",
        }
    }

    /// The offset of the CRLF that ends the current line; `None` if it has not arrived. The line has no other control
    /// character than tabs.
    fn line_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, ParseError> {
        let within = &bytes[..bytes.len().min(MAX_HEAD)];
        while let Some(found) = field::first_control(&within[self.searched..]) {
            self.searched += found;
            match within[self.searched..] {
                [b'\r', b'\n', ..] => return Ok(Some(self.searched)),
                [b'\t', ..] => self.searched += 1,
                [b'\r'] => return self.wait(bytes),
                [fault, ..] => {
                    self.check_unfinished_line(&within[self.line..self.searched])?;
                    return Err(match fault {
                        b'\n' => Malformed("a line ends in LF without CR"),
                        _ => Malformed("a line holds a control character"),
                    });
                }
                [] => break,
            }
        }
        self.searched = within.len();
        self.wait(bytes)
    }

    /// Waits for the rest of the current line, if it can become one.
    fn wait(&self, bytes: &[u8]) -> Result<Option<usize>, ParseError> {
        self.check_unfinished_line(&bytes[self.line..self.searched])?;
        if bytes.len() >= MAX_HEAD { Err(ParseError::HeadTooLong) } else { Ok(None) }
    }

    fn check_unfinished_line(&self, line: &[u8]) -> Result<(), ParseError> {
        if self.request_line.is_none() { check_unfinished_request_line(line) } else { Ok(()) }
    }

    /// `field-name ":" OWS field-value OWS` (RFC 9112 section 5), without control characters.
    fn add_field_line(&mut self, line: &[u8]) -> Result<(), ParseError> {
        self.count += 1;
        if self.count > MAX_FIELDS {
            return Err(ParseError::TooManyFields);
        }
        let colon = field::first_colon(line).unwrap_or(line.len());
        match Name::of(&line[..colon]) {
            Some(name) if colon < line.len() => {
                self.fields.push((name, Span::new(self.line + colon + 1, self.line + line.len())));
                Ok(())
            }
            None if colon < line.len() && field::is_token(&line[..colon]) => Ok(()),
            _ => Err(Malformed("a field name is not a token and a colon")),
        }
    }
}

/// `method SP request-target SP HTTP-version` (RFC 9112 section 3), in a line that begins at `start`.
fn parse_request_line(line: &[u8], start: usize) -> Result<RequestLine, ParseError> {
    let first = method_length(line)?.ok_or(NO_METHOD)?;
    let rest = &line[first + 1..];
    let length = target_length(rest)?;
    let version = rest.get(length + 1..).ok_or(Malformed("no version"))?;
    if length == 0 {
        return Err(Malformed("the target is empty"));
    }
    let minor = match version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9'] => minor - b'0',
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            return Err(ParseError::UnknownVersion);
        }
        _ => return Err(Malformed("not an HTTP version")),
    };
    let method = Span::new(start, start + first);
    let target = Span::new(start + first + 1, start + first + 1 + length);
    Ok(RequestLine { method, target, version: Version::Http1(minor) })
}

/// Checks a request line of which the end may be missing, so that a TLS handshake or a target without end is
/// refused at once.
fn check_unfinished_request_line(line: &[u8]) -> Result<(), ParseError> {
    match method_length(line)? {
        Some(method) => target_length(&line[method + 1..]).map(drop),
        None => Ok(()),
    }
}

/// Bytes of the method; `None` if the space after it is missing.
fn method_length(line: &[u8]) -> Result<Option<usize>, ParseError> {
    let method = &line[..line.len().min(MAX_METHOD + 1)];
    let length = method.iter().position(|&byte| !field::is_token_byte(byte)).unwrap_or(method.len());
    match line.get(length) {
        _ if length > MAX_METHOD => Err(ParseError::MethodTooLong),
        None => Ok(None),
        Some(b' ') if length > 0 => Ok(Some(length)),
        Some(_) => Err(NO_METHOD),
    }
}

/// Bytes of the target, which is all of `rest` if the space after it is missing. Bytes beyond ASCII are taken as if they
/// were percent-encoded: many clients send names as they are typed.
fn target_length(rest: &[u8]) -> Result<usize, ParseError> {
    let length = field::first_space(rest).unwrap_or(rest.len());
    match rest.get(length) {
        _ if length > MAX_TARGET => Err(ParseError::TargetTooLong),
        None | Some(b' ') => Ok(length),
        Some(_) => Err(Malformed("the target holds a control character")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer to a head: its length, method, target and minor version, or the error.
    type Answer = Result<Option<(usize, String, String, u8)>, ParseError>;

    fn minor(version: Version) -> u8 {
        match version {
            Version::Http1(minor) => minor,
            Version::Http2 => panic!("a head of HTTP/1"),
        }
    }

    fn whole(bytes: &[u8]) -> Answer {
        let mut parser = Parser::new();
        let found = parser.advance(bytes)?.map(|request| {
            let (method, target, version) = request.line();
            let minor = minor(version);
            (String::from_utf8_lossy(method).into(), String::from_utf8_lossy(target).into(), minor)
        });
        Ok(found.map(|(method, target, minor)| (parser.length(), method, target, minor)))
    }

    fn cut_at_every_byte(bytes: &[u8]) -> Answer {
        let mut parser = Parser::new();
        for end in 0..=bytes.len() {
            let found = parser.advance(&bytes[..end])?.map(|request| {
                let (method, target, version) = request.line();
                let minor = minor(version);
                (String::from_utf8_lossy(method).into(), String::from_utf8_lossy(target).into(), minor)
            });
            if let Some((method, target, minor)) = found {
                return Ok(Some((parser.length(), method, target, minor)));
            }
        }
        Ok(None)
    }

    fn status(bytes: &[u8]) -> Option<Status> {
        let answer = whole(bytes);
        assert_eq!(answer, cut_at_every_byte(bytes), "{:?}", String::from_utf8_lossy(bytes));
        answer.err().map(ParseError::status)
    }

    #[test]
    fn complete_heads() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET /a?b HTTP/1.0\r\nHost: a\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\nHost:a\r\nX-Empty:\r\nX-Text: \tv \u{e4} \r\n\r\n",
            "OPTIONS * HTTP/1.9\r\n\r\n",
            "GET /gr\u{f6}\u{df}e?\u{e4} HTTP/1.1\r\n\r\n",
        ] {
            for tail in ["", "GET /next HTTP/1.1\r\n", "\r\n", "\0"] {
                let bytes = format!("{head}{tail}");
                let found = whole(bytes.as_bytes()).unwrap().unwrap();
                assert_eq!(found.0, head.len(), "{bytes:?}");
                assert_eq!(cut_at_every_byte(bytes.as_bytes()), Ok(Some(found)), "{bytes:?}");
            }
        }
    }

    #[test]
    fn incomplete_heads() {
        for head in
            ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "\r\n", "GET / HTTP/1.1\r\n\r"]
        {
            assert_eq!(whole(head.as_bytes()), Ok(None), "{head:?}");
        }
    }

    #[test]
    fn a_refused_head_as_far_as_it_was_read() {
        for (head, expected) in [
            ("GET /a HTTP/2.0\r\n", None),
            ("GET /a HT", None),
            ("GET /a HTTP/1.1\r\n", Some(("/a", None))),
            ("GET /a HTTP/1.1\r\nReferer: b\r\nUser-Agent : c\r\n\r\n", Some(("/a", Some("b")))),
        ] {
            let mut parser = Parser::new();
            assert!(!matches!(parser.advance(head.as_bytes()), Ok(Some(_))), "{head:?}");
            let known = parser.partial(head.as_bytes()).map(|request| {
                assert_eq!(request.value(Name::UserAgent), None);
                (request.target, request.value(Name::Referer))
            });
            let expected = expected.map(|(target, referer)| (target.as_bytes(), referer.map(str::as_bytes)));
            assert_eq!(known, expected, "{head:?}");
        }
    }

    #[test]
    fn refusals() {
        const BAD: Status = Status::BadRequest;
        for (section, head, expected) in [
            ("2.2 bare LF", "GET / HTTP/1.1\n\n", BAD),
            ("2.2 bare LF in the fields", "GET / HTTP/1.1\r\nHost: a\n\r\n", BAD),
            ("2.2 bare CR", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", BAD),
            ("2.2 bare CR before the method", "\rGET / HTTP/1.1\r\n\r\n", BAD),
            ("2.2 bare CR in the target", "GET /\r HTTP/1.1\r\n\r\n", BAD),
            ("2.2 whitespace before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", BAD),
            ("2.3 version", "GET / HTTP/2.0\r\n\r\n", Status::HttpVersionNotSupported),
            ("2.3 version", "GET / HTTP/0.9\r\n\r\n", Status::HttpVersionNotSupported),
            ("2.3 version", "GET / HTTP/11\r\n\r\n", BAD),
            ("2.3 version", "GET / HTTP/1.10\r\n\r\n", BAD),
            ("2.3 version", "GET / http/1.1\r\n\r\n", BAD),
            ("2.3 HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Status::HttpVersionNotSupported),
            ("3 HTTP/0.9", "GET /\r\n", BAD),
            ("3 no target", "GET  HTTP/1.1\r\n\r\n", BAD),
            ("3 two spaces", "GET  / HTTP/1.1\r\n\r\n", BAD),
            ("3 trailing space", "GET / HTTP/1.1 \r\n\r\n", BAD),
            ("3 leading space", " GET / HTTP/1.1\r\n\r\n", BAD),
            ("3 tab", "GET\t/ HTTP/1.1\r\n\r\n", BAD),
            ("3.1 method", "G@T / HTTP/1.1\r\n\r\n", BAD),
            ("3.1 method", "GET(\r\n", BAD),
            ("3.2 target", "GET /\0 HTTP/1.1\r\n\r\n", BAD),
            ("3.2 target", "GET /\u{e4}\x7f HTTP/1.1\r\n\r\n", BAD),
            ("3.2 target", "GET /\u{e4}\x1f HTTP/1.1\r\n\r\n", BAD),
            ("3.2 target", "GET /\u{e4} \u{e4} HTTP/1.1\r\n\r\n", BAD),
            ("5.1 space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", BAD),
            ("5.1 no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", BAD),
            ("5.1 no name", "GET / HTTP/1.1\r\n: a\r\n\r\n", BAD),
            ("5.1 name", "GET / HTTP/1.1\r\nHo st: a\r\n\r\n", BAD),
            ("5.2 folded line", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", BAD),
            ("5.5 NUL", "GET / HTTP/1.1\r\nA: \0\r\n\r\n", BAD),
            ("5.5 DEL", "GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", BAD),
            ("TLS handshake", "\x16\x03\x01\x02\0\x01", BAD),
        ] {
            assert_eq!(status(head.as_bytes()), Some(expected), "{section}: {head:?}");
        }
    }

    #[test]
    fn limits_at_the_number_and_one_beyond() {
        let method = |length: usize| format!("{} / HTTP/1.1\r\n\r\n", "M".repeat(length));
        let target = |length: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "t".repeat(length - 1));
        let fields = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
        let head = |length: usize| format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "v".repeat(length - 23));
        assert_eq!(head(100).len(), 100);
        for (at, beyond, expected) in [
            (method(MAX_METHOD), method(MAX_METHOD + 1), Status::NotImplemented),
            (target(MAX_TARGET), target(MAX_TARGET + 1), Status::UriTooLong),
            (fields(MAX_FIELDS), fields(MAX_FIELDS + 1), Status::RequestHeaderFieldsTooLarge),
            (head(MAX_HEAD), head(MAX_HEAD + 1), Status::RequestHeaderFieldsTooLarge),
        ] {
            assert_eq!(status(at.as_bytes()), None, "{}", at.len());
            assert_eq!(status(beyond.as_bytes()), Some(expected), "{}", beyond.len());
        }
    }

    #[test]
    fn what_never_ends_is_refused_without_its_end() {
        for (bytes, expected) in [
            ("M".repeat(MAX_METHOD + 1), Status::NotImplemented),
            (format!("GET /{}", "t".repeat(MAX_TARGET)), Status::UriTooLong),
            (format!("GET / HTTP/1.1\r\nA: {}", "v".repeat(MAX_HEAD)), Status::RequestHeaderFieldsTooLarge),
            ("\r\n".repeat(MAX_HEAD / 2 + 1), Status::RequestHeaderFieldsTooLarge),
        ] {
            assert_eq!(status(bytes.as_bytes()), Some(expected), "{}", bytes.len());
        }
    }

    #[test]
    fn a_refused_head_still_says_its_method() {
        for (bytes, expected) in [
            ("HEAD / HTTP/1.1\r\nA b\r\n", true),
            ("\r\nHEAD / HTTP/2.0\r\n", true),
            ("HEAD / HTTP/1.1\n", true),
            ("GET / HTTP/1.1\r\nHEAD : b\r\n", false),
            ("HEADER / HTTP/1.1\n", false),
        ] {
            let mut parser = Parser::new();
            assert!(parser.advance(bytes.as_bytes()).is_err());
            assert_eq!(parser.is_head_method(bytes.as_bytes()), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_parser_that_is_reset_is_a_new_one() {
        let mut parser = Parser::new();
        assert!(parser.advance(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().is_some());
        parser.reset();
        let request = parser.advance(b"GET /b HTTP/1.0\r\n\r\n").unwrap().unwrap();
        let expected = (&b"/b"[..], Version::Http1(0), false);
        assert_eq!((request.target, request.version, request.has(Name::Host)), expected);
    }
}
