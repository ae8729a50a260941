//! If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since -> proceed, 304 or 412
//! (RFC 9110 sections 13.1 and 13.2.2).
//!
//! They hold for GET and HEAD, and only if the plain reply would be a 2xx (section 13.2.1). The fifth of
//! them, If-Range, belongs to `range`.

use super::date;
use super::field::Name;
use super::request::Request;
use super::validators::{self, EntityTag, Validators};

/// The result of the preconditions of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All are true, or none was sent: the plain reply.
    Proceed,
    /// The client has the representation already: 304.
    NotModified,
    /// The representation is not the one that the client expects: 412.
    Failed,
}

/// Evaluates the preconditions in the order of RFC 9110 section 13.2.2, steps 1 to 4.
pub fn evaluate(request: &Request, validators: &Validators) -> Outcome {
    let current = validators.entity_tag;
    // A date is ignored where the representation has none (RFC 9110 sections 13.1.3 and 13.1.4).
    let is_newer = |date| validators.are_newer_than(date);
    if request.has(Name::IfMatch) {
        if !lists(request, Name::IfMatch, |tag| tag.strong_eq(current)) {
            return Outcome::Failed;
        }
    } else if date_in(request, Name::IfUnmodifiedSince).and_then(is_newer) == Some(true) {
        return Outcome::Failed;
    }
    let is_known = if request.has(Name::IfNoneMatch) {
        lists(request, Name::IfNoneMatch, |tag| tag.weak_eq(current))
    } else {
        date_in(request, Name::IfModifiedSince).and_then(is_newer) == Some(false)
    };
    if is_known { Outcome::NotModified } else { Outcome::Proceed }
}

/// True if a line of the field is `*`, which every file matches, or lists a tag that matches.
fn lists(request: &Request, name: Name, matches: impl Fn(EntityTag) -> bool) -> bool {
    request.values(name).any(|value| value == b"*" || validators::list(value).any(&matches))
}

