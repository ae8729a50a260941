//! Field lines (RFC 9112 section 5) and the one field that every request must have, Host (section 3.2).
//! What is not exactly a field line is refused and the connection closed: two readers that understand it
//! differently are how one request becomes two.

use crate::feeding::{After, Row, check};
use crate::site::Site;

use After::{AsAnnounced, Closes, Stays};

#[test]
fn field_lines() {
    let table: &[Row] = &[
        ("no space behind the colon (5)", b"GET / HTTP/1.1\r\nHost:a\r\n\r\n", 200, Stays),
        ("much space around the value (5.1)", b"GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n", 200, Stays),
        ("an empty value (5.5)", b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", 200, Stays),
        ("only space as value (5.5)", b"GET / HTTP/1.1\r\nHost: a\r\nX:   \r\n\r\n", 200, Stays),
        ("a tab within the value (9110 5.5)", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\tb\r\n\r\n", 200, Stays),
        ("bytes above ASCII (9110 5.5)", b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\xfe\r\n\r\n", 200, Stays),
        ("colons in the value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a:b: c\r\n\r\n", 200, Stays),
        ("names have no case (9110 5.1)", b"GET / HTTP/1.1\r\nhOST: a\r\n\r\n", 200, Stays),
        (
            "every character of a name (9110 5.1)",
            b"GET / HTTP/1.1\r\nHost: a\r\nA1!#$%&'*+-.^_`|~: v\r\n\r\n",
            200,
            Stays,
        ),
        ("space before the colon (5.1)", b"GET / HTTP/1.1\r\nHost: a\r\nX : v\r\n\r\n", 400, Closes),
        ("a tab before the colon (5.1)", b"GET / HTTP/1.1\r\nHost: a\r\nX\t: v\r\n\r\n", 400, Closes),
        ("space in the name (5.1)", b"GET / HTTP/1.1\r\nHost: a\r\nX Y: v\r\n\r\n", 400, Closes),
        ("a delimiter in the name (9110 5.6.2)", b"GET / HTTP/1.1\r\nHost: a\r\n(X): v\r\n\r\n", 400, Closes),
        ("a name above ASCII (9110 5.6.2)", b"GET / HTTP/1.1\r\nHost: a\r\n\xc3\xbc: v\r\n\r\n", 400, Closes),
        ("no colon (5)", b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, Closes),
        ("no name (5)", b"GET / HTTP/1.1\r\nHost: a\r\n: v\r\n\r\n", 400, Closes),
        ("space before the first field (2.2)", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, Closes),
        ("a line of space first (2.2)", b"GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n", 400, Closes),
        ("a folded line (5.2)", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400, Closes),
        ("a line folded with a tab (5.2)", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", 400, Closes),
        ("bare LF (2.2)", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400, Closes),
        ("bare LF at the end (2.2)", b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400, Closes),
        ("nothing but bare LF (2.2)", b"GET / HTTP/1.1\nHost: a\n\n", 400, Closes),
        ("bare CR in the value (2.2)", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400, Closes),
        ("bare CR before the end (2.2)", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\n\r\n", 400, Closes),
        ("bare CR in the empty line (2.2)", b"GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n\r\n", 400, Closes),
        ("NUL in the value (9110 5.5)", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400, Closes),
        ("a control character (9110 5.5)", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n", 400, Closes),
        ("a vertical tab (9110 5.5)", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x0bb\r\n\r\n", 400, Closes),
        ("DEL (9110 5.5)", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n", 400, Closes),
        ("NUL in the name (9110 5.1)", b"GET / HTTP/1.1\r\nHost: a\r\nX\0: v\r\n\r\n", 400, Closes),
    ];
    check(&Site::new().serve(), table);
}

#[test]
fn host() {
    let table: &[Row] = &[
        ("none in 1.1 (3.2)", b"GET / HTTP/1.1\r\n\r\n", 400, AsAnnounced),
        ("none in 1.2 (3.2)", b"GET / HTTP/1.2\r\n\r\n", 400, AsAnnounced),
        ("none in 1.0 (3.2)", b"GET / HTTP/1.0\r\n\r\n", 200, Closes),
        ("none for a missing file either (3.2)", b"GET /missing HTTP/1.1\r\n\r\n", 400, AsAnnounced),
        ("two (3.2)", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, AsAnnounced),
        ("two of the same (3.2)", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, AsAnnounced),
        ("two in different case (3.2)", b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400, AsAnnounced),
        ("a list (3.2)", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, AsAnnounced),
        ("a list without space (3.2)", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, AsAnnounced),
        ("a space (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, AsAnnounced),
        ("user information (9110 7.2)", b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, AsAnnounced),
        ("a port that is no number (3986 3.2.3)", b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400, AsAnnounced),
        ("two ports", b"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400, AsAnnounced),
        ("half an IPv6 address (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, AsAnnounced),
        ("a backslash", b"GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", 400, AsAnnounced),
        ("markup", b"GET / HTTP/1.1\r\nHost: <a>\r\n\r\n", 400, AsAnnounced),
        ("bytes above ASCII", b"GET / HTTP/1.1\r\nHost: \xc3\xbc\r\n\r\n", 400, AsAnnounced),
        ("an escape without digits (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: a%zz\r\n\r\n", 400, AsAnnounced),
        ("half an escape (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: a%4\r\n\r\n", 400, AsAnnounced),
        ("no IPv6 address (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n", 400, AsAnnounced),
        ("IPv4 in brackets (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: [1.2.3.4]\r\n\r\n", 400, AsAnnounced),
        (
            "nine groups (3986 3.2.2)",
            b"GET / HTTP/1.1\r\nHost: [1:2:3:4:5:6:7:8:9]\r\n\r\n",
            400,
            AsAnnounced,
        ),
        ("a zone (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: [fe80::1%25lo]\r\n\r\n", 400, AsAnnounced),
        ("empty brackets (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: []\r\n\r\n", 400, AsAnnounced),
        ("half an IPvFuture (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: [v1]\r\n\r\n", 400, AsAnnounced),
        ("IPvFuture without address", b"GET / HTTP/1.1\r\nHost: [v1.]\r\n\r\n", 400, AsAnnounced),
        ("an invalid one in 1.0, too", b"GET / HTTP/1.0\r\nHost: [::g]\r\n\r\n", 400, AsAnnounced),
        ("a port and no host (9110 4.2.1)", b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400, AsAnnounced),
        ("a port that is none (3986 3.2.3)", b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400, AsAnnounced),
        ("an escape (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: a%7Eb\r\n\r\n", 200, Stays),
        ("IPv4 in IPv6 (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: [::ffff:1.2.3.4]\r\n\r\n", 200, Stays),
        ("an IPvFuture (3986 3.2.2)", b"GET / HTTP/1.1\r\nHost: [v1.a:b]\r\n\r\n", 200, Stays),
        ("the last port (3986 3.2.3)", b"GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n", 200, Stays),
        ("zeros before a port (3986 3.2.3)", b"GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n", 200, Stays),
        ("a name and a port (9110 7.2)", b"GET / HTTP/1.1\r\nHost: localhost:8000\r\n\r\n", 200, Stays),
        ("an empty port (3986 3.2.3)", b"GET / HTTP/1.1\r\nHost: localhost:\r\n\r\n", 200, Stays),
        ("an IPv4 address", b"GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n", 200, Stays),
        ("an IPv6 address", b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200, Stays),
        ("capitals", b"GET / HTTP/1.1\r\nHost: EXAMPLE.com\r\n\r\n", 200, Stays),
        ("an underscore and a hyphen", b"GET / HTTP/1.1\r\nHost: a_b-c.example\r\n\r\n", 200, Stays),
        ("a name that is not ours", b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", 200, Stays),
    ];
    check(&Site::new().serve(), table);
}
