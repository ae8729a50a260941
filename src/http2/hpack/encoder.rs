//! Field blocks of responses (sections 4.2 and 6).
//!
//! What many responses of a connection share is put into the table, and costs one byte afterwards. What differs with
//! each file, and what only its receiver should know, is not: it is a literal each time, and evicts nothing. The last
//! blocks are kept, because many a response is the one before it again.

use super::block_cache::BlockCache;
use super::table::{OVERHEAD, Table};
use super::{MAX_TABLE, huffman, integer, static_table};

/// The part of the table that one entry may fill: a longer field would evict too many others.
const LARGEST_PART: usize = 4;

/// Bytes of a line beside name and value: the table holds lines.
const FRAMING: usize = ": \r\n".len();

/// The index of the name `:status`.
const STATUS: usize = 8;

/// The beginnings of lines that most files have, each with a value of its own, and the indices of the names.
const VARYING: [(&[u8], usize); 3] = [(b"ETag: ", 34), (b"Last-Modified: ", 44), (b"Content-Length: ", 28)];

/// The table of a connection's responses. A new one holds no memory.
#[derive(Debug)]
pub struct Encoder {
    /// Whole lines, in the place of names.
    table: Table,
    insertions: u64,
    /// A byte of the hash of each line in the table, the oldest first.
    tags: Vec<u8>,
    blocks: BlockCache,
    /// The lowest and the last size since the last block.
    new_sizes: Option<(usize, usize)>,
}

impl Default for Encoder {
    fn default() -> Self {
        Encoder::new()
    }
}

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Not at all.
    LeftOut,
    /// As a literal each time.
    Literal,
    /// As a literal that enters the table, if it is not there.
    Indexed,
}

impl Encoder {
    /// An encoder with a table of [`MAX_TABLE`] bytes.
    pub fn new() -> Encoder {
        Encoder {
            table: Table::new(MAX_TABLE, OVERHEAD - FRAMING),
            insertions: 0,
            tags: Vec::new(),
            blocks: BlockCache::default(),
            new_sizes: None,
        }
    }

    /// Takes a SETTINGS_HEADER_TABLE_SIZE of the peer, in bytes. The next block begins with the change (section 4.2).
    pub fn set_max_size(&mut self, size: u32) {
        let size = MAX_TABLE.min(size as usize);
        let lowest = self.new_sizes.map_or(size, |(lowest, _)| lowest.min(size));
        self.new_sizes = Some((lowest, size));
    }

    /// Appends the block of a response: `:status`, three digits, and the fields of lines that
    /// [`Fields::lines`](crate::http::fields::Fields::lines) returned. The fields of the connection that HTTP/2 does
    /// not have are left out (RFC 9113 section 8.2.2).
    pub fn encode(&mut self, status: u16, lines: &[&[u8]], out: &mut Vec<u8>) {
        self.update_size(out);
        if let Some(block) = self.blocks.get(status, lines) {
            out.extend_from_slice(block);
            return;
        }
        let start = out.len();
        let insertions = self.insertions;
        encode_status(status, out);
        let mut expected = 0;
        for lines in lines {
            let mut rest = *lines;
            while !rest.is_empty() {
                rest = self.line(rest, &mut expected, out);
            }
        }
        if self.insertions == insertions {
            self.blocks.insert(status, lines, &out[start..]);
        }
    }

    fn update_size(&mut self, out: &mut Vec<u8>) {
        let Some((lowest, last)) = self.new_sizes.take() else { return };
        for size in [lowest, last] {
            if size != self.table.max_size() {
                integer::encode(out, 0x20, 5, size);
                let evicted = self.table.set_max_size(size);
                self.tags.drain(..evicted);
                self.blocks.clear();
            }
        }
    }

