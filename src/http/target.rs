//! The request target -> a decoded path without dot segments, and the query (RFC 9112 section 3.2).
//!
//! The path names a file by its segments alone: no `.`, no `..`, no empty segment, no NUL, no slash that was
//! encoded. `site::resolve` decides if the file may be seen.

use std::borrow::Cow;

use super::authority;
use super::field::Name;
use super::request::{Method, Request};
use super::status::Status;

/// A target in its parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The path below the root.
    pub path: Path<'a>,
    /// The bytes after the first `?`, as they were sent.
    pub query: Option<&'a [u8]>,
}

/// A decoded path below the root.
///
/// Without a leading slash. Empty for the root itself; a closing slash says that a directory is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a>(Cow<'a, [u8]>);

impl<'a> Path<'a> {
    /// The path of a name beneath the root: without empty segments, dot segments and NUL.
    pub(crate) fn from_name(name: &'a [u8]) -> Path<'a> {
        Path(Cow::Borrowed(name))
    }

    /// The same path with bytes of its own.
    pub(crate) fn into_owned(self) -> Path<'static> {
        Path(Cow::Owned(self.0.into_owned()))
    }
}

impl Path<'_> {
    /// The bytes: any but NUL.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True if it means a directory.
    pub fn is_directory(&self) -> bool {
        self.0.is_empty() || self.0.ends_with(b"/")
    }

    /// The segments, none of them empty.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&byte| byte == b'/').filter(|segment| !segment.is_empty())
    }
}

/// The reason why a target is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// It is not a target; the text says why.
    Malformed(&'static str),
    /// A segment holds an encoded slash: a name that no file can have.
    EncodedSlash,
}

impl TargetError {
    /// The status of the answer.
    pub fn status(self) -> Status {
        match self {
            TargetError::Malformed(_) => Status::BadRequest,
            TargetError::EncodedSlash => Status::NotFound,
        }
    }
}

use TargetError::{EncodedSlash, Malformed};

impl<'a> Target<'a> {
    /// Parses the target of a request in origin-form or absolute-form.
    ///
    /// # Errors
    /// A [`TargetError`] for the other forms, for a percent sign without two hexadecimal digits, for an
    /// encoded NUL or slash, and for more `..` than there are segments.
    pub fn parse(target: &'a [u8]) -> Result<Target<'a>, TargetError> {
        let local = match split_absolute(target) {
            Some((_, local)) => local,
            None => target,
        };
        let end = memchr::memchr2(b'?', b'#', local).unwrap_or(local.len());
        let query = match local.get(end) {
            Some(b'?') => Some(&local[end + 1..]),
            Some(_) => return Err(Malformed("a fragment")),
            None => None,
        };
        let path = match &local[..end] {
            [b'/', path @ ..] => decode(path)?,
            [] if local.len() < target.len() => Path(Cow::Borrowed(b"")), // http://host without a path
            _ => return Err(Malformed("a path begins with a slash")),
        };
        Ok(Target { path, query })
    }
}

/// True if the target's form and the host of the request are valid (RFC 9112 sections 3.2 and 3.2.2).
///
/// Exactly one `Host` in HTTP/1.1, none or one in HTTP/1.0; asterisk-form only with OPTIONS;
/// authority-form with CONNECT and nothing else.
pub fn has_valid_host(request: &Request) -> bool {
    let mut hosts = request.values(Name::Host);
    let host_is_valid = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.is_empty() || authority::is_valid(host),
        (None, None) => request.version.is_1_0(),
        _ => false,
    };
    host_is_valid
        && match (request.method, request.target) {
            (Method::Connect, target) => authority::is_valid_with_port(target),
            (Method::Options, b"*") => true,
            (_, [b'/', ..]) => true,
            (_, target) => split_absolute(target).is_some_and(|(host, _)| authority::is_valid(host)),
        }
}

/// The host that a request names, without its port: of the target's authority, or of `Host`.
pub fn host<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    authority(request).map(authority::host)
}

/// The authority that a request names, with its port: of the target, or of `Host`.
pub fn authority<'a>(request: &Request<'a>) -> Option<&'a [u8]> {
    let named = split_absolute(request.target).map(|(authority, _)| authority);
    named.or_else(|| request.value(Name::Host))
}

/// Path and query of a target as they were sent.
pub fn local(target: &[u8]) -> &[u8] {
    match split_absolute(target) {
        Some((_, local)) if !local.is_empty() => local,
        Some(_) => b"/",
        None => target,
    }
}

/// `http://authority/local` in its two parts. `https` is taken as well, since a proxy may have ended TLS.
fn split_absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    if target.starts_with(b"/") {
        return None;
    }
    let colon = memchr::memchr(b':', target)?;
    let scheme = &target[..colon];
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return None;
    }
    let rest = target[colon + 1..].strip_prefix(b"//")?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    Some(rest.split_at(end))
}

