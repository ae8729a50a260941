//! HTTP/2 with prior knowledge (RFC 9113 section 3.3), frame by frame: what the pure session cannot show. Names that begin
//! with a number are cases of h2spec (github.com/summerwind/h2spec) that need a server; the others are in
//! `src/http2/tests/h2spec.rs`.

use otuserver::http2::frame::{ACK, END_HEADERS, END_STREAM, Kind, PREFACE};
use otuserver::http2::session::{MAX_CONTROL_FRAMES, MAX_RESETS, MAX_STREAMS};

use crate::peer::{Peer, block, data, first_window, frame, get, ping, request, window_update};
use crate::server::Server;
use crate::site::{Site, WELCOME, pattern};

const LARGE: usize = 3_000_000;

fn serve() -> Server {
    let site = Site::new();
    site.write("large", pattern(LARGE));
    site.write("five", "12345");
    site.serve()
}

#[test]
fn files_come_whole() {
    let server = serve();
    let mut peer = Peer::connect(server.address);
    let reply = peer.get(1, "/");
    assert_eq!((reply.status.as_str(), reply.body.as_slice()), ("200", WELCOME.as_bytes()));
    assert!(peer.get(3, "/large").body == pattern(LARGE), "it is not the same");
    // The fields are those of HTTP/1.1, but for those of a connection.
    let reply = peer.get(5, "/five");
    let (_, expected) = server.get("/five").head_without_date();
    let is_kept = |name: &str| !["date", "connection", "keep-alive"].contains(&name);
    let found: Vec<_> = reply.fields.into_iter().filter(|(name, _)| is_kept(name)).collect();
    let expected: Vec<_> = expected.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    assert_eq!(found, expected.into_iter().filter(|(name, _)| is_kept(name)).collect::<Vec<_>>());
    for (stream, path, status) in [(7, "/none", "404"), (9, "/%00", "400")] {
        assert_eq!(peer.get(stream, path).status, status);
    }
    assert!(server.process.errors.has_line(|line| line.contains("\"GET /five HTTP/2.0\" 200 5 ")));
}

#[test]
fn requests_without_a_host_or_with_a_wrong_one() {
    // RFC 9113 section 8.3.1
    let server = serve();
    let mut peer = Peer::connect(server.address);
    let rest = [(":method", "GET"), (":scheme", "http"), (":path", "/five")];
    for (stream, more, status) in [
        (1, &[][..], "400"),
        (3, &[("host", "localhost")], "200"),
        (5, &[(":authority", "user@localhost")], "400"),
        (7, &[(":authority", "a b")], "400"),
        (9, &[("host", "a"), ("host", "b")], "400"),
    ] {
        let block = block(&[&rest, more].concat());
        peer.send(&frame(Kind::Headers, END_HEADERS | END_STREAM, stream, &block));
        assert_eq!(peer.reply(stream).status, status, "{more:?}");
    }
}

#[test]
fn h2spec_preface() {
    let server = serve();
    // 3.5 and generic 1, with the preface cut anywhere.
    let start = [PREFACE, &frame(Kind::Settings, 0, 0, b"")[..], &get(1, "/five")].concat();
    for end in (1..start.len()).step_by(7) {
        let mut peer = Peer::silent(server.address);
        peer.send(&start[..end]);
        if end >= PREFACE.len() {
            peer.expect(&["settings"]);
        }
        peer.send(&start[end..]);
        assert_eq!(peer.reply(1).body, b"12345");
    }
    // 3.5: what is no preface is no HTTP/2, and gets an answer of HTTP/1.1.
    for bytes in [&b"INVALID CONNECTION PREFACE\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"] {
        let mut client = server.connect();
        client.send(bytes);
        let answer = String::from_utf8_lossy(&client.read_until_closed()).into_owned();
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    }
    let mut peer = Peer::silent(server.address);
    peer.send(&[PREFACE, &ping()[..]].concat());
    peer.expect(&["settings", "goaway 0 PROTOCOL_ERROR", "closed"]);
}

