//! Precompressed neighbours (RFC 9110 sections 8.4, 12.5.3, 12.5.5): `app.js.br`, `.zst` and `.gz` stand in for
//! `app.js` where the client accepts that and they are not older. The bytes of the neighbours are made up:
//! the server does not look into them, and so no compressor is needed here.

use crate::calendar;
use crate::client::Client;
use crate::response::Response;
use crate::site::Site;

const ORIGINAL: &str = "the original, which is the longest of all of them";
const ZSTD: &str = "zstandard, shorter";
const GZIP: &str = "gzip, longer than br, zst";
const BROTLI: &str = "brotli: short";

/// `app.js` with all its neighbours, the shortest being Brotli's, and `odd.js`, where it is gzip's.
fn site() -> Site {
    let site = Site::new();
    let files = [
        ("app.js", ORIGINAL),
        ("app.js.br", BROTLI),
        ("app.js.zst", ZSTD),
        ("app.js.gz", GZIP),
        ("odd.js", ORIGINAL),
        ("odd.js.br", GZIP),
        ("odd.js.gz", BROTLI),
        ("plain.js", ORIGINAL),
    ];
    for (name, bytes) in files {
        site.write_dated(name, bytes, calendar::EXAMPLE);
    }
    site
}

fn ask(client: &mut Client, target: &str, accept: Option<&str>) -> Response {
    let fields = accept.map(|value| format!("Accept-Encoding: {value}\r\n")).unwrap_or_default();
    client.ask("GET", target, &fields)
}

fn body_of(coding: &str) -> &'static str {
    match coding {
        "br" => BROTLI,
        "zstd" => ZSTD,
        "gzip" => GZIP,
        _ => ORIGINAL,
    }
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
        assert_eq!(reply.text(), body_of(coding), "{what}");
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
        assert_eq!(reply.text(), ORIGINAL);
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
        ("a coded part", 206, "Accept-Encoding: br\r\nRange: bytes=0-1\r\n".to_owned()),
        ("not modified", 304, format!("If-None-Match: {tag}\r\n")),
    ];
    for (what, status, fields) in table {
        let reply = client.ask("GET", "/app.js", &fields);
        assert_eq!((reply.status, reply.field("Vary")), (status, Some("Accept-Encoding")), "{what}");
    }
    let head = client.ask("HEAD", "/app.js", "Accept-Encoding: br\r\n");
    assert_eq!((head.field("Content-Encoding"), head.length()), (Some("br"), BROTLI.len() as u64));
}

#[test]
fn ranges_count_coded_bytes() {
    let server = site().serve();
    let mut client = server.connect();
    let coded = ask(&mut client, "/app.js", Some("gzip"));
    let identity = ask(&mut client, "/app.js", None);
    let table = [
        ("a range (14.1.2)", String::new(), 206, &GZIP[2..6]),
        ("the coded tag in If-Range", format!("If-Range: {}\r\n", coded.must("ETag")), 206, &GZIP[2..6]),
        ("the other tag in If-Range", format!("If-Range: {}\r\n", identity.must("ETag")), 200, GZIP),
    ];
    for (what, fields, status, body) in table {
        let fields = format!("Accept-Encoding: gzip\r\nRange: bytes=2-5\r\n{fields}");
        let reply = client.ask("GET", "/app.js", &fields);
        assert_eq!((reply.status, reply.text().as_str()), (status, body), "{what}");
        assert_eq!(reply.field("Content-Encoding"), Some("gzip"), "{what}");
        if status == 206 {
            assert_eq!(reply.must("Content-Range"), format!("bytes 2-5/{}", GZIP.len()), "{what}");
        }
    }
}

#[test]
fn a_neighbour_that_is_older_is_out_of_date() {
    let site = site();
    site.set_modified("app.js.br", calendar::EXAMPLE - 1);
    site.set_modified("app.js.zst", calendar::EXAMPLE + 1);
    let server = site.serve();
    let mut client = server.connect();
    assert_eq!(ask(&mut client, "/app.js", Some("br")).text(), ORIGINAL);
    assert_eq!(ask(&mut client, "/app.js", Some("br, zstd")).text(), ZSTD);
    assert_eq!(ask(&mut client, "/app.js", Some("br, gzip")).text(), GZIP, "of the same age is good enough");
}

#[test]
fn a_neighbour_may_be_asked_for_by_its_own_name() {
    let server = site().serve();
    let mut client = server.connect();
    for accept in [None, Some("gzip")] {
        let reply = ask(&mut client, "/app.js.gz", accept);
        assert_eq!((reply.status, reply.text().as_str()), (200, GZIP));
        assert_eq!(reply.must("Content-Type"), "application/gzip");
        assert_eq!(reply.field("Content-Encoding"), None, "it is the file itself");
    }
}

#[test]
fn a_neighbour_alone_is_nobody() {
    let site = Site::new();
    site.write("gone.js.gz", GZIP);
    site.write("gone.js.br", BROTLI);
    let server = site.serve();
    assert_eq!(ask(&mut server.connect(), "/gone.js", Some("gzip, br")).status, 404);
}

#[test]
fn an_index_page_has_neighbours_too() {
    let site = Site::new();
    site.write("dir/index.html", ORIGINAL);
    site.write("dir/index.html.gz", GZIP);
    let server = site.serve();
    let reply = ask(&mut server.connect(), "/dir/", Some("gzip"));
    assert_eq!((reply.text().as_str(), reply.must("Content-Type")), (GZIP, "text/html"));
}

#[test]
fn what_is_no_regular_file_inside_the_root_is_no_neighbour() {
    let site = Site::new();
    std::fs::write(site.outside("secret.gz"), "the crown jewels").expect("a secret");
    for name in ["folder.js", "fifo.js", "link.js", "locked.js"] {
        site.write_dated(name, ORIGINAL, calendar::EXAMPLE);
    }
    site.make_folder("folder.js.gz");
    crate::system::make_fifo(&site.path("fifo.js.gz"));
    site.link("../secret.gz", "link.js.gz");
    site.write("locked.js.gz", GZIP);
    site.set_mode("locked.js.gz", 0o000);
    let server = site.serve_unprivileged(&[]);
    let mut client = server.connect();
    for name in ["folder.js", "fifo.js", "link.js", "locked.js"] {
        let reply = ask(&mut client, &format!("/{name}"), Some("gzip"));
        assert_eq!((reply.status, reply.text().as_str()), (200, ORIGINAL), "{name}");
    }
}

#[test]
fn neighbours_can_be_turned_off() {
    let server = site().serve_with(&["--no-precompressed"]);
    let mut client = server.connect();
    let reply = ask(&mut client, "/app.js", Some("gzip, br"));
    assert_eq!((reply.text().as_str(), reply.field("Vary")), (ORIGINAL, None));
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
