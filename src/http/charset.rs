//! Whether the charset of a text is to be said, and which (RFC 9110 section 8.3.2): only where it is true, and where
//! a browser would not find it by itself.
//!
//! Text that is UTF-8 is said to be UTF-8. A page, a style sheet or a script is so only when that matters: when there
//! is something beyond ASCII in it, and it does not name its charset itself.

/// Bytes at the beginning of a file that are looked at.
pub const SAMPLE: usize = 64 * 1024;

/// Bytes in which a declaration counts: those in which browsers look for one (HTML standard, 13.2.3.2).
const DECLARATION: usize = 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the beginning of a file tells of its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Characters {
    /// They are not UTF-8.
    Other,
    /// All are ASCII.
    Ascii,
    /// They are UTF-8, and some are beyond ASCII.
    Utf8(Declared),
}

/// The languages in which a document names its charset itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    html: bool,
    css: bool,
    javascript: bool,
}

impl Characters {
    /// Looks at the beginning of a file of `length` bytes: at [`SAMPLE`] of them, or at all that there are.
    pub fn of(beginning: &[u8], length: u64) -> Characters {
        let is_cut = length > beginning.len() as u64;
        match std::str::from_utf8(beginning) {
            // UTF-16 without a mark is in form UTF-8 with a NUL in every other place.
            _ if memchr::memchr(0, beginning).is_some() => Characters::Other,
            // The last character may go on after the beginning.
            Err(error) if !is_cut || error.error_len().is_some() => Characters::Other,
            _ if beginning.is_ascii() => Characters::Ascii,
            _ => Characters::Utf8(Declared::in_document(&beginning[..beginning.len().min(DECLARATION)])),
        }
    }

    /// The charset to say of a file of this media type.
    pub fn charset(self, media_type: &str) -> Option<&'static str> {
        if !is_text(media_type) {
            return None;
        }
        let is = |name: &str| essence(media_type).eq_ignore_ascii_case(name);
        let is_known = match self {
            Characters::Other => true,
            Characters::Ascii => is("text/html") || is("text/css") || is("text/javascript"),
            Characters::Utf8(declared) => {
                declared.html && is("text/html")
                    || declared.css && is("text/css")
                    || declared.javascript && is("text/javascript")
            }
        };
        (!is_known).then_some("utf-8")
    }
}

impl Declared {
    fn in_document(beginning: &[u8]) -> Declared {
        let is_marked = beginning.starts_with(BYTE_ORDER_MARK);
        Declared {
            html: is_marked || is_named_in_html(beginning),
            // Nothing may stand before it, and the quotes must be these (CSS Syntax, section 3.2).
            css: is_marked || beginning.starts_with(b"@charset \""),
            javascript: is_marked,
        }
    }
}

/// Whether a file of this media type is text whose charset is not yet said. JSON is UTF-8 by definition (RFC 8259
/// section 8.1).
pub fn is_text(media_type: &str) -> bool {
    let name = essence(media_type).to_ascii_lowercase();
    let has_charset = || media_type.to_ascii_lowercase().contains(";charset=");
    name.starts_with("text/") && !name.ends_with("json") && !has_charset()
}

/// A media type without its parameters.
fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or(media_type)
}

/// Whether a page names its charset in a `meta` element, as browsers look for it (HTML standard, 13.2.3.2, "prescan").
fn is_named_in_html(mut text: &[u8]) -> bool {
    while let Some(start) = memchr::memchr(b'<', text) {
        text = &text[start + 1..];
        if text.starts_with(b"!--") {
            // The dashes of the beginning may be those of the end: `<!-->`.
            text = after(&text[1..], b"-->");
            continue;
        }
        if text.starts_with(b"!") || text.starts_with(b"?") {
            text = after(text, b">");
            continue;
        }
        let is_end_tag = text.starts_with(b"/");
        let (name, rest) =
            split(&text[usize::from(is_end_tag)..], |byte| is_space(byte) || matches!(byte, b'/' | b'>'));
        if name.first().is_some_and(u8::is_ascii_alphabetic) {
            // A tag that is cut off counts for nothing.
            let Some((attributes, rest)) = attributes(rest) else { return false };
            if !is_end_tag && name.eq_ignore_ascii_case(b"meta") && names_charset(&attributes) {
                return true;
            }
            text = rest;
        }
    }
    false
}

type Attribute<'t> = (&'t [u8], &'t [u8]);

