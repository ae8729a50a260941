//! Media types that a client likes (RFC 9110 section 12.5.1).

use super::encoding::weight;
use super::field;

/// The part of a media type that a range of `Accept` names, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `*/*`, or no field at all.
    Any,
    /// `text/*`.
    Type,
    /// `text/html`.
    Whole,
}

/// How much a client likes a media type. Of two with the same weight, the one that is named more precisely is liked
/// better: `application/json, */*` is said by those who want JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Preference {
    /// Thousandths, 1 to 1000.
    pub weight: u16,
    /// The range that says so.
    pub precision: Precision,
}

/// How much a client likes a media type, `text/html` for one, from the values of all lines of `Accept`. `None` where
/// it refuses the type, or names others only.
///
/// The most precise range that matches holds, and of two that are as precise the higher weight. Parameters other than
/// the weight are passed over: `text/html;charset=utf-8` is a wish for `text/html`. A member that is not well-formed is
/// ignored. A client without the field accepts everything.
pub fn preference<'v>(values: impl Iterator<Item = &'v [u8]>, media_type: &str) -> Option<Preference> {
    let mut values = values.peekable();
    if values.peek().is_none() {
        return Some(Preference { weight: 1000, precision: Precision::Any });
    }
    let matching = values.flat_map(field::members).filter_map(|member| read(member, media_type.as_bytes()));
    let holds = matching.max_by_key(|found| (found.precision, found.weight));
    holds.filter(|found| found.weight > 0)
}

/// What one member says of a media type; `None` for nothing.
fn read(member: &[u8], media_type: &[u8]) -> Option<Preference> {
    let mut parts = member.split(|&byte| byte == b';').map(field::trim);
    let precision = precision(parts.next()?, media_type)?;
    let weight = match parts.find(|part| matches!(part, [b'q' | b'Q', b'=', ..])) {
        Some(parameter) => weight(parameter)?,
        None => 1000,
    };
    Some(Preference { weight, precision })
}

/// How precisely a range names a media type; `None` where it names others.
fn precision(range: &[u8], media_type: &[u8]) -> Option<Precision> {
    let slash = memchr::memchr(b'/', media_type)? + 1;
    if range == b"*/*" {
        Some(Precision::Any)
    } else if range.eq_ignore_ascii_case(media_type) {
        Some(Precision::Whole)
    } else {
        let of_type = range.strip_suffix(b"*")?.eq_ignore_ascii_case(&media_type[..slash]);
        of_type.then_some(Precision::Type)
    }
}

#[cfg(test)]
mod tests {
    use super::Precision::{Any, Type, Whole};
    use super::*;

    fn of_html(lines: &[&str]) -> Option<(u16, Precision)> {
        let found = preference(lines.iter().map(|line| line.as_bytes()), "text/html");
        found.map(|found| (found.weight, found.precision))
    }

    #[test]
    fn one_type() {
        for (section, lines, expected) in [
            ("12.5.1 no field", &[][..], Some((1000, Any))),
            ("12.5.1 any", &["*/*"], Some((1000, Any))),
            ("12.5.1 any of a type", &["text/*"], Some((1000, Type))),
            ("12.5.1 the type", &["text/html"], Some((1000, Whole))),
            ("12.5.1 another", &["text/plain"], None),
            ("12.5.1 another type", &["image/*"], None),
            ("12.5.1 empty", &[""], None),
            ("12.5.1 of a browser", &["text/html,application/xml;q=0.9,*/*;q=0.8"], Some((1000, Whole))),
            (
                "12.5.1 the most precise holds",
                &["text/*;q=0.3, text/html;q=0.7, */*;q=0.5"],
                Some((700, Whole)),
            ),
            ("12.5.1 the most precise holds", &["text/*;q=0.3, */*;q=0.5"], Some((300, Type))),
            ("12.5.1 the most precise holds", &["*/*", "text/html;q=0"], None),
            ("12.5.1 several lines", &["text/plain", "text/html;q=0.5"], Some((500, Whole))),
            ("12.5.1 named twice", &["text/html;level=1;q=0.4, text/html;level=2;q=0.6"], Some((600, Whole))),
            ("12.5.1 a parameter", &["text/html;charset=utf-8"], Some((1000, Whole))),
            ("12.5.1 a parameter", &["text/html ; charset=utf-8 ; q=0.5"], Some((500, Whole))),
            ("8.3.1 case", &["TEXT/Html;Q=0.5"], Some((500, Whole))),
            ("8.3.1 case", &["TEXT/*"], Some((1000, Type))),
            ("12.4.2 refused", &["text/html;q=0.000"], None),
            ("12.4.2 digits", &["text/html;q=0.001"], Some((1, Whole))),
            ("12.4.2 no weight", &["text/html;q=2, */*;q=0.1"], Some((100, Any))),
            ("12.4.2 no weight", &["text/html;q=0.1234"], None),
            ("12.5.1 no range", &["text"], None),
            ("12.5.1 no range", &["*"], None),
            ("12.5.1 no range", &["*/html"], None),
            ("12.5.1 no range", &["text/"], None),
            ("12.5.1 no range", &["text/html*"], None),
            ("12.5.1 no range", &["text/htm*"], None),
            ("12.5.1 no range", &["tex*"], None),
            ("12.5.1 no range", &[";q=1,/,//"], None),
        ] {
            assert_eq!(of_html(lines), expected, "{section}: {lines:?}");
        }
    }

    #[test]
    fn of_two_types() {
        for (line, expected) in [
            ("application/json", true),
            ("application/json, text/plain, */*", true),
            ("application/*, */*", true),
            ("application/json, text/html;q=0.9", true),
            ("text/html;q=0.1, application/json;q=0.2", true),
            ("*/*", false),
            ("text/html", false),
            ("image/png", false),
            ("application/json;q=0.9, */*", false),
            ("application/json, text/html", false),
            ("text/html, application/json;q=0.9", false),
            ("application/json;q=0", false),
        ] {
            let of = |media_type| preference([line.as_bytes()].into_iter(), media_type);
            assert_eq!(of("application/json") > of("text/html"), expected, "{line}");
        }
    }
}
