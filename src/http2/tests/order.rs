//! The order in which responses are sent (RFC 9218 section 10).

use super::super::frame::MAX_WINDOW;
use super::super::priority::Priority;
use super::super::streams::CHUNK;
use super::windows::{answer, sendings};
use super::*;

/// A client whose windows hold nothing back.
fn client() -> Client {
    let mut client = Client::new();
    client.send_all(&[settings(&[(4, MAX_WINDOW)]), window_update(0, MAX_WINDOW - 65_535)]);
    client
}

/// Begins a response of so many frames, the last one of them short. What is left then fits one frame, and goes first.
fn begin(client: &mut Client, stream: u32, urgency: u8, incremental: bool, frames: usize) {
    assert_eq!(client.send(&get(stream)), format!("request {stream}"));
    assert!(client.session.streams.set_priority(stream, Priority { urgency, incremental }));
    answer(client, stream, (CHUNK * (frames - 1) + 1) as u64);
}

/// The next frame; its stream, or 0.
fn send_one(client: &mut Client) -> u32 {
    let Some((stream, length)) = client.session.streams.next() else { return 0 };
    if client.session.streams.note_sent(stream, length) == 0 {
        client.finish(stream);
    }
    stream
}

fn order(client: &mut Client) -> Vec<u32> {
    sendings(client).into_iter().map(|(stream, _)| stream).collect()
}

#[test]
fn who_sends_next() {
    const WHOLE: bool = false;
    const IN_TURNS: bool = true;
    // The urgency of streams 1, 3, 5 and so on, whether they are incremental, and their frames.
    type Streams<'a> = &'a [(u8, bool, usize)];
    let rows: [(&str, Streams, &[u32]); 15] = [
        ("one", &[(3, WHOLE, 3)], &[1, 1, 1]),
        ("urgency", &[(5, WHOLE, 2), (0, WHOLE, 2), (7, WHOLE, 2), (3, WHOLE, 2)], &[3, 3, 7, 7, 1, 1, 5, 5]),
        ("one after the other", &[(3, WHOLE, 3), (3, WHOLE, 2)], &[1, 1, 1, 3, 3]),
        ("in turns", &[(3, IN_TURNS, 4), (3, IN_TURNS, 4)], &[1, 3, 1, 3, 1, 1, 3, 3]),
        (
            "in turns, three",
            &[(3, IN_TURNS, 3), (3, IN_TURNS, 3), (3, IN_TURNS, 3)],
            &[1, 3, 5, 1, 1, 3, 3, 5, 5],
        ),
        ("in turns, until one is over", &[(3, IN_TURNS, 5), (3, IN_TURNS, 3)], &[1, 3, 1, 3, 3, 1, 1, 1]),
        ("both kinds", &[(3, WHOLE, 4), (3, IN_TURNS, 4)], &[1, 3, 1, 3, 1, 1, 3, 3]),
        (
            "both kinds, two of each",
            &[(3, WHOLE, 3), (3, WHOLE, 3), (3, IN_TURNS, 3), (3, IN_TURNS, 3)],
            &[1, 5, 7, 1, 1, 3, 5, 5, 7, 7, 3, 3],
        ),
        ("one frame before many", &[(3, WHOLE, 3), (3, WHOLE, 1)], &[3, 1, 1, 1]),
        (
            "one frame before many in turns",
            &[(3, IN_TURNS, 2), (3, IN_TURNS, 2), (3, WHOLE, 1)],
            &[5, 1, 1, 3, 3],
        ),
        ("one in turns before many", &[(3, WHOLE, 2), (3, IN_TURNS, 1), (3, WHOLE, 1)], &[5, 3, 1, 1]),
        ("one frame, of less urgency", &[(3, WHOLE, 3), (4, WHOLE, 1)], &[1, 1, 1, 3]),
        ("one frame, of more", &[(3, WHOLE, 3), (2, WHOLE, 1)], &[3, 1, 1, 1]),
        ("kinds of two urgencies", &[(3, WHOLE, 2), (2, IN_TURNS, 2), (3, IN_TURNS, 2)], &[3, 3, 1, 1, 5, 5]),
        ("the least urgency", &[(7, IN_TURNS, 2), (7, WHOLE, 1)], &[3, 1, 1]),
    ];
    for (name, streams, expected) in rows {
        let mut client = client();
        for (index, &(urgency, incremental, frames)) in streams.iter().enumerate() {
            begin(&mut client, 2 * index as u32 + 1, urgency, incremental, frames);
        }
        assert_eq!(order(&mut client), expected, "{name}");
    }
}

