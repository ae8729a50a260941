//! The Huffman code of strings (section 5.2 and appendix B).
//!
//! The code is canonical: shorter codes come first, and those of one length in the order of their symbols. So the
//! lengths are the whole code, and every table here is computed from them.

use super::DecodeError;

/// Bits of the code of each byte, and of the symbol that ends a string and never comes.
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28,
    28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6,
    6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7,
    8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7,
    15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24,
    23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23,
    23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26,
    26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20,
    21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27,
    27, 27, 26, 30,
];

const SYMBOLS: usize = 257;
const END_OF_STRING: u16 = 256;
const SHORTEST: usize = 5;
const LONGEST: usize = 30;
/// Bits that are looked up at once: the codes of digits, letters and most punctuation are not longer.
const SHORT: usize = 8;
/// The largest number of bits that fill the last byte of a string.
const MAX_PADDING: u32 = 7;

#[derive(Clone, Copy)]
struct Code {
    /// In the low bits.
    bits: u32,
    length: u8,
}

#[derive(Clone, Copy)]
struct Symbol {
    symbol: u16,
    /// Bits of its code; 0 for an entry of [`BY_BYTE`] that begins a longer code.
    length: u8,
}

/// Codes of one length, as they stand in the high bits of 32.
#[derive(Clone, Copy)]
struct Group {
    first: u32,
    /// The highest 32 bits that begin with a code of the group; 0 if there is none.
    last: u32,
    /// The place of its first symbol in [`IN_ORDER`].
    place: usize,
}

static CODES: [Code; SYMBOLS] = codes();
static IN_ORDER: [u16; SYMBOLS] = in_order();
static GROUPS: [Group; LONGEST + 1] = groups();
static BY_BYTE: [Symbol; 1 << SHORT] = by_byte();

const fn codes() -> [Code; SYMBOLS] {
    let mut codes = [Code { bits: 0, length: 0 }; SYMBOLS];
    let (order, mut next, mut place) = (in_order(), 0, 0);
    while place < SYMBOLS {
        let symbol = order[place] as usize;
        codes[symbol] = Code { bits: next, length: LENGTHS[symbol] };
        place += 1;
        if place < SYMBOLS {
            next = (next + 1) << (LENGTHS[order[place] as usize] - LENGTHS[symbol]);
        }
    }
    codes
}

/// The symbols in the order of their codes.
const fn in_order() -> [u16; SYMBOLS] {
    let mut order = [0; SYMBOLS];
    let (mut place, mut length) = (0, 0);
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                order[place] = symbol as u16;
                place += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    order
}

const fn groups() -> [Group; LONGEST + 1] {
    let mut groups = [Group { first: 0, last: 0, place: 0 }; LONGEST + 1];
    let (codes, order) = (codes(), in_order());
    let mut place = SYMBOLS;
    while place > 0 {
        place -= 1;
        let Code { bits, length } = codes[order[place] as usize];
        let group = &mut groups[length as usize];
        let unused = 32 - length as u32;
        if group.last == 0 {
            group.last = bits << unused | ((1 << unused) - 1);
        }
        group.first = bits << unused;
        group.place = place;
    }
    groups
}

const fn by_byte() -> [Symbol; 1 << SHORT] {
    let mut table = [Symbol { symbol: 0, length: 0 }; 1 << SHORT];
    let codes = codes();
    let mut symbol = 0;
    while symbol < SYMBOLS {
        let Code { bits, length } = codes[symbol];
        if length as usize <= SHORT {
            let unused = SHORT - length as usize;
            let mut byte = (bits as usize) << unused;
            while byte >> unused == bits as usize {
                table[byte] = Symbol { symbol: symbol as u16, length };
                byte += 1;
            }
        }
        symbol += 1;
    }
    table
}

/// Bytes of the code of a string.
pub(super) fn length(string: impl Iterator<Item = u8>) -> usize {
    let bits: usize = string.map(|byte| usize::from(LENGTHS[usize::from(byte)])).sum();
    bits.div_ceil(8)
}

