//! The end of a request (RFC 9112 sections 6 and 7): bodies are skipped to the byte, so that the next request
//! begins where it should, and whatever could be understood in two ways is refused and the connection closed.
//! Bytes after a refused or unread body are never taken for a request.

use crate::feeding::{After, Row, check};
use crate::server::Server;
use crate::site::Site;

use After::{AsAnnounced, Closes, Stays};

/// The longest body that is skipped.
const MOST_BODY: usize = 1 << 20;

#[test]
fn bodies_are_skipped() {
    let table: &[Row] = &[
        ("a length (6.2)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 405, Stays),
        ("a length on GET (9.3)", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200, Stays),
        ("a length on HEAD", b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200, Stays),
        ("a length on an unknown method", b"BREW / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 501, Stays),
        ("a length on a missing file", b"GET /no HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 404, Stays),
        ("a body that looks like a request", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n", 405, Stays),
        ("a body of line ends", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n\r\n\r\n", 200, Stays),
        ("no body", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, Stays),
        ("zeros in front (8.6)", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello", 200, Stays),
        ("a body in 1.0", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", 200, Stays),
        ("chunked (7.1)", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 405, Stays),
        ("chunked on GET", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, Stays),
        ("no chunk but the last (7.1)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, Stays),
        ("several chunks (7.1)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", 200, Stays),
        ("hexadecimal in either case (7.1)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", 200, Stays),
        ("zeros before the size (7.1)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0005\r\nhello\r\n000\r\n\r\n", 200, Stays),
        ("extensions (7.1.1)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a;b=c;d=\"e f\"\r\nhello\r\n0;last\r\n\r\n", 200, Stays),
        ("extensions with spaces (7.1.1)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5 ;\ta\t= b ; c = \"d\"\r\nhello\r\n0 ;e\r\n\r\n", 200, Stays),
        ("an extension with escapes (7.1.1)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"\\\";\\\\\xff\"\r\nhello\r\n0\r\n\r\n", 200, Stays),
        ("many zeros before the size (7.1)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000000005\r\nhello\r\n0\r\n\r\n", 200, Stays),
        ("trailers of all sorts (7.1.2)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX:\r\n!:\t\xff \r\n\r\n", 200, Stays),
        ("trailers (7.1.2)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\nZ: w\r\n\r\n", 200, Stays),
        ("a trailer is not obeyed (6.5.1)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nConnection: close\r\n\r\n", 200, Stays),
        ("a chunk that looks like an end", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", 200, Stays),
        ("codings have no case (7)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, Stays),
        ("a tab before the coding (5)", b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked \r\n\r\n0\r\n\r\n", 200, Stays),
    ];
    check(&Site::new().serve(), table);
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let table: &[Row] = &[
        ("length and chunked (6.1)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, Closes),
        ("chunked and length (6.1)", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, Closes),
        ("chunked and length 0 (6.1)", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", 400, Closes),
        ("two lengths (6.3)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, Closes),
        ("the same length twice", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, Closes),
        ("a list of lengths (6.3)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello", 400, Closes),
        ("an empty length (8.6)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nhello", 400, Closes),
        ("a length with a sign (8.6)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400, Closes),
        ("a negative length (8.6)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello", 400, Closes),
        ("a hexadecimal length (8.6)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", 400, Closes),
        ("two numbers (8.6)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\nhello", 400, Closes),
        ("a fraction (8.6)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\nhello", 400, Closes),
        ("a word (8.6)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: five\r\n\r\nhello", 400, Closes),
        ("a length on GET is no better", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\nhello", 400, Closes),
        ("a bad length in 1.0", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: x\r\n\r\n", 400, Closes),
        ("space before the colon (5.1)", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, Closes),
        ("a vertical tab before the coding (9110 5.5)", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400, Closes),
        ("a folded coding (5.2)", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, Closes),
        ("chunked in 1.0 (6.1)", b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, Closes),
        ("chunked not last (6.3)", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400, Closes),
        ("chunked twice (6.1)", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, Closes),
        ("chunked twice in two lines (6.1)", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, Closes),
        ("chunked not last, in two lines (6.3)", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n", 400, Closes),
        ("a coding that is not ours (6.1)", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, Closes),
    ];
    check(&Site::new().serve(), table);
}

#[test]
fn expectations() {
    let table: &[Row] = &[
        ("100-continue with a body (9110 10.1.1)", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 405, Closes),
        ("its case does not matter", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n", 405, Closes),
        ("with a chunked body", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n", 405, Closes),
        ("on GET", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", 200, Closes),
        ("with the body at once", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", 200, Closes),
        ("without a body it means nothing", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", 200, AsAnnounced),
        ("another expectation", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 417, AsAnnounced),
        ("another expectation with a body", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: tea\r\n\r\nhello", 417, AsAnnounced),
        ("both", b"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, tea\r\n\r\n", 417, AsAnnounced),
        ("HTTP/1.0 has none (10.1.1)", b"GET / HTTP/1.0\r\nExpect: tea\r\n\r\n", 200, Closes),
        ("HTTP/1.0 with a body", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", 200, Stays),
    ];
    check(&Site::new().serve(), table);
}

#[test]
fn the_longest_body_that_is_skipped() {
    let server = Site::new().serve();
    let body = vec![b'x'; MOST_BODY];
    let sized = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {MOST_BODY}\r\n\r\n");
    let mut client = server.connect_as("a length");
    assert!(!client.request([sized.as_bytes(), &body].concat()).says_close());
    assert_eq!(client.get("/second.txt").status, 200);

    for (what, body) in [
        ("chunks (7.1)", chunk_of(MOST_BODY)),
        ("an extension (7.1.1)", extension_of(MOST_BODY)),
        ("trailers (7.1.2)", trailers_of(MOST_BODY)),
    ] {
        let mut client = server.connect_as(what);
        assert!(!client.request([CHUNKED, &*body].concat()).says_close(), "{what}");
        assert_eq!(client.get("/second.txt").status, 200, "{what}");
    }
}

const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A chunked body of `length` bytes, most of them data.
fn chunk_of(length: usize) -> Vec<u8> {
    let size = format!("{:06x}\r\n", length - "000000\r\n\r\n0\r\n\r\n".len());
    filled(&size, "\r\n0\r\n\r\n", length)
}

/// A chunked body of `length` bytes, most of them an extension.
fn extension_of(length: usize) -> Vec<u8> {
    filled("0;a=\"", "\"\r\n\r\n", length)
}

/// A chunked body of `length` bytes, most of them trailers.
fn trailers_of(length: usize) -> Vec<u8> {
    let before = format!("0\r\n{}X: ", "X: y\r\n".repeat(1000));
    filled(&before, "\r\n\r\n", length)
}

fn filled(before: &str, after: &str, length: usize) -> Vec<u8> {
    let filling = "x".repeat(length - before.len() - after.len());
    format!("{before}{filling}{after}").into_bytes()
}

#[test]
fn longer_bodies_close_the_connection() {
    let server = Site::new().serve();
    for length in [MOST_BODY as u64 + 1, 1 << 32, u64::MAX] {
        let mut client = server.connect_as(&format!("a body of {length}"));
        let reply = client.request(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
        assert_eq!((reply.status, reply.says_close()), (405, true), "{length}");
        client.assert_closed();
    }
}

#[test]
fn a_length_beyond_every_integer_closes_the_connection() {
    let server = Site::new().serve();
    for length in ["18446744073709551616", "99999999999999999999999999999999"] {
        let mut client = server.connect_as(length);
        let reply = client.request(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
        assert!(matches!(reply.status, 400 | 405 | 413) && reply.says_close(), "{length}: {reply:?}");
        client.assert_closed();
    }
}

/// Sends something that ends in a hidden request, in pieces of `size` bytes, and reads all that comes: at least
/// one reply, none of them to what was hidden, and then the end of the connection.
fn assert_nothing_is_smuggled(server: &Server, what: &str, request: &[u8], size: usize) {
    let hidden = b"GET /hidden.txt HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut client = server.connect_as(what);
    let _ = client.try_send_in_pieces(&[request, hidden].concat(), size);
    client.finish_sending();
    let replies = String::from_utf8_lossy(&client.read_until_closed()).into_owned();
    assert!(replies.starts_with("HTTP/1.1 "), "{what}: {replies:?}");
    assert!(!replies.contains("hidden treasure"), "{what}: {replies:?}");
}

#[test]
fn nothing_is_smuggled_behind_a_malformed_body() {
    let site = Site::new();
    site.write("hidden.txt", "hidden treasure");
    let server = site.serve();
    for (what, body) in MALFORMED {
        let request = [CHUNKED, body.as_bytes()].concat();
        assert_nothing_is_smuggled(&server, what, &request, WHOLE);
        assert_nothing_is_smuggled(&server, what, &request, 1);
    }
}

/// Pieces as large as all of a request.
const WHOLE: usize = usize::MAX;

/// Chunked bodies that are not well-formed.
const MALFORMED: &[(&str, &str)] = &[
    ("no size (7.1)", "\r\nhello\r\n0\r\n\r\n"),
    ("no number (7.1)", "x\r\nhello\r\n0\r\n\r\n"),
    ("a prefix (7.1)", "0x5\r\nhello\r\n0\r\n\r\n"),
    ("a sign (7.1)", "+5\r\nhello\r\n0\r\n\r\n"),
    ("a negative size (7.1)", "-1\r\nhello\r\n0\r\n\r\n"),
    ("space before the size (7.1)", " 5\r\nhello\r\n0\r\n\r\n"),
    ("an underscore (7.1)", "0_5\r\nhello\r\n0\r\n\r\n"),
    ("two sizes (7.1)", "5 5\r\nhello\r\n0\r\n\r\n"),
    ("two sizes with a tab (7.1)", "5\t5\r\nhello\r\n0\r\n\r\n"),
    ("two last sizes (7.1)", "0 0\r\n\r\n"),
    ("more data than its size (7.1)", "4\r\nhello\r\n0\r\n\r\n"),
    ("no line end behind the data (7.1)", "5\r\nhello0\r\n\r\n"),
    ("bare LF behind the size (2.2)", "5\nhello\r\n0\r\n\r\n"),
    ("bare LF behind the data (2.2)", "5\r\nhello\n0\r\n\r\n"),
    ("bare LF behind the last size (2.2)", "0\n\n"),
    ("bare LF at the end (2.2)", "0\r\n\n"),
    ("bare LF in an extension (7.1.1)", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
    ("bare CR behind the size (2.2)", "5\rhello\r\n0\r\n\r\n"),
    ("bare CR in an extension (2.2)", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
    ("a blank and no extension (7.1.1)", "5 \r\nhello\r\n0\r\n\r\n"),
    ("a blank behind the last size (7.1.1)", "0 \r\n\r\n"),
    ("a blank behind an extension (7.1.1)", "5;a \r\nhello\r\n0\r\n\r\n"),
    ("an empty extension (7.1.1)", "5;\r\nhello\r\n0\r\n\r\n"),
    ("an empty extension at the end (7.1.1)", "0;\r\n\r\n"),
    ("an empty one before another (7.1.1)", "5;;x\r\nhello\r\n0\r\n\r\n"),
    ("a value without a name (7.1.1)", "5;=x\r\nhello\r\n0\r\n\r\n"),
    ("a name without its value (7.1.1)", "5;x=\r\nhello\r\n0\r\n\r\n"),
    ("two values (7.1.1)", "5;x=y=z\r\nhello\r\n0\r\n\r\n"),
    ("two words (7.1.1)", "5;x y\r\nhello\r\n0\r\n\r\n"),
    ("no token (7.1.1)", "5;(x)\r\nhello\r\n0\r\n\r\n"),
    ("an open quote (7.1.1)", "5;x=\"y\r\nhello\r\n0\r\n\r\n"),
    ("an open quote behind an escape (7.1.1)", "5;x=\"y\\\"\r\nhello\r\n0\r\n\r\n"),
    ("more behind a quoted string (7.1.1)", "5;x=\"y\"z\r\nhello\r\n0\r\n\r\n"),
    ("a quoted name (7.1.1)", "5;\"x\"\r\nhello\r\n0\r\n\r\n"),
    ("bare LF in a trailer (7.1.2)", "0\r\nX: y\nZ: w\r\n\r\n"),
    ("bare CR in a trailer (7.1.2)", "0\r\nX: y\rZ: w\r\n\r\n"),
    ("a trailer without a colon (7.1.2)", "0\r\nX\r\n\r\n"),
    ("a trailer without a name (7.1.2)", "0\r\n: y\r\n\r\n"),
    ("space before the colon of a trailer (5.1)", "0\r\nX : y\r\n\r\n"),
    ("a folded trailer (5.2)", "0\r\nX: y\r\n z\r\n\r\n"),
    ("a space before the first trailer (5.2)", "0\r\n X: y\r\n\r\n"),
    ("a control character in a trailer (9110 5.5)", "0\r\nX: \x01\r\n\r\n"),
    ("2^64 (7.1)", "10000000000000000\r\n\r\n"),
    ("2^64 and 5 (7.1)", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
];

#[test]
fn nothing_is_smuggled_behind_an_endless_body() {
    let site = Site::new();
    site.write("hidden.txt", "hidden treasure");
    let server = site.serve();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let one_more = |body: Vec<u8>| String::from_utf8_lossy(&[CHUNKED, &*body].concat()).into_owned();
    let table = [
        ("chunks, one byte above the bound (7.1)", one_more(chunk_of(MOST_BODY + 1))),
        ("an extension, one byte above it (7.1.1)", one_more(extension_of(MOST_BODY + 1))),
        ("trailers, one byte above it (7.1.2)", one_more(trailers_of(MOST_BODY + 1))),
        ("all ones (7.1)", one_more(b"ffffffffffffffff\r\n\r\n0\r\n\r\n".to_vec())),
        ("an extension of 2 MB (7.1.1)", format!("{head}5;{}\r\nhello\r\n0\r\n\r\n", "e".repeat(2_000_000))),
        ("zeros of 2 MB (7.1)", format!("{head}{}5\r\nhello\r\n0\r\n\r\n", "0".repeat(2_000_000))),
        ("trailers of 2 MB (7.1.2)", format!("{head}0\r\n{}\r\n", "X: y\r\n".repeat(340_000))),
        ("a chunk above the bound", format!("{head}200000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x20_0000))),
        (
            "a length above the bound",
            format!("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 2 << 20),
        ),
    ];
    for (what, request) in table {
        assert_nothing_is_smuggled(&server, what, request.as_bytes(), WHOLE);
    }
}

#[test]
fn nothing_is_smuggled_behind_a_coding_that_is_almost_chunked() {
    let site = Site::new();
    site.write("hidden.txt", "hidden treasure");
    let server = site.serve();
    for coding in
        ["xchunked", "chunke", "identity", "gzip", "\"chunked\"", "chunked;q=1", "chunked x", "x, chunked"]
    {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n\r\n0\r\n\r\n");
        assert_nothing_is_smuggled(&server, coding, request.as_bytes(), WHOLE);
    }
}
