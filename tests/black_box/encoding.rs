//! Precompressed neighbours (RFC 9110 sections 8.4, 12.5.3, 12.5.5): `app.js.br`, `.zst` and `.gz` stand in for
//! `app.js` where the client accepts that and they decode to it. The files are too small to be compressed by the
//! server itself.

use std::sync::LazyLock;

use crate::calendar;
use crate::client::Client;
use crate::coder::{CODINGS, brotli_of_quality, encoded};
use crate::patience::eventually;
use crate::response::Response;
use crate::server::Server;
use crate::site::Site;

/// Text that each coding makes shorter.
static ORIGINAL: LazyLock<String> = LazyLock::new(|| "the original, and more of it; ".repeat(30));

/// `app.js` with all its neighbours, the shortest being Brotli's, and `odd.js`, where it is gzip's.
fn site() -> Site {
    let site = Site::new();
    for name in ["app.js", "odd.js", "plain.js"] {
        site.write_dated(name, &*ORIGINAL, calendar::EXAMPLE);
    }
    for (coding, suffix) in CODINGS {
        site.write_dated(&format!("app.js{suffix}"), encoded(coding, &*ORIGINAL), calendar::EXAMPLE);
    }
    site.write("odd.js.br", brotli_of_quality(0, ORIGINAL.as_bytes()));
    site.write("odd.js.gz", encoded("gzip", &*ORIGINAL));
    site
}

fn ask(client: &mut Client, target: &str, accept: Option<&str>) -> Response {
    let fields = accept.map(|value| format!("Accept-Encoding: {value}\r\n")).unwrap_or_default();
    client.ask("GET", target, &fields)
}

fn body_of(coding: &str) -> Vec<u8> {
    if coding.is_empty() { ORIGINAL.as_bytes().to_vec() } else { encoded(coding, &*ORIGINAL) }
}

/// The coding of a reply that is right for `app.js` and its like; empty for none.
fn coding_of(reply: &Response) -> String {
    let coding = reply.field("Content-Encoding").unwrap_or_default().to_owned();
    assert_eq!((reply.status, &reply.body), (200, &body_of(&coding)), "{coding}");
    coding
}

#[test]
fn which_coding_is_chosen() {
    // An empty coding is the original's, and "406" none.
    let table = [
        ("no field (12.5.3)", None, ""),
        ("an empty value: identity only", Some(""), ""),
        ("identity", Some("identity"), ""),
        ("gzip", Some("gzip"), "gzip"),
        ("Brotli", Some("br"), "br"),
        ("Zstandard", Some("zstd"), "zstd"),
        ("x-gzip is gzip (8.4.1.3)", Some("x-gzip"), "gzip"),
        ("no case (8.4.1)", Some("GZip"), "gzip"),
        ("what there is not", Some("compress, deflate"), ""),
        ("an unknown one", Some("lzma"), ""),
        ("what browsers send: the smallest", Some("gzip, deflate, br, zstd"), "br"),
        ("the order does not matter", Some("zstd,br,gzip"), "br"),
        ("the smallest of two", Some("gzip, zstd"), "zstd"),
        ("the highest weight (12.4.2)", Some("br;q=0.5, gzip;q=1.0"), "gzip"),
        ("three digits", Some("br;q=0.123, zstd;q=0.124"), "zstd"),
        ("space around the weight", Some("br ; q=0.1 , gzip\t;\tq=0.9"), "gzip"),
        ("a weight in capitals", Some("br;Q=0.1, gzip"), "gzip"),
        ("zero is a refusal (12.4.2)", Some("br;q=0, gzip"), "gzip"),
        ("zero with digits", Some("br;q=0.000, gzip;q=0.0"), ""),
        ("a low weight alone still beats what was not named", Some("gzip;q=0.001"), "gzip"),
        ("identity preferred", Some("gzip;q=0.5, identity"), ""),
        ("identity preferred by weight", Some("br;q=0.2, identity;q=0.8"), ""),
        ("anything: the smallest", Some("*"), "br"),
        ("anything but", Some("br;q=0, *"), "zstd"),
        ("anything, one of them less", Some("br;q=0.1, *;q=0.5"), "zstd"),
        ("only gzip", Some("gzip, *;q=0"), "gzip"),
        ("not identity", Some("gzip, identity;q=0"), "gzip"),
        ("neither", Some("identity;q=0"), "406"),
        ("nothing at all", Some("*;q=0"), "406"),
        ("nothing that there is", Some("compress, *;q=0"), "406"),
        ("nothing but identity", Some("*;q=0, identity"), ""),
        ("empty elements (5.6.1.2)", Some(",, gzip ,"), "gzip"),
        ("in two lines (5.3)", Some("br;q=0\r\nAccept-Encoding: gzip"), "gzip"),
    ];
    let server = site().serve();
    let mut client = server.connect();
    for (what, accept, coding) in table {
        let reply = ask(&mut client, "/app.js", accept);
        if coding == "406" {
            assert_eq!(reply.status, 406, "{what}");
            continue;
        }
        assert_eq!(reply.status, 200, "{what}");
        assert_eq!(reply.field("Content-Encoding").unwrap_or_default(), coding, "{what}: {accept:?}");
        assert_eq!(reply.body, body_of(coding), "{what}");
        assert_eq!(reply.must("Content-Type"), "text/javascript", "the original's, {what}");
        assert_eq!(reply.must("Vary"), "Accept-Encoding", "{what} (12.5.5)");
    }
}

