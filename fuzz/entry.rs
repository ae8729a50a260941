//! The entry points of fuzzing: any bytes go in, and what must hold for every input is asserted.
//!
//! Here are the promises that can be seen from outside, without a second reading of the bytes: cut
//! anywhere, spelled in another case, joined to one line, the answer is the same. The properties of
//! well-formed input, beside a naive twin, are in `tests/properties.rs`.

#[path = "frames.rs"]
mod http2;
#[path = "listing.rs"]
mod listing;

use std::net::IpAddr;

use otuserver::auth::htpasswd::Htpasswd;
use otuserver::http::charset::Characters;
use otuserver::http::credentials::{self, Credentials};
use otuserver::http::date;
use otuserver::http::encoding::{self, Coding};
use otuserver::http::field::{self, Name};
use otuserver::http::fields::Fields;
use otuserver::http::forwarded;
use otuserver::http::multipart::Multipart;
use otuserver::http::preconditions::{self, Outcome};
use otuserver::http::range::{self, Selection};
use otuserver::http::request::{Request, Version};
use otuserver::http::target::{self, Target};
use otuserver::http::validators::{self, EntityTag, Validators};
use otuserver::http1::framing::{Body, FramingError, Skipped, Skipper};
use otuserver::http1::parser::{ParseError, Parser};
use otuserver::http2::hpack::{DecodeError, Decoder, Encoder, MAX_TABLE};
use otuserver::http2::priority::Priority;
use otuserver::rules::headers::{self, Headers};
use otuserver::rules::redirects::{Asked, Redirects};
use otuserver::rules::{MAX_EXPANDED, Reading};

/// A file whose type is text.
pub fn charset(bytes: &[u8]) {
    let length = bytes.len() as u64;
    let whole = Characters::of(bytes, length);
    let is_utf8 = std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0);
    assert_eq!(whole.charset("text/plain").is_some(), is_utf8);
    for media_type in ["text/html", "text/css", "text/javascript"] {
        assert!(whole.charset(media_type).is_none() || is_utf8 && !bytes.is_ascii(), "{media_type}");
    }
    for end in 0..bytes.len() {
        let is_said = Characters::of(&bytes[..end], length).charset("text/plain").is_some();
        assert!(is_said || !is_utf8, "cut after {end} bytes");
    }
}

/// The value of `Authorization`.
pub fn authorization(bytes: &[u8]) {
    let Some(found) = Credentials::parse(bytes) else { return };
    assert!(found.text().len() <= credentials::LONGEST && !found.text().iter().any(u8::is_ascii_control));
    assert!(!found.name().contains(&b':'));
    assert_eq!([found.name(), b":", found.password()].concat(), found.text());
    let shouted = [&bytes[..5].to_ascii_uppercase(), &bytes[5..]].concat();
    assert!(Credentials::parse(&shouted).is_some_and(|again| again == found), "the scheme in another case");
}

/// A file of logins.
pub fn htpasswd(bytes: &[u8]) {
    let (logins, findings) = Htpasswd::parse(bytes);
    let lines = bytes.split(|&byte| byte == b'\n').count();
    assert!(logins.count() + findings.len() <= lines);
    assert!(findings.iter().all(|finding| (1..=lines).contains(&finding.line) && !finding.why.is_empty()));
    assert!(findings.is_sorted_by(|one, other| one.line < other.line));
    let shifted = [b"# a comment\n", bytes].concat();
    let (again, moved) = Htpasswd::parse(&shifted);
    assert_eq!((again.count(), moved.len()), (logins.count(), findings.len()));
    assert!(findings.iter().zip(&moved).all(|(finding, moved)| finding.line + 1 == moved.line));
}

/// The bytes of a connection of HTTP/2, after the preface and the first SETTINGS.
pub fn frames(bytes: &[u8]) {
    http2::check_any(bytes, 1);
    http2::check_any(bytes, bytes.len() / 3);
}

/// What a client of HTTP/2 does that obeys the rules, in steps of four bytes: see [`http2`].
pub fn streams(bytes: &[u8]) {
    http2::check_obedient(bytes);
}

