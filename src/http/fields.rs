//! The fields of a response, as data: a list of names and values (RFC 9110 section 5).
//!
//! They are kept as the text that HTTP/1.1 sends, so that what many responses share is rendered once. A protocol
//! that writes fields another way reads them with [`Fields::iter`].

use std::fmt::Display;
use std::io::Write;

use super::date;

/// The product name that every response carries (RFC 9110 section 10.2.4).
pub const SERVER: &str = "Otuserver";

/// Names and values in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// `Server` and `Date`, which all responses of one second share; `now` in seconds since 1970.
    pub fn common(now: u64) -> Fields {
        let mut fields = Fields::default();
        fields.push("Server", SERVER);
        fields.push("Date", date::format(now));
        fields
    }

    /// Adds a field. The value is a field value of ours (RFC 9110 section 5.5): it holds no line end.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        for part in [name.as_ref(), b": ", value.as_ref(), b"\r\n"] {
            self.0.extend_from_slice(part);
        }
    }

    /// Adds a field with the text of a value, such as a number.
    pub fn push_display(&mut self, name: &str, value: impl Display) {
        // Writing to memory cannot fail.
        let _ = write!(self.0, "{name}: {value}\r\n");
    }

    /// Adds the fields of lines that [`Fields::lines`] returned, or of a part of them that ends where a line does.
    pub fn push_lines(&mut self, lines: &[u8]) {
        self.0.extend_from_slice(lines);
    }

    /// The lines of HTTP/1.1 (RFC 9112 section 5), each with its line end.
    pub fn lines(&self) -> &[u8] {
        &self.0
    }

    /// Bytes of the lines so far: the first fields of a list are a part of its lines.
    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// The fields of lines that [`Fields::lines`] returned, or of a part of them that ends where a line does.
    pub fn iter(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
        let lines = memchr::memmem::find_iter(lines, b"\r\n").scan(0, move |start, end| {
            let line = &lines[*start..end];
            *start = end + 2;
            Some(line)
        });
        lines.filter_map(|line| {
            let (name, value) = line.split_at(memchr::memchr(b':', line)?);
            Some((name, value.strip_prefix(b": ")?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_every_response() {
        let expected = b"Server: Otuserver\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        assert_eq!(Fields::common(784_111_777).lines(), expected);
    }

    #[test]
    fn what_was_pushed_comes_out_as_lines_and_as_pairs() {
        let mut fields = Fields::default();
        assert_eq!(Fields::iter(fields.lines()).count(), 0);
        fields.push("ETag", "\"a: b\"");
        let first = fields.length();
        fields.push_display("Content-Length", 5);
        fields.push("X-Empty", "");
        assert_eq!(fields.lines(), b"ETag: \"a: b\"\r\nContent-Length: 5\r\nX-Empty: \r\n");
        let all: [(&[u8], &[u8]); 3] = [(b"ETag", b"\"a: b\""), (b"Content-Length", b"5"), (b"X-Empty", b"")];
        assert_eq!(Fields::iter(fields.lines()).collect::<Vec<_>>(), all);
        assert_eq!(Fields::iter(&fields.lines()[..first]).collect::<Vec<_>>(), all[..1]);
    }
}
