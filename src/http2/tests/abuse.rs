//! What a client does to make work: each way ends after a number of frames that has a name.

use super::super::head::{MAX_FIELDS, MAX_LIST};
use super::super::receiving::{MAX_BLOCK, MAX_CONTINUATIONS};
use super::super::session::{MAX_CONTROL_FRAMES, MAX_RESETS, MAX_STREAMS, MAX_WINDOW_UPDATES};
use super::*;
use crate::http::field::Name;

const CALM: &str = "EnhanceYourCalm";
/// Frames that a new [`Client`] has sent.
const SETTINGS_FRAMES: u32 = 2;

/// The stream with this place in their order.
fn stream(count: u32) -> u32 {
    2 * count + 101
}

/// Counts what a client may send, at once and each second; `first` comes before.
fn allowed(first: &[Vec<u8>], bytes: impl Fn(u32) -> Vec<u8>) -> (u32, u32) {
    let mut client = Client::new();
    client.send_all(first);
    let (at_once, error) = client.send_again_and_again(&bytes);
    assert_eq!(error, CALM);
    // The streams go on where they were.
    client.pass(1);
    let (then, error) = client.send_again_and_again(|count| bytes(at_once + 1 + count));
    assert_eq!(error, CALM);
    // However long the client waits, it is no more than at the start.
    client.pass(1_000_000);
    let (after_long, error) = client.send_again_and_again(|count| bytes(at_once + then + 2 + count));
    assert_eq!((after_long >= at_once, error.as_str()), (true, CALM));
    (at_once, then)
}

#[test]
fn frames_that_ask_for_nothing() {
    let control_frames = (MAX_CONTROL_FRAMES - SETTINGS_FRAMES, 50);
    let rows = [
        ("PING", vec![], frame(PING, 0, 0, &[0; 8])),
        ("its acknowledgment", vec![], frame(PING, ACK, 0, &[0; 8])),
        ("SETTINGS", vec![], settings(&[(4, 1)])),
        ("empty SETTINGS", vec![], settings(&[])),
        ("their acknowledgment", vec![], frame(SETTINGS, ACK, 0, b"")),
        ("PRIORITY", vec![], frame(PRIORITY, 0, 1, &[0; 5])),
        ("PRIORITY_UPDATE", vec![], priority_update(1, "u=0")),
        ("GOAWAY", vec![], frame(GOAWAY, 0, 0, &[0; 8])),
        ("unknown", vec![], frame(UNKNOWN, 0, 0, b"")),
        ("empty DATA", vec![post(1)], data(0, 1, 0)),
        ("DATA of padding alone", vec![post(1)], frame(DATA, PADDED, 1, &[3, 0, 0, 0])),
        ("on a connection where they were mixed", vec![post(1)], settings(&[])),
    ];
    for (name, first, bytes) in rows {
        assert_eq!(allowed(&first, |_| bytes.clone()), control_frames, "{name}");
    }
    // All have one allowance.
    let each = |count| match count % 3 {
        0 => frame(PING, 0, 0, &[0; 8]),
        1 => frame(UNKNOWN, 0, 0, b""),
        _ => settings(&[]),
    };
    assert_eq!(allowed(&[], each), control_frames);
    // Data of some length is what was asked for.
    let mut client = Client::new();
    client.send(&post(1));
    for _ in 0..2 * MAX_CONTROL_FRAMES {
        assert_eq!(client.send(&data(0, 1, 1)).split_once("error"), None);
    }
}

#[test]
fn frames_on_a_stream_that_the_server_has_reset() {
    // CVE-2025-8671 from the other side: what is ignored costs something, too.
    for bytes in [data(0, 1, 1), headers(WHOLE, 1, &[("a", "b")])] {
        let mut client = Client::new();
        client.send(&post(1));
        client.finish(1);
        let (count, error) = client.send_again_and_again(|_| bytes.clone());
        assert_eq!((count, &*error), (MAX_CONTROL_FRAMES - SETTINGS_FRAMES + 1, CALM), "one was earned");
    }
}

