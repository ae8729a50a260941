//! Range requests (RFC 9110 section 14): every form of a range against slices of the file, If-Range (13.1.5),
//! and multipart/byteranges (14.6) taken apart by a strict reader. What a range is worth beyond 4 GiB is in
//! `files.rs`, on coded bytes in `codings.rs`.

use crate::calendar;
use crate::client::{Client, find};
use crate::response::Response;
use crate::server::Server;
use crate::site::{Site, pattern};

/// The length of the file in all of these tests.
const LENGTH: usize = 1000;

#[derive(Debug, PartialEq)]
enum Outcome {
    /// 200 and everything.
    Whole,
    /// 206 and the bytes from and to these positions, both inclusive: one pair, or a multipart.
    Parts(Vec<(usize, usize)>),
    /// 416.
    Unsatisfiable,
}

use Outcome::{Unsatisfiable, Whole};

fn part(first: usize, last: usize) -> Outcome {
    Outcome::Parts(vec![(first, last)])
}

fn parts(parts: &[(usize, usize)]) -> Outcome {
    Outcome::Parts(parts.to_vec())
}

fn site() -> (Site, Server, Vec<u8>) {
    let site = Site::new();
    let bytes = pattern(LENGTH);
    site.write_dated("file.txt", &bytes, calendar::EXAMPLE);
    let server = site.serve();
    (site, server, bytes)
}

/// What a reply to a GET of `bytes` is; everything in it is checked on the way.
fn outcome(reply: &Response, bytes: &[u8], what: &str) -> Outcome {
    match reply.status {
        200 => {
            assert!(reply.body == bytes, "{what}: the whole file");
            assert!(reply.field("Content-Range").is_none(), "{what}: {reply:?}");
            Whole
        }
        206 => Outcome::Parts(read_parts(reply, bytes, what)),
        416 => {
            assert_eq!(reply.must("Content-Range"), format!("bytes */{}", bytes.len()), "{what}");
            assert!((1..4096).contains(&reply.body.len()), "{what}: a small page");
            Unsatisfiable
        }
        other => panic!("{what}: {other}"),
    }
}

fn read_parts(reply: &Response, bytes: &[u8], what: &str) -> Vec<(usize, usize)> {
    let kind = reply.must("Content-Type");
    let Some(boundary) = kind.strip_prefix("multipart/byteranges; boundary=") else {
        assert_eq!(kind, "text/plain", "{what}");
        return vec![checked_part(reply.must("Content-Range"), &reply.body, bytes, what)];
    };
    assert!(
        reply.field("Content-Range").is_none(),
        "{what}: Content-Range belongs into the parts (15.3.7.2)"
    );
    let parts = split_multipart(&reply.body, boundary, what);
    assert!(parts.len() > 1, "{what}: one part needs no multipart");
    let checked = parts.iter().map(|(head, body)| {
        let fields: Vec<&str> = head.split("\r\n").collect();
        assert!(fields.contains(&"Content-Type: text/plain"), "{what}: {head}");
        let range = fields.iter().find_map(|field| field.strip_prefix("Content-Range: "));
        checked_part(range.unwrap_or_else(|| panic!("{what}: {head}")), body, bytes, what)
    });
    checked.collect()
}

/// The heads and bodies of the parts (RFC 2046 section 5.1.1), if nothing else is there.
fn split_multipart<'a>(body: &'a [u8], boundary: &str, what: &str) -> Vec<(String, &'a [u8])> {
    assert!((1..=70).contains(&boundary.len()), "{what}: the boundary {boundary:?}");
    let is_boundary_character = |byte: u8| byte.is_ascii_alphanumeric() || b"'_-.".contains(&byte);
    assert!(boundary.bytes().all(is_boundary_character), "{what}: the boundary {boundary:?} needs quotes");
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    // The first delimiter begins with a line end, too: zsync drops one line before it (9110 14.6).
    let mut rest = body
        .strip_prefix(&*delimiter)
        .unwrap_or_else(|| panic!("{what}: begins without a line end and its boundary"));
    let mut parts = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let head_end = find(part, b"\r\n\r\n").unwrap_or_else(|| panic!("{what}: a part without a head"));
        let body_end = find(part, &delimiter).unwrap_or_else(|| panic!("{what}: a part without an end"));
        let head = String::from_utf8(part[..head_end].to_vec()).expect("ASCII");
        parts.push((head, &part[head_end + 4..body_end]));
        rest = &part[body_end + delimiter.len()..];
    }
    assert!(rest == b"--\r\n" || rest == b"--", "{what}: ends with {:?}", String::from_utf8_lossy(rest));
    parts
}

