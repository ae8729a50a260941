//! Methods (RFC 9110 section 9): GET and HEAD are served, other methods that the server knows get 405 with
//! Allow (15.5.6), those that it has never heard of 501 (9.1), and what is no token 400 (RFC 9112 section 3).
//! A refused method does not end the connection.

use crate::feeding::{After, check};
use crate::site::{Site, WELCOME};

#[test]
fn known_methods_are_refused_by_name() {
    let site = Site::new();
    let server = site.serve();
    let mut client = server.connect();
    let requests = [
        ("POST", "/"),
        ("PUT", "/"),
        ("DELETE", "/"),
        ("PATCH", "/"),
        ("TRACE", "/"),
        ("CONNECT", "localhost:443"),
        ("POST", "/missing"),
    ];
    for (method, target) in requests {
        let reply = client.ask(method, target, "");
        assert_eq!(reply.status, 405, "{method} {target}");
        assert_eq!(reply.must("Allow"), "GET, HEAD, OPTIONS", "{method} {target}");
        assert!(!reply.body.is_empty(), "{method} {target}");
    }
}

#[test]
fn options_tells_what_is_allowed() {
    // RFC 9110 section 9.3.7
    let server = Site::new().serve();
    let mut client = server.connect();
    for target in ["/", "*", "/missing", "/.hidden", "http://localhost/"] {
        for version in ["HTTP/1.1", "HTTP/1.0\r\nConnection: keep-alive"] {
            let reply = client.request(format!("OPTIONS {target} {version}\r\nHost: localhost\r\n\r\n"));
            assert_eq!((reply.status, reply.must("Allow")), (204, "GET, HEAD, OPTIONS"), "{target}");
            // RFC 9110 section 8.6: no length on a 204.
            assert_eq!(
                (reply.field("content-length"), reply.field("content-type")),
                (None, None),
                "{target}"
            );
        }
    }
    assert_eq!(client.ask("OPTIONS", "/%zz", "").status, 400);
}

#[test]
fn head_is_get_without_the_body() {
    let server = Site::new().serve();
    let mut client = server.connect();
    let get = client.get("/");
    let head = client.ask("HEAD", "/", "");
    assert_eq!(get.text(), WELCOME);
    assert_eq!(head.head_without_date(), get.head_without_date());
    assert_eq!(client.get("/").text(), WELCOME, "no body came in between");
}

#[test]
fn method_tokens() {
    use After::{Closes, Stays};
    let server = Site::new().serve();
    check(
        &server,
        &[
            ("GET (9.3.1)", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
            ("HEAD (9.3.2)", b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
            ("a known one (15.5.6)", b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, Stays),
            ("an unknown one (9.1)", b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, Stays),
            ("methods have a case (9.1)", b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 501, Stays),
            ("GET and one more", b"GETS / HTTP/1.1\r\nHost: a\r\n\r\n", 501, Stays),
            ("one letter", b"G / HTTP/1.1\r\nHost: a\r\n\r\n", 501, Stays),
            (
                "every character of a token (5.6.2)",
                b"A1!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHost: a\r\n\r\n",
                501,
                Stays,
            ),
            (
                "the longest that is read to its end (9112 3)",
                &[&[b'A'; 32], b" / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice()].concat(),
                501,
                Stays,
            ),
            (
                "one byte longer (9112 3)",
                &[&[b'A'; 33], b" / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice()].concat(),
                501,
                Closes,
            ),
            ("no token: parentheses", b"G(E)T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
            ("no token: quotes", b"\"GET\" / HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
            ("no token: equals sign", b"G=T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
            ("no token: above ASCII", b"G\xc9T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
            ("no token: NUL", b"G\0T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
            ("no method at all", b" / HTTP/1.1\r\nHost: a\r\n\r\n", 400, Closes),
        ],
    );
}
