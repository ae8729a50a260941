//! From a target to the bytes of a file: index pages, odd names, percent-encoding (RFC 3986 section 2.1),
//! media types, and files of every size, whole and intact, also for a reader that is slow.
//! What must not be found is in `confinement.rs`.

use std::fs::File;

use crate::server::Server;
use crate::site::{Site, WELCOME, pattern};
use crate::system;

fn assert_body(server: &Server, what: &str, target: &str, expected: &str) {
    let reply = server.get(target);
    assert_eq!((reply.status, reply.text().as_str()), (200, expected), "{what}: {target}");
}

#[test]
fn targets_and_the_files_that_they_name() {
    let site = Site::new();
    site.write("dir/index.html", "index of dir");
    site.write("dir/page.html", "page");
    site.write("dir/inner/index.html", "inner");
    let server = site.serve();
    let table = [
        ("the index of the root", "/", WELCOME),
        ("the index by its name", "/index.html", WELCOME),
        ("the index of a folder", "/dir/", "index of dir"),
        ("a nested file", "/dir/page.html", "page"),
        ("a nested index", "/dir/inner/", "inner"),
        ("the query is no part of the name", "/dir/page.html?q=1&r=/../x", "page"),
        ("an empty query", "/dir/page.html?", "page"),
        ("a query with a question mark", "/dir/page.html?a?b", "page"),
        ("a query with a bad escape is nobody's business", "/?100%", WELCOME),
        ("empty segments collapse", "//dir///page.html", "page"),
        ("empty segments before an index", "/dir//", "index of dir"),
        ("a dot segment (RFC 3986 5.2.4)", "/./dir/./page.html", "page"),
        ("a double-dot segment (5.2.4)", "/dir/inner/../page.html", "page"),
        ("an encoded double-dot segment", "/dir/inner/%2e%2E/page.html", "page"),
        ("a double-dot segment at the end", "/dir/inner/..", "index of dir"),
        ("a dot segment at the end", "/dir/.", "index of dir"),
        ("dots are removed before the file system is asked", "/missing/../dir/page.html", "page"),
    ];
    for (what, target, expected) in table {
        assert_body(&server, what, target, expected);
    }
}

#[test]
fn odd_names() {
    let site = Site::new();
    let table: &[(&[u8], &str)] = &[
        (b"a b.txt", "/a%20b.txt"),
        (b"plus+plus.txt", "/plus+plus.txt"),
        (b"plus+plus.txt", "/plus%2Bplus.txt"),
        ("m\u{fc}sli.txt".as_bytes(), "/m%C3%BCsli.txt"),
        ("m\u{fc}sli.txt".as_bytes(), "/m%c3%bcsli.txt"),
        ("\u{65e5}\u{672c}/\u{8a9e}.txt".as_bytes(), "/%E6%97%A5%E6%9C%AC/%E8%AA%9E.txt"),
        (b"not-utf8-\xff\xfe.txt", "/not-utf8-%FF%FE.txt"),
        (b"100%.txt", "/100%25.txt"),
        (b"%61.txt", "/%2561.txt"),
        (b"question?.txt", "/question%3F.txt"),
        (b"hash#.txt", "/hash%23.txt"),
        (b"back\\slash.txt", "/back%5Cslash.txt"),
        (b"back\\slash.txt", "/back\\slash.txt"),
        (b"new\nline.txt", "/new%0Aline.txt"),
        (b"quote\".txt", "/quote%22.txt"),
        (b"semi;colon=,@:&'()*!$~.txt", "/semi;colon=,@:&'()*!$~.txt"),
        (b"plain.txt", "/%70%6C%61%69%6E.txt"),
        (b"text..txt", "/text..txt"),
        (b"trailing.", "/trailing."),
        (b"tilde~/x.txt", "/tilde~/x.txt"),
        (b" ", "/%20"),
    ];
    for (name, _) in table {
        site.write(name, name);
    }
    let server = site.serve();
    for (name, target) in table {
        let reply = server.get(target);
        assert_eq!((reply.status, reply.body.as_slice()), (200, *name), "{target}");
    }
}

