//! Integers that begin in the low bits of a byte (section 5.1).

use super::DecodeError;

/// Bytes after the first one. They carry 35 bits, and a number has 32 at most.
const MAX_CONTINUATION: u32 = 5;

/// Takes a number off the front of `rest`. Its first `prefix` bits are the low ones of the first byte.
///
/// # Errors
/// The bytes end within the number, or it needs more than 32 bits or [`MAX_CONTINUATION`] bytes.
pub(super) fn decode(rest: &mut &[u8], prefix: u32) -> Result<usize, DecodeError> {
    let (&first, mut bytes) = rest.split_first().ok_or(DecodeError::Truncated)?;
    let full = u8::MAX >> (8 - prefix);
    let mut number = u64::from(first & full);
    if number == u64::from(full) {
        let mut shift = 0;
        loop {
            let (&byte, after) = bytes.split_first().ok_or(DecodeError::Truncated)?;
            bytes = after;
            number += u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            if shift == 7 * MAX_CONTINUATION {
                return Err(DecodeError::IntegerTooLarge);
            }
        }
    }
    *rest = bytes;
    u32::try_from(number).map(|number| number as usize).map_err(|_| DecodeError::IntegerTooLarge)
}

/// Appends a number. Its first `prefix` bits follow the high bits of the first byte, which are those of `pattern`.
#[inline]
pub(super) fn encode(out: &mut Vec<u8>, pattern: u8, prefix: u32, number: usize) {
    let full = usize::from(u8::MAX >> (8 - prefix));
    out.push(pattern | number.min(full) as u8);
    let Some(mut rest) = number.checked_sub(full) else { return };
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_both_ways() {
        // The first three are those of appendix C.1.
        let rows: [(u32, usize, &[u8]); 9] = [
            (5, 10, &[0b01010]),
            (5, 1337, &[0b11111, 0b1001_1010, 0b0000_1010]),
            (8, 42, &[0b0010_1010]),
            (7, 0, &[0]),
            (7, 126, &[126]),
            (7, 127, &[127, 0]),
            (4, 15 + 127, &[15, 127]),
            (4, 15 + 128, &[15, 128, 1]),
            (7, u32::MAX as usize, &[127, 0x80, 0xff, 0xff, 0xff, 0x0f]),
        ];
        for (prefix, number, bytes) in rows {
            let mut out = Vec::new();
            encode(&mut out, 0, prefix, number);
            assert_eq!(out, bytes, "{number}");
            out.push(9);
            let mut rest = out.as_slice();
            assert_eq!(decode(&mut rest, prefix), Ok(number));
            assert_eq!(rest, [9]);
            for end in 0..bytes.len() {
                assert_eq!(decode(&mut &bytes[..end], prefix), Err(DecodeError::Truncated));
            }
        }
    }

    #[test]
    fn high_bits_are_not_part_of_the_number() {
        let mut out = Vec::new();
        encode(&mut out, 0xe0, 5, 10);
        assert_eq!(out, [0b1110_1010]);
        assert_eq!(decode(&mut out.as_slice(), 5), Ok(10));
    }

    #[test]
    fn what_is_too_large() {
        let rows: [(&[u8], Result<usize, DecodeError>); 5] = [
            (&[127, 0x81, 0xff, 0xff, 0xff, 0x0f], Err(DecodeError::IntegerTooLarge)),
            (&[127, 0xff, 0xff, 0xff, 0xff, 0x7f], Err(DecodeError::IntegerTooLarge)),
            // Zeros that lead are allowed, up to the limit.
            (&[127, 0x81, 0x80, 0x80, 0x80, 0x00], Ok(128)),
            (&[127, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00], Err(DecodeError::IntegerTooLarge)),
            (&[127, 0x80, 0x80, 0x80, 0x80, 0x80], Err(DecodeError::IntegerTooLarge)),
        ];
        for (mut bytes, expected) in rows {
            assert_eq!(decode(&mut bytes, 7), expected, "{bytes:x?}");
        }
    }
}
