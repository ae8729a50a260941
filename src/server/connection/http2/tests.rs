//! HTTP/2 on a connection, driven over a pair of sockets with a clock that the test moves.

use std::io::Read;
use std::time::Duration;

use super::super::tests::{Driver, LARGE, seconds};
use super::answering::{MAX_HELD_HEADS, MAX_PINNED_FILES};
use crate::http2::error::ErrorCode;
use crate::http2::frame::{self, Frame, Kind, PREFACE};
use crate::http2::hpack::Decoder;
use crate::http2::session::MAX_RESETS;
use crate::server::close_reason::CloseReason;
use crate::sys::epoll::Interest;

/// A client of a connection that is driven.
struct Client {
    driver: Driver,
    decoder: Decoder,
    /// Bytes that have come, and were not read as frames yet.
    bytes: Vec<u8>,
}

/// A frame that has come.
#[derive(Debug, PartialEq)]
enum Seen {
    Head(u32, String),
    /// Bytes of content, and whether they are the last ones.
    Data(u32, usize, bool),
    Reset(u32, u32),
    GoAway(u32, u32),
    Other(Kind),
}

impl Client {
    fn new() -> Client {
        Client::with_window(1 << 30)
    }

    fn of(driver: Driver) -> Client {
        Client { driver, decoder: Decoder::new(4096), bytes: Vec::new() }
    }

    /// A client that lets so many bytes through on each stream.
    fn with_window(window: u32) -> Client {
        let mut client = Client::of(Driver::new());
        let mut first = PREFACE.to_vec();
        frame::push_settings(&mut first, &[(frame::Setting::InitialWindowSize, window)]);
        frame::push_window_update(&mut first, 0, 1 << 30);
        client.driver.send(first);
        let expected = [Seen::Other(Kind::Settings), Seen::Other(Kind::Settings)];
        assert_eq!(client.seen(), expected);
        client
    }

    fn request(&mut self, stream: u32, path: &str, is_end: bool) -> Vec<u8> {
        let fields = [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "a")];
        let mut block = Vec::new();
        // Literals without indexing, names as they are (RFC 7541 section 6.2.2).
        for (name, value) in fields {
            block.push(0);
            for text in [name, value] {
                push_length(text.len(), &mut block);
                block.extend_from_slice(text.as_bytes());
            }
        }
        let mut out = Vec::new();
        frame::push_field_block(&mut out, stream, &block, is_end, 16_384);
        out
    }

    fn ask(&mut self, stream: u32, path: &str) {
        let request = self.request(stream, path, true);
        self.driver.send(request);
    }

    /// The frames that have come so far.
    fn seen(&mut self) -> Vec<Seen> {
        let _ = self.driver.client.read_to_end(&mut self.bytes);
        let mut seen = Vec::new();
        let bytes = std::mem::take(&mut self.bytes);
        let mut rest = &bytes[..];
        while let Some(frame) = Frame::read(rest).unwrap() {
            rest = &rest[frame.length()..];
            let number =
                |range: std::ops::Range<usize>| u32::from_be_bytes(frame.payload[range].try_into().unwrap());
            seen.push(match frame.kind.unwrap() {
                Kind::Headers => {
                    let mut status = String::new();
                    let field = |name: &[u8], value: &[u8]| {
                        if name == b":status" {
                            status = String::from_utf8(value.to_vec()).unwrap();
                        }
                    };
                    self.decoder.decode(frame.payload, field).unwrap();
                    Seen::Head(frame.stream, status)
                }
                Kind::Data => Seen::Data(frame.stream, frame.payload.len(), frame.has(frame::END_STREAM)),
                Kind::RstStream => Seen::Reset(frame.stream, number(0..4)),
                Kind::GoAway => Seen::GoAway(number(0..4), number(4..8)),
                kind => Seen::Other(kind),
            });
        }
        self.bytes = rest.to_vec();
        seen
    }

    /// Goes on until nothing more comes; returns what came.
    fn all(&mut self) -> Vec<Seen> {
        let mut all = Vec::new();
        loop {
            self.driver.do_jobs();
            self.driver.ready();
            let seen = self.seen();
            if seen.is_empty() && self.driver.jobs.is_empty() {
                return all;
            }
            all.extend(seen);
        }
    }
}

