//! Preconditions (RFC 9110 section 13): one table in the order of 13.2.2, with the file's tag and date put in
//! where a row says {tag} or {date}. Then what a 304 carries (15.4.5), and that none of it matters where the
//! plain reply would not be a success (13.2.1).

use crate::calendar;
use crate::client::Client;
use crate::coder::encoded;
use crate::response::Response;
use crate::server::Server;
use crate::site::Site;

fn site() -> (Site, Server) {
    let site = Site::new();
    site.write_dated("file.txt", "content", calendar::EXAMPLE);
    let server = site.serve();
    (site, server)
}

/// Puts the validators of the file into a row.
fn filled(fields: &str, tag: &str) -> String {
    let fields = fields.replace("{tag}", tag).replace("{date}", &calendar::imf(calendar::EXAMPLE));
    let fields = fields.replace("{earlier}", &calendar::imf(calendar::EXAMPLE - 1));
    let fields = fields.replace("{later}", &calendar::imf(calendar::EXAMPLE + 1));
    fields.split('|').map(|line| format!("{line}\r\n")).collect()
}

/// What it is, the field lines with `|` between them, the status.
const TABLE: &[(&str, &str, u16)] = &[
    // If-Match, by strong comparison.
    ("any (13.1.1)", "If-Match: *", 200),
    ("its tag", "If-Match: {tag}", 200),
    ("another tag", "If-Match: \"other\"", 412),
    ("its tag as a weak one never matches", "If-Match: W/{tag}", 412),
    ("in a list", "If-Match: \"other\", {tag}", 200),
    ("a list without it", "If-Match: \"other\", \"another\"", 412),
    ("in a second line", "If-Match: \"other\"|If-Match: {tag}", 200),
    ("a tag with a comma", "If-Match: \"a,b\",{tag}", 200),
    // If-Unmodified-Since.
    ("its date (13.1.4)", "If-Unmodified-Since: {date}", 200),
    ("later", "If-Unmodified-Since: {later}", 200),
    ("earlier", "If-Unmodified-Since: {earlier}", 412),
    ("earlier, RFC 850 (5.6.7)", "If-Unmodified-Since: Saturday, 05-Nov-94 08:49:37 GMT", 412),
    ("earlier, asctime (5.6.7)", "If-Unmodified-Since: Sat Nov  5 08:49:37 1994", 412),
    ("a leap second before (5.6.7)", "If-Unmodified-Since: Sun, 06 Nov 1994 08:48:60 GMT", 412),
    ("a leap second before, RFC 850", "If-Unmodified-Since: Saturday, 05-Nov-94 23:59:60 GMT", 412),
    ("a leap second before, asctime", "If-Unmodified-Since: Sat Nov  5 23:59:60 1994", 412),
    ("before 1970 (5.6.7)", "If-Unmodified-Since: Wed, 31 Dec 1969 23:59:59 GMT", 412),
    ("invalid: ignored", "If-Unmodified-Since: last year", 200),
    ("no such second: ignored", "If-Unmodified-Since: Sat, 05 Nov 1994 23:59:61 GMT", 200),
    ("ignored beside If-Match", "If-Match: {tag}|If-Unmodified-Since: {earlier}", 200),
    ("ignored beside a failing one too", "If-Match: \"other\"|If-Unmodified-Since: {later}", 412),
    // If-None-Match, by weak comparison.
    ("any (13.1.2)", "If-None-Match: *", 304),
    ("its tag", "If-None-Match: {tag}", 304),
    ("its tag as a weak one matches", "If-None-Match: W/{tag}", 304),
    ("another tag", "If-None-Match: \"other\"", 200),
    ("in a list", "If-None-Match: \"other\", {tag}", 304),
    ("in a list without space", "If-None-Match: \"other\",{tag},\"x\"", 304),
    ("in a list with weak ones", "If-None-Match: W/\"other\", W/{tag}", 304),
    ("in a list with empty elements (5.6.1.2)", "If-None-Match: , ,{tag},", 304),
    ("a list without it", "If-None-Match: \"other\", W/\"another\"", 200),
    ("in a second line", "If-None-Match: \"other\"|If-None-Match: {tag}", 304),
    ("a tag with commas", "If-None-Match: \"a,\", \",b\", {tag}", 304),
    ("a tag that begins like its", "If-None-Match: \"\"", 200),
    ("names have no case", "if-none-match: {tag}", 304),
    // If-Modified-Since.
    ("its date (13.1.3)", "If-Modified-Since: {date}", 304),
    ("later", "If-Modified-Since: {later}", 304),
    ("in the future", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", 304),
    ("earlier", "If-Modified-Since: {earlier}", 200),
    ("its date, RFC 850 (5.6.7)", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT", 304),
    ("its date, asctime (5.6.7)", "If-Modified-Since: Sun Nov  6 08:49:37 1994", 304),
    ("earlier, RFC 850", "If-Modified-Since: Saturday, 05-Nov-94 08:49:37 GMT", 200),
    ("earlier, asctime", "If-Modified-Since: Sat Nov  5 08:49:37 1994", 200),
    ("a leap second after (5.6.7)", "If-Modified-Since: Sun, 06 Nov 1994 23:59:60 GMT", 304),
    ("a leap second after, RFC 850", "If-Modified-Since: Sunday, 06-Nov-94 23:59:60 GMT", 304),
    ("a leap second after, asctime", "If-Modified-Since: Sun Nov  6 23:59:60 1994", 304),
    ("before 1970 (5.6.7)", "If-Modified-Since: Wed, 31 Dec 1969 23:59:59 GMT", 200),
    ("invalid: ignored", "If-Modified-Since: tomorrow", 200),
    ("another day of the week: ignored (5.6.7)", "If-Modified-Since: Monday, 06-Nov-94 08:49:37 GMT", 200),
    ("empty: ignored", "If-Modified-Since:", 200),
    ("a day that no month has: ignored", "If-Modified-Since: Wed, 32 Nov 2044 08:49:37 GMT", 200),
    ("ignored beside If-None-Match", "If-None-Match: \"other\"|If-Modified-Since: {date}", 200),
    ("whichever it says", "If-None-Match: {tag}|If-Modified-Since: {earlier}", 304),
    // Together, in the order of 13.2.2.
    ("If-Match comes first (13.2.2)", "If-None-Match: {tag}|If-Match: \"other\"", 412),
    ("then If-None-Match", "If-Match: {tag}|If-None-Match: {tag}", 304),
    ("If-Unmodified-Since before If-None-Match", "If-None-Match: {tag}|If-Unmodified-Since: {earlier}", 412),
    ("and goes on where it holds", "If-Unmodified-Since: {date}|If-Modified-Since: {date}", 304),
    ("Range comes last", "Range: bytes=0-1|If-None-Match: {tag}", 304),
    ("even one that cannot be satisfied", "Range: bytes=99-|If-Match: \"other\"", 412),
    ("and is obeyed when all else holds", "Range: bytes=0-1|If-Match: {tag}", 206),
    ("a failing If-None-Match lets it be obeyed", "Range: bytes=0-1|If-None-Match: \"other\"", 206),
    ("If-Range is the last of all", "Range: bytes=0-1|If-Range: {tag}|If-None-Match: {tag}", 304),
];

#[test]
fn on_a_file() {
    let (_site, server) = site();
    let mut client = server.connect();
    let tag = client.get("/file.txt").must("ETag").to_owned();
    for (what, fields, status) in TABLE {
        let fields = filled(fields, &tag);
        let get = client.ask("GET", "/file.txt", &fields);
        assert_eq!(get.status, *status, "{what}: {fields:?}");
        assert_eq!(get.body.is_empty(), *status == 304, "{what}");
        if !fields.contains("Range") {
            let head = client.ask("HEAD", "/file.txt", &fields);
            assert_eq!(head.head_without_date(), get.head_without_date(), "HEAD, {what}");
        }
    }
}

/// A file of the second after a leap second: the two are the same second here.
#[test]
fn the_second_after_a_leap_second() {
    const NEW_YEAR_2017: i64 = 1_483_228_800;
    let site = Site::new();
    site.write_dated("file.txt", "content", NEW_YEAR_2017);
    let server = site.serve();
    let mut client = server.connect();
    for date in
        ["Sat, 31 Dec 2016 23:59:60 GMT", "Saturday, 31-Dec-16 23:59:60 GMT", "Sat Dec 31 23:59:60 2016"]
    {
        for (field, status) in
            [("If-Modified-Since", 304), ("If-Unmodified-Since", 200), ("Range: bytes=0-1\r\nIf-Range", 206)]
        {
            let reply = client.ask("GET", "/file.txt", &format!("{field}: {date}\r\n"));
            assert_eq!(reply.status, status, "{field}: {date} (5.6.7)");
        }
    }
}

#[test]
fn ignored_where_the_plain_reply_is_no_success() {
    let site = Site::new();
    site.make_folder("dir");
    let server = site.serve();
    let mut client = server.connect();
    for fields in [
        "If-Match: *\r\n",
        "If-Match: \"other\"\r\n",
        "If-None-Match: *\r\n",
        "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n",
        "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    ] {
        for (target, status) in [("/missing", 404), ("/dir", 301), ("/dir/", 404), ("/%zz", 400)] {
            let mut client = server.connect_as(target);
            assert_eq!(client.ask("GET", target, fields).status, status, "{target} with {fields:?} (13.2.1)");
        }
        assert_eq!(client.ask("POST", "/", fields).status, 405, "{fields:?}");
    }
}

fn not_modified(client: &mut Client, target: &str, fields: &str) -> (Response, Response) {
    let fresh = client.ask("GET", target, fields);
    let asked = format!("{fields}If-None-Match: {}\r\n", fresh.must("ETag"));
    let reply = client.ask("GET", target, &asked);
    assert_eq!((reply.status, reply.reason.as_str()), (304, "Not Modified"));
    (fresh, reply)
}

#[test]
fn what_a_304_carries() {
    let site = Site::new();
    site.write_dated("plain.txt", "content", calendar::EXAMPLE);
    let text = "content".repeat(30);
    site.write_dated("coded.txt", &text, calendar::EXAMPLE);
    site.write("coded.txt.gz", encoded("gzip", &text));
    let server = site.serve_with(&["--cache-control", "max-age=60"]);
    let mut client = server.connect();
    for target in ["/plain.txt", "/coded.txt"] {
        for fields in ["", "Accept-Encoding: gzip\r\n"] {
            let (fresh, reply) = not_modified(&mut client, target, fields);
            for name in ["ETag", "Cache-Control", "Vary"] {
                assert_eq!(reply.field(name), fresh.field(name), "{name} of {target} (15.4.5)");
            }
            let length = reply.field("Content-Length");
            assert!(length.is_none() || length == fresh.field("Content-Length"), "{reply:?} (8.6)");
            assert!(reply.field("Content-Range").is_none(), "{reply:?}");
        }
    }
}

#[test]
fn the_tag_of_another_coding_is_another_tag() {
    let site = Site::new();
    let text = "content".repeat(30);
    site.write_dated("coded.txt", &text, calendar::EXAMPLE);
    site.write("coded.txt.gz", encoded("gzip", &text));
    let server = site.serve();
    let mut client = server.connect();
    let identity = client.get("/coded.txt").must("ETag").to_owned();
    let asked = format!("Accept-Encoding: gzip\r\nIf-None-Match: {identity}\r\n");
    let reply = client.ask("GET", "/coded.txt", &asked);
    assert_eq!((reply.status, reply.field("Content-Encoding")), (200, Some("gzip")));
}

#[test]
fn a_304_leaves_the_connection_in_order() {
    let (_site, server) = site();
    let mut client = server.connect();
    let tag = client.get("/file.txt").must("ETag").to_owned();
    for _ in 0..10 {
        assert_eq!(client.ask("GET", "/file.txt", &format!("If-None-Match: {tag}\r\n")).status, 304);
        assert_eq!(client.get("/file.txt").text(), "content");
    }
}
