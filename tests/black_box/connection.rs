//! The life of a connection (RFC 9112 section 9): who keeps it open, in which order replies come (9.3.2), and
//! how it ends so that the last reply is never lost (9.6): half-close, drain, close.
//! Its deadlines are in `timeouts.rs`.

use crate::client::Client;
use crate::feeding::{After, Row, check};
use crate::patience::eventually;
use crate::server::Server;
use crate::site::{SECOND, Site, WELCOME, pattern};

use After::{Closes, Stays};

#[test]
fn persistence() {
    let table: &[Row] = &[
        ("1.1 stays (9.3)", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("1.1 with keep-alive", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 200, Stays),
        ("1.1 with close (9.6)", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, Closes),
        (
            "options have no case (9110 7.6.1)",
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n",
            200,
            Closes,
        ),
        ("close in a list", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x , close,y\r\n\r\n", 200, Closes),
        (
            "close in a second line",
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n",
            200,
            Closes,
        ),
        (
            "close wins over keep-alive (9.3)",
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n",
            200,
            Closes,
        ),
        (
            "only as a whole word",
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed, un-close\r\n\r\n",
            200,
            Stays,
        ),
        ("an empty Connection", b"GET / HTTP/1.1\r\nHost: a\r\nConnection:\r\n\r\n", 200, Stays),
        ("close on a missing file", b"GET /no HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404, Closes),
        ("close on HEAD", b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, Closes),
        ("1.0 closes (9.3)", b"GET / HTTP/1.0\r\n\r\n", 200, Closes),
        ("1.0 with keep-alive (C.2.2)", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, Stays),
        ("1.0 with Keep-Alive", b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 200, Stays),
        ("1.0 with keep-alive in a list", b"GET / HTTP/1.0\r\nConnection: x, keep-alive\r\n\r\n", 200, Stays),
        ("1.0 with both (9.3)", b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", 200, Closes),
        ("an empty line in front (2.2)", b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
        ("two of them (2.2)", b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, Stays),
    ];
    check(&Site::new().serve(), table);
}

#[test]
fn the_connection_field_is_only_there_where_it_says_something() {
    let server = Site::new().serve();
    let table = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", None),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", None),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", Some("close")),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", Some("keep-alive")),
        ("GET / HTTP/1.0\r\n\r\n", Some("close")),
        ("GET /%zz\r\n\r\n", Some("close")),
    ];
    for (request, expected) in table {
        assert_eq!(server.connect_as(request).request(request).field("Connection"), expected, "{request:?}");
    }
}

#[test]
fn an_empty_line_between_requests() {
    // Old clients send one behind a body (RFC 9112 section 2.2).
    let server = Site::new().serve();
    let mut client = server.connect();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(client.response().status, 405);
    assert_eq!(client.response().text(), WELCOME);
}

/// A site with `count` files that all differ, and requests for each of them in one string.
fn numbered(count: usize) -> (Site, Server, Vec<u8>) {
    let site = Site::new();
    for number in 0..count {
        site.write(format!("{number}.txt"), format!("this is {number}"));
    }
    let requests: String =
        (0..count).map(|number| format!("GET /{number}.txt HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    let server = site.serve();
    (site, server, requests.into_bytes())
}

#[test]
fn a_hundred_pipelined_requests_are_answered_in_order() {
    let (_site, server, requests) = numbered(100);
    for piece in [requests.len(), 1000, 7, 1] {
        let mut client = server.connect_as(&format!("in pieces of {piece}"));
        client.try_send_in_pieces(&requests, piece).expect("sent");
        for number in 0..100 {
            assert_eq!(client.response().text(), format!("this is {number}"));
        }
    }
}

#[test]
fn pipelined_requests_of_every_kind_are_answered_in_order() {
    let site = Site::new();
    let large = pattern(3 << 20);
    site.write("large.bin", &large);
    let server = site.serve();
    let mut client = server.connect();
    for _ in 0..5 {
        client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\nHEAD /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        client.send("GET /missing HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
        client.send("GET /second.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=4-\r\n\r\n");
    }
    for _ in 0..5 {
        assert!(client.response().body == large);
        assert_eq!(client.response_to("HEAD").length(), large.len() as u64);
        assert_eq!(client.response().status, 404);
        assert_eq!(client.response().status, 405);
        assert_eq!(client.response().text(), SECOND[4..]);
    }
}

#[test]
fn thousands_of_pipelined_requests_by_a_client_that_reads_later() {
    // The replies fill every buffer: the server must stop reading for a while, and lose nothing.
    const COUNT: usize = 5000;
    let site = Site::new();
    let body = pattern(10_000);
    site.write("file.bin", &body);
    let server = site.serve();
    let mut client = server.connect();
    client.send("GET /file.bin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(COUNT));
    for number in 0..COUNT {
        assert!(client.response().body == body, "reply {number}");
    }
}

#[test]
fn nothing_is_answered_behind_close() {
    let (_site, server, requests) = numbered(10);
    let mut client = server.connect();
    let closing = b"GET /second.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    client.send([closing.as_slice(), &requests].concat());
    assert_eq!(client.response().text(), SECOND);
    client.assert_closed();
}

#[test]
fn a_client_that_half_closes_still_gets_its_replies() {
    let (site, server, requests) = numbered(10);
    let mut client = server.connect_as("ten small files");
    client.send(&requests);
    client.finish_sending();
    for number in 0..10 {
        assert_eq!(client.response().text(), format!("this is {number}"));
    }
    client.assert_closed();

    let large = pattern(12 << 20);
    site.write("large.bin", &large);
    let mut client = server.connect_as("a large file");
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.finish_sending();
    assert!(client.response().body == large);
    client.assert_closed();
}

#[test]
fn half_a_request_and_the_end_is_answered_by_the_end() {
    let server = Site::new().serve();
    for part in ["", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r", "\r\n"] {
        let mut client = server.connect_as(part);
        client.send(part);
        client.finish_sending();
        let last = client.read_until_closed();
        assert!(last.is_empty() || last.starts_with(b"HTTP/1.1 400 "), "{part:?}");
    }
}

#[test]
fn a_body_that_ends_early_ends_the_connection() {
    let server = Site::new().serve();
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nonly this");
    client.finish_sending();
    assert_eq!(client.response().status, 405);
    client.assert_closed();
}

#[test]
fn a_client_that_sends_on_receives_the_whole_reply() {
    // Without a lingering close the unread input resets the connection, and the reset eats the reply (9.6).
    let server = Site::new().serve();
    let table = [
        ("a large body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\n", 405),
        ("a body of unknown length in 1.0", "POST / HTTP/1.0\r\n\r\n", 405),
        ("a malformed head", "GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", 400),
        ("an unknown coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("a missing version", "GET /\r\n", 400),
        ("close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200),
    ];
    for (what, head, status) in table {
        let mut client = server.connect_as(what);
        let _ = client.try_send([head.as_bytes(), &vec![b'x'; 4 << 20]].concat());
        let reply = client.response();
        assert_eq!((reply.status, reply.says_close()), (status, true), "{what}");
        assert!(client.read_until_closed().is_empty(), "{what}");
    }
}

#[test]
fn every_end_of_a_connection_gives_its_socket_back() {
    let site = Site::new();
    site.write_sparse("large.bin", 64 << 20, b"");
    let server = site.serve();
    server.get("/");
    eventually("the first connection is gone", || server.process.open_sockets() == 1);
    for part in ["", "GET /", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /%zz\r\n\r\n"] {
        for _ in 0..20 {
            server.connect_as("left in the middle").send(part);
            let mut client = server.connect_as("left after a half-close");
            client.send(part);
            client.finish_sending();
            client.read_until_closed();
        }
    }
    for _ in 0..20 {
        server.connect_as("left in a download").send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        server.connect_as("left in a body").send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    }
    eventually("all of them are gone", || server.process.open_sockets() == 1);
}

#[test]
fn hundreds_of_idle_connections_are_in_nobodys_way() {
    let server = Site::new().serve();
    let mut idle: Vec<_> = (0..300).map(|_| server.connect_as("idle")).collect();
    for client in &mut idle {
        assert_eq!(client.get("/").text(), WELCOME);
    }
    for _ in 0..20 {
        assert_eq!(server.get("/second.txt").text(), SECOND);
    }
    for client in &mut idle {
        assert_eq!(client.get("/").text(), WELCOME, "and they still work");
    }
}

/// Sends a request for each of these files at once, and reads no more than the first head: by then the server has
/// promised all that it is going to promise before somebody reads.
fn ask_for_all(server: &Server, names: impl Iterator<Item = String>) -> Client {
    let mut client = server.connect();
    let requests = names.map(|name| format!("GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.send(requests.collect::<String>());
    client.response_head();
    client
}

#[test]
fn a_pipeline_that_nobody_reads_holds_one_file_open() {
    let site = Site::new();
    for number in 0..20 {
        site.write_sparse(&format!("{number}.bin"), 8 << 20, b"");
    }
    let server = site.serve_with(&["--cache-size", "0"]);
    let mut client = ask_for_all(&server, (0..20).map(|number| format!("{number}.bin")));
    let files = site.path("");
    // There may be another one for as long as the server looks up a name.
    eventually("one file is open", || server.process.open_descriptors(files.to_str().expect("UTF-8")) == 1);
    client.read(8 << 20);
    for _ in 1..20 {
        assert_eq!(client.response_head().length(), 8 << 20);
        client.read(8 << 20);
    }
}

#[test]
fn a_pipeline_that_nobody_reads_holds_little_memory() {
    let site = Site::new();
    site.write("page", pattern(64 << 10));
    // Without a cache, each response has a page of its own.
    let server = site.serve_with(&["--cache-size", "0"]);
    let clients: Vec<_> = (0..10).map(|_| ask_for_all(&server, (0..150).map(|_| "page".into()))).collect();
    // 10 times 150 pages are 94 MiB; what is allowed is a megabyte for each client.
    let resident = server.process.resident_kilobytes();
    assert!(resident < 20 << 10, "{resident} KiB");
    for mut client in clients {
        assert!(client.read(64 << 10) == pattern(64 << 10));
        for _ in 1..150 {
            assert!(client.response().body == pattern(64 << 10));
        }
    }
}