/// The bytes of a connection: a head and the bytes after it.
pub fn head(bytes: &[u8]) {
    let whole = seen(bytes, std::iter::once(bytes.len()));
    assert_eq!(seen(bytes, 0..=bytes.len()), whole, "cut at every byte");
    let Ok(Some(Seen { length, method, target, version, .. })) = whole else { return };
    assert!(
        method.iter().all(|&byte| field::is_token_byte(byte)) && matches!(version, Version::Http1(0..=9))
    );
    assert!(target.iter().all(|&byte| byte > b' ' && byte != 0x7f));
    assert!(bytes[..length].ends_with(b"\r\n\r\n"));

    let (head, rest) = bytes.split_at(length);
    let body = with_request(head, |request| {
        let _ = (request.is_persistent(), target::has_valid_host(request), Target::parse(request.target));
        Body::of(request)
    });
    if let Some(Ok(body)) = body
        && let Some(skipper) = Skipper::new(body, 1000)
    {
        let whole = skipped(skipper, std::iter::once(rest));
        assert_eq!(skipped(skipper, rest.chunks(1).chain([&[][..]])), whole, "a body cut at every byte");
    }
}

/// A request target.
pub fn target(bytes: &[u8]) {
    let _ = Target::parse(bytes);
    // A target that the parser takes must lead to a clean path, or to a refusal.
    let head = [b"GET ", bytes, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    with_request(&head, |request| {
        let Ok(Target { path, query }) = Target::parse(request.target) else { return };
        let text = path.as_bytes();
        assert!(!text.contains(&0) && !text.starts_with(b"/"));
        if let Some(query) = query {
            assert!(request.target.ends_with(query));
            let mut encoded = Vec::new();
            target::encode_query(query, &mut encoded);
            assert!(encoded.iter().all(u8::is_ascii_graphic));
        }
        let names = text.strip_suffix(b"/").unwrap_or(text).split(|&byte| byte == b'/');
        assert!(text.is_empty() || names.into_iter().all(|name| !matches!(name, b"" | b"." | b"..")));

        let mut again = Vec::new();
        for segment in path.segments() {
            again.push(b'/');
            target::encode_segment(segment, &mut again);
        }
        if path.is_directory() {
            again.push(b'/');
        }
        assert_eq!(Target::parse(&again).map(|again| again.path), Ok(path.clone()));
    });
}

/// The value of Host, which may also be the authority of a target.
pub fn host(bytes: &[u8]) {
    if !field::is_value(bytes) {
        return;
    }
    let is_valid = |line: &[u8], host: &[u8]| {
        let head = [line, b" HTTP/1.1\r\nHost: ", host, b"\r\n\r\n"].concat();
        with_request(&head, target::has_valid_host)
    };
    let Some(is_host) = is_valid(b"GET /", bytes) else { return };
    let host = field::trim(bytes);
    if is_host {
        assert!(host.iter().all(|&byte| byte.is_ascii_graphic() && !b"\"#/<>?@\\^`{|}".contains(&byte)));
        assert!(host.split(|&byte| byte == b'%').skip(1).all(|rest| rest.len() >= 2));
    }
    // RFC 9112 section 3.2.2: one grammar, but for the empty one. Other delimiters begin a path.
    if !host.iter().any(|byte| b" \t/?#".contains(byte)) {
        let absolute = is_valid(&[b"GET http://", host, b"/"].concat(), b"a");
        assert_eq!(absolute, Some(is_host && !host.is_empty()));
        let authority = is_valid(&[b"CONNECT ", host, b":1"].concat(), b"a");
        assert!(authority != Some(true) || is_host);
    }
}

/// A chunked body and the bytes after it.
pub fn body(bytes: &[u8]) {
    let skipper = |allowance| Skipper::new(Body::Chunked, allowance).expect("no length is known beforehand");
    let whole = skipped(skipper(u64::MAX), std::iter::once(bytes));
    assert_eq!(skipped(skipper(u64::MAX), bytes.chunks(1)), whole, "cut at every byte");
    let Ok(Some(length)) = whole else { return };
    assert!(bytes[..length].ends_with(b"\r\n\r\n"));
    let allowance = length as u64;
    assert_eq!(skipped(skipper(allowance), std::iter::once(bytes)), Ok(Some(length)));
    assert!(skipped(skipper(allowance - 1), std::iter::once(bytes)).is_err());
}

/// The value of Range (and, after a line end, further fields).
pub fn range(bytes: &[u8]) {
    for method in ["GET", "HEAD"] {
        let head = [method.as_bytes(), b" / HTTP/1.1\r\nHost: a\r\nRange: ", bytes, b"\r\n\r\n"].concat();
        with_request(&head, |request| {
            for length in [0, 1, 10, 1 << 40, u64::MAX] {
                let selection = range::select(request, &validators(0), length);
                assert!(method == "GET" || selection == Selection::Whole);
                let ranges = match selection {
                    Selection::Whole | Selection::Unsatisfiable => continue,
                    Selection::One(range) => vec![range],
                    Selection::Several(ranges) => ranges,
                };
                for (index, range) in ranges.iter().enumerate() {
                    assert!(range.start < range.end && range.end <= length);
                    let is_apart =
                        |other: &std::ops::Range<u64>| range.end < other.start || other.end < range.start;
                    assert!(ranges[..index].iter().all(is_apart));
                }
                let multipart = Multipart::new("boundary", "text/plain", ranges.clone(), length);
                let heads: u64 = multipart.parts().map(|(head, _)| head.len() as u64).sum();
                let parts: u64 = ranges.iter().map(|range| range.end - range.start).sum();
                assert_eq!(
                    multipart.length(),
                    heads.saturating_add(parts).saturating_add(multipart.end().len() as u64)
                );
            }
        });
    }
}

/// The lines of Accept-Encoding.
pub fn accept_encoding(bytes: &[u8]) {
    let lines: Vec<_> = bytes.split(|&byte| byte == b'\n').map(field::trim).collect();
    if !lines.iter().all(|line| field::is_value(line)) {
        return;
    }
    let all = [(Coding::Identity, 100), (Coding::Brotli, 10), (Coding::Zstandard, 10), (Coding::Gzip, 20)];
    let choose = |lines: &[&[u8]], available: &[(Coding, u64)]| {
        encoding::choose(lines.iter().copied(), available.iter().copied())
    };
    let chosen = choose(&lines, &all);

    // RFC 9110 sections 5.3 and 8.4.1
    let line = lines.join(&b", "[..]);
    let lower = line.to_ascii_lowercase();
    assert_eq!(choose(&[&line], &all), chosen, "in one line");
    assert_eq!(choose(&[&lower], &all), chosen, "in lower case");
    assert_eq!(choose(&[&line.to_ascii_uppercase()], &all), chosen, "in upper case");

    let says = |text: &str| lower.windows(text.len()).any(|window| window == text.as_bytes());
    match chosen {
        None => assert!(says("q=0") && (says("*") || says("identity"))),
        Some(Coding::Identity) => {}
        Some(coding) => assert!(says("*") || says(coding.token())),
    }
    // The best of all is the best of fewer, too; and without it, the choice is one of the others.
    for (without, _) in all {
        let fewer: Vec<_> = all.into_iter().filter(|(coding, _)| *coding != without).collect();
        let other = choose(&lines, &fewer);
        assert!(if chosen == Some(without) { other != chosen } else { other == chosen });
    }
}

/// A date.
pub fn date(bytes: &[u8]) {
    let Some(seconds) = date::parse(bytes) else { return };
    // The form that is sent begins with 1970; a leap second may lie one beyond its last.
    if let Ok(seconds @ ..=253_402_300_799) = u64::try_from(seconds) {
        let text = date::format(seconds);
        assert_eq!(text.len(), "Sun, 06 Nov 1994 08:49:37 GMT".len());
        assert_eq!(date::parse(text.as_bytes()), i64::try_from(seconds).ok());
    }
}

/// The value of Forwarded or of X-Forwarded-For, as a client may have sent it to a proxy.
pub fn forwarded(bytes: &[u8]) {
    if !field::is_value(bytes) {
        return;
    }
    let added = IpAddr::from([192, 0, 2, 1]);
    for (name, element) in
        [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=\"192.0.2.1:80\";by=\",\\\"\"")]
    {
        let client = |between: &str, is_trusted: fn(IpAddr) -> bool| {
            let (name, between, element) = (name.as_bytes(), between.as_bytes(), element.as_bytes());
            let line = [b"GET / HTTP/1.1\r\n", name, b": ", bytes, between, element, b"\r\n\r\n"].concat();
            let client = with_request(&line, |request| forwarded::client(request, is_trusted));
            let lower = line.to_ascii_lowercase();
            let lower = [b"GET / HTTP/1.1", &lower[b"GET / HTTP/1.1".len()..]].concat();
            assert_eq!(with_request(&lower, |request| forwarded::client(request, is_trusted)), client);
            client
        };
        let next_line = format!("\r\n{name}: ");
        for between in [", ", ",", &next_line] {
            // What the proxy adds is found, whatever stands before.
            assert_eq!(client(between, |_| false), Some(Some(added)), "{name}");
            // Where all are trusted, some address is.
            assert!(client(between, |_| true).is_some_and(|client| client.is_some()), "{name}");
        }
        assert_eq!(client(",", |_| true), client(&next_line, |_| true), "{name}: in one line and in two");
    }
}

