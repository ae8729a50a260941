//! Validators, which tell one state of a file from another: the entity tag and the modification date (RFC
//! 9110 section 8.8).
//!
//! Tags are read and compared here. They are made in `site`; `preconditions` and `range` draw the
//! conclusions.

use super::field;

/// The validators of the representation that a 200 would carry.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// The value of `ETag`.
    pub entity_tag: EntityTag<'a>,
    /// The value of `Last-Modified`, in seconds since 1970; `None` where there is no such field.
    pub last_modified: Option<u64>,
}

impl Validators<'_> {
    /// True if the representation was modified after a date; `None` where it has no date.
    pub fn are_newer_than(&self, date: i64) -> Option<bool> {
        self.last_modified.map(|last_modified| i128::from(last_modified) > i128::from(date))
    }
}

/// An entity tag (RFC 9110 section 8.8.3).
///
/// `==` compares how two tags are written. To match is defined by the two comparisons below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    /// True if equal tags promise no more than that the content means the same.
    pub weak: bool,
    /// The bytes between the quotes.
    pub opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// The tag that is the whole of `value`; `None` if it is not exactly one tag.
    pub fn parse(value: &'a [u8]) -> Option<EntityTag<'a>> {
        match EntityTag::first(value)? {
            (tag, []) => Some(tag),
            _ => None,
        }
    }

    /// True if both are strong and the same (RFC 9110 section 8.8.3.2).
    pub fn strong_eq(self, other: EntityTag) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// True if both are the same but for their strength (RFC 9110 section 8.8.3.2).
    pub fn weak_eq(self, other: EntityTag) -> bool {
        self.opaque == other.opaque
    }

    /// The tag that `text` begins with, and the bytes after it.
    fn first(text: &'a [u8]) -> Option<(EntityTag<'a>, &'a [u8])> {
        let (weak, quoted) = match text.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', inner)?;
        let opaque = &inner[..end];
        // etagc: visible bytes and obs-text. There is no escape: a backslash is a byte like any other.
        let is_valid = opaque.iter().all(|&byte| byte > b' ' && byte != 0x7f);
        is_valid.then_some((EntityTag { weak, opaque }, &inner[end + 1..]))
    }
}

/// The tags of one field line (RFC 9110 section 13.1.1): `"a", W/"b,c"`. Empty members are left out.
///
/// It ends before the first member that is not a tag: once a quote is out of place, it is not known which of
/// the commas after it separate members. A tag that is left out matches nothing. The worst result is a whole
/// 200, or a 412.
pub fn list(value: &[u8]) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        while let [b',' | b' ' | b'\t', after @ ..] = rest {
            rest = after;
        }
        let (tag, after) = EntityTag::first(rest)?;
        rest = match field::trim(after) {
            after @ ([] | [b',', ..]) => after,
            _ => return None,
        };
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strong(opaque: &str) -> Option<EntityTag<'_>> {
        Some(EntityTag { weak: false, opaque: opaque.as_bytes() })
    }

    fn weak(opaque: &str) -> Option<EntityTag<'_>> {
        Some(EntityTag { weak: true, opaque: opaque.as_bytes() })
    }

    #[test]
    fn single_tags() {
        // RFC 9110 section 8.8.3
        for (text, expected) in [
            ("\"xyzzy\"", strong("xyzzy")),
            ("W/\"xyzzy\"", weak("xyzzy")),
            ("\"\"", strong("")),
            ("W/\"\"", weak("")),
            ("\"a,b\"", strong("a,b")),
            ("\"a\\\"", strong("a\\")),
            ("\"!#~\u{e4}\"", strong("!#~\u{e4}")),
            ("w/\"a\"", None), // the mark is case-sensitive
            ("W\"a\"", None),
            ("W/ \"a\"", None),
            ("W/a", None),
            ("a", None),
            ("\"a", None),
            ("a\"", None),
            ("\"", None),
            ("\"a b\"", None),
            ("\"a\tb\"", None),
            ("\"a\x7f\"", None),
            ("\"a\"b", None),
            ("\"a\", \"b\"", None),
            (" \"a\"", None),
            ("'a'", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(EntityTag::parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn comparisons() {
        // RFC 9110 section 8.8.3.2: the rows of its table
        for (one, other, strongly, weakly) in [
            (weak("1"), weak("1"), false, true),
            (weak("1"), weak("2"), false, false),
            (weak("1"), strong("1"), false, true),
            (strong("1"), strong("1"), true, true),
            (strong("a"), strong("A"), false, false),
        ] {
            let (one, other) = (one.unwrap(), other.unwrap());
            assert_eq!((one.strong_eq(other), one.weak_eq(other)), (strongly, weakly), "{one:?} {other:?}");
            assert_eq!((other.strong_eq(one), other.weak_eq(one)), (strongly, weakly), "{other:?} {one:?}");
        }
    }

    #[test]
    fn lists() {
        // RFC 9110 sections 5.6.1.2 and 13.1.1
        for (text, expected) in [
            ("\"a\"", vec![strong("a")]),
            ("\"a\", \"b\"", vec![strong("a"), strong("b")]),
            ("\"a\",W/\"b\"\t ,\"\"", vec![strong("a"), weak("b"), strong("")]),
            (", ,\"a\",, ,\"b\" , ", vec![strong("a"), strong("b")]),
            ("\"a,b\", \"c, d\", \"e\"", vec![strong("a,b")]), // a space is no etagc
            ("\"a,b\",\"c,\",\",\"", vec![strong("a,b"), strong("c,"), strong(",")]),
            ("\"a\", b, \"c\"", vec![strong("a")]),
            ("\"a\", \"b\"c, \"d\"", vec![strong("a")]),
            ("\"a\" \"b\"", vec![]),
            ("\"a\"\"b\"", vec![]),
            ("\"a\", \"b", vec![strong("a")]),
            ("a", vec![]),
            ("*", vec![]),
            ("", vec![]),
            (" , ", vec![]),
        ] {
            let found: Vec<_> = list(text.as_bytes()).map(Some).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
