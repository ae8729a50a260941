//! JSON as the log writes it (RFC 8259): always valid, and always UTF-8, whatever a client sends.

use std::fmt::Write as _;

/// Appends bytes as a string. Bytes that are no UTF-8 stand in it as `\xHH`.
pub(super) fn push_string(bytes: &[u8], text: &mut String) {
    text.push('"');
    match std::str::from_utf8(bytes) {
        // The usual case, in one piece.
        Ok(plain) if !plain.bytes().any(needs_look) => text.push_str(plain),
        _ => push_escaped(bytes, text),
    }
    text.push('"');
}

/// Whether a byte is not simply a character that stands for itself.
fn needs_look(byte: u8) -> bool {
    !(b' '..0x7f).contains(&byte) || byte == b'"' || byte == b'\\'
}

/// Appends bytes, each character with the escape that it needs. Control characters are escaped, also those that JSON
/// allows: a line may be shown by a terminal.
fn push_escaped(bytes: &[u8], text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' | '\\' => text.extend(['\\', letter]),
                // Writing to a string cannot fail.
                _ if letter.is_control() => drop(write!(text, "\\u{:04x}", u32::from(letter))),
                _ => text.push(letter),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\\\x{byte:02X}");
        }
    }
}

/// Appends the name of a member, with a comma before it, and its value as a string; null for nothing.
pub(super) fn push_member(name: &str, value: Option<&[u8]>, text: &mut String) {
    push_name(name, text);
    match value {
        Some(value) => push_string(value, text),
        None => text.push_str("null"),
    }
}

/// Appends the name of a member, with a comma before it.
pub(super) fn push_name(name: &str, text: &mut String) {
    text.push_str(",\"");
    text.push_str(name);
    text.push_str("\":");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings() {
        for (bytes, expected) in [
            (&b""[..], r#""""#),
            (b"/a b", r#""/a b""#),
            // RFC 8259 section 7
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"\0\n\x1f\x7f", r#""\u0000\u000a\u001f\u007f""#),
            // section 8.1
            ("m\u{fc}sli \u{1f980}".as_bytes(), "\"m\u{fc}sli \u{1f980}\""),
            (b"\xff\xc3(", r#""\\xFF\\xC3(""#),
            (b"\xe2\x82", r#""\\xE2\\x82""#),
            (b"\xed\xa0\x80", r#""\\xED\\xA0\\x80""#),
            // A control character of two bytes, which some terminals obey.
            ("\u{9b}".as_bytes(), r#""\u009b""#),
        ] {
            let mut text = String::new();
            push_string(bytes, &mut text);
            assert_eq!(text, expected, "{bytes:?}");
        }
    }

    #[test]
    fn members() {
        let mut text = String::new();
        push_member("a", Some(b"b"), &mut text);
        push_member("c", None, &mut text);
        assert_eq!(text, r#","a":"b","c":null"#);
    }
}