/// The names and values of a tag's attributes, and what follows the tag; `None` where the tag has no end.
fn attributes(mut text: &[u8]) -> Option<(Vec<Attribute<'_>>, &[u8])> {
    let mut found = Vec::new();
    loop {
        text = split(text, |byte| !is_space(byte) && byte != b'/').1;
        if let Some(rest) = text.strip_prefix(b">") {
            return Some((found, rest));
        }
        // An equals sign at the beginning belongs to the name.
        let is_end = |byte| is_space(byte) || matches!(byte, b'=' | b'/' | b'>');
        let length = 1 + split(text.get(1..)?, is_end).0.len();
        let (name, rest) = text.split_at(length);
        text = split(rest, |byte| !is_space(byte)).1;
        let mut value: &[u8] = b"";
        if let Some(rest) = text.strip_prefix(b"=") {
            text = split(rest, |byte| !is_space(byte)).1;
            (value, text) = match *text.first()? {
                quote @ (b'"' | b'\'') => {
                    let (value, rest) = split(&text[1..], |byte| byte == quote);
                    (value, rest.get(1..)?)
                }
                _ => split(text, |byte| is_space(byte) || byte == b'>'),
            };
        }
        found.push((name, value));
    }
}

/// Whether the attributes of a `meta` element name a charset: `charset=utf-8`, or
/// `http-equiv=content-type content="text/html; charset=utf-8"`.
fn names_charset(attributes: &[Attribute]) -> bool {
    let value = |name: &str| {
        attributes
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| *value)
    };
    let is_content_type =
        || value("http-equiv").is_some_and(|value| value.eq_ignore_ascii_case(b"content-type"));
    value("charset").is_some() || is_content_type() && value("content").is_some_and(has_charset)
}

/// Whether a value holds `charset`, spaces if any, and `=`.
fn has_charset(content: &[u8]) -> bool {
    let content = content.to_ascii_lowercase();
    let mut ends = memchr::memmem::find_iter(&content, b"charset").map(|start| start + b"charset".len());
    ends.any(|end| split(&content[end..], |byte| !is_space(byte)).1.starts_with(b"="))
}

/// Splits a text before the first byte that is an end, or after all of it.
fn split(text: &[u8], is_end: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|&byte| is_end(byte)).unwrap_or(text.len()))
}

