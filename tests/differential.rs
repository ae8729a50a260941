//! Our parser beside `httparse`: a table of heads and what becomes of them when bytes are changed, whole
//! and cut at every byte.
//!
//! The two never understand a head in two ways: where both accept, they agree on every part of it and
//! on where it ends. Ours refuses more, and each class of that has its row in [`Refusal`]. It accepts
//! more in two cases: the minor versions above 1, which RFC 9110 section 2.5 wants to be treated as 1.1,
//! and targets with bytes above ASCII that are not UTF-8, which are file names like others here.

// The helpers of a test may end it as the test itself may.
#![allow(clippy::panic)]

use otuserver::http::field::{self, Name};
use otuserver::http::request::Version;
use otuserver::http1::parser::{MAX_FIELDS, MAX_HEAD, MAX_METHOD, MAX_TARGET, ParseError, Parser};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// A reason why our parser refuses a head that `httparse` accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// RFC 9112 section 2.2: a recipient MAY take a bare LF for a line end. One that does beside one that
    /// does not sees other requests in the same bytes.
    BareLineFeed,
    /// Our limits; `httparse` has none but the number of fields that its caller has room for.
    Limit,
}

/// The class of a refusal; `None` for those that `httparse` must share.
fn class(error: ParseError, head: &[u8]) -> Option<Refusal> {
    let method = head.iter().position(|&byte| byte == b' ').unwrap_or(head.len());
    match error {
        ParseError::Malformed("a line ends in LF without CR") => Some(Refusal::BareLineFeed),
        ParseError::MethodTooLong if method > MAX_METHOD => Some(Refusal::Limit),
        ParseError::TargetTooLong if head.len() > MAX_TARGET => Some(Refusal::Limit),
        ParseError::HeadTooLong if head.len() > MAX_HEAD => Some(Refusal::Limit),
        ParseError::TooManyFields => Some(Refusal::Limit),
        _ => None,
    }
}

/// Compares both on every prefix of `bytes`, ours fed in pieces of one byte, and on the whole.
fn compare(bytes: &[u8]) {
    let mut parser = Parser::new();
    for end in 0..=bytes.len() {
        if !agree(&mut parser, &bytes[..end]) {
            break;
        }
    }
    agree(&mut Parser::new(), bytes);
}

/// True if the head may go on. It panics if the two differ without a reason.
fn agree(parser: &mut Parser, bytes: &[u8]) -> bool {
    // Room for more fields than ours takes.
    let mut room = [httparse::EMPTY_HEADER; 2 * MAX_FIELDS];
    let mut twin = httparse::Request::new(&mut room);
    let theirs = twin.parse(bytes);
    let text = String::from_utf8_lossy(bytes);
    let ours = parser.advance(bytes).map(|request| {
        request.map(|request| {
            let (method, target, version) = request.line();
            let Version::Http1(minor) = version else { panic!("{version} of an HTTP/1 head") };
            let values = |name| request.values(name).map(<[u8]>::to_vec).collect::<Vec<_>>();
            let fields: Vec<_> = NAMES.iter().map(|(name, _)| values(*name)).collect();
            (method.to_vec(), target.to_vec(), minor, fields)
        })
    });
    match (ours, theirs) {
        (Ok(Some((method, target, minor, fields))), Ok(httparse::Status::Complete(length))) => {
            assert_eq!(parser.length(), length, "{text:?}");
            assert_eq!(Some(method.as_slice()), twin.method.map(str::as_bytes), "{text:?}");
            assert_eq!(Some(target.as_slice()), twin.path.map(str::as_bytes), "{text:?}");
            assert_eq!(Some(minor), twin.version, "{text:?}");
            for ((_, name), values) in NAMES.iter().zip(fields) {
                let found = twin.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
                let found: Vec<_> = found.map(|header| field::trim(header.value)).collect();
                assert_eq!(values, found, "{name} in {text:?}");
            }
            false
        }
        (Ok(Some((_, _, minor, _))), Err(httparse::Error::Version)) => {
            assert!((2..=9).contains(&minor), "{text:?}");
            false
        }
        (Ok(Some((_, target, _, _))), Err(httparse::Error::Token)) if !target.is_ascii() => {
            assert!(std::str::from_utf8(&target).is_err(), "{text:?}");
            false
        }
        (Ok(Some(_)), theirs) => panic!("accepted by ours, {theirs:?} by httparse: {text:?}"),
        (Err(error), Ok(httparse::Status::Complete(_))) => {
            assert!(class(error, bytes).is_some(), "{error:?} by ours, accepted by httparse: {text:?}");
            false
        }
        (Ok(None), Ok(httparse::Status::Complete(_))) => panic!("httparse sees an end, ours none: {text:?}"),
        // One of them knows already what the other will know at the end of the line.
        (Err(_), Ok(httparse::Status::Partial) | Err(_)) => false,
        (Ok(None), Ok(httparse::Status::Partial) | Err(_)) => true,
    }
}

const NAMES: [(Name, &str); 8] = [
    (Name::Host, "host"),
    (Name::Connection, "connection"),
    (Name::ContentLength, "content-length"),
    (Name::TransferEncoding, "transfer-encoding"),
    (Name::AcceptEncoding, "accept-encoding"),
    (Name::IfNoneMatch, "if-none-match"),
    (Name::IfModifiedSince, "if-modified-since"),
    (Name::Range, "range"),
];

