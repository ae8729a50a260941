//! Requests that ask for a page to show, and not for a part of one (Fetch Metadata, and RFC 9110 section 12.5.1).

use super::accept::{self, Precision};
use super::field::Name;
use super::request::Request;
use super::target::Path;

/// The request fields that tell a navigation, as `Vary` lists them.
pub const VARY: &str = "Accept, Sec-Fetch-Dest, Sec-Fetch-Mode";

/// The destinations of navigations.
const DESTINATIONS: [&[u8]; 3] = [b"document", b"iframe", b"frame"];

/// Whether a request is a navigation.
///
/// A browser says so in its Sec-Fetch fields. Without them, a client that names a type of pages in `Accept` wants one,
/// and a client that accepts anything does if the last segment of the path has no extension.
pub fn is_navigation(request: &Request, path: &Path) -> bool {
    let mode = request.value(Name::SecFetchMode);
    let destination = request.value(Name::SecFetchDest);
    match (mode, destination) {
        (Some(mode), _) if mode.eq_ignore_ascii_case(b"navigate") => true,
        (Some(_), _) => false,
        (None, Some(destination)) => {
            DESTINATIONS.iter().any(|wanted| destination.eq_ignore_ascii_case(wanted))
        }
        (None, None) => accepts_page(request, path),
    }
}

fn accepts_page(request: &Request, path: &Path) -> bool {
    let preferences = ["text/html", "application/xhtml+xml"]
        .map(|media_type| accept::preference(request.values(Name::Accept), media_type));
    match preferences.into_iter().flatten().map(|found| found.precision).max() {
        Some(Precision::Whole) => true,
        Some(Precision::Any) => is_alone(request) && !has_extension(path),
        Some(Precision::Type) | None => false,
    }
}

/// Whether the client names nothing but `*/*`, or nothing at all.
fn is_alone(request: &Request) -> bool {
    let mut members = request.values(Name::Accept).flat_map(super::field::members);
    members.all(|member| {
        let range = member.split(|&byte| byte == b';').next().unwrap_or_default();
        super::field::trim(range) == b"*/*"
    })
}

fn has_extension(path: &Path) -> bool {
    let last = path.as_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    last.contains(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::target::Target;
    use crate::http1::parser::Parser;

    #[test]
    fn navigations() {
        for (target, fields, expected) in [
            ("/a", "Sec-Fetch-Mode: navigate\r\n", true),
            ("/a.js", "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n", true),
            ("/a", "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: empty\r\n", true),
            ("/a", "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: script\r\nAccept: text/html\r\n", false),
            ("/a", "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: document\r\n", false),
            ("/a", "Sec-Fetch-Dest: document\r\n", true),
            ("/a", "Sec-Fetch-Dest: iframe\r\n", true),
            ("/a", "Sec-Fetch-Dest: frame\r\n", true),
            ("/a", "Sec-Fetch-Dest: image\r\nAccept: text/html\r\n", false),
            ("/a", "Sec-Fetch-Dest: empty\r\n", false),
            ("/a.js", "Accept: text/html,application/xml;q=0.9,*/*;q=0.8\r\n", true),
            ("/a.js", "Accept: application/xhtml+xml;q=0.1\r\n", true),
            ("/a", "Accept: text/html;q=0\r\n", false),
            ("/a", "Accept: text/html;q=0, */*\r\n", false),
            ("/a", "Accept: application/json\r\n", false),
            ("/a", "Accept: application/json, */*\r\n", false),
            ("/a", "Accept: text/*\r\n", false),
            ("/a", "Accept: */*\r\n", true),
            ("/a", "Accept: */*;q=0.5\r\n", true),
            ("/a", "Accept: */*;q=0\r\n", false),
            ("/a", "", true),
            ("/a/", "", true),
            ("/a.b/c", "", true),
            ("/a.js", "", false),
            ("/a.js", "Accept: */*\r\n", false),
        ] {
            let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            let mut parser = Parser::new();
            let request = parser.advance(head.as_bytes()).unwrap().unwrap();
            let path = Target::parse(target.as_bytes()).unwrap().path;
            assert_eq!(is_navigation(&request, &path), expected, "{target} {fields:?}");
        }
    }
}