#[test]
fn the_smallest_of_equals_is_a_matter_of_bytes_not_of_names() {
    let server = site().serve();
    let reply = ask(&mut server.connect(), "/odd.js", Some("br, gzip, zstd"));
    assert_eq!(reply.field("Content-Encoding"), Some("gzip"));
}

#[test]
fn a_file_without_neighbours_does_not_vary() {
    let server = site().serve();
    let mut client = server.connect();
    for accept in [None, Some("gzip, br")] {
        let reply = ask(&mut client, "/plain.js", accept);
        assert_eq!((reply.field("Vary"), reply.field("Content-Encoding")), (None, None));
        assert_eq!(reply.text(), *ORIGINAL);
    }
    for accept in ["identity;q=0", "*;q=0", "gzip, *;q=0", "gzip, identity;q=0"] {
        assert_eq!(ask(&mut client, "/plain.js", Some(accept)).status, 406, "{accept}");
    }
}

#[test]
fn vary_is_on_every_reply_that_could_differ() {
    let server = site().serve();
    let mut client = server.connect();
    let tag = client.get("/app.js").must("ETag").to_owned();
    let table = [
        ("identity", 200, String::new()),
        ("coded", 200, "Accept-Encoding: gzip\r\n".to_owned()),
        ("a part", 206, "Range: bytes=0-1\r\n".to_owned()),
        ("parts", 206, "Range: bytes=0-1,9-9\r\n".to_owned()),
        ("a part for one who could decode", 206, "Accept-Encoding: br\r\nRange: bytes=0-1\r\n".to_owned()),
        ("no such part", 416, "Accept-Encoding: br\r\nRange: bytes=9999-\r\n".to_owned()),
        ("not what it was", 412, "Accept-Encoding: br\r\nIf-Match: \"x\"\r\n".to_owned()),
        ("not modified", 304, format!("If-None-Match: {tag}\r\n")),
    ];
    for (what, status, fields) in table {
        let reply = client.ask("GET", "/app.js", &fields);
        assert_eq!((reply.status, reply.field("Vary")), (status, Some("Accept-Encoding")), "{what}");
    }
    let head = client.ask("HEAD", "/app.js", "Accept-Encoding: br\r\n");
    assert_eq!((head.field("Content-Encoding"), head.length()), (Some("br"), body_of("br").len() as u64));
}

