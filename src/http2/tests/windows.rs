//! Windows for what is sent (RFC 9113 sections 5.2 and 6.9).

use super::super::frame::MAX_WINDOW;
use super::super::priority::Priority;
use super::super::streams::CHUNK;
use super::*;

const FIRST_WINDOW_SIZE: u16 = 0x4;

/// Sets the content of a stream.
pub(super) fn answer(client: &mut Client, stream: u32, length: u64) {
    client.session.streams.get(stream).expect("a stream").set_content(length);
}

/// Sends what may be sent. Returns the stream and the length of each frame.
pub(super) fn sendings(client: &mut Client) -> Vec<(u32, usize)> {
    let mut sendings = Vec::new();
    while let Some((stream, length)) = client.session.streams.next() {
        assert!(0 < length && length <= CHUNK);
        client.session.streams.note_sent(stream, length);
        sendings.push((stream, length));
    }
    sendings
}

fn sum(sendings: &[(u32, usize)]) -> usize {
    sendings.iter().map(|(_, length)| length).sum()
}

/// Sends what may be sent, and returns how many bytes that was.
fn sent(client: &mut Client) -> usize {
    sum(&sendings(client))
}

/// A client that reads a long response, of which nothing was sent.
fn client() -> Client {
    let mut client = Client::new();
    client.send(&get(1));
    answer(&mut client, 1, 1 << 40);
    client
}

#[test]
fn the_windows_at_the_start() {
    // Section 6.9.2
    let mut client = client();
    assert_eq!(
        sendings(&mut client),
        [(1, CHUNK), (1, CHUNK), (1, CHUNK), (1, CHUNK), (1, 65_535 - 4 * CHUNK)]
    );
    assert!(client.session.streams.is_held_back());
    // Both windows are needed.
    client.send(&window_update(1, 100));
    assert_eq!(sent(&mut client), 0);
    assert!(client.session.streams.is_held_back());
    client.send(&window_update(0, 70));
    assert_eq!(sent(&mut client), 70);
    client.send(&window_update(0, 1_000));
    assert!(!client.session.streams.is_held_back());
    assert_eq!(sent(&mut client), 30);
    assert!(client.session.streams.iter().all(|stream| stream.is_held_back()));
    client.send(&window_update(1, MAX_WINDOW));
    assert_eq!(sent(&mut client), 970);
}

#[test]
fn a_new_first_window_changes_those_of_all_streams() {
    // Sections 6.9.2 and 6.5.3: what is sent before, the settings, and what is sent after them.
    for (first, changes, credit, then) in [
        (0, &[1][..], 0, 1),
        (0, &[], 1, 1),
        (3, &[2], 0, 0),
        (3, &[2], 1, 0),
        (3, &[2], 2, 1),
        (3, &[0], 3, 0),
        (3, &[0], 4, 1),
        (3, &[0, 5], 0, 2),
        (100, &[0, 50, 0, 10, 101], 0, 1),
        (100, &[0, MAX_WINDOW, 100], 7, 7),
        (60_000, &[0], 60_001, 1),
    ] {
        let mut client = Client::new();
        client.send(&settings(&[(FIRST_WINDOW_SIZE, first)]));
        client.send(&get(1));
        answer(&mut client, 1, 1 << 40);
        assert_eq!(sent(&mut client), first as usize);
        let list: Vec<_> = changes.iter().map(|size| (FIRST_WINDOW_SIZE, *size)).collect();
        assert_eq!(client.send(&settings(&list)), "settings ack");
        if credit > 0 {
            assert_eq!(client.send(&window_update(1, credit)), "");
        }
        assert_eq!(sent(&mut client), then, "{first} {changes:?} {credit}");
        // One that begins now has the last size, whatever the other has had.
        let last = *changes.last().unwrap_or(&first) as usize;
        client.send_all(&[window_update(0, 1 << 20), get(3)]);
        answer(&mut client, 3, 1 << 40);
        assert_eq!(sent(&mut client), last, "{first} {changes:?} {credit}");
    }
}

#[test]
fn a_window_is_never_too_large() {
    // Section 6.9.1
    let largest = MAX_WINDOW - 65_535;
    let overflow = "error FlowControlError";
    let of_stream = "reset 1 FlowControlError, ended 1";
    for (frames, expected) in [
        (vec![window_update(0, largest)], ""),
        (vec![window_update(0, largest + 1)], overflow),
        (vec![window_update(0, largest), window_update(0, 1)], overflow),
        (vec![window_update(1, largest)], ""),
        (vec![window_update(1, largest + 1)], of_stream),
        (vec![window_update(1, largest), window_update(1, 1)], of_stream),
        (vec![window_update(1, largest + 1), window_update(1, 1)], of_stream),
        // The reserved bit is ignored.
        (vec![window_update(1, 1 | 1 << 31)], ""),
        (vec![window_update(1, 1 << 31)], "reset 1 ProtocolError, ended 1"),
        // Section 6.9.2: settings that make one too large end the connection.
        (vec![settings(&[(FIRST_WINDOW_SIZE, MAX_WINDOW)])], "settings ack"),
        (vec![window_update(1, 1), settings(&[(FIRST_WINDOW_SIZE, MAX_WINDOW - 1)])], "settings ack"),
        (vec![window_update(1, 1), settings(&[(FIRST_WINDOW_SIZE, MAX_WINDOW)])], overflow),
    ] {
        assert_eq!(client().send_all(&frames), expected, "{frames:?}");
    }
    // What was sent makes room.
    let mut client = client();
    client.send(&window_update(1, largest));
    assert_eq!(sent(&mut client), 65_535);
    assert_eq!(client.send_all(&[window_update(1, 65_535), window_update(0, MAX_WINDOW)]), "");
}

#[test]
fn a_stream_that_is_over_sends_nothing() {
    let mut client = client();
    assert_eq!(client.send(&rst_stream(1)), "ended 1");
    assert_eq!(sent(&mut client), 0);
    // What was its window is no longer.
    assert_eq!(
        client.send_all(&[window_update(1, 5), settings(&[(FIRST_WINDOW_SIZE, MAX_WINDOW)])]),
        "settings ack"
    );
}

#[test]
fn what_may_be_sent_at_once() {
    let urgent = |urgency| Priority { urgency, incremental: false };
    // The urgency, the length, and whether it may be sent beside a stream of urgency 3 that is ready.
    for (urgency, length, expected) in [
        (3, 0, true),
        (3, CHUNK as u64, true),
        (3, CHUNK as u64 + 1, false),
        (2, 5, true),
        (4, 5, false),
        (4, 0, false),
    ] {
        let client = client();
        assert_eq!(
            client.session.streams.may_send_at_once(urgent(urgency), length),
            expected,
            "{urgency} {length}"
        );
    }
    let may_send = |client: &Client, length| client.session.streams.may_send_at_once(urgent(4), length);
    let mut other = client();
    other.session.streams.get(1).expect("a stream").set_ready(false);
    assert!(may_send(&other, 5), "it is not ready");
    // The windows.
    let mut client = Client::new();
    client.send(&settings(&[(FIRST_WINDOW_SIZE, 5)]));
    assert_eq!((may_send(&client, 5), may_send(&client, 6)), (true, false));
    client.send(&settings(&[(FIRST_WINDOW_SIZE, MAX_WINDOW)]));
    client.session.streams.note_sent_at_once(65_530);
    assert_eq!((may_send(&client, 5), may_send(&client, 6)), (true, false));
    client.session.streams.note_sent_at_once(5);
    client.send(&window_update(0, 3));
    assert_eq!((may_send(&client, 3), may_send(&client, 4)), (true, false));
}