#[test]
fn h2spec_states() {
    let server = serve();
    let priority = frame(Kind::Priority, 0, 1, &[0, 0, 0, 0, 255]);
    let dummy = frame(Kind::Continuation, END_HEADERS, 1, &block(&[("x-dummy0", "dummy")]));
    for (name, frame, expected) in [
        ("generic 2: PRIORITY, closed", priority.clone(), &["ping ack"][..]),
        ("generic 2: RST_STREAM, closed", frame(Kind::RstStream, 0, 1, &[0, 0, 0, 8]), &["ping ack"]),
        ("5.1 closed: DATA", data(END_STREAM, 1, 4), &["reset 1 STREAM_CLOSED", "ping ack"]),
        ("5.1 closed: HEADERS", get(1, "/five"), &["goaway 1 STREAM_CLOSED", "closed"]),
        ("5.1 closed: CONTINUATION", dummy, &["goaway 1 PROTOCOL_ERROR", "closed"]),
        ("5.4.1: an invalid PING", frame_of_ping(6), &["goaway 1 FRAME_SIZE_ERROR", "closed"]),
    ] {
        let mut peer = Peer::connect(server.address);
        peer.send(&get(1, "/five"));
        peer.expect(&["head 1 200", "data 1 5 end"]);
        peer.try_send(&[frame, ping()].concat());
        let said: Vec<_> = expected.iter().map(|_| peer.read()).collect();
        assert_eq!(said, expected, "{name}");
    }
    // Generic 2: half closed, until there is credit.
    for more in [vec![], priority] {
        let mut peer = Peer::connect(server.address);
        peer.send(&[first_window(0), get(1, "/five"), more].concat());
        peer.expect(&["settings ack", "head 1 200"]);
        peer.send(&window_update(1, 1));
        peer.expect(&["data 1 1"]);
    }
    let mut peer = Peer::connect(server.address);
    peer.send(&[first_window(0), get(1, "/five")].concat());
    peer.expect(&["settings ack", "head 1 200"]);
    peer.send(&[frame(Kind::RstStream, 0, 1, &[0, 0, 0, 8]), window_update(1, 1)].concat());
    assert_eq!(peer.said(), Vec::<String>::new());
}

fn frame_of_ping(length: usize) -> Vec<u8> {
    frame(Kind::Ping, 0, 0, &vec![0; length])
}

#[test]
fn h2spec_windows() {
    let server = serve();
    let two = [&[0, 4, 0, 0, 0, 100][..], &[0, 4, 0, 0, 0, 1]].concat();
    for (name, before, first, then, after) in [
        ("6.5.3", frame(Kind::Settings, 0, 0, &two), "data 1 1", window_update(1, 3), "data 1 3"),
        ("6.9.1", first_window(1), "data 1 1", window_update(1, 4), "data 1 4 end"),
        ("6.9.2", first_window(3), "data 1 3", [first_window(2), window_update(1, 2)].concat(), "data 1 1"),
    ] {
        let mut peer = Peer::connect(server.address);
        peer.send(&[before, get(1, "/five")].concat());
        peer.expect(&["settings ack", "head 1 200", first]);
        peer.send(&then);
        peer.read_until(after);
        assert_eq!(peer.said(), Vec::<String>::new(), "{name}");
    }
    let mut peer = Peer::connect(server.address);
    peer.send(&[first_window(0), get(1, "/five")].concat());
    peer.expect(&["settings ack", "head 1 200"]);
    peer.send(&first_window(1));
    peer.expect(&["settings ack", "data 1 1"]);
}

