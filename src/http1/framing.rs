//! How long a request body is, and skipping one (RFC 9112 sections 6 and 7).
//!
//! A static server has no use for a body, but where it ends decides where the next request begins.
//! Whatever two readers could understand in two ways is refused: that is what request smuggling lives on.

use crate::http::field::{self, Name};
use crate::http::request::Request;
use crate::http::status::Status;

/// How the body of a request is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// So many bytes, at least one.
    Length(u64),
    /// Chunks (RFC 9112 section 7.1).
    Chunked,
}

/// Why the end of a body cannot be known. The connection must be closed after the answer.
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
    /// The answer that it deserves (RFC 9112 sections 6.1 and 6.3).
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
    /// A [`FramingError`] where the length cannot be known for certain.
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

/// Transfer-Encoding of a request must end in `chunked`, once (RFC 9112 section 6.1).
fn chunked(request: &Request) -> Result<Body, FramingError> {
    if request.minor == 0 {
        return Err(Malformed("Transfer-Encoding in HTTP/1.0"));
    }
    let mut codings = 0;
    let mut others = false;
    let mut last_is_chunked = false;
    for coding in request.values(Name::TransferEncoding).flat_map(field::members) {
        if last_is_chunked {
            return Err(Malformed("chunked is not the last transfer coding"));
        }
        codings += 1;
        last_is_chunked = coding.eq_ignore_ascii_case(b"chunked");
        others |= !last_is_chunked;
    }
    match (codings, others, last_is_chunked) {
        (0, ..) => Err(Malformed("an empty Transfer-Encoding")),
        (_, true, _) => Err(UnknownCoding),
        (1, false, true) => Ok(Body::Chunked),
        _ => Err(Malformed("chunked twice")),
    }
}

/// A number of decimal digits and nothing else; `None` too where it does not fit.
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
    /// Bytes that may still be skipped before the body is too long to be worth it.
    allowance: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes of the one piece that there is.
    Length(u64),
    /// In the digits of a chunk's size: what they say so far, and how many there were.
    Size {
        size: u64,
        digits: u8,
    },
    /// In what follows the size on its line.
    Extension {
        size: u64,
    },
    /// The CR of the size's line has come.
    SizeEnd {
        size: u64,
    },
    /// Bytes of the chunk's data.
    Data(u64),
    /// Before the CR behind the data, and before its LF.
    DataReturn,
    DataEnd,
    /// At the first byte of a line of the trailer section; in one; behind its CR.
    TrailerStart,
    Trailer,
    TrailerEnd,
    /// Behind the CR of the empty line.
    LastEnd,
    Done,
}

/// Where skipping has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// All bytes belonged to the body, and more are to come.
    All,
    /// The body is over; so many bytes belonged to it.
    End(usize),
}

impl Skipper {
    /// A skipper at the first byte of a body that gives up after `allowance` bytes; `None` where the body
    /// says beforehand that it is longer.
    pub fn new(body: Body, allowance: u64) -> Option<Skipper> {
        let state = match body {
            Body::None => State::Done,
            Body::Length(length) if length > allowance => return None,
            Body::Length(length) => State::Length(length),
            Body::Chunked => State::Size { size: 0, digits: 0 },
        };
        Some(Skipper { state, allowance })
    }

    /// Skips what of `bytes` belongs to the body.
    ///
    /// # Errors
    /// [`FramingError::Malformed`] where the chunks are not well-formed, [`FramingError::TooLong`] where the allowance
    /// is used up: the connection must be closed.
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
                _ => {}
            }
            position += step as usize;
            self.allowance = self.allowance.checked_sub(step).ok_or(FramingError::TooLong)?;
        }
        Ok(Skipped::End(position))
    }
}

