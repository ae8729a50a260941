//! The content of requests, and the end of a connection.

use super::super::frame::{FIRST_WINDOW, MAX_WINDOW};
use super::super::receiving::MAX_BODY;
use super::super::session::give_back;
use super::*;

const MALFORMED: &str = "reset 1 ProtocolError, ended 1";

fn announced(flags: u8, length: &str) -> Vec<u8> {
    headers(flags, 1, &[&GET[..], &[("content-length", length)]].concat())
}

#[test]
fn the_announced_length_is_that_of_the_content() {
    // RFC 9113 section 8.1.1
    let trailers = headers(WHOLE, 1, &[("a", "b")]);
    let wrong = &format!("beginning 1, {MALFORMED}");
    for (frames, expected) in [
        (vec![announced(WHOLE, "0")], "request 1"),
        (vec![announced(WHOLE, "1")], "reset 1 ProtocolError"),
        (vec![announced(END_HEADERS, "0"), data(END_STREAM, 1, 0)], "beginning 1, complete 1"),
        (vec![announced(END_HEADERS, "3"), data(END_STREAM, 1, 3)], "beginning 1, complete 1"),
        (vec![announced(END_HEADERS, "3"), data(0, 1, 2), data(END_STREAM, 1, 1)], "beginning 1, complete 1"),
        (vec![announced(END_HEADERS, "3"), data(0, 1, 3), data(END_STREAM, 1, 0)], "beginning 1, complete 1"),
        // Padding is no content.
        (
            vec![announced(END_HEADERS, "1"), frame(DATA, PADDED | END_STREAM, 1, b"\x01ab")],
            "beginning 1, complete 1",
        ),
        (vec![announced(END_HEADERS, "3"), data(0, 1, 3), trailers.clone()], "beginning 1, complete 1"),
        (vec![announced(END_HEADERS, "3"), data(0, 1, 4)], wrong),
        (vec![announced(END_HEADERS, "3"), data(END_STREAM, 1, 4)], wrong),
        (vec![announced(END_HEADERS, "3"), data(END_STREAM, 1, 2)], wrong),
        (vec![announced(END_HEADERS, "3"), data(0, 1, 2), data(0, 1, 2)], wrong),
        (vec![announced(END_HEADERS, "3"), data(0, 1, 2), trailers.clone()], wrong),
        (vec![announced(END_HEADERS, "18446744073709551615"), data(END_STREAM, 1, 1)], wrong),
    ] {
        assert_eq!(Client::new().send_all(&frames), expected, "{frames:?}");
    }
}

#[test]
fn trailers() {
    // RFC 9113 section 8.1
    let not_last = MALFORMED;
    for (flags, fields, expected) in [
        (WHOLE, &[][..], "complete 1"),
        (WHOLE, &[("a", "b"), ("c", "d")], "complete 1"),
        (END_HEADERS, &[("a", "b")], not_last),
        (WHOLE, &[(":path", "/")], MALFORMED),
        (WHOLE, &[(":status", "200")], MALFORMED),
        (WHOLE, &[("A", "b")], MALFORMED),
        (WHOLE, &[("connection", "close")], MALFORMED),
        (WHOLE, &[("a", "b"); 101], MALFORMED),
    ] {
        let mut client = Client::new();
        client.send_all(&[post(1), data(0, 1, 1)]);
        assert_eq!(client.send(&headers(flags, 1, fields)), expected, "{fields:?}");
        // Nothing comes after them.
        let more = if expected == MALFORMED { "" } else { "reset 1 StreamClosed, ended 1" };
        assert_eq!(client.send(&data(0, 1, 1)), more, "{fields:?}");
    }
}

#[test]
fn credit_is_given_back() {
    // RFC 9113 section 6.9.1: padding counts.
    let mut client = Client::new();
    client.send(&post(1));
    assert_eq!(client.send_all(&[data(0, 1, 16_384), data(0, 1, 16_382)]), "");
    assert_eq!(client.send(&frame(DATA, PADDED, 1, &[0])), "credit 0 32767, credit 1 32767");
    assert_eq!(client.send_all(&[data(0, 1, 16_384), data(0, 1, 16_384)]), "credit 0 32768, credit 1 32768");
    // The connection's credit comes back for streams that are over, too.
    client.send_all(&[post(3), post(5)]);
    assert_eq!(client.finish(3), "reset 3 NoError");
    assert_eq!(client.send_all(&[data(0, 3, 16_384), data(0, 3, 16_384)]), "credit 0 32768");
    assert_eq!(client.send(&rst_stream(5)), "ended 5");
    assert_eq!(client.send_all(&[data(0, 5, 16_384)]), "reset 5 StreamClosed");
    assert_eq!(client.send_all(&[data(0, 5, 16_384)]), "credit 0 32768");
}