/// Lines of fields, as the ones that make a request conditional.
pub fn conditional(bytes: &[u8]) {
    for tag in validators::list(bytes) {
        let text = [if tag.weak { &b"W/\""[..] } else { b"\"" }, tag.opaque, b"\""].concat();
        assert_eq!(EntityTag::parse(&text), Some(tag));
    }
    let head = [b"GET / HTTP/1.1\r\nHost: a\r\n", bytes, b"\r\n\r\n"].concat();
    with_request(&head, |request| {
        let times = [0, 784_111_777, u64::MAX];
        let outcomes = times.map(|time| preconditions::evaluate(request, &validators(time)));
        let selections = times.map(|time| range::select(request, &validators(time), 100));
        let has = |name| request.has(name);
        let guard = has(Name::IfMatch) || has(Name::IfUnmodifiedSince);
        assert!(guard || !outcomes.contains(&Outcome::Failed));
        assert!(
            has(Name::IfNoneMatch) || has(Name::IfModifiedSince) || !outcomes.contains(&Outcome::NotModified)
        );
        // RFC 9110 section 13.2.2: where tags decide, no date is looked at.
        if has(Name::IfMatch) && has(Name::IfNoneMatch) {
            assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
        }
        // The later a file was changed, the less is left unmodified since.
        assert!(outcomes.is_sorted_by_key(|outcome| *outcome == Outcome::Failed));
        assert!(has(Name::Range) || selections.iter().all(|selection| *selection == Selection::Whole));
        assert!(has(Name::IfRange) || selections.iter().all(|selection| *selection == selections[0]));
    });
}

