//! Names in a page and in JSON: text that means nothing but itself, whatever bytes it is made of.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use super::{Entry, Kind};
use crate::http::target;

/// Text in HTML, between tags or in a quoted attribute. A character that could hide or reorder what stands beside it
/// is shown as U+FFFD, and so is what is no UTF-8.
pub(super) struct Text<'a>(pub(super) &'a [u8]);

impl Display for Text<'_> {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        write_escaped(formatter, self.0, |character| {
            Some(Cow::Borrowed(match character {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                _ if is_unfit(character) => "\u{fffd}",
                _ => return None,
            }))
        })
    }
}

/// Text between the quotes of a JSON string (RFC 8259 section 7). What is no UTF-8 becomes U+FFFD.
pub(super) struct Json<'a>(pub(super) &'a [u8]);

impl Display for Json<'_> {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        write_escaped(formatter, self.0, |character| match character {
            '"' => Some(Cow::Borrowed("\\\"")),
            '\\' => Some(Cow::Borrowed("\\\\")),
            '\0'..' ' => Some(Cow::Owned(format!("\\u{:04x}", u32::from(character)))),
            _ => None,
        })
    }
}

/// The place of an entry relative to its folder (RFC 3986 section 4.2), as ASCII that means itself in HTML, too. No colon is read as the end of a
/// scheme: it is encoded, and `./` stands before a name that has one.
pub(super) fn href(entry: &Entry) -> Vec<u8> {
    let mut href = Vec::with_capacity(entry.name.len() + 3);
    if entry.name.contains(&b':') {
        href.extend(b"./");
    }
    target::encode_segment(&entry.name, &mut href);
    if entry.kind == Kind::Folder {
        href.push(b'/');
    }
    href
}

/// True for a character that HTML does not allow as text, and for one that sets the direction of the text after it, and
/// thereby shows `exe.txt` for `txt.exe`.
fn is_unfit(character: char) -> bool {
    let is_noncharacter =
        matches!(character, '\u{fdd0}'..='\u{fdef}') || u32::from(character) & 0xfffe == 0xfffe;
    character.is_control()
        || is_noncharacter
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Writes text with the characters replaced that `escape` has another text for.
fn write_escaped(
    formatter: &mut Formatter,
    bytes: &[u8],
    escape: impl Fn(char) -> Option<Cow<'static, str>>,
) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        let text = chunk.valid();
        let mut written = 0;
        for (start, character) in text.char_indices() {
            if let Some(escaped) = escape(character) {
                formatter.write_str(&text[written..start])?;
                formatter.write_str(&escaped)?;
                written = start + character.len_utf8();
            }
        }
        formatter.write_str(&text[written..])?;
        if !chunk.invalid().is_empty() {
            formatter.write_str("\u{fffd}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_html() {
        for (bytes, expected) in [
            (&b"plain name.txt"[..], "plain name.txt"),
            (b"", ""),
            (b"<script>alert('a')</script>", "&lt;script&gt;alert(&#39;a&#39;)&lt;/script&gt;"),
            (b"\" onmouseover=\"x", "&quot; onmouseover=&quot;x"),
            (b"&lt;&#60;", "&amp;lt;&amp;#60;"),
            (b"--><!--", "--&gt;&lt;!--"),
            ("gr\u{f6}\u{df}e \u{1f600}".as_bytes(), "gr\u{f6}\u{df}e \u{1f600}"),
            (b"a\nb\tc\x1b[31m\x7f", "a\u{fffd}b\u{fffd}c\u{fffd}[31m\u{fffd}"),
            ("a\u{85}b".as_bytes(), "a\u{fffd}b"),
            ("cod\u{202e}txt.exe".as_bytes(), "cod\u{fffd}txt.exe"),
            ("\u{2066}a\u{2069}".as_bytes(), "\u{fffd}a\u{fffd}"),
            ("a\u{ffff}b\u{1fffe}c\u{fdd0}d".as_bytes(), "a\u{fffd}b\u{fffd}c\u{fffd}d"),
            ("\u{5d0}\u{200f}.txt".as_bytes(), "\u{5d0}\u{200f}.txt"),
            (b"a\xffb\xc3", "a\u{fffd}b\u{fffd}"),
            (b"\xe2\x80\xae"[..2].into(), "\u{fffd}"),
            (b"\xc0\xbc", "\u{fffd}\u{fffd}"), // an overlong `<`
        ] {
            assert_eq!(Text(bytes).to_string(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn text_in_json() {
        // RFC 8259 section 7
        for (bytes, expected) in [
            (&b"plain"[..], "plain"),
            (b"\"},{\"", "\\\"},{\\\""),
            (b"a\\\"", "a\\\\\\\""),
            (b"\n\x01\x1f\x7f", "\\u000a\\u0001\\u001f\x7f"),
            ("\u{2028}\u{e9}\u{1f600}".as_bytes(), "\u{2028}\u{e9}\u{1f600}"),
            (b"</script>", "</script>"),
            (b"\xff", "\u{fffd}"),
        ] {
            assert_eq!(Json(bytes).to_string(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn places() {
        // RFC 3986 sections 3.3 and 4.2
        for (name, is_folder, expected) in [
            (&b"a.txt"[..], false, "a.txt"),
            (b"a", true, "a/"),
            (b"javascript:alert(1)", false, "./javascript%3Aalert(1)"),
            (b"c:", true, "./c%3A/"),
            (b"a b", false, "a%20b"),
            (b"100%", false, "100%25"),
            (b"?q#f", false, "%3Fq%23f"),
            (b"\\\\host", false, "%5C%5Chost"),
            (b"\"<&'>", false, "%22%3C%26%27%3E"),
            (b"\xff\r\n", false, "%FF%0D%0A"),
            ("\u{e4}".as_bytes(), false, "%C3%A4"),
        ] {
            let kind = if is_folder { Kind::Folder } else { Kind::File { size: 0 } };
            let entry = Entry { name: name.to_vec(), kind, modified: 0 };
            assert_eq!(href(&entry), expected.as_bytes(), "{name:?}");
        }
    }
}