#[test]
fn streams_that_are_reset() {
    let malformed = |id| headers(WHOLE, id, &GET[1..]);
    type Bytes<'a> = &'a dyn Fn(u32) -> Vec<u8>;
    let rows: [(&str, Bytes); 10] = [
        ("CVE-2023-44487", &|count| [get(stream(count)), rst_stream(stream(count))].concat()),
        ("before the content has come", &|count| [post(stream(count)), rst_stream(stream(count))].concat()),
        ("CVE-2025-8671, no credit", &|count| [get(stream(count)), window_update(stream(count), 0)].concat()),
        ("too much of it", &|count| [get(stream(count)), window_update(stream(count), 1 << 31)].concat()),
        ("overflow", &|count| [get(stream(count)), window_update(stream(count), (1 << 31) - 1)].concat()),
        ("DATA after the end", &|count| [get(stream(count)), data(0, stream(count), 1)].concat()),
        ("HEADERS after the end", &|count| [get(stream(count)), get(stream(count))].concat()),
        ("PRIORITY", &|count| [get(stream(count)), frame(PRIORITY, 0, stream(count), b"1")].concat()),
        ("malformed", &|count| malformed(stream(count))),
        ("content", &|count| {
            [
                headers(END_HEADERS, stream(count), &[&GET[..], &[("content-length", "1")]].concat()),
                data(END_STREAM, stream(count), 0),
            ]
            .concat()
        }),
    ];
    for (name, bytes) in rows {
        assert_eq!(allowed(&[], bytes), (MAX_RESETS, 10), "{name}");
    }
    // A stream that is closed already.
    assert_eq!(allowed(&[get(1)], |_| rst_stream(1)), (MAX_RESETS, 10));
    // Each stream is closed, and none of them remembered as reset by the server.
    let first: Vec<_> = [get(1), rst_stream(1)].into();
    assert_eq!(
        allowed(&first, |count| [get(stream(count)), rst_stream(stream(count))].concat()).0,
        MAX_RESETS - 1
    );
}

#[test]
fn streams_beyond_the_limit() {
    // RFC 9113 section 5.1.2
    let mut client = Client::new();
    for number in 0..MAX_STREAMS as u32 {
        assert_eq!(client.send(&get(2 * number + 1)), format!("request {}", 2 * number + 1));
    }
    assert_eq!(client.send(&get(201)), "reset 201 RefusedStream");
    // It is over, also for what is on its way.
    assert_eq!(client.send_all(&[data(0, 201, 1), headers(WHOLE, 201, &[])]), "");
    assert_eq!(client.finish(51), "");
    assert_eq!(client.send_all(&[get(203), get(205)]), "request 203, reset 205 RefusedStream");
    assert_eq!(client.session.streams.count(), MAX_STREAMS);
    // One was answered, and so one more may be refused.
    let (count, error) = client.send_again_and_again(|count| get(207 + 2 * count));
    assert_eq!((count, &*error), (MAX_RESETS - 1, CALM));
}

#[test]
fn windows_that_grow_bit_by_bit() {
    let rows = [
        ("of the connection", vec![], window_update(0, 1)),
        ("of a stream", vec![get(1)], window_update(1, 1)),
        ("of a closed stream", vec![get(1), rst_stream(1)], window_update(1, 1)),
    ];
    for (name, first, bytes) in rows {
        assert_eq!(allowed(&first, |_| bytes.clone()), (MAX_WINDOW_UPDATES, 100), "{name}");
    }
}

#[test]
fn requests_and_responses_earn_allowances() {
    let mut client = Client::new();
    for number in 0..3 * MAX_RESETS {
        // One of two requests is answered.
        let words = client.send_all(&[get(4 * number + 1), get(4 * number + 3), rst_stream(4 * number + 3)]);
        assert!(words.contains("ended"), "{number}: {words}");
        client.finish(4 * number + 1);
    }
}

