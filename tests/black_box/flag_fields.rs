//! Fields that flags give to responses: `--header`, `--cors`, `--immutable`.

use crate::server::Process;
use crate::site::Site;

#[test]
fn headers_stand_on_every_response() {
    let site = Site::new();
    let flags = [
        "--header",
        "X-Frame-Options: DENY",
        "--header",
        "Link:</a>; rel=preload",
        "--header",
        "Vary: Cookie",
    ];
    let server = site.serve_with(&flags);
    let mut client = server.connect();
    for (method, target, status) in [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/missing", 404),
        ("POST", "/", 405),
        ("OPTIONS", "*", 204),
        ("GET", "/%zz", 400),
    ] {
        let reply = client.ask(method, target, "");
        assert_eq!(reply.status, status, "{method} {target}");
        assert_eq!(reply.must("X-Frame-Options"), "DENY", "{method} {target}");
        assert_eq!(reply.must("Link"), "</a>; rel=preload", "{method} {target}");
        assert!(reply.must("Vary").contains("Cookie"), "{method} {target}");
    }
    let tag = client.get("/").must("ETag").to_owned();
    let reply = client.ask("GET", "/", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((reply.status, reply.must("X-Frame-Options")), (304, "DENY"));
    let reply = server.connect().request("GET / HTTP/1.1\r\n\r\n");
    assert_eq!((reply.status, reply.must("X-Frame-Options")), (400, "DENY"), "no Host");
}

#[test]
fn cache_control_is_that_of_found_files() {
    let server =
        Site::new().serve_with(&["--header", "Cache-Control: max-age=7", "--cache-control", "max-age=8"]);
    assert_eq!(server.get("/").must("Cache-Control"), "max-age=7");
    assert_eq!(server.get("/missing").must("Cache-Control"), "no-cache");
}

#[test]
fn fields_that_the_server_alone_sets_are_refused_at_the_start() {
    let site = Site::new();
    for header in [
        "Content-Length: 5",
        "content-type: a/b",
        "ETag: \"a\"",
        "no colon",
        "a b: c",
        ": c",
        "A: b\u{1}",
        "A:",
    ] {
        let mut process = Process::spawn(site.command(&["--header", header]));
        assert_eq!(process.await_exit().code(), Some(2), "{header}");
        assert_eq!(process.errors.await_end().len(), 1, "{header}");
    }
}

#[test]
fn scripts_of_any_origin_may_read() {
    let server = Site::new().serve_with(&["--cors"]);
    let mut client = server.connect();
    for (target, fields) in [("/", ""), ("/missing", ""), ("/", "Origin: https://a.example\r\n")] {
        let reply = client.ask("GET", target, fields);
        assert_eq!(reply.must("Access-Control-Allow-Origin"), "*", "{target}");
        for name in ["Accept-Ranges", "Content-Range", "ETag", "Content-Encoding"] {
            assert!(reply.must("Access-Control-Expose-Headers").contains(name), "{target}: {name}");
        }
    }
    let preflight = "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\
                     Access-Control-Request-Headers: range, if-range\r\n";
    for target in ["/", "/missing", "/.hidden"] {
        let reply = client.ask("OPTIONS", target, preflight);
        assert_eq!(reply.status, 204, "{target}");
        assert_eq!(reply.must("Access-Control-Allow-Origin"), "*");
        assert_eq!(reply.must("Access-Control-Allow-Methods"), "GET, HEAD, OPTIONS");
        assert_eq!(reply.must("Access-Control-Allow-Headers"), "range, if-range");
        assert_eq!(reply.must("Access-Control-Max-Age"), "86400");
    }
    let plain = client.ask("OPTIONS", "/", "");
    assert_eq!(plain.field("Access-Control-Allow-Methods"), None, "no preflight");
}

#[test]
fn scripts_of_some_origins_may_read() {
    let server = Site::new().serve_with(&["--cors=https://a.example,http://localhost:3000"]);
    let mut client = server.connect();
    for (origin, allowed) in [
        ("Origin: https://a.example\r\n", Some("https://a.example")),
        ("Origin: http://localhost:3000\r\n", Some("http://localhost:3000")),
        ("Origin: https://b.example\r\n", None),
        ("Origin: https://a.example.evil\r\n", None),
        ("Origin: HTTPS://A.EXAMPLE\r\n", None),
        ("", None),
    ] {
        for (method, target) in [("GET", "/"), ("GET", "/missing"), ("OPTIONS", "/")] {
            let reply = client.ask(method, target, origin);
            assert_eq!(reply.field("Access-Control-Allow-Origin"), allowed, "{method} {target} {origin:?}");
            assert!(reply.must("Vary").contains("Origin"), "{method} {target} {origin:?}");
        }
    }
    for wrong in ["example.org", "https://", "https://a/b", ""] {
        let mut process = Process::spawn(Site::new().command(&[&format!("--cors={wrong}")]));
        assert_eq!(process.await_exit().code(), Some(2), "{wrong}");
    }
}

#[test]
fn without_the_flag_nothing_is_said_of_origins() {
    let server = Site::new().serve();
    let fields = "Origin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n";
    for method in ["GET", "OPTIONS"] {
        assert_eq!(server.connect().ask(method, "/", fields).field("Access-Control-Allow-Origin"), None);
    }
}

#[test]
fn immutable_files_are_those_of_the_globs() {
    let site = Site::new();
    site.make_folder("assets");
    site.make_folder("assets/deep");
    for name in ["assets/app.js", "assets/deep/app.js", "app.woff2", "404.html"] {
        site.write(name, name);
    }
    let flags = ["--immutable", "/assets/*", "--immutable", "**/*.woff2", "--cache-control", "max-age=9"];
    let server = site.serve_with(&flags);
    const IMMUTABLE: &str = "public, max-age=31536000, immutable";
    for (target, expected) in [
        ("/assets/app.js", IMMUTABLE),
        ("/assets/app.js?v=1", IMMUTABLE),
        ("/assets/deep/app.js", "max-age=9"),
        ("/app.woff2", IMMUTABLE),
        ("/", "max-age=9"),
        ("/assets/missing.js", "no-cache"),
        ("/assets", "no-cache"),
    ] {
        assert_eq!(server.get(target).must("Cache-Control"), expected, "{target}");
    }
}