#[test]
fn ranges_are_of_the_file_itself() {
    let site = site();
    let server = site.serve();
    let mut client = server.connect();
    let tag =
        |client: &mut Client, accept: Option<&str>| ask(client, "/app.js", accept).must("ETag").to_owned();
    let (gzip, brotli) = (tag(&mut client, Some("gzip")), tag(&mut client, Some("br")));
    let identity = tag(&mut client, None);
    let date = calendar::imf(calendar::EXAMPLE);
    // Fields beside `Range: bytes=2-5`; the status and the coding of the reply.
    let table = [
        ("libraries add the field by themselves", "Accept-Encoding: gzip, br".into(), 206, ""),
        ("the tag of the file", format!("Accept-Encoding: gzip\r\nIf-Range: {identity}"), 206, ""),
        ("its date", format!("Accept-Encoding: gzip\r\nIf-Range: {date}"), 206, ""),
        ("a coded download is resumed", format!("Accept-Encoding: gzip\r\nIf-Range: {gzip}"), 206, "gzip"),
        ("whichever is liked best", format!("Accept-Encoding: gzip, br\r\nIf-Range: {gzip}"), 206, "gzip"),
        ("in the way of others", format!("Accept-Encoding: gzip\r\nIf-Match: {gzip}"), 206, "gzip"),
        (
            "a form that the client does not take",
            format!("Accept-Encoding: gzip\r\nIf-Range: {brotli}"),
            200,
            "gzip",
        ),
        ("a tag of yesterday", "Accept-Encoding: gzip\r\nIf-Range: \"0-gzip\"".into(), 200, "gzip"),
        ("a tag of somebody else", "Accept-Encoding: gzip\r\nIf-Range: \"0\"".into(), 200, "gzip"),
        ("a weak one", format!("Accept-Encoding: gzip\r\nIf-Range: W/{gzip}"), 200, "gzip"),
        (
            "another date",
            "Accept-Encoding: gzip\r\nIf-Range: Sun, 06 Nov 1994 08:49:36 GMT".into(),
            200,
            "gzip",
        ),
        ("the file itself is refused", "Accept-Encoding: gzip, identity;q=0".into(), 206, "gzip"),
        ("nor anything else", "Accept-Encoding: gzip, *;q=0".into(), 206, "gzip"),
        ("no coding is accepted", format!("If-Range: {gzip}"), 200, ""),
    ];
    for (what, fields, status, coding) in table {
        let reply = client.ask("GET", "/app.js", &format!("Range: bytes=2-5\r\n{fields}\r\n"));
        let given = (reply.status, reply.field("Content-Encoding").unwrap_or_default());
        assert_eq!(given, (status, coding), "{what}");
        let whole = body_of(coding);
        if status == 206 {
            assert_eq!(reply.body, whole[2..6], "{what}");
            assert_eq!(reply.must("Content-Range"), format!("bytes 2-5/{}", whole.len()), "{what}");
        } else {
            assert_eq!(reply.body, whole, "{what}");
        }
        assert_eq!(reply.must("Vary"), "Accept-Encoding", "{what}");
    }
    for (range, status, coding) in [
        ("Range: bytes=900-\r\n", 416, ""),
        ("Range: lines=1-2\r\n", 200, "gzip"),
        ("Range: bytes=2-1\r\n", 200, "gzip"),
    ] {
        let reply = client.ask("GET", "/app.js", &format!("Accept-Encoding: gzip\r\n{range}"));
        assert_eq!((reply.status, reply.field("Content-Encoding").unwrap_or_default()), (status, coding));
        if status == 416 {
            assert_eq!(reply.must("Content-Range"), format!("bytes */{}", ORIGINAL.len()));
        }
    }
    let head = client.ask("HEAD", "/app.js", "Accept-Encoding: gzip\r\nRange: bytes=2-5\r\n");
    assert_eq!(
        (head.status, head.field("Content-Encoding")),
        (200, Some("gzip")),
        "HEAD has no ranges (14.2)"
    );
}