/// Field blocks of one connection, each after its length in a byte. The first byte is the size of the table.
pub fn hpack_decode(bytes: &[u8]) {
    let Some((&size, mut rest)) = bytes.split_first() else { return };
    let mut decoder = Decoder::new(usize::from(size) * 16);
    while let Some((&length, after)) = rest.split_first() {
        let (block, after) = after.split_at(after.len().min(length.into()));
        rest = after;
        let Ok(pairs) = decoded(&mut decoder, block) else { return };
        assert!(pairs.len() <= block.len());
        // A block that is empty, and one of the static table, are always right.
        assert_eq!(decoded(&mut decoder, b""), Ok(Vec::new()));
        assert_eq!(decoded(&mut decoder, b"\x82"), Ok(vec![(b":method".to_vec(), b"GET".to_vec())]));
    }
}

/// Responses of one connection, a line each: a byte, and fields between bytes 0x00. A line that begins with 0xFF and is
/// of three bytes is a size of the table.
pub fn hpack_encode(bytes: &[u8]) {
    let mut encoder = Encoder::new();
    let mut decoder = Decoder::new(MAX_TABLE);
    for line in bytes.split(|&byte| byte == b'\n') {
        let Some((&status, text)) = line.split_first() else { continue };
        if let (0xff, &[high, low]) = (status, text) {
            encoder.set_max_size(u16::from_be_bytes([high, low]).into());
            continue;
        }
        let mut fields = Fields::default();
        let status = 100 + u16::from(status);
        let mut expected = vec![(b":status".to_vec(), status.to_string().into_bytes())];
        for field in text.split(|&byte| byte == 0) {
            let Some(colon) = field.iter().position(|&byte| byte == b':') else { continue };
            let (name, value) = (&field[..colon], &field[colon + 1..]);
            if field::is_value(value)
                && !name.is_empty()
                && name.iter().all(|&byte| field::is_token_byte(byte))
            {
                fields.push(name, value);
                expected.push((name.to_ascii_lowercase(), value.to_vec()));
            }
        }
        let of_http1 = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
        expected.retain(|(name, _)| !of_http1.iter().any(|other| other.as_bytes() == name));
        for _ in 0..2 {
            let mut block = Vec::new();
            encoder.encode(status, &[fields.lines()], &mut block);
            assert_eq!(decoded(&mut decoder, &block).as_ref(), Ok(&expected));
        }
    }
}

