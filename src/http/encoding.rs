//! Content codings, and the choice among the available ones (RFC 9110 sections 8.4.1, 12.4.2 and 12.5.3).
//!
//! Nothing is compressed here: `codec` does that. A coded file, called a sidecar, lies beside its original and has
//! the name of the original with the suffix of the coding. A new coding is a name in the enum, its row, its place in
//! [`SIDECARS`], and what `codec` does with it.

use std::cmp::Reverse;

use super::field;

/// A content coding. The order decides between two of the same weight and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coding {
    /// None: the file as it is. It comes first, since nothing has to be decoded.
    Identity,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstandard,
    /// RFC 1952.
    Gzip,
}

/// The codings that sidecars may have, in the order in which they are looked for.
pub const SIDECARS: [Coding; 3] = [Coding::Brotli, Coding::Zstandard, Coding::Gzip];

/// Names of a coding in fields, the registered one first, and the suffix of a sidecar.
struct Row {
    tokens: &'static [&'static str],
    suffix: &'static str,
}

impl Coding {
    const fn row(self) -> Row {
        match self {
            Coding::Identity => Row { tokens: &["identity"], suffix: "" },
            Coding::Brotli => Row { tokens: &["br"], suffix: ".br" },
            Coding::Zstandard => Row { tokens: &["zstd"], suffix: ".zst" },
            Coding::Gzip => Row { tokens: &["gzip", "x-gzip"], suffix: ".gz" },
        }
    }

    /// Its name in `Content-Encoding`.
    pub const fn token(self) -> &'static str {
        self.row().tokens[0]
    }

    /// The end of a sidecar's name, after the name of the file; empty for identity.
    pub const fn suffix(self) -> &'static str {
        self.row().suffix
    }

    /// The coding that a file has by its own name: an SVG image called `.svgz` is compressed with gzip (SVG 1.1,
    /// appendix on its media type).
    pub fn of_name(name: &[u8]) -> Coding {
        let is_svgz = name.len().checked_sub(5).is_some_and(|dot| name[dot..].eq_ignore_ascii_case(b".svgz"));
        if is_svgz { Coding::Gzip } else { Coding::Identity }
    }

    /// The coding that `text` names, in any case; `None` for an unknown one.
    fn of(text: &[u8]) -> Option<Coding> {
        let is_named = |coding: &Coding| {
            coding.row().tokens.iter().any(|token| token.as_bytes().eq_ignore_ascii_case(text))
        };
        [Coding::Identity].into_iter().chain(SIDECARS).find(is_named)
    }
}

/// The best coding of a file for a client, from the values of all lines of `Accept-Encoding` and from the
/// available codings with their sizes in bytes, identity included.
///
/// The highest weight wins; among equals the smallest size, then the order of [`Coding`]. A client that sends
/// no such field gets identity: any coding would be allowed (RFC 9110 section 12.5.3), but a client that
/// names none can hardly decode one. `None` if the client refuses all that are available.
pub fn choose<'v>(
    values: impl Iterator<Item = &'v [u8]>,
    available: impl Iterator<Item = (Coding, u64)>,
) -> Option<Coding> {
    let preferences = Preferences::read(values);
    let acceptable = available.filter_map(|(coding, size)| Some((preferences.of(coding)?, size, coding)));
    let best = acceptable.min_by_key(|&(weight, size, coding)| (Reverse(weight), size, coding));
    best.map(|(_, _, coding)| coding)
}

/// The weights of `Accept-Encoding`, in thousandths; 0 is a refusal.
#[derive(Default)]
struct Preferences {
    listed: [Option<u16>; 1 + SIDECARS.len()],
    any: Option<u16>,
}

