//! Dates as fields carry them (RFC 9110 section 5.6.7), as seconds since 1970 in UTC.
//!
//! Three forms are read and one is sent. The `httpdate` crate writes that one. It does not read for us: it
//! knows neither leap seconds nor years before 1970, and `If-Unmodified-Since` of such a year must fail.

use std::time::{Duration, UNIX_EPOCH};

/// The last second of the year 9999: the form has no room for a fifth digit.
const LAST: u64 = 253_402_300_799;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// From the first day of 1970 on.
const DAYS_OF_WEEK: [&str; 7] =
    ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The date in its preferred form, IMF-fixdate. A later year than 9999 is clamped to it.
pub fn format(seconds: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.min(LAST)))
}

/// The date and the time of day as RFC 3339 writes them, without a fraction and a zone: `1994-11-06T08:49:37`.
pub fn format_rfc3339(seconds: u64) -> String {
    let date = format(seconds);
    let month = 1 + MONTHS.iter().position(|name| *name == &date[8..11]).unwrap_or_default();
    format!("{}-{month:02}-{}T{}", &date[12..16], &date[5..7], &date[17..25])
}

/// The seconds of a date in any of the three forms, negative before 1970; `None` if it is no date.
///
/// It is strict: names have a case, numbers have all their digits, and the day of the week is that of the
/// date. Nothing is lost by it, since a precondition with an invalid date is ignored.
pub fn parse(value: &[u8]) -> Option<i64> {
    // No form has more than six words; a seventh one means that it is none of them.
    let words: Vec<&[u8]> = value.split(|&byte| byte == b' ').take(7).collect();
    let (is_right_day_of_week, days, time) = match words.as_slice() {
        // IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`
        [[name @ .., b','], day, month, year, time, b"GMT"] => {
            let days = days(number(year, 4)?, month, number(day, 2)?)?;
            (name == &day_of_week(days)[..3], days, time)
        }
        // rfc850-date: `Sunday, 06-Nov-94 08:49:37 GMT`
        [[name @ .., b','], [day @ .., b'-', m1, m2, m3, b'-', y1, y2], time, b"GMT"] => {
            let days = days(full_year(number(&[*y1, *y2], 2)?), &[*m1, *m2, *m3], number(day, 2)?)?;
            (name == day_of_week(days), days, time)
        }
        // asctime-date: `Sun Nov  6 08:49:37 1994` or `Sun Nov 16 08:49:37 1994`
        [name, month, b"", day @ [_], time, year] | [name, month, day @ [_, _], time, year] => {
            let days = days(number(year, 4)?, month, number(day, day.len())?)?;
            (*name == &day_of_week(days)[..3], days, time)
        }
        _ => return None,
    };
    if is_right_day_of_week { Some(days * DAY + second_of_day(time)?) } else { None }
}

/// The year that two digits stand for. RFC 9110 asks that a year which seems to lie more than 50 years ahead
/// is taken for a past one. This rule does so at any time from 2019 on, and needs no clock.
fn full_year(two_digits: i64) -> i64 {
    if two_digits < 70 { 2000 + two_digits } else { 1900 + two_digits }
}

/// Days from the first of 1970 to a day, negative before it; `None` if there is no such day.
fn days(year: i64, month: &[u8], day: i64) -> Option<i64> {
    let leap_days_to = |year: i64| year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let leap_days_before = leap_days_to(year - 1);
    let february = 28 + leap_days_to(year) - leap_days_before;
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = MONTHS.iter().position(|name| name.as_bytes() == month)?;
    if !(1..=lengths[month]).contains(&day) {
        return None;
    }
    let leap_days = leap_days_before - leap_days_to(1969);
    Some((year - 1970) * 365 + leap_days + lengths[..month].iter().sum::<i64>() + day - 1)
}

/// The name of a day, by its distance from the first of 1970.
fn day_of_week(days: i64) -> &'static [u8] {
    DAYS_OF_WEEK[days.rem_euclid(7) as usize].as_bytes()
}