/// The value of Priority.
pub fn priority(bytes: &[u8]) {
    let priority = Priority::parse(bytes);
    assert!(priority.urgency <= 7);
    // RFC 9218 section 4: an unknown member changes nothing, and cannot make a malformed value a right one.
    for end in [&b" "[..], b",x", b" , x=\"u=1\";i"] {
        assert_eq!(Priority::parse(&[bytes, end].concat()), priority);
    }
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn decoded(decoder: &mut Decoder, block: &[u8]) -> Result<Pairs, DecodeError> {
    let mut pairs = Vec::new();
    decoder.decode(block, |name, value| pairs.push((name.to_vec(), value.to_vec())))?;
    Ok(pairs)
}

/// A request target in the first line, and `_redirects` in the others.
pub fn redirects(bytes: &[u8]) {
    let (first, file) = split_line(bytes);
    let Ok(target) = Target::parse(first).or_else(|_| Target::parse(b"/")) else { return };
    for reading in [Reading::Netlify, Reading::Cloudflare] {
        let (redirects, findings) = Redirects::parse(file, reading);
        assert!(
            findings.is_sorted_by_key(|finding| finding.line)
                && findings.iter().all(|finding| finding.line > 0)
        );
        assert!(
            redirects.rules().iter().all(|rule| findings.iter().all(|finding| finding.line != rule.line()))
        );
        let asked = Asked { path: target.path.as_bytes(), query: target.query, host: Some(b"example.com") };
        for rule in redirects.rules() {
            for example in rule.examples() {
                assert!(rule.matches_path(example.asked().path), "{:?}", example.asked());
                if let Some(found) = rule.matches(&example.asked()) {
                    assert_is_location(&found.to, file);
                }
            }
        }
        for forced in [false, true] {
            for found in redirects.matches(asked, forced) {
                assert_is_location(&found.to, file);
                let rule = redirects.rules().iter().find(|rule| rule.line() == found.line).expect("its rule");
                assert_eq!((rule.is_forced(), rule.matches(&asked)), (forced, Some(found)));
            }
        }
        // None is left out.
        let of_rules = redirects.rules().iter().filter(|rule| rule.matches(&asked).is_some()).count();
        assert_eq!(redirects.matches(asked, false).chain(redirects.matches(asked, true)).count(), of_rules);
    }
}

/// A destination is what `Location` may hold, and names no host that the file does not.
fn assert_is_location(to: &[u8], file: &[u8]) {
    let text = String::from_utf8_lossy(to);
    assert!(to.len() <= MAX_EXPANDED && to.iter().all(u8::is_ascii_graphic), "{text}");
    assert!(!to.iter().any(|byte| b"\"<>\\^`{|}".contains(byte)), "{text}");
    if to.starts_with(b"/") {
        assert!(!to.starts_with(b"//"), "{text}");
    } else {
        let authority = text.split(['/', '?', '#']).nth(2).expect("an authority");
        let origin = &text[..text.find("://").expect("a scheme") + 3 + authority.len()];
        assert!(!authority.is_empty() && String::from_utf8_lossy(file).contains(origin), "{text}");
    }
}

/// A request target in the first line, and `_headers` in the others.
pub fn headers(bytes: &[u8]) {
    let (first, file) = split_line(bytes);
    let target = Target::parse(first);
    let path = target.as_ref().map_or(&b""[..], |target| target.path.as_bytes());
    for reading in [Reading::Netlify, Reading::Cloudflare] {
        let (headers, findings) = Headers::parse(file, reading);
        assert!(findings.is_sorted_by_key(|finding| finding.line));
        let changes = headers.changes(path);
        for (index, change) in changes.iter().enumerate() {
            let is_name = !change.name.is_empty() && change.name.bytes().all(field::is_token_byte);
            assert!(is_name && !headers::is_reserved(&change.name), "{}", change.name);
            let is_same = |other: &headers::Change| other.name.eq_ignore_ascii_case(&change.name);
            assert!(!changes[..index].iter().any(is_same), "{} comes twice", change.name);
            for value in &change.values {
                assert!(!value.is_empty() && field::is_value(value) && !value.contains(&b'\t'), "{value:?}");
                assert_eq!(field::trim(value), value.as_slice());
            }
        }
        assert!(headers.matching(path).count() <= headers.blocks().len());
    }
}

/// A pattern in the first line, and a path in the second: Cloudflare's patterns beside a matcher that tries everything.
pub fn pattern(bytes: &[u8]) {
    let (from, rest) = split_line(bytes);
    let (path, _) = split_line(rest);
    let is_plain = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_lowercase() || b"-/:*".contains(byte));
    let is_path =
        !path.starts_with(b"/") && !path.contains(&b':') && !path.windows(2).any(|pair| pair == b"//");
    if !is_plain(from) || !is_plain(path) || !is_path || from.len() > 40 || path.len() > 20 {
        return;
    }
    let Some((pieces, names)) = naive_pieces(from) else { return };
    let fields: Vec<_> = names.iter().map(|name| format!(":{name}")).collect();
    let line = format!("{} /x?{} 301", String::from_utf8_lossy(from), fields.join("&"));
    let (redirects, _) = Redirects::parse(line.as_bytes(), Reading::Cloudflare);
    let [rule] = redirects.rules() else { return };
    let asked = Asked { path, query: None, host: None };
    let found = rule.matches(&asked).map(|found| String::from_utf8_lossy(&found.to).into_owned());
    let mut values = vec![String::new(); pieces.len()];
    let matches = naive_match(&pieces, path, &mut values);
    let values: Vec<_> =
        pieces.iter().zip(values).filter(|(piece, _)| !matches!(piece, Piece::Text(_))).collect();
    let values: Vec<_> = values.into_iter().map(|(_, value)| value.replace('*', "%2A")).collect();
    let expected = matches.then(|| format!("/x?{}", values.join("&")));
    assert_eq!(found, expected, "{line} of {}", String::from_utf8_lossy(path));
}