fn checked_part(content_range: &str, body: &[u8], bytes: &[u8], what: &str) -> (usize, usize) {
    let range = content_range.strip_prefix("bytes ").and_then(|range| range.split_once('/'));
    let (range, length) = range.unwrap_or_else(|| panic!("{what}: {content_range}"));
    let (first, last) = range.split_once('-').unwrap_or_else(|| panic!("{what}: {content_range}"));
    let number = |digits: &str| digits.parse::<usize>().unwrap_or_else(|_| panic!("{what}: {content_range}"));
    let (first, last) = (number(first), number(last));
    assert_eq!(number(length), bytes.len(), "{what}");
    assert!(body == &bytes[first..=last], "{what}: the bytes of {content_range}");
    (first, last)
}

fn check(client: &mut Client, bytes: &[u8], table: &[(&str, &str, Outcome)]) {
    for (what, range, expected) in table {
        let what = format!("{what}: {}", &range[..range.len().min(60)]);
        let reply = client.ask("GET", "/file.txt", &format!("Range: {range}\r\n"));
        assert_eq!(&outcome(&reply, bytes, &what), expected, "{what}");
    }
}

#[test]
fn one_range() {
    let (_site, server, bytes) = site();
    let table = [
        ("the first byte (14.1.2)", "bytes=0-0", part(0, 0)),
        ("what video players begin with", "bytes=0-1", part(0, 1)),
        ("the first half", "bytes=0-499", part(0, 499)),
        ("within", "bytes=17-42", part(17, 42)),
        ("open", "bytes=500-", part(500, 999)),
        ("open from the start", "bytes=0-", part(0, 999)),
        ("the last byte", "bytes=999-", part(999, 999)),
        ("a suffix", "bytes=-1", part(999, 999)),
        ("a longer suffix", "bytes=-500", part(500, 999)),
        ("a suffix as long as the file", "bytes=-1000", part(0, 999)),
        ("a suffix longer than the file is all of it (14.1.2)", "bytes=-5000", part(0, 999)),
        ("the last position is clamped (14.1.2)", "bytes=900-1000", part(900, 999)),
        ("far beyond", "bytes=900-18446744073709551615", part(900, 999)),
        ("beyond every integer", "bytes=900-99999999999999999999999999999999", part(900, 999)),
        ("a suffix beyond every integer", "bytes=-99999999999999999999999999999999", part(0, 999)),
        ("zeros in front", "bytes=0000-0000000000000000000000000001", part(0, 1)),
        ("units have no case (14.1)", "Bytes=0-1", part(0, 1)),
        ("not at all", "BYTES=0-1", part(0, 1)),
    ];
    check(&mut server.connect(), &bytes, &table);
}

#[test]
fn unsatisfiable_ranges() {
    let (_site, server, bytes) = site();
    let table = [
        ("behind the end (14.1.2)", "bytes=1000-", Unsatisfiable),
        ("wholly behind it", "bytes=1000-2000", Unsatisfiable),
        ("a suffix of nothing (14.1.2)", "bytes=-0", Unsatisfiable),
        ("far behind", "bytes=18446744073709551615-", Unsatisfiable),
        ("behind every integer", "bytes=99999999999999999999999999999999-", Unsatisfiable),
        ("several", "bytes=1000-,2000-3000,-0", Unsatisfiable),
    ];
    check(&mut server.connect(), &bytes, &table);
}

#[test]
fn what_is_no_range_is_ignored() {
    let (_site, server, bytes) = site();
    let table = [
        ("an unknown unit (14.2)", "lines=0-1", Whole),
        ("no unit", "0-1", Whole),
        ("an empty value", "", Whole),
        ("an empty set", "bytes=", Whole),
        ("only a comma", "bytes=,", Whole),
        ("reversed (14.1.1)", "bytes=5-2", Whole),
        ("one of them reversed", "bytes=0-1,5-2", Whole),
        ("no number", "bytes=abc", Whole),
        ("half a number", "bytes=1x-2", Whole),
        ("only a dash", "bytes=-", Whole),
        ("two dashes", "bytes=1-2-3", Whole),
        ("a suffix of a suffix", "bytes=--1", Whole),
        ("a sign", "bytes=+1-2", Whole),
        ("hexadecimal", "bytes=0x1-2", Whole),
        ("space before the equals sign", "bytes =0-1", Whole),
        ("space within a range", "bytes=0 - 1", Whole),
        ("another separator", "bytes=0-1;5-6", Whole),
    ];
    check(&mut server.connect(), &bytes, &table);
}