#[test]
fn times_tell_nothing() {
    let site = site();
    for (name, seconds) in [("app.js.br", -1), ("app.js.zst", -100_000_000), ("app.js.gz", 1)] {
        site.set_modified(name, calendar::EXAMPLE + seconds);
    }
    let server = site.serve();
    for (coding, _) in CODINGS {
        assert_eq!(coding_of(&ask(&mut server.connect(), "/app.js", Some(coding))), coding);
    }
}

/// A site in which `app.js` has the one neighbour `app.js.br`, and its server.
fn with_neighbour(bytes: impl AsRef<[u8]>) -> (Site, Server) {
    let site = Site::new();
    site.write("app.js", &*ORIGINAL);
    site.write("app.js.br", bytes);
    let server = site.serve();
    (site, server)
}

#[test]
fn a_neighbour_that_does_not_decode_to_the_file_is_not_used_and_that_is_said_once() {
    let true_one = encoded("br", &*ORIGINAL);
    let another = encoded("br", ORIGINAL.replace("more", "less"));
    let too_long = encoded("br", [&**ORIGINAL, "x"].concat());
    let bomb = encoded("br", vec![0; 1 << 28]);
    for (what, bytes) in [
        ("made up", b"br bytes".to_vec()),
        ("empty", Vec::new()),
        ("of an older version", another),
        ("of a longer one", too_long),
        ("cut off", true_one[..true_one.len() - 1].to_vec()),
        ("with something after it", [&*true_one, b"x"].concat()),
        ("of another coding", encoded("gzip", &*ORIGINAL)),
        ("not coded", ORIGINAL.as_bytes().to_vec()),
        ("a bomb of 256 MiB", bomb),
    ] {
        let (_site, server) = with_neighbour(bytes);
        let mut client = server.connect_as(what);
        for _ in 0..3 {
            let reply = ask(&mut client, "/app.js", Some("br"));
            assert_eq!(coding_of(&reply), "", "{what}");
            assert_eq!(reply.field("Vary"), None, "{what}: it has no other form");
            assert!(client.is_silent_for(std::time::Duration::from_millis(30)));
        }
        let is_said =
            |line: &str| line.contains("app.js.br is not used: as br it does not decode to its file");
        server.process.errors.await_line(is_said);
        assert!(server.process.resident_kilobytes() < 64 * 1024, "{what}");
        server.process.signal(libc::SIGTERM);
        let lines = server.process.errors.await_end();
        assert_eq!(lines.iter().filter(|line| is_said(line)).count(), 1, "{what}: {lines:#?}");
    }
}

#[test]
fn a_neighbour_is_tried_again_when_one_of_the_two_changes() {
    let (site, server) = with_neighbour(encoded("br", &*ORIGINAL));
    let mut client = server.connect();
    assert_eq!(coding_of(&ask(&mut client, "/app.js", Some("br"))), "br");
    // A rollback: the file is replaced, and its time is older than that of the neighbour.
    let older = ORIGINAL.replace("more", "less");
    site.write_dated("app.js", &older, calendar::EXAMPLE);
    let reply = ask(&mut client, "/app.js", Some("br"));
    assert_eq!((reply.field("Content-Encoding"), reply.text()), (None, older.clone()));
    site.write_dated("app.js.br", encoded("br", &older), calendar::EXAMPLE - 1);
    eventually("the neighbour is used again", || {
        let reply = ask(&mut client, "/app.js", Some("br"));
        reply.field("Content-Encoding") == Some("br") && reply.body == encoded("br", &older)
    });
}

