//! `_headers` as the server obeys it, in both readings: on what was found, on redirects and on what is missing, and on
//! nothing else.

use crate::patience::eventually;
use crate::redirects::fixture;
use crate::response::Response;
use crate::site::Site;

fn fields<'a>(reply: &'a Response, names: &[&str]) -> Vec<Option<&'a str>> {
    names.iter().map(|name| reply.field(name)).collect()
}

#[test]
fn every_row_of_the_table_as_netlify_reads_it() {
    let server = fixture().serve();
    let mut client = server.connect();
    let isolation = ["Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy", "X-Frame-Options"];
    for target in ["/", "/kept.html", "/assets/app.js", "/home", "/nowhere", "/gone"] {
        let reply = client.get(target);
        let expected = [Some("same-origin"), Some("require-corp"), Some("DENY")];
        assert_eq!(fields(&reply, &isolation), expected, "{target}");
        assert_eq!(reply.must("Vary"), "Origin", "{target}");
    }
    for (target, cache_control, media_type) in [
        ("/", "max-age=60", "text/html"),
        ("/ASSETS/app.js", "no-cache", "text/html"), // a 404: no rule changes how long it is kept
        ("/assets/app.js", "public, max-age=31536000, immutable", "text/plain; charset=utf-8"),
        ("/assets/app.css", "public, max-age=31536000, immutable", "text/plain; charset=utf-8"),
        ("/home", "max-age=60", "text/html"),
        ("/nowhere", "no-cache", "text/html"),
        ("/gone", "no-cache", "text/html"),
        ("/law", "no-cache", "text/html"),
    ] {
        let reply = client.get(target);
        let found = fields(&reply, &["Cache-Control", "Content-Type"]);
        assert_eq!(found, [Some(cache_control), Some(media_type)], "{target}");
    }
    let coded = client.get("/Build/game.wasm.br");
    assert_eq!(fields(&coded, &["Content-Encoding", "Content-Type"]), [Some("br"), Some("application/wasm")]);
    let article = client.get("/articles/2026/november.html");
    assert_eq!(article.must("Link"), "</style.css>; rel=preload");
    assert_eq!(article.length(), 8);
}

#[test]
fn each_response_for_a_file_has_them() {
    let site = Site::new();
    site.write("_headers", "/second.txt\n  X-A: 1\n  Cache-Control: max-age=5\n  Content-Type: text/x\n");
    let server = site.serve();
    let mut client = server.connect();
    let tag = client.get("/second.txt").must("ETag").to_owned();
    for (method, fields, status, media_type) in [
        ("GET", "".to_owned(), 200, Some("text/x")),
        ("HEAD", "".to_owned(), 200, Some("text/x")),
        ("GET", "Range: bytes=0-2\r\n".to_owned(), 206, Some("text/x")),
        ("GET", "Range: bytes=0-1,5-6\r\n".to_owned(), 200, Some("text/x")),
        ("GET", format!("If-None-Match: {tag}\r\n"), 304, None),
    ] {
        let reply = client.ask(method, "/second.txt", &fields);
        assert_eq!(reply.status, status, "{method} {fields}");
        assert_eq!(reply.must("X-A"), "1", "{method} {fields}");
        assert_eq!(reply.must("Cache-Control"), "max-age=5", "{method} {fields}");
        assert_eq!(reply.field("Content-Type"), media_type, "{method} {fields}");
        assert_eq!(reply.must("ETag"), tag, "{method} {fields}");
    }
}

#[test]
fn what_is_no_answer_to_a_path_has_none() {
    let site = Site::new();
    site.write("_headers", "/*\n  X-A: 1\n");
    site.link("/etc/hostname", "outside");
    let server = site.serve();
    for (request, status) in [
        ("GET /outside HTTP/1.1\r\nHost: a\r\n\r\n", 403),
        ("GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", 204),
        ("GET / HTTP/1.1\r\nHost: a\r\nIf-Match: \"x\"\r\n\r\n", 412),
        ("GET /second.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=99-\r\n\r\n", 416),
        ("GET / HTTP/1.1\r\n\r\n", 400),
    ] {
        let reply = server.connect().request(request);
        assert_eq!((reply.status, reply.field("X-A")), (status, None), "{request:?}");
    }
    let hidden = server.get("/.env");
    assert_eq!((hidden.status, hidden.field("X-A")), (404, Some("1")), "as any other missing path");
}

#[test]
fn as_cloudflare_reads_it() {
    let site = Site::new();
    site.write(
        "_headers",
        "/*\n  Cache-Control: max-age=1\n  X-A: 1\n  X-B: 1\n/u/:name/*.txt\n  X-A: 2\n  Cache-Control: public\n  \
         ! X-B\n  X-Who: :name of :splat\n/second.TXT\n  X-C: 1\n/none.txt\n  ! Cache-Control\n",
    );
    site.write("u/me/a/b.txt", "x");
    site.write("none.txt", "x");
    let server = site.serve_with(&["--rules", "cloudflare"]);
    let mut client = server.connect();
    let names = ["Cache-Control", "X-A", "X-B", "X-Who"];
    let reply = client.get("/u/me/a/b.txt");
    assert_eq!(fields(&reply, &names), [Some("max-age=1, public"), Some("1, 2"), None, Some("me of a/b")]);
    let reply = client.get("/u/%0D%0AX:1/a.txt");
    assert_eq!(reply.must("X-Who"), "%0D%0AX%3A1 of a");
    assert_eq!(client.get("/second.txt").field("X-C"), None, "case matters");
    assert_eq!(client.get("/none.txt").field("Cache-Control"), None);
}

#[test]
fn a_change_is_obeyed_with_the_file_in_the_cache() {
    let site = Site::new();
    let server = site.serve_with(&["-w", "2"]);
    let mut client = server.connect();
    assert_eq!(client.get("/").field("X-A"), None);
    for value in ["1", "2"] {
        site.replace("_headers", format!("/*\n  X-A: {value}\n"));
        eventually("the new field", || client.get("/").field("X-A") == Some(value));
        site.write("second.txt", value);
        assert_eq!(client.get("/second.txt").text(), value, "never stale beside it");
    }
    site.remove("_headers");
    eventually("no field", || client.get("/").field("X-A").is_none());
}

#[test]
fn each_bad_line_is_warned_of_once_for_each_version() {
    let site = Site::new();
    site.write("_headers", "/*\n  Server: mine\n  X-A: 1\n");
    let mut server = site.serve_with(&["-w", "4"]);
    for _ in 0..20 {
        server.get("/");
    }
    site.replace("_headers", "/*\n  Server: mine\n  X-A: 2\n");
    eventually("the second version", || server.get("/").field("X-A") == Some("2"));
    // A date is no version.
    site.set_modified("_headers", 784_111_777);
    site.write("_redirects", "/a /b\n");
    eventually("the next look", || server.get("/a").status == 301);
    server.process.signal(libc::SIGTERM);
    server.process.await_exit();
    let lines = server.process.errors.await_end();
    let warnings: Vec<_> = lines.iter().filter(|line| line.contains("_headers:2:")).collect();
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
}