    /// Appends the field of the first line and returns the lines after it.
    ///
    /// Lines mostly come in the order in which they entered the table, with a literal or a newer value here and there.
    /// So the one that is `expected` is tried first, before anything is searched.
    fn line<'a>(&mut self, lines: &'a [u8], expected: &mut usize, out: &mut Vec<u8>) -> &'a [u8] {
        if let Some((line, _)) = self.table.get(*expected)
            && let Some(rest) = lines.strip_prefix(line)
        {
            encode_index(*expected, out);
            *expected = expected.wrapping_sub(1);
            return rest;
        }
        let end = memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1);
        let (line, rest) = lines.split_at(end);
        if let Some((index, value)) = varying(line) {
            literal(0x00, 4, index, b"", value, out);
            return rest;
        }
        let tag = tag(line);
        match self.find(tag, line) {
            Some(number) => {
                encode_index(number, out);
                let is_newer = number < *expected;
                *expected = if is_newer { *expected } else { number }.wrapping_sub(1);
            }
            None => self.other_line(tag, line, out),
        }
        rest
    }

    /// Appends the field of a line that is not in the table.
    fn other_line(&mut self, tag: u8, line: &[u8], out: &mut Vec<u8>) {
        let Some((name, value)) = split(line) else { return };
        let (form, index) = form(name);
        let largest = self.table.max_size() / LARGEST_PART;
        let is_small = name.len() + value.len() + OVERHEAD <= largest;
        match form {
            Form::LeftOut => {}
            Form::Indexed if is_small => {
                literal(0x40, 6, index, name, value, out);
                let evicted = self.table.insert(line, b"");
                self.tags.drain(..evicted);
                self.tags.push(tag);
                self.insertions += 1;
                self.blocks.clear();
            }
            Form::Indexed | Form::Literal => literal(0x00, 4, index, name, value, out),
        }
    }

    /// The number of a line in the table.
    fn find(&self, tag: u8, line: &[u8]) -> Option<usize> {
        let positions = memchr::memchr_iter(tag, &self.tags);
        let mut numbers = positions.map(|position| self.tags.len() - 1 - position);
        numbers.find(|&number| self.table.get(number).is_some_and(|(other, _)| line == other))
    }
}

/// The index of the name and the value of a line that is not searched in the table: one of [`VARYING`].
fn varying(line: &[u8]) -> Option<(usize, &[u8])> {
    VARYING.iter().find_map(|&(name, index)| Some((index, line.strip_prefix(name)?.strip_suffix(b"\r\n")?)))
}

/// Name and value of a line with its end.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = line.split_at(memchr::memchr(b':', line)?);
    Some((name, value.strip_prefix(b": ")?.strip_suffix(b"\r\n")?))
}

/// A byte that seldom is the same for two lines: it spares comparisons.
fn tag(line: &[u8]) -> u8 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // The end of the line is the same for all.
    let text = line.strip_suffix(b"\r\n").unwrap_or(line);
    let first = word(text.first_chunk()).wrapping_mul(MULTIPLIER);
    let mixed = (first ^ word(text.last_chunk()) ^ line.len() as u64).wrapping_mul(MULTIPLIER);
    (mixed >> 56) as u8
}

/// How the field with a name is written, and the index of the name or 0.
fn form(name: &[u8]) -> (Form, usize) {
    let mut buffer = [0; 32];
    // A longer name is not a known one.
    let Some(lower) = buffer.get_mut(..name.len()) else { return (Form::Indexed, 0) };
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let form = match &*lower {
        b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
            Form::LeftOut
        }
        b"age"
        | b"content-digest"
        | b"content-disposition"
        | b"content-length"
        | b"content-location"
        | b"content-range"
        | b"etag"
        | b"expires"
        | b"last-modified"
        | b"location"
        | b"repr-digest"
        | b"set-cookie" => Form::Literal,
        _ => Form::Indexed,
    };
    (form, static_table::index_of(lower))
}

fn encode_status(status: u16, out: &mut Vec<u8>) {
    let index = match status {
        200 => 8,
        204 => 9,
        206 => 10,
        304 => 11,
        400 => 12,
        404 => 13,
        500 => 14,
        _ => {
            let digits = [status / 100 % 10, status / 10 % 10, status % 10].map(|digit| b'0' + digit as u8);
            literal(0x00, 4, STATUS, b"", &digits, out);
            return;
        }
    };
    integer::encode(out, 0x80, 7, index);
}

/// Appends the index of an entry of the dynamic table.
fn encode_index(number: usize, out: &mut Vec<u8>) {
    integer::encode(out, 0x80, 7, static_table::LENGTH + 1 + number);
}

/// Appends a literal (section 6.2). Where the name has no index, it is written in lower case.
fn literal(pattern: u8, prefix: u32, index: usize, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    integer::encode(out, pattern, prefix, index);
    if index == 0 {
        string(name.iter().map(u8::to_ascii_lowercase), name.len(), out);
    }
    string(value.iter().copied(), value.len(), out);
}