enum Piece {
    Text(Vec<u8>),
    Name,
    Star,
}

/// The pieces of a pattern without its leading slash and with single ones, and the names in it.
fn naive_pieces(from: &[u8]) -> Option<(Vec<Piece>, Vec<String>)> {
    let mut rest = String::from_utf8(from.strip_prefix(b"/")?.to_vec()).ok()?;
    while rest.contains("//") {
        rest = rest.replace("//", "/");
    }
    let rest = rest.trim_start_matches('/').as_bytes();
    let (mut pieces, mut names, mut index) = (Vec::new(), Vec::new(), 0);
    while index < rest.len() {
        let letters = rest[index + 1..].iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        match rest[index] {
            b'*' => {
                pieces.push(Piece::Star);
                names.push("splat".into());
            }
            b':' if letters > 0 => {
                pieces.push(Piece::Name);
                names.push(String::from_utf8_lossy(&rest[index + 1..index + 1 + letters]).into_owned());
                index += letters;
            }
            byte => pieces.push(Piece::Text(vec![byte])),
        }
        index += 1;
    }
    // A name that begins another one would be taken for it in the destination.
    let is_apart = names.iter().enumerate().all(|(index, name)| {
        names.iter().enumerate().all(|(other, longer)| other == index || !longer.starts_with(name.as_str()))
    });
    is_apart.then_some((pieces, names))
}

