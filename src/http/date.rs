//! Dates as fields carry them (RFC 9110 section 5.6.7), as seconds since 1970 in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes of a date in the form that is sent: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub const LENGTH: usize = 29;

/// The last second of the year 9999: the form has no room for a fifth digit.
const LAST: u64 = 253_402_300_799;

/// The date in its preferred form, IMF-fixdate. A later year than 9999 is clamped to it.
pub fn format(seconds: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.min(LAST)))
}

/// The seconds of a date in any of the three forms; `None` for what is not a date.
pub fn parse(value: &[u8]) -> Option<u64> {
    let time: SystemTime = httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_and_nothing_else() {
        // RFC 9110 section 5.6.7
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
            ("784111777", None),
            ("", None),
            ("\u{fc}", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_form_that_is_sent() {
        assert_eq!(format(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(format(0).len(), LENGTH);
        assert_eq!(format(u64::MAX).len(), LENGTH);
    }
}
