//! Compression on the fly: a file of a type that becomes smaller, of 1 KiB to 8 MiB, is compressed once for all
//! workers and then sent like any file in memory.

use std::sync::LazyLock;
use std::thread;

use crate::client::Client;
use crate::coder::{CODINGS, decoded, encoded, noise};
use crate::response::Response;
use crate::server::Server;
use crate::site::Site;

/// More than 1 KiB of text.
static TEXT: LazyLock<String> = LazyLock::new(|| script(3_000));

/// Words that are not all the same.
fn script(length: usize) -> String {
    let words = (0..).map(|index: u32| format!("value_{:x} = ", index.wrapping_mul(0x9e37_79b1) >> 18));
    let mut text: String = words.take(length / 8).collect();
    text.truncate(length);
    text
}

fn ask(client: &mut Client, target: &str, accept: &str) -> Response {
    client.ask("GET", target, &format!("Accept-Encoding: {accept}\r\n"))
}

#[test]
fn every_coding_decodes_to_the_file() {
    let site = Site::new();
    for (name, length) in [("small.js", 1024), ("memory.js", 60_000), ("large.js", 300_000)] {
        site.write(name, script(length));
    }
    for flags in [&[][..], &["-w", "4"]] {
        let server = site.serve_with(flags);
        let mut client = server.connect();
        for (name, length) in [("small.js", 1024), ("memory.js", 60_000), ("large.js", 300_000)] {
            let target = format!("/{name}");
            let identity = client.get(&target);
            assert_eq!((identity.text(), identity.field("Content-Encoding")), (script(length), None));
            let mut tags = vec![identity.must("ETag").to_owned()];
            for (coding, _) in CODINGS {
                for _ in 0..3 {
                    let reply = ask(&mut client, &target, coding);
                    assert_eq!((reply.status, reply.must("Content-Encoding")), (200, coding), "{name}");
                    assert!(decoded(&reply) == script(length).as_bytes(), "{name} {coding}");
                    assert!(reply.body.len() * 100 <= length * 95, "{name} {coding}");
                    for field in ["Content-Type", "Last-Modified", "Accept-Ranges", "Cache-Control", "Vary"] {
                        assert_eq!(reply.must(field), identity.must(field), "{name} {coding}");
                    }
                    tags.push(reply.must("ETag").to_owned());
                }
            }
            tags.sort();
            tags.dedup();
            assert_eq!(tags.len(), 4, "{name}: one for each form, and always the same: {tags:?}");
            assert_eq!(identity.must("Vary"), "Accept-Encoding");
        }
    }
}

#[test]
fn which_coding_is_made() {
    let site = Site::new();
    site.write("app.js", &*TEXT);
    site.write("sidecar.js", &*TEXT);
    site.write("sidecar.js.gz", encoded("gzip", &*TEXT));
    let server = site.serve();
    let mut client = server.connect();
    for (target, accept, expected) in [
        ("/app.js", "gzip, deflate, br, zstd", "br"),
        ("/app.js", "gzip, deflate", "gzip"),
        ("/app.js", "zstd, gzip", "zstd"),
        ("/app.js", "x-gzip", "gzip"),
        ("/app.js", "*", "br"),
        ("/app.js", "gzip;q=0.9, br;q=0.1", "gzip"),
        ("/app.js", "gzip;q=0.5, identity", ""),
        ("/app.js", "gzip, identity", "gzip"),
        ("/app.js", "deflate", ""),
        ("/app.js", "", ""),
        ("/app.js", "gzip, identity;q=0", "gzip"),
        ("/app.js", "identity;q=0", "406"),
        // Among equals a neighbour wins over work.
        ("/sidecar.js", "gzip, deflate, br, zstd", "gzip"),
        ("/sidecar.js", "*", "gzip"),
        ("/sidecar.js", "br, gzip;q=0.9", "br"),
        ("/sidecar.js", "zstd", "zstd"),
    ] {
        let reply = ask(&mut client, target, accept);
        assert_eq!(reply.must("Vary"), "Accept-Encoding", "{accept}");
        if expected == "406" {
            assert_eq!(reply.status, 406, "{accept}");
            continue;
        }
        let given = (reply.status, reply.field("Content-Encoding").unwrap_or_default());
        assert_eq!(given, (200, expected), "{target} for {accept}");
        assert_eq!(decoded(&reply), TEXT.as_bytes(), "{target} for {accept}");
    }
}