/// What follows the first `end` in a text; nothing where there is none.
fn after<'t>(text: &'t [u8], end: &[u8]) -> &'t [u8] {
    memchr::memmem::find(text, end).map_or(&[], |start| &text[start + end.len()..])
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The charset of a whole file.
    fn said(media_type: &str, bytes: &[u8]) -> Option<&'static str> {
        Characters::of(bytes, bytes.len() as u64).charset(media_type)
    }

    #[test]
    fn charsets() {
        const UTF8: Option<&str> = Some("utf-8");
        const NONE: Option<&str> = None;
        for (media_type, bytes, expected) in [
            ("text/plain", &b""[..], UTF8),
            ("text/plain", b"ascii", UTF8),
            ("text/plain", "größe".as_bytes(), UTF8),
            ("text/plain", b"\xef\xbb\xbfmarked", UTF8),
            ("text/plain", b"gr\xf6\xdfe", NONE),
            ("text/plain", b"cut: \xc3", NONE),
            ("text/plain", b"overlong: \xc0\xaf", NONE),
            ("text/plain", b"surrogate: \xed\xa0\x80", NONE),
            ("text/plain", b"\xff\xfea\0", NONE),
            ("text/plain", b"a\0b\0", NONE),
            ("TEXT/Plain", b"", UTF8),
            ("text/markdown", "ü".as_bytes(), UTF8),
            ("text/csv", b"a,b", UTF8),
            ("text/xml", b"<a/>", UTF8),
            ("text/x-unheard-of", b"a", UTF8),
            ("text/plain;charset=iso-8859-1", b"a", NONE),
            ("text/plain;Charset=iso-8859-1", b"a", NONE),
            ("text/plain;format=flowed", b"a", UTF8),
            ("text/json", "ü".as_bytes(), NONE),
            ("text/x.thing+json", "ü".as_bytes(), NONE),
            ("application/json", "ü".as_bytes(), NONE),
            ("application/xml", "ü".as_bytes(), NONE),
            ("application/octet-stream", "ü".as_bytes(), NONE),
            ("image/svg+xml", "ü".as_bytes(), NONE),
            ("text/html", b"", NONE),
            ("text/html", b"<p>ascii", NONE),
            ("text/html", "<p>größe".as_bytes(), UTF8),
            ("TEXT/HTML", b"<p>ascii", NONE),
            ("text/html", b"<p>gr\xf6\xdfe", NONE),
            ("text/html", "\u{feff}<p>größe".as_bytes(), NONE),
            ("text/html", "<meta charset=utf-8><p>größe".as_bytes(), NONE),
            ("text/html", "@charset \"utf-8\"; größe".as_bytes(), UTF8),
            ("text/html;a=b", "<meta charset=utf-8><p>größe".as_bytes(), NONE),
            ("text/css", b"a {}", NONE),
            ("text/css", "a { content: 'ö' }".as_bytes(), UTF8),
            ("text/css", "\u{feff}a { content: 'ö' }".as_bytes(), NONE),
            ("text/css", "@charset \"utf-8\"; a { content: 'ö' }".as_bytes(), NONE),
            ("text/css", "@charset 'utf-8'; a { content: 'ö' }".as_bytes(), UTF8),
            ("text/css", "/**/@charset \"utf-8\"; a { content: 'ö' }".as_bytes(), UTF8),
            ("text/javascript", b"alert(1)", NONE),
            ("text/javascript", "alert('ö')".as_bytes(), UTF8),
            ("text/javascript", "\u{feff}alert('ö')".as_bytes(), NONE),
            ("text/javascript", "alert('<meta charset=utf-8>ö')".as_bytes(), UTF8),
        ] {
            assert_eq!(said(media_type, bytes), expected, "{media_type}: {}", bytes.escape_ascii());
        }
    }

    #[test]
    fn declarations_in_html() {
        // HTML standard, 13.2.3.2
        for (text, expected) in [
            ("<meta charset=utf-8>", true),
            ("<META CHARSET=\"UTF-8\">", true),
            ("<meta\ncharset='utf-8' />", true),
            ("<meta/charset=utf-8/>", true),
            ("<meta name=a charset = utf-8>", true),
            ("<html lang=en><head><meta charset=utf-8>", true),
            ("<!doctype html><!-- a > b --><meta charset=utf-8>", true),
            ("<!--><meta charset=utf-8>", true),
            ("<?xml version='1.0'?><meta charset=utf-8>", true),
            ("</p x='>'><meta charset=utf-8>", true),
            ("a < b <meta charset=utf-8>", true),
            ("<meta http-equiv=content-type content='text/html; charset=utf-8'>", true),
            ("<meta content=\"text/html; Charset = x\" http-equiv=Content-Type>", true),
            ("<meta content='a charset, charset=x' http-equiv=content-type>", true),
            ("", false),
            ("<", false),
            ("<meta", false),
            ("<meta charset", false),
            ("<meta charset=utf-8", false),
            ("<meta charset='utf-8>", false),
            ("<metal charset=utf-8>", false),
            ("<meta name=description content='charset=x'>", false),
            ("<meta http-equiv=refresh content='1; charset=x'>", false),
            ("<meta http-equiv=content-type content=text/html>", false),
            ("<meta http-equiv=content-type content='text/html; charset'>", false),
            ("<meta name=' charset=utf-8'>", false),
            ("<!-- <meta charset=utf-8> -->", false),
            ("<!-- <meta charset=utf-8>", false),
            ("<p title='<meta charset=utf-8>'>", false),
            ("&lt;meta charset=utf-8>", false),
            ("<p charset=utf-8>", false),
            ("</meta charset=utf-8>", false),
        ] {
            assert_eq!(is_named_in_html(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_declaration_counts_in_the_first_1024_bytes() {
        let declaration = "<meta charset=utf-8>";
        for (spaces, expected) in
            [(0, None), (1024 - 20, None), (1024 - 19, Some("utf-8")), (5000, Some("utf-8"))]
        {
            let page = format!("{}{declaration}<p>größe", " ".repeat(spaces));
            assert_eq!(said("text/html", page.as_bytes()), expected, "after {spaces} spaces");
        }
    }

    #[test]
    fn a_character_may_be_cut_at_the_end_of_what_was_read() {
        let text = "a€𝄞".as_bytes();
        for length in 0..text.len() {
            let characters = Characters::of(&text[..length], text.len() as u64);
            assert_eq!(characters.charset("text/plain"), Some("utf-8"), "{length} of {} bytes", text.len());
            // The same bytes as a whole file.
            let is_whole = std::str::from_utf8(&text[..length]).is_ok();
            assert_eq!(said("text/plain", &text[..length]).is_some(), is_whole, "{length} bytes");
        }
        // It cannot be finished.
        assert_eq!(Characters::of(b"a\xe2\x82 ", 100), Characters::Other);
        assert_eq!(Characters::of(b"a\xff", 100), Characters::Other);
    }
}
