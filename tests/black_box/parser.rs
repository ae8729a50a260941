//! The request line (RFC 9112 section 3): its exact form, versions, the four forms of a target, and the
//! limits of a head. Every row is fed whole, byte by byte, and with a second request behind it.
//! Methods are in `methods.rs`, field lines in `fields.rs`.

use crate::feeding::{After, Row, check};
use crate::site::Site;

use After::{AsAnnounced, Closes, Stays};

#[test]
fn its_form() {
    let table: &[Row] = &[
        ("as it should be (3)", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("two spaces before the target (3)", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("two spaces behind the target (3)", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("a space in front (3)", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("a space at the end (3)", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, Closes),
        ("a tab for a space (3)", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("a tab for the other space (3)", b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("a vertical tab (3)", b"GET /\x0bHTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("a space in the target (3.2)", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("no target (3)", b"GET HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("an empty target (3)", b"GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("one word (3)", b"GET\r\nHost: a\r\n\r\n", 400, Closes),
        ("bare LF (2.2)", b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400, Closes),
        ("bare CR within (2.2)", b"GET /\rHTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("bare CR at the end (2.2)", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400, Closes),
        ("NUL in the target (3.2)", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("a control character in the target (3.2)", b"GET /\x1b HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("DEL in the target (3.2)", b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        (
            "a control character beside raw bytes (3.2)",
            b"GET /\xc3\xb6\x1f HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            Closes,
        ),
        ("DEL beside raw bytes (3.2)", b"GET /\xc3\xb6\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("a space beside raw bytes (3.2)", b"GET /\xc3 \xb6 HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        (
            "a TLS greeting is no request",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            400,
            Closes,
        ),
    ];
    check(&Site::new().serve(), table);
}

#[test]
fn versions() {
    let table: &[Row] = &[
        (
            "a higher minor version is the highest known (9110 6.2)",
            b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
            200,
            Stays,
        ),
        ("any higher one (9110 6.2)", b"GET / HTTP/1.9\r\nHost: a\r\n\r\n", 200, Stays),
        ("1.0 without keep-alive (9.3)", b"GET / HTTP/1.0\r\n\r\n", 200, Closes),
        ("a higher major version (9110 15.6.6)", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, AsAnnounced),
        ("a much higher one (9110 15.6.6)", b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, AsAnnounced),
        ("no HTTP/2 preface (9113 3.4)", b"PRI * HTTP/2.0\r\n\r\nSX", 505, Closes),
        ("HTTP/0.9", b"GET /\r\n\r\n", 400, Closes),
        ("names have a case (2.3)", b"GET / http/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("another protocol", b"GET / ICY/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("no dot (2.3)", b"GET / HTTP/11\r\nHost: a\r\n\r\n", 400, Closes),
        ("no minor version (2.3)", b"GET / HTTP/1\r\nHost: a\r\n\r\n", 400, Closes),
        ("no digit behind the dot (2.3)", b"GET / HTTP/1.\r\nHost: a\r\n\r\n", 400, Closes),
        ("two digits (2.3)", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, Closes),
        ("a leading zero (2.3)", b"GET / HTTP/01.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("no number (2.3)", b"GET / HTTP/1.x\r\nHost: a\r\n\r\n", 400, Closes),
        ("something behind it (2.3)", b"GET / HTTP/1.1x\r\nHost: a\r\n\r\n", 400, Closes),
        ("nothing behind the slash (2.3)", b"GET / HTTP/\r\nHost: a\r\n\r\n", 400, Closes),
    ];
    check(&Site::new().serve(), table);
}

#[test]
fn forms_of_a_target() {
    let table: &[Row] = &[
        ("origin-form (3.2.1)", b"GET /index.html?q HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("no slash in front (3.2.1)", b"GET index.html HTTP/1.1\r\nHost: a\r\n\r\n", 400, AsAnnounced),
        ("only a query (3.2.1)", b"GET ?q HTTP/1.1\r\nHost: a\r\n\r\n", 400, AsAnnounced),
        ("absolute-form (3.2.2)", b"GET http://a/index.html HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("its authority counts, not Host (3.2.2)", b"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 200, Stays),
        ("it needs a Host nevertheless (3.2)", b"GET http://a/ HTTP/1.1\r\n\r\n", 400, AsAnnounced),
        ("without a path (9110 4.2.3)", b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("without a path, with a query", b"GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("schemes have no case (9110 4.2.3)", b"GET HTTP://A/ HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("with a port (9110 4.2.1)", b"GET http://a:8000/ HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("an IPv6 authority", b"GET http://[::1]:80/ HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        (
            "an empty authority (9110 4.2.1)",
            b"GET http:///index.html HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            AsAnnounced,
        ),
        ("no authority at all", b"GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", 400, AsAnnounced),
        ("a port that is none", b"GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, AsAnnounced),
        (
            "an authority with half an escape",
            b"GET http://a%zz/ HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            AsAnnounced,
        ),
        (
            "an authority that is no address",
            b"GET http://[::g]/ HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            AsAnnounced,
        ),
        (
            "an authority of IPv4 in brackets",
            b"GET http://[1.2.3.4]/ HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            AsAnnounced,
        ),
        (
            "an authority above every port",
            b"GET http://a:65536/ HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            AsAnnounced,
        ),
        ("climbing in absolute-form", b"GET http://a/../x HTTP/1.1\r\nHost: a\r\n\r\n", 400, AsAnnounced),
        (
            "authority-form with CONNECT (3.2.3)",
            b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            405,
            AsAnnounced,
        ),
        ("authority-form that is no host", b"CONNECT a%zz:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400, AsAnnounced),
        (
            "authority-form that is no address",
            b"CONNECT [::g]:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            AsAnnounced,
        ),
        (
            "authority-form without a port (9110 9.3.6)",
            b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            AsAnnounced,
        ),
        (
            "authority-form with an empty one (9110 9.3.6)",
            b"CONNECT a: HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            AsAnnounced,
        ),
        ("authority-form without it (3.2.3)", b"GET a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400, AsAnnounced),
        ("asterisk-form with OPTIONS (3.2.4)", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204, Stays),
        ("asterisk-form without it (3.2.4)", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, AsAnnounced),
        ("the asterisk and more", b"OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n", 400, AsAnnounced),
    ];
    check(&Site::new().serve(), table);
}

/// Many clients send the bytes of a name as they are (`curl http://host/größe.txt`).
#[test]
fn raw_bytes_in_a_target_are_taken_as_if_encoded() {
    let site = Site::new();
    site.write("gr\u{f6}\u{df}e.txt", "found");
    site.write(b"latin\xf6.txt", "found");
    let table: &[Row] = &[
        ("encoded (3986 2.1)", b"GET /gr%c3%b6%c3%9fe.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("raw", b"GET /gr\xc3\xb6\xc3\x9fe.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("raw and encoded", b"GET /gr\xc3\xb6%c3%9fe.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        (
            "raw in absolute-form",
            b"GET http://a/gr\xc3\xb6\xc3\x9fe.txt HTTP/1.1\r\nHost: a\r\n\r\n",
            200,
            Stays,
        ),
        ("raw and not UTF-8", b"GET /latin\xf6.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("raw in a query", b"GET /?\xc3\xb6\xff HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("raw and not there", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 404, Stays),
        ("raw beside half an escape", b"GET /\xc3\xb6%c3%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, AsAnnounced),
        (
            "raw in an authority (3986 3.2.2)",
            b"GET http://\xc3\xb6/ HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            AsAnnounced,
        ),
        (
            "raw in the authority of CONNECT",
            b"CONNECT \xc3\xb6:80 HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            AsAnnounced,
        ),
        ("raw in a method", b"G\xc3\xb6T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ("raw in a version", b"GET / HTTP/1.\xff\r\nHost: a\r\n\r\n", 400, Closes),
    ];
    check(&site.serve(), table);
}

/// The largest target, and the largest head with its empty line, in bytes; and the most field lines.
const MOST_TARGET: usize = 16 << 10;
const MOST_HEAD: usize = 64 << 10;
const MOST_FIELDS: usize = 100;

fn with_target_of(length: usize) -> Vec<u8> {
    let query = "q".repeat(length - 2);
    format!("GET /?{query} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

fn with_head_of(length: usize) -> Vec<u8> {
    let before = "GET / HTTP/1.1\r\nHost: a\r\nCookie: ";
    let cookie = "c".repeat(length - before.len() - 4);
    format!("{before}{cookie}\r\n\r\n").into_bytes()
}

fn with_fields(count: usize) -> Vec<u8> {
    let others: String = (1..count).map(|number| format!("X-{number}: v\r\n")).collect();
    format!("GET / HTTP/1.1\r\nHost: a\r\n{others}\r\n").into_bytes()
}

#[test]
fn limits_of_the_target() {
    let table: &[Row] = &[
        ("8000 octets must be possible (3)", &with_target_of(8000), 200, Stays),
        ("the longest target (3)", &with_target_of(MOST_TARGET), 200, Stays),
        ("one byte longer (3)", &with_target_of(MOST_TARGET + 1), 414, Closes),
    ];
    check(&Site::new().serve(), table);
}

#[test]
fn limits_of_the_head() {
    let table: &[Row] = &[
        ("the largest head (5.4)", &with_head_of(MOST_HEAD), 200, Stays),
        ("one byte larger (5.4)", &with_head_of(MOST_HEAD + 1), 431, Closes),
        ("the most fields (5.4)", &with_fields(MOST_FIELDS), 200, Stays),
        ("one field more (5.4)", &with_fields(MOST_FIELDS + 1), 431, Closes),
    ];
    check(&Site::new().serve(), table);
}

#[test]
fn heads_without_an_end_are_refused_in_time() {
    let table = [
        ("a target without an end", "GET /".to_owned() + &"a".repeat(MOST_HEAD), 414),
        (
            "a field without an end",
            "GET / HTTP/1.1\r\nHost: a\r\nX: ".to_owned() + &"a".repeat(MOST_HEAD),
            431,
        ),
        ("fields without an end", "GET / HTTP/1.1\r\nHost: a\r\n".to_owned() + &"A: b\r\n".repeat(200), 431),
    ];
    let server = Site::new().serve();
    for (what, bytes, status) in table {
        let mut client = server.connect_as(what);
        let _ = client.try_send(bytes);
        assert_eq!(client.response().status, status, "{what}");
        client.assert_closed();
    }
}
