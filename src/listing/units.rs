//! Sizes and times in figures that people read.

use std::fmt::{self, Display, Formatter};

/// Bytes, in binary units (IEC 80000-13): exactly below 1 KiB, then with one decimal place.
pub(super) struct Size(pub(super) u64);

impl Display for Size {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(formatter, "{} B", self.0);
        }
        // Tenths of a unit, rounded, which may make the next unit of it: 1,048,575 bytes are 1.0 MiB.
        let tenths = |exponent: usize| {
            let unit = 1_u128 << (10 * exponent);
            (u128::from(self.0) * 10 + unit / 2) / unit
        };
        let exponent = (1..UNITS.len()).find(|&exponent| tenths(exponent) < 10_240).unwrap_or(UNITS.len());
        let tenths = tenths(exponent);
        write!(formatter, "{}.{} {}", tenths / 10, tenths % 10, UNITS[exponent - 1])
    }
}

/// A point in time in UTC.
pub(super) struct Utc {
    year: u64,
    month: u64,
    day: u64,
    minutes: u64,
    seconds: u64,
}

impl Utc {
    /// The time so many seconds after the beginning of 1970, up to the end of the year 9999.
    pub(super) fn new(seconds: u64) -> Utc {
        const LAST: u64 = 253_402_300_799;
        let seconds = seconds.min(LAST);
        // Years begin with March here, so that the leap day is the last of a year; 719,468 days lie between the first
        // of March of the year 0 and the beginning of 1970, 146,097 days are 400 years.
        let days = seconds / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
        // 153 days are five months, from March on and from August on.
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        Utc { year, month, day, minutes: seconds % 86_400 / 60, seconds: seconds % 60 }
    }

    fn date(&self, formatter: &mut Formatter) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    fn time(&self, formatter: &mut Formatter) -> fmt::Result {
        write!(formatter, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

/// `2026-11-25 06:52`; with `#`, as in `{:#}`, to the second as RFC 3339 has it: `2026-11-25T06:52:43Z`.
impl Display for Utc {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        self.date(formatter)?;
        formatter.write_str(if formatter.alternate() { "T" } else { " " })?;
        self.time(formatter)?;
        if formatter.alternate() { write!(formatter, ":{:02}Z", self.seconds) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1126, "1.1 KiB"),
            (10 * 1024, "10.0 KiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_525, "1.0 MiB"),
            (1_048_575, "1.0 MiB"),
            (1 << 20, "1.0 MiB"),
            (3 << 29, "1.5 GiB"),
            (1 << 40, "1.0 TiB"),
            (1 << 50, "1.0 PiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), expected, "{bytes}");
        }
    }

    #[test]
    fn times() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (784_111_777, "1994-11-06T08:49:37Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (1_798_761_600, "2027-01-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(format!("{:#}", Utc::new(seconds)), expected, "{seconds}");
        }
        assert_eq!(Utc::new(784_111_777).to_string(), "1994-11-06 08:49");
    }
}