/// The date of a field; `None` if it is not one valid date, since the field is to be ignored then (RFC 9110
/// sections 13.1.3 and 13.1.4).
fn date_in(request: &Request, name: Name) -> Option<i64> {
    let mut values = request.values(name);
    let value = values.next()?;
    // Two lines are a list, and a list is not a date.
    if values.next().is_some() { None } else { date::parse(value) }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{Failed, NotModified, Proceed};
    use super::*;
    use crate::http1::parser::Parser;

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const EXACTLY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn outcome(fields: &str, weak: bool) -> Outcome {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut parser = Parser::new();
        let request = parser.advance(head.as_bytes()).unwrap().unwrap();
        let entity_tag = EntityTag { weak, opaque: b"now" };
        evaluate(&request, &Validators { entity_tag, last_modified: Some(784_111_777) })
    }

    #[test]
    fn one_by_one() {
        for (section, fields, expected) in [
            ("13.2.2 none", String::new(), Proceed),
            ("13.1.1 match", "If-Match: \"now\"\r\n".into(), Proceed),
            ("13.1.1 no match", "If-Match: \"then\"\r\n".into(), Failed),
            ("13.1.1 any", "If-Match: *\r\n".into(), Proceed),
            ("13.1.1 list", "If-Match: \"then\", \"now\"\r\n".into(), Proceed),
            ("13.1.1 lines", "If-Match: \"then\"\r\nif-match: \"now\"\r\n".into(), Proceed),
            ("13.1.1 lines", "If-Match: \"then\"\r\nIf-Match: \"once\"\r\n".into(), Failed),
            ("13.1.1 strong comparison", "If-Match: W/\"now\"\r\n".into(), Failed),
            ("13.1.1 a comma in a tag", "If-Match: \"a,\"now\",b\"\r\n".into(), Failed),
            ("13.1.1 not a tag", "If-Match: now\r\n".into(), Failed),
            ("13.1.1 empty", "If-Match:\r\n".into(), Failed),
            ("13.1.2 match", "If-None-Match: \"now\"\r\n".into(), NotModified),
            ("13.1.2 no match", "If-None-Match: \"then\"\r\n".into(), Proceed),
            ("13.1.2 any", "If-None-Match: *\r\n".into(), NotModified),
            ("13.1.2 list", "If-None-Match: \"then\", \"now\"\r\n".into(), NotModified),
            ("13.1.2 lines", "If-None-Match: \"then\"\r\nIf-None-Match: \"now\"\r\n".into(), NotModified),
            ("13.1.2 any, lines", "If-None-Match: \"then\"\r\nIf-None-Match: *\r\n".into(), NotModified),
            ("13.1.2 weak comparison", "If-None-Match: W/\"now\"\r\n".into(), NotModified),
            ("13.1.2 a comma in a tag", "If-None-Match: \"a,b\", \"now\"\r\n".into(), NotModified),
            ("13.1.2 not a tag", "If-None-Match: now\r\n".into(), Proceed),
            ("13.1.2 any is no member", "If-None-Match: \"then\", *\r\n".into(), Proceed),
            ("13.1.2 empty", "If-None-Match:\r\n".into(), Proceed),
            ("13.1.3 earlier", format!("If-Modified-Since: {BEFORE}\r\n"), Proceed),
            ("13.1.3 the same", format!("If-Modified-Since: {EXACTLY}\r\n"), NotModified),
            ("13.1.3 later", format!("If-Modified-Since: {AFTER}\r\n"), NotModified),
            ("13.1.3 asctime", "If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n".into(), NotModified),
            ("13.1.3 RFC 850", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n".into(), NotModified),
            (
                "13.1.3 leap second",
                "If-Modified-Since: Sun, 06 Nov 1994 08:49:60 GMT\r\n".into(),
                NotModified,
            ),
            ("13.1.3 before 1970", "If-Modified-Since: Wed, 31 Dec 1969 23:59:59 GMT\r\n".into(), Proceed),
            ("13.1.3 invalid", "If-Modified-Since: tomorrow\r\n".into(), Proceed),
            ("13.1.3 invalid", format!("If-Modified-Since: {AFTER}; length=5\r\n"), Proceed),
            (
                "13.1.3 two lines",
                format!("If-Modified-Since: {AFTER}\r\nIf-Modified-Since: {AFTER}\r\n"),
                Proceed,
            ),
            ("13.1.4 earlier", format!("If-Unmodified-Since: {BEFORE}\r\n"), Failed),
            ("13.1.4 the same", format!("If-Unmodified-Since: {EXACTLY}\r\n"), Proceed),
            ("13.1.4 later", format!("If-Unmodified-Since: {AFTER}\r\n"), Proceed),
            ("13.1.4 leap second", "If-Unmodified-Since: Sun, 06 Nov 1994 08:48:60 GMT\r\n".into(), Failed),
            ("13.1.4 before 1970", "If-Unmodified-Since: Wed, 31 Dec 1969 23:59:59 GMT\r\n".into(), Failed),
            ("13.1.4 invalid", "If-Unmodified-Since: yesterday\r\n".into(), Proceed),
            (
                "13.1.4 two lines",
                format!("If-Unmodified-Since: {BEFORE}\r\nIf-Unmodified-Since: {BEFORE}\r\n"),
                Proceed,
            ),
        ] {
            assert_eq!(outcome(&fields, false), expected, "{section}: {fields}");
        }
    }

    #[test]
    fn against_a_weak_tag() {
        // RFC 9110 section 8.8.3.2
        for (fields, expected) in [
            ("If-Match: \"now\"\r\n", Failed),
            ("If-Match: W/\"now\"\r\n", Failed),
            ("If-Match: *\r\n", Proceed),
            ("If-None-Match: \"now\"\r\n", NotModified),
            ("If-None-Match: W/\"now\"\r\n", NotModified),
        ] {
            assert_eq!(outcome(fields, true), expected, "{fields}");
        }
    }

    #[test]
    fn together() {
        // RFC 9110 section 13.2.2
        for (step, fields, expected) in [
            (
                "1 before 2",
                format!("If-Match: \"now\"\r\nIf-Unmodified-Since: {BEFORE}\r\n"),
                Proceed, // 13.1.4: ignored where If-Match is there
            ),
            ("1 before 2", format!("If-Unmodified-Since: {AFTER}\r\nIf-Match: \"then\"\r\n"), Failed),
            ("1 before 3", "If-None-Match: \"now\"\r\nIf-Match: \"then\"\r\n".into(), Failed),
            ("1 then 3", "If-None-Match: \"now\"\r\nIf-Match: \"now\"\r\n".into(), NotModified),
            ("1 then 3", "If-None-Match: \"then\"\r\nIf-Match: \"now\"\r\n".into(), Proceed),
            ("1 then 4", format!("If-Match: \"now\"\r\nIf-Modified-Since: {EXACTLY}\r\n"), NotModified),
            ("2 before 3", format!("If-None-Match: \"now\"\r\nIf-Unmodified-Since: {BEFORE}\r\n"), Failed),
            ("2 then 3", format!("If-None-Match: \"now\"\r\nIf-Unmodified-Since: {AFTER}\r\n"), NotModified),
            (
                "2 then 4",
                format!("If-Modified-Since: {AFTER}\r\nIf-Unmodified-Since: {AFTER}\r\n"),
                NotModified,
            ),
            (
                "3 before 4",
                format!("If-None-Match: \"then\"\r\nIf-Modified-Since: {AFTER}\r\n"),
                Proceed, // 13.1.3: ignored where If-None-Match is there
            ),
            ("3 before 4", format!("If-None-Match:\r\nIf-Modified-Since: {AFTER}\r\n"), Proceed),
            ("3 before 4", format!("If-None-Match: \"now\"\r\nIf-Modified-Since: {BEFORE}\r\n"), NotModified),
        ] {
            assert_eq!(outcome(&fields, false), expected, "step {step}: {fields}");
        }
    }
}