impl Preferences {
    /// Reads every member. One that is not well-formed is ignored, also if only its weight is not: it is
    /// neither a preference nor a refusal, and the other members still hold.
    fn read<'v>(values: impl Iterator<Item = &'v [u8]>) -> Preferences {
        let mut preferences = Preferences::default();
        for member in values.flat_map(field::members) {
            let (name, weight) = match memchr::memchr(b';', member) {
                Some(end) => (field::trim(&member[..end]), weight(field::trim(&member[end + 1..]))),
                None => (member, Some(1000)),
            };
            let place = match name {
                b"*" => Some(&mut preferences.any),
                _ => Coding::of(name).map(|coding| &mut preferences.listed[coding as usize]),
            };
            if let (Some(place), Some(weight)) = (place, weight) {
                // For a coding that is named twice the lower weight holds, and so does a refusal.
                *place = Some(place.map_or(weight, |other| other.min(weight)));
            }
        }
        preferences
    }

    /// The weight of a coding, up to 1000; `None` if it is refused or not named. Identity is acceptable
    /// without being named, but less than every named one.
    fn of(&self, coding: Coding) -> Option<u16> {
        match self.listed[coding as usize].or(self.any) {
            Some(0) => None,
            Some(weight) => Some(weight),
            None => (coding == Coding::Identity).then_some(0),
        }
    }
}

