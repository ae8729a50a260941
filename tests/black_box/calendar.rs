//! HTTP dates (RFC 9110 section 5.6.7), written from the text of the RFC and not with the server's crate,
//! so that the two check one another. All times are seconds since 1970, UTC.
//! The three forms are for requests; a reply may only use the first.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: i64 = 86_400;

/// Sun, 06 Nov 1994 08:49:37 GMT: the example of the RFC, and the age of many test files.
pub(crate) const EXAMPLE: i64 = 784_111_777;

/// The second that it is now.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_secs()).expect("seconds fit into i64")
}

/// A second as the file system wants it.
pub(crate) fn system_time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
pub(crate) fn imf(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    format!("{}, {day:02} {} {year:04} {} GMT", &weekday(seconds)[..3], MONTHS[month], clock(seconds))
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
pub(crate) fn rfc850(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    format!("{}, {day:02}-{}-{:02} {} GMT", weekday(seconds), MONTHS[month], year % 100, clock(seconds))
}

/// `Sun Nov  6 08:49:37 1994`
pub(crate) fn asctime(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    format!("{} {} {day:2} {} {year:04}", &weekday(seconds)[..3], MONTHS[month], clock(seconds))
}

/// Reads an IMF-fixdate, and nothing that differs from one by a single byte.
pub(crate) fn parse_imf(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let month = MONTHS.iter().position(|name| text.get(8..11) == Some(name))?;
    let days = days_since_1970(number(12, 16)?, month, number(5, 7)?);
    let seconds = days * DAY + number(17, 19)? * 3600 + number(20, 22)? * 60 + number(23, 25)?;
    (imf(seconds) == text).then_some(seconds)
}

/// Reads the date of an access line: `22/Nov/2026:17:35:27 +0000`.
pub(crate) fn parse_log(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let month = MONTHS.iter().position(|name| text.get(3..6) == Some(name))?;
    let days = days_since_1970(number(7, 11)?, month, number(0, 2)?);
    let whole = text.len() == 26 && text.ends_with(" +0000");
    whole.then_some(days * DAY + number(12, 14)? * 3600 + number(15, 17)? * 60 + number(18, 20)?)
}

fn weekday(seconds: i64) -> &'static str {
    // The first of January 1970 was a Thursday.
    let index = (seconds.div_euclid(DAY) + 4).rem_euclid(7);
    DAYS[usize::try_from(index).expect("a remainder is not negative")]
}

fn clock(seconds: i64) -> String {
    let of_day = seconds.rem_euclid(DAY);
    format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

/// Year, month (0 to 11) and day (from 1) of a day, counted the plain way: year by year, month by month.
fn civil(mut days: i64) -> (i64, usize, i64) {
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += 365 + i64::from(is_leap(year));
    }
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let mut month = 0;
    while days >= month_length(year, month) {
        days -= month_length(year, month);
        month += 1;
    }
    (year, month, days + 1)
}

fn days_since_1970(year: i64, month: usize, day: i64) -> i64 {
    let years: i64 = (1970..year).map(|year| 365 + i64::from(is_leap(year))).sum();
    let months: i64 = (0..month).map(|month| month_length(year, month)).sum();
    years + months + day - 1
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_length(year: i64, month: usize) -> i64 {
    match month {
        1 => 28 + i64::from(is_leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[test]
fn the_three_forms_are_those_of_the_rfc() {
    assert_eq!(imf(EXAMPLE), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(rfc850(EXAMPLE), "Sunday, 06-Nov-94 08:49:37 GMT");
    assert_eq!(asctime(EXAMPLE), "Sun Nov  6 08:49:37 1994");
    assert_eq!(parse_imf(&imf(EXAMPLE)), Some(EXAMPLE));
    assert_eq!(parse_imf("Sun, 6 Nov 1994 08:49:37 GMT"), None);
    assert_eq!(parse_log("06/Nov/1994:08:49:37 +0000"), Some(EXAMPLE));
}
