//! The length of a request body, and the skipping of one (RFC 9112 sections 6 and 7).
//!
//! A static server has no use for a body, but its end is the beginning of the next request. A body whose end
//! two readers could find in two places is refused: request smuggling depends on such bodies.

use super::chunk_extension::Extension;
use crate::http::field::{self, Name};
use crate::http::request::Request;
use crate::http::status::Status;

/// The framing of a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// No body.
    None,
    /// A number of bytes, at least one.
    Length(u64),
    /// Chunks (RFC 9112 section 7.1).
    Chunked,
}

/// The reason why the end of a body cannot be known. The connection must be closed after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// Invalid or contradictory; the text says what.
    Malformed(&'static str),
    /// A transfer coding other than `chunked`.
    UnknownCoding,
    /// The body is longer than its reader allows.
    TooLong,
}

impl FramingError {
    /// The status of the answer (RFC 9112 sections 6.1 and 6.3).
    pub fn status(self) -> Status {
        match self {
            FramingError::Malformed(_) => Status::BadRequest,
            FramingError::TooLong => Status::ContentTooLarge,
            FramingError::UnknownCoding => Status::NotImplemented,
        }
    }
}

use FramingError::{Malformed, UnknownCoding};

impl Body {
    /// The framing of a request's body (RFC 9112 section 6.3).
    ///
    /// # Errors
    /// A [`FramingError`] if the length cannot be known for certain.
    pub fn of(request: &Request) -> Result<Body, FramingError> {
        let mut lengths = request.values(Name::ContentLength);
        let length = lengths.next();
        if lengths.next().is_some() {
            return Err(Malformed("two Content-Length fields"));
        }
        if request.has(Name::TransferEncoding) {
            if length.is_some() {
                return Err(Malformed("Content-Length beside Transfer-Encoding"));
            }
            return chunked(request);
        }
        match length.map(decimal) {
            None | Some(Some(0)) => Ok(Body::None),
            Some(Some(length)) => Ok(Body::Length(length)),
            Some(None) => Err(Malformed("Content-Length is not a number")),
        }
    }
}

/// The one transfer coding that is known must be `chunked`, and be the last (RFC 9112 sections 6.1 and 7).
fn chunked(request: &Request) -> Result<Body, FramingError> {
    if request.version.is_1_0() {
        return Err(Malformed("Transfer-Encoding in HTTP/1.0"));
    }
    let mut codings = request.values(Name::TransferEncoding).flat_map(field::members);
    match codings.next() {
        None => Err(Malformed("an empty Transfer-Encoding")),
        Some(coding) if !coding.eq_ignore_ascii_case(b"chunked") => Err(UnknownCoding),
        Some(_) if codings.next().is_some() => Err(Malformed("chunked is not the last transfer coding")),
        Some(_) => Ok(Body::Chunked),
    }
}

/// A number of decimal digits and nothing else; `None` also if it does not fit into 64 bits.
fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, byte| match byte {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

/// Skips a body that arrives in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skipper {
    state: State,
    /// Bytes that may still be skipped: data, sizes, extensions and trailers alike.
    allowance: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes that are left of a body of known length.
    Length(u64),
    /// Before the first digit of a chunk's size, and after a digit: the size so far.
    SizeStart,
    Size(u64),
    /// In the extensions that follow a size.
    Extensions(u64, Extension),
    /// After the CR of the line with a size.
    SizeEnd(u64),
    /// Bytes that are left of a chunk's data.
    Data(u64),
    /// Before the CR that follows the data, and after it.
    DataReturn,
    DataEnd,
    /// Before a line of the trailer section, in its name, in its value, and after its CR.
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerEnd,
    /// After the CR of the empty line.
    LastEnd,
    Done,
}

/// The result of skipping some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// All bytes belonged to the body, and more are to come.
    All,
    /// The body has ended; this many bytes belonged to it.
    End(usize),
}

impl Skipper {
    /// A skipper at the first byte of a body, which gives up after `allowance` bytes. `None` if the length of
    /// the body is known to be greater.
    pub fn new(body: Body, allowance: u64) -> Option<Skipper> {
        let state = match body {
            Body::None => State::Done,
            Body::Length(length) if length > allowance => return None,
            Body::Length(length) => State::Length(length),
            Body::Chunked => State::SizeStart,
        };
        Some(Skipper { state, allowance })
    }