#[test]
fn more_than_the_window_is_an_error() {
    let mut out = Vec::new();
    for (owed, length, is_within, left) in [
        (0, 32_766, true, 32_766),
        (0, 32_767, true, 0),
        (32_766, 1, true, 0),
        (32_766, 16_384, true, 0),
        (60_000, 5_535, true, 0),
        (60_000, 5_536, false, 65_536),
    ] {
        let mut rest = owed;
        assert_eq!(give_back(&mut rest, length, 1, &mut out), is_within, "{owed} {length}");
        assert_eq!(rest, left);
    }
}

/// Sends DATA frames of a KiB until so many bytes of content have come.
fn send_content(client: &mut Client, length: u64) -> String {
    let words = (0..length / 1024).map(|_| client.send(&data(0, 1, 1024)));
    words.filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_long_content_is_not_read() {
    let mut client = Client::new();
    client.send(&post(1));
    let words = send_content(&mut client, MAX_BODY);
    assert_eq!(words.matches("credit 1").count(), 32);
    assert!(!words.contains("complete"));
    // It is answered before its end, and its credit is held back.
    assert_eq!(client.send(&data(0, 1, 1)), "complete 1");
    let words = send_content(&mut client, u64::from(FIRST_WINDOW));
    assert_eq!(words.matches("credit 0 ").count(), 1);
    assert!(
        !words.contains("complete") && !words.contains("credit 1") && !words.contains("reset"),
        "{words}"
    );
    assert_eq!(send_content(&mut client, 1024), "credit 0 32768, reset 1 FlowControlError, ended 1");
}

#[test]
fn the_end_of_a_long_content_is_not_told_again() {
    let trailers = headers(WHOLE, 1, &[("a", "b")]);
    for end in [data(END_STREAM, 1, 0), data(END_STREAM, 1, 1), trailers.clone()] {
        let mut client = Client::new();
        client.send(&post(1));
        send_content(&mut client, MAX_BODY);
        assert_eq!(client.send(&data(0, 1, 1)), "complete 1");
        assert_eq!(client.send(&end), "");
        // It has come, and so nothing is to be reset.
        assert_eq!(client.finish(1), "");
    }
    for end in [data(END_STREAM, 1, 0), data(END_STREAM, 1, 1), trailers] {
        let mut client = Client::new();
        client.send(&post(1));
        send_content(&mut client, MAX_BODY);
        assert_eq!(client.send(&end), "complete 1");
        assert_eq!(client.finish(1), "");
    }
    let mut client = Client::new();
    client.send(&post(1));
    send_content(&mut client, MAX_BODY);
    client.send(&data(0, 1, 1));
    assert_eq!(client.finish(1), "reset 1 NoError");
}

fn goaway(client: &mut Client, end: impl FnOnce(&mut Session<u32>, &mut Vec<u8>)) -> String {
    end(&mut client.session, &mut client.out);
    client.said().join(", ")
}

#[test]
fn the_end_of_a_connection() {
    // RFC 9113 section 6.8
    let mut client = Client::new();
    client.send_all(&[post(1), get(3)]);
    assert_eq!(goaway(&mut client, |session, out| session.announce_end(out)), "goaway 2147483647 NoError");
    assert_eq!(goaway(&mut client, |session, out| session.announce_end(out)), "");
    assert!(!client.session.has_ended());
    assert_eq!(client.send(&get(5)), "request 5");
    assert_eq!(goaway(&mut client, |session, out| session.end(ErrorCode::NoError, out)), "goaway 5 NoError");
    assert!(client.session.has_ended());
    assert_eq!(goaway(&mut client, |session, out| session.end(ErrorCode::NoError, out)), "");
    assert_eq!(goaway(&mut client, |session, out| session.announce_end(out)), "");
    // What comes now is refused, and what has come goes on.
    assert_eq!(client.send(&get(7)), "reset 7 RefusedStream");
    assert_eq!(client.send(&headers(WHOLE, 9, &GET[1..])), "reset 9 RefusedStream");
    assert_eq!(
        client.send_all(&[data(END_STREAM, 1, 5), frame(PING, 0, 0, &[0; 8])]),
        "complete 1, ping ack"
    );
    for stream in [1, 3, 5] {
        assert_eq!(client.finish(stream), "");
    }
    assert!(client.session.is_idle());
    // An error is told all the same, with the number as it was.
    let error = ErrorCode::EnhanceYourCalm;
    assert_eq!(goaway(&mut client, |session, out| session.end(error, out)), "goaway 5 EnhanceYourCalm");
}

#[test]
fn an_end_without_a_warning() {
    let mut client = Client::new();
    let error = ErrorCode::ProtocolError;
    assert_eq!(goaway(&mut client, |session, out| session.end(error, out)), "goaway 0 ProtocolError");
    assert_eq!(client.send(&get(1)), "reset 1 RefusedStream");
    let mut client = Client::new();
    client.send_all(&[get(1), headers(WHOLE, 3, &GET[1..])]);
    assert_eq!(goaway(&mut client, |session, out| session.end(error, out)), "goaway 3 ProtocolError");
    assert_eq!(client.send(&headers(WHOLE, MAX_WINDOW, &GET)), "reset 2147483647 RefusedStream");
}
