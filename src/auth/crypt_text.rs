//! The text of a digest in the formats of crypt(3): six bits a character, the lowest first, in an order of the bytes that
//! each format has for itself.

/// The characters, by value.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// True if all of a text is of the alphabet.
pub(super) fn is_text(text: &str) -> bool {
    text.bytes().all(|byte| ALPHABET.contains(&byte))
}

/// The text of groups of bytes, each of three or fewer, the highest first.
pub(super) fn of_groups<'a>(groups: impl Iterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for group in groups {
        let mut bits = group.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte));
        for _ in 0..=group.len() {
            text.push(char::from(ALPHABET[(bits & 63) as usize]));
            bits >>= 6;
        }
    }
    text
}
