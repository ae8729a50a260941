//! With `--listing` a folder without an index is shown, as a page or as JSON: what a request would get, and nothing
//! else. Names are hostile; the pages are read as a browser reads them.

use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use html5gum::{Token, Tokenizer};
use serde_json::Value;

use crate::coder::decoded;
use crate::response::Response;
use crate::server::Server;
use crate::site::{Site, WELCOME};
use crate::system;

const PAGE: &str = "text/html; charset=utf-8";

/// The links in a page, in their order.
fn links(reply: &Response) -> Vec<String> {
    assert_eq!((reply.status, reply.must("Content-Type")), (200, PAGE), "{reply:?}");
    let mut links = Vec::new();
    for Ok(token) in Tokenizer::new(&reply.body[..]) {
        match token {
            Token::StartTag(tag) if *tag.name == *b"a" => {
                let href = tag.attributes.get(&b"href"[..]).expect("a link leads somewhere");
                links.push(String::from_utf8(href.to_vec()).expect("UTF-8"));
            }
            Token::Error(error) => panic!("{error:?} in {}", reply.text()),
            _ => {}
        }
    }
    links
}

/// The links to what is in the folder.
fn entries(reply: &Response) -> Vec<String> {
    links(reply).into_iter().filter(|link| !link.starts_with('?') && !link.starts_with("../")).collect()
}

fn objects(reply: &Response) -> Vec<Value> {
    assert_eq!((reply.status, reply.must("Content-Type")), (200, "application/json"), "{reply:?}");
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {}", reply.text()))
}

