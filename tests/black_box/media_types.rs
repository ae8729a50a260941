//! Media types (RFC 9110 section 8.3): the rows of `--types FILE` before the built-in ones, and `.svgz`, which is
//! coded by its own name. The extensions of the usual files are in `files.rs`.

use crate::server::{Process, Server};
use crate::site::Site;

const MIB: usize = 1024 * 1024;

#[test]
fn types_that_older_tables_have_wrong() {
    let site = Site::new();
    let table = [
        ("package.rpm", "application/x-redhat-package-manager"),
        ("package.deb", "application/vnd.debian.binary-package"),
        ("part.stl", "model/stl"),
        ("part.obj", "model/obj"),
        ("segment.ts", "video/mp2t"),
        ("list.m3u8", "application/vnd.apple.mpegurl"),
        ("types.d.ts", "text/plain; charset=utf-8"),
        ("font.otf", "font/otf"),
        ("font.ttf", "font/ttf"),
        ("font.woff", "font/woff"),
        ("config.yaml", "application/yaml"),
        ("image.jxl", "image/jxl"),
        ("sound.opus", "audio/ogg"),
        ("module.cjs", "text/javascript"),
        ("archive.tar.zst", "application/zstd"),
    ];
    for (name, _) in table {
        site.write(name, "x");
    }
    let server = site.serve();
    for (name, expected) in table {
        assert_eq!(server.get(&format!("/{name}")).must("Content-Type"), expected, "{name}");
    }
}

/// A site with a file of types beside it, and the path of that.
fn with_types(text: impl AsRef<[u8]>) -> (Site, String) {
    let site = Site::new();
    let path = site.outside("mime.types");
    std::fs::write(&path, text).expect("the types");
    let path = path.into_os_string().into_string().expect("UTF-8");
    (site, path)
}

#[test]
fn rows_of_the_operator_win() {
    let (site, types) = with_types(
        "# Ours.\n\napplication/x-ours\tours OURS2\r\napplication/x-page html\ntext/plain;charset=iso-8859-1 latin\n\
        application/x-none\ntext/x-build build.log\n",
    );
    let table = [
        ("a.ours", "application/x-ours"),
        ("a.Ours2", "application/x-ours"),
        ("index.html", "application/x-page"),
        ("a.latin", "text/plain;charset=iso-8859-1"),
        ("a.build.log", "text/x-build; charset=utf-8"),
        ("a.log", "text/plain; charset=utf-8"),
        ("a.png", "image/png"),
    ];
    for (name, _) in table {
        site.write(name, "x");
    }
    let mut by_environment = site.command(&[]);
    by_environment.env("HTTPD_TYPES", &types);
    for server in [site.serve_with(&["-w", "4", "--types", &types]), Server::start(by_environment)] {
        for (name, expected) in table {
            assert_eq!(server.get(&format!("/{name}")).must("Content-Type"), expected, "{name}");
        }
    }
}

#[test]
fn a_file_of_types_has_a_mebibyte() {
    let row = "text/x-one one\n";
    let (site, types) = with_types(format!("{row}#{}", "x".repeat(MIB - row.len() - 1)));
    site.write("a.one", "");
    assert_eq!(
        site.serve_with(&["--types", &types]).get("/a.one").must("Content-Type"),
        "text/x-one; charset=utf-8"
    );
}

#[test]
fn a_file_of_types_that_cannot_be_used_is_an_error_at_the_start() {
    let said = |text: &[u8]| {
        let (site, types) = with_types(text);
        let mut process = Process::spawn(site.command(&["--types", &types]));
        assert_eq!(process.await_exit().code(), Some(1), "{}", text.escape_ascii());
        let lines = process.errors.await_end();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let (start, reason) =
            lines[0].split_at(lines[0].rfind("mime.types: ").expect("the name of the file"));
        assert!(start.starts_with("httpd: cannot use the media types of /"), "{start}");
        reason["mime.types: ".len()..].to_owned()
    };
    let no_type = "does not begin with a media type such as text/plain";
    for (text, expected) in [
        (&b"text/x-one one\n\nhtml text/html\n"[..], format!("line 3: {no_type}")),
        (b"text/x-one; charset=utf-8 one", format!("line 1: {no_type}")),
        (b"text/x-one .one", "line 1: an extension has no slash, and no dot at its ends".into()),
        (b"text/x-one one\n\xff", "line 2: not UTF-8".into()),
        (&[b'\n'; MIB + 1], "larger than 1 MiB".into()),
    ] {
        assert_eq!(said(text), expected);
    }
    let site = Site::new();
    let mut process = Process::spawn(site.command(&["--types", "/no/such/mime.types"]));
    assert_eq!(process.await_exit().code(), Some(1));
    let expected =
        "httpd: cannot use the media types of /no/such/mime.types: No such file or directory (os error 2)";
    assert_eq!(process.errors.await_end(), [expected]);
}

#[test]
fn svgz_is_coded_by_its_own_name_whatever_the_client_says() {
    let site = Site::new();
    site.write("a.svgz", "compressed");
    // No coded form of it is wanted: its coding would stand beside its own.
    site.write("a.svgz.br", "br");
    site.write("a.svgz.gz", "gz");
    for flags in [&[][..], &["--no-precompressed"]] {
        let server = site.serve_with(flags);
        let mut client = server.connect();
        let tag = client.get("/a.svgz").must("ETag").to_owned();
        for (accept, method) in [
            ("", "GET"),
            ("", "HEAD"),
            ("Accept-Encoding: gzip\r\n", "GET"),
            ("Accept-Encoding: br, gzip\r\n", "GET"),
            ("Accept-Encoding:\r\n", "GET"),
            ("Accept-Encoding: gzip;q=0\r\n", "GET"),
            ("Accept-Encoding: identity;q=0\r\n", "GET"),
            ("Accept-Encoding: *;q=0\r\n", "HEAD"),
        ] {
            let what = format!("{method} {accept}");
            let reply = client.ask(method, "/a.svgz", accept);
            assert_eq!((reply.status, reply.length()), (200, 10), "{what}");
            assert_eq!(reply.must("Content-Type"), "image/svg+xml", "{what}");
            assert_eq!(reply.must("Content-Encoding"), "gzip", "{what}");
            assert_eq!((reply.field("Vary"), reply.must("ETag")), (None, &*tag), "{what}");
            let same = client.ask(method, "/a.svgz", &format!("{accept}If-None-Match: {tag}\r\n"));
            assert_eq!((same.status, same.must("ETag")), (304, &*tag), "{what}");
        }
        let part = client.ask("GET", "/a.svgz", "Range: bytes=2-5\r\n");
        assert_eq!((part.status, part.text().as_str()), (206, "mpre"));
        assert_eq!(part.must("Content-Encoding"), "gzip", "the range is of coded bytes");
        let several = client.ask("GET", "/a.svgz", "Range: bytes=0-0,5-5\r\n");
        assert_eq!((several.status, several.text().as_str()), (200, "compressed"), "as for every coded form");
        assert_eq!(client.ask("GET", "/a.svgz", "Range: bytes=10-\r\n").field("Vary"), None);
    }
}

#[test]
fn svgz_is_never_stale() {
    let site = Site::new();
    let server = site.serve();
    let mut client = server.connect();
    for round in 0..200 {
        let text = format!("round {round}");
        site.replace("a.svgz", &text);
        assert_eq!(client.get("/a.svgz").text(), text);
    }
}
