//! A request head out of a list of fields (RFC 9113 section 8.3), or the reason why it is none.

use super::priority::Priority;
use crate::http::field::{self, Name};
use crate::http::request::{Request, RequestLine, Span, Version};
use crate::http::status::Status;

/// Bytes of a list of fields, counted as SETTINGS_MAX_HEADER_LIST_SIZE says: 32 more for each field.
pub const MAX_LIST: usize = 64 * 1024;
/// Fields of a list.
pub const MAX_FIELDS: usize = 100;
/// Bytes of a `:path`.
pub const MAX_TARGET: usize = 16 * 1024;
/// Bytes of a `:method`.
pub const MAX_METHOD: usize = 32;

/// The reason why a list of fields is no request that can be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is malformed (RFC 9113 section 8.1.1): an error of the stream. The text says where.
    Malformed(&'static str),
    /// It is answered with this status.
    Refused(Status),
}

use Fault::{Malformed, Refused};

/// A request head: the fields that the server reads, and those that stand for the request line.
#[derive(Clone, Debug, Default)]
pub struct Head {
    bytes: Vec<u8>,
    fields: Vec<(Name, Span)>,
    method: Option<Span>,
    path: Option<Span>,
    authority: Option<Span>,
    has_scheme: bool,
    /// Whether a field has come that is no pseudo-field: after it none may.
    has_fields: bool,
    /// Fields, and bytes of them as the list is measured.
    count: usize,
    size: usize,
    content_length: Option<u64>,
    priority: Priority,
    fault: Option<Fault>,
}

impl Head {
    /// Begins anew, and keeps the memory that is allocated.
    pub fn clear(&mut self) {
        let (mut bytes, mut fields) = (std::mem::take(&mut self.bytes), std::mem::take(&mut self.fields));
        bytes.clear();
        fields.clear();
        *self = Head { bytes, fields, ..Head::default() };
    }

    /// Adds a field of the list. After a fault the rest is only counted.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        // Clients send the pieces of a cookie apart (RFC 9113 section 8.2.3).
        self.count += usize::from(name != b"cookie");
        self.size += name.len() + value.len() + 32;
        if self.size > MAX_LIST || self.count > MAX_FIELDS {
            // A malformed list stays what it is, however long.
            self.fault.get_or_insert(Refused(Status::RequestHeaderFieldsTooLarge));
        }
        if self.fault.is_none()
            && let Err(fault) = self.add(name, value)
        {
            self.fault = Some(fault);
        }
    }

    fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        if !is_value(value) {
            return Err(Malformed("a field value has forbidden bytes"));
        }
        match name {
            [b':', ..] if self.has_fields => Err(Malformed("a pseudo-field after a field")),
            [b':', name @ ..] => self.add_pseudo_field(name, value),
            _ => {
                self.has_fields = true;
                self.add_field(name, value)
            }
        }
    }

    /// RFC 9113 section 8.3.1
    fn add_pseudo_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        let span = self.keep(value);
        let is_repeated = match name {
            b"method" => self.method.replace(span).is_some(),
            b"path" => self.path.replace(span).is_some(),
            b"authority" => self.authority.replace(span).is_some(),
            b"scheme" => std::mem::replace(&mut self.has_scheme, true),
            _ => return Err(Malformed("an unknown pseudo-field")),
        };
        if is_repeated { Err(Malformed("a pseudo-field twice")) } else { Ok(()) }
    }

    /// RFC 9113 sections 8.2.1 and 8.2.2
    fn add_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        if !is_name(name) {
            return Err(Malformed("a field name is empty, in upper case, or no token"));
        }
        match name {
            b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
                return Err(Malformed("a field of a connection"));
            }
            b"te" if !value.eq_ignore_ascii_case(b"trailers") => return Err(Malformed("a transfer coding")),
            b"content-length" => self.set_content_length(value)?,
            b"priority" => self.priority = Priority::parse(value),
            _ => {}
        }
        if let Some(name) = Name::of(name) {
            let span = self.keep(value);
            self.fields.push((name, span));
        }
        Ok(())
    }

    fn set_content_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        let digits =
            std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let length = digits.and_then(|digits| digits.parse().ok());
        match (length, self.content_length) {
            (Some(_), Some(_)) => Err(Malformed("two Content-Length fields")),
            (None, _) => Err(Malformed("Content-Length is not a number")),
            (length, None) => {
                self.content_length = length;
                Ok(())
            }
        }
    }

    fn keep(&mut self, value: &[u8]) -> Span {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        Span::new(start, self.bytes.len())
    }

    /// Checks the list as a whole, once it is complete.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn finish(&mut self) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let method = self.method.ok_or(Malformed("no method"))?.of(&self.bytes);
        if !field::is_token(method) {
            return Err(Malformed("the method is no token"));
        }
        if method.len() > MAX_METHOD {
            return Err(Refused(Status::NotImplemented));
        }
        if method == b"CONNECT" {
            // RFC 9113 section 8.5
            if self.has_scheme || self.path.is_some() || self.authority.is_none() {
                return Err(Malformed("CONNECT with a scheme or path, or without an authority"));
            }
            self.path = self.authority;
        } else {
            let path = self.path.filter(|_| self.has_scheme).ok_or(Malformed("no scheme or no path"))?;
            check_path(path.of(&self.bytes), method)?;
        }
        self.join_authority_and_host()
    }

    /// `:authority` takes the place of `Host`, which may only repeat it (RFC 9113 section 8.3.1).
    fn join_authority_and_host(&mut self) -> Result<(), Fault> {
        let Some(authority) = self.authority else { return Ok(()) };
        let bytes = &self.bytes;
        let mut hosts = self.fields.iter().filter(|(name, _)| *name == Name::Host);
        if hosts.any(|(_, host)| !host.of(bytes).eq_ignore_ascii_case(authority.of(bytes))) {
            return Err(Malformed("authority and host differ"));
        }
        self.fields.retain(|(name, _)| *name != Name::Host);
        self.fields.push((Name::Host, authority));
        Ok(())
    }

    /// Checks the list as the trailers of a request, once it is complete.
    ///
    /// # Errors
    /// The first [`Fault`].
    pub fn finish_trailers(&self) -> Result<(), Fault> {
        let has_pseudo_fields =
            self.has_scheme || [self.method, self.path, self.authority].iter().any(Option::is_some);
        match self.fault {
            Some(fault) => Err(fault),
            None if has_pseudo_fields => Err(Malformed("a pseudo-field among trailers")),
            None => Ok(()),
        }
    }

    /// The request, as far as it was read; all of it after [`Head::finish`].
    pub fn request(&self) -> Option<Request<'_>> {
        let line = RequestLine {
            method: self.method?,
            target: self.path.or(self.authority)?,
            version: Version::Http2,
        };
        Some(Request::new(line, &self.fields, &self.bytes))
    }

    /// Whether every field of the list was read: the first fault ends the reading.
    pub fn is_whole(&self) -> bool {
        self.fault.is_none()
    }

    /// The length of the content that the request announces, in bytes.
    pub(super) fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    /// The priority that the client wishes for.
    pub(super) fn priority(&self) -> Priority {
        self.priority
    }

    /// Bytes that it holds.
    pub fn held(&self) -> usize {
        self.bytes.len() + self.fields.len() * size_of::<(Name, Span)>()
    }
}

