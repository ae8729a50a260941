//! The body of a response with several ranges, `multipart/byteranges` (RFC 9110 sections 14.6 and 15.3.7.2):
//! everything in it but the bytes of the ranges.

use std::ops::Range;

use super::range::ContentRange;

/// A `multipart/byteranges` body: for each part a head and a range, and the closing delimiter.
///
/// The heads are rendered once, since their length is needed before they are sent.
#[derive(Clone, Debug)]
pub struct Multipart {
    boundary: String,
    parts: Vec<(String, Range<u64>)>,
    end: String,
}

impl Multipart {
    /// Parts of a representation of `length` bytes. The boundary is a token of 1 to 70 bytes
    /// (RFC 2046 section 5.1.1) that cannot have been written into the representation beforehand.
    pub fn new(boundary: &str, media_type: &str, ranges: Vec<Range<u64>>, length: u64) -> Multipart {
        let part = |range: Range<u64>| {
            let content_range = ContentRange { range: &range, length };
            // A delimiter begins with a line end, the first one too: RFC 9110 section 14.6 allows it, Apache
            // and nginx send it, and zsync drops everything up to the first line end.
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: {content_range}\r\n\r\n"
            );
            (head, range)
        };
        Multipart {
            boundary: boundary.into(),
            parts: ranges.into_iter().map(part).collect(),
            end: format!("\r\n--{boundary}--\r\n"),
        }
    }

    /// The value of `Content-Type`.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The value of `Content-Length`: bytes of all heads, all ranges and the end.
    pub fn length(&self) -> u64 {
        let lengths =
            self.parts.iter().flat_map(|(head, range)| [head.len() as u64, range.end - range.start]);
        // No file is so long that this would saturate: its offsets have 63 bits.
        lengths.fold(self.end.len() as u64, u64::saturating_add)
    }

    /// The parts in their order: the bytes before each, and the range of its own.
    pub fn parts(&self) -> impl Iterator<Item = (&[u8], Range<u64>)> {
        self.parts.iter().map(|(head, range)| (head.as_bytes(), range.clone()))
    }

    /// The bytes after the last part.
    pub fn end(&self) -> &[u8] {
        self.end.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipart_bodies() {
        // RFC 9110 section 14.6
        let file = b"0123456789";
        let multipart = Multipart::new("THIS_STRING_SEPARATES", "text/plain", vec![6..8, 0..2], 10);
        let mut body = Vec::new();
        for (head, range) in multipart.parts() {
            body.extend(head);
            body.extend(&file[range.start as usize..range.end as usize]);
        }
        body.extend(multipart.end());
        let expected = "\r\n\
                        --THIS_STRING_SEPARATES\r\n\
                        Content-Type: text/plain\r\n\
                        Content-Range: bytes 6-7/10\r\n\
                        \r\n\
                        67\r\n\
                        --THIS_STRING_SEPARATES\r\n\
                        Content-Type: text/plain\r\n\
                        Content-Range: bytes 0-1/10\r\n\
                        \r\n\
                        01\r\n\
                        --THIS_STRING_SEPARATES--\r\n";
        assert_eq!(String::from_utf8(body).unwrap(), expected);
        assert_eq!(multipart.length(), expected.len() as u64);
        assert_eq!(multipart.content_type(), "multipart/byteranges; boundary=THIS_STRING_SEPARATES");
    }
}
