//! The cases of h2spec 2.6 (github.com/summerwind/h2spec), as far as no server is needed, in its order and with its
//! numbers of sections, which are those of RFC 7540. What needs one is in `tests/black_box/http2.rs`.
//!
//! Two cases are answered otherwise, as RFC 9113 has removed the priorities of RFC 7540: a stream may depend on itself
//! (section 5.3.1 there).

use super::windows::{answer, sendings};
use super::*;

const PONG: &str = "ping ack";
const PROTOCOL: &str = "error ProtocolError";
const SIZE: &str = "error FrameSizeError";
const FLOW: &str = "error FlowControlError";
const COMPRESSION: &str = "error CompressionError";
const CLOSED: &str = "error StreamClosed";
const MALFORMED: &str = "reset 1 ProtocolError";
const REQUEST: &str = "request 1";

type Row = (&'static str, &'static str, Vec<Vec<u8>>, &'static str);

fn check(rows: Vec<Row>) {
    for (section, name, frames, expected) in rows {
        assert_eq!(Client::new().send_all(&frames), expected, "{section}: {name}");
    }
}

fn ping() -> Vec<u8> {
    frame(PING, 0, 0, b"h2spec\0\0")
}

fn priority(stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(PRIORITY, 0, stream, payload)
}

fn dummy(flags: u8, stream: u32) -> Vec<u8> {
    frame(CONTINUATION, flags, stream, &block(&[("x-dummy0", "dummy")]))
}

/// A request without its end.
fn part(flags: u8, stream: u32) -> Vec<u8> {
    headers(flags, stream, &GET)
}

fn with(more: &[(&str, &str)]) -> Vec<u8> {
    headers(WHOLE, 1, &[&GET[..], more].concat())
}

/// A request whose block ends with these bytes.
fn ending(bytes: &[u8]) -> Vec<u8> {
    frame(HEADERS, WHOLE, 1, &[&block(&GET), bytes].concat())
}

#[test]
fn generic() {
    let padded = [&[8][..], &block(&GET), &[0; 8]].concat();
    let with_priority = [&[0, 0, 0, 0, 255], &block(&GET)[..]].concat();
    check(vec![
        ("1", "a client connection preface", vec![ping()], PONG),
        ("2", "PRIORITY, idle", vec![priority(1, &[0, 0, 0, 0, 255]), ping()], PONG),
        ("2", "WINDOW_UPDATE, half closed", vec![get(1), window_update(1, 1)], REQUEST),
        ("2", "PRIORITY, half closed", vec![get(1), priority(1, &[0, 0, 0, 0, 255])], REQUEST),
        ("2", "RST_STREAM, half closed", vec![get(1), rst_stream(1), ping()], "request 1, ended 1, ping ack"),
        ("3.1", "DATA", vec![post(1), data(END_STREAM, 1, 4)], "beginning 1, complete 1"),
        (
            "3.1",
            "DATA, several",
            vec![post(1), data(0, 1, 4), data(END_STREAM, 1, 4)],
            "beginning 1, complete 1",
        ),
        (
            "3.1",
            "DATA, padded",
            vec![post(1), frame(DATA, PADDED | END_STREAM, 1, b"\x05test\0\0\0\0\0")],
            "beginning 1, complete 1",
        ),
        ("3.2", "HEADERS", vec![get(1)], REQUEST),
        ("3.2", "HEADERS, padded", vec![frame(HEADERS, WHOLE | PADDED, 1, &padded)], REQUEST),
        ("3.2", "HEADERS, priority", vec![frame(HEADERS, WHOLE | WITH_PRIORITY, 1, &with_priority)], REQUEST),
        ("3.3", "PRIORITY 1", vec![priority(1, &[0; 5]), get(1)], REQUEST),
        ("3.3", "PRIORITY 256", vec![priority(1, &[0, 0, 0, 0, 255]), get(1)], REQUEST),
        (
            "3.3",
            "PRIORITY, dependency",
            vec![priority(1, &[0; 5]), priority(3, &[0, 0, 0, 1, 9]), get(1)],
            REQUEST,
        ),
        ("3.3", "PRIORITY, exclusive", vec![priority(3, &[128, 0, 0, 1, 9]), get(1)], REQUEST),
        ("3.3", "PRIORITY, then a lower stream", vec![priority(5, &[0; 5]), get(3)], "request 3"),
        ("3.4", "RST_STREAM", vec![post(1), rst_stream(1), ping()], "beginning 1, ended 1, ping ack"),
        ("3.5", "SETTINGS", vec![settings(&[(3, 100)])], "settings ack"),
        ("3.7", "PING", vec![ping()], PONG),
        ("3.8", "GOAWAY", vec![frame(GOAWAY, 0, 0, &[0; 8]), ping()], PONG),
        ("3.9", "WINDOW_UPDATE of the connection", vec![window_update(0, 1), get(1)], REQUEST),
        ("3.9", "WINDOW_UPDATE of a stream", vec![get(1), window_update(1, 1)], REQUEST),
        ("3.10", "CONTINUATION", vec![part(END_STREAM, 1), dummy(END_HEADERS, 1)], REQUEST),
        ("3.10", "CONTINUATION, two", vec![part(END_STREAM, 1), dummy(0, 1), dummy(END_HEADERS, 1)], REQUEST),
        ("4", "GET", vec![get(1)], REQUEST),
        ("4", "HEAD", vec![headers(WHOLE, 1, &[&[(":method", "HEAD")], &GET[1..]].concat())], REQUEST),
        ("4", "POST", vec![post(1), data(END_STREAM, 1, 4)], "beginning 1, complete 1"),
        (
            "4",
            "POST with trailers",
            vec![post(1), data(0, 1, 4), headers(WHOLE, 1, &[("x-test", "ok")])],
            "beginning 1, complete 1",
        ),
    ]);
    let mut client = Client::new();
    client.send(&get(1));
    client.finish(1);
    assert_eq!(client.send_all(&[priority(1, &[0, 0, 0, 0, 255]), ping()]), PONG, "2: PRIORITY, closed");
}

#[test]
fn generic_hpack() {
    for bytes in [
        &b"\xba"[..],
        b"\x40\x87\xb5\x05\xb1\x61\xcc\x5a\x93\x84\x9c\x48\xac\xa4",
        b"\x40\x0auser-agent\x06h2spec",
        b"\x40\x06x-test\x06h2spec",
        b"\x40\x85\xf2\xb2\x4a\x84\xff\x84\x9c\x48\xac\xa4",
        b"\x00\x0auser-agent\x06h2spec",
        b"\x00\x87\xb5\x05\xb1\x61\xcc\x5a\x93\x84\x9c\x48\xac\xa4",
        b"\x00\x06x-test\x06h2spec",
        b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x9c\x48\xac\xa4",
        b"\x10\x0auser-agent\x06h2spec",
        b"\x10\x87\xb5\x05\xb1\x61\xcc\x5a\x93\x84\x9c\x48\xac\xa4",
        b"\x10\x85\xf2\xb2\x4a\x84\xff\x84\x9c\x48\xac\xa4",
    ] {
        assert_eq!(Client::new().send(&ending(bytes)), REQUEST, "5: {bytes:x?}");
    }
    for sizes in [&b"\x3f\x61"[..], b"\x3f\x61\x3f\xe1\x1f"] {
        let bytes = frame(HEADERS, WHOLE, 1, &[sizes, &block(&GET)].concat());
        assert_eq!(Client::new().send(&bytes), REQUEST, "5: {sizes:x?}");
    }
}

#[test]
fn frames() {
    let unknown = || b"\0\0\x08\x16\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    let large = vec![b'x'; 16_385];
    check(vec![
        ("4.1", "an unknown type", vec![unknown(), ping()], PONG),
        ("4.1", "an undefined flag", vec![frame(PING, 0x16, 0, &[0; 8])], PONG),
        ("4.1", "the reserved bit", vec![frame(PING, 0x16, 1 << 31, &[0; 8])], PONG),
        ("4.2", "DATA of 2^14", vec![post(1), data(END_STREAM, 1, 16_384)], "beginning 1, complete 1"),
        (
            "4.2",
            "large DATA",
            vec![post(1), frame(DATA, END_STREAM, 1, &large)],
            "beginning 1, error FrameSizeError",
        ),
        ("4.2", "large HEADERS", vec![frame(HEADERS, WHOLE, 1, &large)], SIZE),
        ("4.3", "an invalid block", vec![b"\0\0\x01\x01\x05\0\0\0\x01\x40".to_vec()], COMPRESSION),
        ("4.3", "PRIORITY in a block", vec![part(0, 1), priority(1, &[0, 0, 0, 0, 255])], PROTOCOL),
        ("4.3", "HEADERS in a block", vec![part(0, 1), get(3)], PROTOCOL),
        ("5.4.1", "an invalid PING", vec![frame(PING, 0, 0, &[0; 6])], SIZE),
        ("5.5", "an unknown frame", vec![unknown(), ping()], PONG),
        ("5.5", "an unknown frame in a block", vec![part(END_STREAM, 1), unknown()], PROTOCOL),
    ]);
}

#[test]
fn streams() {
    let self_dependent = [&[0, 0, 0, 1, 255], &block(&GET)[..]].concat();
    check(vec![
        ("5.1", "idle: DATA", vec![data(END_STREAM, 1, 4)], PROTOCOL),
        ("5.1", "idle: RST_STREAM", vec![rst_stream(1)], PROTOCOL),
        ("5.1", "idle: WINDOW_UPDATE", vec![window_update(1, 100)], PROTOCOL),
        ("5.1", "idle: CONTINUATION", vec![dummy(END_HEADERS, 1)], PROTOCOL),
        (
            "5.1",
            "half closed: DATA",
            vec![get(1), data(END_STREAM, 1, 4)],
            "request 1, reset 1 StreamClosed, ended 1",
        ),
        ("5.1", "half closed: HEADERS", vec![get(1), get(1)], "request 1, reset 1 StreamClosed, ended 1"),
        (
            "5.1",
            "half closed: CONTINUATION",
            vec![get(1), dummy(END_HEADERS, 1)],
            "request 1, error ProtocolError",
        ),
        (
            "5.1",
            "closed by RST_STREAM: DATA",
            vec![post(1), rst_stream(1), data(END_STREAM, 1, 4)],
            "beginning 1, ended 1, reset 1 StreamClosed",
        ),
        (
            "5.1",
            "closed by RST_STREAM: HEADERS",
            vec![post(1), rst_stream(1), get(1)],
            "beginning 1, ended 1, error StreamClosed",
        ),
        (
            "5.1",
            "closed by RST_STREAM: CONTINUATION",
            vec![post(1), rst_stream(1), dummy(END_HEADERS, 1)],
            "beginning 1, ended 1, error ProtocolError",
        ),
        ("5.1.1", "an even number", vec![get(2)], PROTOCOL),
        ("5.1.1", "a lower number", vec![get(5), get(3)], "request 5, error ProtocolError"),
        (
            "5.3.1, removed",
            "HEADERS",
            vec![frame(HEADERS, WHOLE | WITH_PRIORITY, 1, &self_dependent)],
            REQUEST,
        ),
        ("5.3.1, removed", "PRIORITY", vec![priority(2, &[0, 0, 0, 2, 255]), ping()], PONG),
    ]);
    // 5.1: closed by both sides.
    for (frame, expected) in [
        (data(END_STREAM, 1, 4), "reset 1 StreamClosed"),
        (get(1), CLOSED),
        (dummy(END_HEADERS, 1), PROTOCOL),
    ] {
        let mut client = Client::new();
        client.send(&get(1));
        client.finish(1);
        assert_eq!(client.send(&frame), expected, "5.1: closed, {frame:?}");
    }
    // 5.1.2
    let mut client = Client::new();
    client.send(&settings(&[(4, 0)]));
    let words = client.send_all(&(0..101).map(|number| get(2 * number + 1)).collect::<Vec<_>>());
    assert!(words.ends_with(", request 199, reset 201 RefusedStream"), "5.1.2: {words}");
}

#[test]
fn each_kind() {
    let padding = [&[block(&GET).len() as u8 + 2], &block(&GET)[..]].concat();
    let both = "request 1, error ProtocolError";
    let reset = "beginning 1, reset 1 ProtocolError, ended 1";
    let windows = |stream| vec![window_update(stream, (1 << 31) - 1), window_update(stream, (1 << 31) - 1)];
    check(vec![
        ("6.1", "on the connection", vec![data(END_STREAM, 0, 4)], PROTOCOL),
        ("6.1", "not open", vec![get(1), data(END_STREAM, 1, 4)], "request 1, reset 1 StreamClosed, ended 1"),
        ("6.1", "padding", vec![post(1), frame(DATA, 9, 1, b"\x06Test")], "beginning 1, error ProtocolError"),
        (
            "6.2",
            "PRIORITY in the block",
            vec![part(END_STREAM, 1), priority(1, &[0, 0, 0, 0, 255])],
            PROTOCOL,
        ),
        ("6.2", "another stream", vec![part(END_STREAM, 1), get(3)], PROTOCOL),
        ("6.2", "on the connection", vec![get(0)], PROTOCOL),
        ("6.2", "padding", vec![frame(HEADERS, 0x0d, 1, &padding)], PROTOCOL),
        ("6.3", "on the connection", vec![priority(0, &[0, 0, 0, 0, 255])], PROTOCOL),
        (
            "6.3",
            "length",
            vec![get(1), priority(1, &[128, 0, 0, 1])],
            "request 1, reset 1 FrameSizeError, ended 1",
        ),
        ("6.4", "on the connection", vec![rst_stream(0)], PROTOCOL),
        ("6.4", "idle", vec![rst_stream(1)], PROTOCOL),
        (
            "6.4",
            "length",
            vec![post(1), frame(RST_STREAM, 0, 1, &[0; 3])],
            "beginning 1, error FrameSizeError",
        ),
        ("6.5", "ACK with a payload", vec![frame(SETTINGS, ACK, 0, &[0])], SIZE),
        ("6.5", "on a stream", vec![frame(SETTINGS, 0, 1, &[0, 3, 0, 0, 0, 100])], PROTOCOL),
        ("6.5", "length", vec![frame(SETTINGS, 0, 0, &[0, 3, 0])], SIZE),
        ("6.5.2", "SETTINGS_ENABLE_PUSH", vec![settings(&[(2, 2)])], PROTOCOL),
        ("6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE", vec![settings(&[(4, 1 << 31)])], FLOW),
        ("6.5.2", "SETTINGS_MAX_FRAME_SIZE, small", vec![settings(&[(5, 16_383)])], PROTOCOL),
        ("6.5.2", "SETTINGS_MAX_FRAME_SIZE, large", vec![settings(&[(5, 16_777_216)])], PROTOCOL),
        ("6.5.2", "unknown", vec![settings(&[(0xff, 1)]), ping()], "settings ack, ping ack"),
        ("6.5.3", "without ACK", vec![settings(&[])], "settings ack"),
        ("6.7", "PING", vec![ping()], PONG),
        ("6.7", "PING with ACK", vec![frame(PING, ACK, 0, b"invalid\0"), ping()], PONG),
        ("6.7", "on a stream", vec![frame(PING, 0, 1, &[0; 8])], PROTOCOL),
        ("6.7", "length", vec![frame(PING, 0, 0, &[0; 6])], SIZE),
        ("6.8", "on a stream", vec![frame(GOAWAY, 0, 1, &[0; 8])], PROTOCOL),
        ("6.9", "0", vec![window_update(0, 0)], PROTOCOL),
        ("6.9", "0 on a stream", vec![post(1), window_update(1, 0)], reset),
        ("6.9", "length", vec![frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1])], SIZE),
        ("6.9.1", "above 2^31-1", windows(0), FLOW),
        (
            "6.9.1",
            "above 2^31-1 on a stream",
            [vec![get(1)], windows(1)].concat(),
            "request 1, reset 1 FlowControlError, ended 1",
        ),
        ("6.9.2", "above 2^31-1", vec![settings(&[(4, 1 << 31)])], FLOW),
        ("6.10", "several", vec![part(END_STREAM, 1), dummy(0, 1), dummy(END_HEADERS, 1)], REQUEST),
        ("6.10", "then DATA", vec![part(0, 1), dummy(0, 1), data(END_STREAM, 1, 4)], PROTOCOL),
        ("6.10", "on the connection", vec![part(END_STREAM, 1), dummy(END_HEADERS, 0)], PROTOCOL),
        ("6.10", "after END_HEADERS", vec![get(1), dummy(END_HEADERS, 1)], both),
        (
            "6.10",
            "after END_HEADERS of CONTINUATION",
            vec![part(END_STREAM, 1), dummy(END_HEADERS, 1), dummy(END_HEADERS, 1)],
            both,
        ),
        ("6.10", "after DATA", vec![part(0, 1), data(END_STREAM, 1, 4), dummy(0, 1), dummy(0, 0)], PROTOCOL),
        ("7", "GOAWAY, unknown code", vec![frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 255]), ping()], PONG),
        (
            "7",
            "RST_STREAM, unknown code",
            vec![post(1), frame(RST_STREAM, 0, 1, &[0, 0, 0, 255]), ping()],
            "beginning 1, ended 1, ping ack",
        ),
    ]);
}