impl State {
    /// The next state of the chunked grammar (RFC 9112 section 7.1), a byte on.
    fn after(self, byte: u8) -> Result<State, FramingError> {
        /// More hexadecimal digits than any body of this world needs; 16 to the 15th fits in 64 bits.
        const MAX_DIGITS: u8 = 15;
        Ok(match (self, byte) {
            (State::Size { size, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
                if digits < MAX_DIGITS =>
            {
                let digit = char::from(byte).to_digit(16).map_or(0, u64::from);
                State::Size { size: size * 16 + digit, digits: digits + 1 }
            }
            (State::Size { size, digits: 1.. }, b'\r') => State::SizeEnd { size },
            (State::Size { size, digits: 1.. }, b';' | b' ' | b'\t') => State::Extension { size },
            (State::Extension { size }, b'\r') => State::SizeEnd { size },
            (State::Extension { size }, byte) if is_text(byte) => State::Extension { size },
            (State::SizeEnd { size: 0 }, b'\n') => State::TrailerStart,
            (State::SizeEnd { size }, b'\n') => State::Data(size),
            (State::DataReturn, b'\r') => State::DataEnd,
            (State::DataEnd, b'\n') => State::Size { size: 0, digits: 0 },
            (State::TrailerStart, b'\r') => State::LastEnd,
            (State::Trailer, b'\r') => State::TrailerEnd,
            (State::TrailerStart | State::Trailer, byte) if is_text(byte) => State::Trailer,
            (State::TrailerEnd, b'\n') => State::TrailerStart,
            (State::LastEnd, b'\n') => State::Done,
            _ => return Err(Malformed("the chunks are not well-formed")),
        })
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
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

    #[test]
    fn skipping_whole_and_cut_at_every_byte() {
        // RFC 9112 section 7.1; what follows the body is `GET`
        for (body, text, expected) in [
            (Body::Length(5), "helloGET", Some(5)),
            (Body::Chunked, "0\r\n\r\nGET", Some(5)),
            (Body::Chunked, "5\r\nhello\r\n0\r\n\r\nGET", Some(15)),
            (Body::Chunked, "00A;a=\"b c\"\r\n0123456789\r\n000\r\n\r\nGET", Some(32)),
            (Body::Chunked, "1 ; a\r\nx\r\n0\r\nTrailer: a\r\nB:\r\n\r\nGET", Some(31)),
            (Body::Chunked, "\r\nGET", None),
            (Body::Chunked, "x\r\nGET", None),
            (Body::Chunked, "-1\r\nGET", None),
            (Body::Chunked, "1\nx\r\n0\r\n\r\nGET", None),
            (Body::Chunked, "1\r\nxy\r\n0\r\n\r\nGET", None),
            (Body::Chunked, "1\r\nx\n0\r\n\r\nGET", None),
            (Body::Chunked, "1;\x01\r\nx\r\n0\r\n\r\nGET", None),
            (Body::Chunked, "1;a\n\r\nx\r\n0\r\n\r\nGET", None),
            (Body::Chunked, "1;a\rb\r\nx\r\n0\r\n\r\nGET", None),
            (Body::Chunked, "0\r\na: b\n\r\nGET", None),
            (Body::Chunked, "fffffffffffffffff\r\nGET", None),
            (Body::Chunked, "fffffffffffffff\r\nGETGETGETGETGETGETGETGETGETGETGETGET", None), // the allowance
        ] {
            let allowance = 40;
            let mut skipper = Skipper::new(body, allowance).unwrap();
            let whole = skipper.skip(text.as_bytes());
            assert_eq!(whole.ok(), expected.map(Skipped::End), "{text:?}");

            let mut skipper = Skipper::new(body, allowance).unwrap();
            let mut end = None;
            for (position, byte) in text.bytes().enumerate() {
                match skipper.skip(&[byte]) {
                    Ok(Skipped::All) => {}
                    Ok(Skipped::End(used)) => {
                        end = Some(position + used);
                        break;
                    }
                    Err(_) => break,
                }
            }
            assert_eq!(end, expected, "{text:?} in bytes");
        }
    }

    #[test]
    fn a_body_that_is_too_long_is_not_begun() {
        assert_eq!(Skipper::new(Body::Length(41), 40), None);
        assert!(Skipper::new(Body::Length(40), 40).is_some());
    }
}
