//! A folder without its slash is answered by 301 with a relative Location (RFC 9110 section 10.2.2), which
//! keeps the query and, whatever the folder is called, leads to that folder on this server and nowhere else:
//! `//host`, a scheme or a line break in it would hand visitors over to somebody else.

use crate::server::Server;
use crate::site::Site;

fn location(server: &Server, target: &str) -> String {
    let reply = server.get(target);
    assert_eq!(reply.status, 301, "{target}");
    reply.must("Location").to_owned()
}

#[test]
fn locations() {
    let site = Site::new();
    site.write("dir/inner/index.html", "x");
    site.make_folder("empty");
    site.make_folder("a b");
    site.make_folder("m\u{fc}sli");
    site.make_folder("100%");
    site.make_folder("host.example");
    site.make_folder(".well-known");
    site.link("dir", "link");
    let server = site.serve();
    let table = [
        ("a folder", "/dir", "dir/"),
        ("a nested folder: only the last segment", "/dir/inner", "inner/"),
        ("a folder without an index", "/empty", "empty/"),
        ("the query is kept", "/dir?q=1", "dir/?q=1"),
        ("whatever is in it", "/dir?next=//host.example/%41", "dir/?next=//host.example/%41"),
        ("a space", "/a%20b", "a%20b/"),
        ("UTF-8", "/m%c3%bcsli", "m%C3%BCsli/"),
        ("a percent sign", "/100%25", "100%25/"),
        ("never //host", "//host.example", "host.example/"),
        ("never ///host", "///host.example", "host.example/"),
        ("never /.//host", "/.//host.example", "host.example/"),
        ("needless escapes go", "/%64ir", "dir/"),
        ("dot segments are gone", "/dir/../dir/inner", "inner/"),
        ("the one dotted folder", "/.well-known", ".well-known/"),
        ("a symbolic link to a folder", "/link", "link/"),
        ("absolute-form (RFC 9112 3.2.2)", "http://localhost/dir?q", "dir/?q"),
    ];
    for (what, target, expected) in table {
        assert_eq!(location(&server, target), expected, "{what}");
    }
}

/// A query goes into Location as it was sent, and a field holds no raw bytes.
#[test]
fn raw_bytes_of_a_query_are_encoded() {
    let site = Site::new();
    site.make_folder("dir");
    let server = site.serve();
    let table: [(&str, &[u8], &str); 3] = [
        ("UTF-8", b"/dir?q=\xc3\xb6", "dir/?q=%C3%B6"),
        ("no UTF-8", b"/dir?\xff", "dir/?%FF"),
        ("beside what is encoded", b"/dir?a=%41&b=\xc3\xb6/?", "dir/?a=%41&b=%C3%B6/?"),
    ];
    for (what, target, expected) in table {
        let mut client = server.connect_as(what);
        let reply = client.request([b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
        assert_eq!((reply.status, reply.must("Location")), (301, expected), "{what}");
    }
}

#[test]
fn odd_folder_names_stay_one_harmless_segment() {
    let names: &[&[u8]] = &[
        b"http:",
        b"javascript:alert(1)",
        b"\\host.example",
        b"\\\\host.example",
        b"q?uery",
        b"h#ash",
        b"new\r\nline: x",
        b"quote\"<b>",
        b"semi;colon",
        b"\xff\xfe",
        b" ",
        b"%2F",
        b"..x",
    ];
    let site = Site::new();
    for name in names {
        site.make_folder(name);
    }
    let server = site.serve();
    for name in names.iter().filter(|name| !name.starts_with(b".")) {
        let given = location(&server, &format!("/{}?q", encoded(name)));
        let segment = given.strip_suffix("/?q").unwrap_or_else(|| panic!("{given}"));
        let segment = segment.strip_prefix("./").unwrap_or(segment);
        let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=@".contains(&byte);
        let colon_may_stay = given.starts_with("./");
        let all = segment.bytes().all(|byte| harmless(byte) || (byte == b':' && colon_may_stay));
        assert!(all, "{given} for {:?}", String::from_utf8_lossy(name));
        assert_eq!(decoded(segment), *name, "{given}");
    }
}

#[test]
fn the_connection_stays_open_and_the_slash_leads_on() {
    let site = Site::new();
    site.write("dir/index.html", "found");
    let server = site.serve();
    let mut client = server.connect();
    assert_eq!(client.get("/dir").status, 301);
    assert_eq!(client.get("/dir/").text(), "found");
}

fn encoded(name: &[u8]) -> String {
    name.iter().map(|byte| format!("%{byte:02X}")).collect()
}

fn decoded(segment: &str) -> Vec<u8> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        let digits: String =
            if byte == b'%' { bytes.by_ref().take(2).map(char::from).collect() } else { String::new() };
        decoded.push(if byte == b'%' { u8::from_str_radix(&digits, 16).expect("two digits") } else { byte });
    }
    decoded
}