#[test]
fn a_field_block_without_end() {
    // CVE-2024-27316
    let begin = |length: usize| frame(HEADERS, END_STREAM, 1, &vec![0; length]);
    let next = |length: usize| frame(CONTINUATION, 0, 1, &vec![0; length]);
    let mut client = Client::new();
    assert_eq!(client.send(&begin(0)), "");
    let (count, error) = client.send_again_and_again(|_| next(0));
    assert_eq!((count as usize, &*error), (MAX_CONTINUATIONS, CALM));

    let most = frame::MAX_PAYLOAD;
    let mut client = Client::new();
    assert_eq!(client.send(&begin(most)), "");
    let (count, error) = client.send_again_and_again(|_| next(most));
    assert_eq!(((count as usize + 1) * most, &*error), (MAX_BLOCK, CALM));

    // The longest one is decoded: its bytes are no fields.
    for (more, expected) in [(0, "error CompressionError"), (1, "error EnhanceYourCalm")] {
        let mut client = Client::new();
        client.send(&begin(most));
        (2..MAX_BLOCK / most).for_each(|_| assert_eq!(client.send(&next(most)), ""));
        assert_eq!(client.send(&next(most - 1)), "");
        let end = frame(CONTINUATION, END_HEADERS, 1, &vec![0x80; 1 + more]);
        assert_eq!(client.send(&end), expected);
    }
}

/// HEADERS and as many CONTINUATION frames as a block needs.
fn continued(stream: u32, block: &[u8]) -> Vec<u8> {
    let chunks: Vec<_> = block.chunks(frame::MAX_PAYLOAD).collect();
    let flags = |index: usize| if index + 1 == chunks.len() { END_HEADERS } else { 0 };
    let frames = chunks.iter().enumerate().map(|(index, chunk)| match index {
        0 => frame(HEADERS, END_STREAM | flags(0), stream, chunk),
        _ => frame(CONTINUATION, flags(index), stream, chunk),
    });
    frames.collect::<Vec<_>>().concat()
}

/// A field that enters the table: `accept`, at index 62 afterwards.
const ACCEPT: &[u8] = b"\x53\x03a/b";

#[test]
fn a_list_that_is_too_long_is_answered() {
    // RFC 9113 sections 6.5.2 and 10.5.1: the table is kept.
    let long = "x".repeat(30_000);
    let many = vec![("a", "b"); MAX_FIELDS];
    for fields in [vec![("a", &*long), ("b", &*long), ("c", &*long)], many] {
        let mut client = Client::new();
        let first = [&block(&GET), ACCEPT, &block(&fields)].concat();
        assert_eq!(client.send(&continued(1, &first)), "request 1 431");
        let second = [&block(&GET), &b"\xbe"[..]].concat();
        assert_eq!(client.send(&continued(3, &second)), "request 3");
        assert_eq!(client.head.request().and_then(|request| request.value(Name::Accept)), Some(&b"a/b"[..]));
    }
}

#[test]
fn a_block_that_decodes_into_much_is_not_held() {
    // An entry of 4 KiB, and its index again and again: half a gigabyte of fields.
    let entry = [&b"\x40\x01a\x7f\xe0\x1e"[..], &vec![b'x'; 4063]].concat();
    let bomb = [&block(&GET), &entry, &vec![0xbe; MAX_BLOCK - 5000][..]].concat();
    let mut client = Client::new();
    assert_eq!(client.send(&continued(1, &bomb)), "request 1 431");
    assert!(client.head.held() <= MAX_LIST, "{}", client.head.held());
    // Fields that the server reads are kept up to the limits.
    let accept =
        [&block(&GET), &b"\x53\x7f\xa1\x1e"[..], &vec![b'x'; 4000], &vec![0xbe; MAX_BLOCK - 5000][..]]
            .concat();
    assert_eq!(client.send(&continued(3, &accept)), "request 3 431");
    assert!((8_000..=MAX_LIST).contains(&client.head.held()), "{}", client.head.held());
}

#[test]
fn a_cookie_may_come_in_crumbs() {
    // RFC 9113 section 8.2.3
    let crumbs = vec![("cookie", "a=b"); 3 * MAX_FIELDS];
    let mut client = Client::new();
    assert_eq!(client.send(&headers(WHOLE, 1, &[&GET[..], &crumbs].concat())), "request 1");
    let many = vec![("cookie", "a=b"); MAX_LIST / 41 + 1];
    assert_eq!(client.send(&continued(3, &block(&[&GET[..], &many].concat()))), "request 3 431");
}

#[test]
fn few_priorities_are_remembered() {
    let mut client = Client::new();
    for number in 0..500 {
        assert_eq!(client.send(&priority_update(2 * number + 1, "u=1")), "");
    }
    assert_eq!(client.session.priorities.len(), 16);
}
