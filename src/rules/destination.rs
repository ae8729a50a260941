//! The place that a redirect leads to: a URI with placeholders.

use super::MAX_EXPANDED;
use super::value::{Template, Values, is_unreserved};
use crate::http::authority;
use crate::http::target::push_encoded;

/// A place of this site, or of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// Scheme and authority of another site, as the rule names them.
    origin: Option<String>,
    path: Template,
    query: Option<Template>,
    fragment: Option<Template>,
}

impl Destination {
    /// Reads a destination: a path of this site, or a URI with `http` or `https`.
    ///
    /// # Errors
    /// The reason why it is none.
    pub(super) fn parse(text: &str, names: &[String]) -> Result<Destination, String> {
        let (origin, local) = split_origin(text)?;
        let (local, fragment) = split_at(local, '#');
        let (path, query) = split_at(local, '?');
        let template = |text| Template::parse(text, names);
        let (query, fragment) = (query.map(template), fragment.map(template));
        Ok(Destination { origin: origin.map(String::from), path: template(path), query, fragment })
    }

    /// True if it is a place of this site.
    pub(super) fn is_local(&self) -> bool {
        self.origin.is_none()
    }

    /// True if it is the same for every request.
    pub(super) fn is_fixed(&self) -> bool {
        [Some(&self.path), self.query.as_ref(), self.fragment.as_ref()]
            .into_iter()
            .flatten()
            .all(Template::is_fixed)
    }

    /// The URI with its values: ASCII that a URI may hold, and never a host that the rule does not name. A query is
    /// passed on where it has none of its own. `None` where it is longer than [`MAX_EXPANDED`].
    pub(super) fn expand(&self, values: &Values, passed: Option<&[u8]>) -> Option<Vec<u8>> {
        let mut uri = self.origin.clone().unwrap_or_default().into_bytes();
        let start = uri.len();
        self.path.expand(values, &mut uri, push_path, |byte| {
            is_unreserved(byte) || b"!$&'()*+,;=@:".contains(&byte)
        });
        if self.is_local() {
            // An empty value between two slashes would make the next segment a host.
            let mut previous = 0;
            uri.retain(|&byte| std::mem::replace(&mut previous, byte) != b'/' || byte != b'/');
        } else if uri.len() == start {
            uri.push(b'/');
        }
        match (&self.query, passed) {
            (Some(query), _) => {
                uri.push(b'?');
                query.expand(values, &mut uri, push_query, is_unreserved);
            }
            (None, Some(passed)) => {
                uri.push(b'?');
                push_query(&passed[..passed.len().min(MAX_EXPANDED + 1)], &mut uri);
            }
            (None, None) => {}
        }
        if let Some(fragment) = &self.fragment {
            uri.push(b'#');
            fragment.expand(values, &mut uri, push_query, is_unreserved);
        }
        (uri.len() <= MAX_EXPANDED).then_some(uri)
    }
}

/// The scheme and authority of a URI, where it has them, and what follows.
fn split_origin(text: &str) -> Result<(Option<&str>, &str), String> {
    let scheme = ["http://", "https://"]
        .into_iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let Some(scheme) = scheme else {
        return match text.as_bytes() {
            [b'/', b'/', ..] => Err("a destination begins with one slash, or names http or https".into()),
            [b'/', ..] => Ok((None, text)),
            _ => Err("a destination begins with a slash, or with http:// or https://".into()),
        };
    };
    let after = &text[scheme.len()..];
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    if !authority::is_valid(&after.as_bytes()[..end]) {
        return Err("the host of the destination is none; a placeholder may not stand there".into());
    }
    let (origin, local) = text.split_at(scheme.len() + end);
    Ok((Some(origin), local))
}