/// `08:49:37`. A second of 60 is a leap second (RFC 5322 section 3.3), and becomes the first of the next
/// minute.
fn second_of_day(time: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *time else { return None };
    let (hour, minute, second) = (number(&[h1, h2], 2)?, number(&[m1, m2], 2)?, number(&[s1, s2], 2)?);
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// A number of exactly so many digits.
fn number(text: &[u8], digits: usize) -> Option<i64> {
    if text.len() != digits || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |number, byte| number * 10 + i64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00"),
            (784_111_777, "1994-11-06T08:49:37"),
            (1_709_251_199, "2024-02-29T23:59:59"),
            (LAST + 1, "9999-12-31T23:59:59"),
        ] {
            assert_eq!(format_rfc3339(seconds), expected);
        }
    }

    #[test]
    fn dates() {
        for (section, text, expected) in [
            ("9110 5.6.7 IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("9110 5.6.7 rfc850-date", "Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("9110 5.6.7 asctime-date", "Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("9110 5.6.7 asctime-date", "Wed Nov 16 08:49:37 1994", Some(784_975_777)),
            ("9110 5.6.7 asctime-date of two digits", "Sun Nov 06 08:49:37 1994", Some(784_111_777)),
            ("9110 5.6.7 1970", "Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("9110 5.6.7 before 1970", "Wed, 31 Dec 1969 23:59:59 GMT", Some(-1)),
            ("9110 5.6.7 before 1970", "Wed Dec 31 23:59:59 1969", Some(-1)),
            ("9110 5.6.7 before 1970", "Mon, 01 Jan 0001 00:00:00 GMT", Some(-62_135_596_800)),
            ("9110 5.6.7 the last", "Fri, 31 Dec 9999 23:59:59 GMT", Some(LAST as i64)),
            ("5322 3.3 leap day", "Thu, 29 Feb 2024 00:00:00 GMT", Some(1_709_164_800)),
            ("5322 3.3 leap day", "Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400)),
            ("5322 3.3 no leap day", "Sun, 29 Feb 2026 00:00:00 GMT", None),
            ("5322 3.3 no leap day", "Mon, 29 Feb 2100 00:00:00 GMT", None),
            ("5322 3.3 no leap day", "Thu, 29 Feb 1900 00:00:00 GMT", None),
            ("5322 3.3 no such day", "Thu, 31 Feb 1994 08:49:37 GMT", None),
            ("5322 3.3 no such day", "Thu, 31 Nov 1994 08:49:37 GMT", None),
            ("5322 3.3 no such day", "Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("5322 3.3 no such day", "Tue, 32 Nov 1994 08:49:37 GMT", None),
            ("5322 3.3 leap second", "Sat, 31 Dec 2016 23:59:60 GMT", Some(1_483_228_800)),
            ("5322 3.3 leap second", "Saturday, 31-Dec-16 23:59:60 GMT", Some(1_483_228_800)),
            ("5322 3.3 leap second", "Sat Dec 31 23:59:60 2016", Some(1_483_228_800)),
            ("5322 3.3 leap second at another time", "Sun, 06 Nov 1994 08:49:60 GMT", Some(784_111_800)),
            ("5322 3.3 no such second", "Sat, 31 Dec 2016 23:59:61 GMT", None),
            ("5322 3.3 no such minute", "Sun, 06 Nov 1994 08:60:37 GMT", None),
            ("5322 3.3 no such hour", "Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("5322 3.3 another day of the week", "Mon, 06 Nov 1994 08:49:37 GMT", None),
            ("5322 3.3 another day of the week", "Monday, 06-Nov-94 08:49:37 GMT", None),
            ("5322 3.3 another day of the week", "Mon Nov  6 08:49:37 1994", None),
            ("9110 5.6.7 two digits of a year", "Tuesday, 31-Dec-69 00:00:00 GMT", Some(3_155_673_600)),
            ("9110 5.6.7 two digits of a year", "Thursday, 01-Jan-70 00:00:00 GMT", Some(0)),
            ("9110 5.6.7 two digits of a year", "Friday, 31-Dec-99 00:00:00 GMT", Some(946_598_400)),
            ("9110 5.6.7 two digits of a year", "Saturday, 01-Jan-00 00:00:00 GMT", Some(946_684_800)),
            ("9110 5.6.7 case", "sun, 06 Nov 1994 08:49:37 GMT", None),
            ("9110 5.6.7 case", "Sun, 06 NOV 1994 08:49:37 GMT", None),
            ("9110 5.6.7 case", "Sun, 06 Nov 1994 08:49:37 gmt", None),
            ("9110 5.6.7 the name of another form", "Sunday, 06 Nov 1994 08:49:37 GMT", None),
            ("9110 5.6.7 the name of another form", "Sun, 06-Nov-94 08:49:37 GMT", None),
            ("9110 5.6.7 the name of another form", "Sunday Nov  6 08:49:37 1994", None),
            ("9110 5.6.7 another zone", "Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("9110 5.6.7 another zone", "Sun, 06 Nov 1994 08:49:37 +0000", None),
            ("9110 5.6.7 no zone", "Sun, 06 Nov 1994 08:49:37", None),
            ("9110 5.6.7 a zone too many", "Sun Nov  6 08:49:37 1994 GMT", None),
            ("9110 5.6.7 digits", "Sun, 6 Nov 1994 08:49:37 GMT", None),
            ("9110 5.6.7 digits", "Sun, 06 Nov 94 08:49:37 GMT", None),
            ("9110 5.6.7 digits", "Sun, 06 Nov 1994 8:49:37 GMT", None),
            ("9110 5.6.7 digits", "Sunday, 06-Nov-1994 08:49:37 GMT", None),
            ("9110 5.6.7 digits", "Sun Nov 6 08:49:37 1994", None),
            ("9110 5.6.7 digits", "Sun, +6 Nov 1994 08:49:37 GMT", None),
            ("9110 5.6.7 spaces", "Sun,  06 Nov 1994 08:49:37 GMT", None),
            ("9110 5.6.7 spaces", "Sun, 06 Nov 1994 08:49:37 GMT ", None),
            ("9110 5.6.7 spaces", "Sun, 06\tNov 1994 08:49:37 GMT", None),
            ("9110 5.6.7 no comma", "Sun 06 Nov 1994 08:49:37 GMT", None),
            ("9110 5.6.7 not a date", "784111777", None),
            ("9110 5.6.7 not a date", "", None),
            ("9110 5.6.7 not a date", "       ", None),
            ("9110 5.6.7 not a date", "\u{fc}", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{section}: {text}");
        }
    }

    #[test]
    fn the_form_that_is_sent() {
        assert_eq!(format(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(format(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(format(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
