//! The charset of a text (RFC 9110 section 8.3.2): said where it is true, and where a browser would not find it by
//! itself. Which bytes say what is a table of the unit tests; here is what of it reaches a client, from files of
//! every size, and that it is never that of an older version.

use crate::client::Client;
use crate::coder::{CODINGS, encoded};
use crate::site::Site;

const KIB: usize = 1024;
/// Above this a file is sent from the disk, and its beginning of this size is looked at.
const IN_MEMORY: usize = 64 * KIB;
/// Above this a file has no digest.
const DIGESTED: usize = 16 * KIB * KIB;

const PLAIN: &str = "text/plain; charset=utf-8";

/// A text of so many bytes that begins and ends in the given ones.
fn text(begin: impl AsRef<[u8]>, length: usize, end: impl AsRef<[u8]>) -> Vec<u8> {
    let (begin, end) = (begin.as_ref(), end.as_ref());
    [begin, &vec![b'.'; length - begin.len() - end.len()], end].concat()
}

#[test]
fn it_is_said_where_it_is_true_and_needed() {
    let large = IN_MEMORY + 1;
    let huge = DIGESTED + 1;
    let table: &[(&str, Vec<u8>, &str)] = &[
        ("empty.txt", vec![], PLAIN),
        ("ascii.txt", b"ascii".into(), PLAIN),
        ("utf8.txt", "größe".into(), PLAIN),
        ("latin.txt", b"gr\xf6\xdfe".into(), "text/plain"),
        ("utf16.txt", b"\xff\xfea\0".into(), "text/plain"),
        ("cut.txt", b"\xc3".into(), "text/plain"),
        ("utf8.md", "größe".into(), "text/markdown; charset=utf-8"),
        ("utf8.json", "\"größe\"".into(), "application/json"),
        ("utf8.svg", "<svg>größe</svg>".into(), "image/svg+xml"),
        ("utf8.bin", "größe".into(), "application/octet-stream"),
        ("ascii.html", b"<p>ascii".into(), "text/html"),
        ("utf8.html", "<p>größe".into(), "text/html; charset=utf-8"),
        ("latin.html", b"<p>gr\xf6\xdfe".into(), "text/html"),
        ("meta.html", "<meta charset=utf-8><p>größe".into(), "text/html"),
        ("late.html", text("ö", 2000, "<meta charset=utf-8>"), "text/html; charset=utf-8"),
        ("mark.html", "\u{feff}<p>größe".into(), "text/html"),
        ("ascii.css", b"a{}".into(), "text/css"),
        ("utf8.css", "a{content:'ö'}".into(), "text/css; charset=utf-8"),
        ("named.css", "@charset \"utf-8\";a{content:'ö'}".into(), "text/css"),
        ("ascii.js", b"1".into(), "text/javascript"),
        ("utf8.mjs", "'ö'".into(), "text/javascript; charset=utf-8"),
        ("latin.js", b"'\xf6'".into(), "text/javascript"),
        // The largest that is in memory is looked at whole.
        ("whole.html", text("", IN_MEMORY, "ö"), "text/html; charset=utf-8"),
        ("whole.txt", text("", IN_MEMORY, b"\xf6"), "text/plain"),
        // Of a larger one the beginning is, and a character may be cut there.
        ("large.txt", text("ö", large, "ö"), PLAIN),
        ("large.cut.txt", text("", IN_MEMORY - 1, "").into_iter().chain("ö".bytes()).collect(), PLAIN),
        ("large.latin.txt", text(b"\xf6", large, ""), "text/plain"),
        ("large.html", text("ö", large, ""), "text/html; charset=utf-8"),
        ("large.meta.html", text("<meta charset=utf-8>ö", large, ""), "text/html"),
        ("large.late.html", text("", large + 10, "ö"), "text/html"),
        ("huge.txt", text("ö", huge, ""), PLAIN),
        ("huge.latin.txt", text(b"\xf6", huge, ""), "text/plain"),
        ("huge.html", text("ö", huge, ""), "text/html; charset=utf-8"),
        ("huge.bin", text("ö", huge, ""), "application/octet-stream"),
    ];
    let site = Site::new();
    for (name, bytes, _) in table {
        site.write(name, bytes);
    }
    for flags in [&[][..], &["-w", "4"], &["--cache-size", "0"]] {
        let server = site.serve_with(flags);
        let mut client = server.connect();
        for (name, bytes, expected) in table {
            for _ in 0..2 {
                let reply = client.ask("HEAD", &format!("/{name}"), "");
                assert_eq!(reply.must("Content-Type"), *expected, "{name} {flags:?}");
                assert_eq!(reply.length(), bytes.len() as u64, "{name}");
            }
        }
    }
}

