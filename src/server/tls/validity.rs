//! The end of a certificate's validity: the one field that is read here (RFC 5280 section 4.1.2.5, X.690).

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// The second since 1970 after which a certificate is no longer valid; `None` for what is no certificate.
pub(super) fn end(certificate: &[u8]) -> Option<i64> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if let Some((_, after)) = element(fields, VERSION) {
        fields = after;
    }
    let (_, after) = element(fields, INTEGER)?; // serial number
    let (_, after) = element(after, SEQUENCE)?; // signature algorithm
    let (_, after) = element(after, SEQUENCE)?; // issuer
    let (validity, _) = element(after, SEQUENCE)?;
    let (_, after) = time(validity)?;
    time(after).map(|(end, _)| end)
}

/// The content of the first element, which must have this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, after) = bytes.split_first()?;
    let (&first, after) = after.split_first()?;
    let (length, content) = match first {
        0..=0x7f => (usize::from(first), after),
        0x81..=0x84 => {
            let (digits, content) = after.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |number, &digit| number << 8 | usize::from(digit)), content)
        }
        _ => return None,
    };
    content.split_at_checked(length).filter(|_| found == tag)
}

/// The time at the front, and what follows it: `YYMMDDHHMMSSZ`, or the same with four digits of the year.
fn time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (text, after, year_digits) = match element(bytes, UTC_TIME) {
        Some((text, after)) => (text, after, 2),
        None => element(bytes, GENERALIZED_TIME).map(|(text, after)| (text, after, 4))?,
    };
    let (digits, zone) = text.split_at_checked(year_digits + 10)?;
    if zone != b"Z" || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        digits[range].iter().fold(0, |number, &digit| number * 10 + i64::from(digit - b'0'))
    };
    let at = |index: usize| number(year_digits + 2 * index..year_digits + 2 * index + 2);
    let year = match number(0..year_digits) {
        short @ 0..50 if year_digits == 2 => 2000 + short,
        short if year_digits == 2 => 1900 + short,
        year => year,
    };
    let days = days_since_1970(year, at(0), at(1));
    Some((((days * 24 + at(2)) * 60 + at(3)) * 60 + at(4), after))
}

/// Days from the first of 1970 to a day of the Gregorian calendar. A year begins in March here: its leap day is then
/// the last one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const TO_MARCH_OF_YEAR_0: i64 = 719_468;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - TO_MARCH_OF_YEAR_0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        // RFC 5280 sections 4.1.2.5.1 and 4.1.2.5.2
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "500101000000Z", Some(-631_152_000)),
            (UTC_TIME, "240229120000Z", Some(1_709_208_000)),
            (UTC_TIME, "240301000000Z", Some(1_709_251_200)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (UTC_TIME, "2401010000Z", None),
            (UTC_TIME, "240101000000+0100", None),
            (UTC_TIME, "24010100000xZ", None),
            (INTEGER, "240101000000Z", None),
        ] {
            let mut bytes = vec![tag, text.len() as u8];
            bytes.extend_from_slice(text.as_bytes());
            assert_eq!(time(&bytes).map(|(time, _)| time), expected, "{text}");
        }
    }

    #[test]
    fn a_certificate_says_when_it_ends_and_a_part_of_it_does_not() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(["a".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2031, 2, 3);
        let certificate = parameters.self_signed(&key).unwrap();
        let end_of_2031 = days_since_1970(2031, 2, 3) * 86_400;
        assert_eq!(end(certificate.der()), Some(end_of_2031));
        for length in 0..certificate.der().len() {
            assert_eq!(end(&certificate.der()[..length]), None, "{length} bytes");
        }
    }
}