#[test]
fn it_is_like_any_file_in_memory() {
    let site = Site::new();
    site.write("app.js", &*TEXT);
    let server = site.serve();
    let mut client = server.connect();
    // HEAD is the first to ask for this form.
    let head = client.ask("HEAD", "/app.js", "Accept-Encoding: br\r\n");
    let whole = ask(&mut client, "/app.js", "br");
    let tag = whole.must("ETag").to_owned();
    assert_eq!((head.length(), head.must("ETag")), (whole.body.len() as u64, &*tag));
    assert!(tag.ends_with("-br\""), "{tag}");
    for (what, fields, status) in [
        ("If-None-Match", format!("If-None-Match: {tag}\r\n"), 304),
        ("If-None-Match, not first in a list", format!("If-None-Match: \"x\", {tag}\r\n"), 304),
        ("If-Match", format!("If-Match: {tag}\r\n"), 200),
        ("If-Match of something else", "If-Match: \"x\"\r\n".into(), 412),
    ] {
        let reply = client.ask("GET", "/app.js", &format!("Accept-Encoding: br\r\n{fields}"));
        assert_eq!((reply.status, reply.must("Vary")), (status, "Accept-Encoding"), "{what}");
        if status == 304 {
            assert_eq!(reply.must("ETag"), tag, "{what}");
        }
    }
    // A coded download is resumed; any other range is one of the file.
    let resumed = format!("Accept-Encoding: br\r\nRange: bytes=100-\r\nIf-Range: {tag}\r\n");
    let fresh = site.serve(); // it has not made this form yet
    for client in [&mut client, &mut fresh.connect()] {
        let rest = client.ask("GET", "/app.js", &resumed);
        assert_eq!((rest.status, &*rest.body), (206, &whole.body[100..]));
        let length = whole.body.len();
        assert_eq!(rest.must("Content-Range"), format!("bytes 100-{}/{length}", length - 1));
        let part = client.ask("GET", "/app.js", "Accept-Encoding: br\r\nRange: bytes=100-199\r\n");
        assert_eq!((part.status, part.text().as_str()), (206, &TEXT[100..200]));
        assert_eq!(part.field("Content-Encoding"), None);
    }
}

#[test]
fn what_is_not_compressed() {
    let site = Site::new();
    let text = script(1 << 20);
    for (name, bytes) in [
        ("too-small.js", &text.as_bytes()[..1023]),
        ("image.png", text.as_bytes()),
        ("archive.zip", text.as_bytes()),
        ("font.woff2", text.as_bytes()),
        ("unknown", text.as_bytes()),
    ] {
        site.write(name, bytes);
    }
    site.write_sparse("too-large.js", 8 << 20, b"x");
    site.write_sparse("large-enough.js", (8 << 20) - 1, b"x");
    site.write("noise.js", noise(5_000));
    let server = site.serve();
    let mut client = server.connect();
    for (target, expected, varies) in [
        ("/too-small.js", None, false),
        ("/image.png", None, false),
        ("/archive.zip", None, false),
        ("/font.woff2", None, false),
        ("/unknown", None, false),
        ("/too-large.js", None, false),
        ("/large-enough.js", Some("gzip"), true),
        // It would save less than 5 %; nobody can tell before it was tried.
        ("/noise.js", None, true),
        ("/noise.js", None, true),
    ] {
        let reply = ask(&mut client, target, "gzip");
        assert_eq!((reply.status, reply.field("Content-Encoding")), (200, expected), "{target}");
        assert_eq!(reply.field("Vary").is_some(), varies, "{target}");
    }
    assert_eq!(ask(&mut client, "/noise.js", "gzip, identity;q=0").status, 406);
}

#[test]
fn it_can_be_turned_off() {
    let site = Site::new();
    site.write("app.js", &*TEXT);
    site.write("sidecar.js", &*TEXT);
    site.write("sidecar.js.gz", encoded("gzip", &*TEXT));
    for (flags, own, beside) in [
        (&["--no-compress"][..], None, Some("gzip")),
        (&["--no-precompressed"], Some("gzip"), Some("gzip")),
        (&["--no-compress", "--no-precompressed"], None, None),
        // Nothing could be kept: each request would be compressed anew.
        (&["--cache-size", "0"], None, Some("gzip")),
    ] {
        let server = site.serve_with(flags);
        let mut client = server.connect();
        for (target, expected) in [("/app.js", own), ("/sidecar.js", beside)] {
            let reply = ask(&mut client, target, "gzip");
            assert_eq!(reply.field("Content-Encoding"), expected, "{target} {flags:?}");
            assert_eq!(reply.field("Vary").is_some(), expected.is_some(), "{target} {flags:?}");
            assert_eq!(decoded(&reply), TEXT.as_bytes());
        }
    }
}

#[test]
fn threads_that_compress_give_way_to_the_workers() {
    let site = Site::new();
    site.write("app.js", &*TEXT);
    let server = site.serve_with(&["-w", "2"]);
    assert_eq!(server.process.nice_values(), ["0"]);
    assert!(ask(&mut server.connect(), "/app.js", "gzip").field("Content-Encoding").is_some());
    assert_eq!(server.process.nice_values(), ["0", "10"]);
}

#[test]
fn a_form_is_made_once_for_all() {
    // Eight clients at once, on four workers: one of them waits, the others get the file as it is, or the form if they
    // come later.
    let site = Site::new();
    let text = script(4 << 20);
    site.write("app.js", &text);
    let mut command = site.command(&["-w", "4"]);
    command.env("RUST_LOG", "debug");
    let server = Server::start(command);
    let ask = || {
        let reply = ask(&mut server.connect(), "/app.js", "gzip");
        assert!(reply.status == 200 && decoded(&reply) == text.as_bytes());
        assert_eq!(reply.must("Vary"), "Accept-Encoding");
        reply.field("Content-Encoding").is_some()
    };
    let coded = thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().expect("a client")).filter(|coded| *coded).count()
    });
    assert!(coded >= 1, "the first one waits for it");
    for _ in 0..8 {
        assert!(ask(), "it is kept");
    }
    // The same bytes with another time: they are not compressed again.
    site.set_modified("app.js", crate::calendar::EXAMPLE);
    assert!(ask());
    server.process.signal(libc::SIGTERM);
    let lines = server.process.errors.await_end();
    let made: Vec<_> = lines.iter().filter(|line| line.contains("compressed by gzip")).collect();
    assert_eq!(made.len(), 1, "{made:?}");
}
