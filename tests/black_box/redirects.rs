//! `_redirects` as the server obeys it, in both readings: forced rules before the file, others after it; another path,
//! another page, another place; and never anything in `Location` that the rule does not say.

use std::fs;
use std::time::{Duration, Instant};

use crate::coder::{decoded, encoded};
use crate::patience::eventually;
use crate::response::Response;
use crate::server::Server;
use crate::site::{Site, WELCOME};

/// A pair of files that uses every row of the table in `src/rules`.
pub(crate) const FIXTURE: [&str; 2] = [include_str!("fixture/_redirects"), include_str!("fixture/_headers")];

/// The site that the pair belongs to.
pub(crate) fn fixture() -> Site {
    let site = Site::new();
    site.write("_redirects", FIXTURE[0]);
    site.write("_headers", FIXTURE[1]);
    for (name, text) in [
        ("app/index.html", "the app"),
        ("assets/app.js", "script()"),
        ("assets/app.css", "css{}"),
        ("Build/game.wasm.br", "not really brotli"),
        ("gone.html", "gone for good"),
        ("law.html", "forbidden by law"),
        ("de/404.html", "nicht da"),
        ("kept.html", "kept"),
        ("hidden-by-rule.html", "never seen"),
        ("maintenance.html", "back soon"),
        ("articles/2026/november.html", "november"),
    ] {
        site.write(name, text);
    }
    site
}

fn status_and_location(reply: &Response) -> (u16, Option<&str>) {
    (reply.status, reply.field("Location"))
}

#[test]
fn every_row_of_the_table_as_netlify_reads_it() {
    let server = fixture().serve();
    let mut client = server.connect();
    for (target, status, location) in [
        ("/home", 301, Some("/")),
        ("/home/", 301, Some("/")),
        ("/home?utm=1", 301, Some("/?utm=1")),
        ("/news", 302, Some("/blog")),
        ("/form-sent", 303, Some("/thanks")),
        ("/moved-for-now", 307, Some("/there")),
        ("/moved-for-good", 308, Some("/there")),
        ("/away", 301, Some("https://example.com/landing?from=us#top")),
        ("/old/a/b%20c", 301, Some("/new/a/b%20c")),
        ("/old", 301, Some("/new/")),
        ("/posts/2026/11/title", 301, Some("/articles/2026-11/title")),
        ("/search?q=a%26b&x=1", 301, Some("/find/a&b")),
        ("/search?x=1", 404, None),
        ("/item?id=7&kind=book", 301, Some("/books/7")),
        ("/item?id=7&kind=film", 404, None),
        ("/kept.html", 200, None),
        ("/hidden-by-rule.html", 302, Some("/kept.html")),
        ("/private/x", 404, None),
        ("/gone", 410, None),
        ("/law", 451, None),
        ("/de/x/y", 404, None),
        ("/down", 200, None),
        ("/shop/anything/below", 200, None),
        ("/m%C3%BCsli", 301, Some("/cereals")),
        ("/nowhere", 404, None),
    ] {
        let reply = client.get(target);
        assert_eq!(status_and_location(&reply), (status, location), "{target}");
    }
    for (target, text) in [
        ("/kept.html", "kept"),
        ("/gone", "gone for good"),
        ("/law", "forbidden by law"),
        ("/de/x/y", "nicht da"),
        ("/down", "back soon"),
        ("/shop/anything/below", "the app"),
        ("/articles/latest", "november"),
    ] {
        assert_eq!(client.get(target).text(), text, "{target}");
    }
    let in_fixture = |count: usize, file: &str| {
        server.process.errors.await_lines(count, |line| line.contains(file)).join("\n")
    };
    let warnings = in_fixture(4, "_redirects:");
    for reason in ["Country=de", "status", "no proxy", "star"] {
        assert!(warnings.contains(reason), "{reason} in {warnings}");
    }
    in_fixture(2, "_headers:");
}