#[test]
fn several_ranges() {
    let (_site, server, bytes) = site();
    let table = [
        ("two (14.6)", "bytes=0-99,500-599", parts(&[(0, 99), (500, 599)])),
        ("in the order asked for (15.3.7.2)", "bytes=500-599,0-99", parts(&[(500, 599), (0, 99)])),
        ("space in the list (5.6.1)", "bytes=0-99 ,\t500-599", parts(&[(0, 99), (500, 599)])),
        ("empty elements (5.6.1.2)", "bytes=0-99,, ,500-599,", parts(&[(0, 99), (500, 599)])),
        ("of all forms", "bytes=300-399,-100,0-9", parts(&[(300, 399), (900, 999), (0, 9)])),
        ("one is unsatisfiable (14.1.2)", "bytes=2000-,0-99,500-599", parts(&[(0, 99), (500, 599)])),
        ("all but one are", "bytes=0-99,1000-,-0", part(0, 99)),
        ("overlapping ones become one", "bytes=0-99,50-149", part(0, 149)),
        ("adjacent ones too", "bytes=0-99,100-199", part(0, 199)),
        ("one within another", "bytes=0-499,100-199", part(0, 499)),
        ("the same twice", "bytes=0-99,0-99", part(0, 99)),
        ("overlapping and another", "bytes=0-99,50-149,500-599", parts(&[(0, 149), (500, 599)])),
    ];
    check(&mut server.connect(), &bytes, &table);
}

#[test]
fn abusive_sets_get_no_more_than_the_file() {
    let (_site, server, bytes) = site();
    let many = |range: &dyn Fn(usize) -> String, count: usize| {
        format!("bytes={}", (0..count).map(range).collect::<Vec<_>>().join(","))
    };
    let table = [
        ("too many tiny ones (14.2, 17.15)", many(&|number| format!("{0}-{0}", 2 * number), 513)),
        ("in falling order", many(&|number| format!("{0}-{0}", 998 - 2 * number), 65)),
        ("at last one step back", many(&|number| format!("{0}-{0}", 2 * number % 999), 501)),
        ("many overlapping ones", many(&|number| format!("{number}-"), 900)),
        ("the whole file many times", many(&|_| "0-".to_owned(), 900)),
        ("many suffixes", many(&|number| format!("-{}", number + 1), 900)),
    ];
    let mut client = server.connect();
    for (what, range) in table {
        let reply = client.ask("GET", "/file.txt", &format!("Range: {range}\r\n"));
        let given = outcome(&reply, &bytes, what);
        assert!(given == Whole || given == part(0, 999), "{what}: {given:?}");
    }
}

/// Programs that update a file ask for hundreds of its pieces, in their order.
#[test]
fn many_pieces_in_their_order() {
    let site = Site::new();
    let bytes = pattern(512 * 100);
    site.write("file.txt", &bytes);
    let server = site.serve();
    let pieces =
        |count: usize| (0..count).map(|number| (number * 100, number * 100 + 49)).collect::<Vec<_>>();
    let value = |pieces: &[(usize, usize)]| {
        let list: Vec<String> = pieces.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        format!("bytes={}", list.join(","))
    };
    let most = pieces(512);
    let one_more = [most.clone(), vec![(51_199, 51_199)]].concat();
    let touching: Vec<_> = (0..512).map(|number| (number, number)).collect();
    let mut reversed = pieces(64);
    reversed.reverse();
    let table = [
        ("as many as are taken (14.2)", &*value(&most), Outcome::Parts(most.clone())),
        ("one more", &value(&one_more), Whole),
        ("touching ones", &value(&touching), part(0, 511)),
        ("in another order", &value(&reversed), Outcome::Parts(reversed.clone())),
    ];
    check(&mut server.connect(), &bytes, &table);
}

#[test]
fn only_get_has_ranges() {
    let (_site, server, _) = site();
    let mut client = server.connect();
    let plain = client.ask("HEAD", "/file.txt", "");
    for range in ["bytes=0-1", "bytes=5000-", "bytes=0-1,500-501"] {
        let reply = client.ask("HEAD", "/file.txt", &format!("Range: {range}\r\n"));
        assert_eq!(reply.head_without_date(), plain.head_without_date(), "{range} (14.2)");
    }
}

/// Caches that fetch in pieces begin with `bytes=0-N` whatever the length, and pass a 416 on as a failure.
#[test]
fn a_range_of_an_empty_file_is_the_file() {
    let site = Site::new();
    site.write("empty.txt", "");
    let server = site.serve();
    let mut client = server.connect();
    for range in
        ["bytes=0-", "bytes=0-0", "bytes=0-1048575", "bytes=5-", "bytes=-1", "bytes=-0", "bytes=0-1,5-6"]
    {
        let reply = client.ask("GET", "/empty.txt", &format!("Range: {range}\r\n"));
        assert_eq!(outcome(&reply, b"", range), Whole, "{range} (14.2)");
    }
}

