//! The head of every reply (RFC 9110 sections 6.6.1, 8.3, 8.6, 10.2.4) and the changes
//! that flags make to it. That each reply is well-formed, with Server, Date and a length, is checked in
//! `response.rs` for all tests at once.

use std::time::Duration;

use crate::calendar;
use crate::site::{Site, WELCOME};

#[test]
fn a_found_file() {
    let site = Site::new();
    site.write_dated("page.html", "hello", calendar::EXAMPLE);
    let reply = site.serve().get("/page.html");
    let expected = [
        ("Content-Length", "5"),
        ("Content-Type", "text/html"),
        ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("Cache-Control", "no-cache"),
        ("Accept-Ranges", "bytes"),
    ];
    for (name, value) in expected {
        assert_eq!(reply.must(name), value, "{name}");
    }
    for name in ["Connection", "Vary", "Content-Encoding", "Content-Range", "Location", "Allow"] {
        assert_eq!(reply.field(name), None, "{name} has nothing to say here");
    }
}

#[test]
fn cache_control_is_for_found_files() {
    let site = Site::new();
    site.make_folder("dir");
    let server = site.serve_with(&["--cache-control", "public, max-age=60"]);
    let table =
        [("/", "public, max-age=60"), ("/missing", "no-cache"), ("/dir", "no-cache"), ("/%zz", "no-cache")];
    for (target, expected) in table {
        assert_eq!(server.get(target).must("Cache-Control"), expected, "{target}");
    }
}

#[test]
fn the_date_is_right_to_the_second() {
    // For two seconds, so that a date that was rendered once and kept is seen to move on.
    let server = Site::new().serve();
    let mut client = server.connect();
    let end = calendar::now() + 2;
    while calendar::now() < end {
        let before = calendar::now();
        let reply = client.get("/");
        assert!((before..=calendar::now()).contains(&reply.date()), "{}", reply.must("Date"));
        assert!(client.is_silent_for(Duration::from_millis(5)));
    }
}

#[test]
fn the_date_is_right_after_a_pause() {
    // A server that refreshes its date by a timer, or only when it is busy, is late now.
    let server = Site::new().serve();
    let mut client = server.connect();
    assert_eq!(client.get("/").text(), WELCOME);
    assert!(client.is_silent_for(Duration::from_millis(1500)));
    let before = calendar::now();
    let reply = client.get("/");
    assert!((before..=calendar::now()).contains(&reply.date()), "{}", reply.must("Date"));
}

#[test]
fn small_heads() {
    // The whole head of a small file is worth less than a kilobyte of anybody's time.
    let server = Site::new().serve();
    let fields: usize = server.get("/").fields.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    assert!(fields < 512, "{fields} bytes");
}