#[test]
fn an_index_and_parts_have_it_too() {
    let site = Site::new();
    site.write("dir/index.html", "<p>größe");
    site.write("large.txt", text("ö", IN_MEMORY * 2, ""));
    let server = site.serve();
    let mut client = server.connect();
    assert_eq!(client.get("/dir/").must("Content-Type"), "text/html; charset=utf-8");
    for target in ["/dir/", "/large.txt"] {
        let whole = client.get(target).must("Content-Type").to_owned();
        assert!(whole.ends_with("; charset=utf-8"), "{whole}");
        let one = client.ask("GET", target, "Range: bytes=1-2\r\n");
        assert_eq!((one.status, one.must("Content-Type")), (206, &*whole), "{target}");
        let several = client.ask("GET", target, "Range: bytes=0-0,5-5\r\n");
        assert_eq!(several.status, 206, "{target}");
        let expected = format!("\r\nContent-Type: {whole}\r\n");
        let body = String::from_utf8_lossy(&several.body).into_owned();
        assert_eq!(body.matches(&expected).count(), 2, "{target}: {body}");
    }
}

#[test]
fn a_coded_form_has_that_of_the_file() {
    let site = Site::new();
    for (name, bytes) in [
        ("utf8.js", "'größe', and more'".as_bytes()),
        ("latin.js", b"'gr\xf6\xdfe', and more"),
        ("ascii.txt", b"ascii"),
    ] {
        site.write(name, bytes);
        for (coding, suffix) in CODINGS {
            site.write(format!("{name}{suffix}"), encoded(coding, bytes));
        }
    }
    let server = site.serve();
    let mut client = server.connect();
    for (name, expected) in
        [("utf8.js", "text/javascript; charset=utf-8"), ("latin.js", "text/javascript"), ("ascii.txt", PLAIN)]
    {
        for coding in ["gzip", "br", "zstd", "identity"] {
            let reply = client.ask("GET", &format!("/{name}"), &format!("Accept-Encoding: {coding}\r\n"));
            let given = (reply.must("Content-Type"), reply.field("Content-Encoding").unwrap_or("identity"));
            assert_eq!(given, (expected, coding), "{name}");
        }
    }
}

#[test]
fn it_is_never_that_of_an_older_version() {
    fn check(site: &Site, client: &mut Client, length: usize, rounds: usize) {
        let versions: [(&[u8], &str); 3] =
            [(b"ascii", "text/html"), ("ö".as_bytes(), "text/html; charset=utf-8"), (b"\xf6", "text/html")];
        for round in 0..rounds {
            let (begin, expected) = versions[round % versions.len()];
            let bytes = text(begin, length, round.to_string());
            // In place, and by a rename.
            if round % 2 == 0 {
                site.write("page.html", &bytes)
            } else {
                site.replace("page.html", &bytes)
            }
            for _ in 0..2 {
                let reply = client.get("/page.html");
                assert!(reply.body == bytes, "{length} bytes, round {round}: not the new ones");
                assert_eq!(reply.must("Content-Type"), expected, "{length} bytes, round {round}");
            }
        }
    }
    for flags in [&[][..], &["-w", "4"], &["--cache-size", "0"]] {
        let site = Site::new();
        let server = site.serve_with(flags);
        let mut client = server.connect();
        check(&site, &mut client, 100, 300);
        check(&site, &mut client, IN_MEMORY + 100, 60);
        check(&site, &mut client, DIGESTED + 100, 6);
    }
}