#[test]
fn windows() {
    const FIRST: u16 = 4;
    // 6.5.3 and 6.9: settings, what is then sent, more frames, and what is sent after them.
    for (section, first, before, frames, then) in [
        ("6.5.3", &[(FIRST, 100), (FIRST, 1)][..], &[(1, 1)][..], vec![], &[][..]),
        ("6.9.1", &[(FIRST, 1)], &[(1, 1)], vec![], &[]),
        ("6.9.2", &[(FIRST, 0)], &[], vec![settings(&[(FIRST, 1)])], &[(1, 1)]),
        ("6.9.2", &[(FIRST, 3)], &[(1, 3)], vec![settings(&[(FIRST, 2)]), window_update(1, 2)], &[(1, 1)]),
    ] {
        let mut client = Client::new();
        client.send_all(&[settings(first), get(1)]);
        answer(&mut client, 1, 100);
        assert_eq!(sendings(&mut client), before, "{section}");
        client.send_all(&frames);
        assert_eq!(sendings(&mut client), then, "{section}");
    }
}

#[test]
fn messages() {
    let announced = || headers(END_HEADERS, 1, &[&GET[..], &[("content-length", "1")]].concat());
    let reset = "beginning 1, reset 1 ProtocolError, ended 1";
    let trailers = |fields: &[(&str, &str)]| headers(END_HEADERS, 1, fields);
    check(vec![
        (
            "8.1",
            "a second HEADERS without END_STREAM",
            vec![post(1), data(0, 1, 4), trailers(&[("x-test", "ok")])],
            reset,
        ),
        ("8.1.2", "upper case", vec![with(&[("X-TEST", "ok")])], MALFORMED),
        ("8.1.2.1", "unknown", vec![with(&[(":test", "ok")])], MALFORMED),
        ("8.1.2.1", "of responses", vec![with(&[(":status", "200")])], MALFORMED),
        ("8.1.2.1", "in trailers", vec![post(1), data(0, 1, 4), trailers(&[(":method", "POST")])], reset),
        (
            "8.1.2.1",
            "after a field",
            vec![headers(WHOLE, 1, &[&[("x-test", "ok")], &GET[..]].concat())],
            MALFORMED,
        ),
        ("8.1.2.2", "connection", vec![with(&[("connection", "keep-alive")])], MALFORMED),
        ("8.1.2.2", "te", vec![with(&[("trailers", "test"), ("te", "trailers, deflate")])], MALFORMED),
        (
            "8.1.2.3",
            "empty path",
            vec![headers(WHOLE, 1, &[GET[0], GET[1], (":path", ""), GET[3]])],
            MALFORMED,
        ),
        ("8.1.2.3", "no method", vec![headers(WHOLE, 1, &GET[1..])], MALFORMED),
        ("8.1.2.3", "no scheme", vec![headers(WHOLE, 1, &[GET[0], GET[2], GET[3]])], MALFORMED),
        ("8.1.2.3", "no path", vec![headers(WHOLE, 1, &[GET[0], GET[1], GET[3]])], MALFORMED),
        ("8.1.2.3", "two methods", vec![with(&[GET[0]])], MALFORMED),
        ("8.1.2.3", "two schemes", vec![with(&[GET[1]])], MALFORMED),
        ("8.1.2.3", "two paths", vec![with(&[GET[2]])], MALFORMED),
        ("8.1.2.6", "one DATA", vec![announced(), data(END_STREAM, 1, 4)], reset),
        ("8.1.2.6", "two DATA", vec![announced(), data(0, 1, 4), data(END_STREAM, 1, 4)], reset),
        ("8.2", "PUSH_PROMISE", vec![frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 3, 0x82])], PROTOCOL),
    ]);
}

#[test]
fn hpack() {
    let large = frame(HEADERS, WHOLE, 1, &[&b"\x3f\xe2\x1f"[..], &block(&GET)].concat());
    check(vec![
        ("2.3.3", "an unknown index", vec![ending(b"\xc6")], COMPRESSION),
        ("2.3.3", "an unknown index of a name", vec![ending(b"\x7f\x07\x00")], COMPRESSION),
        ("4.2", "a size at the end", vec![ending(b"\x21")], COMPRESSION),
        (
            "5.2",
            "padding of more than 7 bits",
            vec![ending(b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff")],
            COMPRESSION,
        ),
        (
            "5.2",
            "padding of zeros",
            vec![ending(b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90")],
            COMPRESSION,
        ),
        (
            "5.2",
            "the symbol of the end",
            vec![ending(b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f")],
            COMPRESSION,
        ),
        ("6.1", "the index 0", vec![ending(b"\x80")], COMPRESSION),
        ("6.3", "a size that is too large", vec![large], COMPRESSION),
    ]);
}
