//! Names and values of fields (RFC 9110 section 5).
//!
//! The parser checks every field and stores those of this table, which are the ones that the server reads. A
//! new field is one row.

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A request field that this server reads.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Name {
            $($(#[$doc])* $name,)*
        }

        impl Name {
            /// The name that `text` spells, in any case; `None` for a field that is not read.
            pub fn of(text: &[u8]) -> Option<Name> {
                $(if text.len() == $text.len() && text.eq_ignore_ascii_case($text.as_bytes()) {
                    return Some(Name::$name);
                })*
                None
            }
        }
    };
}

names! {
    /// RFC 9110 section 7.2
    Host = "host",
    /// RFC 9110 section 7.6.1
    Connection = "connection",
    /// RFC 9110 section 8.6
    ContentLength = "content-length",
    /// RFC 9112 section 6.1
    TransferEncoding = "transfer-encoding",
    /// RFC 9110 section 10.1.1
    Expect = "expect",
    /// RFC 9110 section 10.1.3
    Referer = "referer",
    /// RFC 9110 section 10.1.5
    UserAgent = "user-agent",
    /// RFC 9110 section 11.6.2
    Authorization = "authorization",
    /// RFC 9110 section 12.5.1
    Accept = "accept",
    /// Fetch, section 3.2
    Origin = "origin",
    /// Fetch, section 3.3.2
    AccessControlRequestMethod = "access-control-request-method",
    /// Fetch, section 3.3.2
    AccessControlRequestHeaders = "access-control-request-headers",
    /// Fetch Metadata, section 2.1
    SecFetchDest = "sec-fetch-dest",
    /// Fetch Metadata, section 2.2
    SecFetchMode = "sec-fetch-mode",
    /// RFC 9110 section 12.5.3
    AcceptEncoding = "accept-encoding",
    /// RFC 9110 section 13.1.1
    IfMatch = "if-match",
    /// RFC 9110 section 13.1.2
    IfNoneMatch = "if-none-match",
    /// RFC 9110 section 13.1.3
    IfModifiedSince = "if-modified-since",
    /// RFC 9110 section 13.1.4
    IfUnmodifiedSince = "if-unmodified-since",
    /// RFC 9110 section 13.1.5
    IfRange = "if-range",
    /// RFC 9110 section 14.2
    Range = "range",
    /// RFC 7239 section 4
    Forwarded = "forwarded",
    /// The addresses of clients, as most proxies write them; no standard defines it.
    XForwardedFor = "x-forwarded-for",
    /// The scheme of the client, likewise.
    XForwardedProto = "x-forwarded-proto",
}

/// True for a byte of a token (RFC 9110 section 5.6.2).
pub fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// True for a byte of a field value (RFC 9110 section 5.5): visible bytes, spaces, tabs and obs-text.
pub fn is_value_byte(byte: u8) -> bool {
    !is_control(byte)
}

/// True if `text` may be a field value: all of its bytes may.
pub fn is_value(text: &[u8]) -> bool {
    // No early exit: without one the compiler turns the loop into vector code.
    !text.iter().fold(false, |bad, &byte| bad | is_control(byte))
}

fn is_control(byte: u8) -> bool {
    ((byte < b' ') & (byte != b'\t')) | (byte == 0x7f)
}

/// Without the optional whitespace (spaces and tabs) at both ends.
pub fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The members of a comma-separated list, trimmed, empty ones left out (RFC 9110 section 5.6.1.2).
///
/// It knows no quoted strings, so it is for lists of tokens, not for entity tags.
pub fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim).filter(|member| !member.is_empty())
}

/// Whether all of `text` is one token: at least one byte, all of them token bytes (RFC 9110 section 5.6.2).
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_token_byte(byte))
}

/// Adds the members of a list to another one, as far as it does not have them yet in any case.
pub fn merge(list: &mut Vec<u8>, value: &[u8]) {
    for member in members(value) {
        if !members(list).any(|found| found.eq_ignore_ascii_case(member)) {
            if !list.is_empty() {
                list.extend_from_slice(b", ");
            }
            list.extend_from_slice(member);
        }
    }
}

const TOKEN: [bool; 256] = byte_table(b"!#$%&'*+-.^_`|~");

/// A table of the bytes that are ASCII letters, digits or one of `marks`.
pub(super) const fn byte_table(marks: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut mark = 0;
    while mark < marks.len() {
        table[marks[mark] as usize] = true;
        mark += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case() {
        assert_eq!(Name::of(b"Host"), Some(Name::Host));
        assert_eq!(Name::of(b"IF-NONE-match"), Some(Name::IfNoneMatch));
        assert_eq!(Name::of(b"Cookie"), None);
        assert_eq!(Name::of(b""), None);
    }

    #[test]
    fn tokens() {
        // RFC 9110 section 5.6.2
        for byte in 0..=255u8 {
            let expected = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_token_byte(byte), expected, "{byte:#x}");
        }
    }

    #[test]
    fn values() {
        // RFC 9110 section 5.5
        for byte in 0..=255u8 {
            let expected = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
            assert_eq!(is_value(&[b'a', byte, b'b']), expected, "{byte:#x}");
        }
    }

    #[test]
    fn lists() {
        let list: Vec<_> = members(b" a ,, b\t,c d, ").collect();
        assert_eq!(list, [&b"a"[..], b"b", b"c d"]);
        assert_eq!(members(b" , ,").count(), 0);
    }
}
