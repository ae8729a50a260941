//! Deadlines (RFC 9112 section 9.5, RFC 9110 section 15.5.9), with flags that make them short: a head must
//! come in time, counted from its first byte; an idle connection is closed without a word; whoever stops
//! reading or sending is dropped. Waiting is always reading with a deadline, never sleeping.

use std::time::{Duration, Instant};

use crate::client::Client;
use crate::server::Server;
use crate::site::{Site, WELCOME};

/// What the flags in this file say, and how late a busy machine may be.
const SHORT: Duration = Duration::from_millis(300);
const LATE: Duration = Duration::from_secs(5);

fn assert_in_time(since: Instant, what: &str) {
    let taken = since.elapsed();
    // A tenth less, for a server may round its clock.
    assert!(taken >= SHORT.mul_f32(0.9), "{what}: too early, after {taken:?}");
    assert!(taken < LATE, "{what}: too late, after {taken:?}");
}

fn assert_request_timeout(mut client: Client, since: Instant, what: &str) {
    let reply = client.response();
    assert_in_time(since, what);
    assert_eq!((reply.status, reply.reason.as_str()), (408, "Request Timeout"), "{what}");
    assert!(reply.says_close() && !reply.body.is_empty(), "{what}: {reply:?}");
    client.assert_closed();
}

#[test]
fn a_head_that_does_not_come_to_its_end() {
    let server = Site::new().serve_with(&["--head-timeout", "0.3"]);
    for part in
        ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r"]
    {
        let mut client = server.connect_as(part);
        let begin = Instant::now();
        client.send(part);
        assert_request_timeout(client, begin, part);
    }
}

#[test]
fn bytes_that_drip_do_not_extend_it() {
    let server = Site::new().serve_with(&["--head-timeout", "0.3"]);
    let mut client = server.connect();
    let begin = Instant::now();
    client.send("GET / HTTP/1.1\r\nX: ");
    while client.is_silent_for(Duration::from_millis(20)) {
        assert!(begin.elapsed() < LATE, "each byte bought more time");
        let _ = client.try_send("x");
    }
    assert_request_timeout(client, begin, "drip");
}

#[test]
fn it_begins_anew_with_each_request() {
    let server = Site::new().serve_with(&["--head-timeout", "0.3", "--idle-timeout", "10"]);
    let mut client = server.connect();
    for _ in 0..2 {
        assert_eq!(client.get("/").text(), WELCOME);
        assert!(client.is_silent_for(SHORT * 2), "an idle connection has no head to wait for");
    }
    let begin = Instant::now();
    client.send("GET /");
    assert_request_timeout(client, begin, "the third request");
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let server = Site::new().serve_with(&["--idle-timeout", "0.3"]);
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), WELCOME);
        assert!(client.is_silent_for(Duration::from_millis(50)), "not idle for long enough");
    }
    assert_eq!(client.get("/").text(), WELCOME);
    let begin = Instant::now();
    client.assert_closed();
    assert_in_time(begin, "idle");
}

#[test]
fn a_connection_that_never_says_anything_is_closed_as_well() {
    // Later than others: the kernel may hold it back until the first byte comes (TCP_DEFER_ACCEPT).
    let server = Site::new().serve_with(&["--idle-timeout", "0.3", "--head-timeout", "0.3"]);
    server.connect().assert_closed();
}

fn site_with_large_file() -> Site {
    let site = Site::new();
    site.write_sparse("large.bin", 64 << 20, b"");
    site
}

fn await_access_line(server: &Server, target: &str) -> String {
    server.process.errors.await_line(|line| line.contains(&format!(" {target} HTTP/1.1\"")))
}

#[test]
fn a_reader_that_stalls_is_dropped() {
    let site = site_with_large_file();
    let server = site.serve_with(&["--stall-timeout", "0.3"]);
    let mut client = server.connect();
    let begin = Instant::now();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    let length = client.response_head().length();
    // The line in the log says that the server is through with it.
    await_access_line(&server, "/large.bin");
    assert_in_time(begin, "stalled");
    assert!((client.read_until_closed().len() as u64) < length);
    assert_eq!(server.get("/").text(), WELCOME);
}

#[test]
fn a_slow_reader_that_goes_on_is_not() {
    let site = site_with_large_file();
    let server = site.serve_with(&["--stall-timeout", "0.5"]);
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.response_head();
    for _ in 0..16 {
        client.read(4 << 20);
        // Not waiting for anything: this is what makes the reader slow.
        std::thread::sleep(Duration::from_millis(60));
    }
    assert_eq!(client.get("/").text(), WELCOME);
}

#[test]
fn a_slow_reader_whose_kernel_still_makes_way_is_not() {
    // The server's socket holds megabytes and tells of room only when a third of them is gone: what the client
    // has taken has to be asked for, or this one would be taken for one that stalls.
    let site = site_with_large_file();
    let server = site.serve_with(&["--stall-timeout", "1"]);
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    client.response_head();
    for _ in 0..150 {
        client.read(8 << 10);
        // Not waiting for anything: this is what makes the reader slow.
        std::thread::sleep(Duration::from_millis(20));
    }
    client.read((64 << 20) - (150 << 13));
    assert_eq!(client.get("/").text(), WELCOME);
}

#[test]
fn a_reader_below_the_minimum_rate_is_dropped_although_it_goes_on() {
    let site = site_with_large_file();
    site.write("page", [b'x'; 60_000]);
    let server = site.serve_with(&["--stall-timeout", "0.3", "--min-rate", "20000000"]);
    let mut client = server.connect();
    // What was sent before, even in no time, is no credit.
    for _ in 0..3000 {
        client.get("/page");
    }
    let begin = Instant::now();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    let length = client.response_head().length();
    let taken = client.read_slowly_until_closed(256 << 10, Duration::from_millis(20));
    assert_in_time(begin, "slow");
    assert!(taken < length, "{taken} of {length}");
    assert_eq!(server.get("/").text(), WELCOME);
}

#[test]
fn a_body_that_stalls_ends_the_connection() {
    let server = Site::new().serve_with(&["--stall-timeout", "0.3"]);
    let table = [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\nabc",
    ];
    for request in table {
        let mut client = server.connect_as(request);
        let begin = Instant::now();
        assert_eq!(client.request(request).status, 405);
        client.assert_closed();
        assert_in_time(begin, request);
    }
}

#[test]
fn a_client_that_never_stops_sending_is_dropped_in_the_end() {
    // The lingering close is bounded too, or it would be a way to keep connections for nothing.
    let server = Site::new().serve_with(&["--stall-timeout", "0.3"]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n");
    assert_eq!(client.response().status, 405);
    let begin = Instant::now();
    while client.try_send([b'x'; 65_536]).is_ok() {
        assert!(begin.elapsed() < Duration::from_secs(40), "it reads for ever");
    }
}
