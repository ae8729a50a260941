//! Field blocks of requests (sections 3 and 6).

use super::table::{OVERHEAD, Table};
use super::{huffman, integer, static_table};

/// Bytes of the buffer for decoded strings that are kept from one block to the next.
const KEPT_SCRATCH: usize = 512;

/// The reason why a block is refused. The table is then not that of the peer any more: the connection ends with
/// COMPRESSION_ERROR (RFC 9113 section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The block ends within a field.
    Truncated,
    /// A number has more than 32 bits (section 5.1).
    IntegerTooLarge,
    /// No field has that index (section 2.3.3).
    UnknownIndex,
    /// The table gets larger than what was announced, or not at the start of a block (section 4.2).
    SizeUpdate,
    /// A string is not one of the Huffman code (section 5.2).
    Huffman,
}

/// The table of a connection's requests. A new one holds no memory.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    /// The largest size that an update may set.
    max_size: usize,
    /// Strings of one field that cannot be read where they are.
    scratch: Vec<u8>,
}

impl Decoder {
    /// A decoder with the SETTINGS_HEADER_TABLE_SIZE, in bytes, that the peer was or will be told.
    pub fn new(max_size: usize) -> Decoder {
        Decoder { table: Table::new(max_size, OVERHEAD), max_size, scratch: Vec::new() }
    }

    /// Calls `field` with name and value of each field of a complete block, in their order. Time and memory are bounded
    /// by the length of the block and the size of the table; what a field that is repeated costs is up to `field`.
    ///
    /// # Errors
    /// The block is malformed; some of its fields may have been seen.
    pub fn decode(&mut self, block: &[u8], mut field: impl FnMut(&[u8], &[u8])) -> Result<(), DecodeError> {
        let mut rest = block;
        let mut is_start = true;
        while let Some(&first) = rest.first() {
            match first {
                0x80.. => {
                    let (name, value) = self.get(integer::decode(&mut rest, 7)?)?;
                    field(name, value);
                }
                0x40..0x80 => self.literal(&mut rest, 6, true, &mut field)?,
                0x20..0x40 => {
                    let size = integer::decode(&mut rest, 5)?;
                    if !is_start || size > self.max_size {
                        return Err(DecodeError::SizeUpdate);
                    }
                    self.table.set_max_size(size);
                    continue;
                }
                // Literals that are not indexed, and those that never are.
                0x00..0x20 => self.literal(&mut rest, 4, false, &mut field)?,
            }
            is_start = false;
        }
        if self.scratch.capacity() > KEPT_SCRATCH {
            self.scratch = Vec::new();
        }
        Ok(())
    }

    fn get(&self, index: usize) -> Result<(&[u8], &[u8]), DecodeError> {
        let found = match index.checked_sub(static_table::LENGTH + 1) {
            None => static_table::get(index),
            Some(number) => self.table.get(number),
        };
        found.ok_or(DecodeError::UnknownIndex)
    }

    /// Reads a literal (section 6.2), whose index of the name has `prefix` bits.
    fn literal(
        &mut self,
        rest: &mut &[u8],
        prefix: u32,
        is_indexed: bool,
        field: &mut impl FnMut(&[u8], &[u8]),
    ) -> Result<(), DecodeError> {
        let Decoder { table, scratch, .. } = self;
        scratch.clear();
        let index = integer::decode(rest, prefix)?;
        let plain_name = if index == 0 { string(rest, scratch)? } else { None };
        let name_end = scratch.len();
        let plain_value = string(rest, scratch)?;
        let value_end = scratch.len();
        let name = match index.checked_sub(static_table::LENGTH + 1) {
            Some(number) => {
                let (name, _) = table.get(number).ok_or(DecodeError::UnknownIndex)?;
                // Inserting may evict the entry whose name this is.
                scratch.extend_from_slice(name);
                &scratch[value_end..]
            }
            None if index == 0 => plain_name.unwrap_or(&scratch[..name_end]),
            None => static_table::get(index).ok_or(DecodeError::UnknownIndex)?.0,
        };
        let value = plain_value.unwrap_or(&scratch[name_end..value_end]);
        field(name, value);
        if is_indexed {
            table.insert(name, value);
        }
        Ok(())
    }
}