/// The length of a string without Huffman (RFC 7541 sections 5.1 and 5.2).
fn push_length(length: usize, block: &mut Vec<u8>) {
    let Some(mut rest) = length.checked_sub(127) else { return block.push(length as u8) };
    block.push(127);
    while rest >= 128 {
        block.push(rest as u8 | 128);
        rest >>= 7;
    }
    block.push(rest as u8);
}

fn ok(stream: u32) -> Seen {
    Seen::Head(stream, "200".into())
}

/// Bytes of content that came on a stream.
fn content(seen: &[Seen], id: u32) -> usize {
    let lengths = seen.iter().map(|seen| match seen {
        Seen::Data(stream, length, _) if *stream == id => *length,
        _ => 0,
    });
    lengths.sum()
}

#[test]
fn requests_are_answered_however_they_are_cut() {
    let mut bytes = PREFACE.to_vec();
    frame::push_settings(&mut bytes, &[]);
    for stream in [1, 3] {
        bytes.extend(Client::new().request(stream, "/a", true));
    }
    for cut in 0..=bytes.len() {
        let mut driver = Driver::new();
        for part in [&bytes[..cut], &bytes[cut..]].into_iter().filter(|part| !part.is_empty()) {
            driver.send(part);
            driver.do_jobs();
        }
        let mut client = Client::of(driver);
        let seen: Vec<Seen> =
            client.seen().into_iter().filter(|seen| !matches!(seen, Seen::Other(Kind::Settings))).collect();
        // Those that had to wait for a job are answered in the order in which the jobs are done.
        for stream in [1, 3] {
            let of_it =
                |seen: &&Seen| matches!(seen, Seen::Head(id, _) | Seen::Data(id, ..) if *id == stream);
            let found: Vec<_> = seen.iter().filter(of_it).collect();
            assert_eq!(found, [&ok(stream), &Seen::Data(stream, 5, true)], "cut at {cut}");
        }
        assert_eq!(seen.len(), 4, "cut at {cut}");
        assert!(client.driver.connection.is_idle(), "cut at {cut}");
    }
}

#[test]
fn an_idle_connection_ends_with_goaway() {
    let mut client = Client::new();
    let idle = client.driver.timeouts.idle;
    client.ask(1, "/a");
    client.all();
    client.driver.wait(idle - seconds(1));
    assert_eq!(client.driver.closed(), None);
    client.driver.wait(seconds(2));
    assert_eq!(client.driver.closed(), Some(CloseReason::TimedOut));
    assert_eq!(client.seen(), [Seen::GoAway(1, ErrorCode::NoError as u32)]);
    assert!(client.driver.is_ended());
}

#[test]
fn a_frame_has_the_time_of_a_head() {
    let mut client = Client::new();
    let (head, request) = (client.driver.timeouts.head, client.request(1, "/a", true));
    for byte in &request[..3] {
        client.driver.send([*byte]);
        client.driver.wait(head / 4);
    }
    assert_eq!(client.driver.closed(), None);
    client.driver.wait(head / 4 + seconds(1));
    assert_eq!(client.driver.closed(), Some(CloseReason::TimedOut));
}

#[test]
fn a_request_whose_content_does_not_come_is_answered_all_the_same() {
    let mut client = Client::new();
    let request = client.request(1, "/a", false);
    client.driver.send(request);
    client.driver.wait(client.driver.timeouts.stall - seconds(1));
    assert_eq!(client.seen(), []);
    client.driver.wait(seconds(2));
    let expected = [ok(1), Seen::Data(1, 5, true), Seen::Reset(1, ErrorCode::NoError as u32)];
    assert_eq!(client.all(), expected);
}

#[test]
fn a_window_that_does_not_grow_ends_its_stream_alone() {
    let mut client = Client::with_window(1000);
    client.ask(1, "/large");
    let seen = client.all();
    assert_eq!(content(&seen, 1), 1000);
    client.ask(3, "/a");
    assert_eq!(client.all(), [ok(3), Seen::Data(3, 5, true)]);
    client.driver.wait(client.driver.timeouts.stall + seconds(1));
    assert_eq!(client.all(), [Seen::Reset(1, ErrorCode::Cancel as u32)]);
    client.ask(5, "/a");
    assert_eq!(client.all(), [ok(5), Seen::Data(5, 5, true)]);
    assert_eq!(client.driver.closed(), None);
}