/// Appends the code of a string.
pub(super) fn encode(string: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    // The low `held` bits, fewer than 32 between two bytes, are not in `out` yet.
    let (mut window, mut held) = (0_u64, 0);
    for byte in string {
        let Code { bits, length } = CODES[usize::from(byte)];
        window = window << length | u64::from(bits);
        held += u32::from(length);
        if held >= 32 {
            held -= 32;
            out.extend_from_slice(&((window >> held) as u32).to_be_bytes());
        }
    }
    let padding = held.wrapping_neg() % 8;
    window = window << padding | ((1 << padding) - 1);
    held += padding;
    let end = out.len() + held as usize / 8;
    out.extend_from_slice(&((window << (32 - held)) as u32).to_be_bytes());
    out.truncate(end);
}

/// Appends the string of a code.
///
/// # Errors
/// The code has the symbol that ends a string, or its end is not the beginning of that symbol in fewer than 8 bits.
pub(super) fn decode(code: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut window = Window { bits: 0, held: 0, rest: code };
    loop {
        window.refill();
        window.decode_short(out);
        window.refill();
        // After the end, there are ones: the padding goes on.
        let Symbol { symbol, length } = symbol_of((window.padded() >> 32) as u32);
        if u32::from(length) > window.held {
            break;
        }
        if symbol == END_OF_STRING {
            return Err(DecodeError::Huffman);
        }
        out.push(symbol as u8);
        window.skip(length);
    }
    let is_padding = window.held <= MAX_PADDING && window.padded() == u64::MAX;
    if is_padding { Ok(()) } else { Err(DecodeError::Huffman) }
}

/// The next bits of a code.
struct Window<'a> {
    /// The first ones are the high ones.
    bits: u64,
    /// How many there are, fewer than 64. Those after them are zeros, or the first ones of `rest`.
    held: u32,
    rest: &'a [u8],
}

impl Window<'_> {
    /// Adds bytes while there is room for a whole one: then there are 56 bits at least, or all that are left.
    fn refill(&mut self) {
        if let Some(word) = self.rest.first_chunk() {
            // Bits of a byte that does not fit are the same when it comes again.
            self.bits |= u64::from_be_bytes(*word) >> self.held;
            let count = (63 - self.held) / 8;
            self.rest = &self.rest[count as usize..];
            self.held += 8 * count;
            return;
        }
        while self.held < 56
            && let Some((&byte, after)) = self.rest.split_first()
        {
            self.bits |= u64::from(byte) << (56 - self.held);
            self.held += 8;
            self.rest = after;
        }
    }

    /// The symbols of short codes, as many as there are certain to be bits for.
    fn decode_short(&mut self, out: &mut Vec<u8>) {
        let mut symbols = [0; 64 / SHORTEST];
        let mut count = 0;
        while self.held >= SHORT as u32 {
            let Symbol { symbol, length } = BY_BYTE[(self.bits >> (64 - SHORT)) as usize];
            if length == 0 {
                break;
            }
            symbols[count] = symbol as u8;
            count += 1;
            self.skip(length);
        }
        out.extend_from_slice(&symbols[..count]);
    }

    fn padded(&self) -> u64 {
        self.bits | u64::MAX >> self.held
    }

    fn skip(&mut self, length: u8) {
        self.bits <<= length;
        self.held -= u32::from(length);
    }
}