/// `q=0.5` in thousandths (RFC 9110 section 12.4.2): at most three digits, and nothing above 1.
pub(super) fn weight(parameter: &[u8]) -> Option<u16> {
    let [b'q' | b'Q', b'=', whole @ (b'0' | b'1'), fraction @ ..] = parameter else { return None };
    let digits = match fraction {
        [] => fraction,
        [b'.', digits @ ..] if digits.len() <= 3 => digits,
        _ => return None,
    };
    let mut thousandths = u16::from(whole - b'0') * 1000;
    for (digit, value) in digits.iter().zip([100, 10, 1]) {
        thousandths += char::from(*digit).to_digit(10)? as u16 * value;
    }
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Identity, Zstandard};
    use super::*;

    /// A file of 1000 bytes with sidecars of the given sizes.
    const ALL: &[(Coding, u64)] = &[(Identity, 1000), (Brotli, 300), (Zstandard, 310), (Gzip, 350)];

    fn chosen(lines: &[&str], available: &[(Coding, u64)]) -> Option<Coding> {
        choose(lines.iter().map(|line| line.as_bytes()), available.iter().copied())
    }

    #[test]
    fn one_line() {
        for (section, value, expected) in [
            ("12.5.3 of a browser", "gzip, deflate, br, zstd", Some(Brotli)),
            ("12.5.3 one", "gzip", Some(Gzip)),
            ("12.5.3 none that is available", "deflate, compress", Some(Identity)),
            ("12.5.3 empty", "", Some(Identity)),
            ("12.5.3 empty members", " ,, ", Some(Identity)),
            ("12.5.3 any", "*", Some(Brotli)),
            ("12.5.3 any but one", "*, br;q=0", Some(Zstandard)),
            ("12.5.3 any less", "*;q=0.5, gzip", Some(Gzip)),
            ("12.5.3 identity", "identity", Some(Identity)),
            ("12.5.3 identity less", "identity;q=0.5, gzip;q=0.4", Some(Identity)),
            ("12.5.3 identity unsaid is the last", "gzip;q=0.001", Some(Gzip)),
            ("12.5.3 identity refused", "identity;q=0", None),
            ("12.5.3 identity refused", "identity;q=0, gzip", Some(Gzip)),
            ("12.5.3 identity refused by any", "*;q=0", None),
            ("12.5.3 identity refused by any", "gzip, *;q=0", Some(Gzip)),
            ("12.5.3 identity before any", "identity, *;q=0", Some(Identity)),
            ("12.5.3 identity before any", "identity;q=0, *", Some(Brotli)),
            ("12.5.3 all refused", "gzip;q=0, br;q=0, zstd;q=0, identity;q=0", None),
            ("12.4.2 refused", "gzip;q=0", Some(Identity)),
            ("12.4.2 refused", "gzip;q=0.000", Some(Identity)),
            ("12.4.2 highest", "br;q=0.8, gzip;q=0.9, zstd;q=0.7", Some(Gzip)),
            ("12.4.2 highest", "br;q=0.999, gzip;q=1.0", Some(Gzip)),
            ("12.4.2 digits", "br;q=0.29, gzip;q=0.3", Some(Gzip)),
            ("12.4.2 digits", "br;q=1., gzip;q=0.", Some(Brotli)),
            ("12.4.2 space", "gzip ;\tq=0.5 , br;q=0.4", Some(Gzip)),
            ("12.4.2 case", "gzip;Q=0, br;Q=1", Some(Brotli)),
            ("8.4.1 case", "GZip", Some(Gzip)),
            ("8.4.1.3 x-gzip", "x-gzip", Some(Gzip)),
            ("8.4.1.3 x-gzip", "X-GZIP;q=0, *", Some(Brotli)),
            ("8.4.1 named twice", "gzip, gzip;q=0", Some(Identity)),
            ("8.4.1 named twice", "x-gzip;q=0, gzip", Some(Identity)),
        ] {
            assert_eq!(chosen(&[value], ALL), expected, "{section}: {value}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_ignored() {
        for (value, expected) in [
            ("gzip;q=2", Some(Identity)),
            ("gzip;q=1.001", Some(Identity)),
            ("gzip;q=0.1234", Some(Identity)),
            ("gzip;q=.5", Some(Identity)),
            ("gzip;q=-1", Some(Identity)),
            ("gzip;q=", Some(Identity)),
            ("gzip;q", Some(Identity)),
            ("gzip;", Some(Identity)),
            ("gzip;q =1", Some(Identity)),
            ("gzip;q=1;q=1", Some(Identity)),
            ("gzip;level=9", Some(Identity)),
            ("gzip;q=0,5", Some(Identity)),
            ("gzip;q=\u{b2}", Some(Identity)),
            ("gzip br", Some(Identity)),
            (";q=1", Some(Identity)),
            ("=;,\"", Some(Identity)),
            ("**", Some(Identity)),
            ("identity;q=none", Some(Identity)),
            ("*;q=none", Some(Identity)),
            ("br;q=high, gzip", Some(Gzip)),
        ] {
            assert_eq!(chosen(&[value], ALL), expected, "{value}");
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        // RFC 9110 section 5.3
        assert_eq!(chosen(&[], ALL), Some(Identity));
        assert_eq!(chosen(&["gzip", "br;q=0.5"], ALL), Some(Gzip));
        assert_eq!(chosen(&["*;q=0", "zstd"], ALL), Some(Zstandard));
        assert_eq!(chosen(&["", "gzip"], ALL), Some(Gzip));
    }

    #[test]
    fn what_there_is_decides_among_equals() {
        for (value, available, expected) in [
            ("gzip, br, zstd", &[(Identity, 9), (Gzip, 5), (Zstandard, 6)][..], Some(Gzip)),
            ("gzip, br, zstd", &[(Identity, 9), (Gzip, 5), (Zstandard, 5), (Brotli, 5)], Some(Brotli)),
            ("gzip, br, zstd", &[(Gzip, 5), (Zstandard, 5), (Identity, 9)], Some(Zstandard)),
            ("gzip", &[(Identity, 9), (Gzip, 10)], Some(Gzip)), // named before unsaid, whatever the size
            ("gzip, identity", &[(Identity, 9), (Gzip, 10)], Some(Identity)),
            ("gzip, identity", &[(Gzip, 9), (Identity, 9)], Some(Identity)),
            ("*", &[(Identity, 9), (Gzip, 10)], Some(Identity)),
            ("br", &[(Identity, 9), (Gzip, 5)], Some(Identity)),
            ("br, identity;q=0", &[(Identity, 9), (Gzip, 5)], None),
            ("br", &[], None),
        ] {
            assert_eq!(chosen(&[value], available), expected, "{value}: {available:?}");
        }
    }

    #[test]
    fn names() {
        // RFC 9110 section 8.4.1
        for (coding, token, suffix) in [
            (Brotli, "br", ".br"),
            (Zstandard, "zstd", ".zst"),
            (Gzip, "gzip", ".gz"),
            (Identity, "identity", ""),
        ] {
            assert_eq!((coding.token(), coding.suffix()), (token, suffix));
            assert_eq!(Coding::of(token.as_bytes()), Some(coding));
        }
        assert_eq!(Coding::of(b"deflate"), None);
    }

    #[test]
    fn files_that_are_coded_by_their_own_name() {
        for (name, expected) in [
            ("a.svgz", Gzip),
            ("b/A.SVGZ", Gzip),
            ("a.svg", Identity),
            ("svgz", Identity),
            ("a.gz", Identity),
        ] {
            assert_eq!(Coding::of_name(name.as_bytes()), expected, "{name}");
        }
    }
}