/// The text before a delimiter, and what follows it, if it is there.
fn split_at(text: &str, delimiter: char) -> (&str, Option<&str>) {
    match text.split_once(delimiter) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn push_path(text: &[u8], out: &mut Vec<u8>) {
    push_uri(text, out, b"/!$&'()*+,;=@:");
}

fn push_query(text: &[u8], out: &mut Vec<u8>) {
    push_uri(text, out, b"/!$&'()*+,;=@:?");
}

/// Writes the author's text so that it can stand in a URI. An escape stays as it is.
fn push_uri(text: &[u8], out: &mut Vec<u8>, delimiters: &[u8]) {
    for (index, &byte) in text.iter().enumerate() {
        let is_escape = || {
            byte == b'%'
                && text
                    .get(index + 1..index + 3)
                    .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        };
        push_encoded(byte, is_unreserved(byte) || delimiters.contains(&byte) || is_escape(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn uris() {
        let names = ["id", "splat"].map(String::from);
        for (text, id, splat, passed, expected) in [
            ("/", "", "", None, "/"),
            ("/a", "", "", Some("q=1"), "/a?q=1"),
            ("/a?", "", "", Some("q=1"), "/a?"),
            ("/a?b=:id", "x&y=z", "", Some("q"), "/a?b=x%26y%3Dz"),
            ("/a#f", "", "", Some("q"), "/a?q#f"),
            ("/a?b#:id", "x y", "", None, "/a?b#x%20y"),
            ("/a/:splat", "", "b/c d/", None, "/a/b/c%20d/"),
            ("/a/:splat", "", "\r\nSet-Cookie: a", None, "/a/%0D%0ASet-Cookie:%20a"),
            ("/:splat/evil.example", "", "", None, "/evil.example"),
            ("/:id/evil.example", "/", "", None, "/%2F/evil.example"),
            ("/:splat", "", "/evil.example", None, "/evil.example"),
            ("/:splat", "", "\\evil.example", None, "/%5Cevil.example"),
            ("/\\evil.example", "", "", None, "/%5Cevil.example"),
            ("/\u{e4}%C3%A4%zz\"<", "", "", None, "/%C3%A4%C3%A4%25zz%22%3C"),
            ("/:id", "?q#f%41", "", None, "/%3Fq%23f%2541"),
            ("/a", "", "", Some("q=\u{e4}"), "/a?q=%C3%A4"),
            ("/a", "", "", Some("q=%41&r[]=\"%zz \n"), "/a?q=%41&r%5B%5D=%22%25zz%20%0A"),
            ("https://example.com", "", "", None, "https://example.com/"),
            ("https://example.com?a", "", "", None, "https://example.com/?a"),
            ("HTTP://example.com:80/:splat", "", "a", Some("q"), "HTTP://example.com:80/a?q"),
            ("https://example.com/a//:splat", "", "b", None, "https://example.com/a//b"),
            ("https://[::1]:80/", "", "", None, "https://[::1]:80/"),
        ] {
            let values = [id, splat].map(|value| Cow::Borrowed(value.as_bytes()));
            let found = Destination::parse(text, &names).unwrap().expand(&values, passed.map(str::as_bytes));
            assert_eq!(found.map(|uri| String::from_utf8(uri).unwrap()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn refusals() {
        let names = ["id".to_owned()];
        for text in [
            "",
            "a",
            "//example.com",
            "ftp://example.com/",
            "https:/a",
            "https://",
            "https:///a",
            "https://:id/",
            "https://example.com:id/",
            "https://:id.example.com/",
            "https://user@example.com/",
            "https://a b/",
            "javascript:alert(1)",
        ] {
            assert!(Destination::parse(text, &names).is_err(), "{text}");
        }
    }

    #[test]
    fn a_destination_is_as_long_as_it_may_be() {
        let names = ["splat".to_owned()];
        let destination = Destination::parse("/:splat", &names).unwrap();
        for (length, expected) in [(MAX_EXPANDED - 1, true), (MAX_EXPANDED, false), (MAX_EXPANDED * 8, false)]
        {
            let value = vec![b'a'; length];
            assert_eq!(destination.expand(&[Cow::Borrowed(&value)], None).is_some(), expected, "{length}");
        }
        let passed = vec![b'q'; MAX_EXPANDED + 1];
        assert_eq!(destination.expand(&[Cow::Borrowed(b"")], Some(&passed)), None);
    }
}
