//! Each kind of frame on a stream in each state (RFC 9113 sections 5.1 and 6), and in each wrong size.

use super::*;

/// What the stream of each number is to a [`client`]; the last one has not begun, and 0 is the connection.
const STREAMS: [u32; 9] = [0, 1, 3, 5, 7, 9, 11, 15, 2];

/// A client with a stream in each state: one open, one half closed (remote), one that was answered, one that the server
/// has reset, one that the client has reset, and one that was left out. The highest is 13.
fn client() -> Client {
    let mut client = Client::new();
    assert_eq!(client.send(&post(1)), "beginning 1");
    assert_eq!(client.send(&get(3)), "request 3");
    client.send(&get(5));
    assert_eq!(client.finish(5), "");
    client.send(&post(7));
    assert_eq!(client.finish(7), "reset 7 NoError");
    client.send(&get(9));
    assert_eq!(client.send(&rst_stream(9)), "ended 9");
    assert_eq!(client.send(&get(13)), "request 13");
    client
}

/// The words for each stream: `P` is a connection error PROTOCOL_ERROR, `C` one STREAM_CLOSED, `S` a stream error of it,
/// `-` nothing, and anything else is told as it is.
fn row(kind: &str, expected: [&str; 9], bytes: impl Fn(u32) -> Vec<u8>) {
    for (stream, expected) in STREAMS.into_iter().zip(expected) {
        let is_kept = stream == 1 || stream == 3;
        let expected = match expected {
            "-" => String::new(),
            "P" => "error ProtocolError".into(),
            "C" => "error StreamClosed".into(),
            "S" if is_kept => format!("reset {stream} StreamClosed, ended {stream}"),
            "S" => format!("reset {stream} StreamClosed"),
            other => other.into(),
        };
        assert_eq!(client().send(&bytes(stream)), expected, "{kind} on stream {stream}");
    }
}

#[test]
fn each_kind_in_each_state() {
    // The connection, open, half closed, answered, reset by the server, by the client, left out, idle, of the server.
    // Sections 5.1, 5.1.1 and 6.1.
    row("DATA", ["P", "-", "S", "S", "-", "S", "S", "P", "P"], |stream| data(0, stream, 1));
    let end = "complete 1";
    row("the last DATA", ["P", end, "S", "S", "-", "S", "S", "P", "P"], |stream| data(END_STREAM, stream, 1));
    // Section 6.2 and 8.1: in the open state they are trailers.
    let trailers = |flags| move |stream| headers(flags, stream, &[("a", "b")]);
    let malformed = "reset 15 ProtocolError";
    row("trailers", ["P", end, "S", "C", "-", "C", "P", malformed, "P"], trailers(WHOLE));
    let not_last = "reset 1 ProtocolError, ended 1";
    row("HEADERS", ["P", not_last, "S", "C", "-", "C", "P", "beginning 15", "P"], post);
    let pseudo_fields = not_last;
    row("a request", ["P", pseudo_fields, "S", "C", "-", "C", "P", "request 15", "P"], get);
    // Section 6.3
    let priority = |stream| frame(PRIORITY, 0, stream, &[0, 0, 0, 0, 15]);
    row("PRIORITY", ["P", "-", "-", "-", "-", "-", "-", "-", "-"], priority);
    // Section 6.4
    row("RST_STREAM", ["P", "ended 1", "ended 3", "-", "-", "-", "-", "P", "P"], rst_stream);
    // Section 6.5
    let settings = |stream| frame(SETTINGS, 0, stream, b"");
    row("SETTINGS", ["settings ack", "P", "P", "P", "P", "P", "P", "P", "P"], settings);
    let ack = |stream| frame(SETTINGS, ACK, stream, b"");
    row("their acknowledgment", ["-", "P", "P", "P", "P", "P", "P", "P", "P"], ack);
    // Section 6.6: a client never promises.
    row("PUSH_PROMISE", ["P"; 9], |stream| frame(PUSH_PROMISE, END_HEADERS, stream, &[0, 0, 0, 2]));
    // Section 6.7
    let ping = |flags| move |stream| frame(PING, flags, stream, b"12345678");
    row("PING", ["ping ack", "P", "P", "P", "P", "P", "P", "P", "P"], ping(0));
    row("its acknowledgment", ["-", "P", "P", "P", "P", "P", "P", "P", "P"], ping(ACK));
    // Section 6.8
    row("GOAWAY", ["-", "P", "P", "P", "P", "P", "P", "P", "P"], |stream| frame(GOAWAY, 0, stream, &[0; 8]));
    // Section 6.9
    row("WINDOW_UPDATE", ["-", "-", "-", "-", "-", "-", "-", "P", "P"], |stream| window_update(stream, 1));
    let zero = "reset 3 ProtocolError, ended 3";
    let nothing = |stream| window_update(stream, 0);
    row("WINDOW_UPDATE of 0", ["P", not_last, zero, "-", "-", "-", "-", "P", "P"], nothing);
    // Section 6.10
    row("CONTINUATION", ["P"; 9], |stream| frame(CONTINUATION, END_HEADERS, stream, b""));
    // Section 5.5
    row("unknown", ["-"; 9], |stream| frame(UNKNOWN, 0xff, stream, b"x"));
    // RFC 9218 section 7.1: it is on the connection, and names a request.
    let named = |stream| priority_update(stream, "u=1");
    row("PRIORITY_UPDATE for", ["P", "-", "-", "-", "-", "-", "-", "-", "P"], named);
    let on = |stream| frame(PRIORITY_UPDATE, 0, stream, &[0, 0, 0, 1]);
    row("PRIORITY_UPDATE on", ["-", "P", "P", "P", "P", "P", "P", "P", "P"], on);
}