fn names(reply: &Response) -> Vec<String> {
    objects(reply).iter().map(|object| object["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn without_the_flag_a_folder_without_an_index_is_missing() {
    let site = Site::new();
    site.write("dir/file.txt", "file");
    assert_eq!(site.serve().get("/dir/").status, 404);
    let server = site.serve_with(&["--listing"]);
    let table = [
        ("a folder", "/dir/", 200),
        ("a folder with an index", "/", 200),
        ("a folder without its slash", "/dir", 301),
        ("a file with a slash", "/dir/file.txt/", 404),
        ("nothing", "/none/", 404),
        ("a hidden folder", "/.git/", 404),
    ];
    site.write(".git/config", "secret");
    for (what, target, status) in table {
        assert_eq!(server.get(target).status, status, "{what}");
    }
    assert_eq!(server.get("/").text(), WELCOME);
    assert_eq!(server.get("/dir?sort=size").must("Location"), "dir/?sort=size");
}

#[test]
fn every_name_leads_to_its_file_and_injects_nothing() {
    let names: &[&[u8]] = &[
        b"<script>alert(1)<",
        b"\" onmouseover=\"alert(1)",
        b"' x='",
        b"<!--",
        b"<input onfocus=alert(1) autofocus>",
        b"&lt;&copy",
        b"javascript:alert(1)",
        b"http:",
        b"\\\\host.example",
        b"?sort=size",
        b"#top",
        b"100%",
        b"%2F",
        b"%2e%2e",
        b"..x",
        b"a b",
        b" ",
        b"new\r\nline",
        b"\x01\x1b[31m\x7f",
        b"\xff\xfe",
        b"\xc0\xbcscript",
        "größe".as_bytes(),
        "cod\u{202e}txt.exe".as_bytes(),
        "\u{ffff}".as_bytes(),
        "\u{2028}\",\"x\":\"".as_bytes(),
    ];
    let site = Site::new();
    for name in names {
        site.write([b"dir/", *name].concat(), name);
    }
    let server = site.serve_with(&["--listing"]);
    let mut client = server.connect();
    let page = client.get("/dir/");
    let visible: BTreeSet<&[u8]> = names.iter().copied().filter(|name| !name.starts_with(b".")).collect();
    let mut found = BTreeSet::new();
    for link in entries(&page) {
        assert!(!link.contains(':') && !link.starts_with('/'), "{link}");
        found.insert(client.get(&format!("/dir/{link}")).body);
    }
    assert_eq!(found.iter().map(Vec::as_slice).collect::<BTreeSet<_>>(), visible);
    for object in objects(&client.get("/dir/?format=json")) {
        let body = client.get(&format!("/dir/{}", object["href"].as_str().expect("a link"))).body;
        assert_eq!(object["name"].as_str().expect("a name"), String::from_utf8_lossy(&body));
    }
    for hostile in ["<script", "onmouseover=\"", "<!--", "<input", "\u{202e}", "\u{ffff}", "\x1b"] {
        assert!(!page.text().contains(hostile), "{hostile:?} in {}", page.text());
    }
}

#[test]
fn what_no_request_gets_is_not_shown() {
    let site = Site::new();
    std::fs::write(site.outside("secret.txt"), "secret").expect("a secret");
    site.remove("index.html");
    site.make_folder(".well-known");
    for name in
        [".env", ".git/config", "_headers", "_redirects", "_headers.gz", "_redirects.br", "dir/_headers"]
    {
        site.write(name, "x");
    }
    system::make_fifo(&site.path("fifo"));
    let _socket = UnixListener::bind(site.path("socket")).expect("a socket");
    for (target, name) in [
        ("../secret.txt", "out.txt"),
        ("..", "parent"),
        ("/etc", "etc"),
        ("/dev/null", "device"),
        ("nothing", "dangling"),
        ("loop", "loop"),
        ("fifo", "to-fifo"),
        ("second.txt", "in.txt"),
        ("dir", "folder"),
        ("../second.txt", "dir/up.txt"),
        ("../../secret.txt", "dir/far.txt"),
    ] {
        site.link(target, name);
    }
    site.link(site.path("second.txt"), "absolute.txt");
    for refuse in [false, true] {
        let mut command = site.command(&["--listing"]);
        if refuse {
            // As on an old kernel, where links are followed by hand.
            system::refuse_openat2(&mut command, libc::ENOSYS);
        }
        let server = Server::start(command);
        let table = [
            ("/", &[".well-known/", "dir/", "folder/", "absolute.txt", "in.txt", "second.txt"][..]),
            ("/dir/", &["_headers", "up.txt"]),
            ("/folder/", &["_headers", "up.txt"]),
            ("/.well-known/", &[]),
        ];
        for (target, expected) in table {
            assert_eq!(entries(&server.get(target)), expected, "{target}, without openat2: {refuse}");
        }
        assert_eq!(server.get("/parent/").status, 403);
        assert_eq!(server.get("/etc/").status, 403);
        // A link has the size of what it leads to.
        let objects = objects(&server.get("/?format=json"));
        let link = objects.iter().find(|object| object["name"] == "in.txt").expect("in.txt");
        assert_eq!(link["size"], 11);
        server.process.errors.await_line(|line| line.contains("/etc/"));
    }
}

#[test]
fn what_flags_let_through_is_shown() {
    let site = Site::new();
    site.remove("index.html");
    for name in [".env", "_headers", "_redirects.gz"] {
        site.write(name, "");
    }
    for (flags, expected) in [
        (&["--listing"][..], &["second.txt"][..]),
        (&["--listing", "--dot-files"], &[".env", "second.txt"]),
        (&["--listing", "--rules", "off"], &["_headers", "_redirects.gz", "second.txt"]),
    ] {
        assert_eq!(entries(&site.serve_with(flags).get("/")), expected, "{flags:?}");
    }
}

#[test]
fn an_index_of_another_kind_is_none() {
    let site = Site::new();
    site.make_folder("dir/index.html");
    site.make_folder("out");
    site.link("/etc/passwd", "out/index.html");
    let server = site.serve_with(&["--listing"]);
    assert_eq!(entries(&server.get("/dir/")), ["index.html/"]);
    assert_eq!(server.get("/out/").status, 403);
}

#[test]
fn orders() {
    let site = Site::new();
    for (name, size, time) in [("a10", 1, 300), ("a2", 30, 200), ("B1", 30, 100), ("a1.txt", 2, 400)] {
        site.write_dated(&format!("dir/{name}"), vec![b'x'; size], 1_000_000_000 + time);
    }
    site.make_folder("dir/z2");
    site.make_folder("dir/z10");
    let server = site.serve_with(&["--listing"]);
    let table = [
        ("", ["z2/", "z10/", "a1.txt", "a2", "a10", "B1"]),
        ("?sort=name", ["z2/", "z10/", "a1.txt", "a2", "a10", "B1"]),
        ("?sort=name&order=desc", ["z10/", "z2/", "B1", "a10", "a2", "a1.txt"]),
        ("?sort=size&order=asc", ["z2/", "z10/", "a10", "a1.txt", "a2", "B1"]),
        ("?sort=size&order=desc", ["z10/", "z2/", "B1", "a2", "a1.txt", "a10"]),
        ("?sort=none&order=\"><script>", ["z2/", "z10/", "a1.txt", "a2", "a10", "B1"]),
    ];
    for (query, expected) in table {
        let reply = server.get(&format!("/dir/{query}"));
        assert_eq!(entries(&reply), expected, "{query}");
        let in_json = names(
            &server.get(&format!("/dir/{query}{}format=json", if query.is_empty() { "?" } else { "&" })),
        );
        assert_eq!(in_json, expected.map(|name| name.trim_end_matches('/')), "{query}");
    }
    let by_time = entries(&server.get("/dir/?sort=time&order=desc"));
    assert_eq!(by_time[2..], ["a1.txt", "a10", "a2", "B1"]);
    let page = server.get("/dir/?sort=size&order=asc");
    let sorted_by: Vec<_> = links(&page).into_iter().filter(|link| link.starts_with('?')).collect();
    assert_eq!(sorted_by, ["?sort=name&order=asc", "?sort=size&order=desc", "?sort=time&order=asc"]);
    assert!(page.text().contains("aria-sort=\"ascending\"><a href=\"?sort=size&amp;order=desc\">Size"));
}

#[test]
fn a_page_and_json_say_the_same() {
    let site = Site::new();
    site.write_dated("a/b c/file.txt", vec![b'x'; 1536], 784_111_777);
    site.make_folder("a/b c/folder");
    let server = site.serve_with(&["--listing"]);
    let page = server.get("/a/b%20c/");
    for expected in [
        "<title>Index of /a/b c/</title>",
        "lang=\"en\"",
        "prefers-color-scheme: dark",
        "name=\"viewport\"",
        "1.5 KiB",
        "<time datetime=\"1994-11-06T08:49:37Z\">1994-11-06 08:49</time>",
        "1 folder, 1 file, 1.5 KiB",
    ] {
        assert!(page.text().contains(expected), "{expected} in {}", page.text());
    }
    assert_eq!(
        links(&page),
        [
            "../../",
            "../",
            "?sort=name&order=desc",
            "?sort=size&order=asc",
            "?sort=time&order=asc",
            "../",
            "folder/",
            "file.txt",
        ]
    );
    for asked in ["<script", "src=", "<link", "@import", "http:", "https:", "url(\"/"] {
        assert!(!page.text().replace("http://www.w3.org/2000/svg", "").contains(asked), "{asked}");
    }
    let objects = objects(&server.get("/a/b%20c/?format=json"));
    let folder = objects[0].as_object().expect("an object");
    assert_eq!(folder.keys().collect::<Vec<_>>(), ["href", "mtime", "name", "type"]);
    assert_eq!(
        (&folder["name"], &folder["type"], &folder["href"]),
        (&"folder".into(), &"directory".into(), &"folder/".into())
    );
    let expected = serde_json::json!({
        "name": "file.txt", "type": "file", "mtime": "Sun, 06 Nov 1994 08:49:37 GMT", "size": 1536, "href": "file.txt",
    });
    assert_eq!(objects[1], expected);
}

#[test]
fn accept_and_the_query_choose_the_form() {
    let site = Site::new();
    site.make_folder("dir");
    let server = site.serve_with(&["--listing"]);
    let mut client = server.connect();
    let (page, json) = (PAGE, "application/json");
    for (query, fields, expected) in [
        ("", "", page),
        ("", "Accept: */*\r\n", page),
        ("", "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n", page),
        ("", "Accept: application/json\r\n", json),
        ("", "Accept: application/json, text/plain, */*\r\n", json),
        ("", "Accept: text/html;q=0.5, application/json;q=0.6\r\n", json),
        ("", "Accept: text/html;q=0.5\r\nAccept: application/json;q=0.6\r\n", json),
        ("", "Accept: application/json;q=0, */*\r\n", page),
        ("", "Accept: image/png\r\n", page),
        ("?format=json", "Accept: text/html\r\n", json),
        ("?format=html", "Accept: application/json\r\n", page),
    ] {
        let reply = client.ask("GET", &format!("/dir/{query}"), fields);
        assert_eq!((reply.status, reply.must("Content-Type")), (200, expected), "{query} {fields}");
        assert_eq!(reply.must("Vary"), "Accept, Accept-Encoding", "{query} {fields}");
        assert_eq!(
            client.ask("HEAD", &format!("/dir/{query}"), fields).head_without_date(),
            reply.head_without_date()
        );
    }
}

#[test]
fn a_listing_is_coded_as_the_client_likes() {
    let site = Site::new();
    site.write("dir/file.txt", "file");
    let server = site.serve_with(&["--listing"]);
    let mut client = server.connect();
    let plain = client.get("/dir/");
    let mut tags = BTreeSet::from([plain.must("ETag").to_owned()]);
    for (accepted, coding) in
        [("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("gzip, deflate, br;q=0.5", "gzip")]
    {
        let fields = format!("Accept-Encoding: {accepted}\r\n");
        let reply = client.ask("GET", "/dir/", &fields);
        assert_eq!(reply.field("Content-Encoding"), Some(coding), "{accepted}");
        assert_eq!(decoded(&reply), plain.body, "{accepted}");
        let tag = reply.must("ETag").to_owned();
        let again = client.ask("GET", "/dir/", &format!("{fields}If-None-Match: {tag}\r\n"));
        assert_eq!((again.status, again.must("ETag")), (304, tag.as_str()), "{accepted}");
        tags.insert(tag);
    }
    assert_eq!(tags.len(), 4, "{tags:?}");
    let refused = client.ask("GET", "/dir/", "Accept-Encoding: identity;q=0\r\n");
    assert_eq!((refused.status, refused.must("Vary")), (406, "Accept, Accept-Encoding"));

    let server = site.serve_with(&["--listing", "--no-compress"]);
    let reply = server.connect().ask("GET", "/dir/", "Accept-Encoding: gzip\r\n");
    assert_eq!((reply.field("Content-Encoding"), reply.must("Vary")), (None, "Accept"));
    assert_eq!(reply.body, plain.body);
}

#[test]
fn validators_are_of_the_bytes() {
    let site = Site::new();
    site.write("dir/file.txt", "one");
    let server = site.serve_with(&["--listing", "--cache-control", "max-age=31536000, immutable"]);
    let mut client = server.connect();
    let first = client.get("/dir/");
    let tag = first.must("ETag").to_owned();
    assert!(tag.starts_with('"'), "a strong one");
    assert_eq!(first.must("Cache-Control"), "no-cache");
    for name in ["Last-Modified", "Accept-Ranges"] {
        assert!(first.field(name).is_none(), "{name}: {first:?}");
    }
    let date = "Fri, 31 Dec 2100 23:59:59 GMT";
    for (section, fields, status) in [
        ("9110 13.1.2", format!("If-None-Match: {tag}\r\n"), 304),
        ("9110 13.1.2", "If-None-Match: *\r\n".into(), 304),
        ("9110 13.1.2", "If-None-Match: \"other\"\r\n".into(), 200),
        ("9110 13.1.1", format!("If-Match: {tag}\r\n"), 200),
        ("9110 13.1.1", "If-Match: \"other\"\r\n".into(), 412),
        ("9110 13.1.3 no date to compare with", format!("If-Modified-Since: {date}\r\n"), 200),
        (
            "9110 13.1.4 no date to compare with",
            "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n".into(),
            200,
        ),
        ("9110 14.2 may be ignored", "Range: bytes=0-9\r\n".into(), 200),
    ] {
        let reply = client.ask("GET", "/dir/", &fields);
        assert_eq!((reply.status, reply.must("Vary")), (status, "Accept, Accept-Encoding"), "{section}");
        assert_eq!(client.ask("HEAD", "/dir/", &fields).status, status, "{section}");
        if status == 304 {
            assert_eq!((reply.must("ETag"), reply.must("Cache-Control")), (tag.as_str(), "no-cache"));
        }
    }
    // The size of a file changes nothing at the folder.
    site.write_dated("dir/file.txt", "one more", 1_000_000_000);
    let second = client.ask("GET", "/dir/", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!(second.status, 200);
    assert!(second.text().contains("8 B"), "{}", second.text());
}

#[test]
fn a_folder_is_shown_as_it_is_now() {
    let site = Site::new();
    let server = site.serve_with(&["--listing"]);
    let mut client = server.connect();
    for round in 0..50 {
        assert_eq!(client.get("/dir/").status, 404, "round {round}");
        site.make_folder("dir");
        assert_eq!(entries(&client.get("/dir/")), [] as [&str; 0], "round {round}");
        site.write("dir/file.txt", "x");
        assert_eq!(entries(&client.get("/dir/")), ["file.txt"], "round {round}");
        site.write("dir/index.html", "index");
        assert_eq!(client.get("/dir/").text(), "index", "round {round}");
        site.remove("dir/index.html");
        assert_eq!(entries(&client.get("/dir/")), ["file.txt"], "round {round}");
        std::fs::remove_dir_all(site.path("dir")).expect("remove");
    }
}

#[test]
fn a_folder_that_may_not_be_read_is_forbidden() {
    let site = Site::new();
    site.write("locked/file.txt", "file");
    site.set_mode("locked", 0o711);
    let server = site.serve_unprivileged(&["--listing"]);
    assert_eq!(server.get("/locked/").status, 403);
    assert_eq!(server.get("/locked/file.txt").status, 200);
    site.set_mode("locked", 0o755);
}

#[test]
fn a_folder_that_is_swapped_with_a_link_outside_shows_nothing_of_it() {
    let site = Site::new();
    let outside = site.outside("elsewhere");
    std::fs::create_dir(&outside).expect("a folder outside");
    std::fs::write(outside.join("secret"), "secret").expect("a secret");
    site.write("inside/public", "public");
    site.make_folder("swapped");
    std::fs::remove_dir(site.path("swapped")).expect("remove");
    site.link("inside", "swapped");
    let server = site.serve_with(&["--listing", "-w", "2"]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                site.swap_link(&outside, &site.path("swapped"));
                site.swap_link("inside", &site.path("swapped"));
            }
        });
        let mut client = server.connect();
        let mut shown = 0;
        for _ in 0..2_000 {
            let reply = client.get("/swapped/");
            assert!(matches!(reply.status, 200 | 403 | 404), "{reply:?}");
            assert!(!reply.text().contains("secret"), "{}", reply.text());
            shown += usize::from(reply.status == 200);
        }
        over.store(true, Ordering::Relaxed);
        assert!(shown > 0, "never shown");
    });
}