/// Percent-decoding and the removal of dot segments (RFC 3986 section 5.2.4), in one pass over the
/// segments. Decoding comes first, or `%2e%2e` would be a way out.
fn decode(path: &[u8]) -> Result<Path<'_>, TargetError> {
    if is_plain(path) {
        return Ok(Path(Cow::Borrowed(path)));
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut segments = path.split(|&byte| byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let start = decoded.len();
        decode_segment(segment, &mut decoded)?;
        match &decoded[start..] {
            b"" => {}
            b"." => decoded.truncate(start),
            b".." => {
                let parent = decoded[..start].strip_suffix(b"/").ok_or(Malformed("`..` above the root"))?;
                let end = memchr::memrchr(b'/', parent).map_or(0, |slash| slash + 1);
                decoded.truncate(end);
            }
            _ if segments.peek().is_some() => decoded.push(b'/'),
            _ => {}
        }
    }
    Ok(Path(Cow::Owned(decoded)))
}

/// True if nothing is to be decoded or removed, which is the common case: the path is not copied then.
fn is_plain(path: &[u8]) -> bool {
    let mut previous = b'/';
    for &byte in path {
        if byte == b'%' || (previous == b'/' && (byte == b'.' || byte == b'/')) {
            return false;
        }
        previous = byte;
    }
    true
}

/// Adds the bytes that a segment stands for (RFC 3986 section 2.1).
pub(crate) fn decode_segment(segment: &[u8], decoded: &mut Vec<u8>) -> Result<(), TargetError> {
    let mut bytes = segment.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(*bytes.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(Malformed("a percent sign without two hexadecimal digits"));
        };
        match (high * 16 + low) as u8 {
            0 => return Err(Malformed("an encoded NUL")),
            b'/' => return Err(EncodedSlash),
            byte => decoded.push(byte),
        }
    }
    Ok(())
}

/// Writes a query as it was sent so that it can stand in a URI: bytes beyond ASCII, which the parser lets
/// through, are percent-encoded.
pub fn encode_query(query: &[u8], encoded: &mut Vec<u8>) {
    for &byte in query {
        push_encoded(byte, byte.is_ascii(), encoded);
    }
}

/// Writes a name so that it can stand as one segment of a relative reference: everything but unreserved
/// bytes is percent-encoded, a colon too, or `a:b` would be read as a scheme (RFC 3986 section 4.2). Quotes and
/// ampersands are encoded as well: readers of pages differ in how they take them.
pub fn encode_segment(name: &[u8], encoded: &mut Vec<u8>) {
    for &byte in name {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~!$()*+,;=@".contains(&byte);
        push_encoded(byte, is_plain, encoded);
    }
}