/// Tries everything, the longest first.
fn naive_match(pieces: &[Piece], path: &[u8], values: &mut [String]) -> bool {
    let Some((first, pieces)) = pieces.split_first() else { return path.is_empty() };
    if let Piece::Text(text) = first {
        return path
            .strip_prefix(text.as_slice())
            .is_some_and(|rest| naive_match(pieces, rest, &mut values[1..]));
    }
    let segment = path.iter().position(|&byte| byte == b'/').unwrap_or(path.len());
    let lengths = if matches!(first, Piece::Star) { 0..=path.len() } else { 1..=segment };
    lengths.rev().any(|length| {
        values[0] = String::from_utf8_lossy(&path[..length]).into_owned();
        naive_match(pieces, &path[length..], &mut values[1..])
    })
}

/// The first line, and the others.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, b""),
    }
}

/// The path of a folder in its first line, and the names in it, a line each; a slash ends the name of a folder.
/// (A name may hold a line end: 0xFE stands for one, which no UTF-8 has.)
pub fn listing(bytes: &[u8]) {
    let is_name =
        |name: &&[u8]| !matches!(*name, b"" | b"." | b"..") && !name.contains(&0) && !name.contains(&b'/');
    let mut lines = bytes
        .split(|&byte| byte == b'\n')
        .map(|line| line.iter().map(|&byte| if byte == 0xfe { b'\n' } else { byte }).collect::<Vec<u8>>());
    let mut path = Vec::new();
    let first = lines.next().unwrap_or_default();
    for segment in first.split(|&byte| byte == b'/').filter(is_name) {
        path.extend_from_slice(segment);
        path.push(b'/');
    }
    let names: Vec<Vec<u8>> =
        lines.filter(|line| is_name(&line.strip_suffix(b"/").unwrap_or(line))).collect();
    listing::check(&path, &names);
}

fn validators(last_modified: u64) -> Validators<'static> {
    Validators { entity_tag: EntityTag { weak: false, opaque: b"now" }, last_modified: Some(last_modified) }
}

/// Runs `check` where the bytes are a complete head.
fn with_request<T>(bytes: &[u8], check: impl FnOnce(&Request) -> T) -> Option<T> {
    let mut parser = Parser::new();
    Some(check(&parser.advance(bytes).ok()??))
}

/// All that can be seen of a head that was read.
#[derive(Debug, PartialEq)]
struct Seen {
    length: usize,
    method: Vec<u8>,
    target: Vec<u8>,
    version: Version,
    values: Vec<Vec<u8>>,
}

/// The parser's answer when the bytes have come up to each of `ends` in turn.
fn seen(bytes: &[u8], ends: impl Iterator<Item = usize>) -> Result<Option<Seen>, ParseError> {
    let names = [Name::Host, Name::Connection, Name::ContentLength, Name::TransferEncoding, Name::Range];
    let mut parser = Parser::new();
    for end in ends {
        let Some(request) = parser.advance(&bytes[..end])? else { continue };
        let (method, target, version) = request.line();
        let values = names.iter().flat_map(|&name| request.values(name)).map(<[u8]>::to_vec).collect();
        let (method, target) = (method.to_vec(), target.to_vec());
        return Ok(Some(Seen { length: parser.length(), method, target, version, values }));
    }
    Ok(None)
}

/// The end of a body that comes in pieces; `None` while it has not ended.
fn skipped<'a>(
    mut skipper: Skipper,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<Option<usize>, FramingError> {
    let mut before = 0;
    for piece in pieces {
        if let Skipped::End(used) = skipper.skip(piece)? {
            return Ok(Some(before + used));
        }
        before += piece.len();
    }
    Ok(None)
}
