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
    out.extend_from_slice(&window.to_be_bytes()[8 - held as usize / 8..]);
}

/// Appends the string of a code.
///
/// # Errors
/// The code has the symbol that ends a string, or its end is not the beginning of that symbol in fewer than 8 bits.
pub(super) fn decode(code: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut rest = code;
    // The high `held` bits are those that come next.
    let (mut window, mut held) = (0_u64, 0);
    loop {
        if held < 32 {
            (window, held) = refill(window, held, &mut rest);
        }
        // After the end, there are ones: the padding goes on.
        let next = ((window | u64::MAX >> held) >> 32) as u32;
        let Symbol { symbol, length } = symbol_of(next);
        let length = u32::from(length);
        if length > held {
            break;
        }
        if symbol == END_OF_STRING {
            return Err(DecodeError::Huffman);
        }
        out.push(symbol as u8);
        window <<= length;
        held -= length;
    }
    let is_padding = held <= MAX_PADDING && window | u64::MAX >> held == u64::MAX;
    if is_padding { Ok(()) } else { Err(DecodeError::Huffman) }
}

/// The window after bytes were added while there is room for a whole one. It holds 56 bits at least, or all that are left.
fn refill(mut window: u64, mut held: u32, rest: &mut &[u8]) -> (u64, u32) {
    if let Some(word) = rest.first_chunk() {
        // Bits of a byte that does not fit are the same when it comes again.
        window |= u64::from_be_bytes(*word) >> held;
        let count = (63 - held) / 8;
        *rest = &rest[count as usize..];
        return (window, held + 8 * count);
    }
    while held < 56
        && let Some((&byte, after)) = rest.split_first()
    {
        window |= u64::from(byte) << (56 - held);
        held += 8;
        *rest = after;
    }
    (window, held)
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