/// The symbol whose code 32 bits begin with.
fn symbol_of(next: u32) -> Symbol {
    let short = BY_BYTE[(next >> (32 - SHORT)) as usize];
    if short.length > 0 {
        return short;
    }
    for (length, group) in GROUPS.iter().enumerate().skip(SHORT + 1) {
        if next <= group.last {
            let place = group.place + ((next - group.first) >> (32 - length)) as usize;
            return Symbol { symbol: IN_ORDER[place], length: length as u8 };
        }
    }
    // The longest group goes up to the highest number: this is not reached.
    Symbol { symbol: END_OF_STRING, length: LONGEST as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(string: &[u8]) -> Vec<u8> {
        let mut code = Vec::new();
        encode(string.iter().copied(), &mut code);
        assert_eq!(code.len(), length(string.iter().copied()));
        code
    }

    fn decoded(code: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let mut string = Vec::new();
        decode(code, &mut string).map(|()| string)
    }

    #[test]
    fn codes_of_appendix_b() {
        // Of each length, the first and the last one.
        let rows = [
            (48, 0x0, 5),
            (116, 0x9, 5),
            (32, 0x14, 6),
            (117, 0x2d, 6),
            (58, 0x5c, 7),
            (122, 0x7b, 7),
            (38, 0xf8, 8),
            (90, 0xfd, 8),
            (33, 0x3f8, 10),
            (63, 0x3fc, 10),
            (39, 0x7fa, 11),
            (124, 0x7fc, 11),
            (35, 0xffa, 12),
            (62, 0xffb, 12),
            (0, 0x1ff8, 13),
            (126, 0x1ffd, 13),
            (94, 0x3ffc, 14),
            (125, 0x3ffd, 14),
            (60, 0x7ffc, 15),
            (123, 0x7ffe, 15),
            (92, 0x7fff0, 19),
            (208, 0x7fff2, 19),
            (128, 0xfffe6, 20),
            (226, 0xfffed, 20),
            (153, 0x1fffdc, 21),
            (230, 0x1fffe8, 21),
            (129, 0x3fffd2, 22),
            (233, 0x3fffeb, 22),
            (1, 0x7fffd8, 23),
            (239, 0x7ffff4, 23),
            (9, 0xffffea, 24),
            (237, 0xfffff5, 24),
            (199, 0x1ffffec, 25),
            (235, 0x1ffffef, 25),
            (192, 0x3ffffe0, 26),
            (255, 0x3ffffee, 26),
            (203, 0x7ffffde, 27),
            (254, 0x7fffff0, 27),
            (2, 0xfffffe2, 28),
            (249, 0xffffffe, 28),
            (10, 0x3ffffffc, 30),
            (256, 0x3fffffff, 30),
        ];
        for (symbol, bits, length) in rows {
            assert_eq!((CODES[symbol].bits, CODES[symbol].length), (bits, length), "{symbol}");
        }
    }

    #[test]
    fn strings_both_ways() {
        // The first ones are those of appendix C.4 and C.6.
        let rows: [(&[u8], &[u8]); 5] = [
            (b"www.example.com", b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"),
            (b"no-cache", b"\xa8\xeb\x10\x64\x9c\xbf"),
            (b"307", b"\x64\x0e\xff"),
            (b"", b""),
            (b"\n", b"\xff\xff\xff\xf3"),
        ];
        for (string, code) in rows {
            assert_eq!(encoded(string), code, "{}", string.escape_ascii());
            assert_eq!(decoded(code).as_deref(), Ok(string));
        }
    }

    #[test]
    fn each_byte_after_and_before_each_other() {
        for first in 0..=255 {
            for second in 0..=255 {
                let string = [first, second, first, b'0', second];
                assert_eq!(decoded(&encoded(&string)).as_deref(), Ok(&string[..]));
            }
        }
    }

    #[test]
    fn every_length_of_string() {
        for length in 0..100 {
            for byte in [b'a', b'%', b'z', b'&', b'"', 0, 10, 255] {
                let string = vec![byte; length];
                assert_eq!(decoded(&encoded(&string)), Ok(string));
            }
        }
    }

    #[test]
    fn what_is_not_the_code_of_a_string() {
        let rows: [&[u8]; 8] = [
            b"\xff",                         // eight bits of padding
            b"\x1f\xff",                     // the same after a symbol
            b"\x18",                         // padding with a zero in it
            b"\x1e",                         // the same at the very end
            b"\xff\xff\xff\xff",             // the end of the string
            b"\xff\xff\xff\xfc",             // the same, and then zeros
            b"\x1f\xff\xff\xff\xff\x00\x00", // the same between other symbols
            b"\xff\xff\xff",                 // the beginning of a long code
        ];
        for code in rows {
            assert_eq!(decoded(code), Err(DecodeError::Huffman), "{code:x?}");
        }
    }
}