#[test]
fn h2spec_messages() {
    let server = serve();
    let mut peer = Peer::connect(server.address);
    // Generic 4: GET, HEAD, POST, and POST with trailers.
    peer.send(&request(1, "HEAD", "/five", END_STREAM, &[]));
    peer.expect(&["head 1 200 end"]);
    peer.send(&[request(3, "POST", "/five", 0, &[("content-length", "4")]), data(END_STREAM, 3, 4)].concat());
    assert_eq!(peer.reply(3).status, "405");
    let trailers = frame(Kind::Headers, END_HEADERS | END_STREAM, 5, &block(&[("x-test", "ok")]));
    peer.send(&[request(5, "POST", "/five", 0, &[]), data(0, 5, 4), trailers].concat());
    assert_eq!(peer.reply(5).status, "405");
    // 8.1.2.6: an error of a stream leaves the connection alone.
    peer.send(&[request(7, "POST", "/five", 0, &[("content-length", "1")]), data(END_STREAM, 7, 4)].concat());
    assert_eq!(peer.said(), ["reset 7 PROTOCOL_ERROR"]);
    assert_eq!(peer.get(9, "/five").body, b"12345");
}

#[test]
fn a_content_without_end_is_answered_and_then_refused() {
    let server = serve();
    let mut peer = Peer::connect(server.address);
    peer.send(&request(1, "POST", "/five", 0, &[]));
    let mut left = 65_535_i64;
    let said = loop {
        if left >= 16_384 {
            peer.try_send(&data(0, 1, 16_384));
            left -= 16_384;
            continue;
        }
        let words = peer.read();
        match words.strip_prefix("credit 1 ") {
            Some(credit) => left += credit.parse::<i64>().expect("a number"),
            None if words.starts_with("credit 0 ") => {}
            None => break words,
        }
    };
    assert_eq!(said, "head 1 405");
    assert_eq!(peer.read_until("reset 1 NO_ERROR").len(), 1);
    // What is still on its way is ignored, and the connection has its credit.
    peer.send(&data(END_STREAM, 1, 100));
    assert!(peer.said().iter().all(|words| words.starts_with("credit 0 ")));
    assert_eq!(peer.get(3, "/five").body, b"12345");
}

#[test]
fn a_small_answer_goes_before_a_large_one() {
    let server = serve();
    let mut peer = Peer::connect(server.address);
    peer.send(
        &[first_window(1 << 24), window_update(0, 1 << 24), get(1, "/large"), get(3, "/five")].concat(),
    );
    let said = peer.read_until("data 3 5 end");
    let frames = said.iter().filter(|words| words.starts_with("data 1 ")).count();
    assert!(frames <= 1, "{said:?}");
    assert!(peer.reply(1).body == pattern(LARGE), "it is not the same");
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let server = serve();
    let mut peer = Peer::connect(server.address);
    let streams = (0..=MAX_STREAMS as u32).map(|number| 2 * number + 1);
    let requests: Vec<u8> = streams.flat_map(|stream| get(stream, "/five")).collect();
    peer.send(&[first_window(0), requests].concat());
    peer.read_until("reset 201 REFUSED_STREAM");
    peer.send(&first_window(100));
    for stream in (0..MAX_STREAMS as u32).map(|number| 2 * number + 1) {
        assert_eq!(peer.reply(stream).body, b"12345");
    }
}

/// Sends the same until the connection ends, and returns what was said last.
fn flood(server: &Server, first: &[u8], count: u32, bytes: impl Fn(u32) -> Vec<u8>) -> Vec<String> {
    let mut peer = Peer::connect(server.address);
    peer.send(first);
    let bytes: Vec<u8> = (0..count).flat_map(bytes).collect();
    peer.try_send(&bytes);
    let said = peer.read_until("closed");
    // Others are served as before.
    assert_eq!(Peer::connect(server.address).get(1, "/five").body, b"12345");
    said
}

