//! What stands around the parts where several ranges are sent (RFC 9110 sections 14.6 and 15.3.7.2).

use std::ops::Range;

use super::range::ContentRange;

/// What stands around the parts of a `multipart/byteranges` body (RFC 9110 section 14.6).
#[derive(Clone, Debug)]
pub struct Multipart {
    boundary: String,
    media_type: String,
    ranges: Vec<Range<u64>>,
    length: u64,
}

impl Multipart {
    /// Parts of a representation of `length` bytes. The boundary is a token of 1 to 70 bytes
    /// (RFC 2046 section 5.1.1) that nobody can have written into the representation beforehand.
    pub fn new(boundary: &str, media_type: &str, ranges: Vec<Range<u64>>, length: u64) -> Multipart {
        Multipart { boundary: boundary.into(), media_type: media_type.into(), ranges, length }
    }

    /// The value of `Content-Type`.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The value of `Content-Length`: bytes of all heads, all parts and the end.
    pub fn length(&self) -> u64 {
        let heads: usize = self.parts().map(|(head, _)| head.len()).sum();
        let around = (heads + self.end().len()) as u64;
        // No file is so long that this would saturate: its offsets have 63 bits.
        self.ranges.iter().fold(around, |sum, range| sum.saturating_add(range.end - range.start))
    }

    /// The parts in their order: what stands before each, and the range of its bytes.
    pub fn parts(&self) -> impl Iterator<Item = (Vec<u8>, Range<u64>)> {
        self.ranges.iter().enumerate().map(|(index, range)| {
            // The line end before a delimiter belongs to it; the first one needs none.
            let line_end = if index == 0 { "" } else { "\r\n" };
            let head = format!(
                "{line_end}--{}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
                self.boundary,
                self.media_type,
                ContentRange { range, length: self.length }
            );
            (head.into_bytes(), range.clone())
        })
    }

    /// What stands behind the last part.
    pub fn end(&self) -> Vec<u8> {
        format!("\r\n--{}--\r\n", self.boundary).into_bytes()
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
        let expected = "--THIS_STRING_SEPARATES\r\n\
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