#[test]
fn a_part_has_the_fields_of_the_whole() {
    let (_site, server, _) = site();
    let mut client = server.connect();
    let whole = client.get("/file.txt");
    for range in ["bytes=0-1", "bytes=0-1,500-501"] {
        let reply = client.ask("GET", "/file.txt", &format!("Range: {range}\r\n"));
        assert_eq!((reply.status, reply.reason.as_str()), (206, "Partial Content"));
        for name in ["ETag", "Last-Modified", "Cache-Control", "Vary", "Accept-Ranges"] {
            assert_eq!(reply.field(name), whole.field(name), "{name} of {range} (15.3.7)");
        }
    }
    let refused = client.ask("GET", "/file.txt", "Range: bytes=5000-\r\n");
    assert_eq!(refused.reason, "Range Not Satisfiable");
    assert_eq!(refused.must("Cache-Control"), "no-cache");
}

#[test]
fn if_range() {
    let (_site, server, bytes) = site();
    let mut client = server.connect();
    let tag = client.get("/file.txt").must("ETag").to_owned();
    let (same, earlier, later) = (calendar::EXAMPLE, calendar::EXAMPLE - 1, calendar::EXAMPLE + 1);
    let table = [
        ("the tag of the file (13.1.5)", tag.clone(), part(0, 1)),
        ("another tag", "\"other\"".to_owned(), Whole),
        ("its tag as a weak one", format!("W/{tag}"), Whole),
        ("its tag without quotes", tag.replace('"', ""), Whole),
        ("a list of tags", format!("{tag}, \"other\""), Whole),
        ("an asterisk", "*".to_owned(), Whole),
        ("its date", calendar::imf(same), part(0, 1)),
        ("its date, RFC 850 (5.6.7)", calendar::rfc850(same), part(0, 1)),
        ("its date, asctime (5.6.7)", calendar::asctime(same), part(0, 1)),
        ("a second before", calendar::imf(earlier), Whole),
        ("a second after: exact match only", calendar::imf(later), Whole),
        ("no date", "yesterday".to_owned(), Whole),
        ("nothing", String::new(), Whole),
    ];
    for (what, value, expected) in &table {
        let reply = client.ask("GET", "/file.txt", &format!("Range: bytes=0-1\r\nIf-Range: {value}\r\n"));
        assert_eq!(&outcome(&reply, &bytes, what), expected, "{what}");
    }
    let unsatisfiable = client.ask("GET", "/file.txt", "Range: bytes=5000-\r\nIf-Range: \"other\"\r\n");
    assert_eq!(outcome(&unsatisfiable, &bytes, "a failed If-Range with a bad range"), Whole);
    let alone = client.ask("GET", "/file.txt", "If-Range: \"other\"\r\n");
    assert_eq!(outcome(&alone, &bytes, "If-Range without Range means nothing"), Whole);
}

#[test]
fn ranges_of_what_is_not_found() {
    let site = Site::new();
    site.make_folder("dir");
    let server = site.serve();
    let mut client = server.connect();
    for (target, status) in [("/missing", 404), ("/dir", 301), ("/dir/", 404)] {
        assert_eq!(client.ask("GET", target, "Range: bytes=0-1\r\n").status, status, "{target}");
    }
}

#[test]
fn parts_of_a_large_file() {
    let site = Site::new();
    let bytes = pattern(5 << 20);
    site.write("file.txt", &bytes);
    let server = site.serve();
    let table = [
        ("one large part", "bytes=12345-4567890", part(12_345, 4_567_890)),
        ("large parts", "bytes=3000000-4999999,1-1999999", parts(&[(3_000_000, 4_999_999), (1, 1_999_999)])),
        (
            "a large and a small part",
            "bytes=0-3000000,-1",
            parts(&[(0, 3_000_000), ((5 << 20) - 1, (5 << 20) - 1)]),
        ),
    ];
    check(&mut server.connect(), &bytes, &table);
}

#[test]
fn parts_before_and_behind_four_gigabytes() {
    const ZEROS: u64 = 6 << 30;
    let site = Site::new();
    site.write_sparse("large.txt", ZEROS, b"the end");
    let server = site.serve();
    let range = format!("Range: bytes=0-1,{}-{}\r\n", ZEROS, ZEROS + 2);
    let reply = server.connect().ask("GET", "/large.txt", &range);
    assert_eq!(reply.status, 206);
    let (_, boundary) = reply.must("Content-Type").split_once("boundary=").expect("a multipart");
    let parts = split_multipart(&reply.body, boundary, "beyond 4 GiB");
    let bodies: Vec<&[u8]> = parts.iter().map(|(_, body)| *body).collect();
    assert_eq!(bodies, [b"\0\0".as_slice(), b"the"]);
    assert!(parts[1].0.contains(&format!("bytes {}-{}/{}", ZEROS, ZEROS + 2, ZEROS + 7)), "{}", parts[1].0);
}