#[test]
fn a_client_that_reads_nothing_is_cut_off() {
    let mut client = Client::new();
    client.ask(1, "/large");
    client.driver.do_jobs();
    assert_eq!(client.driver.connection.interest(), Interest::Writable);
    client.driver.wait(client.driver.timeouts.stall - seconds(1));
    assert_eq!(client.driver.closed(), None);
    client.driver.wait(seconds(4));
    assert_eq!(client.driver.closed(), Some(CloseReason::TimedOut));
}

#[test]
fn a_small_response_does_not_wait_for_large_ones() {
    let mut client = Client::new();
    let last = 2 * MAX_PINNED_FILES as u32 + 3;
    for stream in (1..=last).step_by(2) {
        client.ask(stream, "/large");
    }
    // So many files are looked at at a time.
    assert_eq!(client.driver.jobs.len(), MAX_PINNED_FILES);
    client.ask(last + 2, "/a");
    let seen = client.all();
    let position = |wanted: &Seen| seen.iter().position(|seen| seen == wanted).unwrap();
    let end = |id: u32| {
        seen.iter().position(|seen| matches!(seen, Seen::Data(stream, _, true) if *stream == id)).unwrap()
    };
    for stream in (1..=last).step_by(2) {
        assert_eq!(content(&seen, stream), LARGE, "stream {stream}");
        assert!(stream == last || end(stream) < end(stream + 2), "one after the other");
    }
    assert!(position(&Seen::Data(last + 2, 5, true)) < end(1));
    // So many files are open at a time; the other requests wait.
    let heads = seen[..end(1)].iter().filter(|seen| matches!(seen, Seen::Head(..)));
    assert_eq!(heads.count(), MAX_PINNED_FILES + 1);
    assert!(client.driver.connection.is_idle());
}

#[test]
fn a_client_that_sends_no_more_gets_what_it_has_asked_for() {
    let mut client = Client::new();
    client.ask(1, "/large");
    client.driver.client.shutdown(std::net::Shutdown::Write).unwrap();
    client.driver.receive();
    let seen = client.all();
    assert_eq!(content(&seen, 1), LARGE);
    client.driver.wait(seconds(1));
    assert_eq!(client.driver.closed(), Some(CloseReason::ClientClosed));
}

#[test]
fn a_server_that_stops_says_so_and_answers_what_is_on_its_way() {
    let mut client = Client::new();
    client.driver.is_stopping = true;
    client.driver.ready();
    assert_eq!(client.seen(), [Seen::GoAway(frame::MAX_WINDOW, ErrorCode::NoError as u32)]);
    client.ask(1, "/a");
    assert_eq!(client.all(), [ok(1), Seen::Data(1, 5, true)]);
    client.driver.has_drained = true;
    client.ask(3, "/a");
    let expected =
        [Seen::GoAway(1, ErrorCode::NoError as u32), Seen::Reset(3, ErrorCode::RefusedStream as u32)];
    assert_eq!(client.seen(), expected);
}

#[test]
fn a_broken_protocol_is_told_and_ends_the_connection() {
    let mut client = Client::new();
    let mut wrong = Vec::new();
    frame::push_window_update(&mut wrong, 7, 1);
    client.driver.send(wrong);
    assert_eq!(client.seen(), [Seen::GoAway(0, ErrorCode::ProtocolError as u32)]);
    assert!(client.driver.is_ended());
    client.driver.wait(Duration::from_secs(60));
    assert!(matches!(client.driver.closed(), Some(CloseReason::Broken(_))));
}

#[test]
fn few_heads_are_kept_and_who_goes_on_is_sent_away() {
    let mut client = Client::new();
    let path = format!("/{}", "x".repeat(10_000));
    let kept = MAX_HELD_HEADS as u32 / 10_100;
    for stream in (1..).step_by(2).take((kept + MAX_RESETS + 2) as usize) {
        let request = client.request(stream, &path, false);
        client.driver.send(request);
    }
    let seen = client.seen();
    let refused =
        |seen: &&Seen| matches!(seen, Seen::Reset(_, code) if *code == ErrorCode::RefusedStream as u32);
    assert_eq!(seen.iter().filter(refused).count(), MAX_RESETS as usize);
    assert!(matches!(seen[0], Seen::Reset(stream, _) if stream > 2 * kept));
    assert!(matches!(seen.last(), Some(Seen::GoAway(_, code)) if *code == ErrorCode::EnhanceYourCalm as u32));
}

#[test]
fn an_idle_connection_holds_little() {
    assert!(size_of::<super::Http2>() <= 1024, "{} bytes", size_of::<super::Http2>());
}