#[test]
fn each_kind_in_a_wrong_size() {
    // RFC 9113 sections 4.2 and 6
    let size = "error FrameSizeError";
    let rows: [(&str, Vec<u8>, &str); 28] = [
        ("6.3", frame(PRIORITY, 0, 1, &[0; 4]), "reset 1 FrameSizeError, ended 1"),
        ("6.3", frame(PRIORITY, 0, 1, &[0; 6]), "reset 1 FrameSizeError, ended 1"),
        ("6.3, one that has not begun cannot be reset", frame(PRIORITY, 0, 15, &[0; 4]), size),
        ("6.4", frame(RST_STREAM, 0, 1, &[0; 3]), size),
        ("6.4", frame(RST_STREAM, 0, 1, &[0; 5]), size),
        ("6.5", frame(SETTINGS, 0, 0, &[0; 5]), size),
        ("6.5", frame(SETTINGS, 0, 0, &[0; 7]), size),
        ("6.5", frame(SETTINGS, ACK, 0, &[0; 6]), size),
        ("6.7", frame(PING, 0, 0, &[0; 7]), size),
        ("6.7", frame(PING, 0, 0, &[0; 9]), size),
        ("6.7", frame(PING, ACK, 0, &[0; 7]), size),
        ("6.8", frame(GOAWAY, 0, 0, &[0; 7]), size),
        ("6.8, with words", frame(GOAWAY, 0, 0, &[b'x'; 100]), ""),
        ("6.9", frame(WINDOW_UPDATE, 0, 0, &[0; 3]), size),
        ("6.9", frame(WINDOW_UPDATE, 0, 1, &[0; 5]), size),
        ("9218 7.1", frame(PRIORITY_UPDATE, 0, 0, &[0; 3]), size),
        ("6.1", frame(DATA, PADDED, 1, b""), size),
        ("6.1, the length of the padding alone", frame(DATA, PADDED, 1, b"\0"), ""),
        ("6.1, all of it", frame(DATA, PADDED, 1, b"\x02ab"), ""),
        ("6.1", frame(DATA, PADDED, 1, b"\x03ab"), "error ProtocolError"),
        ("6.2", frame(HEADERS, PADDED | WHOLE, 15, b""), size),
        ("6.2", frame(HEADERS, PADDED | WHOLE, 15, b"\x01"), "error ProtocolError"),
        ("6.2", frame(HEADERS, WITH_PRIORITY | WHOLE, 15, b"1234"), size),
        (
            "6.2, the padding reaches into the priority",
            frame(HEADERS, PADDED | WITH_PRIORITY | WHOLE, 15, b"\x0112345"),
            "error ProtocolError",
        ),
        ("4.2, the longest", frame(UNKNOWN, 0, 0, &vec![0; 16_384]), ""),
        ("4.2", frame(UNKNOWN, 0, 0, &vec![0; 16_385]), size),
        ("4.2", frame(DATA, 0, 1, &vec![0; 16_385]), size),
        ("4.2, by its header", frame(HEADERS, 0, 15, &vec![0; 16_385])[..9].to_vec(), size),
    ];
    for (section, bytes, expected) in rows {
        assert_eq!(client().send(&bytes), expected, "section {section}: {:?}", &bytes[..9]);
    }
}