#[test]
fn a_host_of_from_is_compared() {
    let site = Site::new();
    site.write("_redirects", "https://OLD.example:8443/* https://new.example/:splat\n");
    let server = site.serve();
    for (host, status) in [("old.example", 301), ("OLD.example:1", 301), ("other.example", 404)] {
        let reply = server.connect().request(format!("GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(reply.status, status, "{host}");
    }
    let reply = server.connect().request("GET http://old.example/a HTTP/1.1\r\nHost: other.example\r\n\r\n");
    assert_eq!(status_and_location(&reply), (301, Some("https://new.example/a")));
}

#[test]
fn as_cloudflare_reads_it() {
    let site = Site::new();
    site.write("_redirects", "/:x.php /:x.html 301\n/second.txt /b\n/*/feed /:splat.xml 307\n/c /index.html 200\n/d /b 404\n/e /b 301!");
    site.write("c", "never seen");
    let server = site.serve_with(&["--rules", "cloudflare"]);
    let mut client = server.connect();
    for (target, status, location) in [
        ("/a.php?q", 301, Some("/a.html?q")),
        ("/second.txt", 302, Some("/b")),
        ("/a/b/feed", 307, Some("/a/b.xml")),
        ("/c", 200, None),
        ("/d", 404, None),
        ("/e", 404, None),
        ("/second.txt/", 404, None),
    ] {
        assert_eq!(status_and_location(&client.get(target)), (status, location), "{target}");
    }
    assert_eq!(client.get("/c").text(), WELCOME);
    server.process.errors.await_lines(2, |line| line.contains("_redirects:"));
}

#[test]
fn off_means_files_like_any_others() {
    let site = Site::new();
    site.write("_redirects", "/a /b\n");
    for (flags, rules) in [(&["--rules", "off"][..], false), (&[], true)] {
        let server = site.serve_with(flags);
        assert_eq!(server.get("/_redirects").status, if rules { 404 } else { 200 });
        assert_eq!(server.get("/a").status, if rules { 301 } else { 404 });
    }
}

#[test]
fn the_files_are_never_served() {
    let site = Site::new();
    site.write("_redirects", "/to-it /_headers 200\n/to-dots /.env 200\n/_headers /index.html 200!\n");
    site.write("_headers", "/*\n  X-A: 1\n");
    site.write("_headers.br", "x");
    site.write("_redirects.gz", "x");
    site.write("dir/_headers", "a file like any other");
    site.write(".env", "secret");
    let server = site.serve();
    let mut client = server.connect();
    for target in [
        "/_headers",
        "/_redirects",
        "/%5Fheaders",
        "//_headers",
        "/_headers.br",
        "/_redirects.gz",
        "/to-it",
        "/to-dots",
    ] {
        assert_eq!(client.get(target).status, 404, "{target}");
    }
    assert_eq!(client.get("/dir/_headers").status, 200);
}

#[test]
fn a_page_with_another_status_is_sent_whole_and_not_kept() {
    let site = Site::new();
    site.write("page.html", "0123456789");
    site.write("page.html.gz", encoded("gzip", "0123456789"));
    site.write("_redirects", "/* /page.html 404\n");
    let server = site.serve_with(&["--cache-control", "max-age=9"]);
    let tag = server.get("/page.html").must("ETag").to_owned();
    let mut client = server.connect();
    for fields in
        ["Range: bytes=0-1\r\n".to_owned(), format!("If-None-Match: {tag}\r\n"), "If-Match: \"x\"\r\n".into()]
    {
        let reply = client.ask("GET", "/missing", &fields);
        assert_eq!((reply.status, reply.text().as_str()), (404, "0123456789"), "{fields}");
        assert_eq!(reply.must("Cache-Control"), "no-cache");
        assert_eq!(reply.must("Content-Type"), "text/html");
        assert_eq!(reply.must("Vary"), "Accept-Encoding");
        for field in ["ETag", "Last-Modified", "Accept-Ranges"] {
            assert_eq!(reply.field(field), None);
        }
    }
    let coded = client.ask("GET", "/missing", "Accept-Encoding: gzip\r\n");
    assert_eq!(
        (coded.status, coded.must("Content-Encoding"), &*decoded(&coded)),
        (404, "gzip", &b"0123456789"[..])
    );
    let head = client.ask("HEAD", "/missing", "");
    assert_eq!((head.status, head.length(), head.body.len()), (404, 10, 0));
}

#[test]
fn a_rewrite_is_a_file_in_every_way_and_not_chained() {
    let site = Site::new();
    site.write(
        "_redirects",
        "/a /second.txt 200\n/b /a 200\n/dir-too /dir 200\n/up /../x 200\n/* /index.html 200\n",
    );
    site.write("dir/index.html", "of the folder");
    let server = site.serve();
    let mut client = server.connect();
    let reply = client.get("/a");
    let tag = reply.must("ETag").to_owned();
    assert_eq!((reply.status, reply.text().as_str()), (200, "the second\n"));
    assert_eq!(client.ask("GET", "/a", &format!("If-None-Match: {tag}\r\n")).status, 304);
    assert_eq!(client.ask("GET", "/a", "Range: bytes=0-2\r\n").text(), "the");
    assert_eq!(client.ask("HEAD", "/a", "").length(), 11);
    assert_eq!(client.get("/b").status, 404, "not chained");
    assert_eq!(client.get("/dir-too").text(), "of the folder");
    assert_eq!(client.get("/up").status, 404);
    assert_eq!(client.get("/deep/link").text(), WELCOME);
    assert_eq!(client.get("/dir").status, 301, "a folder wins over a rule");
    site.write("second.txt", "changed");
    assert_eq!(client.get("/a").text(), "changed");
}

#[test]
fn a_page_that_is_missing_leaves_the_status() {
    let site = Site::new();
    site.write("404.html", "not here");
    site.write("_redirects", "/a /nothing.html 410\n/b /nothing.html 404\n/c /nothing.html 200\n");
    let server = site.serve();
    for (target, status, text) in
        [("/a", 410, "<h1>410</h1>"), ("/b", 404, "not here"), ("/c", 404, "not here")]
    {
        let reply = server.get(target);
        assert_eq!(reply.status, status, "{target}");
        assert!(reply.text().contains(text), "{target}: {}", reply.text());
    }
}

#[test]
fn hostile_targets_stay_within_the_path() {
    let site = Site::new();
    site.write(
        "_redirects",
        "/r/* /:splat\n/h/* /:splat/host.example\n/n/:name /x?n=:name#:name\n/q to=:to /:to\n",
    );
    let server = site.serve();
    let mut client = server.connect();
    for (target, location) in [
        ("/r//host.example/", "/host.example/"),
        ("/r/%5Chost.example", "/%5Chost.example"),
        ("/r/%0D%0ASet-Cookie:%20a", "/%0D%0ASet-Cookie:%20a"),
        ("/r/https:/host.example", "/https:/host.example"),
        ("/h", "/host.example"),
        ("/h/", "/host.example"),
        ("/n/a%26b%23c%0a", "/x?n=a%26b%23c%0A#a%26b%23c%0A"),
        ("/q?to=/host.example", "/%2Fhost.example"),
        ("/q?to=%0d%0aX:1", "/%0D%0AX:1"),
        ("/q?to=%00\"<>", "/%00%22%3C%3E"),
    ] {
        assert_eq!(client.get(target).must("Location"), location, "{target}");
    }
}

#[test]
fn a_redirect_to_itself_is_skipped_with_one_warning() {
    let site = Site::new();
    site.write("_redirects", "/* /landing 302\n");
    let server = site.serve();
    let mut client = server.connect();
    assert_eq!(client.get("/x").must("Location"), "/landing");
    for _ in 0..3 {
        assert_eq!(client.get("/landing").status, 404);
    }
    let mut server = server;
    server.process.signal(libc::SIGTERM);
    server.process.await_exit();
    let lines = server.process.errors.await_end();
    assert_eq!(lines.iter().filter(|line| line.contains("leads back to")).count(), 1, "{lines:#?}");
}

#[test]
fn so_many_bad_lines_are_logged() {
    for (bad, logged, more) in [(100, 100, 0), (101, 100, 1)] {
        let site = Site::new();
        site.write("_redirects", "/bad\n".repeat(bad));
        let mut server = site.serve();
        server.process.signal(libc::SIGTERM);
        server.process.await_exit();
        let lines = server.process.errors.await_end();
        let count = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
        assert_eq!((count("_redirects:"), count("1 more, which")), (logged + more, more), "{lines:#?}");
    }
}

/// Asks until the answer is the one expected, and returns the time that it took.
fn obeyed(server: &Server, target: &str, status: u16) -> Duration {
    let begun = Instant::now();
    eventually(target, || server.get(target).status == status);
    begun.elapsed()
}

#[test]
fn a_change_is_obeyed_within_a_second_by_all_workers() {
    let site = Site::new();
    site.make_folder("releases/1");
    site.make_folder("releases/2");
    let root = site.outside("current");
    site.write("releases/1/_redirects", "/a /b 301\n");
    site.write("releases/2/_redirects", "/a /b 308\n");
    std::os::unix::fs::symlink(site.path("releases/1"), &root).expect("a link");
    let mut command = crate::server::httpd();
    command.args(["-p", "0", "-w", "4", "-r"]).arg(&root);
    let server = Server::start(command);
    assert_eq!(server.get("/a").status, 301, "the first request sees the rules");
    let obeyed_by_all = |status: u16| {
        let took = obeyed(&server, "/a", status);
        // A request sent later than a second after the change never gets the old answer, whoever serves it.
        assert!(took < Duration::from_millis(1_500), "{took:?}");
        for _ in 0..40 {
            assert_eq!(server.get("/a").status, status);
        }
    };
    site.write("releases/1/_redirects", "/a /b 302\n");
    obeyed_by_all(302);
    site.write("releases/1/_redirects", "/a /b 303\n");
    obeyed_by_all(303);
    site.swap_link(site.path("releases/2"), &root);
    obeyed_by_all(308);
    fs::remove_file(site.path("releases/2/_redirects")).expect("remove it");
    obeyed_by_all(404);
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_rules_as_they_are() {
    let site = Site::new();
    site.write("_redirects", "/a /b\n/bad\n");
    let server = site.serve_unprivileged(&[]);
    assert_eq!(server.get("/a").status, 301);
    site.set_mode("_redirects", 0o000);
    // Nothing looks without a request.
    eventually("the look", || {
        assert_eq!(server.get("/a").status, 301);
        server.process.errors.has_line(|line| line.contains("its last rules stay in force"))
    });
    assert_eq!(server.get("/a").status, 301);
    site.replace("_redirects", "/a /b 302\n");
    obeyed(&server, "/a", 302);
}