/// Heads that both accept, or both refuse.
const HEADS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "\r\n\r\nHEAD /a HTTP/1.1\r\nHost:example.org\r\n\r\nGET /next HTTP/1.1\r\n",
    "GET /a?b=c&d=%20 HTTP/1.1\r\nHost: example.org:8000\r\nConnection: keep-alive, upgrade\r\n\r\n",
    "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST /form HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"a\", W/\"b\"\r\nif-none-match: \"c\"\r\n\r\n",
    "GET / HTTP/1.1\r\nHOST:\t a \t\r\nRange:bytes=0-1\r\nX-Empty:\r\nX-Text: \u{e4}\r\n\r\n",
    "GET / HTTP/1.1\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\nAccept-Encoding: br;q=1, *\r\n\r\n",
    "!#$%&'*+-.^_`|~ / HTTP/1.1\r\n!#$%&'*+-.^_`|~: a\r\n\r\n",
    "GET /gr\u{f6}\u{df}e?\u{e4} HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/2.0\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET /\r\n\r\n",
    "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost\r\n\r\n",
    "GET / HTTP/1.1\r\n: a\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
    "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
    "\rGET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nA: \0\r\n\r\n",
    "GET / HTTP/1.1\r\nA: \x7f\r\n\r\n",
    "GET  / HTTP/1.1\r\n\r\n",
    "GET /  HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1 \r\n\r\n",
    " GET / HTTP/1.1\r\n\r\n",
    "G@T / HTTP/1.1\r\n\r\n",
    "\x16\x03\x01\x02\0\x01",
];

#[test]
fn heads_whole_and_cut_at_every_byte() {
    for head in HEADS {
        compare(head.as_bytes());
    }
}

/// The classes in which the two differ on purpose do differ, or their rows would be for nothing.
#[test]
fn heads_on_which_the_two_differ() {
    let long = |length| "a".repeat(length);
    for (head, expected) in [
        ("GET / HTTP/1.1\n\n".to_string(), Refusal::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n".into(), Refusal::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n".into(), Refusal::BareLineFeed),
        ("\nGET / HTTP/1.1\r\n\r\n".into(), Refusal::BareLineFeed),
        (format!("{} / HTTP/1.1\r\n\r\n", long(MAX_METHOD + 1)), Refusal::Limit),
        (format!("GET /{} HTTP/1.1\r\n\r\n", long(MAX_TARGET)), Refusal::Limit),
        (format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", long(MAX_HEAD)), Refusal::Limit),
        (format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_FIELDS + 1)), Refusal::Limit),
    ] {
        let mut room = [httparse::EMPTY_HEADER; 2 * MAX_FIELDS];
        let theirs = httparse::Request::new(&mut room).parse(head.as_bytes());
        assert_eq!(theirs, Ok(httparse::Status::Complete(head.len())), "{:.60}", head);
        let mut parser = Parser::new();
        let error = parser.advance(head.as_bytes()).err().unwrap();
        assert_eq!(class(error, head.as_bytes()), Some(expected), "{:.60}", head);
    }
    let mut parser = Parser::new();
    assert!(parser.advance(b"GET / HTTP/1.9\r\n\r\n").unwrap().is_some());
    let mut room = [];
    let theirs = httparse::Request::new(&mut room).parse(b"GET / HTTP/1.9\r\n\r\n");
    assert_eq!(theirs, Err(httparse::Error::Version));

    let mut parser = Parser::new();
    assert!(parser.advance(b"GET /\xe4 HTTP/1.1\r\n\r\n").unwrap().is_some());
    let theirs = httparse::Request::new(&mut room).parse(b"GET /\xe4 HTTP/1.1\r\n\r\n");
    assert_eq!(theirs, Err(httparse::Error::Token));
}

/// One change to a head.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Repeat(Index, Index),
    /// The rest is that of another head.
    Splice(Index, usize, Index),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Change::Replace(place, byte) => {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            Change::Insert(place, byte) => bytes.insert(place.index(bytes.len()), *byte),
            Change::Remove(place) => {
                bytes.remove(place.index(bytes.len()));
            }
            Change::Repeat(one, other) => {
                let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
                let piece = bytes[one.min(other)..one.max(other)].to_vec();
                bytes.splice(one..one, piece);
            }
            Change::Splice(place, head, from) => {
                bytes.truncate(place.index(bytes.len()));
                let head = HEADS[*head].as_bytes();
                bytes.extend(&head[from.index(head.len())..]);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let byte = || prop_oneof![3 => proptest::sample::select(b"\r\n\r\n \t:;,\"()/\\=\0\x7f\x80\xff019HTP".to_vec()), 1 => any::<u8>()];
    prop_oneof![
        (any::<Index>(), byte()).prop_map(|(place, byte)| Change::Replace(place, byte)),
        (any::<Index>(), byte()).prop_map(|(place, byte)| Change::Insert(place, byte)),
        any::<Index>().prop_map(Change::Remove),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Change::Repeat(one, other)),
        (any::<Index>(), 0..HEADS.len(), any::<Index>())
            .prop_map(|(place, head, from)| Change::Splice(place, head, from)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn changed_heads_whole_and_cut_at_every_byte(head in 0..HEADS.len(), changes in vec(change(), 1..5)) {
        let mut bytes = HEADS[head].as_bytes().to_vec();
        for change in changes {
            change.apply(&mut bytes);
        }
        compare(&bytes);
        // A head that was not complete is so with these bytes: a refusal that was put off must come.
        bytes.extend(b"\r\n\r\n");
        compare(&bytes);
    }
}
