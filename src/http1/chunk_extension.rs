//! The extensions of a chunk, byte by byte (RFC 9112 section 7.1.1):
//! `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`.
//!
//! None is obeyed, as the RFC asks for unknown ones. They are read to the letter all the same: a proxy that
//! reads them otherwise could find another end of the body.

use crate::http::field;

/// A place in the extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// At the end of a size or of a quoted string.
    End,
    /// In whitespace that a semicolon must follow.
    BeforeSemicolon,
    BeforeName,
    Name,
    /// In whitespace that an equals sign or a semicolon must follow.
    AfterName,
    BeforeValue,
    Token,
    Quoted,
    /// After a backslash in a quoted string.
    Escaped,
}

use Extension::{AfterName, BeforeName, BeforeSemicolon, BeforeValue, End, Escaped, Name, Quoted, Token};

impl Extension {
    /// The place after one more byte of the line; `None` if that byte must not stand there.
    pub(super) fn after(self, byte: u8) -> Option<Extension> {
        match (self, byte) {
            (BeforeSemicolon | BeforeName | AfterName | BeforeValue, b' ' | b'\t') => Some(self),
            (Name, b' ' | b'\t') => Some(AfterName),
            (End | Token, b' ' | b'\t') => Some(BeforeSemicolon),
            (End | BeforeSemicolon | Name | AfterName | Token, b';') => Some(BeforeName),
            (Name | AfterName, b'=') => Some(BeforeValue),
            (BeforeName | Name, byte) if field::is_token_byte(byte) => Some(Name),
            (BeforeValue | Token, byte) if field::is_token_byte(byte) => Some(Token),
            (BeforeValue, b'"') => Some(Quoted),
            (Quoted, b'"') => Some(End),
            (Quoted, b'\\') => Some(Escaped),
            (Quoted | Escaped, byte) if field::is_value_byte(byte) => Some(Quoted),
            _ => None,
        }
    }

    /// True at a place where the line may end.
    pub(super) fn may_end_line(self) -> bool {
        matches!(self, End | Name | Token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_valid(text: &[u8]) -> bool {
        let place = text.iter().try_fold(End, |place, &byte| place.after(byte));
        place.is_some_and(Extension::may_end_line)
    }

    #[test]
    fn well_formed_extensions() {
        for (section, text) in [
            ("9112 7.1.1 none", &b""[..]),
            ("9112 7.1.1 name", b";a"),
            ("9112 7.1.1 names", b";a;b;!#$%&'*+-.^_`|~9"),
            ("9112 7.1.1 value", b";a=b;c;d=e"),
            ("9112 7.1.1 quoted", b";a=\"b; c=\td\";e"),
            ("9112 7.1.1 quoted, empty", b";a=\"\""),
            ("9110 5.6.4 quoted-pair", b";a=\"\\\"\\\\\\\t\\b\""),
            ("9110 5.6.4 obs-text", b";a=\"\x80\\\xff\""),
            ("9112 7.1.1 BWS", b" ;\ta \t= b  ; c=\"d\" ;e"),
        ] {
            assert!(is_valid(text), "{section}: {:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn malformed_extensions() {
        for (section, text) in [
            ("9112 7.1.1 BWS and no extension", &b" "[..]),
            ("9112 7.1.1 BWS and no extension", b"\t"),
            ("9112 7.1.1 BWS and no extension", b";a "),
            ("9112 7.1.1 BWS and no extension", b";a=b "),
            ("9112 7.1.1 BWS and no extension", b";a=\"b\" "),
            ("9112 7.1.1 no name", b";"),
            ("9112 7.1.1 no name", b"; "),
            ("9112 7.1.1 no name", b";;x"),
            ("9112 7.1.1 no name", b";a;"),
            ("9112 7.1.1 no name", b";=a"),
            ("9112 7.1.1 no semicolon", b";a b"),
            ("9112 7.1.1 no semicolon", b";a=b c"),
            ("9112 7.1.1 no semicolon", b";a=\"b\" c"),
            ("9112 7.1.1 no token", b";a/b"),
            ("9112 7.1.1 no token", b";\"a\""),
            ("9112 7.1.1 no token", b";a\x80"),
            ("9112 7.1.1 no token", b";\x01"),
            ("9112 7.1.1 no value", b";a="),
            ("9112 7.1.1 no value", b";a= "),
            ("9112 7.1.1 no value", b";a=;b"),
            ("9112 7.1.1 two values", b";a==b"),
            ("9112 7.1.1 two values", b";a=b=c"),
            ("9112 7.1.1 no token as value", b";a=(b)"),
            ("9112 7.1.1 no token as value", b";a=\x80"),
            ("9112 7.1.1 an open quote", b";a=\"b"),
            ("9112 7.1.1 an open quote", b";a=\"b\\\""),
            ("9112 7.1.1 a quote within a token", b";a=b\"c\""),
            ("9112 7.1.1 after a quote", b";a=\"b\"c"),
            ("9112 7.1.1 after a quote", b";a=\"b\"\"c\""),
            ("9112 7.1.1 after a quote", b";a=\"b\"=c"),
            ("9110 5.6.4 NUL in quotes", b";a=\"\0\""),
            ("9110 5.6.4 DEL in quotes", b";a=\"\x7f\""),
            ("9110 5.6.4 NUL after a backslash", b";a=\"\\\0\""),
        ] {
            assert!(!is_valid(text), "{section}: {:?}", String::from_utf8_lossy(text));
        }
    }
}