#[test]
fn a_small_answer_is_held_up_by_one_frame_at_most() {
    let mut client = client();
    begin(&mut client, 1, 3, false, 1000);
    begin(&mut client, 3, 3, true, 1000);
    for number in 0..100 {
        send_one(&mut client);
        begin(&mut client, 2 * number + 5, 3, false, 1);
        assert_eq!(send_one(&mut client), 2 * number + 5);
    }
}

#[test]
fn nothing_starves() {
    // Whatever begins again and again, the long response with the same urgency goes on.
    for (is_long_incremental, incremental, frames) in [
        (false, false, 1),
        (false, true, 1),
        (true, false, 1),
        (true, true, 1),
        (false, true, 2),
        (true, false, 2),
        (true, true, 2),
        (true, true, 3),
    ] {
        let mut client = client();
        begin(&mut client, 1, 3, is_long_incremental, 100_000);
        let mut last = 1;
        let sent = (0..3000).filter(|_| {
            while client.session.streams.count() < 20 {
                last += 2;
                begin(&mut client, last, 3, incremental, frames);
            }
            send_one(&mut client) == 1
        });
        let sent = sent.count();
        assert!(sent >= 3000 / 201, "{sent} of 3000: {is_long_incremental} {incremental} {frames}");
    }
}

#[test]
fn all_that_is_incremental_has_its_turn() {
    let mut client = client();
    let count = 20;
    for number in 0..count {
        begin(&mut client, 2 * number + 1, 3, true, 50);
    }
    let mut last = vec![0; count as usize];
    for sending in 1..=20 * count {
        let place = (send_one(&mut client) / 2) as usize;
        assert!(sending - last[place] <= count, "{sending}");
        last[place] = sending;
    }
}

#[test]
fn what_is_not_ready_or_has_no_window_is_left_out() {
    let mut client = client();
    begin(&mut client, 1, 1, false, 3);
    begin(&mut client, 3, 2, false, 3);
    client.session.streams.get(1).expect("a stream").set_ready(false);
    assert_eq!(send_one(&mut client), 3);
    client.session.streams.get(1).expect("a stream").set_ready(true);
    assert_eq!(send_one(&mut client), 1);
    // Both have sent, so a window of nothing is a negative one.
    client.send(&settings(&[(4, 0)]));
    begin(&mut client, 5, 7, false, 1);
    assert_eq!(send_one(&mut client), 0);
    client.send(&window_update(5, 1));
    assert_eq!(send_one(&mut client), 5);
    client.send(&window_update(3, CHUNK as u32 + 5));
    assert_eq!(sendings(&mut client), [(3, 5)]);
}

#[test]
fn a_priority_changes_on_the_way() {
    let mut client = client();
    begin(&mut client, 1, 3, false, 4);
    begin(&mut client, 3, 3, false, 4);
    assert_eq!([send_one(&mut client), send_one(&mut client)], [1, 1]);
    assert_eq!(client.send(&priority_update(3, "u=0")), "");
    assert_eq!([send_one(&mut client), send_one(&mut client)], [3, 3]);
    assert_eq!(client.send(&priority_update(3, "u=7")), "");
    assert_eq!(order(&mut client), [1, 1, 3, 3]);
}

#[test]
fn a_priority_comes_before_its_stream() {
    // RFC 9218 section 7.1: it counts more than the field of the request.
    let with_field = |stream, value| {
        headers(END_HEADERS | END_STREAM, stream, &[&GET[..], &[("priority", value)]].concat())
    };
    let mut client = client();
    client.send(&priority_update(5, "u=1"));
    client.send(&priority_update(5, "u=2, i"));
    client.send(&priority_update(7, "u=2, i"));
    client.send_all(&[with_field(1, "u=4"), get(3), with_field(5, "u=0"), with_field(7, "u=7")]);
    for stream in [1, 3, 5, 7] {
        answer(&mut client, stream, 3 * CHUNK as u64);
    }
    assert_eq!(order(&mut client), [5, 7, 5, 5, 7, 7, 3, 3, 3, 1, 1, 1]);
    assert!(client.session.priorities.is_empty());
    // For a stream that is over it means nothing, and is not remembered.
    client.finish(5);
    client.send(&priority_update(5, "u=1"));
    assert!(client.session.priorities.is_empty());
}