/// Takes a string off the front of `rest` (section 5.2). Appends it to `scratch` instead where it is coded.
fn string<'a>(rest: &mut &'a [u8], scratch: &mut Vec<u8>) -> Result<Option<&'a [u8]>, DecodeError> {
    let is_coded = rest.first().is_some_and(|first| first & 0x80 != 0);
    let length = integer::decode(rest, 7)?;
    let (string, after) = rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
    *rest = after;
    if !is_coded {
        return Ok(Some(string));
    }
    huffman::decode(string, scratch)?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::appendix_c::{self, EXAMPLES};
    use super::*;

    type Fields = Vec<(String, String)>;

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        let digits: Vec<_> = hexadecimal.chars().filter_map(|letter| letter.to_digit(16)).collect();
        digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
    }

    fn owned(name: &[u8], value: &[u8]) -> (String, String) {
        (name.escape_ascii().to_string(), value.escape_ascii().to_string())
    }

    fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, DecodeError> {
        let mut fields = Vec::new();
        decoder.decode(block, |name, value| fields.push(owned(name, value)))?;
        Ok(fields)
    }

    fn pairs(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn the_examples_of_appendix_c() {
        let mut decoder = Decoder::new(0);
        for example in EXAMPLES {
            let section = example.section;
            if section.starts_with("C.2") || section.ends_with(".1") {
                decoder = Decoder::new(appendix_c::max_size(section));
            }
            let fields = decode(&mut decoder, &bytes(example.block));
            assert_eq!(fields, Ok(pairs(example.fields)), "{section}");
            let entries = (0..).map_while(|number| decoder.table.get(number));
            let table: Fields = entries.map(|(name, value)| owned(name, value)).collect();
            assert_eq!(table, pairs(example.table), "{section}");
            assert_eq!(decoder.table.size(), example.table_size, "{section}");
        }
    }

    /// What the first block of a connection leads to, with a table of 100 bytes.
    #[test]
    fn malformed_blocks() {
        use DecodeError::*;
        let rows = [
            ("80", UnknownIndex),
            ("be", UnknownIndex),
            ("ff0000", UnknownIndex),
            ("ff8080808080", IntegerTooLarge),
            ("7f00 0161", UnknownIndex),
            // The first field is known when the second one asks for it, and the one after it is not.
            ("400161 0162 be bf", UnknownIndex),
            // A size update that is too large, or not at the start.
            ("3f46", SizeUpdate),
            ("82 20", SizeUpdate),
            ("400161 0162 20", SizeUpdate),
            // Cut off.
            ("ff", Truncated),
            ("40", Truncated),
            ("4001", Truncated),
            ("40016101", Truncated),
            ("0f", Truncated),
            ("04", Truncated),
            ("047f", Truncated),
            ("3f", Truncated),
            ("0401", Truncated),
            ("04ff ffffffff7f", IntegerTooLarge),
            ("04ff ffffff0f", Truncated),
            // Padding of eight ones, of a zero, and the symbol that ends a string.
            ("0482 1fff", Huffman),
            ("0481 1e", Huffman),
            ("0481 00", Huffman),
            ("0481 ff", Huffman),
            ("0484 ffffffff", Huffman),
            ("0485 1fffffffff", Huffman),
        ];
        for (block, expected) in rows {
            let found = decode(&mut Decoder::new(100), &bytes(block));
            assert_eq!(found, Err(expected), "{block}");
        }
    }

    #[test]
    fn blocks_at_the_limits() {
        let rows: [(&str, &[(&str, &str)]); 7] = [
            ("", &[]),
            // Size updates only: the largest one, and two of them.
            ("3f45", &[]),
            ("20 3f45", &[]),
            ("0480", &[(":path", "")]),
            ("0481 1f", &[(":path", "a")]),
            // An entry that is larger than the table empties it, and is not an error (section 4.4).
            ("20 400161 0162 82", &[("a", "b"), (":method", "GET")]),
            // The name of an entry that its own insertion evicts.
            ("3f03 400161 0162 7e0163 be", &[("a", "b"), ("a", "c"), ("a", "c")]),
        ];
        for (block, expected) in rows {
            let found = decode(&mut Decoder::new(100), &bytes(block));
            assert_eq!(found, Ok(pairs(expected)), "{block}");
        }
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut decoder = Decoder::new(4096);
        assert_eq!(decoder.table.memory() + decoder.scratch.capacity(), 0);
        for length in (0..4100).rev().step_by(31).chain(0..300) {
            // A plain value that enters the table, a coded one that does not, and the name of the newest entry.
            let mut block = vec![0x40, 1, b'a'];
            integer::encode(&mut block, 0, 7, length);
            block.resize(block.len() + length, b'b');
            block.push(0x04);
            integer::encode(&mut block, 0x80, 7, 5 * length);
            block.resize(block.len() + 5 * length, 0);
            let mut count = 0;
            decoder.decode(&block, |_, value| count += value.len()).unwrap();
            assert_eq!(count, length + 8 * length);
            assert!(decoder.table.memory() <= 4096 + 128 * 12, "{length}");
            assert!(decoder.scratch.capacity() <= KEPT_SCRATCH, "{length}");
        }
    }
}
