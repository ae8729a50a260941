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
                $(if is_same(text, $text.as_bytes()) {
                    return Some(Name::$name);
                })*
                None
            }

            /// A bit of its own.
            pub(super) fn bit(self) -> u32 {
                1 << self as u32
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

/// True if `text` is `lower`, a word in lower case, in any case. Where it is inlined the word is known: most others are
/// told apart by their length and first letter, and the bytes of one that is not are compared several at once.
#[inline]
pub(super) fn is_same(text: &[u8], lower: &[u8]) -> bool {
    let case = |letter: &u8| if letter.is_ascii_lowercase() { 0x20 } else { 0 };
    let difference = |all, (byte, lower)| all | ((byte ^ lower) & !case(lower));
    text.len() == lower.len() && text[0] | 0x20 == lower[0] && text.iter().zip(lower).fold(0, difference) == 0
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

/// The place of the first control character in `text`, which may be a tab.
pub(crate) fn first_control(text: &[u8]) -> Option<usize> {
    // Most lines are long and hold none. No early exit within a block: the compiler turns the loop into vector code.
    let is_plain =
        |block: &&[u8; 16]| block.iter().fold(true, |all, &byte| all & (byte >= b' ') & (byte != 0x7f));
    let plain = 16 * text.as_chunks().0.iter().take_while(is_plain).count();
    let found = first(&text[plain..], |word| below(word, b' ') | equal(word, 0x7f))?;
    Some(plain + found)
}

/// The place of the first space or control character other than DEL in `text`.
pub(crate) fn first_space(text: &[u8]) -> Option<usize> {
    first(text, |word| below(word, b' ' + 1))
}

/// The place of the first colon in `text`.
pub(crate) fn first_colon(text: &[u8]) -> Option<usize> {
    first(text, |word| equal(word, b':'))
}

/// The place of the first byte for which `find` sets the highest bit. It is given eight bytes at once, the first one as
/// the lowest; what it sets in bytes after the first one that is found does not matter. Bytes after the end of `text`
/// are given as 0xFF, which nobody looks for.
fn first(text: &[u8], find: impl Fn(u64) -> u64) -> Option<usize> {
    let (words, rest) = text.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let found = find(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let last = rest.iter().rev().fold(u64::MAX, |word, &byte| word << 8 | u64::from(byte));
    let found = find(last);
    (found != 0).then(|| words.len() * 8 + found.trailing_zeros() as usize / 8)
}

/// Sets the highest bit of each byte that is less than `limit`, 0x80 at most; perhaps of some after the first such one.
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(every(limit)) & !word & every(0x80)
}

/// Sets the highest bit of each byte that is `byte`; perhaps of some after the first such one.
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ every(byte), 1)
}

/// Eight times this byte.
const fn every(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
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
        let known = b"accept-encoding";
        for (index, byte) in (0..known.len()).flat_map(|index| (0..=255).map(move |byte| (index, byte))) {
            let mut text = *known;
            text[index] = byte;
            let expected = known[index].eq_ignore_ascii_case(&byte).then_some(Name::AcceptEncoding);
            assert_eq!(Name::of(&text), expected, "{text:?}");
        }
    }

    #[test]
    fn first_bytes() {
        // Each byte at each place, alone and before another one, in texts shorter and longer than what is looked at once.
        let all = [7, 8, 17, 27].into_iter().flat_map(|length| (0..length).map(move |place| (length, place)));
        for (length, place) in all {
            for (byte, other) in (0..=255).flat_map(|byte| [(byte, b'a'), (byte, 0)]) {
                let mut text = [b'a'; 27];
                (text[place], text[(place + 3).min(26)]) = (byte, other);
                let text = &text[..length];
                let naive = |find: &dyn Fn(u8) -> bool| text.iter().position(|&byte| find(byte));
                assert_eq!(first_control(text), naive(&|byte| byte < b' ' || byte == 0x7f), "{text:?}");
                assert_eq!(first_space(text), naive(&|byte| byte <= b' '), "{text:?}");
                assert_eq!(first_colon(text), naive(&|byte| byte == b':'), "{text:?}");
            }
        }
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