/// A path, or `*` of OPTIONS (RFC 9113 section 8.3.1).
fn check_path(path: &[u8], method: &[u8]) -> Result<(), Fault> {
    let is_path = path.first() == Some(&b'/') || path == b"*" && method == b"OPTIONS";
    if !is_path || path.iter().any(|byte| matches!(byte, 0..=b' ' | 0x7f)) {
        return Err(Malformed("the path is none"));
    }
    if path.len() > MAX_TARGET { Err(Refused(Status::UriTooLong)) } else { Ok(()) }
}

/// A name of a field: a token in lower case.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| field::is_token_byte(byte) && !byte.is_ascii_uppercase())
}

/// A value of a field: no controls, and no blanks at its ends (RFC 9113 section 8.2.1).
fn is_value(value: &[u8]) -> bool {
    field::is_value(value) && !matches!(value, [b' ' | b'\t', ..]) && !matches!(value, [.., b' ' | b'\t'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::parser;

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "https"), (":path", "/a?b"), (":authority", "a:1")];

    fn read(fields: &[(&str, &str)]) -> (Head, Result<(), Fault>) {
        let mut head = Head::default();
        head.push(b"left over", b"");
        head.clear();
        fields.iter().for_each(|(name, value)| head.push(name.as_bytes(), value.as_bytes()));
        let result = head.finish();
        (head, result)
    }

    fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
        [&GET, more].concat()
    }

    #[test]
    fn the_limits_are_those_of_http_1() {
        assert_eq!(
            (MAX_LIST, MAX_FIELDS, MAX_TARGET, MAX_METHOD),
            (parser::MAX_HEAD, parser::MAX_FIELDS, parser::MAX_TARGET, parser::MAX_METHOD)
        );
    }

    #[test]
    fn a_request() {
        let (head, result) =
            read(&with(&[("accept", "a/b"), ("cookie", "a=b"), ("cookie", "c=d"), ("te", "trailers")]));
        assert_eq!(result, Ok(()));
        let request = head.request().unwrap();
        assert_eq!(request.line(), (&b"GET"[..], &b"/a?b"[..], Version::Http2));
        assert_eq!(request.values(Name::Host).collect::<Vec<_>>(), [b"a:1"]);
        assert_eq!(request.value(Name::Accept), Some(&b"a/b"[..]));
    }

    #[test]
    fn authority_and_host() {
        // RFC 9113 section 8.3.1
        let without = &GET[..3];
        for (fields, expected) in [
            ([without, &[(":authority", "a")]].concat(), Some(vec!["a"])),
            ([without, &[("host", "b")]].concat(), Some(vec!["b"])),
            ([without, &[(":authority", "a"), ("host", "A")]].concat(), Some(vec!["a"])),
            ([without, &[(":authority", "a"), ("host", "b")]].concat(), None),
            ([without, &[("host", "b"), ("host", "c")]].concat(), Some(vec!["b", "c"])),
            (without.to_vec(), Some(vec![])),
        ] {
            let (head, result) = read(&fields);
            let hosts = result.ok().map(|()| {
                let hosts = head
                    .request()
                    .unwrap()
                    .values(Name::Host)
                    .map(|host| String::from_utf8_lossy(host).into());
                hosts.collect::<Vec<String>>()
            });
            assert_eq!(
                hosts,
                expected.map(|list| list.into_iter().map(str::to_owned).collect()),
                "{fields:?}"
            );
        }
    }

    #[test]
    fn malformed_lists() {
        // RFC 9113 sections 8.1.1 to 8.5
        for fields in [
            GET[1..].to_vec(),
            vec![GET[0], GET[2], GET[3]],
            vec![GET[0], GET[1], GET[3]],
            with(&[GET[0]]),
            with(&[GET[1]]),
            with(&[GET[2]]),
            with(&[GET[3]]),
            with(&[(":status", "200")]),
            with(&[(":x", "y")]),
            with(&[(":", "y")]),
            vec![GET[0], GET[1], ("a", "b"), GET[2], GET[3]],
            with(&[("Accept", "a")]),
            with(&[("a b", "a")]),
            with(&[("a:b", "a")]),
            with(&[("", "a")]),
            with(&[("a\u{fc}", "a")]),
            with(&[("a", "b\r\nc: d")]),
            with(&[("a", "b\0")]),
            with(&[("a", " b")]),
            with(&[("a", "b\t")]),
            with(&[("connection", "close")]),
            with(&[("keep-alive", "timeout=5")]),
            with(&[("proxy-connection", "close")]),
            with(&[("transfer-encoding", "chunked")]),
            with(&[("upgrade", "h2c")]),
            with(&[("te", "gzip")]),
            with(&[("content-length", "1"), ("content-length", "1")]),
            with(&[("content-length", "+1")]),
            with(&[("content-length", "")]),
            with(&[("content-length", "99999999999999999999")]),
            vec![GET[0], GET[1], (":path", ""), GET[3]],
            vec![GET[0], GET[1], (":path", "*"), GET[3]],
            vec![GET[0], GET[1], (":path", "http://a/"), GET[3]],
            vec![GET[0], GET[1], (":path", "/a b"), GET[3]],
            vec![(":method", "G T"), GET[1], GET[2], GET[3]],
            vec![(":method", ""), GET[1], GET[2], GET[3]],
            vec![(":method", "CONNECT"), GET[1], GET[2], GET[3]],
            vec![(":method", "CONNECT")],
        ] {
            let (_, result) = read(&fields);
            assert!(matches!(result, Err(Malformed(_))), "{fields:?}: {result:?}");
        }
    }

    #[test]
    fn lists_that_are_refused_with_a_status() {
        let long = "x".repeat(MAX_TARGET);
        let path = format!("/{long}");
        let most = "x".repeat(MAX_LIST);
        let many = vec![("a", "b"); MAX_FIELDS];
        for (fields, status) in [
            (vec![GET[0], GET[1], (":path", &*path)], Status::UriTooLong),
            (vec![(":method", &long[..33]), GET[1], GET[2]], Status::NotImplemented),
            ([&GET[..], &[("a", &*most)]].concat(), Status::RequestHeaderFieldsTooLarge),
            ([&GET[..], &many].concat(), Status::RequestHeaderFieldsTooLarge),
        ] {
            assert_eq!(read(&fields).1, Err(Refused(status)));
        }
        let (head, result) = read(&[&GET[..], &many[4..]].concat());
        assert_eq!((result, head.held() < 200), (Ok(()), true));
    }

    #[test]
    fn other_forms() {
        for fields in [
            vec![(":method", "OPTIONS"), GET[1], (":path", "*"), GET[3]],
            vec![(":method", "CONNECT"), GET[3]],
            vec![(":method", "BREW"), GET[1], GET[2]],
        ] {
            assert_eq!(read(&fields).1, Ok(()), "{fields:?}");
        }
    }

    #[test]
    fn trailers() {
        for (fields, expected) in [
            (vec![("a", "b")], true),
            (vec![], true),
            (vec![(":path", "/")], false),
            (vec![(":scheme", "http")], false),
            (vec![("A", "b")], false),
            (vec![("connection", "close")], false),
        ] {
            let mut head = Head::default();
            fields.iter().for_each(|(name, value)| head.push(name.as_bytes(), value.as_bytes()));
            assert_eq!(head.finish_trailers().is_ok(), expected, "{fields:?}");
        }
    }
}