/// Writes a byte as it is, or percent-encoded.
pub(crate) fn push_encoded(byte: u8, is_plain: bool, encoded: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if is_plain {
        encoded.push(byte);
    } else {
        encoded.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::parser::Parser;

    fn path(target: &str) -> Result<Vec<u8>, TargetError> {
        Target::parse(target.as_bytes()).map(|target| target.path.as_bytes().to_vec())
    }

    #[test]
    fn paths() {
        // RFC 3986 sections 2.1 and 5.2.4
        for (target, expected) in [
            ("/", ""),
            ("/a", "a"),
            ("/a/", "a/"),
            ("/a/b.html?c=/../d", "a/b.html"),
            ("//a///b//", "a/b/"),
            ("/./a/./b/.", "a/b/"),
            ("/a/../b", "b"),
            ("/a/..", ""),
            ("/a/b/..", "a/"),
            ("/a/b/../", "a/"),
            ("/a/%2e%2E/b", "b"),
            ("/a/%2e/b", "a/b"),
            ("/a//../b", "b"),
            ("/text..txt", "text..txt"),
            ("/...", "..."),
            ("/..a/a..", "..a/a.."),
            ("/a%20b%C3%A4", "a bä"),
            ("/a\u{e4}", "a\u{e4}"), // as if it were percent-encoded
            ("/a%20b\u{e4}/../\u{df}", "\u{df}"),
            ("http://example.org/\u{e4}?\u{e4}", "\u{e4}"),
            ("/%252e%252e/", "%2e%2e/"), // decoded once
            ("/a\\..\\b", "a\\..\\b"),
            ("/a%5c..%5cb", "a\\..\\b"),
            ("/a+b", "a+b"),
            ("http://example.org", ""),
            ("http://example.org?q", ""),
            ("HTTP://example.org:80/a/../b?q", "b"),
            ("https://example.org/a", "a"),
        ] {
            assert_eq!(path(target).as_deref(), Ok(expected.as_bytes()), "{target}");
        }
    }

    #[test]
    fn refusals() {
        for (target, expected) in [
            ("/..", Status::BadRequest),
            ("/a/../../b", Status::BadRequest),
            ("/%2e%2e/%2e%2e/etc/passwd", Status::BadRequest),
            ("/a%", Status::BadRequest),
            ("/a%4", Status::BadRequest),
            ("/a%zz", Status::BadRequest),
            ("/a%+1", Status::BadRequest),
            ("/a%00.html", Status::BadRequest),
            ("/a#b", Status::BadRequest),
            ("/a%2fb", Status::NotFound),
            ("/..%2f..%2fetc/passwd", Status::NotFound),
            ("a", Status::BadRequest),
            ("*", Status::BadRequest),
            ("ftp://example.org/", Status::BadRequest),
            ("example.org:80", Status::BadRequest),
        ] {
            assert_eq!(path(target).unwrap_err().status(), expected, "{target}");
        }
    }

    #[test]
    fn queries() {
        for (target, expected) in [
            ("/a", None),
            ("/a?", Some("")),
            ("/a?b?c", Some("b?c")),
            ("/a?\u{e4}", Some("\u{e4}")),
            ("http://a?b", Some("b")),
        ] {
            let found = Target::parse(target.as_bytes()).unwrap().query;
            assert_eq!(found, expected.map(str::as_bytes), "{target}");
        }
    }

    #[test]
    fn hosts() {
        // RFC 9112 section 3.2
        for (head, expected) in [
            ("GET / HTTP/1.1\r\nHost: example.org\r\n", true),
            ("GET / HTTP/1.1\r\nHost: example.org:8000\r\n", true),
            ("GET / HTTP/1.1\r\nHost: [::1]:8000\r\n", true),
            ("GET / HTTP/1.1\r\nHost:\r\n", true), // 9110 7.2: empty if there is no authority
            ("GET / HTTP/1.1\r\n", false),
            ("GET / HTTP/1.0\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", false),
            ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a b\r\n", false),
            ("GET / HTTP/1.1\r\nHost: user@a\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a/b\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a:b\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a,b?\r\n", false),
            ("GET / HTTP/1.1\r\nHost: [::1\r\n", false),
            ("GET http://a/ HTTP/1.1\r\nHost: b\r\n", true), // 3.2.2: the authority wins
            ("GET / HTTP/1.1\r\nHost: a%zz\r\n", false),
            ("GET / HTTP/1.0\r\nHost: [::g]\r\n", false),
            ("GET http://[::1]:80?b HTTP/1.1\r\nHost: b\r\n", true),
            ("GET http://a%zz/ HTTP/1.1\r\nHost: b\r\n", false),
            ("GET http://[1.2.3.4]/ HTTP/1.1\r\nHost: b\r\n", false),
            ("GET http://a/ HTTP/1.1\r\nHost: []\r\n", false), // 3.2: it counts all the same
            ("GET / HTTP/1.1\r\nHost: \u{e4}\r\n", false),
            ("GET http://\u{e4}/ HTTP/1.1\r\nHost: b\r\n", false),
            ("CONNECT \u{e4}:80 HTTP/1.1\r\nHost: b\r\n", false),
            ("GET http:///a HTTP/1.1\r\nHost: b\r\n", false),
            ("GET http://a@b/ HTTP/1.1\r\nHost: b\r\n", false),
            ("OPTIONS * HTTP/1.1\r\nHost: a\r\n", true),
            ("GET * HTTP/1.1\r\nHost: a\r\n", false),
            ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n", true),
            ("CONNECT / HTTP/1.1\r\nHost: a\r\n", false),
            ("CONNECT a HTTP/1.1\r\nHost: a\r\n", false), // 9110 section 9.3.6: there is no default port
            ("CONNECT a: HTTP/1.1\r\nHost: a\r\n", false),
            ("CONNECT [::g]:80 HTTP/1.1\r\nHost: a\r\n", false),
            ("CONNECT a%zz:80 HTTP/1.1\r\nHost: a\r\n", false),
            ("GET a:80 HTTP/1.1\r\nHost: a\r\n", false),
        ] {
            let bytes = format!("{head}\r\n");
            let mut parser = Parser::new();
            let request = parser.advance(bytes.as_bytes()).unwrap().unwrap();
            assert_eq!(has_valid_host(&request), expected, "{head:?}");
        }
    }

    #[test]
    fn an_encoded_query_is_ascii() {
        // RFC 3986 section 2.1
        for (query, expected) in
            [("", ""), ("a=b&c/?d=%C3%A4", "a=b&c/?d=%C3%A4"), ("q=\u{e4}", "q=%C3%A4"), ("%zz\"", "%zz\"")]
        {
            let mut encoded = Vec::new();
            encode_query(query.as_bytes(), &mut encoded);
            assert_eq!(encoded, expected.as_bytes(), "{query}");
        }
    }

    #[test]
    fn an_encoded_segment_is_never_a_scheme_or_a_host() {
        for (name, expected) in [
            ("a b", "a%20b"),
            ("a:b", "a%3Ab"),
            ("a\\b", "a%5Cb"),
            ("ä", "%C3%A4"),
            ("%41", "%2541"),
            ("a?b", "a%3Fb"),
            ("a&b's", "a%26b%27s"),
        ] {
            let mut encoded = Vec::new();
            encode_segment(name.as_bytes(), &mut encoded);
            assert_eq!(encoded, expected.as_bytes(), "{name}");
        }
    }
}
