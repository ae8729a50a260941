//! Text with placeholders, which are replaced by what stands in their place in a request.

use std::borrow::Cow;

use super::pattern::SPLAT;

/// Text, and the placeholders in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    /// The number of a value, and whether its slashes stay.
    Value(usize, bool),
}

/// The values of all placeholders, by number.
pub(super) type Values<'a> = [Cow<'a, [u8]>];

impl Template {
    /// Reads a text. A colon and one of the names is a placeholder: the longest one that fits. Other colons are text.
    pub(super) fn parse(text: &str, names: &[String]) -> Template {
        let mut parts = Vec::new();
        let mut start = 0;
        for (colon, _) in text.match_indices(':') {
            if colon < start {
                continue;
            }
            let fits = |(_, name): &(usize, &String)| text[colon + 1..].starts_with(name.as_str());
            let longest = names.iter().enumerate().filter(fits).max_by_key(|(_, name)| name.len());
            if let Some((index, name)) = longest {
                parts.push(Part::Text(text[start..colon].into()));
                parts.push(Part::Value(index, name == SPLAT));
                start = colon + 1 + name.len();
            }
        }
        parts.push(Part::Text(text[start..].into()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Template(parts)
    }

    /// Adds a text, and another template.
    pub(super) fn append(&mut self, text: &str, other: Template) {
        self.0.push(Part::Text(text.into()));
        self.0.extend(other.0);
    }

    /// True if no placeholder is in it.
    pub(super) fn is_fixed(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Writes the text with its values: text by `push_text`, and each byte of a value as it is where `is_plain` says
    /// so, otherwise percent-encoded.
    pub(super) fn expand(
        &self,
        values: &Values,
        out: &mut Vec<u8>,
        push_text: impl Fn(&[u8], &mut Vec<u8>),
        is_plain: impl Fn(u8) -> bool,
    ) {
        for part in &self.0 {
            match part {
                Part::Text(text) => push_text(text, out),
                Part::Value(index, keeps_slashes) => {
                    for &byte in values.get(*index).map_or(&b""[..], |value| value) {
                        let is_plain = is_plain(byte) || byte == b'/' && *keeps_slashes;
                        crate::http::target::push_encoded(byte, is_plain, out);
                    }
                }
            }
            // Enough to see that it is too long.
            if out.len() > super::MAX_EXPANDED {
                return;
            }
        }
    }
}

/// Bytes that mean nothing but themselves anywhere in a URI (RFC 3986 section 2.3).
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders() {
        let names = ["id", "idx", "splat"].map(String::from);
        let values = [&b"a b"[..], b"\r\n:", b"c/d\\"].map(Cow::Borrowed);
        for (text, expected) in [
            ("", ""),
            ("x", "x"),
            (":id", "a%20b"),
            ("/:id/:idx", "/a%20b/%0D%0A%3A"),
            (":idy", "a%20by"),
            ("::id:", ":a%20b:"),
            (":other :i", ":other :i"),
            (":splat:splat", "c/d%5Cc/d%5C"),
        ] {
            let mut out = Vec::new();
            let template = Template::parse(text, &names);
            template.expand(&values, &mut out, |text, out| out.extend_from_slice(text), is_unreserved);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{text}");
        }
    }

    #[test]
    fn what_is_too_long_is_not_written_out() {
        let template = Template::parse(&":a".repeat(100_000), &["a".into()]);
        let value = vec![b'x'; 1_000];
        let mut out = Vec::new();
        template.expand(
            &[Cow::Borrowed(&value)],
            &mut out,
            |text, out| out.extend_from_slice(text),
            is_unreserved,
        );
        assert!(
            (super::super::MAX_EXPANDED + 1..super::super::MAX_EXPANDED + 1_001).contains(&out.len()),
            "{}",
            out.len()
        );
    }
}