#[test]
fn what_is_not_there() {
    let site = Site::new();
    site.write("file.html", "a file");
    site.write("%61.txt", "its name has a percent sign");
    site.make_folder("empty");
    site.make_folder("odd/index.html");
    let long_name = format!("/{}", "n".repeat(256));
    let long_path = format!("/{}", "n/".repeat(3000));
    let server = site.serve();
    let table = [
        ("a missing file", "/missing.html"),
        ("a missing folder", "/missing/"),
        ("a folder without an index", "/empty/"),
        ("a folder whose index is a folder", "/odd/"),
        ("a file with a trailing slash", "/file.html/"),
        ("a file with an encoded dot behind it", "/file.html/%2e"),
        ("a file as a folder", "/file.html/more"),
        ("names have a case", "/FILE.HTML"),
        ("escapes are decoded once", "/%61.txt"),
        ("a name longer than the file system allows", &long_name),
        ("a path longer than the kernel allows", &long_path),
    ];
    for (what, target) in table {
        assert_eq!(server.get(target).status, 404, "{what}");
    }
}

#[test]
fn the_longest_name_that_linux_allows() {
    let site = Site::new();
    let name = "n".repeat(255);
    site.write(&name, "long");
    assert_body(&site.serve(), "255 bytes", &format!("/{name}"), "long");
}

