//! Every status that is not a success: a small page with its length and type, the same caching as everything
//! else and never an asset's, and for HEAD the same head without the page (RFC 9110 section 9.3.2).
//! One table of requests that bring about each status serves all of these tests.

use crate::client::Client;
use crate::response::Response;
use crate::server::Server;
use crate::site::{Site, WELCOME};

/// The status, and the request without its method: ` target HTTP/1.1` and the fields behind it.
const REQUESTS: &[(u16, &str)] = &[
    (301, " /dir HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, " /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, " / HTTP/1.1\r\n\r\n"),
    (400, " / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n"),
    (403, " /outside HTTP/1.1\r\nHost: a\r\n\r\n"),
    (404, " /missing HTTP/1.1\r\nHost: a\r\n\r\n"),
    (406, " / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: identity;q=0\r\n\r\n"),
    (412, " / HTTP/1.1\r\nHost: a\r\nIf-Match: \"other\"\r\n\r\n"),
    (417, " / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n"),
    (501, " / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    (505, " / HTTP/2.0\r\nHost: a\r\n\r\n"),
];

fn site() -> Site {
    let site = Site::new();
    site.make_folder("dir");
    site.link("/etc/passwd", "outside");
    site
}

fn reply_to(server: &Server, method: &str, rest: &str) -> Response {
    let name = format!("{method}{rest}");
    server.connect_as(&name).request(&name)
}

fn assert_is_a_small_page(reply: &Response, what: &str) {
    assert_eq!(reply.must("Content-Type"), "text/html", "{what}");
    assert_eq!(reply.must("Cache-Control"), "no-cache", "{what}");
    assert!((1..4096).contains(&reply.length()), "{what}: {} bytes", reply.length());
    for name in ["ETag", "Last-Modified", "Content-Encoding"] {
        assert!(reply.field(name).is_none(), "{what}: {name} belongs to files: {reply:?}");
    }
}

#[test]
fn every_status_has_a_page_that_names_it() {
    let site = site();
    // What is set for assets must not reach errors.
    let server = site.serve_with(&["--cache-control", "max-age=31536000"]);
    for (status, rest) in REQUESTS {
        let reply = reply_to(&server, "GET", rest);
        assert_eq!(reply.status, *status, "{rest}");
        assert_is_a_small_page(&reply, rest);
        let page = reply.text();
        assert!(page.contains(&status.to_string()) && page.contains(&reply.reason), "{rest}: {page}");
    }
}

#[test]
fn head_has_the_same_head_for_every_status() {
    let server = site().serve();
    for (status, rest) in REQUESTS {
        let get = reply_to(&server, "GET", rest);
        let mut client = server.connect_as(rest);
        let head = client.request(format!("HEAD{rest}"));
        assert_eq!((get.status, head.status), (*status, *status), "{rest}");
        assert_eq!(head.head_without_date(), get.head_without_date(), "{rest}");
        assert_no_body_follows(client, &head);
    }
}

fn assert_no_body_follows(mut client: Client, reply: &Response) {
    if reply.says_close() {
        client.assert_closed();
    } else {
        assert_eq!(client.get("/").text(), WELCOME, "{reply:?}");
    }
}

#[test]
fn reasons_are_the_registered_ones() {
    let server = site().serve();
    let reasons = [
        (301, "Moved Permanently"),
        (400, "Bad Request"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (406, "Not Acceptable"),
        (412, "Precondition Failed"),
        (417, "Expectation Failed"),
        (501, "Not Implemented"),
        (505, "HTTP Version Not Supported"),
    ];
    for (status, rest) in REQUESTS {
        let expected = reasons.iter().find(|(code, _)| code == status).expect("in the table").1;
        assert_eq!(reply_to(&server, "GET", rest).reason, expected, "{status}");
    }
    assert_eq!(server.get("/").reason, "OK");
    assert_eq!(server.connect().ask("POST", "/", "").reason, "Method Not Allowed");
}

#[test]
fn one_connection_survives_every_error_that_leaves_it_open() {
    let server = site().serve();
    let mut client = server.connect();
    for target in ["/missing", "/dir", "/outside", "/.env", "/dir/"] {
        assert!(client.get(target).status >= 300, "{target}");
        assert_eq!(client.get("/").text(), WELCOME, "after {target}");
    }
}

#[test]
fn without_descriptors_there_is_503_and_then_service_again() {
    let site = Site::new();
    site.write("cold.txt", "never asked for before");
    let server = site.serve();
    let mut client = server.connect();
    assert_eq!(client.get("/").status, 200);
    // Not one more than are open, so that the file cannot be opened.
    server.process.limit_descriptors(0);
    let reply = client.get("/cold.txt");
    assert_eq!(reply.status, 503, "{reply:?}");
    assert_is_a_small_page(&reply, "503");
    server.process.limit_descriptors(1024);
    assert_eq!(client.get("/cold.txt").status, 200);
    assert_eq!(server.get("/cold.txt").status, 200);
}