#[test]
fn beyond_64_mib_a_neighbour_is_used_that_is_not_older() {
    let site = Site::new();
    site.write_sparse("large.bin", 64 << 20, b"end");
    for (seconds, coding) in [(0, Some("gzip")), (-1, None)] {
        site.set_modified("large.bin", calendar::EXAMPLE);
        site.write_dated("large.bin.gz", "made up", calendar::EXAMPLE + seconds);
        let server = site.serve();
        let head = server.connect().ask("HEAD", "/large.bin", "Accept-Encoding: gzip\r\n");
        assert_eq!(head.field("Content-Encoding"), coding, "{seconds} s");
    }
    // At the bound it is decoded.
    site.write_sparse("large.bin", (64 << 20) - 3, b"end");
    site.write("large.bin.gz", "made up");
    let head = site.serve().connect().ask("HEAD", "/large.bin", "Accept-Encoding: gzip\r\n");
    assert_eq!(head.field("Content-Encoding"), None);
}

#[test]
fn a_neighbour_may_be_asked_for_by_its_own_name() {
    let server = site().serve();
    let mut client = server.connect();
    for accept in [None, Some("gzip")] {
        let reply = ask(&mut client, "/app.js.gz", accept);
        assert_eq!((reply.status, &reply.body), (200, &body_of("gzip")));
        assert_eq!(reply.must("Content-Type"), "application/gzip");
        assert_eq!(reply.field("Content-Encoding"), None, "it is the file itself");
    }
}

#[test]
fn a_neighbour_alone_is_nobody() {
    let site = Site::new();
    site.write("gone.js.gz", body_of("gzip"));
    site.write("gone.js.br", body_of("br"));
    let server = site.serve();
    assert_eq!(ask(&mut server.connect(), "/gone.js", Some("gzip, br")).status, 404);
}

#[test]
fn an_index_page_has_neighbours_too() {
    let site = Site::new();
    site.write("dir/index.html", &*ORIGINAL);
    site.write("dir/index.html.gz", body_of("gzip"));
    let server = site.serve();
    let reply = ask(&mut server.connect(), "/dir/", Some("gzip"));
    assert_eq!((coding_of(&reply).as_str(), reply.must("Content-Type")), ("gzip", "text/html"));
}

#[test]
fn what_is_no_regular_file_inside_the_root_is_no_neighbour() {
    let site = Site::new();
    std::fs::write(site.outside("secret.gz"), "the crown jewels").expect("a secret");
    for name in ["folder.js", "fifo.js", "link.js", "locked.js"] {
        site.write_dated(name, &*ORIGINAL, calendar::EXAMPLE);
    }
    site.make_folder("folder.js.gz");
    crate::system::make_fifo(&site.path("fifo.js.gz"));
    site.link("../secret.gz", "link.js.gz");
    site.write("locked.js.gz", body_of("gzip"));
    site.set_mode("locked.js.gz", 0o000);
    let server = site.serve_unprivileged(&[]);
    let mut client = server.connect();
    for name in ["folder.js", "fifo.js", "link.js", "locked.js"] {
        let reply = ask(&mut client, &format!("/{name}"), Some("gzip"));
        assert_eq!((reply.status, reply.text().as_str()), (200, ORIGINAL.as_str()), "{name}");
    }
}

#[test]
fn neighbours_can_be_turned_off() {
    let server = site().serve_with(&["--no-precompressed"]);
    let mut client = server.connect();
    let reply = ask(&mut client, "/app.js", Some("gzip, br"));
    assert_eq!((reply.text().as_str(), reply.field("Vary")), (ORIGINAL.as_str(), None));
    assert_eq!(ask(&mut client, "/app.js", Some("gzip, identity;q=0")).status, 406);
}

#[test]
fn errors_and_redirects_do_not_vary() {
    let site = site();
    site.make_folder("dir");
    let server = site.serve();
    let mut client = server.connect();
    for target in ["/missing", "/dir"] {
        let reply = ask(&mut client, target, Some("gzip"));
        assert_eq!((reply.field("Vary"), reply.field("Content-Encoding")), (None, None), "{target}");
    }
}