#[test]
fn what_is_padded_or_has_a_priority_is_the_same_request() {
    let block = block(&GET);
    for (flags, payload) in [
        (WHOLE | PADDED, [&[3][..], &block, &[0; 3]].concat()),
        // Padding that is not zero may be refused, and is not (section 6.1).
        (WHOLE | PADDED, [&[3][..], &block, b"abc"].concat()),
        (WHOLE | WITH_PRIORITY, [&[0x80, 0, 0, 15, 255], &block[..]].concat()),
        (WHOLE | WITH_PRIORITY | PADDED, [&[1, 0, 0, 0, 0, 15], &block[..], &[0]].concat()),
        // Flags that HEADERS do not have.
        (WHOLE | 0xd2, block.clone()),
    ] {
        let mut client = client();
        assert_eq!(client.send(&frame(HEADERS, flags, 15, &payload)), "request 15");
        let request = client.head.request().expect("a request");
        assert_eq!(request.line().1, b"/");
    }
    // The reserved bit before the number (section 4.1).
    assert_eq!(client().send(&frame(HEADERS, WHOLE, 15 | 1 << 31, &block)), "request 15");
}

#[test]
fn settings_are_checked() {
    // RFC 9113 section 6.5.2; RFC 9218 section 2.1
    let (protocol, window) = ("error ProtocolError", "error FlowControlError");
    for (setting, value, expected) in [
        (0x1, 0, ""),
        (0x1, u32::MAX, ""),
        (0x2, 0, ""),
        (0x2, 1, ""),
        (0x2, 2, protocol),
        (0x3, 0, ""),
        (0x3, u32::MAX, ""),
        (0x4, 0, ""),
        (0x4, (1 << 31) - 1, ""),
        (0x4, 1 << 31, window),
        (0x5, 16_383, protocol),
        (0x5, 16_384, ""),
        (0x5, (1 << 24) - 1, ""),
        (0x5, 1 << 24, protocol),
        (0x6, 0, ""),
        (0x9, 0, ""),
        (0x9, 1, ""),
        (0x9, 2, protocol),
        (0x0, 7, ""),
        (0xffff, u32::MAX, ""),
    ] {
        let expected = if expected.is_empty() { "settings ack" } else { expected };
        assert_eq!(client().send(&settings(&[(setting, value)])), expected, "{setting} = {value}");
        assert_eq!(client().send(&settings(&[(1, 2), (setting, value), (3, 4)])), expected);
    }
}

#[test]
fn field_blocks_are_continued() {
    // RFC 9113 sections 4.3, 6.2 and 6.10
    let block = block(&GET);
    let (first, last) = block.split_at(7);
    let begun = frame(HEADERS, END_STREAM, 15, first);
    let end = frame(CONTINUATION, END_HEADERS, 15, last);
    let empty = frame(CONTINUATION, 0, 15, b"");
    let protocol = "error ProtocolError";
    for (frames, expected) in [
        (vec![begun.clone(), end.clone()], "request 15"),
        (vec![begun.clone(), empty.clone(), end.clone()], "request 15"),
        (
            vec![frame(HEADERS, END_STREAM, 15, b""), frame(CONTINUATION, END_HEADERS, 15, &block)],
            "request 15",
        ),
        (vec![frame(HEADERS, 0, 15, first), end.clone()], "beginning 15"),
        // END_STREAM and padding are no flags of CONTINUATION.
        (vec![frame(HEADERS, 0, 15, first), frame(CONTINUATION, 0xff, 15, last)], "beginning 15"),
        // Trailers.
        (vec![frame(HEADERS, END_STREAM, 1, b""), frame(CONTINUATION, END_HEADERS, 1, b"")], "complete 1"),
        (vec![begun.clone(), frame(CONTINUATION, END_HEADERS, 13, last)], protocol),
        (vec![begun.clone(), frame(CONTINUATION, END_HEADERS, 17, last)], protocol),
        (vec![begun.clone(), frame(CONTINUATION, END_HEADERS, 0, last)], protocol),
        (vec![begun.clone(), begun.clone()], protocol),
        (vec![begun.clone(), get(17)], protocol),
        (vec![begun.clone(), data(0, 1, 1)], protocol),
        (vec![begun.clone(), frame(PRIORITY, 0, 15, &[0; 5])], protocol),
        (vec![begun.clone(), frame(PING, 0, 0, &[0; 8])], protocol),
        (vec![begun.clone(), settings(&[])], protocol),
        (vec![begun.clone(), window_update(0, 1)], protocol),
        (vec![begun.clone(), frame(UNKNOWN, 0, 0, b"")], protocol),
        (vec![begun.clone(), end.clone(), end.clone()], &*format!("request 15, {protocol}")),
        (vec![begun.clone(), frame(CONTINUATION, END_HEADERS, 15, b"\x80")], "error CompressionError"),
    ] {
        let mut client = client();
        assert_eq!(client.send_all(&frames), expected, "{frames:?}");
        assert!(!client.session.is_in_block() || expected == protocol);
    }
}
