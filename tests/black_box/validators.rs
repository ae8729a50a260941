//! Validators (RFC 9110 section 8.8): a strong tag that differs whenever the bytes do, also where the time of
//! modification says nothing, and that two servers with the same files and times agree on; and a
//! Last-Modified that never lies in the future (8.8.2.1).

use std::fs::{self, File};
use std::time::{Duration, UNIX_EPOCH};

use crate::calendar;
use crate::coder::{CODINGS, encoded};
use crate::patience::eventually;
use crate::server::Server;
use crate::site::{Site, pattern};

fn tag(server: &Server, target: &str) -> String {
    let reply = server.get(target);
    assert_eq!(reply.status, 200, "{target}");
    let tag = reply.must("ETag").to_owned();
    let opaque = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let opaque = opaque.unwrap_or_else(|| panic!("{tag} is not a strong tag"));
    assert!(
        !opaque.is_empty() && opaque.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'),
        "{tag}"
    );
    tag
}

#[test]
fn a_tag_stays_as_long_as_the_file_does() {
    let site = Site::new();
    let server = site.serve();
    let first = tag(&server, "/");
    for _ in 0..10 {
        assert_eq!(tag(&server, "/"), first);
    }
    assert_eq!(tag(&server, "/index.html"), first, "the same file by another name");
    assert_eq!(server.connect().ask("HEAD", "/", "").must("ETag"), first);
    assert_eq!(tag(&site.serve(), "/"), first, "after a restart");
    assert_eq!(tag(&site.serve_with(&["--cache-size", "0"]), "/"), first, "without a cache");
}

#[test]
fn a_tag_changes_with_the_bytes() {
    let site = Site::new();
    let server = site.serve();
    let mut before = String::new();
    for round in 0..200 {
        // The same length each time, and as fast as the machine can: mostly within one tick of its clock.
        site.write("file.txt", format!("{round:08}"));
        let now = tag(&server, "/file.txt");
        assert_ne!(now, before, "round {round}");
        before = now;
    }
}

#[test]
fn times_that_say_nothing() {
    // Reproducible images set all times to 0 or 1: the tag must come from elsewhere then.
    let site = Site::new();
    let server = site.serve();
    for size in [10, 5000, 300_000, 3 << 20] {
        for seconds in [0, 1] {
            let mut bytes = pattern(size);
            site.write_dated("file.bin", &bytes, seconds);
            let first = tag(&server, "/file.bin");
            bytes[size / 2 + 1] ^= 1;
            site.write_dated("file.bin", &bytes, seconds);
            assert_ne!(tag(&server, "/file.bin"), first, "{size} bytes, time {seconds}");
        }
    }
}

/// Two tags become the same as soon as the files are old enough: one that was changed within the same tick
/// of the clock may rightly have a tag of its own until then.
fn assert_agree(what: &str, tags: impl Fn() -> (String, String)) {
    eventually(&format!("the same tag for {what}"), || {
        let (one, two) = tags();
        one == two
    });
}

#[test]
fn replicas_agree_where_times_say_nothing() {
    let site = Site::new();
    let server = site.serve();
    for size in [10, 5000, 300_000, 3 << 20] {
        for name in ["one.bin", "two.bin"] {
            site.write_dated(name, pattern(size), 0);
        }
        assert_agree(&format!("{size} bytes"), || (tag(&server, "/one.bin"), tag(&server, "/two.bin")));
    }
}

#[test]
fn two_servers_with_the_same_files_agree() {
    // Replicas behind one balancer: other inodes, other change times, the same content and modification times.
    let (one, two) = (Site::new(), Site::new());
    let moment = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    for (name, size) in [("small.txt", 100), ("large.bin", 2 << 20), ("empty.txt", 0)] {
        for site in [&one, &two] {
            site.write(name, pattern(size));
            let file = File::options().write(true).open(site.path(name)).expect("open");
            file.set_modified(moment).expect("set the time");
        }
        let target = format!("/{name}");
        assert_agree(name, || (tag(&one.serve(), &target), tag(&two.serve(), &target)));
    }
}

#[test]
fn other_files_have_other_tags() {
    let site = Site::new();
    let server = site.serve();
    site.write_dated("a.txt", "aaaa", calendar::EXAMPLE);
    let first = tag(&server, "/a.txt");
    for (what, bytes, seconds) in [
        ("another length", "aaaaa", calendar::EXAMPLE),
        ("other bytes and another time", "bbbb", calendar::EXAMPLE + 1),
    ] {
        site.write_dated("b.txt", bytes, seconds);
        assert_ne!(tag(&server, "/b.txt"), first, "{what}");
    }
}

#[test]
fn each_coding_has_its_own_tag() {
    let site = Site::new();
    let text = "the bytes of the file, in each coding".repeat(9);
    site.write("app.js", &text);
    for (coding, suffix) in CODINGS {
        site.write(format!("app.js{suffix}"), encoded(coding, &text));
    }
    let server = site.serve();
    let mut tags: Vec<String> = ["identity", "br", "zstd", "gzip"]
        .iter()
        .map(|coding| {
            let reply = server.connect().ask("GET", "/app.js", &format!("Accept-Encoding: {coding}\r\n"));
            assert_eq!(reply.field("Content-Encoding").unwrap_or("identity"), *coding);
            reply.must("ETag").to_owned()
        })
        .collect();
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4, "{tags:?}");
}

#[test]
fn last_modified_is_the_time_of_the_file() {
    let site = Site::new();
    let server = site.serve();
    for seconds in [1, calendar::EXAMPLE, 951_782_400, 1_709_164_800, calendar::now() - 5] {
        site.write_dated("file.txt", "x", seconds);
        assert_eq!(server.get("/file.txt").must("Last-Modified"), calendar::imf(seconds));
    }
}

#[test]
fn last_modified_is_never_later_than_date() {
    let site = Site::new();
    let server = site.serve();
    for ahead in [1, 3600, 400_000_000] {
        site.write_dated("future.txt", "x", calendar::now() + ahead);
        let reply = server.get("/future.txt");
        assert_eq!(reply.status, 200);
        let modified = calendar::parse_imf(reply.must("Last-Modified")).expect("an IMF-fixdate");
        assert!(modified <= reply.date(), "{reply:?}");
    }
}

#[test]
fn times_before_1970_are_served_too() {
    let site = Site::new();
    site.write_dated("old.txt", "old", -86_400);
    let reply = site.serve().get("/old.txt");
    assert_eq!((reply.status, reply.text().as_str()), (200, "old"));
    let modified = reply.field("Last-Modified").map(calendar::parse_imf);
    assert!(matches!(modified, None | Some(Some(_))), "{reply:?}");
}

#[test]
fn a_copy_with_its_times_keeps_its_tag() {
    let site = Site::new();
    let server = site.serve();
    site.write("file.txt", "content");
    let first = tag(&server, "/file.txt");
    let moment = fs::metadata(site.path("file.txt")).and_then(|data| data.modified()).expect("its time");
    site.replace("file.txt", "content");
    File::options()
        .write(true)
        .open(site.path("file.txt"))
        .and_then(|file| file.set_modified(moment))
        .expect("time");
    assert_eq!(tag(&server, "/file.txt"), first, "a restored backup");
}