/// Appends a string in the shorter form (section 5.2).
fn string(bytes: impl Iterator<Item = u8> + Clone, length: usize, out: &mut Vec<u8>) {
    let coded = huffman::length(bytes.clone());
    if coded < length {
        integer::encode(out, 0x80, 7, coded);
        huffman::encode(bytes, out);
    } else {
        integer::encode(out, 0x00, 7, length);
        out.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Decoder, block_cache};
    use super::*;

    const COMMON: &[u8] = b"Server: Otuserver\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    const FILE: &[u8] =
        b"Content-Type: text/html; charset=utf-8\r\nETag: \"5d8c72a5edda8d6a\"\r\nContent-Length: 5\r\n";

    /// The two ends of a connection.
    struct Ends {
        encoder: Encoder,
        decoder: Decoder,
    }

    impl Ends {
        fn new() -> Ends {
            Ends { encoder: Encoder::new(), decoder: Decoder::new(MAX_TABLE) }
        }

        /// The block of a response, and its fields as `name: value` lines.
        fn send(&mut self, status: u16, lines: &[&[u8]]) -> (Vec<u8>, String) {
            let mut block = Vec::new();
            self.encoder.encode(status, lines, &mut block);
            let mut text = Vec::new();
            let add = |name: &[u8], value: &[u8]| text.extend([name, b": ", value, b"\n"].concat());
            self.decoder.decode(&block, add).unwrap();
            (block, String::from_utf8(text).unwrap())
        }
    }

    #[test]
    fn what_is_shared_costs_one_byte_afterwards() {
        let mut ends = Ends::new();
        let (first, text) = ends.send(200, &[COMMON, FILE]);
        let expected = ":status: 200\nserver: Otuserver\ndate: Sun, 06 Nov 1994 08:49:37 GMT\n\
            content-type: text/html; charset=utf-8\netag: \"5d8c72a5edda8d6a\"\ncontent-length: 5\n";
        assert_eq!(text, expected);
        for _ in 0..3 {
            let (again, text) = ends.send(200, &[COMMON, FILE]);
            assert_eq!(text, expected);
            assert_eq!(again[..4], [0x88, 0xc0, 0xbf, 0xbe]);
            // Two literals: a name of two bytes, a length, and a value.
            assert_eq!(again.len(), 4 + (2 + 1 + 14) + (2 + 1 + 1));
            assert!(again.len() < first.len() / 2);
        }
    }

    #[test]
    fn how_each_field_is_written() {
        // Name and value, the index of the name, and the form.
        let rows = [
            ("Server", Form::Indexed, 54),
            ("CACHE-CONTROL", Form::Indexed, 24),
            ("X-Frame-Options", Form::Indexed, 0),
            ("X-A-Name-That-Is-Longer-Than-All-Known-Ones", Form::Indexed, 0),
            ("ETag", Form::Literal, 34),
            ("Last-Modified", Form::Literal, 44),
            ("Content-Length", Form::Literal, 28),
            ("Content-Range", Form::Literal, 30),
            ("Location", Form::Literal, 46),
            ("Age", Form::Literal, 21),
            ("Set-Cookie", Form::Literal, 55),
            ("Repr-Digest", Form::Literal, 0),
            ("Connection", Form::LeftOut, 0),
            ("Keep-Alive", Form::LeftOut, 0),
            ("Proxy-Connection", Form::LeftOut, 0),
            ("Transfer-Encoding", Form::LeftOut, 0),
            ("Upgrade", Form::LeftOut, 0),
        ];
        for (name, expected, index) in rows {
            assert_eq!(form(name.as_bytes()), (expected, index), "{name}");
            let line = format!("{name}: x\r\n");
            let mut ends = Ends::new();
            let (_, text) = ends.send(200, &[line.as_bytes()]);
            let field = format!(":status: 200\n{}: x\n", name.to_lowercase());
            assert_eq!(text, if expected == Form::LeftOut { ":status: 200\n" } else { &field });
            let is_in_table = ends.encoder.table.size() > 0;
            assert_eq!(is_in_table, expected == Form::Indexed, "{name}");
        }
    }

    #[test]
    fn every_status() {
        for status in 100..600 {
            let (block, text) = Ends::new().send(status, &[]);
            assert_eq!(text, format!(":status: {status}\n"));
            assert_eq!(block.len() == 1, [200, 204, 206, 304, 400, 404, 500].contains(&status));
        }
    }

    #[test]
    fn a_new_date_costs_one_literal() {
        let later = b"Server: Otuserver\r\nDate: Sun, 06 Nov 1994 08:49:38 GMT\r\n";
        let mut ends = Ends::new();
        let (first, of_first) = ends.send(200, &[COMMON, FILE]);
        let (stable, _) = ends.send(200, &[COMMON, FILE]);
        let (changed, text) = ends.send(200, &[later, FILE]);
        assert!(text.contains("\ndate: Sun, 06 Nov 1994 08:49:38 GMT\n"));
        assert!(
            stable.len() < changed.len() && changed.len() < stable.len() + 25 && changed.len() < first.len()
        );
        assert_eq!(ends.send(200, &[later, FILE]).0.len(), stable.len());
        // The block that was kept for the first lines is not the right one any more.
        assert_eq!(ends.send(200, &[COMMON, FILE]).1, of_first);
    }

    #[test]
    fn sizes_that_the_peer_sets() {
        // Sizes between two blocks, and how the second one begins.
        let rows: [(&[u32], &[u8]); 8] = [
            (&[], &[]),
            (&[4096], &[]),
            (&[65536], &[]),
            (&[0], &[0x20]),
            (&[100], &[0x3f, 69]),
            (&[100, 65536], &[0x3f, 69, 0x3f, 0xe1, 0x1f]),
            (&[200, 100, 200], &[0x3f, 69, 0x3f, 0xa9, 0x01]),
            (&[200, 100], &[0x3f, 69]),
        ];
        for (sizes, expected) in rows {
            let mut ends = Ends::new();
            let (_, text) = ends.send(200, &[COMMON, FILE]);
            ends.send(200, &[COMMON, FILE]);
            sizes.iter().for_each(|&size| ends.encoder.set_max_size(size));
            let (block, again) = ends.send(200, &[COMMON, FILE]);
            assert_eq!(again, text, "{sizes:?}");
            assert!(block.starts_with(&[expected, &[0x88]].concat()), "{sizes:?}: {block:x?}");
            let largest = sizes.last().map_or(MAX_TABLE, |&size| MAX_TABLE.min(size as usize));
            assert!(ends.encoder.table.size() <= largest);
            assert_eq!(ends.send(200, &[COMMON, FILE]).1, text, "{sizes:?}");
        }
    }

    #[test]
    fn a_long_field_does_not_enter_the_table() {
        let largest = MAX_TABLE / LARGEST_PART - OVERHEAD - "x".len();
        for (length, is_indexed) in [(0, true), (largest, true), (largest + 1, false), (100_000, false)] {
            let line = format!("X: {}\r\n", "a".repeat(length));
            let mut ends = Ends::new();
            for _ in 0..2 {
                let (_, text) = ends.send(200, &[line.as_bytes()]);
                assert_eq!(text, format!(":status: 200\n{}", line.to_lowercase().replace('\r', "")));
            }
            assert_eq!(ends.encoder.table.size() > 0, is_indexed, "{length}");
        }
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let memory = |encoder: &Encoder| {
            [encoder.table.memory(), encoder.tags.capacity(), encoder.blocks.memory()].iter().sum::<usize>()
        };
        let mut ends = Ends::new();
        assert_eq!(memory(&ends.encoder), 0);
        let mut out = Vec::new();
        for number in 0..20_000 {
            let value = "v".repeat(number * 31 % 1500);
            let line = format!("X-{}: {value}\r\nContent-Type: {}\r\n", number % 300, number / 3);
            out.clear();
            ends.encoder.encode(200, &[COMMON, line.as_bytes()], &mut out);
        }
        // The largest number of entries: those with a name of one byte.
        for number in 0..300 {
            ends.encoder.encode(200, &[format!("A: {number}\r\n").as_bytes()], &mut out);
        }
        assert_eq!(ends.encoder.tags.len(), MAX_TABLE / (OVERHEAD + 4));
        assert!(memory(&ends.encoder) <= MAX_TABLE + 128 * (12 + 1) + block_cache::MAX_MEMORY);
    }

    #[test]
    fn a_line_that_is_none_is_left_out() {
        for line in [&b"no colon\r\n"[..], b"a:b\r\n", b"a: b\n", b"a: b", b"\n", b"\r\n", b":"] {
            assert_eq!(Ends::new().send(200, &[line]).1, ":status: 200\n", "{line:?}");
        }
    }
}