    /// Skips the bytes that belong to the body.
    ///
    /// # Errors
    /// [`FramingError::Malformed`] if the chunks are not well-formed, [`FramingError::TooLong`] if the allowance is
    /// used up. The connection must be closed.
    pub fn skip(&mut self, bytes: &[u8]) -> Result<Skipped, FramingError> {
        let mut position = 0;
        while self.state != State::Done {
            let Some(&byte) = bytes.get(position) else { return Ok(Skipped::All) };
            let step = match &mut self.state {
                State::Length(left) | State::Data(left) => {
                    let step = (*left).min((bytes.len() - position) as u64);
                    *left -= step;
                    step
                }
                _ => {
                    self.state = self.state.after(byte)?;
                    1
                }
            };
            match self.state {
                State::Length(0) => self.state = State::Done,
                State::Data(0) => self.state = State::DataReturn,
                State::Data(left) if left > self.allowance => return Err(FramingError::TooLong),
                _ => {}
            }
            position += step as usize;
            self.allowance = self.allowance.checked_sub(step).ok_or(FramingError::TooLong)?;
        }
        Ok(Skipped::End(position))
    }
}

impl State {
    /// The state after one more byte of the chunked grammar (RFC 9112 section 7.1).
    fn after(self, byte: u8) -> Result<State, FramingError> {
        const MALFORMED: FramingError = Malformed("the chunks are not well-formed");
        Ok(match (self, byte) {
            (State::SizeStart, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => State::Size(hexadecimal(0, byte)?),
            (State::Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                State::Size(hexadecimal(size, byte)?)
            }
            (State::Size(size), b'\r') => State::SizeEnd(size),
            (State::Size(size), byte) => {
                State::Extensions(size, Extension::End.after(byte).ok_or(MALFORMED)?)
            }
            (State::Extensions(size, place), b'\r') if place.may_end_line() => State::SizeEnd(size),
            (State::Extensions(size, place), byte) => {
                State::Extensions(size, place.after(byte).ok_or(MALFORMED)?)
            }
            (State::SizeEnd(0), b'\n') => State::TrailerStart,
            (State::SizeEnd(size), b'\n') => State::Data(size),
            (State::DataReturn, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::SizeStart,
            (State::TrailerStart, b'\r') => State::LastEnd,
            (State::TrailerStart | State::TrailerName, byte) if field::is_token_byte(byte) => {
                State::TrailerName
            }
            (State::TrailerName, b':') => State::TrailerValue,
            (State::TrailerValue, b'\r') => State::TrailerEnd,
            (State::TrailerValue, byte) if field::is_value_byte(byte) => State::TrailerValue,
            (State::TrailerEnd, b'\n') => State::TrailerStart,
            (State::LastEnd, b'\n') => State::Done,
            _ => return Err(MALFORMED),
        })
    }
}

/// A number with one more hexadecimal digit.
fn hexadecimal(number: u64, digit: u8) -> Result<u64, FramingError> {
    let digit = char::from(digit).to_digit(16).map(u64::from);
    let longer = number.checked_mul(16).zip(digit).map(|(number, digit)| number + digit);
    longer.ok_or(Malformed("the size of a chunk does not fit into 64 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::parser::Parser;

    const BAD: Result<Body, Status> = Err(Status::BadRequest);

    #[test]
    fn bodies() {
        // RFC 9112 sections 6.1 to 6.3
        for (version, fields, expected) in [
            ("1.1", "", Ok(Body::None)),
            ("1.1", "Content-Length: 0\r\n", Ok(Body::None)),
            ("1.1", "Content-Length: 5\r\n", Ok(Body::Length(5))),
            ("1.0", "Content-Length: 5\r\n", Ok(Body::Length(5))),
            ("1.1", "Content-Length: 18446744073709551615\r\n", Ok(Body::Length(u64::MAX))),
            ("1.1", "Content-Length: 18446744073709551616\r\n", BAD),
            ("1.1", "Content-Length: \r\n", BAD),
            ("1.1", "Content-Length: +5\r\n", BAD),
            ("1.1", "Content-Length: -5\r\n", BAD),
            ("1.1", "Content-Length: 0x5\r\n", BAD),
            ("1.1", "Content-Length: 5 5\r\n", BAD),
            ("1.1", "Content-Length: 5, 5\r\n", BAD),
            ("1.1", "Content-Length: 5\r\nContent-Length: 5\r\n", BAD),
            ("1.1", "Content-Length: 5\r\nContent-Length: 6\r\n", BAD),
            ("1.1", "Transfer-Encoding: chunked\r\n", Ok(Body::Chunked)),
            ("1.1", "Transfer-Encoding: Chunked\r\n", Ok(Body::Chunked)),
            ("1.1", "Transfer-Encoding: , chunked\r\n", Ok(Body::Chunked)),
            ("1.0", "Transfer-Encoding: chunked\r\n", BAD),
            ("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", BAD),
            ("1.1", "Content-Length: 5\r\nTransfer-Encoding: identity\r\n", BAD),
            ("1.1", "Transfer-Encoding: chunked, gzip\r\n", BAD),
            ("1.1", "Transfer-Encoding: chunked, chunked\r\n", BAD),
            ("1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", BAD),
            ("1.1", "Transfer-Encoding:\r\n", BAD),
            ("1.1", "Transfer-Encoding: gzip, chunked\r\n", Err(Status::NotImplemented)),
            ("1.1", "Transfer-Encoding: gzip\r\n", Err(Status::NotImplemented)),
            ("1.1", "Transfer-Encoding: xchunked\r\n", Err(Status::NotImplemented)),
            ("1.1", "Transfer-Encoding: chunked;q=1\r\n", Err(Status::NotImplemented)),
            ("1.1", "Transfer-Encoding: identity\r\n", Err(Status::NotImplemented)),
        ] {
            let head = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
            let mut parser = Parser::new();
            let request = parser.advance(head.as_bytes()).unwrap().unwrap();
            assert_eq!(Body::of(&request).map_err(FramingError::status), expected, "{head:?}");
        }
    }

    /// Skips a body that comes in one piece, and one that comes in pieces of one byte: where it ends.
    fn end_of(body: Body, allowance: u64, text: &[u8]) -> Result<Option<usize>, FramingError> {
        let mut skipper = Skipper::new(body, allowance).unwrap();
        let whole = skipper.skip(text).map(|skipped| match skipped {
            Skipped::All => None,
            Skipped::End(length) => Some(length),
        });
        let mut skipper = Skipper::new(body, allowance).unwrap();
        let mut in_bytes = Ok(None);
        for (position, byte) in text.iter().enumerate() {
            match skipper.skip(&[*byte]) {
                Ok(Skipped::All) => continue,
                Ok(Skipped::End(used)) => in_bytes = Ok(Some(position + used)),
                Err(error) => in_bytes = Err(error),
            }
            break;
        }
        assert_eq!(in_bytes, whole, "{:?} in bytes", String::from_utf8_lossy(text));
        whole
    }

    #[test]
    fn well_formed_bodies_end_before_the_next_request() {
        for (section, body, text) in [
            ("9112 6.2 length", Body::Length(5), &b"hello"[..]),
            ("9112 7.1 nothing", Body::Chunked, b"0\r\n\r\n"),
            ("9112 7.1 chunks", Body::Chunked, b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"),
            ("9112 7.1 digits", Body::Chunked, b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
            ("9112 7.1 zeros", Body::Chunked, b"0000000000000000000001\r\nx\r\n0000\r\n\r\n"),
            ("9112 7.1 data", Body::Chunked, b"4\r\n\r\n\0\xff\r\n0\r\n\r\n"),
            ("9112 7.1.1 name", Body::Chunked, b"1;a\r\nx\r\n0;a\r\n\r\n"),
            ("9112 7.1.1 value", Body::Chunked, b"1;a=b\r\nx\r\n0;a=b;c;d=e\r\n\r\n"),
            ("9112 7.1.1 quoted", Body::Chunked, b"1;a=\"b; c=\td\";e\r\nx\r\n0\r\n\r\n"),
            ("9112 7.1.1 quoted-pair", Body::Chunked, b"1;a=\"\\\"\\\\\\\t\"\r\nx\r\n0\r\n\r\n"),
            ("9112 7.1.1 BWS", Body::Chunked, b"1 ;\ta \t= b  ; c=\"d\" ;e\r\nx\r\n0 ;a\r\n\r\n"),
            ("9112 7.1.2 trailers", Body::Chunked, b"0\r\nTrailer: a\r\nB:\r\nC:\t \x80 \r\n\r\n"),
            ("9112 7.1.2 trailers", Body::Chunked, b"0;a\r\n!#$%&'*+-.^_`|~9: a:b\r\n\r\n"),
        ] {
            let mut bytes = text.to_vec();
            bytes.extend(b"GET");
            assert_eq!(end_of(body, 100, &bytes), Ok(Some(text.len())), "{section}");
            for end in 0..text.len() {
                assert_eq!(end_of(body, 100, &text[..end]), Ok(None), "{section}, {end} bytes");
            }
        }
    }

    #[test]
    fn malformed_chunks() {
        for (section, text) in [
            ("9112 7.1 no size", &b"\r\n"[..]),
            ("9112 7.1 no size", b";a\r\n"),
            ("9112 7.1 no digit", b"x\r\n"),
            ("9112 7.1 no digit", b"5g\r\n"),
            ("9112 7.1 a sign", b"-5\r\n"),
            ("9112 7.1 a sign", b"+5\r\n"),
            ("9112 7.1 a prefix", b"0x5\r\n"),
            ("9112 7.1 space before the size", b" 5\r\n"),
            ("9112 7.1 two sizes", b"5 5\r\n"),
            ("9112 7.1 two sizes", b"5\t5\r\n"),
            ("9112 7.1 two sizes", b"5,5\r\n"),
            ("9112 7.1 2^64", b"10000000000000000\r\n"),
            ("9112 7.1 2^64 and 5", b"10000000000000005\r\n"),
            ("9112 7.1 data too short", b"6\r\nhello\r\n0\r\n"),
            ("9112 7.1 data too long", b"4\r\nhello\r\n0\r\n"),
            ("9112 7.1 no line end after the data", b"4\r\nhell0\r\n"),
            ("9112 7.1 an end without its empty line", b"0\r\nhello\r\n"),
            ("9112 7.1 an end without its empty line", b"0\r\n0\r\n\r\n"),
            ("9112 2.2 bare LF", b"5\n"),
            ("9112 2.2 bare LF", b"4\r\nhell\n0\r\n"),
            ("9112 2.2 bare LF", b"5;a\n"),
            ("9112 2.2 bare LF", b"5;a=\"\n\"\r\n"),
            ("9112 2.2 bare LF", b"0\r\na: b\n"),
            ("9112 2.2 bare LF", b"0\n"),
            ("9112 2.2 bare CR", b"5\r"),
            ("9112 2.2 bare CR", b"4\r\nhell\r0\r\n"),
            ("9112 2.2 bare CR", b"5;a\rb\r\n"),
            ("9112 2.2 bare CR", b"5;a=\"\rb\"\r\n"),
            ("9112 2.2 bare CR", b"0\r\na: b\rc\r\n"),
            ("9112 7.1.1 BWS and no extension", b"5 \r\n"),
            ("9112 7.1.1 no name", b"5;;x\r\n"),
            ("9112 7.1.1 no name", b"0;\r\n"),
            ("9112 7.1.1 no semicolon", b"5;a b\r\n"),
            ("9112 7.1.1 an open quote", b"5;a=\"b\r\n"),
            ("9112 7.1.2 no colon", b"0\r\na\r\n"),
            ("9112 7.1.2 no name", b"0\r\n: a\r\n"),
            ("9112 7.1.2 space before the colon", b"0\r\na : b\r\n"),
            ("9112 7.1.2 space in the name", b"0\r\na b: c\r\n"),
            ("9112 7.1.2 no token", b"0\r\na\x80: b\r\n"),
            ("9112 7.1.2 space before the name", b"0\r\n a: b\r\n"),
            ("9112 5.2 folded line", b"0\r\na: b\r\n c\r\n"),
            ("9112 5.2 folded line", b"0\r\na: b\r\n\tc: d\r\n"),
            ("9110 5.5 NUL", b"0\r\na: \0\r\n"),
            ("9110 5.5 DEL", b"0\r\na: \x7f\r\n"),
        ] {
            let shown = String::from_utf8_lossy(text);
            // All else is as it should be: nothing but the fault can be refused.
            let rest = if text.contains(&b'5') { &b"hello\r\n0\r\n\r\n"[..] } else { b"\r\n" };
            let bytes = [text, rest, b"GET / HTTP/1.1\r\n\r\n"].concat();
            let found = end_of(Body::Chunked, 1000, &bytes).map_err(FramingError::status);
            assert_eq!(found, Err(Status::BadRequest), "{section}: {shown:?}");
        }
    }

    #[test]
    fn the_allowance_at_the_number_and_one_beyond() {
        const ALLOWANCE: usize = 100;
        for (section, before, after) in [
            ("9112 7.1 data", "51\r\n", "\r\n0\r\n\r\n"),
            ("9112 7.1 zeros", "", "0\r\n\r\n"),
            ("9112 7.1.1 extensions", "0;a=\"", "\"\r\n\r\n"),
            ("9112 7.1.2 a trailer", "0\r\na: ", "\r\n\r\n"),
            ("9112 7.1.2 many trailers", "0\r\na: 0\r\nb: 0\r\nc: 0\r\nd: 0\r\nE: ", "\r\n\r\n"),
        ] {
            let body = |length: usize| {
                let before =
                    if before.starts_with("51") { format!("{:x}\r\n", length - 11) } else { before.into() };
                let filling = "0".repeat(length - before.len() - after.len());
                format!("{before}{filling}{after}").into_bytes()
            };
            let allowance = ALLOWANCE as u64;
            let at = end_of(Body::Chunked, allowance, &body(ALLOWANCE));
            assert_eq!(at, Ok(Some(ALLOWANCE)), "{section}");
            let beyond = end_of(Body::Chunked, allowance, &body(ALLOWANCE + 1));
            assert_eq!(beyond, Err(FramingError::TooLong), "{section}");
        }
    }

    #[test]
    fn a_body_that_is_too_long_is_not_begun() {
        assert_eq!(Skipper::new(Body::Length(41), 40), None);
        assert!(Skipper::new(Body::Length(40), 40).is_some());
    }
}