#[test]
fn media_types_by_extension_in_any_case() {
    // Where the registry has a newer name than browsers and servers use, either will do.
    let table = [
        ("html", "text/html"),
        ("htm", "text/html"),
        ("css", "text/css"),
        ("js", "text/javascript"),
        ("mjs", "text/javascript"),
        ("json", "application/json"),
        ("map", "application/json"),
        ("wasm", "application/wasm"),
        ("webmanifest", "application/manifest+json"),
        ("txt", "text/plain; charset=utf-8"),
        ("md", "text/markdown; charset=utf-8"),
        ("xml", "text/xml; charset=utf-8"),
        ("svg", "image/svg+xml"),
        ("png", "image/png"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("gif", "image/gif"),
        ("webp", "image/webp"),
        ("avif", "image/avif"),
        ("ico", "image/x-icon|image/vnd.microsoft.icon"),
        ("swf", "application/x-shockwave-flash|application/vnd.adobe.flash.movie"),
        ("woff2", "font/woff2"),
        ("mp4", "video/mp4"),
        ("webm", "video/webm"),
        ("pdf", "application/pdf"),
        ("tar.gz", "application/gzip"),
        ("no-such-extension", "application/octet-stream"),
    ];
    let site = Site::new();
    for (extension, _) in table {
        site.write(format!("a.{extension}"), "x");
        site.write(format!("B.{}", extension.to_uppercase()), "x");
    }
    let server = site.serve();
    for (extension, expected) in table {
        for target in [format!("/a.{extension}"), format!("/B.{}", extension.to_uppercase())] {
            let reply = server.get(&target);
            let given = reply.must("Content-Type");
            assert!(expected.split('|').any(|one| one == given), "{target}: {given}, not {expected}");
        }
    }
}

#[test]
fn names_without_an_extension_are_just_bytes() {
    let site = Site::new();
    let server = site.serve();
    for name in ["README", "html", "a.", "x.html.unknown-extension"] {
        site.write(name, "x");
        assert_eq!(
            server.get(&format!("/{name}")).must("Content-Type"),
            "application/octet-stream",
            "{name}"
        );
    }
}

#[test]
fn an_empty_file() {
    let site = Site::new();
    site.write("empty.txt", "");
    let reply = site.serve().get("/empty.txt");
    assert_eq!((reply.status, reply.length(), reply.body.len()), (200, 0, 0));
}

#[test]
fn files_of_every_size_arrive_intact() {
    // Around every boundary at which a server may change its way: buffers, pages, sendfile, the cache.
    let sizes = [
        1,
        4095,
        4096,
        4097,
        16_383,
        16_385,
        65_535,
        65_536,
        65_537,
        131_072,
        262_144,
        262_145,
        1 << 20,
        (1 << 20) + 1,
        7_654_321,
    ];
    let site = Site::new();
    let server = site.serve();
    let mut client = server.connect();
    for size in sizes {
        let bytes = pattern(size);
        site.write("file.bin", &bytes);
        let reply = client.get("/file.bin");
        assert_eq!(reply.length(), size as u64);
        assert!(reply.body == bytes, "{size} bytes differ");
    }
}

#[test]
fn beyond_four_gigabytes() {
    const ZEROS: u64 = 5 << 30;
    let site = Site::new();
    site.write_sparse("large.bin", ZEROS, b"the end");
    let server = site.serve();
    let mut client = server.connect();
    assert_eq!(client.ask("HEAD", "/large.bin", "").length(), ZEROS + 7);
    let reply = client.ask("GET", "/large.bin", &format!("Range: bytes={}-\r\n", ZEROS - 2));
    assert_eq!((reply.status, reply.body.as_slice()), (206, b"\0\0the end".as_slice()));
    assert_eq!(reply.must("Content-Range"), format!("bytes {}-{}/{}", ZEROS - 2, ZEROS + 6, ZEROS + 7));
    let reply = client.ask("GET", "/large.bin", "Range: bytes=-3\r\n");
    assert_eq!((reply.status, reply.text().as_str()), (206, "end"));
}

#[test]
fn a_slow_reader_gets_every_byte_and_holds_up_nobody() {
    // More than all buffers between the two can hold.
    let bytes = pattern(24 << 20);
    let site = Site::new();
    site.write("large.bin", &bytes);
    let server = site.serve();
    let mut slow = server.connect_as("slow");
    slow.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let length = usize::try_from(slow.response_head().length()).expect("it fits");
    let first = slow.read(1 << 20);
    for _ in 0..50 {
        assert_eq!(server.get("/").text(), WELCOME, "another client is served in between");
    }
    let rest = slow.read(length - first.len());
    assert!([first, rest].concat() == bytes, "all bytes, in order");
    assert_eq!(slow.get("/second.txt").status, 200, "and the connection goes on");
}

#[test]
fn what_is_not_in_memory_arrives_too() {
    // Where the file system lets go of the pages, other threads wait for the disk, and several downloads of
    // one file at once want the same pages.
    let bytes = pattern(12 << 20);
    let site = Site::new();
    site.write("cold.bin", &bytes);
    let server = site.serve();
    system::drop_from_memory(&site.path("cold.bin"));
    let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /cold.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    assert_eq!(server.get("/").text(), WELCOME, "a small request waits for none of them");
    for client in &mut clients {
        assert!(client.response().body == bytes, "all bytes, in order");
    }
    system::drop_from_memory(&site.path("cold.bin"));
    let reply = server.connect().ask("GET", "/cold.bin", "Range: bytes=5000000-5001023\r\n");
    assert!(reply.body == bytes[5_000_000..5_001_024], "a small range");
}

#[test]
fn large_files_are_not_read_into_memory() {
    let site = Site::new();
    site.write_sparse("large.bin", 200 << 20, b"");
    let server = site.serve();
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(client.response_head().length(), 200 << 20);
    for _ in 0..200 {
        client.read(1 << 20);
    }
    let resident = server.process.resident_kilobytes();
    assert!(resident < 32 << 10, "{resident} KiB are resident");
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_ends_the_connection() {
    // The promised length cannot be kept: closing is the only way to say so (RFC 9112 section 8).
    let site = Site::new();
    site.write_sparse("large.bin", 64 << 20, b"");
    let server = site.serve();
    let mut client = server.connect();
    client.send("GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let length = client.response_head().length();
    File::options().write(true).open(site.path("large.bin")).and_then(|file| file.set_len(10)).expect("cut");
    assert!((client.read_until_closed().len() as u64) < length);
    assert_eq!(server.get("/").text(), WELCOME, "the others are still served");
}
