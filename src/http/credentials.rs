//! Credentials of the scheme Basic (RFC 7617): the value of `Authorization` -> a name and a password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The challenge that asks for credentials (RFC 7617 section 2). Some programs show the name of the realm.
pub const CHALLENGE: &str = "Basic realm=\"Restricted\", charset=\"UTF-8\"";

/// Bytes of the longest name and password together, with the colon between them. Programs that make logins take 255 for
/// each; the time of some hashes grows with the square of it.
pub const LONGEST: usize = 512;

/// A name and a password, as a client claims them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name, a colon, and the password.
    text: Vec<u8>,
    colon: usize,
}

impl Credentials {
    /// Reads the value of an `Authorization` field (RFC 7617 section 2). `None` where it is of another scheme, malformed,
    /// or longer than [`LONGEST`].
    pub fn parse(value: &[u8]) -> Option<Credentials> {
        const SCHEME: &[u8] = b"Basic ";
        let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
        let coded = rest.trim_ascii_start();
        if !scheme.eq_ignore_ascii_case(SCHEME) || coded.len() > LONGEST.div_ceil(3) * 4 {
            return None;
        }
        let text = STANDARD.decode(coded).ok().filter(|text| text.len() <= LONGEST)?;
        let colon = memchr::memchr(b':', &text)?;
        // Section 2: neither of the two contains a control character.
        (!text.iter().any(u8::is_ascii_control)).then_some(Credentials { text, colon })
    }

    /// The name, in UTF-8 as far as the client obeys `charset` (RFC 7617 section 2.1).
    pub fn name(&self) -> &[u8] {
        &self.text[..self.colon]
    }

    /// The password; it may hold colons.
    pub fn password(&self) -> &[u8] {
        &self.text[self.colon + 1..]
    }

    /// Both, with the first colon between them: no other pair has the same text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        // RFC 7617 sections 2 and 2.1
        for (value, expected) in [
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Some(("Aladdin", "open sesame"))),
            ("basic dGVzdDoxMjPCow==", Some(("test", "123£"))),
            ("BASIC   YTpi", Some(("a", "b"))),
            ("Basic YTo=", Some(("a", ""))),
            ("Basic OmE=", Some(("", "a"))),
            ("Basic YTpiOmM=", Some(("a", "b:c"))),
            ("Basic YQ==", None),   // no colon
            ("Basic YTpi\t", None), // the field is trimmed before
            ("Basic YTpi,", None),  // several credentials
            ("Basic YTo", None),    // no padding
            ("Basic YTp=", None),   // bits that are not zero
            ("Basic YToA", None),   // NUL
            ("Basic YTp/", None),   // DEL
            ("Basic YTo\u{e4}", None),
            ("Basic ", None),
            ("Basic", None),
            ("Basi", None),
            ("", None),
            ("BasicYTpi", None),
            ("Bearer YTpi", None),
            ("Digest username=\"a\"", None),
        ] {
            let found = Credentials::parse(value.as_bytes());
            let expected = expected.map(|(name, password)| (name.as_bytes(), password.as_bytes()));
            let found = found.as_ref().map(|found| (found.name(), found.password()));
            assert_eq!(found, expected, "{value}");
        }
    }

    #[test]
    fn so_long_and_no_longer() {
        for (length, is_read) in [(LONGEST, true), (LONGEST + 1, false), (LONGEST + 2, false)] {
            let text = format!("a:{}", "b".repeat(length - 2));
            let value = format!("Basic {}", STANDARD.encode(text));
            assert_eq!(Credentials::parse(value.as_bytes()).is_some(), is_read, "{length}");
        }
    }
}