#[test]
fn who_makes_work_is_sent_away() {
    let server = serve();
    let reset = |stream| frame(Kind::RstStream, 0, stream, &[0, 0, 0, 8]);
    let stream = |number| 2 * number + 3;
    let control_frames = 2 * MAX_CONTROL_FRAMES;
    let begun = frame(Kind::Headers, END_STREAM, 1, b"");
    for (name, first, count, bytes) in [
        ("PING", vec![], control_frames, &(|_| ping()) as &dyn Fn(u32) -> Vec<u8>),
        ("SETTINGS", vec![], control_frames, &|_| frame(Kind::Settings, 0, 0, b"")),
        ("PRIORITY", vec![], control_frames, &|_| frame(Kind::Priority, 0, 1, &[0; 5])),
        ("empty DATA", request(1, "POST", "/five", 0, &[]), control_frames, &|_| data(0, 1, 0)),
        ("CVE-2023-44487", first_window(0), 2 * MAX_RESETS, &|number| {
            [get(stream(number), "/large"), reset(stream(number))].concat()
        }),
        ("CVE-2025-8671", first_window(0), 2 * MAX_RESETS, &|number| {
            [get(stream(number), "/large"), window_update(stream(number), 0)].concat()
        }),
        ("CVE-2024-27316", begun, 100, &|_| frame(Kind::Continuation, 0, 1, b"")),
        ("windows", [first_window(0), get(1, "/large")].concat(), 20_000, &|_| window_update(1, 1)),
    ] {
        let said = flood(&server, &first, count, bytes);
        let goaway = said.iter().find(|words| words.starts_with("goaway "));
        assert!(goaway.is_some_and(|words| words.ends_with(" ENHANCE_YOUR_CALM")), "{name}: {goaway:?}");
    }
}

#[test]
fn a_list_that_is_too_long_gets_431() {
    let server = serve();
    let mut peer = Peer::connect(server.address);
    let many = vec![("a", "b"); 101];
    peer.send(&request(1, "GET", "/five", END_STREAM, &many));
    assert_eq!(peer.reply(1).status, "431");
    assert_eq!(peer.get(3, "/five").body, b"12345");
}

#[test]
fn streams_in_flight_finish_after_sigterm() {
    // RFC 9113 section 6.8
    let mut server = serve();
    let mut peer = Peer::connect(server.address);
    peer.send(&[first_window(0), get(1, "/large")].concat());
    peer.expect(&["settings ack", "head 1 200"]);
    server.process.signal(libc::SIGTERM);
    peer.expect(&["goaway 2147483647 NO_ERROR"]);
    peer.send(&[first_window(1 << 24), window_update(0, 1 << 24)].concat());
    assert!(peer.reply(1).body == pattern(LARGE), "it is not the same");
    let said = peer.read_until("closed");
    assert!(
        said.iter().all(|words| words == "settings ack" || words == "goaway 1 NO_ERROR" || words == "closed"),
        "{said:?}"
    );
    assert!(server.process.await_exit().success());
}

#[test]
fn who_takes_nothing_loses_the_stream() {
    let site = Site::new();
    site.write("large", pattern(LARGE));
    let server = site.serve_with(&["--stall-timeout", "0.3"]);
    let mut peer = Peer::connect(server.address);
    peer.send(&[first_window(0), get(1, "/large")].concat());
    peer.expect(&["settings ack", "head 1 200", "reset 1 CANCEL"]);
}

#[test]
fn a_client_that_sends_no_more_gets_its_answers() {
    let server = serve();
    let mut peer = Peer::connect(server.address);
    peer.send(
        &[first_window(1 << 24), window_update(0, 1 << 24), get(1, "/large"), get(3, "/five")].concat(),
    );
    peer.finish_sending();
    assert!(peer.reply(1).body == pattern(LARGE), "it is not the same");
    assert_eq!(peer.reply(3).body, b"12345");
    assert_eq!(peer.read(), "closed");
}

#[test]
fn without_http_2() {
    let server = Site::new().serve_with(&["--no-http2"]);
    let mut client = server.connect();
    client.send([PREFACE, &frame(Kind::Settings, ACK, 0, b"")[..]].concat());
    let answer = String::from_utf8_lossy(&client.read_until_closed()).into_owned();
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
}
