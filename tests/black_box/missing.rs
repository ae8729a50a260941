//! Missing paths: the nearest 404.html, and the fallback of single-page applications.

use crate::patience::eventually;
use crate::server::Process;
use crate::site::{Site, WELCOME};

const APP: &str = "<!DOCTYPE html><title>app</title>\n";

fn site_with_pages() -> Site {
    let site = Site::new();
    site.write("404.html", "the root's page");
    site.make_folder("docs");
    site.make_folder("docs/deep");
    site.write("docs/404.html", "the page of docs");
    site.write(".hidden", "hidden");
    site
}

#[test]
fn the_nearest_page_answers() {
    let server = site_with_pages().serve();
    for (target, expected) in [
        ("/missing", "the root's page"),
        ("/missing/", "the root's page"),
        ("/missing/below", "the root's page"),
        ("/docs/missing", "the page of docs"),
        ("/docs/deep/missing.css", "the page of docs"),
        ("/docs/deep/", "the page of docs"),
        ("/.hidden", "the root's page"),
        ("/.missing", "the root's page"),
        ("/docs/.git/config", "the page of docs"),
        ("/_headers", "the root's page"),
    ] {
        let reply = server.get(target);
        assert_eq!((reply.status, reply.text().as_str()), (404, expected), "{target}");
        assert_eq!(reply.must("Cache-Control"), "no-cache", "{target}");
        assert_eq!(reply.must("Content-Type"), "text/html", "{target}");
        for absent in ["ETag", "Last-Modified", "Accept-Ranges"] {
            assert_eq!(reply.field(absent), None, "{target}: {absent}");
        }
    }
    let page = server.get("/404.html");
    assert_eq!((page.status, page.text().as_str()), (200, "the root's page"));
    let tag = page.must("ETag").to_owned();
    let mut client = server.connect();
    for fields in
        ["Range: bytes=0-1\r\n".to_owned(), format!("If-None-Match: {tag}\r\n"), "If-Match: \"x\"\r\n".into()]
    {
        let reply = client.ask("GET", "/missing", &fields);
        assert_eq!((reply.status, reply.text().as_str()), (404, "the root's page"), "{fields}");
    }
    let (get, head) = (client.get("/missing"), client.ask("HEAD", "/missing", ""));
    assert_eq!((head.status, head.head_without_date()), (404, get.head_without_date()));
}

#[test]
fn a_page_is_never_stale_and_is_found_within_a_second() {
    let site = Site::new();
    let server = site.serve();
    assert!(server.get("/missing").text().contains("Not Found"));
    site.write("404.html", "one");
    eventually("the page is found", || server.get("/missing").text() == "one");
    for round in 0..50 {
        let text = format!("version {round}");
        site.write("404.html", &text);
        assert_eq!(server.get("/missing").text(), text);
    }
    site.remove("404.html");
    assert!(server.get("/missing").text().contains("Not Found"));
}

#[test]
fn a_link_that_leads_outside_has_the_built_in_page() {
    let site = site_with_pages();
    site.write("app.html", APP);
    site.link("/etc/passwd", "outside");
    let reply = site.serve_with(&["--fallback", "app.html"]).get("/outside");
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("Forbidden"));
}

#[test]
fn navigations_get_the_fallback() {
    let site = site_with_pages();
    site.write("app.html", APP);
    let server = site.serve_with(&["--fallback", "/app.html", "--cache-control", "max-age=9"]);
    let mut client = server.connect();
    for (target, fields, is_navigation) in [
        ("/settings/profile", "Accept: text/html,*/*;q=0.8\r\n", true),
        ("/settings/profile", "Sec-Fetch-Mode: navigate\r\n", true),
        ("/settings/profile", "", true),
        ("/settings.js", "", false),
        ("/settings.js", "Accept: text/html\r\n", true),
        ("/settings", "Sec-Fetch-Dest: script\r\nSec-Fetch-Mode: no-cors\r\n", false),
        ("/settings", "Accept: application/json\r\n", false),
        ("/.hidden", "Sec-Fetch-Mode: navigate\r\n", false),
        ("/_headers", "Sec-Fetch-Mode: navigate\r\n", false),
        ("/docs/deep/", "Sec-Fetch-Mode: navigate\r\n", true),
    ] {
        let reply = client.ask("GET", target, fields);
        let what = format!("{target} {fields:?}");
        assert_eq!(reply.status, if is_navigation { 200 } else { 404 }, "{what}");
        assert_eq!(reply.text() == APP, is_navigation, "{what}");
        assert_eq!(reply.must("Cache-Control"), "no-cache", "{what}");
        assert!(reply.must("Vary").ends_with("Accept, Sec-Fetch-Dest, Sec-Fetch-Mode"), "{what}");
    }
    assert_eq!(client.get("/").text(), WELCOME);
    assert_eq!(client.get("/").field("vary"), None, "a file that is there");
    let reply = client.get("/settings");
    let tag = reply.must("ETag").to_owned();
    assert_eq!(tag, client.get("/app.html").must("ETag"));
    let again = client.ask("GET", "/other", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((again.status, again.must("Cache-Control")), (304, "no-cache"));
    assert_eq!(client.ask("GET", "/other", "Range: bytes=0-3\r\n").status, 206);
    assert_eq!(client.ask("HEAD", "/other", "").status, 200);
    assert_eq!(client.ask("POST", "/other", "").status, 405);
}

#[test]
fn a_fallback_that_is_missing_is_an_error_at_the_start_and_a_warning_later() {
    let site = Site::new();
    let mut process = Process::spawn(site.command(&["--fallback", "app.html"]));
    assert_eq!(process.await_exit().code(), Some(1));
    assert!(process.errors.await_end().join("\n").contains("app.html"));
    site.write("app.html", APP);
    let server = site.serve_with(&["--fallback", "app.html"]);
    assert_eq!(server.get("/a").text(), APP);
    site.remove("app.html");
    assert_eq!(server.get("/a").status, 404);
    assert_eq!(server.get("/a").status, 404);
    server.process.errors.await_line(|line| line.contains("the fallback app.html is gone"));
    site.write("app.html", "again");
    assert_eq!(server.get("/a").text(), "again");
}
